//! `find`: what fits the words of a line, best first. Candidates come from indexes, one reading at
//! a time; then each is compared with every word.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::Row;

use super::near::Kind;
use super::readings::Reading;
use super::{Looked, Page, Privacy, Result, accounts, invoices, same_id, walk};
use crate::domain::matching::weak;
use crate::store::PgPool;
use crate::store::sql;

mod fits;
mod held;

use fits::Facts;

const NAMES: &str = sql!("views_find_names");
const PAYER: &str = sql!("views_find_payer");
const BANK_ID: &str = sql!("views_find_bank_id");
const BY_AMOUNT: &str = sql!("views_find_by_amount");
const BY_DAY: &str = sql!("views_find_by_day");
const BY_ACCOUNT: &str = sql!("views_find_by_account");
const INVOICES_BY_AMOUNT: &str = sql!("views_find_invoices_by_amount");
const INVOICES_BY_ACCOUNT: &str = sql!("views_find_invoices_by_account");

/// Words of a line that are read.
pub const WORDS_MAX: usize = 8;
/// Spellings of one id.
const SPELLINGS_MAX: usize = 5;
/// Customers whose payments and invoices are looked at.
const CUSTOMERS_MAX: usize = 20;
/// Payments found by their texts.
const TEXTS_MAX: usize = 500;
/// A word that is searched in texts has so many characters at least; of scripts with signs for
/// whole words two are enough.
const WORD_MIN: usize = 3;
const SIGNS_MIN: usize = 2;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    pub words: Vec<Reading>,
    /// How far texts are looked at; none: the newest.
    pub since: Option<NaiveDate>,
    pub privacy: Privacy,
    pub limit: usize,
}

/// What was found, and how.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    pub words: Vec<WordRead>,
    pub items: Vec<Hit>,
    /// Whether more fit than are shown.
    pub more: usize,
    /// How far back texts of payments were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked: Option<Looked>,
}

#[derive(Debug, Clone, Serialize)]
pub struct WordRead {
    pub word: String,
    pub read_as: Vec<String>,
}

/// One thing that fits.
#[derive(Debug, Clone, Serialize)]
pub struct Hit {
    /// `payment`, `invoice`, `account`, `dead letter`, `waiting command`.
    pub kind: &'static str,
    pub id: String,
    pub account_id: Option<String>,
    pub currency: Option<String>,
    pub amount: Option<String>,
    pub state: String,
    pub on: String,
    /// Whether `what` is masked here.
    pub masked: bool,
    /// Names and texts.
    pub what: Option<String>,
    /// Which word fits by what.
    pub fits: Vec<String>,
    #[serde(skip)]
    rank: (usize, u32),
}

/// Ids that may be meant.
#[derive(Debug, Default)]
struct Candidates {
    payments: BTreeSet<String>,
    invoices: BTreeSet<String>,
    accounts: BTreeSet<String>,
}

pub async fn find(pool: &PgPool, search: &Search) -> Result<Results> {
    let mut candidates = Candidates::default();
    for reading in &search.words {
        by_name(pool, reading, &mut candidates).await?;
    }
    by_value(pool, &search.words, &mut candidates).await?;
    let looked = by_text(pool, search, &mut candidates).await?;
    let mut items = Vec::new();
    let facts = Facts { pool, search };
    items.extend(facts.payments(&candidates.payments).await?);
    items.extend(facts.invoices(&candidates.invoices).await?);
    items.extend(facts.accounts(&candidates.accounts).await?);
    items.extend(held::letters(pool, &search.words).await?);
    items.extend(held::waiting(pool, &search.words).await?);
    // The most words first, then the surest; of equals the newest.
    items.sort_by(|one, other| {
        other.rank.cmp(&one.rank).then_with(|| other.on.cmp(&one.on)).then(one.id.cmp(&other.id))
    });
    let more = items.len().saturating_sub(search.limit);
    items.truncate(search.limit);
    let told = |reading: &Reading| WordRead { word: reading.word.clone(), read_as: reading.told() };
    Ok(Results { words: search.words.iter().map(told).collect(), items, more, looked })
}

/// Whether a word says enough to be looked for in texts.
fn is_long(word: &str) -> bool {
    word.chars().count() >= if word.is_ascii() { WORD_MIN } else { SIGNS_MIN }
}

async fn ids(
    pool: &PgPool,
    sql: &'static str,
    text: &str,
    column: &str,
    into: &mut BTreeSet<String>,
) -> Result<()> {
    for row in sqlx::query(sql).bind(text).fetch_all(pool).await? {
        into.insert(row.try_get(column)?);
    }
    Ok(())
}

/// What the word names: an id in any case, a reference, the bank's id, a payer's account, words of
/// a customer's name.
async fn by_name(pool: &PgPool, reading: &Reading, found: &mut Candidates) -> Result<()> {
    let word = reading.word.as_str();
    if word.contains('\0') {
        return Ok(());
    }
    found.accounts.extend(same_id::of(pool, Kind::Account, word, SPELLINGS_MAX).await?);
    found.payments.extend(same_id::of(pool, Kind::Payment, word, SPELLINGS_MAX).await?);
    found.invoices.extend(same_id::of(pool, Kind::Invoice, word, SPELLINGS_MAX).await?);
    found.invoices.extend(invoices::referred(pool, word).await?);
    ids(pool, BANK_ID, word, "payment_id", &mut found.payments).await?;
    let payer = weak::fold(word);
    if !payer.is_empty() {
        ids(pool, PAYER, &payer, "account_id", &mut found.accounts).await?;
    }
    if !word.chars().any(char::is_alphabetic) || !is_long(word) {
        return Ok(());
    }
    let mut named = BTreeSet::new();
    ids(pool, NAMES, word, "account_id", &mut named).await?;
    if named.is_empty() {
        // A part of a word, or one that is written otherwise.
        let page = Page { after: None, limit: i64::try_from(CUSTOMERS_MAX).unwrap_or(i64::MAX) };
        let listed = accounts::list(pool, Some(word), &page).await?;
        named.extend(listed.items.into_iter().map(|row| row.account_id));
    }
    found.accounts.extend(named);
    Ok(())
}

/// Amounts and days, alone and together with the customers that were named.
async fn by_value(pool: &PgPool, words: &[Reading], found: &mut Candidates) -> Result<()> {
    let amounts: Vec<i64> = words.iter().flat_map(|word| word.amounts.clone()).collect();
    let days: Vec<NaiveDate> = words.iter().flat_map(|word| word.days.clone()).collect();
    let customers: Vec<String> = found.accounts.iter().take(CUSTOMERS_MAX).cloned().collect();
    let some = (!amounts.is_empty()).then_some(&amounts);
    let mut payments = Vec::new();
    let mut billed = Vec::new();
    if !amounts.is_empty() {
        let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(NaiveDate::MIN);
        let newest = sqlx::query(BY_AMOUNT).bind(&amounts).bind(first);
        payments.extend(newest.fetch_all(pool).await?);
        billed.extend(sqlx::query(INVOICES_BY_AMOUNT).bind(&amounts).fetch_all(pool).await?);
    }
    if !days.is_empty() {
        payments.extend(sqlx::query(BY_DAY).bind(&days).bind(some).fetch_all(pool).await?);
    }
    if !customers.is_empty() {
        let theirs = sqlx::query(BY_ACCOUNT).bind(&customers).bind(some);
        payments.extend(theirs.fetch_all(pool).await?);
        let theirs = sqlx::query(INVOICES_BY_ACCOUNT).bind(&customers).bind(some);
        billed.extend(theirs.fetch_all(pool).await?);
    }
    for row in payments {
        found.payments.insert(row.try_get("payment_id")?);
    }
    for row in billed {
        found.invoices.insert(row.try_get("invoice_id")?);
    }
    Ok(())
}

/// Words of texts and payers' names: there is no index of them, so the newest are looked at.
async fn by_text(pool: &PgPool, search: &Search, found: &mut Candidates) -> Result<Option<Looked>> {
    let plain = |word: &&Reading| word.days.is_empty() && is_long(&word.word);
    let words: Vec<&Reading> = search.words.iter().filter(plain).collect();
    if words.is_empty() {
        return Ok(None);
    }
    let (payments, looked) = walk::texts(pool, &words, search.since, TEXTS_MAX).await?;
    found.payments.extend(payments);
    Ok(looked)
}
