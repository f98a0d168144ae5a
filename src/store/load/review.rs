//! What review reads: whose payments commands speak about, suggestions, and learnt payers.

use sqlx::Row;

use super::Needs;
use crate::domain::ids::{AccountId, DecisionId, InvoiceId, PaymentId, SuggestionId};
use crate::domain::input::Command;
use crate::domain::matching::text;
use crate::domain::money::Money;
use crate::domain::review::{PayerLink, Suggestion, SuggestionStatus};
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::owners::Customers;
use crate::store::{StoreError, Tx, rows, sql, void_candidates};

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
    for row in sqlx::query(sql!("load_debtors")).bind(ids).fetch_all(&mut **tx).await? {
        let own = text::payer_account(row.try_get(1)?);
        let payer = text::payer_account(row.try_get(2)?).filter(|p| Some(p) != own.as_ref());
        if let Some(payer) = payer {
            needs.payers.insert(payer.clone());
            set.review.debtors.insert(PaymentId::trusted(row.try_get(0)?), payer);
        }
    }
    Ok(())
}

/// The other payments of suggestions that are confirmed: they are locked, and teach, like the
/// first.
async fn others(tx: &mut Tx<'_>, needs: &mut Needs) -> Result<(), StoreError> {
    if needs.review.confirmed.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = needs.review.confirmed.iter().map(String::as_str).collect();
    let query = sqlx::query(sql!("load_suggested_payments")).bind(ids);
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
    let decided_again = set.watched.keys().map(PaymentId::as_str);
    let mut ids: Vec<&str> = needs.review.chosen.iter().map(String::as_str).collect();
    ids.extend(decided_again);
    if !ids.is_empty() {
        let rows = sqlx::query(sql!("load_suggestions")).bind(ids).fetch_all(&mut **tx).await?;
        for row in rows {
            let (payment_id, invoice_id) = suggested(&row, set)?;
            let again = set.watched.contains_key(&PaymentId::trusted(&payment_id));
            let open = row.try_get::<&str, _>("status")? == SuggestionStatus::Open.word();
            if needs.review.chosen.contains(&payment_id) || (again && open) {
                needs.invoices.insert(invoice_id);
            }
        }
    }
    if needs.review.learns.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = needs.review.learns.iter().map(String::as_str).collect();
    for row in sqlx::query(sql!("load_alias_uses")).bind(ids).fetch_all(&mut **tx).await? {
        let account_id = AccountId::trusted(row.try_get(2)?);
        let link = PayerLink { payer_account: row.try_get(1)?, account_id };
        let uses = set.review.uses.entry(PaymentId::trusted(row.try_get(0)?)).or_default();
        uses.insert(link);
    }
    Ok(())
}

/// One invoice of one suggestion; returns the ids of the payment and the invoice.
fn suggested(
    row: &sqlx::postgres::PgRow,
    set: &mut WorkingSet,
) -> Result<(String, String), StoreError> {
    let id = SuggestionId::trusted(row.try_get("suggestion_id")?);
    let payment_id = PaymentId::trusted(row.try_get("payment_id")?);
    let invoice_id = InvoiceId::trusted(row.try_get("invoice_id")?);
    let currency = rows::currency(row.try_get("currency")?)?;
    let part = (invoice_id.clone(), Money::from_micros(row.try_get("amount")?, currency));
    let ids = (payment_id.as_str().to_owned(), invoice_id.as_str().to_owned());
    let known = set.review.suggestions.entry(payment_id.clone()).or_default();
    if let Some(last) = known.last_mut().filter(|last| last.id == id) {
        last.parts.push(part);
        return Ok(ids);
    }
    let status = SuggestionStatus::from_word(row.try_get("status")?);
    let with: Vec<String> = row.try_get("with_payments")?;
    let amounts: Vec<i64> = row.try_get("with_amounts")?;
    let amounts = amounts.into_iter().map(|amount| Money::from_micros(amount, currency));
    let with = with.into_iter().map(|id| PaymentId::trusted(&id)).zip(amounts).collect();
    known.push(Suggestion {
        id,
        payment_id,
        decision_id: DecisionId(row.try_get("decision_id")?),
        account_id: AccountId::trusted(row.try_get("account_id")?),
        parts: vec![part],
        with,
        status: status.ok_or(StoreError::Unreadable("a suggestion's status"))?,
    });
    Ok(ids)
}
