//! What usage records touch: open lots, limits, the charges, refunds and holds that they name.
//! All of it is read under the accounts' locks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::lots;
use crate::domain::ids::{
    AccountId, AllocationId, ChargeId, HoldId, LedgerTransactionId, RefundId, UsageId,
};
use crate::domain::money::Money;
use crate::domain::usage::{
    Charge, Charged, Hold, HoldState, Lot, LotMove, MoveKind, Refund, Usage,
};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, rows, sql};

type Pairs = BTreeSet<(String, String)>;

/// What the usage records of a batch name.
#[derive(Debug, Default)]
pub(super) struct UsageNeeds {
    pub accounts: BTreeSet<String>,
    /// What charges come to, in micros: account and currency.
    charged: BTreeMap<(String, String), i64>,
    charges: Pairs,
    /// Of these the lots are needed that they burnt.
    refunded: Pairs,
    refunds: Pairs,
    holds: Pairs,
}

impl UsageNeeds {
    pub(super) fn add(&mut self, usage: &Usage) {
        let Some(account_id) = usage.account_id() else {
            return;
        };
        let of = |id: &str| (account_id.as_str().to_owned(), id.to_owned());
        self.accounts.insert(account_id.as_str().to_owned());
        if let Some(usage_id) = usage.usage_id() {
            self.charges.insert(of(usage_id.as_str()));
        }
        if let Some(hold_id) = usage.hold_id() {
            self.holds.insert(of(hold_id.as_str()));
        }
        if let Usage::Charge(charge) = usage {
            let code = charge.amount.currency().code().to_owned();
            let key = (account_id.as_str().to_owned(), code);
            let sum = self.charged.entry(key).or_default();
            *sum = sum.saturating_add(charge.amount.to_micros().unwrap_or(i64::MAX));
        }
        if let Usage::Refund(refund) = usage {
            self.refunds.insert(of(refund.refund_id.as_str()));
            self.refunded.insert(of(refund.usage_id.as_str()));
        }
    }
}

fn columns(pairs: &Pairs) -> (Vec<&str>, Vec<&str>) {
    pairs.iter().map(|(account_id, id)| (account_id.as_str(), id.as_str())).unzip()
}

pub(super) async fn load(
    tx: &mut Tx<'_>,
    needs: &UsageNeeds,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.accounts.is_empty() {
        return Ok(());
    }
    set.usage.keeps_lots = true;
    let ids: Vec<&str> = needs.accounts.iter().map(String::as_str).collect();
    for row in sqlx::query(sql!("load_limits")).bind(&ids).fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(1)?)?;
        let key = (AccountId::trusted(row.try_get(0)?), currency);
        set.usage.limits.insert(key, Money::from_micros(row.try_get(2)?, currency));
    }
    lots::for_charges(tx, &needs.charged, set).await?;
    charges(tx, needs, set).await?;
    refunds(tx, needs, set).await?;
    holds(tx, needs, set).await
}

pub(super) fn lot(row: &PgRow) -> Result<(AccountId, Lot), StoreError> {
    let currency = rows::currency(row.try_get("currency")?)?;
    let money = |micros: i64| Money::from_micros(micros, currency);
    let lot = Lot {
        id: AllocationId(row.try_get("lot_id")?),
        amount: money(row.try_get("amount")?),
        remaining: money(row.try_get("remaining")?),
        debt_cleared: money(row.try_get("debt_cleared")?),
        reversed: money(row.try_get("reversed")?),
        clawed_back: money(row.try_get("clawed_back")?),
        opened_at: row.try_get("opened_at")?,
    };
    Ok((AccountId::trusted(row.try_get("account_id")?), lot))
}

async fn charges(
    tx: &mut Tx<'_>,
    needs: &UsageNeeds,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.charges.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(&needs.charges);
    let query = sqlx::query(sql!("load_charges")).bind(accounts).bind(ids);
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get("currency")?)?;
        let charge = Charge {
            usage_id: UsageId::trusted(row.try_get("usage_id")?),
            account_id: AccountId::trusted(row.try_get("account_id")?),
            amount: Money::from_micros(row.try_get("amount")?, currency),
            occurred_at: row.try_get("occurred_at")?,
            kind: row.try_get("kind")?,
            hold_id: row.try_get::<Option<&str>, _>("hold_id")?.map(HoldId::trusted),
        };
        let key = (charge.account_id.clone(), charge.usage_id.clone());
        let charged = Charged {
            id: ChargeId(row.try_get("charge_id")?),
            charge,
            burnt: Vec::new(),
            uncovered: Money::from_micros(row.try_get("uncovered")?, currency),
            refunded: Money::zero(currency),
            ledger_transaction_id: row
                .try_get::<Option<i64>, _>("ledger_transaction_id")?
                .map(LedgerTransactionId),
        };
        set.usage.charges.insert(key, charged);
    }
    Ok(())
}

/// The refunds that are named, and of the charges that they name what they burnt and what was
/// refunded before.
async fn refunds(
    tx: &mut Tx<'_>,
    needs: &UsageNeeds,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.refunds.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(&needs.refunds);
    let query = sqlx::query(sql!("load_refunds")).bind(accounts).bind(ids);
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get("currency")?)?;
        let refund = Refund {
            refund_id: RefundId::trusted(row.try_get("refund_id")?),
            usage_id: UsageId::trusted(row.try_get("usage_id")?),
            account_id: AccountId::trusted(row.try_get("account_id")?),
            amount: Money::from_micros(row.try_get("amount")?, currency),
        };
        let key = (refund.account_id.clone(), refund.refund_id.clone());
        set.usage.refunds.insert(key, refund);
    }
    let (accounts, ids) = columns(&needs.refunded);
    let query = sqlx::query(sql!("load_refunds_of_charges")).bind(accounts).bind(ids);
    for row in query.fetch_all(&mut **tx).await? {
        let key = (AccountId::trusted(row.try_get(0)?), UsageId::trusted(row.try_get(1)?));
        if let Some(charged) = set.usage.charges.get_mut(&key) {
            let currency = charged.charge.amount.currency();
            charged.refunded = Money::from_micros(row.try_get(2)?, currency);
        }
    }
    let burnt = burnt(tx, needs, set).await?;
    lots::by_id(tx, burnt, set).await
}

/// What the charges burnt that are refunded, in the order in which they did; returns the lots.
async fn burnt(
    tx: &mut Tx<'_>,
    needs: &UsageNeeds,
    set: &mut WorkingSet,
) -> Result<Vec<i64>, StoreError> {
    let mut keys = HashMap::new();
    for (account_id, usage_id) in &needs.refunded {
        let key = (AccountId::trusted(account_id), UsageId::trusted(usage_id));
        if let Some(charged) = set.usage.charges.get(&key) {
            keys.insert(charged.id, key);
        }
    }
    let ids: Vec<i64> = keys.keys().map(|id| id.0).collect();
    let mut lots = Vec::new();
    let query = sqlx::query(sql!("load_consumptions")).bind(ids);
    for row in query.fetch_all(&mut **tx).await? {
        let id = ChargeId(row.try_get(0)?);
        let charged = keys.get(&id).and_then(|key| set.usage.charges.get_mut(key));
        let charged = charged.ok_or(StoreError::Corrupt("a consumption of no charge"))?;
        let lot_id = AllocationId(row.try_get(1)?);
        let amount = Money::from_micros(row.try_get(2)?, charged.charge.amount.currency());
        lots.push(lot_id.0);
        charged.burnt.push(LotMove { lot_id, kind: MoveKind::Charge, amount });
    }
    Ok(lots)
}

async fn holds(
    tx: &mut Tx<'_>,
    needs: &UsageNeeds,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.holds.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(&needs.holds);
    let query = sqlx::query(sql!("load_holds")).bind(accounts).bind(ids);
    for row in query.fetch_all(&mut **tx).await? {
        let hold = hold(&row)?;
        set.usage.holds.insert((hold.account_id.clone(), hold.hold_id.clone()), hold);
    }
    Ok(())
}

pub(super) fn hold(row: &PgRow) -> Result<Hold, StoreError> {
    let currency = rows::currency(row.try_get("currency")?)?;
    let word: &str = row.try_get("state")?;
    let state = HoldState::ALL.into_iter().find(|state| state.word() == word);
    Ok(Hold {
        hold_id: HoldId::trusted(row.try_get("hold_id")?),
        account_id: AccountId::trusted(row.try_get("account_id")?),
        amount: Money::from_micros(row.try_get("amount")?, currency),
        released: Money::from_micros(row.try_get("released")?, currency),
        state: state.ok_or(StoreError::Unreadable("the state of a hold"))?,
        placed_at: row.try_get("placed_at")?,
        told_at: row.try_get("told_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}
