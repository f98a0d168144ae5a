//! Usage: what a customer spends. Facts: recorded whatever the balance is.

use chrono::{DateTime, Utc};

use super::ids::{
    AccountId, AllocationId, ChargeId, HoldId, LedgerTransactionId, RefundId, UsageId,
};
use super::money::{Money, MoneyError};

/// What a usage record reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    Charge(Charge),
    Refund(Refund),
    Hold(HoldAmount),
    Release(HoldAmount),
    /// A hold has come to the configured age; never read from a topic.
    ExpireHold(HoldAmount),
    /// Every usage record before that instant has been written to the record's partition.
    Watermark(DateTime<Utc>),
}

impl Usage {
    /// The type of a charge's records.
    pub const CHARGE: &'static str = "topup.usage.charge.v1";

    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Charge(_) => Self::CHARGE,
            Self::Refund(_) => "topup.usage.refund.v1",
            Self::Hold(_) => "topup.usage.hold.v1",
            Self::Release(_) => "topup.usage.release.v1",
            Self::ExpireHold(_) => "topup.usage.expire.v1",
            Self::Watermark(_) => "topup.usage.watermark.v1",
        }
    }

    pub fn account_id(&self) -> Option<&AccountId> {
        match self {
            Self::Charge(charge) => Some(&charge.account_id),
            Self::Refund(refund) => Some(&refund.account_id),
            Self::Hold(hold) | Self::Release(hold) | Self::ExpireHold(hold) => {
                Some(&hold.account_id)
            }
            Self::Watermark(_) => None,
        }
    }

    /// The hold that it names.
    pub fn hold_id(&self) -> Option<&HoldId> {
        match self {
            Self::Charge(charge) => charge.hold_id.as_ref(),
            Self::Hold(hold) | Self::Release(hold) | Self::ExpireHold(hold) => Some(&hold.hold_id),
            Self::Refund(_) | Self::Watermark(_) => None,
        }
    }
}

/// One call, one SMS: its id is unique within the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub usage_id: UsageId,
    pub account_id: AccountId,
    /// Up to six decimals; zero is a free or failed call.
    pub amount: Money,
    pub occurred_at: DateTime<Utc>,
    pub kind: String,
    /// The hold that ends with this charge.
    pub hold_id: Option<HoldId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub refund_id: RefundId,
    pub usage_id: UsageId,
    pub account_id: AccountId,
    pub amount: Money,
}

/// An amount held, or released of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldAmount {
    pub hold_id: HoldId,
    pub account_id: AccountId,
    pub amount: Money,
}

/// What is left of an allocation's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    pub id: AllocationId,
    pub amount: Money,
    pub remaining: Money,
    /// What it burnt of a debt and was not given back.
    pub debt_cleared: Money,
    /// What was reversed of its allocation.
    pub reversed: Money,
    /// Of that, what had been spent and was not refunded since: the account owed it.
    pub clawed_back: Money,
    pub opened_at: DateTime<Utc>,
}

impl Lot {
    /// Opened, and nothing of it burnt since.
    pub fn opened(
        id: AllocationId,
        amount: Money,
        remaining: Money,
        debt_cleared: Money,
        opened_at: DateTime<Utc>,
    ) -> Self {
        let zero = Money::zero(amount.currency());
        Self { id, amount, remaining, debt_cleared, reversed: zero, clawed_back: zero, opened_at }
    }

    /// Whether nothing of what is live of it was spent on anything.
    ///
    /// # Errors
    /// [`MoneyError`] only if the row contradicts its own constraints.
    pub fn is_unspent(&self) -> Result<bool, MoneyError> {
        Ok(self.remaining.add(self.reversed)? == self.amount)
    }
}

/// Why a lot became less or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MoveKind {
    /// Burnt by a charge.
    Charge,
    /// Burnt by the debt that was there when its money came.
    Debt,
    /// Given back by the refund of a charge that had burnt it.
    Refund,
    /// Given back by the refund of a charge that had been part of the debt.
    DebtRefund,
    /// Taken back with the allocation that opened it.
    Reversal,
}

impl MoveKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Debt => "debt",
            Self::Refund => "refund",
            Self::DebtRefund => "debt_refund",
            Self::Reversal => "reversal",
        }
    }

    /// Whether the lot becomes less.
    pub fn burns(self) -> bool {
        match self {
            Self::Charge | Self::Debt | Self::Reversal => true,
            Self::Refund | Self::DebtRefund => false,
        }
    }
}

/// One lot's share of a charge, a refund, or a debt that was cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotMove {
    pub lot_id: AllocationId,
    pub kind: MoveKind,
    /// Greater than zero.
    pub amount: Money,
}

/// A charge that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    pub id: ChargeId,
    pub charge: Charge,
    /// Which lots it burnt, the first burnt first.
    pub burnt: Vec<LotMove>,
    /// What no lot had: it is debt, or was when it was charged.
    pub uncovered: Money,
    pub refunded: Money,
    /// None for a charge of nothing: it is only remembered.
    pub ledger_transaction_id: Option<LedgerTransactionId>,
}

impl Charged {
    /// The lot that it burnt, where one had all that was not uncovered.
    pub fn only_lot(&self) -> Option<AllocationId> {
        match self.burnt.as_slice() {
            [burnt] if burnt.amount.add(self.uncovered) == Ok(self.charge.amount) => {
                Some(burnt.lot_id)
            }
            _ => None,
        }
    }
}

/// A refund that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    pub id: ChargeId,
    pub refund: Refund,
    pub charge_id: ChargeId,
    pub moves: Vec<LotMove>,
    /// None for a refund of nothing.
    pub ledger_transaction_id: Option<LedgerTransactionId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    Live,
    /// A charge took its place.
    Captured,
    Released,
    Expired,
}

impl HoldState {
    pub const ALL: [Self; 4] = [Self::Live, Self::Captured, Self::Released, Self::Expired];

    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// A hold as it stands. One that was captured before it came has an amount of zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub hold_id: HoldId,
    pub account_id: AccountId,
    pub amount: Money,
    pub released: Money,
    pub state: HoldState,
    pub placed_at: DateTime<Utc>,
    /// When the last record that said what is held was written, as its source says; none if that is
    /// not known.
    pub told_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Whose a record of the usage topic may be that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concerns {
    /// It is no record of anybody's usage.
    Nobody,
    One(String),
    /// It does not say.
    All,
}
