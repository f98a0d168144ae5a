//! What deciding asked for and did not find.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::Row;

use super::{Needs, invoices};
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::matching::near::{Word, like_reference};
use crate::domain::money::Money;
use crate::domain::working_set::{
    BOOK_COUNT_MAX, BOOK_OLDEST_MAX, BookEntry, EXACT_MIN, HELD_MAX, Miss, NAMESAKES_MAX,
    OpenInvoice, WorkingSet,
};
use crate::store::{StoreError, Tx, rows, sql};

/// What is looked up, and the words that it is a neighbour of.
type Variants<'a> = BTreeMap<String, Vec<&'a Word>>;

/// Loads what deciding asked for and did not find.
pub async fn misses(
    tx: &mut Tx<'_>,
    needs: &Needs,
    misses: &[Miss],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    exact(tx, needs, misses, set).await?;
    oldest(tx, misses, set).await?;
    book(tx, misses, set).await?;
    near(tx, misses, set).await?;
    namesakes(tx, misses, set).await?;
    held(tx, misses, set).await?;
    super::lots::misses(tx, misses, set).await?;
    let listed = set.exact.values().flatten();
    // Numbers that are one mistake away may decide between equal invoices.
    let numbers = set.near.iter().filter(|(word, _)| word.is_mistyped_number());
    let near = numbers.flat_map(|(_, entries)| entries).map(|entry| &entry.invoice_id);
    let ids: Vec<String> = listed.chain(near).map(|id| id.as_str().to_owned()).collect();
    invoices(tx, ids, set).await
}

async fn exact(
    tx: &mut Tx<'_>,
    needs: &Needs,
    misses: &[Miss],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let (mut accounts, mut currencies, mut dues, mut limits) = (vec![], vec![], vec![], vec![]);
    let least = i64::try_from(EXACT_MIN).unwrap_or(i64::MAX);
    for miss in misses {
        if let Miss::Exact(account, currency, due) = miss {
            let same = needs.same_amount.get(&(currency.clone(), *due)).copied().unwrap_or(0);
            accounts.push(account.as_str().to_owned());
            currencies.push(currency.clone());
            dues.push(*due);
            // Each payment of the batch may take one, and two more show whether there is a rival.
            limits.push(same.saturating_add(least));
            let key = (account.clone(), rows::currency(currency)?, *due);
            set.exact.insert(key, Vec::new());
        }
    }
    if accounts.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(sql!("load_exact"))
        .bind(accounts)
        .bind(currencies)
        .bind(dues)
        .bind(limits)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let currency = rows::currency(row.try_get(1)?)?;
        let key = (AccountId::trusted(row.try_get(0)?), currency, row.try_get(2)?);
        set.exact.entry(key).or_default().push(InvoiceId::trusted(row.try_get(3)?));
    }
    Ok(())
}

async fn oldest(tx: &mut Tx<'_>, misses: &[Miss], set: &mut WorkingSet) -> Result<(), StoreError> {
    let (mut accounts, mut currencies) = (vec![], vec![]);
    for miss in misses {
        if let Miss::Oldest(account, currency) = miss {
            accounts.push(account.as_str().to_owned());
            currencies.push(currency.clone());
            set.oldest.insert((account.clone(), rows::currency(currency)?), Vec::new());
        }
    }
    if accounts.is_empty() {
        return Ok(());
    }
    let limit = i64::try_from(BOOK_OLDEST_MAX).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql!("load_oldest"))
        .bind(accounts)
        .bind(currencies)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let account_id = AccountId::trusted(row.try_get(0)?);
        let currency = rows::currency(row.try_get(1)?)?;
        let invoice_id = InvoiceId::trusted(row.try_get(2)?);
        let due_date: Option<NaiveDate> = row.try_get(4)?;
        let order = (due_date.unwrap_or(NaiveDate::MAX), row.try_get(5)?, invoice_id.clone());
        let open = OpenInvoice {
            invoice_id,
            account_id: account_id.clone(),
            due: Money::from_micros(row.try_get(3)?, currency),
            order,
        };
        set.oldest.entry((account_id, currency)).or_default().push(open);
    }
    Ok(())
}

async fn held(tx: &mut Tx<'_>, misses: &[Miss], set: &mut WorkingSet) -> Result<(), StoreError> {
    let (mut accounts, mut currencies) = (vec![], vec![]);
    for miss in misses {
        if let Miss::Held(account, currency) = miss {
            accounts.push(account.as_str().to_owned());
            currencies.push(currency.clone());
            set.held_payments.insert((account.clone(), rows::currency(currency)?), Vec::new());
        }
    }
    if accounts.is_empty() {
        return Ok(());
    }
    // The payment itself, and one more, which shows that there are more.
    let limit = i64::try_from(HELD_MAX.saturating_add(2)).unwrap_or(i64::MAX);
    let query = sqlx::query(sql!("load_held")).bind(accounts).bind(currencies).bind(limit);
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(1)?)?;
        let key = (AccountId::trusted(row.try_get(0)?), currency);
        let held =
            (PaymentId::trusted(row.try_get(2)?), Money::from_micros(row.try_get(3)?, currency));
        set.held_payments.entry(key).or_default().push(held);
    }
    Ok(())
}

async fn book(tx: &mut Tx<'_>, misses: &[Miss], set: &mut WorkingSet) -> Result<(), StoreError> {
    let (mut currencies, mut dues) = (vec![], vec![]);
    for miss in misses {
        if let Miss::Book(currency, due) = miss {
            currencies.push(currency.clone());
            dues.push(*due);
            set.book.insert((rows::currency(currency)?, *due), Vec::new());
        }
    }
    if currencies.is_empty() {
        return Ok(());
    }
    let limit = i64::try_from(BOOK_COUNT_MAX).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql!("load_book"))
        .bind(currencies)
        .bind(dues)
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let currency = rows::currency(row.try_get(0)?)?;
        let due: i64 = row.try_get(1)?;
        let account_id = AccountId::trusted(row.try_get(3)?);
        keep_name(set, &account_id, row.try_get(4)?);
        set.book.entry((currency, due)).or_default().push(BookEntry {
            invoice_id: InvoiceId::trusted(row.try_get(2)?),
            account_id,
            amount_due: Money::from_micros(due, currency),
        });
    }
    Ok(())
}

async fn namesakes(
    tx: &mut Tx<'_>,
    misses: &[Miss],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut asked = Vec::new();
    for miss in misses {
        if let Miss::Namesakes(name) = miss {
            asked.push(name.clone());
            set.namesakes.insert(name.clone(), Vec::new());
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let limit = i64::try_from(NAMESAKES_MAX).unwrap_or(i64::MAX);
    let query = sqlx::query(sql!("load_namesakes")).bind(asked).bind(limit);
    for row in query.fetch_all(&mut **tx).await? {
        let found = set.namesakes.entry(row.try_get(0)?).or_default();
        found.push(AccountId::trusted(row.try_get(1)?));
    }
    Ok(())
}

fn keep_name(set: &mut WorkingSet, account_id: &AccountId, name: Option<String>) {
    if let Some(name) = name {
        set.names.insert(account_id.clone(), name);
    }
}

async fn near(tx: &mut Tx<'_>, misses: &[Miss], set: &mut WorkingSet) -> Result<(), StoreError> {
    // Words of one batch are alike: what is a neighbour of several is looked up once.
    let (mut numbers, mut references): (Variants<'_>, Variants<'_>) = Default::default();
    let mut digits = Variants::default();
    for miss in misses {
        if let Miss::Near(word) = miss {
            for variant in word.variants() {
                if matches!(word, Word::Digits(_)) {
                    digits.entry(variant).or_default().push(word);
                    continue;
                }
                if like_reference(&variant) {
                    references.entry(variant.clone()).or_default().push(word);
                }
                numbers.entry(variant).or_default().push(word);
            }
            set.near.insert(word.clone(), Vec::new());
        }
    }
    if numbers.is_empty() && digits.is_empty() {
        return Ok(());
    }
    let keys = |variants: &Variants<'_>| variants.keys().cloned().collect::<Vec<String>>();
    let query = sqlx::query(sql!("load_near")).bind(keys(&references)).bind(keys(&numbers));
    let query = query.bind(keys(&digits));
    for row in query.fetch_all(&mut **tx).await? {
        let variant: &str = row.try_get(0)?;
        let words = match row.try_get::<i32, _>(1)? {
            1 => references.get(variant),
            2 => numbers.get(variant),
            _ => digits.get(variant),
        };
        let account_id = AccountId::trusted(row.try_get(3)?);
        let currency = rows::currency(row.try_get(4)?)?;
        keep_name(set, &account_id, row.try_get(6)?);
        let entry = BookEntry {
            invoice_id: InvoiceId::trusted(row.try_get(2)?),
            account_id,
            amount_due: Money::from_micros(row.try_get(5)?, currency),
        };
        for word in words.into_iter().flatten() {
            let found = set.near.entry((*word).clone()).or_default();
            if !found.contains(&entry) {
                found.push(entry.clone());
            }
        }
    }
    Ok(())
}
