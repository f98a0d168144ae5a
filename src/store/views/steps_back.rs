//! What went back: allocations that were reversed, returns of the bank, pairs taken apart.

use serde::Serialize;
use sqlx::FromRow;

use super::time::At;
use super::{Result, amount, rows_of};
use crate::domain::reversal::ReversalKind;
use crate::store::PgPool;
use crate::store::sql;

const OF_PAYMENT: &str = sql!("views_reversals_of_payment");
const OF_INVOICE: &str = sql!("views_reversals_of_invoice");
const RETURNS: &str = sql!("views_returns_of_payment");
const TOMBSTONES: &str = sql!("views_tombstones_of_payment");

row! {
    /// What went back of one allocation in one step.
    #[derive(Debug, Clone, Serialize)]
    pub struct ReversalRow {
        pub reversal_id: i64,
        /// `deallocated`, `removed` or `returned`.
        pub kind: String,
        pub payment_id: String,
        pub invoice_id: String,
        pub account_id: String,
        pub currency: String,
        pub amount: String = amount,
        /// What of it had been spent.
        pub clawed_back: String = amount,
        /// The bank's code of a return; else what the person said.
        pub reason: Option<String>,
        pub return_id: Option<i64>,
        pub reversed_at: At,
    }
}

row! {
    /// What the bank took back of a payment, or gave again.
    #[derive(Debug, Clone, Serialize)]
    pub struct ReturnRow {
        pub return_id: i64,
        /// The payment, or one of its parts.
        pub payment_id: String,
        pub bank_account: String,
        pub bank_key: String,
        /// The return that this one undoes.
        pub undoes: Option<i64>,
        pub currency: String,
        pub amount: String = amount,
        /// What the bank took besides for itself, or gave back of that: the house's.
        pub fee: String = amount,
        /// Of an undone return: what is unallocated again. So are the next two.
        pub unallocated: String = amount,
        pub unspent: String = amount,
        pub clawed_back: String = amount,
        pub reason: Option<String>,
        /// What the person said who pointed the bank's return at it.
        pub said: Option<String>,
        pub returned_at: At,
    }
}

/// An invoice that automatic matching does not put the payment on again.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct TombstoneRow {
    pub invoice_id: String,
    pub laid_at: At,
}

pub(super) async fn of_payment(pool: &PgPool, payment_id: &str) -> Result<Vec<ReversalRow>> {
    rows_of(pool, OF_PAYMENT, payment_id).await
}

pub(super) async fn of_invoice(pool: &PgPool, invoice_id: &str) -> Result<Vec<ReversalRow>> {
    rows_of(pool, OF_INVOICE, invoice_id).await
}

pub(super) async fn returns(pool: &PgPool, payment_id: &str) -> Result<Vec<ReturnRow>> {
    rows_of(pool, RETURNS, payment_id).await
}

pub(super) async fn tombstones(pool: &PgPool, payment_id: &str) -> Result<Vec<TombstoneRow>> {
    rows_of(pool, TOMBSTONES, payment_id).await
}

impl ReversalRow {
    /// Whether the bank took it back, and no person.
    pub(super) fn is_returned(&self) -> bool {
        self.kind == ReversalKind::Returned.word()
    }

    /// The step in the life of the invoice, in words.
    pub fn sentence(&self) -> String {
        let money = format!("{} {} of payment {}", self.amount, self.currency, self.payment_id);
        let what = match ReversalKind::from_word(&self.kind) {
            Some(ReversalKind::Deallocated) => "was taken off it by a person",
            Some(ReversalKind::Removed) => "went with the payment, which a person removed",
            Some(ReversalKind::Returned) => "went back to the bank",
            None => &self.kind,
        };
        let mut more = Vec::new();
        if self.clawed_back.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
            more.push(format!("{} of it had been spent", self.clawed_back));
        }
        more.extend(self.reason.clone());
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        format!("{money} {what}{more}: payment is due again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, clawed_back: &str, reason: Option<&str>) -> ReversalRow {
        ReversalRow {
            reversal_id: 1,
            kind: kind.to_owned(),
            payment_id: "P".to_owned(),
            invoice_id: "I".to_owned(),
            account_id: "A".to_owned(),
            currency: "SGD".to_owned(),
            amount: "5.00".to_owned(),
            clawed_back: clawed_back.to_owned(),
            reason: reason.map(str::to_owned),
            return_id: None,
            reversed_at: At(chrono::DateTime::default()),
        }
    }

    #[test]
    fn a_step_back_says_who_took_what_and_why() {
        let cases = [
            (
                row("deallocated", "0.00", Some("wrong invoice")),
                "5.00 SGD of payment P was taken off it by a person (wrong invoice): \
                 payment is due again",
            ),
            (
                row("removed", "0.00", None),
                "5.00 SGD of payment P went with the payment, which a person removed: \
                 payment is due again",
            ),
            (
                row("returned", "2.00", Some("AC04")),
                "5.00 SGD of payment P went back to the bank (2.00 of it had been spent; AC04): \
                 payment is due again",
            ),
        ];
        for (row, sentence) in cases {
            assert_eq!(row.sentence(), sentence);
        }
    }
}
