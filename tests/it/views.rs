//! The reads behind the command line: every file prepares, and each view says what is stored.

use crate::harness::sound::{Database, execute};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, SqlSafeStr};
use topup::store::sql::{Named, STATEMENTS};
use topup::store::views::accounts;
use topup::store::views::dead_letters::{self, LetterFilter};
use topup::store::views::health::Examined;
use topup::store::views::invoices::{self, InvoiceFilter};
use topup::store::views::payments::{self, PaymentFilter};
use topup::store::views::records::{self, RecordFilter, RecordName};
use topup::store::views::{Page, Privacy, status};
use topup::store::{ConnectOptions, PgPool};

fn page(after: Option<&str>, limit: i64) -> Page {
    Page { after: after.map(str::to_owned), limit }
}

/// Two more decisions on the parked payment: what `payments explain` reads.
const DECISION: &str = r#"
    INSERT INTO further_decisions VALUES
    (1, 'PAY-2', 'R14', 1, 'suggested', 'amount_only',
     '{"free":"60.00","currency":"SGD","identity":null,"candidates":[{"invoice_id":"INV-7",
       "account_id":"ACC-1","amount_due":"60.00","named_by":"amount","verdict":"amount_only"}],
       "same_amount_account":null,"same_amount_book":1,"notes":[],"suggestions":[],
       "allocations":[]}', 'bank', 'B2', '2026-11-02Z'),
    (2, 'PAY-2', 'R15', 1, 'parked', 'no_candidate', '{"free":"60.00","currency":"SGD"}',
     'crm', 'C1', '2026-11-03Z');
    UPDATE bank_transactions SET debtor_name = 'Tan Ah Seng', debtor_account = 'DBS0012345678'
     WHERE payment_id = 'PAY-2'"#;

#[tokio::test]
async fn every_query_prepares_and_every_view_tells_what_is_stored() {
    let database = Database::create("views").await;
    let pool = database.pool().await;
    let mut connection = pool.driver().acquire().await.expect("connects");
    execute(&mut connection, DECISION).await;
    drop(connection);
    every_query_prepares(&pool).await;
    lists_are_paged(&pool).await;
    one_of_each(&pool).await;
    records_are_found_by_each_name(&pool).await;
    letters_and_status(&pool).await;
    health(&database).await;
    pool.close().await;
    database.drop().await;
}

async fn every_query_prepares(pool: &PgPool) {
    let mut prepared = 0;
    for Named { name, text } in STATEMENTS {
        if name.starts_with("views_") || name.starts_with("audit_") {
            let statement = pool.prepare(text.into_sql_str()).await;
            statement.unwrap_or_else(|error| panic!("{name}: {error}"));
            prepared += 1;
        }
    }
    assert!(prepared > 60, "only {prepared} statements were found");
}

async fn lists_are_paged(pool: &PgPool) {
    let all = InvoiceFilter::default();
    let first = invoices::list(pool, &all, &page(None, 3)).await.expect("lists");
    assert_eq!((first.items.len(), first.next.as_deref()), (3, Some("INV-3")));
    let rest = invoices::list(pool, &all, &page(Some("INV-3"), 3)).await.expect("lists");
    assert_eq!((rest.items.len(), rest.next), (2, None));
    let of_account = InvoiceFilter {
        account: Some("ACC-2".to_owned()),
        status: Some("provisioned".to_owned()),
        reference: None,
    };
    let found = invoices::list(pool, &of_account, &page(None, 9)).await.expect("lists");
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].amount, "7000", "yen have no decimals");

    let parked = PaymentFilter { state: Some("parked".to_owned()), ..PaymentFilter::default() };
    let found = payments::list(pool, &parked, &page(None, 9)).await.expect("lists");
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].unallocated, "60.00");

    let balances = accounts::balances(pool, None, &page(None, 1)).await.expect("lists");
    assert_eq!(balances.next.as_deref(), Some("ACC-1/SGD"));
    let rest = accounts::balances(pool, None, &page(Some("ACC-1/SGD"), 1)).await.expect("lists");
    assert_eq!(rest.items[0].account_id, "ACC-2");
    assert_eq!(accounts::list(pool, None, &page(None, 9)).await.expect("lists").items.len(), 2);
}

async fn one_of_each(pool: &PgPool) {
    let invoice = invoices::show(pool, "INV-2").await.expect("reads").expect("there");
    assert_eq!((invoice.row.amount.as_str(), invoice.row.amount_due.as_str()), ("80.00", "50.00"));
    let steps: Vec<&str> = invoice.timeline.iter().map(|step| step.what.as_str()).collect();
    let paid = "30.00 SGD allocated from payment PAY-1 by R5";
    assert_eq!(steps, ["created as a draft", "sent: it awaits payment", paid]);
    assert!(invoices::show(pool, "INV-9").await.expect("reads").is_none());

    let masked = payments::show(pool, "PAY-2", Privacy::Masked).await.expect("reads");
    let bank = masked.and_then(|payment| payment.bank).expect("bank facts");
    assert_eq!(bank.debtor_name.as_deref(), Some("…eng"));
    assert_eq!(bank.debtor_account.as_deref(), Some("…5678"));
    let full = payments::show(pool, "PAY-2", Privacy::Full).await.expect("reads");
    let bank = full.and_then(|payment| payment.bank).expect("bank facts");
    assert_eq!(bank.debtor_name.as_deref(), Some("Tan Ah Seng"));

    let decisions = payments::decisions(pool, "PAY-2").await.expect("reads");
    assert_eq!(decisions.len(), 3);
    assert_eq!(decisions[1].explanation.candidates[0].verdict, "amount_only");
    // What had no say is shown as nothing, and stored not at all.
    let shown = serde_json::to_value(&decisions[1].explanation).expect("JSON");
    assert_eq!(shown["policies"], json!([]));
    let empty = "SELECT count(*) FROM decisions
                  WHERE convert_from(explanation, 'UTF8') LIKE '%\"policies\":[]%'";
    let empty: i64 = sqlx::query_scalar(empty).fetch_one(pool).await.expect("counts");
    assert_eq!(empty, 0);

    let account = accounts::show(pool, "ACC-1", Privacy::Masked).await.expect("reads");
    let account = account.expect("there");
    assert_eq!(account.awaiting_payment, 1);
    assert_eq!(account.balances[0].balance, "124.00");
    assert_eq!(account.balances[0].credit_limit.as_deref(), Some("50.00"));
    let balance = accounts::balance(pool, "ACC-1").await.expect("reads").expect("there");
    assert_eq!(balance.lots.len(), 2);
}

async fn records_are_found_by_each_name(pool: &PgPool) {
    let filter = |outcome: Option<&str>| RecordFilter {
        outcome: outcome.map(str::to_owned),
        topic: None,
        source: None,
        since: chrono::DateTime::default(),
    };
    let first = records::list(pool, &filter(None), None, &page(None, 2)).await.expect("lists");
    let cursor = first.next.as_deref().and_then(records::RecordCursor::parse);
    let rest = records::list(pool, &filter(None), cursor.as_ref(), &page(None, 9)).await;
    assert_eq!(first.items.len() + rest.expect("lists").items.len(), 7);
    let dead = filter(Some("dead_lettered"));
    let dead = records::list(pool, &dead, None, &page(None, 9)).await.expect("lists");
    assert_eq!(dead.items.len(), 3);

    // By id, by source and id, by the place of the record, of a repeat, of one undecodable.
    for (name, id) in
        [("C1", "C1"), ("crm/C1", "C1"), ("c:0:0", "C1"), ("c:0:4", "C1"), ("c:0:6", "c:0:6")]
    {
        let found = records::find(pool, &RecordName::parse(name)).await.expect("reads");
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].message_id, id, "{name}");
    }
    let found = records::find(pool, &RecordName::parse("C1")).await.expect("reads");
    let row = found.into_iter().next().expect("there");
    let view = records::show(pool, row).await.expect("reads");
    assert_eq!((view.repeats.len(), view.dead_letters.len()), (3, 1));
    assert_eq!(view.allocations.len(), 1, "INV-1 was paid once");
    let waiting = records::find(pool, &RecordName::parse("C3")).await.expect("reads");
    let waiting = records::show(pool, waiting.into_iter().next().expect("there")).await;
    assert_eq!(waiting.expect("reads").waiting.expect("waits").needs, "invoice:INV-9");
}

async fn letters_and_status(pool: &PgPool) {
    let filter = |status: Option<&str>| LetterFilter {
        code: None,
        topic: None,
        key: None,
        text: None,
        since: chrono::DateTime::default(),
        status: status.map(str::to_owned),
    };
    for (status, letters) in [(Some("open"), 3), (Some("discarded"), 1), (None, 4)] {
        let found = dead_letters::list(pool, &filter(status), None, &page(None, 9)).await;
        assert_eq!(found.expect("lists").items.len(), letters, "{status:?}");
    }
    assert_eq!(dead_letters::groups(pool).await.expect("reads").len(), 2);
    let shown = dead_letters::show(pool, 1).await.expect("reads").expect("there");
    assert_eq!(shown.row.code, "dependency_missing");

    let view = status::read(pool).await.expect("reads");
    assert_eq!(view.outbox.unpublished, 0);
    assert_eq!(view.parked[0].unallocated, "60.00");
    assert_eq!(view.waiting[0].needs, "invoice");
    let totals: Vec<&str> = view.balances.iter().map(|b| b.total.as_str()).collect();
    assert_eq!(totals, ["7000", "124.00"]);
}

async fn health(database: &Database) {
    let mut examined =
        Examined::connect(&ConnectOptions::new(&database.url())).await.expect("connects");
    let server = examined.server().await.expect("reads");
    assert!(server.version_number >= 140_000);
    let migrations = examined.migrations().await.expect("reads");
    assert!(migrations.applied > 0);
    assert!(migrations.missing.is_empty() && migrations.changed.is_empty());
    let tables = examined.privileges("topup_worker").await.expect("reads");
    assert_eq!(tables.len(), 3);
    assert!(tables.iter().all(|t| t.may_write == Some(true) && t.may_change == Some(false)));
    let unknown = examined.privileges("nobody_of_this_name").await.expect("reads");
    assert!(unknown.iter().all(|table| !table.role_exists));
}

/// Who stands in the way is named, by what it calls itself and since when.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_that_others_wait_for_is_named() {
    let database = Database::create("views_blocking").await;
    let pool = database.pool().await;
    assert!(status::read(&pool).await.expect("reads").blocking.is_empty());
    let mut sessions = Vec::new();
    for _ in 0..2 {
        sessions.push(PgConnection::connect(&database.url()).await.expect("connects"));
    }
    let (mut waiter, mut session) = (sessions.remove(0), sessions.remove(0));
    let mut holder = session.begin().await.expect("begins");
    let lock = "SELECT 1 FROM accounts WHERE account_id = 'ACC-1' FOR UPDATE";
    holder.execute("SET LOCAL application_name = 'month-end sheet'").await.expect("named");
    holder.execute(lock).await.expect("locks");
    let pid: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *holder).await.expect("a pid");
    let waits =
        tokio::spawn(
            async move { waiter.execute(lock).await.expect("in the end").rows_affected() },
        );
    let found = loop {
        let view = status::read(&pool).await.expect("reads");
        if let Some(found) = view.blocking.into_iter().next() {
            break found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!((found.pid, found.waiting), (pid, 1));
    assert_eq!(found.application, "month-end sheet");
    assert_eq!(found.state, "idle in transaction");
    assert!(found.since.is_some());
    // The tool that is run when nothing goes on names it too.
    let doctor = std::process::Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(["doctor", "--output", "json"])
        .env("DATABASE_URL", database.url())
        .output()
        .expect("runs");
    let told = String::from_utf8_lossy(&doctor.stdout);
    assert!(told.contains(&format!("session {pid} of month-end sheet")), "{told}");
    holder.rollback().await.expect("ends");
    assert_eq!(waits.await.expect("ends"), 1);
    assert!(status::read(&pool).await.expect("reads").blocking.is_empty());
    pool.close().await;
    database.drop().await;
}
