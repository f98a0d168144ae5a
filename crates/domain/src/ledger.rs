//! Double-entry postings: one function per business fact. What is posted are transfers from one
//! ledger account to another, so that nothing can be out of balance. A customer's balance is a
//! liability: credits raise it.

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

    /// Whose balance it is.
    pub fn owner(&self) -> Option<&AccountId> {
        match self {
            Self::CustomerBalance(account_id) => Some(account_id),
            Self::BankClearing
            | Self::UnallocatedCash
            | Self::UsageRevenue
            | Self::ClawBackReceivable
            | Self::SplitClearing
            | Self::Fees => None,
        }
    }
}

/// Why something cannot be posted: a bug, never a business refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostingError {
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("it moves no amount above zero from one ledger account to another")]
    MovesNothing,
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

/// One amount, above zero, that is taken from one ledger account and given to another. It is
/// balanced by what it is; only a [`LedgerTransaction`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: Money,
}

impl Transfer {
    /// Whose sum becomes less.
    pub fn debit(&self) -> &LedgerAccount {
        &self.debit
    }

    /// Whose sum becomes more.
    pub fn credit(&self) -> &LedgerAccount {
        &self.credit
    }

    pub fn amount(&self) -> &Money {
        &self.amount
    }
}

/// What one business fact posts: one transfer or more, its legs, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTransaction {
    pub id: LedgerTransactionId,
    pub kind: LedgerKind,
    /// None for usage: its transfer names the account, its charges the transaction.
    pub payment_id: Option<PaymentId>,
    /// What a person said by whose word the money left the books.
    pub said: Option<String>,
    legs: Vec<Transfer>,
}

impl LedgerTransaction {
    /// Transfers of nothing are left out.
    fn new(
        id: LedgerTransactionId,
        kind: LedgerKind,
        payment_id: Option<PaymentId>,
        transfers: impl IntoIterator<Item = Transfer>,
    ) -> Result<Self, PostingError> {
        let moved = transfers.into_iter().filter(|transfer| !transfer.amount.is_zero());
        let legs: Vec<Transfer> = moved.collect();
        let first = legs.first().ok_or(PostingError::MovesNothing)?;
        for leg in &legs {
            if !leg.amount.is_positive() || leg.debit.word() == leg.credit.word() {
                return Err(PostingError::MovesNothing);
            }
            if leg.amount.currency() != first.amount.currency() {
                return Err(MoneyError::CurrencyMismatch.into());
            }
        }
        Ok(Self { id, kind, payment_id, said: None, legs })
    }

    /// A payment of `received` came in; `provisioned` are the parts that were allocated at once.
    ///
    /// # Errors
    /// [`PostingError`] when the parts exceed the payment or mix currencies.
    pub fn receive(
        id: LedgerTransactionId,
        payment_id: PaymentId,
        received: Money,
        provisioned: &[(AccountId, Money)],
    ) -> Result<Self, PostingError> {
        let mut rest = received;
        let mut into = Vec::with_capacity(provisioned.len().saturating_add(1));
        for (account_id, amount) in provisioned {
            rest = rest.sub(*amount)?;
            into.push((LedgerAccount::CustomerBalance(account_id.clone()), *amount));
        }
        into.push((LedgerAccount::UnallocatedCash, rest));
        let kind = if provisioned.is_empty() {
            LedgerKind::PaymentReceived
        } else {
            LedgerKind::PaymentProvisioned
        };
        Self::spread(id, kind, payment_id, LedgerAccount::BankClearing, into)
    }

    /// Money that lay unallocated is provisioned.
    ///
    /// # Errors
    /// [`PostingError`] when the parts mix currencies, or there are none.
    pub fn provision(
        id: LedgerTransactionId,
        payment_id: PaymentId,
        parts: &[(AccountId, Money)],
    ) -> Result<Self, PostingError> {
        let balance = |account_id: &AccountId| LedgerAccount::CustomerBalance(account_id.clone());
        let into = parts.iter().map(|(account_id, amount)| (balance(account_id), *amount));
        let into = into.collect();
        Self::spread(id, LedgerKind::Provisioned, payment_id, LedgerAccount::UnallocatedCash, into)
    }

    /// A balance paid for usage, or got it back.
    ///
    /// # Errors
    /// [`PostingError`] when that is nothing.
    pub fn usage(
        id: LedgerTransactionId,
        kind: LedgerKind,
        account_id: AccountId,
        to_balance: Money,
    ) -> Result<Self, PostingError> {
        let (balance, revenue) =
            (LedgerAccount::CustomerBalance(account_id), LedgerAccount::UsageRevenue);
        let transfer = if to_balance.is_negative() {
            Transfer { debit: balance, credit: revenue, amount: to_balance.negated() }
        } else {
            Transfer { debit: revenue, credit: balance, amount: to_balance }
        };
        Self::new(id, kind, None, [transfer])
    }

    /// Money of `payment_id` goes from one ledger account to others.
    ///
    /// # Errors
    /// [`PostingError`] when a part is below zero, parts mix currencies, or nothing moves.
    pub fn spread(
        id: LedgerTransactionId,
        kind: LedgerKind,
        payment_id: PaymentId,
        from: LedgerAccount,
        into: Vec<(LedgerAccount, Money)>,
    ) -> Result<Self, PostingError> {
        let transfers = into.into_iter().map(|(credit, amount)| {
            let debit = from.clone();
            Transfer { debit, credit, amount }
        });
        Self::new(id, kind, Some(payment_id), transfers)
    }

    /// Money of `payment_id` goes from several ledger accounts to one.
    ///
    /// # Errors
    /// [`PostingError`] when a part is below zero, parts mix currencies, or nothing moves.
    pub fn collect(
        id: LedgerTransactionId,
        kind: LedgerKind,
        payment_id: PaymentId,
        into: LedgerAccount,
        from: Vec<(LedgerAccount, Money)>,
    ) -> Result<Self, PostingError> {
        let transfers = from.into_iter().map(|(debit, amount)| {
            let credit = into.clone();
            Transfer { debit, credit, amount }
        });
        Self::new(id, kind, Some(payment_id), transfers)
    }

    /// The same with what a person said.
    pub fn saying(self, said: Option<String>) -> Self {
        Self { said, ..self }
    }

    pub fn legs(&self) -> &[Transfer] {
        &self.legs
    }

    /// What all legs move together.
    ///
    /// # Errors
    /// [`PostingError`] when that is too much to be kept.
    pub fn total(&self) -> Result<Money, PostingError> {
        let mut amounts = self.legs.iter().map(|leg| leg.amount);
        let first = amounts.next().ok_or(PostingError::MovesNothing)?;
        Ok(amounts.try_fold(first, Money::add)?)
    }

    /// Both sides of each leg: credits are positive, debits negative.
    pub fn entries(&self) -> impl Iterator<Item = (&LedgerAccount, Money)> {
        self.legs
            .iter()
            .flat_map(|leg| [(&leg.debit, leg.amount.negated()), (&leg.credit, leg.amount)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn sgd(text: &str) -> Money {
        Money::parse(text, Currency::parse("SGD").expect("SGD")).expect("an amount")
    }

    /// Where money went, as `from > to amount`.
    fn moves(posted: &LedgerTransaction) -> Vec<String> {
        let legs = posted.legs().iter();
        let told = legs.map(|leg| {
            let amount = leg.amount().to_micros().expect("small") / 1_000_000;
            format!("{} > {} {amount}", leg.debit().word(), leg.credit().word())
        });
        told.collect()
    }

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
    fn a_payment_goes_to_balances_and_the_rest_to_unallocated_cash() {
        let (account, payment) = (AccountId::trusted("ACC-1"), PaymentId::trusted("PAY-1"));
        let id = LedgerTransactionId(1);
        let hundred = sgd("100.00");
        let part = |text: &str| (account.clone(), sgd(text));
        let receive = |parts: &[(AccountId, Money)]| {
            LedgerTransaction::receive(id, payment.clone(), hundred, parts)
        };
        let free = receive(&[]).expect("posts");
        assert_eq!(moves(&free), ["bank_clearing > unallocated_cash 100"]);
        let some = receive(&[part("40.00")]).expect("posts");
        let expected =
            ["bank_clearing > customer_balance 40", "bank_clearing > unallocated_cash 60"];
        assert_eq!(moves(&some), expected);
        assert_eq!(some.total(), Ok(hundred));
        let sum = some.entries().try_fold(sgd("0.00"), |sum, (_, amount)| sum.add(amount));
        assert_eq!(sum, Ok(sgd("0.00")));
        let all = receive(&[part("60.00"), part("40.00")]).expect("posts");
        assert_eq!(all.legs().len(), 2);
        assert!(receive(&[part("100.00"), part("40.00")]).is_err());
        let later = LedgerTransaction::provision(id, payment, &[part("40.00")]).expect("posts");
        assert_eq!(moves(&later), ["unallocated_cash > customer_balance 40"]);
    }

    #[test]
    fn usage_goes_one_way_and_refunds_the_other() {
        let account = AccountId::trusted("ACC-1");
        let post = |kind, amount| {
            LedgerTransaction::usage(LedgerTransactionId(1), kind, account.clone(), amount)
        };
        let charged = post(LedgerKind::UsageCharged, sgd("4.00").negated()).expect("posts");
        assert_eq!(moves(&charged), ["customer_balance > usage_revenue 4"]);
        let refunded = post(LedgerKind::UsageRefunded, sgd("4.00")).expect("posts");
        assert_eq!(moves(&refunded), ["usage_revenue > customer_balance 4"]);
        assert!(post(LedgerKind::UsageCharged, sgd("0.00")).is_err());
    }

    #[test]
    fn what_moves_nothing_or_in_two_currencies_is_not_posted() {
        let payment = PaymentId::trusted("PAY-1");
        let (id, kind) = (LedgerTransactionId(1), LedgerKind::PaymentReturned);
        let clearing = LedgerAccount::BankClearing;
        let collect = |from: Vec<(LedgerAccount, Money)>| {
            LedgerTransaction::collect(id, kind, payment.clone(), clearing.clone(), from)
        };
        let nothing = Err(PostingError::MovesNothing);
        assert_eq!(collect(Vec::new()), nothing);
        assert_eq!(collect(vec![(LedgerAccount::Fees, sgd("0.00"))]), nothing);
        assert_eq!(collect(vec![(LedgerAccount::Fees, sgd("1.00").negated())]), nothing);
        assert_eq!(collect(vec![(LedgerAccount::BankClearing, sgd("1.00"))]), nothing);
        let yen = Currency::parse("JPY").expect("JPY");
        let yen = Money::parse("100", yen).expect("an amount");
        let both = vec![(LedgerAccount::Fees, sgd("1.00")), (LedgerAccount::UnallocatedCash, yen)];
        assert_eq!(collect(both), Err(MoneyError::CurrencyMismatch.into()));
        let one = vec![(LedgerAccount::Fees, sgd("0.00")), (LedgerAccount::SplitClearing, yen)];
        assert_eq!(moves(&collect(one).expect("posts")), ["split_clearing > bank_clearing 100"]);
    }
}
