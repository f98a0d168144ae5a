//! Payments: what the bank said, where the money went, and the stored decisions.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::invoices::{AllocationRow, allocation_row};
use super::splits::{self, PartRow};
use super::steps_back::{self, ReturnRow, ReversalRow, TombstoneRow};
use super::story::{self, StoryStep};
use super::time::{At, Day};
use super::walk::{self, Sort};
use super::{
    Listed, Page, Privacy, Result, amount, decode, difference, free_of, number, optional_amount,
    park_reason, rows_of,
};
use crate::domain::payment::ParkReason;
pub use crate::store::explanation::{
    AddedView, CandidateView, ExplanationView, PolicyView, SuggestionView,
};
use crate::store::lines;

const SHOW: &str = include_str!("../sql/views_payment_show.sql");
const BANK: &str = include_str!("../sql/views_bank_of_payment.sql");
const ALLOCATIONS: &str = include_str!("../sql/views_allocations_of_payment.sql");
const SUGGESTIONS: &str = include_str!("../sql/views_suggestions_of_payment.sql");
const DECISIONS: &str = include_str!("../sql/views_decisions_of_payment.sql");

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
    #[must_use]
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

#[derive(Debug, Clone, Serialize)]
pub struct PaymentRow {
    pub payment_id: String,
    pub account_id: Option<String>,
    pub currency: String,
    pub amount: String,
    /// The same, to be compared.
    #[serde(skip)]
    pub micros: i64,
    pub unallocated: String,
    pub state: String,
    pub reason: Option<String>,
    /// The earlier payment that this one may be again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
    pub origin: String,
    pub received_on: Day,
    pub recorded_at: At,
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
    pub method: Option<String>,
    pub reference: Option<String>,
    pub remark: Option<String>,
    /// What may settle it later.
    pub watches: Vec<String>,
    /// Whether what each of them names was sent already: it must be sent again.
    #[serde(skip)]
    pub sent: Vec<bool>,
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
    pub amount: String,
    #[serde(rename = "state")]
    pub status: String,
    /// Whether all its invoices still await payment.
    pub payable: bool,
    /// What the person said who confirmed or rejected it.
    pub reason: Option<String>,
    pub resolved_at: Option<At>,
}

#[derive(Debug, Clone, Serialize)]
pub struct BankFacts {
    pub bank_account: String,
    pub bank_key: String,
    pub status: String,
    pub credit_debit: String,
    pub reversal: bool,
    pub currency: String,
    pub amount: String,
    pub charges: Option<String>,
    pub booking_date: Day,
    pub value_date: Option<Day>,
    pub bank_transaction_id: Option<String>,
    pub statement_id: Option<String>,
    pub entry_reference: Option<String>,
    pub end_to_end_id: Option<String>,
    /// Whether names and numbers of the payer are masked here.
    pub masked: bool,
    pub debtor_name: Option<String>,
    pub debtor_account: Option<String>,
    pub virtual_account: Option<String>,
    pub creditor_reference: Option<String>,
    pub unstructured: Vec<String>,
    pub recorded_at: At,
    /// When the bank said that it would come.
    pub announced_at: Option<At>,
}

#[derive(Debug, Clone, Serialize)]
pub struct DecisionView {
    pub decision_id: i64,
    pub payment_id: String,
    pub rule: String,
    pub rule_set_version: i32,
    /// The rule set that was active; 0 is the configuration.
    pub policy_version: i32,
    pub outcome: String,
    pub reason: Option<String>,
    pub explanation: ExplanationView,
    pub caused_by_source: String,
    pub caused_by_id: String,
    pub decided_at: At,
}

/// # Errors
/// What the database says.
pub async fn list(
    pool: &PgPool,
    filter: &PaymentFilter,
    page: &Page,
) -> Result<Listed<PaymentRow>> {
    walk::page(pool, filter, page).await
}

pub(super) fn payment_row(row: &PgRow) -> Result<PaymentRow> {
    Ok(PaymentRow {
        payment_id: row.try_get("payment_id")?,
        account_id: row.try_get("account_id")?,
        currency: row.try_get("currency")?,
        amount: amount(row, "amount")?,
        micros: row.try_get("amount")?,
        unallocated: free_of(row)?,
        state: row.try_get("state")?,
        reason: park_reason(row)?,
        looks_like: row.try_get("looks_like")?,
        origin: row.try_get("origin")?,
        received_on: row.try_get("received_on")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}

/// # Errors
/// What the database says.
pub async fn show(pool: &PgPool, id: &str, privacy: Privacy) -> Result<Option<PaymentView>> {
    let Some(row) = sqlx::query(SHOW).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let bank = rows_of(pool, BANK, id, |row| bank_facts(row, privacy)).await?;
    let allocations = allocations(pool, id).await?;
    let payment = payment_row(&row)?;
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
        method: row.try_get("method")?,
        reference: said(&row, "reference", privacy)?,
        remark: said(&row, "remark", privacy)?,
        watches: watches.iter().map(|watch| privacy.within(watch)).collect(),
        sent: row.try_get("sent")?,
        bank: bank.into_iter().next(),
        allocations,
        reversals: steps_back::of_payment(pool, id).await?,
        returns: steps_back::returns(pool, id).await?,
        taken_off: steps_back::tombstones(pool, id).await?,
        suggestions: rows_of(pool, SUGGESTIONS, id, suggestion_row).await?,
        parts: splits::parts(pool, id).await?,
        story: Vec::new(),
    };
    view.story = story::of(pool, &view, &decisions(pool, id).await?).await?;
    Ok(Some(view))
}

fn suggestion_row(row: &PgRow) -> Result<SuggestionRow> {
    Ok(SuggestionRow {
        suggestion_id: row.try_get("suggestion_id")?,
        account_id: row.try_get("account_id")?,
        currency: row.try_get("currency")?,
        invoices: row.try_get("invoices")?,
        with_payments: row.try_get("with_payments")?,
        amount: amount(row, "amount")?,
        status: row.try_get("status")?,
        payable: row.try_get("payable")?,
        reason: row.try_get("reason")?,
        resolved_at: row.try_get("resolved_at")?,
    })
}

pub(super) async fn allocations(pool: &PgPool, payment_id: &str) -> Result<Vec<AllocationRow>> {
    rows_of(pool, ALLOCATIONS, payment_id, allocation_row).await
}

/// What a person wrote, which may hold the number of a card.
fn said(row: &PgRow, column: &str, privacy: Privacy) -> Result<Option<String>> {
    let text: Option<String> = row.try_get(column)?;
    Ok(text.map(|text| privacy.within(&text)))
}

fn bank_facts(row: &PgRow, privacy: Privacy) -> Result<BankFacts> {
    Ok(BankFacts {
        bank_account: row.try_get("bank_account")?,
        bank_key: row.try_get("bank_key")?,
        status: row.try_get("status")?,
        credit_debit: row.try_get("credit_debit")?,
        reversal: row.try_get("reversal")?,
        currency: row.try_get("currency")?,
        amount: amount(row, "amount")?,
        charges: optional_amount(row, "charges")?,
        booking_date: row.try_get("booking_date")?,
        value_date: row.try_get("value_date")?,
        bank_transaction_id: row.try_get("bank_transaction_id")?,
        statement_id: row.try_get("statement_id")?,
        entry_reference: row.try_get("entry_reference")?,
        end_to_end_id: said(row, "end_to_end_id", privacy)?,
        masked: privacy.is_masked(),
        debtor_name: privacy.optional(row.try_get("debtor_name")?),
        debtor_account: privacy.optional(row.try_get("debtor_account")?),
        virtual_account: privacy.optional(row.try_get("virtual_account")?),
        creditor_reference: row.try_get("creditor_reference")?,
        unstructured: privacy.within_lines(lines::split(row.try_get("unstructured")?)),
        recorded_at: row.try_get("recorded_at")?,
        announced_at: row.try_get("announced_at")?,
    })
}

/// The stored decisions on a payment, oldest first.
///
/// # Errors
/// What the database says.
pub async fn decisions(pool: &PgPool, payment_id: &str) -> Result<Vec<DecisionView>> {
    rows_of(pool, DECISIONS, payment_id, decision).await
}

fn decision(row: &PgRow) -> Result<DecisionView> {
    let stored: String = row.try_get("explanation")?;
    let explanation =
        serde_json::from_str(&stored).map_err(|error| decode("explanation", error))?;
    Ok(DecisionView {
        decision_id: row.try_get("decision_id")?,
        payment_id: row.try_get("payment_id")?,
        rule: row.try_get("rule")?,
        rule_set_version: row.try_get("rule_set_version")?,
        policy_version: row.try_get("policy_version")?,
        outcome: row.try_get("outcome")?,
        reason: park_reason(row)?,
        explanation,
        caused_by_source: row.try_get("caused_by_source")?,
        caused_by_id: row.try_get("caused_by_id")?,
        decided_at: row.try_get("decided_at")?,
    })
}
