//! What returns mean: the payments that they take back, and what was returned before.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::Needs;
use super::steps_back::{StepsBack, columns, key_columns};
use crate::domain::bank::{Direction, Told};
use crate::domain::decide::named_records;
use crate::domain::ids::{InvoiceId, PaymentId, ReturnId};
use crate::domain::money::Money;
use crate::domain::reversal::{AppliedReturn, OriginalKey};
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::originals::ORIGINALS_MAX;
use crate::store::{StoreError, Tx, rows};

/// Reads parked returns, and takes note of what they mean.
pub(super) async fn parked(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if needs.steps_back.parked.is_empty() {
        return Ok(());
    }
    let (accounts, keys) = key_columns(&needs.steps_back.parked);
    let query = query!("load_parked_returns": accounts, keys);
    for row in query.fetch_all(&mut **tx).await? {
        let record = rows::bank_record(&row)?;
        if row.try_get("in_doubt")? {
            set.told_steps.in_doubt.insert(record.key.clone());
        }
        needs.steps_back.add_bank(&record.transaction);
        if record.transaction.direction() == Direction::BouncedRefund {
            let named = needs.steps_back.resolved.clone();
            needs.steps_back.given.extend(named);
        }
        needs.bank_keys.insert(record.key.clone());
        needs.bank_keys.extend(named_records(&record.transaction));
        set.know_parked(record);
    }
    super::bank_facts::keys(tx, needs, &BTreeSet::new(), set).await?;
    set.ask(needs.steps_back.parked.iter().cloned().map(Want::Parked));
    Ok(())
}

/// Reads the payments that returns mean, and what those may be told again of.
pub(super) async fn originals(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let steps = &mut needs.steps_back;
    if steps.keys.is_empty() && steps.twins.is_empty() {
        return Ok(());
    }
    by_key(tx, steps, set, owners).await?;
    set.ask(std::mem::take(&mut steps.keys).into_iter().map(Want::Original));
    told_twice(tx, steps, set, owners).await
}

async fn by_key(
    tx: &mut Tx<'_>,
    steps: &mut StepsBack,
    set: &mut WorkingSet,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    if steps.ids.is_empty() && steps.end_to_end.is_empty() && steps.payers.is_empty() {
        return Ok(());
    }
    let by_end = columns(&steps.end_to_end);
    let (ids, payers) = (|| steps.ids.iter(), || steps.payers.iter());
    let query = query!("load_originals": ids().map(|id| id.0.as_str()).collect::<Vec<_>>(),
        ids().map(|id| id.1.as_str()).collect::<Vec<_>>(), by_end.0, by_end.1,
        payers().map(|payer| payer.0.as_str()).collect::<Vec<_>>(),
        payers().map(|payer| payer.1.as_str()).collect::<Vec<_>>(),
        payers().map(|payer| payer.2.as_str()).collect::<Vec<_>>(),
        payers().map(|payer| payer.3).collect::<Vec<_>>(),
        ids().map(|id| id.2.as_str()).collect::<Vec<_>>(), ids().map(|id| id.3).collect::<Vec<_>>(),
        i64::try_from(ORIGINALS_MAX.saturating_add(1)).unwrap_or(i64::MAX));
    let mut read: HashMap<OriginalKey, usize> = HashMap::new();
    for row in query.fetch_all(&mut **tx).await? {
        let (key, told) = original(&row)?;
        let payment_id = PaymentId::trusted(row.try_get("payment_id")?);
        steps.payments.insert(payment_id.as_str().to_owned());
        steps.found.insert(payment_id.as_str().to_owned());
        owners.extend(row.try_get::<Option<String>, _>("account_id")?);
        set.know_payer(&payment_id, told.payer);
        if let OriginalKey::EndToEnd { bank_account, id } = &key
            && steps.undone_end_to_end.contains(&(bank_account.clone(), id.clone()))
        {
            steps.given.insert(payment_id.as_str().to_owned());
        }
        let of_key = read.entry(key.clone()).or_default();
        *of_key = of_key.saturating_add(1);
        // Found by one thing, it has others in common with what was asked for too.
        for key in told.keys().into_iter().chain([key]) {
            set.know_original(key, &payment_id);
        }
    }
    for (key, _) in read.into_iter().filter(|(_, rows)| *rows > ORIGINALS_MAX) {
        set.know_common(key);
    }
    Ok(())
}

/// What the payments that were found may be told again of, or that of them: if one of both was
/// removed, the other has the money.
async fn told_twice(
    tx: &mut Tx<'_>,
    steps: &mut StepsBack,
    set: &mut WorkingSet,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let asked: BTreeSet<String> = steps.payments.union(&steps.twins).cloned().collect();
    if asked.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = asked.iter().map(String::as_str).collect();
    let most = i64::try_from(ORIGINALS_MAX).unwrap_or(i64::MAX);
    let query = query!("load_told_twice": ids, most);
    for row in query.fetch_all(&mut **tx).await? {
        let (one, other) = (row.try_get("payment_id")?, row.try_get("other")?);
        let (one, other) = (PaymentId::trusted(one), PaymentId::trusted(other));
        steps.payments.insert(other.as_str().to_owned());
        steps.found.insert(other.as_str().to_owned());
        owners.extend(row.try_get::<Option<String>, _>("account_id")?);
        if !steps.undone.is_empty() {
            steps.given.insert(other.as_str().to_owned());
        }
        set.know_told_twice(&one, &other);
    }
    set.ask(asked.iter().map(|id| Want::ToldTwice(PaymentId::trusted(id))));
    Ok(())
}

/// By what a payment was found, and all that its bank told of it.
fn original(row: &PgRow) -> Result<(OriginalKey, Told<'_>), StoreError> {
    let how: &str = row.try_get("how")?;
    let (own, word): (&str, &str) = (row.try_get("bank_account")?, row.try_get("word")?);
    let currency = rows::currency(row.try_get("currency")?)?;
    let money = |micros: i64| Money::from_micros(micros, currency);
    let amount = money(row.try_get("amount")?);
    let key = match how {
        "id" => OriginalKey::bank_id(own, word),
        "detail" => OriginalKey::detail(own, word, amount),
        "undone" => OriginalKey::undone(own, word, amount),
        "e2e" => OriginalKey::end_to_end(own, word),
        _ => OriginalKey::payer(own, word, amount),
    };
    let told = Told {
        bank_account: own,
        id: row.try_get("bank_transaction_id")?,
        is_detail: row.try_get::<Option<i32>, _>("detail_index")?.is_some(),
        end_to_end: row.try_get("end_to_end_id")?,
        payer: row.try_get("debtor_account")?,
        amount: money(row.try_get("booked")?),
    };
    Ok((key, told))
}

/// Reads what was returned before: by the bank's ids, and of the payments that may get it back.
pub(super) async fn applied(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
    owners: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let steps = &mut needs.steps_back;
    if steps.undone.is_empty() && steps.given.is_empty() {
        return Ok(());
    }
    let (accounts, ids) = columns(&steps.undone);
    let given: Vec<&str> = steps.given.iter().map(String::as_str).collect();
    let query = query!("load_returns": accounts, ids, given);
    let mut numbers = Vec::new();
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get("currency")?)?;
        let money = |micros: i64| Money::from_micros(micros, currency);
        let known = AppliedReturn {
            id: ReturnId(row.try_get("return_id")?),
            bank_account: row.try_get("bank_account")?,
            bank_transaction_id: row.try_get("bank_transaction_id")?,
            payment_id: PaymentId::trusted(row.try_get("payment_id")?),
            amount: money(row.try_get("amount")?),
            undone: money(row.try_get("undone")?),
            removed: money(row.try_get("removed")?),
            fee: money(row.try_get("fee")?),
            parts: Vec::new(),
        };
        steps.payments.insert(known.payment_id.as_str().to_owned());
        steps.found.insert(known.payment_id.as_str().to_owned());
        owners.extend(row.try_get::<Option<String>, _>("account_id")?);
        numbers.push(known.id.0);
        set.know_return(known);
    }
    let named = steps.undone.iter().map(|(own, id)| Want::Returned(own.clone(), id.clone()));
    set.ask(named.chain(steps.given.iter().map(|id| Want::ReturnsOf(PaymentId::trusted(id)))));
    if numbers.is_empty() {
        return Ok(());
    }
    let query = query!("load_return_parts": numbers);
    for row in query.fetch_all(&mut **tx).await? {
        let known = set.return_mut(ReturnId(row.try_get(0)?));
        let Some(known) = known else { continue };
        let invoice_id: &str = row.try_get(1)?;
        needs.invoices.insert(invoice_id.to_owned());
        let amount = Money::from_micros(row.try_get(2)?, known.amount.currency());
        known.parts.push((InvoiceId::trusted(invoice_id), amount));
    }
    Ok(())
}
