//! The same payments into tables that were never ours: the schema of `natural.sql`, a row for each
//! event, and no thought of what is lean. So a leaner schema of ours does not flatter itself by
//! making its opponents leaner as well. What is written follows from the book alone.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::{PgPool, Postgres, Transaction};

use crate::World;
use crate::data::{BANK_SOURCE, Book, CURRENCY, Fact, SENT_AT, Way, decimal};
use crate::database::{Database, Server, copy, execute, number, payers};
use crate::rows::{self, Rate};
use crate::{natural_limit, rows::Result};

pub const TEMPLATE: &str = "natural";
const BOOKED: chrono::NaiveDate = chrono::NaiveDate::from_ymd_opt(2026, 11, 22).expect("a day");
const MICROS: i64 = 10_000;

#[derive(Debug, Default)]
pub struct Rates {
    pub rows: Vec<Rate>,
    pub limit: Vec<Rate>,
}

/// A payment that is parsed already, and the events that it causes.
pub struct Payment {
    pub message_id: String,
    pub content_hash: Vec<u8>,
    pub bank_account: &'static str,
    pub bank_id: String,
    pub booked: chrono::NaiveDate,
    pub debtor_name: String,
    pub debtor_account: String,
    pub text: String,
    pub amount: i64,
    /// Invoice and account.
    pub pays: Option<(String, String)>,
    /// As it stands in the text.
    pub reference: Option<String>,
    pub key: String,
    pub events: Vec<String>,
}

pub async fn part(world: &World, payments: usize) -> Rates {
    println!("\n== natural: the same payments in the tables of a textbook");
    seed(&world.server, &world.book).await;
    let all: Arc<Vec<Payment>> = Arc::new(world.book.facts(payments).map(Payment::of).collect());
    let database = world.server.clone_of(TEMPLATE, "natural_rows").await;
    let count = all.len();
    let rows = rows::series(&database, "natural rows", count, {
        let all = Arc::clone(&all);
        move |pool, index| {
            let all = Arc::clone(&all);
            async move { pay(&pool, &all[index]).await }
        }
    })
    .await;
    check(&database).await;
    world.server.drop(database).await;
    let limit = natural_limit::part(world, &all).await;
    Rates { rows, limit }
}

async fn seed(server: &Server, book: &Book) {
    let database = server.empty(TEMPLATE).await;
    let pool = &database.pool;
    execute(pool, include_str!("natural.sql")).await;
    let accounts = book.account_ids().map(|id| format!("{id}\tCustomer {id}\t{SENT_AT}"));
    copy(pool, "accounts (account_id, name, created_at)", accounts).await;
    copy(pool, "payer_accounts (payer_account, account_id)", payers(book)).await;
    let invoices = (0..book.invoices + book.hot).map(|index| {
        let invoice = book.invoice(index);
        let (id, account, amount) = (invoice.id, invoice.account, invoice.cents * MICROS);
        let reference = invoice.reference;
        format!(
            "{id}\t{account}\tTopup\t{CURRENCY}\t{amount}\tawaiting_payment\t{reference}\t\
             {SENT_AT}"
        )
    });
    let columns = "invoices (invoice_id, account_id, name, currency, amount, status, \
                   payment_reference, sent_at)";
    copy(pool, columns, invoices).await;
    execute(pool, "VACUUM (FREEZE, ANALYZE)").await;
    pool.close().await;
}

/// What must hold whoever paid.
pub async fn check(database: &Database) {
    let wrong = [
        "SELECT coalesce(sum(amount), 1)::bigint FROM ledger_entries",
        "SELECT count(*) FROM (SELECT account_id, sum(amount) AS amount FROM ledger_entries \
         WHERE ledger_account = 'customer_balance' GROUP BY 1) l \
         FULL JOIN balances b USING (account_id) WHERE l.amount IS DISTINCT FROM b.amount",
        "SELECT (SELECT count(*) FROM inbox) - (SELECT count(*) FROM payments)",
        "SELECT (SELECT count(*) FROM payments WHERE status = 'allocated') \
         - (SELECT count(*) FROM invoices WHERE status = 'provisioned')",
        "SELECT (SELECT count(*) FROM allocations) \
         - (SELECT count(*) FROM invoices WHERE allocated > 0)",
    ];
    for sql in wrong {
        assert_eq!(number(&database.pool, sql).await, 0, "{sql}");
    }
}

impl Payment {
    fn of(fact: Fact) -> Self {
        let message_id = format!("bank-{:08}", fact.index);
        let bank_id = format!("T{:08}", fact.index);
        let (key, events) = events(&fact, &bank_id);
        let reference = match (fact.way, &fact.invoice) {
            (Way::Reference(_), Some(invoice)) => Some(invoice.reference.clone()),
            (Way::Reference(_) | Way::Payer(_) | Way::Unknown, _) => None,
        };
        let hash = Sha256::digest(format!("{message_id}{bank_id}{}{}", fact.text, fact.cents));
        Self {
            message_id,
            content_hash: hash.to_vec(),
            bank_account: fact.bank_account,
            bank_id,
            booked: BOOKED,
            debtor_name: format!("Customer {}", fact.index),
            debtor_account: fact.debtor_account,
            text: fact.text,
            amount: fact.cents * MICROS,
            pays: fact.invoice.map(|invoice| (invoice.id, invoice.account)),
            reference,
            key,
            events,
        }
    }
}

/// The key, and what a matched payment tells, or one that is not.
fn events(fact: &Fact, bank_id: &str) -> (String, Vec<String>) {
    let payment = format!("BANK:{}:{bank_id}", fact.bank_account);
    let money = format!(r#""amount":"{}","currency":"{CURRENCY}""#, decimal(fact.cents));
    let event = |number: usize, kind: &str, data: &str| {
        format!(
            concat!(
                r#"{{"specversion":"1.0","id":"{}-{}","source":"topup","type":"topup.{}.v1","#,
                r#""time":"2026-11-22T10:00:00.000000Z","datacontenttype":"application/json","#,
                r#""causationid":"bank-{:08}","causationsource":"bank-gateway","data":{{{}}}}}"#
            ),
            bank_id, number, kind, fact.index, data
        )
    };
    let Some(invoice) = &fact.invoice else {
        let data = format!(r#""payment_id":"{payment}",{money},"reason":"unknown_payer""#);
        return (payment, vec![event(1, "payment.parked", &data)]);
    };
    let account = format!(r#""account_id":"{}""#, invoice.account);
    let paid = format!(r#""payment_id":"{payment}","invoice_id":"{}""#, invoice.id);
    let origin = r#""received_on":"2026-11-22","origin":"bank""#;
    let recorded = format!(r#""payment_id":"{payment}",{account},{money},{origin}"#);
    let events = vec![
        event(1, "payment.recorded", &recorded),
        event(2, "payment.allocated", &format!(r#"{paid},{account},{money},"rule":"R1""#)),
        event(
            3,
            "invoice.provisioned",
            &format!(r#""invoice_id":"{}",{account},{money}"#, invoice.id),
        ),
        event(4, "balance.changed", &format!(r#"{account},{money},"reason":"topup""#)),
    ];
    (invoice.account.clone(), events)
}

type Tx = Transaction<'static, Postgres>;

/// One payment, one transaction, one statement after the other.
async fn pay(pool: &PgPool, p: &Payment) -> Result<()> {
    let mut tx = pool.begin().await?;
    let new = "INSERT INTO inbox (source, message_id, content_hash) VALUES ($1, $2, $3) \
               ON CONFLICT DO NOTHING";
    let new = sqlx::query(new).bind(BANK_SOURCE).bind(&p.message_id).bind(&p.content_hash);
    if new.execute(&mut *tx).await?.rows_affected() == 0 {
        return tx.commit().await;
    }
    let found = find(&mut tx, p).await?;
    let owner = found.as_ref().map(|(_, account)| account.as_str());
    let payment = sqlx::query_scalar(
        "INSERT INTO payments (bank_account, bank_transaction_id, account_id, currency, amount,
             status, booking_date, value_date, end_to_end_id, debtor_name, debtor_account,
             remittance)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 'NOTPROVIDED', $8, $9, $10) RETURNING payment_id",
    );
    let payment = payment.bind(p.bank_account).bind(&p.bank_id).bind(owner).bind(CURRENCY);
    let payment = payment.bind(p.amount).bind(owner.map_or("parked", |_| "allocated"));
    let payment = payment.bind(p.booked).bind(&p.debtor_name).bind(&p.debtor_account);
    let payment: i64 = payment.bind(&p.text).fetch_one(&mut *tx).await?;
    if let Some((invoice, account)) = &found {
        allocate(&mut tx, p, payment, invoice, account).await?;
    }
    let entries = "INSERT INTO ledger_entries (payment_id, ledger_account, account_id, currency, \
                   amount) VALUES ($1, 'bank_clearing', NULL, $2, -$3), ($1, $4, $5, $2, $3)";
    let credit = owner.map_or("unallocated_cash", |_| "customer_balance");
    let entries = sqlx::query(entries).bind(payment).bind(CURRENCY).bind(p.amount);
    entries.bind(credit).bind(owner).execute(&mut *tx).await?;
    for event in &p.events {
        let told =
            "INSERT INTO outbox (topic, record_key, payload) VALUES ('topup.events.v1', $1, $2)";
        sqlx::query(told).bind(&p.key).bind(event).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// Invoice and account, the invoice locked: by the reference, else by payer and amount.
async fn find(tx: &mut Tx, p: &Payment) -> Result<Option<(String, String)>> {
    let found = match &p.reference {
        Some(reference) => {
            let by = "SELECT invoice_id, account_id FROM invoices \
                      WHERE payment_reference = $1 AND status = 'awaiting_payment' \
                      AND currency = $2 AND amount - allocated = $3 FOR UPDATE";
            sqlx::query_as(by).bind(reference)
        }
        None => {
            let by = "SELECT i.invoice_id, i.account_id \
                      FROM payer_accounts p JOIN invoices i ON i.account_id = p.account_id \
                      WHERE p.payer_account = $1 AND i.status = 'awaiting_payment' \
                      AND i.currency = $2 AND i.amount = $3 AND i.allocated = 0 \
                      ORDER BY i.sent_at, i.invoice_id LIMIT 1 FOR UPDATE OF i";
            sqlx::query_as(by).bind(&p.debtor_account)
        }
    };
    found.bind(CURRENCY).bind(p.amount).fetch_optional(&mut **tx).await
}

async fn allocate(
    tx: &mut Tx,
    p: &Payment,
    payment: i64,
    invoice: &str,
    account: &str,
) -> Result<()> {
    let paid = "UPDATE invoices SET allocated = allocated + $2, status = 'provisioned', \
                provisioned_at = now() WHERE invoice_id = $1";
    sqlx::query(paid).bind(invoice).bind(p.amount).execute(&mut **tx).await?;
    let link = "INSERT INTO allocations (payment_id, invoice_id, amount) VALUES ($1, $2, $3)";
    let link = sqlx::query(link).bind(payment).bind(invoice).bind(p.amount);
    link.execute(&mut **tx).await?;
    let gain = "INSERT INTO balances AS b (account_id, currency, amount) VALUES ($1, $2, $3) \
                ON CONFLICT (account_id, currency) \
                DO UPDATE SET amount = b.amount + EXCLUDED.amount, updated_at = now()";
    let gain = sqlx::query(gain).bind(account).bind(CURRENCY).bind(p.amount);
    gain.execute(&mut **tx).await?;
    Ok(())
}
