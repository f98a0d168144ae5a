//! Remittance advices: those that a batch brings, those that may be about its payments, and the
//! payments that those may be about which it brings.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::Needs;
use crate::domain::advice::{
    Advice, AdviceKey, AdviceLine, AdviceState, AdvisedMoney, DAYS_BY_REFERENCE, LineName, Marks,
    RemittanceAdvice,
};
use crate::domain::bank::{BankTransaction, Direction};
use crate::domain::ids::{
    AdviceId, BankAccountId, InvoiceId, MessageId, PaymentId, RecordId, Source,
};
use crate::domain::money::{Currency, Money};
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, rows};

/// So many payments of its amount are looked at when an advice comes; it waits for the others, and
/// the rematch job finds it.
const PAYMENTS_MAX: i64 = 512;
/// And so many that have paid something already: the newest.
const PLACED_MAX: i64 = 64;

/// What a batch has to do with advices.
#[derive(Debug, Default)]
pub(super) struct AdviceNeeds {
    /// Advices that came, as they were told.
    told: Vec<RemittanceAdvice>,
    /// Payments that may belong to an advice already.
    payments: BTreeSet<String>,
    /// What picks out payments of the batch: bank account, money, mark, whether that is a payer.
    marks: BTreeSet<(String, String, i64, String, bool)>,
    loaded: bool,
    /// Payments that are looked up only if an advice waits.
    banked: Vec<BankTransaction>,
}

impl AdviceNeeds {
    pub(super) fn add(&mut self, told: &RemittanceAdvice) {
        self.told.push(told.clone());
    }

    fn mark(&mut self, bank: &BankTransaction, set: &mut WorkingSet) {
        let Ok(micros) = bank.amount.to_micros() else { return };
        let (marks, currency) = (Marks::of(bank), bank.amount.currency());
        self.add_marks(&bank.bank_account, currency, micros, &marks);
        set.ask([Want::Fitting(bank.bank_account.clone(), currency, micros, marks)]);
    }

    fn add_marks(
        &mut self,
        bank_account: &BankAccountId,
        currency: Currency,
        micros: i64,
        marks: &Marks,
    ) {
        let mut add = |key: &String, payer| {
            let (account, code) = (bank_account.as_str().to_owned(), currency.code().to_owned());
            self.marks.insert((account, code, micros, key.clone(), payer));
        };
        marks.references.iter().for_each(|key| add(key, false));
        marks.payer.iter().for_each(|key| add(key, true));
    }
}

/// Loads what the batch's payments and advices have to do with each other, and adds what the lines
/// name to `needs`. Returns the accounts of payments that are decided again. `waiting`: whether an
/// advice waits for what the batch books.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    (waiting, at): (bool, DateTime<Utc>),
    set: &mut WorkingSet,
) -> Result<BTreeSet<String>, StoreError> {
    let money: Vec<AdvisedMoney> =
        needs.advices.told.iter().filter_map(RemittanceAdvice::money).collect();
    let owners = advised_payments(tx, needs, &money, set, Some(at)).await?;
    let quiet = !waiting && needs.advices.told.is_empty();
    for bank in std::mem::take(&mut needs.advices.banked) {
        if quiet {
            set.advices.know_quiet(bank.bank_account);
        } else {
            needs.advices.mark(&bank, set);
        }
    }
    for told in std::mem::take(&mut needs.advices.told) {
        lines(needs, &told);
        needs.advices.told.push(told);
    }
    again(tx, needs, set).await?;
    Ok(owners)
}

/// Loads the advices of payments that are decided again, as `set` has them by now.
pub(super) async fn again(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let watched: Vec<(PaymentId, BankTransaction)> = set
        .watched_here()
        .iter()
        .map(|(payment_id, record)| (payment_id.clone(), record.transaction.clone()))
        .collect();
    let mut new = !needs.advices.loaded;
    for (payment_id, bank) in watched {
        if needs.advices.payments.insert(payment_id.as_str().to_owned()) {
            needs.advices.mark(&bank, set);
            set.ask([Want::AdviceOf(payment_id)]);
            new = true;
        }
    }
    needs.advices.loaded = true;
    let asked = &needs.advices;
    let none = asked.told.is_empty() && asked.payments.is_empty() && asked.marks.is_empty();
    if none || !new {
        return Ok(());
    }
    let keys: Vec<AdviceKey> = asked.told.iter().map(|told| told.key.clone()).collect();
    let words = asked.told.iter().map(|told| (told.key.bank_account.clone(), told.words()));
    let words: Vec<_> = words.collect();
    for advice in find(tx, asked, &keys, &words).await? {
        lines(needs, &advice.told);
        set.advices.insert(advice);
    }
    set.ask(keys.into_iter().map(Want::Advice));
    set.ask(words.into_iter().map(|(place, words)| Want::Twins(place, words)));
    Ok(())
}

/// Loads what was not foreseen of advices.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
    at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let mut asked = AdviceNeeds {
        payments: of_kind!(wants, Want::AdviceOf(id) => id.as_str().to_owned()).collect(),
        ..AdviceNeeds::default()
    };
    let fitting = of_kind!(wants, Want::Fitting(at, of, due, marks) => (at, *of, *due, marks));
    fitting.for_each(|(at, of, due, marks)| asked.add_marks(at, of, due, marks));
    let keys: Vec<AdviceKey> = of_kind!(wants, Want::Advice(key) => key.clone()).collect();
    let words: Vec<_> =
        of_kind!(wants, Want::Twins(at, said) => (at.clone(), said.clone())).collect();
    let money: Vec<AdvisedMoney> = of_kind!(wants, Want::Advised(of) => of.clone()).collect();
    advised_payments(tx, &mut Needs::default(), &money, set, at).await?;
    let none = keys.is_empty() && words.is_empty();
    if none && asked.payments.is_empty() && asked.marks.is_empty() {
        return Ok(());
    }
    for advice in find(tx, &asked, &keys, &words).await? {
        set.advices.insert(advice);
    }
    Ok(())
}

/// The advices of these keys, those of payments and marks, and the newest that say these words.
async fn find(
    tx: &mut Tx<'_>,
    asked: &AdviceNeeds,
    keys: &[AdviceKey],
    words: &[(BankAccountId, String)],
) -> Result<Vec<Advice>, StoreError> {
    let query = query!("load_advices":
        keys.iter().map(|key| key.bank_account.as_str()).collect::<Vec<_>>(),
        keys.iter().map(|key| key.advice_id.as_str()).collect::<Vec<_>>(),
        asked.payments.iter().map(String::as_str).collect::<Vec<_>>(),
        asked.marks.iter().map(|mark| mark.0.as_str()).collect::<Vec<_>>(),
        asked.marks.iter().map(|mark| mark.1.as_str()).collect::<Vec<_>>(),
        asked.marks.iter().map(|mark| mark.2).collect::<Vec<_>>(),
        asked.marks.iter().map(|mark| mark.3.as_str()).collect::<Vec<_>>(),
        asked.marks.iter().map(|mark| mark.4).collect::<Vec<_>>(),
        words.iter().map(|of| of.0.as_str()).collect::<Vec<_>>(),
        words.iter().map(|of| of.1.as_str()).collect::<Vec<_>>());
    query.fetch_all(&mut **tx).await?.iter().map(advice).collect()
}

/// The payments that advices of this money may be about. What their texts name is looked up too.
async fn advised_payments(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    money: &[AdvisedMoney],
    set: &mut WorkingSet,
    at: Option<DateTime<Utc>>,
) -> Result<BTreeSet<String>, StoreError> {
    let mut owners = BTreeSet::new();
    if money.is_empty() {
        return Ok(owners);
    }
    let query = query!("load_advised":
        money.iter().map(|of| of.bank_account.as_str()).collect::<Vec<_>>(),
        money.iter().map(|of| of.currency.code()).collect::<Vec<_>>(),
        money.iter().map(|of| of.micros).collect::<Vec<_>>(), PAYMENTS_MAX);
    let mut found = query.fetch_all(&mut **tx).await?;
    found.extend(matched(tx, money).await?);
    found.extend(placed(tx, money, at).await?);
    for row in found {
        let record = rows::bank_record(&row)?;
        let marks = Marks::of(&record.transaction);
        let named = money.iter().any(|of| of.has(&marks));
        let Some(payment_id) = record.payment_id.clone().filter(|_| named) else { continue };
        owners.extend(row.try_get::<Option<String>, _>("owner")?);
        needs.payments.insert(payment_id.as_str().to_owned());
        let tokens = crate::domain::matching::text::tokens(&record.transaction);
        needs.add_bank(&record.transaction, &tokens);
        set.ask([Want::BankRecord(payment_id.clone())]);
        set.know_watched(payment_id, record);
    }
    set.ask(money.iter().cloned().map(Want::Advised));
    Ok(owners)
}

/// Payments of their money that pay something of what the advices name already.
async fn matched(tx: &mut Tx<'_>, money: &[AdvisedMoney]) -> Result<Vec<PgRow>, StoreError> {
    let lines: Vec<(&AdvisedMoney, &LineName)> =
        money.iter().flat_map(|of| of.lines.iter().map(move |line| (of, line))).collect();
    let id = |line: &LineName| match line {
        LineName::Invoice(id) => Some(id.as_str().to_owned()),
        LineName::Reference(_) => None,
    };
    let number = |line: &LineName| match line {
        LineName::Invoice(_) => None,
        LineName::Reference(_) => Some(line.number_key()),
    };
    let query = query!("load_advised_matched":
        lines.iter().map(|(of, _)| of.bank_account.as_str()).collect::<Vec<_>>(),
        lines.iter().map(|(of, _)| of.currency.code()).collect::<Vec<_>>(),
        lines.iter().map(|(of, _)| of.micros).collect::<Vec<_>>(),
        lines.iter().map(|(_, line)| id(line)).collect::<Vec<_>>(),
        lines.iter().map(|(_, line)| number(line)).collect::<Vec<_>>(),
        lines.iter().map(|(_, line)| line.reference_key()).collect::<Vec<_>>());
    Ok(query.fetch_all(&mut **tx).await?)
}

/// Payments of their money that came lately and have nothing, or not all, to give any more.
async fn placed(
    tx: &mut Tx<'_>,
    money: &[AdvisedMoney],
    at: Option<DateTime<Utc>>,
) -> Result<Vec<PgRow>, StoreError> {
    let since = at.and_then(|at| at.date_naive().checked_sub_days(Days::new(DAYS_BY_REFERENCE)));
    let query = query!("load_advised_placed":
        money.iter().map(|of| of.bank_account.as_str()).collect::<Vec<_>>(),
        money.iter().map(|of| of.currency.code()).collect::<Vec<_>>(),
        money.iter().map(|of| of.micros).collect::<Vec<_>>(), since, PLACED_MAX);
    Ok(query.fetch_all(&mut **tx).await?)
}

/// What the lines name is looked up, and awaited if it is not known.
fn lines(needs: &mut Needs, told: &RemittanceAdvice) {
    for line in &told.lines {
        needs.references.extend(line.name.reference_key());
        let number = line.name.number_key();
        if !number.is_empty() {
            needs.awaited.insert(number.clone());
            needs.numbers.insert(number);
        }
    }
}

fn advice(row: &PgRow) -> Result<Advice, StoreError> {
    let currency = rows::currency(row.try_get("currency")?)?;
    let state: &str = row.try_get("state")?;
    let hash: &[u8] = row.try_get("content_hash")?;
    let used_by: Option<&str> = row.try_get("used_by_payment")?;
    let told = RemittanceAdvice {
        key: AdviceKey {
            bank_account: BankAccountId::trusted(row.try_get("bank_account")?),
            advice_id: AdviceId::trusted(row.try_get("advice_id")?),
        },
        payer_account: row.try_get("payer_account")?,
        payment_reference: row.try_get("payment_reference")?,
        amount: Money::from_micros(row.try_get("amount")?, currency),
        lines: advice_lines(row)?,
    };
    Ok(Advice {
        told,
        content_hash: hash.try_into().map_err(|_| StoreError::Corrupt("an advice's hash"))?,
        state: AdviceState::from_word(state).ok_or(StoreError::Unreadable("a state"))?,
        used_by: used_by.map(PaymentId::trusted),
        end: None,
        cause: RecordId {
            source: Source::trusted(row.try_get("source")?),
            id: MessageId::trusted(row.try_get("message_id")?),
        },
        received_at: row.try_get("received_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

fn advice_lines(row: &PgRow) -> Result<Vec<AdviceLine>, StoreError> {
    let currency = rows::currency(row.try_get("currency")?)?;
    let ids: Vec<Option<String>> = row.try_get("invoice_ids")?;
    let references: Vec<Option<String>> = row.try_get("line_references")?;
    let amounts: Vec<i64> = row.try_get("amounts")?;
    let names = ids.into_iter().zip(references);
    names
        .zip(amounts)
        .map(|((id, reference), amount)| {
            let id = id.map(|id| LineName::Invoice(InvoiceId::trusted(&id)));
            let name = id.or_else(|| reference.map(LineName::Reference));
            let name = name.ok_or(StoreError::Corrupt("a line of an advice"))?;
            Ok(AdviceLine { name, amount: Money::from_micros(amount, currency) })
        })
        .collect()
}

impl Needs {
    /// A payment that the batch brings.
    pub(super) fn add_advised(&mut self, bank: &BankTransaction) {
        if bank.direction() == Direction::Payment && bank.amount.is_positive() {
            self.advices.banked.push(bank.clone());
        }
    }
}
