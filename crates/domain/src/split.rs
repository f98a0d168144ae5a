//! One payment for several customers: a person shares it out. Each part is a payment of its own;
//! what the parts have is not the payment's any more, and one command takes all of it back.

use super::ids::{AccountId, ContentHash, LedgerTransactionId, PaymentId, ReturnId};
use super::money::{Amount, Money};
use crate::allocation::AllocationPart;

/// How the ids of parts begin; nobody else may give such an id.
pub const PART_PREFIX: &str = "SPLIT:";

/// A command that splits a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPayment {
    pub payment_id: PaymentId,
    /// The payment's; of one without an account that of one of its parts.
    pub account_id: AccountId,
    /// One to fifty parts, no account twice; all are done or none.
    pub parts: Vec<Share>,
    pub reason: Option<String>,
}

/// What one customer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub account_id: AccountId,
    pub amount: Amount,
    /// May be empty: then it is held on the account.
    pub allocations: Vec<AllocationPart>,
}

/// A part as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPart {
    pub part_id: PaymentId,
    pub payment_id: PaymentId,
    /// 1, 2, 3… for each payment, also over several splits.
    pub number: u32,
    pub account_id: AccountId,
    /// Greater than zero.
    pub amount: Money,
    pub reason: Option<String>,
    /// The posting of the part.
    pub ledger_transaction_id: LedgerTransactionId,
}

/// All that was left of a part goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    pub part_id: PaymentId,
    pub payment_id: PaymentId,
    /// Greater than zero.
    pub amount: Money,
    /// The bank's return of the payment that took it; none: a command undid the split.
    pub return_id: Option<ReturnId>,
    pub reason: Option<String>,
    pub ledger_transaction_id: LedgerTransactionId,
}

/// The id of a part: a function of the command's content, which names the payment, and of the
/// part's number among all that the payment ever had.
pub fn part_id(content_hash: &ContentHash, number: u32) -> PaymentId {
    let mut hex = hex::encode(content_hash);
    hex.truncate(32);
    PaymentId::trusted(&format!("{PART_PREFIX}{hex}:{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_parts_have_one_form_and_differ_by_content_and_number() {
        let (one, other) = ([7_u8; 32], [8_u8; 32]);
        let ids =
            [part_id(&one, 1), part_id(&one, 11), part_id(&other, 1), part_id(&one, u32::MAX)];
        for id in &ids {
            assert!(PaymentId::parse(id.as_str()).is_ok(), "{id}");
            assert!(id.as_str().starts_with(PART_PREFIX), "{id}");
        }
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(ids[0].as_str(), "SPLIT:07070707070707070707070707070707:1");
    }
}
