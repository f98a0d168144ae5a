//! Double-entry postings: one function per business fact. Credits are positive, debits are
//! negative; a customer's balance is a liability and rises with credits.

use super::ids::{AccountId, LedgerTransactionId, PaymentId};
use super::money::{Money, MoneyError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerAccount {
    BankClearing,
    UnallocatedCash,
    CustomerBalance(AccountId),
    UsageRevenue,
    /// What a customer spent of money that the bank took back.
    ClawBackReceivable,
    /// From a payment that is split to its parts, and back: it sums to zero.
    SplitClearing,
    /// What banks took for themselves.
    Fees,
}

impl LedgerAccount {
    pub fn word(&self) -> &'static str {
        match self {
            Self::BankClearing => "bank_clearing",
            Self::UnallocatedCash => "unallocated_cash",
            Self::CustomerBalance(_) => "customer_balance",
            Self::UsageRevenue => "usage_revenue",
            Self::ClawBackReceivable => "claw_back_receivable",
            Self::SplitClearing => "split_clearing",
            Self::Fees => "fees",
        }
    }

    /// The account of such a word; a balance has its customer. None of a later version's.
    pub fn of(word: &str, account_id: Option<&str>) -> Option<Self> {
        match (word, account_id) {
            ("bank_clearing", None) => Some(Self::BankClearing),
            ("unallocated_cash", None) => Some(Self::UnallocatedCash),
            ("customer_balance", Some(id)) => Some(Self::CustomerBalance(AccountId::trusted(id))),
            ("usage_revenue", None) => Some(Self::UsageRevenue),
            ("claw_back_receivable", None) => Some(Self::ClawBackReceivable),
            ("split_clearing", None) => Some(Self::SplitClearing),
            ("fees", None) => Some(Self::Fees),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerKind {
    /// Money came in and nothing was allocated.
    PaymentReceived,
    /// Money came in and was allocated in the same step.
    PaymentProvisioned,
    /// Money that had come in before was allocated.
    Provisioned,
    /// All that one batch charged one account.
    UsageCharged,
    /// All that one batch gave back to one account.
    UsageRefunded,
    /// A payment was taken off an invoice.
    Deallocated,
    /// A payment was taken off all invoices and closed.
    PaymentRemoved,
    /// Money that was not allocated was paid back.
    PaymentRefunded,
    /// A payment was no customer's money.
    PaymentDismissed,
    /// The bank took a payment back.
    PaymentReturned,
    /// What had been spent of it is taken from the balance.
    ClawBack,
    /// The bank undid a return.
    ReturnUndone,
    /// Unallocated money went from a payment to its part; one for each of the two.
    PaymentSplit,
    /// A part went back to the payment it was split from.
    SplitUndone,
}

impl LedgerKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::PaymentReceived => "payment_received",
            Self::PaymentProvisioned => "payment_provisioned",
            Self::Provisioned => "provisioned",
            Self::UsageCharged => "usage_charged",
            Self::UsageRefunded => "usage_refunded",
            Self::Deallocated => "deallocated",
            Self::PaymentRemoved => "payment_removed",
            Self::PaymentRefunded => "payment_refunded",
            Self::PaymentDismissed => "payment_dismissed",
            Self::PaymentReturned => "payment_returned",
            Self::ClawBack => "claw_back",
            Self::ReturnUndone => "return_undone",
            Self::PaymentSplit => "payment_split",
            Self::SplitUndone => "split_undone",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    pub account: LedgerAccount,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTransaction {
    pub id: LedgerTransactionId,
    pub kind: LedgerKind,
    /// None for usage: its entries name the account, its charges the transaction.
    pub payment_id: Option<PaymentId>,
    /// What a person said by whose word the money left the books.
    pub said: Option<String>,
    pub entries: Vec<LedgerEntry>,
}

impl LedgerTransaction {
    /// A payment of `received` came in; `provisioned` are the parts that were allocated at once.
    ///
    /// # Errors
    /// [`MoneyError`] when the parts exceed the payment or mix currencies.
    pub fn receive(
        id: LedgerTransactionId,
        payment_id: PaymentId,
        received: Money,
        provisioned: &[(AccountId, Money)],
    ) -> Result<Self, MoneyError> {
        let mut entries =
            vec![LedgerEntry { account: LedgerAccount::BankClearing, amount: received.negated() }];
        let mut rest = received;
        for (account_id, amount) in provisioned {
            rest = rest.sub(*amount)?;
            entries.push(LedgerEntry {
                account: LedgerAccount::CustomerBalance(account_id.clone()),
                amount: *amount,
            });
        }
        if rest.is_negative() {
            return Err(MoneyError::Overflow);
        }
        if !rest.is_zero() {
            entries.push(LedgerEntry { account: LedgerAccount::UnallocatedCash, amount: rest });
        }
        let kind = if provisioned.is_empty() {
            LedgerKind::PaymentReceived
        } else {
            LedgerKind::PaymentProvisioned
        };
        Ok(Self { id, kind, payment_id: Some(payment_id), said: None, entries })
    }

    /// Money that lay unallocated is provisioned.
    ///
    /// # Errors
    /// [`MoneyError`] when the parts mix currencies.
    pub fn provision(
        id: LedgerTransactionId,
        payment_id: PaymentId,
        parts: &[(AccountId, Money)],
    ) -> Result<Self, MoneyError> {
        let mut entries = Vec::with_capacity(parts.len().saturating_add(1));
        let mut total: Option<Money> = None;
        for (account_id, amount) in parts {
            total = Some(match total {
                Some(total) => total.add(*amount)?,
                None => *amount,
            });
            entries.push(LedgerEntry {
                account: LedgerAccount::CustomerBalance(account_id.clone()),
                amount: *amount,
            });
        }
        if let Some(total) = total {
            entries.insert(
                0,
                LedgerEntry { account: LedgerAccount::UnallocatedCash, amount: total.negated() },
            );
        }
        Ok(Self {
            id,
            kind: LedgerKind::Provisioned,
            payment_id: Some(payment_id),
            said: None,
            entries,
        })
    }

    /// A balance paid for usage, or got it back.
    pub fn usage(
        id: LedgerTransactionId,
        kind: LedgerKind,
        account_id: AccountId,
        to_balance: Money,
    ) -> Self {
        let entries = vec![
            LedgerEntry { account: LedgerAccount::CustomerBalance(account_id), amount: to_balance },
            LedgerEntry { account: LedgerAccount::UsageRevenue, amount: to_balance.negated() },
        ];
        Self { id, kind, payment_id: None, said: None, entries }
    }

    /// A step back of `payment_id`; entries of zero are left out.
    pub fn step_back(
        id: LedgerTransactionId,
        kind: LedgerKind,
        payment_id: PaymentId,
        entries: Vec<(LedgerAccount, Money)>,
    ) -> Self {
        let moved = entries.into_iter().filter(|(_, amount)| !amount.is_zero());
        let entries = moved.map(|(account, amount)| LedgerEntry { account, amount }).collect();
        Self { id, kind, payment_id: Some(payment_id), said: None, entries }
    }

    /// The same with what a person said.
    pub fn saying(self, said: Option<String>) -> Self {
        Self { said, ..self }
    }

    /// Whether the entries sum to zero; the database checks the same at commit.
    pub fn is_balanced(&self) -> bool {
        let mut entries = self.entries.iter();
        let Some(first) = entries.next() else {
            return false;
        };
        let sum = entries.try_fold(first.amount, |sum, entry| sum.add(entry.amount));
        matches!(sum, Ok(sum) if sum.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    #[test]
    fn each_account_is_found_by_its_word() {
        let id = AccountId::trusted("ACC-1");
        for account in [
            LedgerAccount::BankClearing,
            LedgerAccount::UnallocatedCash,
            LedgerAccount::UsageRevenue,
            LedgerAccount::ClawBackReceivable,
            LedgerAccount::SplitClearing,
            LedgerAccount::Fees,
        ] {
            assert_eq!(LedgerAccount::of(account.word(), None), Some(account.clone()));
            assert_eq!(LedgerAccount::of(account.word(), Some("ACC-1")), None);
        }
        let balance = LedgerAccount::CustomerBalance(id);
        assert_eq!(LedgerAccount::of(balance.word(), Some("ACC-1")), Some(balance.clone()));
        assert_eq!(LedgerAccount::of(balance.word(), None), None);
        assert_eq!(LedgerAccount::of("of a later version", None), None);
    }

    #[test]
    fn postings_balance() {
        let sgd = Currency::parse("SGD").expect("SGD");
        let hundred = Money::parse("100.00", sgd).expect("amount");
        let forty = Money::parse("40.00", sgd).expect("amount");
        let account = AccountId::trusted("ACC-1");
        let payment = PaymentId::trusted("PAY-1");
        let id = LedgerTransactionId(1);
        let cases = [
            LedgerTransaction::receive(id, payment.clone(), hundred, &[]),
            LedgerTransaction::receive(id, payment.clone(), hundred, &[(account.clone(), forty)]),
            LedgerTransaction::receive(id, payment.clone(), hundred, &[(account.clone(), hundred)]),
            LedgerTransaction::provision(id, payment.clone(), &[(account.clone(), forty)]),
        ];
        let spent = forty.negated();
        let usage = LedgerTransaction::usage(id, LedgerKind::UsageCharged, account.clone(), spent);
        assert!(usage.is_balanced());
        for case in cases {
            assert!(case.expect("posts").is_balanced());
        }
        let over = [(account.clone(), hundred), (account, forty)];
        assert!(LedgerTransaction::receive(id, payment, hundred, &over).is_err());
    }
}
