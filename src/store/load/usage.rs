//! What usage records touch: open lots, limits, the charges, refunds and holds that they name.
//! All of it is read under the accounts' locks.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use foldhash::{HashMap, HashMapExt as _};
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
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, rows};

const MISCOUNTED: StoreError = StoreError::Corrupt("what holds set aside does not add up");

/// What the usage records of a batch name.
#[derive(Debug, Default)]
pub(super) struct UsageNeeds {
    pub accounts: BTreeSet<String>,
    /// What charges come to, in micros: account and currency.
    charged: BTreeMap<(String, String), i64>,
    /// Charges that the batch brings, and those that refunds name.
    brought: BTreeSet<(AccountId, UsageId)>,
    charges: BTreeSet<(AccountId, UsageId)>,
    /// Whether what the batch brings is taken as new: if it is not, its rows are refused.
    pub writing_proves_new: bool,
    refunds: BTreeSet<(AccountId, RefundId)>,
    holds: BTreeSet<(AccountId, HoldId)>,
}

impl UsageNeeds {
    pub(super) fn add(&mut self, usage: &Usage) {
        let Some(account_id) = usage.account_id() else {
            return;
        };
        self.accounts.insert(account_id.as_str().to_owned());
        if let Some(hold_id) = usage.hold_id() {
            self.holds.insert((account_id.clone(), hold_id.clone()));
        }
        if let Usage::Charge(charge) = usage {
            let code = charge.amount.currency().code().to_owned();
            let key = (account_id.as_str().to_owned(), code);
            self.brought.insert((account_id.clone(), charge.usage_id.clone()));
            let sum = self.charged.entry(key).or_default();
            *sum = sum.saturating_add(charge.amount.to_micros().unwrap_or(i64::MAX));
        }
        if let Usage::Refund(refund) = usage {
            self.charges.insert((account_id.clone(), refund.usage_id.clone()));
            self.refunds.insert((account_id.clone(), refund.refund_id.clone()));
        }
    }
}

/// Loads what the usage records name. What is loaded here is asked for here.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    needs: &mut UsageNeeds,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.accounts.is_empty() {
        return Ok(());
    }
    set.usage.keeps_lots = true;
    let ids: Vec<AccountId> = needs.accounts.iter().map(|id| AccountId::trusted(id)).collect();
    limits(tx, &ids, set).await?;
    set.ask(ids.into_iter().map(Want::Limits));
    lots::for_charges(tx, &needs.charged, set).await?;
    let (mut named, returned) = (take(&mut needs.charges), take(&mut needs.refunds));
    let brought = take(&mut needs.brought);
    if needs.writing_proves_new {
        set.ask(brought.into_iter().map(|(account_id, id)| Want::Charge(account_id, id)));
    } else {
        named.extend(brought);
    }
    charges(tx, &named, set).await?;
    refunds(tx, &returned, set).await?;
    let held = take(&mut needs.holds);
    holds(tx, &held, set).await?;
    set.ask(named.into_iter().map(|(account_id, id)| Want::Charge(account_id, id)));
    set.ask(returned.into_iter().map(|(account_id, id)| Want::Refund(account_id, id)));
    set.ask(held.into_iter().map(|(account_id, id)| Want::Hold(account_id, id)));
    Ok(())
}

/// Loads what was not foreseen of usage.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let of_lots = |want: &Want| {
        matches!(
            want,
            Want::Limits(_)
                | Want::SetAside(_)
                | Want::Charge(..)
                | Want::Refund(..)
                | Want::Hold(..)
                | Want::Lots(..)
        )
    };
    set.usage.keeps_lots |= wants.iter().any(of_lots);
    let asked: Vec<AccountId> = of_kind!(wants, Want::Limits(id) => id.clone()).collect();
    limits(tx, &asked, set).await?;
    let asked = of_kind!(wants, Want::Charge(whose, id) => (whose.clone(), id.clone())).collect();
    charges(tx, &asked, set).await?;
    let asked = of_kind!(wants, Want::Refund(whose, id) => (whose.clone(), id.clone())).collect();
    refunds(tx, &asked, set).await?;
    let asked = of_kind!(wants, Want::Hold(whose, id) => (whose.clone(), id.clone())).collect();
    holds(tx, &asked, set).await?;
    let asked: Vec<AccountId> = of_kind!(wants, Want::SetAside(id) => id.clone()).collect();
    set_aside(tx, &asked, set).await
}

fn columns<Id>(
    pairs: &BTreeSet<(AccountId, Id)>,
    text: impl Fn(&Id) -> &str,
) -> (Vec<&str>, Vec<&str>) {
    pairs.iter().map(|(account_id, id)| (account_id.as_str(), text(id))).unzip()
}

async fn limits(
    tx: &mut Tx<'_>,
    accounts: &[AccountId],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    let mut found: HashMap<AccountId, Vec<Money>> = HashMap::new();
    for row in query!("load_limits": ids).fetch_all(&mut **tx).await? {
        let limit = Money::from_micros(row.try_get(2)?, rows::currency(row.try_get(1)?)?);
        found.entry(AccountId::trusted(row.try_get(0)?)).or_default().push(limit);
    }
    found.into_iter().for_each(|(account_id, limits)| set.usage.know_limits(account_id, limits));
    Ok(())
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

/// The charges of these names, with what they burnt and what was refunded of them.
async fn charges(
    tx: &mut Tx<'_>,
    named: &BTreeSet<(AccountId, UsageId)>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if named.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(named, UsageId::as_str);
    let query = query!("load_charges": accounts, ids);
    let mut found = HashMap::new();
    for row in query.fetch_all(&mut **tx).await? {
        if row.try_get::<Option<i64>, _>("charge_id")?.is_none() {
            let account_id = AccountId::trusted(row.try_get("account_id")?);
            let usage_id = UsageId::trusted(row.try_get("usage_id")?);
            set.usage.pruned.insert((account_id, usage_id));
            continue;
        }
        let charged = charge(&row)?;
        found.insert(charged.id, charged);
    }
    if found.is_empty() {
        return Ok(());
    }
    refunded(tx, &mut found).await?;
    burnt(tx, &mut found).await?;
    let moved = found.values().flat_map(|charged| &charged.burnt);
    let lots: Vec<i64> = moved.map(|moved| moved.lot_id.0).collect();
    found.into_values().for_each(|charged| set.usage.know_charge(charged));
    lots::by_id(tx, lots, set).await
}

fn charge(row: &PgRow) -> Result<Charged, StoreError> {
    let currency = rows::currency(row.try_get("currency")?)?;
    let charge = Charge {
        usage_id: UsageId::trusted(row.try_get("usage_id")?),
        account_id: AccountId::trusted(row.try_get("account_id")?),
        amount: Money::from_micros(row.try_get("amount")?, currency),
        occurred_at: row.try_get("occurred_at")?,
        kind: row.try_get("kind")?,
        hold_id: row.try_get::<Option<&str>, _>("hold_id")?.map(HoldId::trusted),
    };
    let uncovered = Money::from_micros(row.try_get("uncovered")?, currency);
    let covered = charge.amount.sub(uncovered).map_err(|_| StoreError::Corrupt("a charge"))?;
    let only_lot: Option<i64> = row.try_get("lot_id")?;
    let burnt = only_lot.map(|id| LotMove {
        lot_id: AllocationId(id),
        kind: MoveKind::Charge,
        amount: covered,
    });
    let posted: Option<i64> = row.try_get("ledger_transaction_id")?;
    Ok(Charged {
        id: ChargeId(row.try_get("charge_id")?),
        charge,
        burnt: burnt.into_iter().collect(),
        uncovered,
        refunded: Money::zero(currency),
        ledger_transaction_id: posted.map(LedgerTransactionId),
    })
}

async fn refunded(
    tx: &mut Tx<'_>,
    found: &mut HashMap<ChargeId, Charged>,
) -> Result<(), StoreError> {
    let mut named: HashMap<(AccountId, UsageId), &mut Charged> = HashMap::new();
    for charged in found.values_mut() {
        let charge = &charged.charge;
        named.insert((charge.account_id.clone(), charge.usage_id.clone()), charged);
    }
    let (accounts, ids): (Vec<&str>, Vec<&str>) =
        named.keys().map(|(account_id, id)| (account_id.as_str(), id.as_str())).unzip();
    let query = query!("load_refunds_of_charges": accounts, ids);
    for row in query.fetch_all(&mut **tx).await? {
        let key = (AccountId::trusted(row.try_get(0)?), UsageId::trusted(row.try_get(1)?));
        if let Some(charged) = named.get_mut(&key) {
            let currency = charged.charge.amount.currency();
            charged.refunded = Money::from_micros(row.try_get(2)?, currency);
        }
    }
    Ok(())
}

/// What those charges burnt that burnt several lots, in the order in which they did.
async fn burnt(tx: &mut Tx<'_>, found: &mut HashMap<ChargeId, Charged>) -> Result<(), StoreError> {
    let several =
        |charged: &&Charged| charged.burnt.is_empty() && charged.uncovered != charged.charge.amount;
    let ids: Vec<i64> = found.values().filter(several).map(|charged| charged.id.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let query = query!("load_consumptions": ids);
    for row in query.fetch_all(&mut **tx).await? {
        let charged = found.get_mut(&ChargeId(row.try_get(0)?));
        let charged = charged.ok_or(StoreError::Corrupt("a consumption of no charge"))?;
        let lot_id = AllocationId(row.try_get(1)?);
        let amount = Money::from_micros(row.try_get(2)?, charged.charge.amount.currency());
        charged.burnt.push(LotMove { lot_id, kind: MoveKind::Charge, amount });
    }
    Ok(())
}

async fn refunds(
    tx: &mut Tx<'_>,
    named: &BTreeSet<(AccountId, RefundId)>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if named.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(named, RefundId::as_str);
    let query = query!("load_refunds": accounts, ids);
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get("currency")?)?;
        set.usage.know_refund(Refund {
            refund_id: RefundId::trusted(row.try_get("refund_id")?),
            usage_id: UsageId::trusted(row.try_get("usage_id")?),
            account_id: AccountId::trusted(row.try_get("account_id")?),
            amount: Money::from_micros(row.try_get("amount")?, currency),
        });
    }
    Ok(())
}

async fn holds(
    tx: &mut Tx<'_>,
    named: &BTreeSet<(AccountId, HoldId)>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if named.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(named, HoldId::as_str);
    let query = query!("load_holds": accounts, ids);
    for row in query.fetch_all(&mut **tx).await? {
        set.usage.know_hold(hold(&row)?).map_err(|_| MISCOUNTED)?;
    }
    Ok(())
}

/// What live holds set aside of these accounts' money.
pub(super) async fn set_aside(
    tx: &mut Tx<'_>,
    accounts: &[AccountId],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    for row in query!("load_live_holds": ids).fetch_all(&mut **tx).await? {
        let account_id = AccountId::trusted(row.try_get(0)?);
        let held = Money::from_micros(row.try_get(2)?, rows::currency(row.try_get(1)?)?);
        set.usage.know_set_aside(account_id, held).map_err(|_| MISCOUNTED)?;
    }
    set.ask(accounts.iter().cloned().map(Want::SetAside));
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
