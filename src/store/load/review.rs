//! What review reads: whose payments commands speak about, suggestions, and learnt payers.

use sqlx::Row;

use super::Needs;
use crate::domain::ids::{AccountId, DecisionId, InvoiceId, PaymentId, SuggestionId};
use crate::domain::input::Command;
use crate::domain::matching::text;
use crate::domain::money::Money;
use crate::domain::review::{PayerLink, Suggestion, SuggestionStatus};
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::owners::Customers;
use crate::store::{StoreError, Tx, rows, void_candidates};

/// The payments that a batch's review is about.
#[derive(Debug, Default)]
pub(super) struct ReviewNeeds {
    /// A command says whose they are, or takes that back: their payers are learnt or unlearnt.
    learns: std::collections::BTreeSet<String>,
    /// A command names one of their suggestions.
    chosen: std::collections::BTreeSet<String>,
    /// Suggestions that commands confirm: other payments may be part of them.
    confirmed: std::collections::BTreeSet<String>,
    /// Invoices that a person voids as void candidates.
    stale: std::collections::BTreeSet<String>,
}

impl ReviewNeeds {
    pub(super) fn add(&mut self, command: &Command) {
        let payment_id = command.payment_id().map(|id| id.as_str().to_owned());
        match command {
            Command::ConfirmMatch(word) => {
                self.confirmed.insert(word.suggestion_id.as_str().to_owned());
                self.learns.extend(payment_id.clone());
                self.chosen.extend(payment_id);
            }
            Command::RejectMatch(_) => self.chosen.extend(payment_id),
            Command::VoidInvoice { candidate_since: Some(_), invoice_id, .. } => {
                self.stale.insert(invoice_id.as_str().to_owned());
            }
            Command::AssignPayment { .. }
            | Command::AllocatePayment(_)
            | Command::DeallocatePayment { .. }
            | Command::SplitPayment(_)
            | Command::RemovePayment { .. } => self.learns.extend(payment_id),
            Command::UpsertAccount(_)
            | Command::CreateInvoice(_)
            | Command::MarkInvoiceSent { .. }
            | Command::VoidInvoice { candidate_since: None, .. }
            | Command::KeepInvoice { .. }
            | Command::ResolveReturn(_)
            | Command::ReleasePayment(_)
            | Command::CloseAccount { .. }
            | Command::CancelCommand(_)
            | Command::UnsplitPayment { .. }
            | Command::RecordPayment(_) => {}
        }
    }
}

/// Before the accounts are locked: the payers of payments that commands speak about, so that every
/// customer whom such a payer is known to pay for is locked too.
pub(super) async fn debtors(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.review.learns.is_empty() {
        return Ok(());
    }
    others(tx, needs).await?;
    let ids: Vec<&str> = needs.review.learns.iter().map(String::as_str).collect();
    needs.payers.extend(payers_of(tx, &ids, set).await?);
    Ok(())
}

/// Whom the payments come from; returns the payers' accounts.
async fn payers_of(
    tx: &mut Tx<'_>,
    payments: &[&str],
    set: &mut WorkingSet,
) -> Result<Vec<String>, StoreError> {
    let mut payers = Vec::new();
    for row in query!("load_debtors": payments).fetch_all(&mut **tx).await? {
        let own = text::payer_account(row.try_get(1)?);
        let debtor: Option<&str> = row.try_get(2)?;
        let payer = debtor.and_then(text::payer_account).filter(|p| Some(p) != own.as_ref());
        if let Some(payer) = payer {
            payers.push(payer.clone());
            set.review.taught_mut(PaymentId::trusted(row.try_get(0)?)).payer = Some(payer);
        }
    }
    Ok(payers)
}

/// The other payments of suggestions that are confirmed: they are locked, and teach, like the
/// first.
async fn others(tx: &mut Tx<'_>, needs: &mut Needs) -> Result<(), StoreError> {
    if needs.review.confirmed.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = needs.review.confirmed.iter().map(String::as_str).collect();
    let query = query!("load_suggested_payments": ids);
    for row in query.fetch_all(&mut **tx).await? {
        let payment_id: String = row.try_get(0)?;
        needs.review.learns.insert(payment_id.clone());
        needs.payments.insert(payment_id);
    }
    Ok(())
}

/// Under the accounts' locks: those of the void candidates to void for which money may have come.
pub(super) async fn wanted(
    tx: &mut Tx<'_>,
    needs: &Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.review.stale.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = needs.review.stale.iter().map(String::as_str).collect();
    let known = void_candidates::facts(tx, &ids).await?;
    let wanted = known.into_iter().filter(|one| one.wanted);
    set.wanted.extend(wanted.map(|one| one.invoice_id));
    Ok(())
}

/// What was read of payers before the locks is read again under them. Somebody may meanwhile have
/// become a customer of one of them, whose row is not locked: then the batch is tried again.
pub(super) async fn payers_again(
    tx: &mut Tx<'_>,
    needs: &Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.payers.is_empty() {
        return Ok(());
    }
    super::resolve::payers(tx, needs, set).await?;
    let mut owners = set.payers_here().values().flat_map(Customers::all);
    if owners.any(|owner| !set.locked.contains(owner)) {
        return Err(StoreError::Raced("a payer's customers"));
    }
    Ok(())
}

/// Under the payments' locks: their suggestions with what these name, and what they taught.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let decided_again = set.watched_here().keys().cloned();
    let chosen = needs.review.chosen.iter().map(|id| PaymentId::trusted(id));
    let ids: Vec<PaymentId> = decided_again.chain(chosen).collect();
    for suggestion in suggestions(tx, &ids).await? {
        let again = set.watched_here().contains_key(&suggestion.payment_id);
        let open = suggestion.status == SuggestionStatus::Open;
        if needs.review.chosen.contains(suggestion.payment_id.as_str()) || (again && open) {
            let invoices = suggestion.parts.iter().map(|part| part.0.as_str().to_owned());
            needs.invoices.extend(invoices);
        }
        set.review.know_suggestion(suggestion);
    }
    set.ask(ids.into_iter().map(Want::Suggested));
    let ids: Vec<&str> = needs.review.learns.iter().map(String::as_str).collect();
    links(tx, &ids, set).await?;
    set.ask(ids.into_iter().map(|id| Want::Taught(PaymentId::trusted(id))));
    Ok(())
}

/// Loads what was not foreseen of review.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let asked: Vec<PaymentId> = of_kind!(wants, Want::Suggested(id) => id.clone()).collect();
    let taught: Vec<&str> = of_kind!(wants, Want::Taught(id) => id.as_str()).collect();
    for suggestion in suggestions(tx, &asked).await? {
        set.review.know_suggestion(suggestion);
    }
    if !taught.is_empty() {
        payers_of(tx, &taught, set).await?;
    }
    links(tx, &taught, set).await
}

/// The links that rest on what was said of the payments.
async fn links(tx: &mut Tx<'_>, payments: &[&str], set: &mut WorkingSet) -> Result<(), StoreError> {
    if payments.is_empty() {
        return Ok(());
    }
    for row in query!("load_alias_uses": payments).fetch_all(&mut **tx).await? {
        let account_id = AccountId::trusted(row.try_get(2)?);
        let link = PayerLink { payer_account: row.try_get(1)?, account_id };
        set.review.taught_mut(PaymentId::trusted(row.try_get(0)?)).links.insert(link);
    }
    Ok(())
}

/// What was ever suggested for the payments, and for others together with them.
async fn suggestions(
    tx: &mut Tx<'_>,
    payments: &[PaymentId],
) -> Result<Vec<Suggestion>, StoreError> {
    let mut found: Vec<Suggestion> = Vec::new();
    if payments.is_empty() {
        return Ok(found);
    }
    let ids: Vec<&str> = payments.iter().map(PaymentId::as_str).collect();
    for row in query!("load_suggestions": ids).fetch_all(&mut **tx).await? {
        suggested(&row, &mut found)?;
    }
    Ok(found)
}

/// One invoice of one suggestion: all of one follow each other.
fn suggested(row: &sqlx::postgres::PgRow, found: &mut Vec<Suggestion>) -> Result<(), StoreError> {
    let id = SuggestionId::trusted(row.try_get("suggestion_id")?);
    let payment_id = PaymentId::trusted(row.try_get("payment_id")?);
    let invoice_id = InvoiceId::trusted(row.try_get("invoice_id")?);
    let currency = rows::currency(row.try_get("currency")?)?;
    let part = (invoice_id, Money::from_micros(row.try_get("amount")?, currency));
    if let Some(last) = found.last_mut().filter(|last| last.id == id) {
        last.parts.push(part);
        return Ok(());
    }
    let status = SuggestionStatus::from_word(row.try_get("status")?);
    let with: Vec<String> = row.try_get("with_payments")?;
    let amounts: Vec<i64> = row.try_get("with_amounts")?;
    let amounts = amounts.into_iter().map(|amount| Money::from_micros(amount, currency));
    let with = with.into_iter().map(|id| PaymentId::trusted(&id)).zip(amounts).collect();
    found.push(Suggestion {
        id,
        payment_id,
        decision_id: DecisionId(row.try_get("decision_id")?),
        account_id: AccountId::trusted(row.try_get("account_id")?),
        parts: vec![part],
        with,
        status: status.ok_or(StoreError::Unreadable("a suggestion's status"))?,
    });
    Ok(())
}
