//! What is known of each candidate, and which words it fits by what.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Hit, Search};
use crate::domain::matching::{fold, weak};
use crate::store::PgPool;
use crate::store::sql;
use crate::store::views::readings::Reading;
use crate::store::views::search::{Alike, Said, is_account};
use crate::store::views::time::{At, Day};
use crate::store::views::{Result, amount};

const PAYMENTS: &str = sql!("views_find_payments");
const INVOICES: &str = sql!("views_find_invoices");
const ACCOUNTS: &str = sql!("views_find_accounts");

/// By what a word fits, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Id,
    Reference,
    PayerAccount,
    Customer,
    Amount,
    Name,
    CustomerName,
    Unallocated,
    PayerName,
    Day,
    Text,
    PayerEnd,
    Currency,
}

impl Fit {
    fn words(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Reference => "reference",
            Self::PayerAccount => "payer's account",
            Self::Customer => "customer",
            Self::Amount => "amount",
            Self::Name | Self::CustomerName => "customer's name",
            Self::Unallocated => "unallocated",
            Self::PayerName => "payer's name",
            Self::Day => "day",
            Self::Text => "text",
            Self::PayerEnd => "end of the payer's account",
            Self::Currency => "currency",
        }
    }

    fn strength(self) -> u32 {
        match self {
            Self::Id => 9,
            Self::Reference => 8,
            Self::PayerAccount | Self::Customer => 7,
            Self::Amount | Self::Name => 5,
            Self::CustomerName | Self::Unallocated | Self::PayerName | Self::Day => 4,
            Self::Text => 3,
            Self::PayerEnd => 2,
            Self::Currency => 1,
        }
    }
}

/// One field of a thing, and what a word that is in it fits by.
enum Field {
    Id(String),
    Reference(String),
    Account(String),
    Customer(String),
    Amount(Fit, i64),
    Words(Fit, Said),
    Day(chrono::NaiveDate),
    Currency(String),
}

impl Field {
    fn fits(&self, word: &Reading) -> Option<Fit> {
        let same = |text: &str| text.eq_ignore_ascii_case(&word.word);
        match self {
            Self::Id(id) => {
                // The last part is the bank's own.
                let last = id.rsplit(':').next().unwrap_or(id);
                if same(id) || same(last) {
                    return Some(Fit::Id);
                }
                // The digits of a number without its letters.
                let (number, wanted) = (fold::fold(id), fold::fold(&word.word));
                let bare = fold::is_digits(&wanted) && fold::digits(&number) == wanted;
                bare.then_some(Fit::Reference)
            }
            Self::Reference(text) => {
                let folded = fold::fold(&word.word);
                let alike = !folded.is_empty() && fold::fold(text) == folded;
                let solid = weak::fold(&word.word);
                let solid = !solid.is_empty() && weak::fold(text) == solid;
                (alike || solid).then_some(Fit::Reference)
            }
            Self::Account(number) => match is_account(number, &word.word)? {
                Alike::Whole => Some(Fit::PayerAccount),
                Alike::End => Some(Fit::PayerEnd),
            },
            Self::Customer(id) => same(id).then_some(Fit::Customer),
            Self::Amount(fit, micros) => word.amounts.contains(micros).then_some(*fit),
            Self::Words(fit, said) => word.text.is_in(said).then_some(*fit),
            Self::Day(day) => word.days.contains(day).then_some(Fit::Day),
            Self::Currency(code) => (word.currency.as_ref() == Some(code)).then_some(Fit::Currency),
        }
    }
}

/// Words that fit, and how sure that is: how many, and the sum of their strengths.
fn ranked(fields: &[Field], words: &[Reading]) -> Option<(Vec<String>, (usize, u32))> {
    let mut told = Vec::new();
    let mut sum = 0_u32;
    for word in words {
        let fits = fields.iter().filter_map(|field| field.fits(word));
        if let Some(fit) = fits.max_by_key(|fit| fit.strength()) {
            told.push(format!("{}: {}", word.word, fit.words()));
            sum = sum.saturating_add(fit.strength());
        }
    }
    let rank = (told.len(), sum);
    (rank.0 > 0).then_some((told, rank))
}

/// Loads what is known of candidates.
pub(super) struct Facts<'a> {
    pub pool: &'a PgPool,
    pub search: &'a Search,
}

fn text(row: &PgRow, column: &str) -> Result<Option<String>> {
    let text: Option<String> = row.try_get(column)?;
    Ok(text.filter(|text| !text.is_empty()))
}

impl Facts<'_> {
    async fn rows(&self, sql: &'static str, ids: &BTreeSet<String>) -> Result<Vec<PgRow>> {
        let ids: Vec<&String> = ids.iter().collect();
        sqlx::query(sql).bind(ids).fetch_all(self.pool).await
    }

    pub(super) async fn payments(&self, ids: &BTreeSet<String>) -> Result<Vec<Hit>> {
        let mut found = Vec::new();
        for row in &self.rows(PAYMENTS, ids).await? {
            found.extend(self.payment(row)?);
        }
        Ok(found)
    }

    fn payment(&self, row: &PgRow) -> Result<Option<Hit>> {
        let mut fields = money(row)?;
        let id: String = row.try_get("payment_id")?;
        let gone = ["allocated", "returned", "refunded", "split"];
        let mut free: i64 = row.try_get("amount")?;
        for column in gone {
            free = free.saturating_sub(row.try_get(column)?);
        }
        fields.push(Field::Id(id.clone()));
        fields.push(Field::Amount(Fit::Unallocated, free));
        let day: Day = row.try_get("received_on")?;
        fields.push(Field::Day(day.0));
        for column in ["bank_transaction_id", "end_to_end_id", "creditor_reference", "reference"] {
            fields.extend(text(row, column)?.map(Field::Reference));
        }
        fields.extend(text(row, "debtor_account")?.map(Field::Account));
        let payer = text(row, "debtor_name")?;
        let said = text(row, "unstructured")?;
        fields.extend(payer.iter().map(|name| Field::Words(Fit::PayerName, Said::new(name))));
        for column in ["unstructured", "creditor_reference", "end_to_end_id", "reference", "noted"]
        {
            let text = text(row, column)?;
            fields.extend(text.map(|text| Field::Words(Fit::Text, Said::new(&text))));
        }
        let Some((fits, rank)) = ranked(&fields, &self.search.words) else { return Ok(None) };
        let privacy = self.search.privacy;
        let from = payer.map(|name| format!("from {}", privacy.text(&name)));
        let said =
            said.map(|text| privacy.of_payer(&text.replace('\n', " | "), row)).transpose()?;
        let said = said.map(|text| privacy.within(&text));
        let what: Vec<String> = from.into_iter().chain(said).collect();
        Ok(Some(Hit {
            kind: "payment",
            id,
            account_id: row.try_get("account_id")?,
            currency: row.try_get("currency")?,
            amount: Some(amount(row, "amount")?),
            state: row.try_get("state")?,
            on: day.to_string(),
            masked: privacy.is_masked(),
            what: (!what.is_empty()).then(|| what.join(", ")),
            fits,
            rank,
        }))
    }

    pub(super) async fn invoices(&self, ids: &BTreeSet<String>) -> Result<Vec<Hit>> {
        let mut found = Vec::new();
        for row in &self.rows(INVOICES, ids).await? {
            let mut fields = money(row)?;
            let id: String = row.try_get("invoice_id")?;
            fields.push(Field::Id(id.clone()));
            fields.push(Field::Reference(id.clone()));
            fields.extend(text(row, "payment_reference")?.map(Field::Reference));
            let given: Vec<String> = row.try_get("references")?;
            fields.extend(given.into_iter().map(Field::Reference));
            let (whole, paid): (i64, i64) = (row.try_get("amount")?, row.try_get("allocated")?);
            fields.push(Field::Amount(Fit::Unallocated, whole.saturating_sub(paid)));
            let created: At = row.try_get("created_at")?;
            fields.push(Field::Day(created.0.date_naive()));
            let due: Option<Day> = row.try_get("due_date")?;
            fields.extend(due.map(|day| Field::Day(day.0)));
            let title = text(row, "title")?;
            fields.extend(title.iter().map(|name| Field::Words(Fit::Text, Said::new(name))));
            let Some((fits, rank)) = ranked(&fields, &self.search.words) else { continue };
            found.push(Hit {
                kind: "invoice",
                id,
                account_id: row.try_get("account_id")?,
                currency: row.try_get("currency")?,
                amount: Some(amount(row, "amount")?),
                state: row.try_get("status")?,
                on: created.0.date_naive().to_string(),
                masked: false,
                what: title,
                fits,
                rank,
            });
        }
        Ok(found)
    }

    pub(super) async fn accounts(&self, ids: &BTreeSet<String>) -> Result<Vec<Hit>> {
        let mut found = Vec::new();
        for row in &self.rows(ACCOUNTS, ids).await? {
            let id: String = row.try_get("account_id")?;
            let name = text(row, "name")?;
            let mut fields = vec![Field::Id(id.clone())];
            fields.extend(name.iter().map(|name| Field::Words(Fit::Name, Said::new(name))));
            let numbers: Vec<String> = row.try_get("numbers")?;
            fields.extend(numbers.into_iter().map(Field::Account));
            let Some((fits, rank)) = ranked(&fields, &self.search.words) else { continue };
            let closed: Option<At> = row.try_get("closed_at")?;
            let created: At = row.try_get("created_at")?;
            found.push(Hit {
                kind: "account",
                account_id: Some(id.clone()),
                id,
                currency: None,
                amount: None,
                state: if closed.is_some() { "closed" } else { "open" }.to_owned(),
                on: created.0.date_naive().to_string(),
                masked: false,
                what: name,
                fits,
                rank,
            });
        }
        Ok(found)
    }
}

/// What payments and invoices have alike.
fn money(row: &PgRow) -> Result<Vec<Field>> {
    let micros: i64 = row.try_get("amount")?;
    let mut fields =
        vec![Field::Amount(Fit::Amount, micros), Field::Currency(row.try_get("currency")?)];
    fields.extend(text(row, "account_id")?.map(Field::Customer));
    fields.extend(text(row, "name")?.map(|name| Field::Words(Fit::CustomerName, Said::new(&name))));
    Ok(fields)
}
