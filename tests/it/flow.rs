//! Nothing ordinary stops the flow: what deciding looks for has no bound that ends in an error,
//! and booked money is recorded whatever becomes of matching.

use serde_json::json;
use topup::wire::Topic;

use crate::harness::records::{
    BANK, account, allocate, bank, credit, credit_saying, envelope, invoice, payment, with,
};
use crate::harness::{Direct, World, out_record};
use crate::rules::topup;

const PAYER: &str = "DE89370400440532013000";

fn by_payer(id: &str, amount: &str) -> serde_json::Value {
    with(credit(id, amount), &json!({ "debtor": { "account": PAYER, "name": "ACME LTD" } }))
}

/// A customer who overpaid many times, each time by other cents, can still be invoiced: every held
/// payment looks for its own amount.
#[tokio::test]
async fn a_customer_with_many_held_payments_can_be_invoiced() {
    for held in [1_usize, 11, 12, 13, 40] {
        let mut direct = Direct::new(&format!("flow_held_{held}")).await;
        let payers = json!({ "payer_accounts": [PAYER] });
        let known = direct.command("a-1", "account.upsert", &with(account("ACC"), &payers));
        let mut batch = vec![known];
        for number in 0..held {
            let value =
                bank(&format!("b-{number}"), &by_payer(&format!("T{number}"), &cents(number)));
            batch.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
        }
        direct.run(&batch).await;
        let on_account = "SELECT count(*) FROM payments WHERE state = 'on_account'";
        assert_eq!(direct.database.value(on_account).await, held.to_string());
        let made = direct.command("i-1", "invoice.create", &invoice("INV-1", "ACC", "500.00"));
        direct.applied(made).await;
        // One of the amounts is found among all.
        let last = invoice("INV-2", "ACC", &cents(held - 1));
        let fits = direct.command("i-2", "invoice.create", &last);
        direct.applied(fits).await;
        let status = "SELECT status FROM invoice_states WHERE invoice_id = 'INV-2'";
        assert_eq!(direct.database.value(status).await, "provisioned", "{held}");
        direct.finish().await;
    }
}

fn cents(number: usize) -> String {
    format!("{}.{:02}", 70 + number / 100, number % 100)
}

/// Words that look like invoice numbers, more of them than any bound on rounds of loading.
#[tokio::test]
async fn a_text_with_any_number_of_words_is_money() {
    let mut direct = Direct::new("flow_words").await;
    let mut batch = Vec::new();
    for words in [0_usize, 1, 11, 12, 13, 20, 60] {
        let text: Vec<String> = (0..words).map(|word| format!("AB{words:02}{word:02}")).collect();
        for (number, text) in [text.join(" "), text.join("-")].into_iter().enumerate() {
            let id = format!("W{words}-{number}");
            // What a feed may send at the most.
            let text: String = text.chars().take(140).collect();
            let said = credit_saying(&id, "7.77", &text);
            let data = if text.is_empty() { credit(&id, "7.77") } else { said };
            let value = bank(&id, &data);
            batch.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
        }
    }
    let ended = direct.run(&batch).await;
    assert!(ended.iter().all(|end| end.outcome == "applied"), "{ended:?}");
    // And each of them alone, as the rematch job and a replay take them.
    let payments = "SELECT count(*) FROM payments WHERE state = 'parked'";
    assert_eq!(direct.database.value(payments).await, batch.len().to_string());
    direct.finish().await;
}

/// A second customer registers the payer of the first one's held money: all of it is looked at.
#[tokio::test]
async fn a_payer_that_two_customers_register_stops_nobody() {
    let mut direct = Direct::new("flow_shared_payer").await;
    let payers = json!({ "payer_accounts": [PAYER] });
    let mut batch = vec![direct.command("a-1", "account.upsert", &with(account("ONE"), &payers))];
    for number in 0..15 {
        let value = bank(&format!("b-{number}"), &by_payer(&format!("T{number}"), &cents(number)));
        batch.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
    }
    batch.push(direct.command("a-2", "account.upsert", &with(account("TWO"), &payers)));
    for (number, owner) in ["ONE", "TWO"].into_iter().enumerate() {
        let made = invoice(&format!("INV-{number}"), owner, "900.00");
        batch.push(direct.command(&format!("i-{number}"), "invoice.create", &made));
    }
    let ended = direct.run(&batch).await;
    assert!(ended.iter().all(|end| end.outcome == "applied"), "{ended:?}");
    direct.finish().await;
}

/// Refuses to allocate to an invoice `BAD-<SQLSTATE>`, with that SQLSTATE.
const FAULT: [&str; 2] = [
    "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
        IF NEW.invoice_id LIKE 'BAD-%' THEN
            RAISE EXCEPTION 'a fault' USING ERRCODE = split_part(NEW.invoice_id, '-', 2);
        END IF;
        RETURN NEW;
     END $$",
    "CREATE TRIGGER broken BEFORE INSERT ON allocations FOR EACH ROW EXECUTE FUNCTION broken()",
];

/// What the database refuses of a matched payment never costs the money, whatever kind of fault it
/// is (of the data, unknown, of memory, of time): it is recorded, parked `undecided`, and decided
/// by the job once the fault is gone. Its neighbours do not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn booked_money_is_recorded_when_matching_cannot_finish() {
    const CODES: [&str; 4] = ["22023", "XX000", "53200", "57014"];
    let world = World::with_partitions("flow_undecided", 1).await;
    for sql in FAULT {
        world.database.execute(sql).await;
    }
    let worker = world.start().await;
    for code in CODES {
        for (name, amount) in [("BAD", "10.00"), ("ONE", "20.00"), ("TWO", "20.00")] {
            let id = format!("{name}-{code}");
            let made = invoice(&id, "ACC", amount);
            world.applied(&format!("i-{id}"), "invoice.create", "ACC", made).await;
        }
    }
    for code in CODES {
        for (name, amount) in [("ONE", "20.00"), ("BAD", "10.00"), ("TWO", "20.00")] {
            let id = format!("{name}-{code}");
            let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{id}'");
            let reference = world.value(&sql).await;
            world.bank(&id, credit_saying(&id, amount, &reference)).await;
        }
    }
    for code in CODES {
        for name in ["ONE", "BAD", "TWO"] {
            let id = format!("{name}-{code}");
            assert_eq!(world.outcome(&id).await, ("applied".to_owned(), None), "{id}");
        }
    }
    let undecided = "SELECT count(*) FROM payments WHERE state = 'parked' AND reason = 'undecided'";
    let paid = "SELECT count(*) FROM invoice_states WHERE status = 'provisioned'";
    assert_eq!(world.value(undecided).await, "4");
    assert_eq!(world.value(paid).await, "8");
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "0");
    world.database.execute("DROP TRIGGER broken ON allocations").await;
    let done = topup(&world.database, &["jobs", "run", "rematch", "--operator", "alice"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(world.value(undecided).await, "0");
    assert_eq!(world.value(paid).await, "12");
    worker.shutdown().await;
    world.finish().await;
}

/// A command that the database refuses is a dead letter under its own id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_refused_is_found_by_its_id() {
    let world = World::with_partitions("flow_refused", 1).await;
    for sql in FAULT {
        world.database.execute(sql).await;
    }
    let worker = world.start().await;
    world.applied("i", "invoice.create", "ACC", invoice("BAD-22023", "ACC", "10.00")).await;
    world.applied("p", "payment.record", "ACC", payment("PAY-1", "ACC", "10.00")).await;
    world.command("link", "payment.allocate", "ACC", allocate("PAY-1", "ACC", "BAD-22023")).await;
    world.applied("next", "account.upsert", "ACC", account("ACC")).await;
    let refused = ("dead_lettered".to_owned(), Some("unprocessable".to_owned()));
    assert_eq!(world.outcome("link").await, refused);
    let letter = "SELECT message_id FROM dead_letters";
    assert_eq!(world.value(letter).await, "link");
    worker.shutdown().await;
    world.finish().await;
}

/// A feed of texts full of words that no invoice has: one batch of them takes a bounded number of
/// locks, so that it and everybody else goes on with PostgreSQL as it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_full_of_unknown_words_do_not_fill_the_lock_table() {
    const PAYMENTS: usize = 120;
    let world = World::with_partitions("flow_locks", 1).await;
    // The worker finds them all at once.
    let records = (0..PAYMENTS)
        .map(|number| {
            let words: Vec<String> = (0..12).map(|word| format!("AB{number}-{word}")).collect();
            let value = bank(
                &format!("W{number}"),
                &credit_saying(&format!("W{number}"), "7.77", &words.join(" ")),
            );
            out_record(&world.topics.bank_payments, Some(BANK), Some(value.as_bytes()))
        })
        .collect();
    world.publish_all(records).await;
    let most = world.database.admin.clone();
    let worker = world.start().await;
    let watch = tokio::spawn(async move {
        let sql = "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM pg_locks
            WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database
                WHERE datname = current_database()) GROUP BY pid) per";
        let mut most_seen = 0_i64;
        for _ in 0..400 {
            let now: i64 = sqlx::query_scalar(sql).fetch_one(&most).await.expect("locks");
            most_seen = most_seen.max(now);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        most_seen
    });
    let parked = "SELECT count(*) FROM payments WHERE state = 'parked'";
    world.until(parked, &PAYMENTS.to_string()).await;
    let most_seen = watch.await.expect("no panic");
    assert!(most_seen <= 544 + 8, "one transaction held {most_seen} locks");
    worker.shutdown().await;
    world.finish().await;
}

/// A record under a source of ours could take the id of an act of ours before it happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_of_our_own_are_refused_from_outside() {
    let world = World::with_partitions("flow_sources", 1).await;
    let worker = world.start().await;
    for source in topup::domain::ids::own_source::ALL {
        let data = invoice(&format!("INV-{source}"), "ACC", "5.00");
        let value = envelope("rematch:1", source, "topup.invoice.create.v1", &data);
        world.publish(&world.topics.commands, "ACC", &value).await;
    }
    world.applied("next", "account.upsert", "ACC", account("ACC")).await;
    let refused = "SELECT count(*) FROM dead_letters WHERE code = 'source_reserved'";
    assert_eq!(world.value(refused).await, "5");
    assert_eq!(world.value("SELECT count(*) FROM invoices").await, "0");
    let filed = "SELECT count(*) FROM inbox WHERE message_id = 'rematch:1'";
    assert_eq!(world.value(filed).await, "0", "no id of ours is taken");
    worker.shutdown().await;
    world.finish().await;
}

/// A process that stands still with a transaction open (suspended, or a machine that hangs) loses
/// its locks at the server's limit, and who stands by takes over. The limit is beyond the time that
/// the relay may wait for Kafka, and no more than 35 seconds as it comes.
#[tokio::test]
async fn a_process_that_stands_still_loses_its_locks() {
    use std::time::Duration;
    use topup::kafka::ProducerConfig;
    use topup::store::{ConnectOptions, connect};
    let direct = Direct::new("flow_frozen").await;
    let mut options = ConnectOptions::new(&direct.database.url);
    assert!(options.idle_in_transaction_timeout <= Duration::from_secs(35));
    let delivery = ProducerConfig::new("127.0.0.1:9").delivery_timeout;
    assert!(options.idle_in_transaction_timeout > delivery);
    options.idle_in_transaction_timeout = Duration::from_millis(700);
    let (frozen, standby) = (connect(&options).await, connect(&options).await);
    let (frozen, standby) = (frozen.expect("a pool"), standby.expect("a pool"));
    let lead = "SELECT pg_try_advisory_xact_lock(hashtextextended('relay', 0))";
    let mut held = frozen.begin().await.expect("begin");
    let leads: bool = sqlx::query_scalar(lead).fetch_one(&mut *held).await.expect("asked");
    assert!(leads);
    let refused: bool = sqlx::query_scalar(lead).fetch_one(&standby).await.expect("asked");
    assert!(!refused, "two lead");
    let started = std::time::Instant::now();
    while !sqlx::query_scalar::<_, bool>(lead).fetch_one(&standby).await.expect("asked") {
        assert!(started.elapsed() < crate::harness::PATIENCE, "nobody took over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Who wakes up cannot commit what it had begun.
    assert!(sqlx::query("SELECT 1").execute(&mut *held).await.is_err());
    drop(held);
    frozen.close().await;
    standby.close().await;
    direct.finish().await;
}
