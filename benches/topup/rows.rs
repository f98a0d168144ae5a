//! Row at a time: what one writes first. A record that is parsed already, one transaction, one
//! statement after the other; and the same as one database function per payment. Both look for
//! the invoice and check it under the account's lock; ids, explanations and event payloads are
//! given to them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgPool, Postgres, Row, Transaction};

use crate::World;
use crate::data::CURRENCY;
use crate::database::{Database, execute};
use crate::recorded::{KINDS, Payment};

const LONGEST: Duration = Duration::from_secs(15);
/// Connections, and how many payments they get at most.
const PLAN: [(u32, usize); 3] = [(1, 1_500), (8, 6_000), (32, 6_000)];

/// Payments per second.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub connections: u32,
    pub rate: f64,
}

#[derive(Debug, Default)]
pub struct Rates {
    pub rows: Vec<Rate>,
    pub function: Vec<Rate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Statements,
    Function,
}

pub async fn part(world: &World, payments: &Arc<Vec<Payment>>) -> Rates {
    println!("\n== row at a time, already parsed records, no Kafka");
    let rows = on_ours(world, payments, Form::Statements).await;
    let function = on_ours(world, payments, Form::Function).await;
    Rates { rows, function }
}

/// In our own tables.
async fn on_ours(world: &World, payments: &Arc<Vec<Payment>>, form: Form) -> Vec<Rate> {
    let name = if form == Form::Statements { "rows" } else { "function" };
    let database = world.server.clone_of("base", name).await;
    execute(&database.pool, include_str!("pay.sql")).await;
    execute(&database.pool, KINDS).await;
    let rates = series(&database, name, payments.len(), {
        let payments = Arc::clone(payments);
        move |pool, index| {
            let payments = Arc::clone(&payments);
            async move {
                match form {
                    Form::Statements => pay(&pool, &payments[index]).await,
                    Form::Function => call(&pool, &payments[index]).await,
                }
            }
        }
    })
    .await;
    crate::ours::audit(&database).await;
    world.server.drop(database).await;
    rates
}

/// One database for all numbers of connections; each gets payments of its own.
pub async fn series<F, Paid>(database: &Database, name: &str, count: usize, pay: F) -> Vec<Rate>
where
    F: Fn(PgPool, usize) -> Paid + Clone + Send + 'static,
    Paid: Future<Output = Result<()>> + Send,
{
    let mut rates = Vec::new();
    let mut from = 0;
    for (connections, most) in PLAN {
        let until = (from + most).min(count);
        if from >= until {
            println!("{name}: no payments left for {connections} connections");
            break;
        }
        let rate = one(database, from..until, connections, pay.clone()).await;
        println!("{name}, {connections} connections: {rate:.0} payments/s");
        rates.push(Rate { connections, rate });
        from = until;
    }
    rates
}

async fn one<F, Paid>(database: &Database, range: Range<usize>, connections: u32, pay: F) -> f64
where
    F: Fn(PgPool, usize) -> Paid + Clone + Send + 'static,
    Paid: Future<Output = Result<()>> + Send,
{
    let pool = database.connections(connections).await;
    let next = Arc::new(AtomicUsize::new(range.start));
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (pool, next, end) = (pool.clone(), Arc::clone(&next), range.end);
            let pay = pay.clone();
            tokio::spawn(async move {
                let mut done = 0_usize;
                while started.elapsed() < LONGEST {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= end {
                        break;
                    }
                    pay(pool.clone(), index).await.expect("paid");
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("no panic");
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    pool.close().await;
    rate
}

type Tx = Transaction<'static, Postgres>;
pub type Result<T> = std::result::Result<T, sqlx::Error>;
type Statement = Query<'static, Postgres, PgArguments>;

/// The invoice that a payment pays, under the lock of its account.
struct Found {
    invoice_id: String,
    account_id: String,
    sequence: i64,
}

async fn pay(pool: &PgPool, p: &Payment) -> Result<()> {
    let mut tx = pool.begin().await?;
    let new = sqlx::query(
        "INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome,
             record_offset, subject, processed_at, guards)
         VALUES ($1, $2, $3, $4, 'applied', $5, $6, now(), false) ON CONFLICT DO NOTHING",
    );
    let new = new.bind(&p.source).bind(&p.message_id).bind(&p.content_hash).bind(p.kind);
    let new = new.bind(p.offset).bind(&p.subject);
    if new.execute(&mut *tx).await?.rows_affected() == 0 {
        return tx.commit().await;
    }
    let found = find(&mut tx, p).await?;
    let owner = found.as_ref().map(|found| found.account_id.clone());
    record(&mut tx, p, owner.as_deref()).await?;
    match &found {
        Some(found) => allocate(&mut tx, p, found).await?,
        None => {
            for key in &p.watches {
                let watch = "INSERT INTO watches (watch_key, payment_id) VALUES ($1, $2)";
                let watch = sqlx::query(watch).bind(key).bind(&p.payment_id);
                watch.execute(&mut *tx).await?;
            }
        }
    }
    conclude(&mut tx, p, found.as_ref()).await?;
    tx.commit().await
}

/// By the reference, else by the payer and the exact amount.
async fn find(tx: &mut Tx, p: &Payment) -> Result<Option<Found>> {
    let named = match &p.reference {
        None => None,
        Some(reference) => {
            let by = "SELECT account_id, invoice_id FROM invoices WHERE payment_reference = $1";
            sqlx::query(by).bind(reference).fetch_optional(&mut **tx).await?
        }
    };
    let (account_id, named): (String, Option<String>) = match named {
        Some(row) => (row.try_get(0)?, Some(row.try_get(1)?)),
        None => {
            let by = "SELECT account_id FROM payer_accounts WHERE payer_account = $1";
            let by = sqlx::query(by).bind(&p.debtor_account);
            let Some(row) = by.fetch_optional(&mut **tx).await? else {
                return Ok(None);
            };
            (row.try_get(0)?, None)
        }
    };
    let lock = "SELECT event_sequence FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE";
    let lock = sqlx::query_scalar(lock).bind(&account_id);
    let sequence: i64 = lock.fetch_one(&mut **tx).await?;
    let invoice_id = match named {
        Some(invoice_id) => {
            let check = "SELECT EXISTS (SELECT FROM payable_invoices \
                         WHERE invoice_id = $1 AND due = $2 AND currency = $3)";
            let check = sqlx::query_scalar(check).bind(&invoice_id).bind(p.amount).bind(CURRENCY);
            let fits: bool = check.fetch_one(&mut **tx).await?;
            fits.then_some(invoice_id)
        }
        None => {
            let exact = "SELECT invoice_id FROM payable_invoices \
                         WHERE account_id = $1 AND currency = $2 AND due = $3 \
                         ORDER BY due_date, sent_at, invoice_id LIMIT 1";
            let exact = sqlx::query_scalar(exact).bind(&account_id).bind(CURRENCY).bind(p.amount);
            exact.fetch_optional(&mut **tx).await?
        }
    };
    Ok(invoice_id.map(|invoice_id| Found { invoice_id, account_id, sequence }))
}

/// The payment with its decision, the bank's record and the posting.
async fn record(tx: &mut Tx, p: &Payment, owner: Option<&str>) -> Result<()> {
    let payment = sqlx::query(
        "INSERT INTO money_records (payment_id, account_id, currency, amount, allocated, state,
             reason, origin, received_on, event_sequence, recorded_at,
             first_decision_id, first_rule_set_version, first_policy_version, first_form,
             first_rule, first_outcome, first_reason, first_explanation, first_caused_by_source,
             first_caused_by_id, bank_account, bank_key, content_hash, status, disposition,
             credit_debit, reversal, announced, booking_date, value_date, bank_transaction_id,
             end_to_end_id, debtor_name, debtor_account, unstructured)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'bank', $8, nullif($9::bigint, 0), now(), $10, 1, 0,
             $11, $12, $13, $7, $14, $15, $16, $17, $18, $19, 'BOOK', 'payment', 'CRDT', false,
             false, $8, $8, $20, $21, $22, $23, $24)",
    );
    let payment = payment.bind(&p.payment_id).bind(owner).bind(CURRENCY).bind(p.amount);
    let payment = payment.bind(owner.map_or(0, |_| p.amount)).bind(&p.state).bind(&p.reason);
    let payment = payment.bind(p.booking_date).bind(p.sequence).bind(p.decision_id);
    let payment = payment.bind(p.why.0).bind(&p.rule).bind(&p.outcome).bind(&p.why.1);
    let payment = payment.bind(&p.source).bind(&p.message_id);
    let payment = payment.bind(&p.bank_account).bind(&p.bank_key).bind(&p.bank_hash);
    let payment = payment.bind(&p.bank_id).bind(&p.end_to_end).bind(&p.debtor_name);
    payment.bind(&p.debtor_account).bind(&p.text).execute(&mut **tx).await?;
    let transfer = sqlx::query(
        "INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, debit, credit,
             credit_account, currency, amount, posted_at)
         VALUES ($1, 1, $2::text::ledger_kind, $3, 'bank_clearing', $4::text::ledger_account, $5,
                 $6, $7, now())",
    );
    let credit = if owner.is_some() { "customer_balance" } else { "unallocated_cash" };
    let transfer = transfer.bind(p.ledger_id).bind(&p.ledger_kind).bind(&p.payment_id);
    let transfer = transfer.bind(credit).bind(owner).bind(CURRENCY).bind(p.amount);
    transfer.execute(&mut **tx).await?;
    Ok(())
}

/// The allocation, its lot, the invoice and the balance.
async fn allocate(tx: &mut Tx, p: &Payment, found: &Found) -> Result<()> {
    let id = p.allocation.as_ref().map(|allocation| allocation.id);
    let allocation = sqlx::query(
        "INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency,
             amount, remaining, rule, ledger_transaction_id, allocated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, now())",
    );
    let allocation = allocation.bind(id).bind(&p.payment_id).bind(&found.invoice_id);
    let allocation = allocation.bind(&found.account_id).bind(CURRENCY).bind(p.amount);
    allocation.bind(&p.rule).bind(p.ledger_id).execute(&mut **tx).await?;
    let payable = sqlx::query("DELETE FROM payable_invoices WHERE invoice_id = $1 AND due = $2");
    let payable = payable.bind(&found.invoice_id).bind(p.amount).execute(&mut **tx).await?;
    assert_eq!(payable.rows_affected(), 1, "the invoice was not open");
    let balance = sqlx::query(
        "UPDATE accounts SET balance_currency = $2, balance = balance + $3, balance_at = now()
          WHERE account_id = $1",
    );
    let balance = balance.bind(&found.account_id).bind(CURRENCY).bind(p.amount);
    balance.execute(&mut **tx).await?;
    Ok(())
}

/// The events with the account's next sequences.
async fn conclude(tx: &mut Tx, p: &Payment, found: Option<&Found>) -> Result<()> {
    let (key, first) = match found {
        Some(found) => {
            let next = "UPDATE accounts SET event_sequence = event_sequence + $2, \
                        updated_at = now() WHERE account_id = $1";
            let next = sqlx::query(next).bind(&found.account_id).bind(i64::from(p.events));
            next.execute(&mut **tx).await?;
            (&found.account_id, found.sequence + 1)
        }
        None => (&p.payment_id, 1),
    };
    let outbox = sqlx::query(
        "INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, now())",
    );
    let outbox = outbox.bind(&p.key_kind).bind(key).bind(first).bind(p.events);
    let outbox = outbox.bind(p.form).bind(&p.packed);
    outbox.execute(&mut **tx).await?;
    Ok(())
}

/// The same as one call of the function in `pay.sql`.
async fn call(pool: &PgPool, p: &Payment) -> Result<()> {
    let call: Statement = sqlx::query(
        "SELECT bench_pay($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
             $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)",
    );
    let call = call.bind(p.source.clone()).bind(p.message_id.clone()).bind(p.content_hash.clone());
    let call = call.bind(p.kind);
    let call = call.bind(p.offset).bind(p.subject.clone()).bind(p.reference.clone());
    let call = call.bind(p.bank_account.clone()).bind(p.bank_key.clone()).bind(p.bank_hash.clone());
    let call = call.bind(p.bank_id.clone()).bind(CURRENCY).bind(p.amount).bind(p.booking_date);
    let call = call.bind(p.end_to_end.clone()).bind(p.debtor_name.clone());
    let call = call.bind(p.debtor_account.clone()).bind(p.text.clone());
    let call = call.bind(p.payment_id.clone()).bind(p.sequence).bind(p.ledger_id);
    let call = call.bind(p.allocation.as_ref().map(|allocation| allocation.id));
    let call = call.bind(p.decision_id).bind(p.rule.clone()).bind(p.outcome.clone());
    let call = call.bind(p.reason.clone()).bind(p.why.0).bind(p.why.1.clone());
    let call = call.bind(p.key_kind.clone());
    let call = call.bind(p.events).bind(p.form).bind(p.packed.clone()).bind(p.watches.clone());
    call.execute(pool).await?;
    Ok(())
}
