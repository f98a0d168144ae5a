//! What de-allocations, removals and returns need: the payments that returns mean, what is live of
//! their allocations, the lots of their accounts, the live holds, and how far usage is known.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use foldhash::HashSet;
use sqlx::Row;

use super::{Needs, returns};
use crate::domain::allocation::{Allocation, Rule};
use crate::domain::bank::{BankTransaction, Direction};
use crate::domain::effect::BankKey;
use crate::domain::ids::{
    AccountId, AllocationId, ContentHash, InvoiceId, LedgerTransactionId, PaymentId, ReturnId,
};
use crate::domain::input::{ResolveReturn, ReturnWord};
use crate::domain::money::Money;
use crate::domain::reversal::OriginalKey;
use crate::domain::split::{SplitPayment, part_id};
use crate::domain::usage::Concerns;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, rows};

/// The usage feed whose watermarks prove what is unspent.
#[derive(Debug, Clone)]
pub struct ProofFeed {
    pub group: String,
    pub topic: String,
    /// A watermark beyond this instant proves nothing.
    pub claims_until: DateTime<Utc>,
    /// Reads whose usage a record of the feed may be, whatever is wrong with it.
    pub concerns: fn(&[u8]) -> Concerns,
}

/// So many open records of the feed are looked into; where there are more, nothing is proven.
const OPEN_RECORDS_MAX: i64 = 1_000;

/// What the steps back of a batch name.
#[derive(Debug, Default)]
pub(super) struct StepsBack {
    /// Parked returns that are tried again.
    pub(super) parked: BTreeSet<BankKey>,
    /// All that returns say of what they mean.
    pub(super) keys: BTreeSet<OriginalKey>,
    /// Bank account and id, with currency and micros for the details of an entry of that id; bank
    /// account and end-to-end id.
    pub(super) ids: BTreeSet<(String, String, String, i64)>,
    pub(super) end_to_end: BTreeSet<(String, String)>,
    /// Bank account, payer, currency, micros.
    pub(super) payers: BTreeSet<(String, String, String, i64)>,
    /// Bank account and id of what is undone, or the end-to-end id of what was returned.
    pub(super) undone: BTreeSet<(String, String)>,
    pub(super) undone_end_to_end: BTreeSet<(String, String)>,
    /// Payments of which something may go back, and those of them that a return means.
    pub(super) payments: BTreeSet<String>,
    pub(super) found: BTreeSet<String>,
    /// Payments that a person says a return takes, and those that get money back by one that is
    /// undone.
    pub(super) resolved: BTreeSet<String>,
    pub(super) given: BTreeSet<String>,
    /// Payments of which it is wanted what they may be told again of.
    pub(super) twins: BTreeSet<String>,
    /// Accounts that a command is about: what they hold counts.
    commanded: BTreeSet<String>,
    /// Payments that are split, with the hash of the command and the number of parts.
    shares: Vec<(PaymentId, ContentHash, usize)>,
}

impl StepsBack {
    pub(super) fn add_command(&mut self, payment_id: &PaymentId, account_id: &AccountId) {
        self.payments.insert(payment_id.as_str().to_owned());
        self.commanded.insert(account_id.as_str().to_owned());
    }

    /// How many parts a payment gets, and what their ids are made of.
    pub(super) fn add_shares(&mut self, split: &SplitPayment, hash: ContentHash) {
        self.shares.push((split.payment_id.clone(), hash, split.parts.len()));
    }

    /// A payment of which money is paid out, or that is said to be nobody's: it may have parts.
    pub(super) fn add_release(&mut self, payment_id: &PaymentId) {
        self.payments.insert(payment_id.as_str().to_owned());
    }

    pub(super) fn add_resolved(&mut self, command: &ResolveReturn) {
        self.parked.insert(command.key.clone());
        if let ReturnWord::Take { payments, .. } = &command.word {
            self.resolved.extend(payments.iter().map(|(id, _)| id.as_str().to_owned()));
        }
    }

    pub(super) fn add_bank(&mut self, bank: &BankTransaction) {
        if !bank.is_booked_step_back() {
            return;
        }
        let undoes = bank.direction() == Direction::BouncedRefund;
        for key in bank.original_keys() {
            match &key {
                OriginalKey::BankId { bank_account, id } if undoes => {
                    self.undone.insert((bank_account.clone(), id.clone()));
                }
                OriginalKey::EndToEnd { bank_account, id } if undoes => {
                    self.undone_end_to_end.insert((bank_account.clone(), id.clone()));
                }
                OriginalKey::BankId { .. }
                | OriginalKey::EndToEnd { .. }
                | OriginalKey::Detail { .. }
                | OriginalKey::Undone { .. }
                | OriginalKey::Payer { .. } => {}
            }
            self.add_key(key);
        }
    }

    /// What is looked up by it: the id itself, its details and what was undone under it by one
    /// look.
    fn add_key(&mut self, key: OriginalKey) {
        match &key {
            // Found by one look with a detail of it, which every return asks for.
            OriginalKey::BankId { .. } => {}
            OriginalKey::Undone { bank_account, id, amount }
            | OriginalKey::Detail { bank_account, id, amount } => {
                let micros = amount.to_micros().unwrap_or_default();
                let (own, id) = (bank_account.clone(), id.clone());
                self.ids.insert((own, id, amount.code().to_owned(), micros));
            }
            OriginalKey::EndToEnd { bank_account, id } => {
                self.end_to_end.insert((bank_account.clone(), id.clone()));
            }
            OriginalKey::Payer { bank_account, payer, amount } => {
                if let Ok(micros) = amount.to_micros() {
                    let (own, payer) = (bank_account.clone(), payer.clone());
                    self.payers.insert((own, payer, amount.code().to_owned(), micros));
                }
            }
        }
        self.keys.insert(key);
    }

    /// What deciding wants and was not foreseen.
    pub(super) fn of(wants: &[Want]) -> Self {
        let mut steps = Self {
            payments: of_kind!(wants, Want::Whole(id) => id.as_str().to_owned()).collect(),
            twins: of_kind!(wants, Want::ToldTwice(id) => id.as_str().to_owned()).collect(),
            given: of_kind!(wants, Want::ReturnsOf(id) => id.as_str().to_owned()).collect(),
            undone: of_kind!(wants, Want::Returned(own, id) => (own.clone(), id.clone())).collect(),
            parked: of_kind!(wants, Want::Parked(key) => key.clone()).collect(),
            ..Self::default()
        };
        for key in of_kind!(wants, Want::Original(key) => key) {
            if let OriginalKey::BankId { bank_account, id } = key {
                steps.ids.insert((bank_account.clone(), id.clone(), String::new(), 0));
            }
            steps.add_key(key.clone());
        }
        steps
    }
}

impl StepsBack {
    /// The ids of the parts that this batch may make, if another split of it comes first too.
    fn new_parts(&self, set: &WorkingSet) -> Vec<PaymentId> {
        let mut ids = Vec::new();
        for (payment_id, hash, _) in &self.shares {
            let first = set.parts_here(payment_id).saturating_add(1);
            let of_it = self.shares.iter().filter(|share| share.0 == *payment_id);
            let last = of_it.fold(first, |last, share| last.saturating_add(share.2));
            let numbers = (first..last).filter_map(|number| u32::try_from(number).ok());
            ids.extend(numbers.map(|number| part_id(hash, number)));
        }
        ids
    }
}

pub(super) fn columns(pairs: &BTreeSet<(String, String)>) -> (Vec<&str>, Vec<&str>) {
    pairs.iter().map(|(own, word)| (own.as_str(), word.as_str())).unzip()
}

pub(super) fn key_columns(keys: &BTreeSet<BankKey>) -> (Vec<&str>, Vec<&str>) {
    keys.iter().map(|key| (key.bank_account.as_str(), key.key.as_str())).unzip()
}

/// Finds, without locks, the payments that returns mean; returns the accounts they belong to now.
pub(super) async fn resolve(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<BTreeSet<String>, StoreError> {
    let mut owners = BTreeSet::new();
    returns::parked(tx, needs, set).await?;
    returns::originals(tx, needs, set, &mut owners).await?;
    resolved(tx, needs, &mut owners).await?;
    returns::applied(tx, needs, set, &mut owners).await?;
    parts(tx, needs, set, &mut owners).await?;
    let steps = &needs.steps_back;
    needs.payments.extend(steps.payments.iter().cloned());
    if !steps.commanded.is_empty() {
        set.usage.complete_through = match &needs.proof {
            None => Some(DateTime::<Utc>::MAX_UTC),
            Some(feed) => proof_in_tx(tx, feed, &mut set.usage.unproven).await?,
        };
    }
    needs.usage.accounts.extend(owners.iter().cloned());
    needs.usage.accounts.extend(steps.commanded.iter().cloned());
    Ok(owners)
}

/// Up to when usage is known, and for which accounts it is not: those of what is open. What does
/// not say whose it is may be anybody's.
async fn proof_in_tx(
    tx: &mut Tx<'_>,
    feed: &ProofFeed,
    unproven: &mut HashSet<AccountId>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let query = scalar!("usage_proof": &feed.group, &feed.topic);
    let known = query.bind(feed.claims_until).fetch_one(&mut **tx).await?;
    let query = scalar!("usage_open_records": &feed.topic);
    let open: Vec<Option<Vec<u8>>> =
        query.bind(OPEN_RECORDS_MAX.saturating_add(1)).fetch_all(&mut **tx).await?;
    if i64::try_from(open.len()).unwrap_or(i64::MAX) > OPEN_RECORDS_MAX {
        return Ok(None);
    }
    for value in open {
        match (feed.concerns)(value.as_deref().unwrap_or_default()) {
            Concerns::Nobody => {}
            Concerns::One(account_id) => {
                unproven.insert(AccountId::trusted(&account_id));
            }
            Concerns::All => return Ok(None),
        }
    }
    Ok(known)
}

/// Whose the payments are that a person names.
async fn resolved(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let steps = &mut needs.steps_back;
    if steps.resolved.is_empty() {
        return Ok(());
    }
    // Also one that this batch records: all that is live of it will be here.
    steps.payments.extend(steps.resolved.iter().cloned());
    let resolved = std::mem::take(&mut steps.resolved);
    owners_of(tx, &resolved, steps, owners).await?;
    steps.resolved = resolved;
    Ok(())
}

async fn owners_of(
    tx: &mut Tx<'_>,
    payments: &BTreeSet<String>,
    steps: &mut StepsBack,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = payments.iter().map(String::as_str).collect();
    let rows = query!("load_payment_owners": ids).fetch_all(&mut **tx).await?;
    for row in rows {
        let payment_id: &str = row.try_get(0)?;
        steps.found.insert(payment_id.to_owned());
        owners.extend(row.try_get::<Option<String>, _>(1)?);
    }
    Ok(())
}

/// Finds, without locks, the payments that deciding wants or that the wanted returns mean, and
/// whose they are.
pub(super) async fn late(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<BTreeSet<String>, StoreError> {
    let mut owners = BTreeSet::new();
    returns::parked(tx, needs, set).await?;
    returns::originals(tx, needs, set, &mut owners).await?;
    returns::applied(tx, needs, set, &mut owners).await?;
    needs.payments.extend(needs.steps_back.payments.iter().cloned());
    if needs.payments.is_empty() {
        return Ok(owners);
    }
    owners_of(tx, &needs.payments, &mut needs.steps_back, &mut owners).await?;
    parts(tx, needs, set, &mut owners).await?;
    needs.payments.extend(needs.steps_back.payments.iter().cloned());
    set.usage.keeps_lots |= !needs.steps_back.payments.is_empty();
    Ok(owners)
}

/// The parts of payments that are split: they go back with the payment.
async fn parts(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let steps = &mut needs.steps_back;
    if steps.payments.is_empty() {
        return Ok(());
    }
    for (payment_id, part_id, account_id) in all_parts(tx, &steps.payments).await? {
        steps.found.insert(part_id.as_str().to_owned());
        steps.payments.insert(part_id.as_str().to_owned());
        owners.insert(account_id.clone());
        if !steps.commanded.is_empty() {
            steps.commanded.insert(account_id);
        }
        set.know_part(payment_id, part_id);
    }
    super::payments::taken(tx, steps.new_parts(set), set).await
}

async fn all_parts(
    tx: &mut Tx<'_>,
    payments: &BTreeSet<String>,
) -> Result<Vec<(PaymentId, PaymentId, String)>, StoreError> {
    let ids: Vec<&str> = payments.iter().map(String::as_str).collect();
    let mut all = Vec::new();
    for row in query!("load_parts": ids).fetch_all(&mut **tx).await? {
        let (payment_id, part_id) = (row.try_get(0)?, row.try_get(1)?);
        let ids = (PaymentId::trusted(payment_id), PaymentId::trusted(part_id));
        all.push((ids.0, ids.1, row.try_get(2)?));
    }
    Ok(all)
}

/// What is live of the allocations of payments that may go back, read under the locks.
///
/// # Errors
/// [`StoreError::Raced`] when a payment was given to an account, or split, since it was found.
pub(super) async fn allocations(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.steps_back.payments.is_empty() {
        return Ok(());
    }
    for id in &needs.steps_back.payments {
        let payment_id = PaymentId::trusted(id);
        let known = set.payments_here().get(&payment_id);
        let owner = known.and_then(|payment| payment.account_id.as_ref());
        let unlocked = owner.is_some_and(|owner| !set.locked.contains(owner));
        // A command that names somebody else's payment is refused.
        if unlocked && needs.steps_back.found.contains(id) {
            return Err(StoreError::Raced("a payment's owner"));
        }
        // Of one that this batch records itself, all that is live will be here.
        set.ask([Want::Whole(payment_id.clone())]);
        set.reversible.insert(payment_id);
    }
    let ids = needs.steps_back.payments.iter().map(|id| PaymentId::trusted(id));
    let known: usize = ids.map(|id| set.parts_here(&id)).sum();
    if all_parts(tx, &needs.steps_back.payments).await?.len() != known {
        return Err(StoreError::Raced("the parts of a payment"));
    }
    let ids: Vec<&str> = needs.steps_back.payments.iter().map(String::as_str).collect();
    for row in query!("load_allocations": ids).fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get("currency")?)?;
        let money = |micros: i64| Money::from_micros(micros, currency);
        let invoice_id: &str = row.try_get("invoice_id")?;
        let rule: &str = row.try_get("rule")?;
        let amount = money(row.try_get("amount")?);
        let restores: Option<i64> = row.try_get("restores")?;
        needs.invoices.insert(invoice_id.to_owned());
        let allocation = Allocation {
            id: AllocationId(row.try_get("allocation_id")?),
            payment_id: PaymentId::trusted(row.try_get("payment_id")?),
            invoice_id: InvoiceId::trusted(invoice_id),
            account_id: AccountId::trusted(row.try_get("account_id")?),
            amount,
            rule: Rule::from_word(rule).ok_or(StoreError::Unreadable("a rule"))?,
            ledger_transaction_id: LedgerTransactionId(row.try_get("ledger_transaction_id")?),
            lot_remaining: amount,
            reversed: money(row.try_get("reversed")?),
            restores: restores.map(ReturnId),
        };
        set.allocations.insert(allocation.id, allocation);
    }
    Ok(())
}

/// The lots of those allocations, spent or not, and what the accounts of commands hold.
pub(super) async fn lots(
    tx: &mut Tx<'_>,
    needs: &Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let theirs = |link: &&Allocation| needs.steps_back.payments.contains(link.payment_id.as_str());
    let ids = set.allocations.values().filter(theirs).map(|link| link.id.0).collect();
    super::lots::by_id(tx, ids, set).await?;
    let commanded = needs.steps_back.commanded.iter();
    let commanded: Vec<AccountId> = commanded.map(|id| AccountId::trusted(id)).collect();
    super::usage::set_aside(tx, &commanded, set).await
}
