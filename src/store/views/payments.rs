//! Payments: what the bank said, where the money went, and the stored decisions.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::invoices::AllocationRow;
use super::steps_back::{self, ReturnRow, ReversalRow, TombstoneRow};
use super::story::{self, StoryStep};
use super::time::{At, Day};
use super::walk::{self, Sort};
use super::{
    Listed, Page, Privacy, Result, amount, decode, difference, free_of, number, optional_amount,
    park_reason, rows_of,
};
use crate::domain::payment::ParkReason;
use crate::domain::review::SuggestionStatus;
use crate::store::PgPool;
use crate::store::explanation::{self, ExplanationView};
use crate::store::lines;
use crate::store::sql;

const SHOW: &str = sql!("views_payment_show");
const BANK: &str = sql!("views_bank_of_payment");
const ALLOCATIONS: &str = sql!("views_allocations_of_payment");
const SUGGESTIONS: &str = sql!("views_suggestions_of_payment");
const PARTS: &str = sql!("views_parts_of_payment");
const DECISIONS: &str = sql!("views_decisions_of_payment");

#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    pub account: Option<String>,
    pub state: Option<String>,
    pub reason: Option<String>,
    /// In micros, of any currency.
    pub amount: Option<i64>,
    pub currency: Option<String>,
    /// Words of the payer's text, of references and notes.
    pub text: Option<String>,
    /// Words of the payer's name, or the payer's account.
    pub payer: Option<String>,
    /// Received on this day or later.
    pub since: Option<NaiveDate>,
    /// Received on this day or earlier.
    pub until: Option<NaiveDate>,
    /// Decided last by this rule, or something of it lies on an invoice by it.
    pub rule: Option<String>,
    /// None: by id; the newest first where something is looked for.
    pub sort: Option<Sort>,
}

impl PaymentFilter {
    /// Whether one or a few are looked for.
    pub fn is_search(&self) -> bool {
        self.amount.is_some()
            || self.currency.is_some()
            || self.text.is_some()
            || self.payer.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.rule.is_some()
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct PaymentRow {
        pub payment_id: String,
        pub account_id: Option<String>,
        pub currency: String,
        pub amount: String = amount,
        /// The same, to be compared.
        #[serde(skip)]
        pub micros: i64 = |row, _| row.try_get("amount"),
        pub unallocated: String = free_of,
        pub state: String,
        pub reason: Option<String> = park_reason,
        /// The earlier payment that this one may be again.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub looks_like: Option<String>,
        pub origin: String,
        pub received_on: Day,
        pub recorded_at: At,
    }
}

row! {
    /// A part of a payment, as it was made and where it stands now.
    #[derive(Debug, Clone, Serialize)]
    pub struct PartRow {
        pub part_id: String,
        /// The payment that it was split from.
        pub payment_id: String,
        pub part: i32,
        pub account_id: String,
        pub currency: String,
        pub amount: String = amount,
        /// Where the payment stands that the part is.
        pub state: String,
        /// What the person said who split it.
        pub reason: Option<String>,
        pub split_at: At,
        /// When it went back, by a command or with a return of the bank.
        pub undone_at: Option<At>,
        pub return_id: Option<i64>,
        pub undone_reason: Option<String>,
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct PaymentView {
    #[serde(flatten)]
    pub row: PaymentRow,
    pub returned: String,
    pub refunded: String,
    /// What was left of it when it was removed or dismissed: it is in no book any more.
    pub removed: String,
    /// What was given to parts; of a part, what went back to what it was split from.
    pub split: String,
    /// What only a person answers, also while it is on account, split, returned or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What the reason, or the question, means for the person who has to act.
    pub reason_sentence: Option<&'static str>,
    /// Whether what persons and payers wrote is masked here.
    pub masked: bool,
    pub method: Option<String>,
    pub reference: Option<String>,
    pub remark: Option<String>,
    /// What may settle it later.
    pub watches: Vec<String>,
    /// Whether what each of them names was sent already: it must be sent again.
    #[serde(skip)]
    pub sent: Vec<bool>,
    /// Whether a person said whose it is, and no rule: that ends the search for it.
    #[serde(skip)]
    pub assigned: bool,
    pub bank: Option<BankFacts>,
    pub allocations: Vec<AllocationRow>,
    /// What went back of allocations, those that are not live any more too.
    pub reversals: Vec<ReversalRow>,
    pub returns: Vec<ReturnRow>,
    /// Invoices that a person took it off.
    pub taken_off: Vec<TombstoneRow>,
    pub suggestions: Vec<SuggestionRow>,
    /// The parts that it was split into, or of a part the row that says of what.
    pub parts: Vec<PartRow>,
    /// All of it in the order of time.
    pub story: Vec<StoryStep>,
}

row! {
    /// A choice for the payment, and what became of it.
    #[derive(Debug, Clone, Serialize)]
    pub struct SuggestionRow {
        pub suggestion_id: String,
        pub account_id: String,
        pub currency: String,
        /// Taken together.
        pub invoices: Vec<String>,
        /// Other payments that are allocated with it.
        pub with_payments: Vec<String>,
        pub amount: String = amount,
        #[serde(rename = "state")]
        pub status: String,
        /// Whether all its invoices still await payment.
        pub payable: bool,
        /// What the person said who confirmed or rejected it.
        pub reason: Option<String>,
        pub resolved_at: Option<At>,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct BankFacts with (privacy: Privacy) {
        pub bank_account: String,
        pub bank_key: String,
        pub status: String,
        pub credit_debit: String,
        pub reversal: bool,
        pub currency: String,
        pub amount: String = amount,
        pub charges: Option<String> = optional_amount,
        pub booking_date: Day,
        pub value_date: Option<Day>,
        pub bank_transaction_id: Option<String>,
        pub statement_id: Option<String>,
        pub entry_reference: Option<String>,
        pub end_to_end_id: Option<String> = |row, column| {
            let text = said(row, column, privacy)?;
            text.map(|text| privacy.of_payer(&text, row)).transpose()
        },
        /// Whether names and numbers of the payer are masked here.
        pub masked: bool = |_, _| Ok(privacy.is_masked()),
        pub debtor_name: Option<String> = |row, column| privacy.column(row, column),
        pub debtor_account: Option<String> = |row, column| privacy.column(row, column),
        pub virtual_account: Option<String> = |row, column| privacy.column(row, column),
        pub creditor_reference: Option<String> = |row, column| {
            let text: Option<String> = row.try_get(column)?;
            text.map(|text| privacy.of_payer(&text, row)).transpose()
        },
        pub unstructured: Vec<String> = |row, column| {
            let lines = privacy.within_lines(lines::split(row.try_get(column)?));
            lines.iter().map(|line| privacy.of_payer(line, row)).collect()
        },
        pub recorded_at: At,
        /// When the bank said that it would come.
        pub announced_at: Option<At>,
        /// When names, numbers and texts were forgotten.
        pub forgotten_at: Option<At>,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct DecisionView {
        pub decision_id: i64,
        pub payment_id: String,
        pub rule: String,
        pub rule_set_version: i32,
        /// The rule set that was active; 0 is the configuration.
        pub policy_version: i32,
        pub outcome: String,
        pub reason: Option<String> = park_reason,
        pub explanation: ExplanationView = stored,
        pub caused_by_source: String,
        pub caused_by_id: String,
        pub decided_at: At,
    }
}

pub async fn list(
    pool: &PgPool,
    filter: &PaymentFilter,
    page: &Page,
) -> Result<Listed<PaymentRow>> {
    walk::page(pool, filter, page).await
}

pub async fn show(pool: &PgPool, id: &str, privacy: Privacy) -> Result<Option<PaymentView>> {
    let Some(row) = sqlx::query(SHOW).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let bank = sqlx::query(BANK).bind(id).fetch_all(pool).await?;
    let bank = bank.iter().map(|row| BankFacts::of(row, privacy)).collect::<Result<Vec<_>>>()?;
    let allocations = allocations(pool, id).await?;
    let payment = PaymentRow::from_row(&row)?;
    let question: Option<String> = row.try_get("question")?;
    let reason = payment.reason.as_ref().or(question.as_ref());
    let reason = reason.and_then(|code| ParkReason::from_code(code));
    // Words of the payer's text, put together.
    let watches: Vec<String> = row.try_get("watches")?;
    let mut view = PaymentView {
        row: payment,
        returned: amount(&row, "returned")?,
        refunded: amount(&row, "refunded")?,
        removed: match row.try_get("state")? {
            "removed" => {
                difference(&row, "amount", &["allocated", "returned", "refunded", "split"])?
            }
            _ => number(0, &row)?,
        },
        split: amount(&row, "split")?,
        question,
        reason_sentence: reason.map(ParkReason::sentence),
        masked: privacy.is_masked(),
        method: row.try_get("method")?,
        reference: said(&row, "reference", privacy)?,
        remark: said(&row, "remark", privacy)?,
        watches: watches.iter().map(|watch| privacy.within(watch)).collect(),
        sent: row.try_get("sent")?,
        assigned: false,
        bank: bank.into_iter().next(),
        allocations,
        reversals: steps_back::of_payment(pool, id).await?,
        returns: steps_back::returns(pool, id).await?,
        taken_off: steps_back::tombstones(pool, id).await?,
        suggestions: rows_of(pool, SUGGESTIONS, id).await?,
        parts: parts(pool, id).await?,
        story: Vec::new(),
    };
    let decisions = decisions(pool, id).await?;
    view.assigned = decisions.last().is_some_and(|last| is_assigned(&view, last));
    view.story = story::of(pool, &view, &decisions).await?;
    Ok(Some(view))
}

/// Neither the last decision nor a suggestion that was confirmed names its customer.
fn is_assigned(view: &PaymentView, last: &DecisionView) -> bool {
    let Some(account) = &view.row.account_id else { return false };
    let stored = &last.explanation;
    let found = stored.identity.as_ref().is_some_and(|found| found.account_id == *account);
    let confirmed = SuggestionStatus::Confirmed.word();
    let mut said = view.suggestions.iter().filter(|said| said.status == confirmed);
    !found && stored.allocations.is_empty() && !said.any(|said| said.account_id == *account)
}

pub(super) async fn allocations(pool: &PgPool, payment_id: &str) -> Result<Vec<AllocationRow>> {
    rows_of(pool, ALLOCATIONS, payment_id).await
}

/// What a person wrote, which may hold the number of a card.
fn said(row: &PgRow, column: &str, privacy: Privacy) -> Result<Option<String>> {
    let text: Option<String> = row.try_get(column)?;
    Ok(text.map(|text| privacy.within(&text)))
}

/// The stored decisions on a payment, oldest first.
pub async fn decisions(pool: &PgPool, payment_id: &str) -> Result<Vec<DecisionView>> {
    rows_of(pool, DECISIONS, payment_id).await
}

/// The parts of the payment, or of a part the one row that says what it was split from.
async fn parts(pool: &PgPool, payment_id: &str) -> Result<Vec<PartRow>> {
    rows_of(pool, PARTS, payment_id).await
}

fn stored(row: &PgRow, column: &str) -> Result<ExplanationView> {
    let read = explanation::read(row.try_get("form")?, row.try_get(column)?);
    read.map_err(|error| decode(column, error))
}
