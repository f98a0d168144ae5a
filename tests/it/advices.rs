//! Remittance advice on PostgreSQL: before the money and after it, in two lanes at once, ended by
//! its age, and shown to people. The rows refuse what the rules refuse.

use std::process::Command;

use chrono::Utc;
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::pipeline::batch::{Ended, Item, run_in_tx};
use topup::store::load::Locks;
use topup::store::{StoreError, Tx, next_id_block};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, bank, credit, credit_saying, draft, envelope, invoice, with};
use crate::jobs::runner_at;
use crate::late_locks::late;

const PAYER: &str = "NL55BANK0420417164";

pub fn lines(of: &[(&str, &str)]) -> Value {
    of.iter().map(|(id, amount)| json!({ "invoice_id": id, "amount": amount })).collect()
}

pub fn told(id: &str, amount: &str, invoices: &Value) -> Value {
    json!({
        "advice_id": id,
        "bank_account": BANK,
        "payer_account": "NL55 BANK 0420 4171 64",
        "amount": amount,
        "currency": "SGD",
        "invoices": invoices,
    })
}

pub fn advice(direct: &mut Direct, record: &str, data: &Value) -> Item {
    let value = envelope(record, "lockbox", "topup.remittance.advice.v1", data);
    direct.item(Topic::BankPayments, Some(BANK), value.as_bytes())
}

pub fn money(direct: &mut Direct, id: &str, amount: &str) -> Item {
    let payer = json!({ "debtor": { "account": PAYER, "name": "Jane Roe" } });
    let value = bank(id, &with(credit(id, amount), &payer));
    direct.item(Topic::BankPayments, Some(BANK), value.as_bytes())
}

pub async fn sent(direct: &mut Direct, id: &str, account: &str, amount: &str) {
    let item = direct.command(&format!("c-{id}"), "invoice.create", &invoice(id, account, amount));
    direct.applied(item).await;
}

async fn paid(direct: &Direct) -> String {
    let sql = "SELECT coalesce(string_agg(format('%s %s %s %s', payment_id, invoice_id, rule,
                 amount / 1000000), ', ' ORDER BY payment_id, invoice_id), '') FROM allocations";
    direct.database.value(sql).await
}

async fn state(direct: &Direct, id: &str) -> String {
    let sql = format!(
        "SELECT state || ' ' || coalesce(used_by_payment, '') FROM remittance_advices
          WHERE advice_id = '{id}'"
    );
    direct.database.value(&sql).await
}

fn topup(direct: &Direct, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &direct.database.url)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Both ways of locking, before the money and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advice_names_what_the_payment_is_for() {
    let mut direct = Direct::new("advice_pays").await;
    for (id, amount) in [("I1", "60.00"), ("I2", "40.00"), ("I3", "70.00"), ("I4", "80.00")] {
        sent(&mut direct, id, "A", amount).await;
    }
    let both = told("ADV-1", "100.00", &lines(&[("I1", "60.00"), ("I2", "40.00")]));
    let item = advice(&mut direct, "a-1", &both);
    direct.applied(item).await;
    assert_eq!(state(&direct, "ADV-1").await, "open ");
    let item = money(&mut direct, "T1", "100.00");
    late(&direct, item).await.expect("paid");
    let first = format!("BANK:{BANK}:T1 I1 R2a 60, BANK:{BANK}:T1 I2 R2a 40");
    assert_eq!(paid(&direct).await, first);
    assert_eq!(state(&direct, "ADV-1").await, format!("used BANK:{BANK}:T1"));

    // After the money, the parked payment is matched in the same transaction, and says so.
    let item = money(&mut direct, "T2", "70.00");
    late(&direct, item).await.expect("parked");
    let item = advice(&mut direct, "a-2", &told("ADV-2", "70.00", &lines(&[("I3", "70.00")])));
    direct.applied(item).await;
    assert_eq!(state(&direct, "ADV-2").await, format!("used BANK:{BANK}:T2"));
    let told_late = topup(&direct, &["payments", "explain", &format!("BANK:{BANK}:T2")]);
    for words in [
        "remittance advice ADV-2 of 70.00 SGD for invoice I3: it belongs to this payment",
        "the remittance advice came after the money",
        "rule R2a",
        "remittance advice: Taken.",
    ] {
        assert!(told_late.contains(words), "{words}: {told_late}");
    }

    // Advice and money in one batch, in both orders; both with other records.
    let batch = [
        money(&mut direct, "T3", "80.00"),
        advice(&mut direct, "a-3", &told("ADV-3", "80.00", &lines(&[("I4", "80.00")]))),
        advice(&mut direct, "a-4", &told("ADV-4", "25.00", &lines(&[("I5", "25.00")]))),
        direct.command("c-I5", "invoice.create", &draft("I5", "A", "25.00")),
        money(&mut direct, "T4", "25.00"),
        direct.command("c-s", "invoice.mark-sent", &json!({"invoice_id":"I5","account_id":"A"})),
    ];
    let ended = direct.run(&batch).await;
    assert!(ended.iter().all(|end| end.outcome == "applied"), "{ended:?}");
    let rest = paid(&direct).await;
    assert!(rest.contains("T3 I4 R2a 80") && rest.contains("T4 I5 R2a 25"), "{rest}");
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advice_waits_for_its_invoice_and_is_found_by_its_reference() {
    let mut direct = Direct::new("advice_waits").await;
    let by_reference = json!([
        { "reference": "SO/2026/00417", "amount": "30.00" },
        { "invoice_id": "I2", "amount": "20.00" },
    ]);
    let more = json!({ "payer_account": "N/A", "payment_reference": "REM-2026/00417" });
    let data = with(told("ADV-1", "50.00", &by_reference), &more);
    let item = advice(&mut direct, "a-1", &data);
    direct.applied(item).await;
    let data = credit_saying("T1", "50.00", "our rem 2026 00417");
    let item = direct.item(Topic::BankPayments, None, bank("T1", &data).as_bytes());
    late(&direct, item).await.expect("parked");
    let parked = "SELECT reason FROM payments";
    assert_eq!(direct.database.value(parked).await, "not_sent");
    sent(&mut direct, "I2", "A", "20.00").await;
    assert_eq!(paid(&direct).await, "", "all of it, or nothing");
    let quoted = json!({ "references": ["SO/2026/00417"] });
    let data = with(invoice("I1", "A", "30.00"), &quoted);
    let item = direct.command("c-1", "invoice.create", &data);
    direct.applied(item).await;
    let both = format!("BANK:{BANK}:T1 I1 R2a 30, BANK:{BANK}:T1 I2 R2a 20");
    assert_eq!(paid(&direct).await, both);
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_plain_goes_to_a_person() {
    let mut direct = Direct::new("advice_person").await;
    sent(&mut direct, "I1", "A", "60.00").await;
    sent(&mut direct, "I2", "B", "60.00").await;
    for (id, invoice) in [("ADV-1", "I1"), ("ADV-2", "I2")] {
        let data = told(id, "60.00", &lines(&[(invoice, "60.00")]));
        let item = advice(&mut direct, id, &data);
        direct.applied(item).await;
    }
    let item = money(&mut direct, "T1", "60.00");
    late(&direct, item).await.expect("parked");
    let payments =
        "SELECT string_agg(payment_id || ' ' || state || ' ' || coalesce(reason, ''), ', '
                      ORDER BY payment_id) FROM payments";
    let ambiguous = |id: &str| format!("BANK:{BANK}:{id} parked advice_ambiguous");
    assert_eq!(direct.database.value(payments).await, ambiguous("T1"));
    let ambiguous_states = (state(&direct, "ADV-1").await, state(&direct, "ADV-2").await);
    assert_eq!(ambiguous_states, ("ambiguous ".to_owned(), "ambiguous ".to_owned()));
    let suggested =
        "SELECT string_agg(invoice_id, ' ' ORDER BY invoice_id) FROM suggestion_invoices";
    assert_eq!(direct.database.value(suggested).await, "I1 I2", "both are shown");
    let explained = topup(&direct, &["payments", "explain", &format!("BANK:{BANK}:T1")]);
    assert!(explained.contains("Remittance advices that fit the payment: ADV-1, ADV-2."));
    assert!(explained.contains("ADV-2 of 60.00 SGD for invoice I2: it is ambiguous"));
    assert!(explained.contains("`topup advices list`"), "{explained}");

    // Two payments that were there before.
    for id in ["T2", "T3"] {
        let item = money(&mut direct, id, "33.00");
        direct.applied(item).await;
    }
    let data = told("ADV-3", "33.00", &lines(&[("I1", "33.00")]));
    let item = advice(&mut direct, "a-3", &data);
    direct.applied(item).await;
    let all = [ambiguous("T1"), ambiguous("T2"), ambiguous("T3")].join(", ");
    assert_eq!(direct.database.value(payments).await, all);
    assert_eq!(paid(&direct).await, "");

    // Sent twice, and under the same id with other content.
    let item = advice(&mut direct, "a-4", &data);
    assert_eq!(direct.run(&[item]).await[0].outcome, "duplicate");
    let other = with(data, &json!({ "invoices": lines(&[("I2", "33.00")]) }));
    let item = advice(&mut direct, "a-5", &other);
    let ended = &direct.run(&[item]).await[0];
    let code = (ended.outcome, ended.code.as_deref());
    assert_eq!(code, ("dead_lettered", Some("advice_conflict")));
    let wrong = told("ADV-9", "33.00", &lines(&[("I2", "33.01")]));
    let item = advice(&mut direct, "a-6", &wrong);
    let ended = &direct.run(&[item]).await[0];
    let code = (ended.outcome, ended.code.as_deref());
    assert_eq!(code, ("dead_lettered", Some("advice_sum_mismatch")));

    let listed = topup(&direct, &["advices", "list", "--state", "ambiguous", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let listed = &listed["items"];
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");
    assert_eq!(listed[0]["invoices"], json!(["I1"]), "the newest first: {listed}");
    assert!(!listed.to_string().contains("0420"), "no account number: {listed}");
    let status = topup(&direct, &["status", "--output", "json"]);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let group = &status["advices"][0];
    assert_eq!((&group["state"], &group["advices"]), (&json!("ambiguous"), &json!(3)), "{status}");
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advice_without_a_payment_expires_and_is_seen() {
    let mut direct = Direct::new("advice_expires").await;
    sent(&mut direct, "I1", "A", "60.00").await;
    let data = told("ADV-1", "60.00", &lines(&[("I1", "60.00")]));
    let item = advice(&mut direct, "a-1", &data);
    direct.applied(item).await;
    direct.database.execute("ALTER TABLE remittance_advices DISABLE TRIGGER USER").await;
    let old = "UPDATE remittance_advices SET received_at = received_at - interval '91 days',
               expires_at = expires_at - interval '91 days'";
    direct.database.execute(old).await;
    direct.database.execute("ALTER TABLE remittance_advices ENABLE TRIGGER USER").await;
    // Before the job has marked it, too, it is about no payment any more.
    let item = money(&mut direct, "T1", "60.00");
    direct.applied(item).await;
    assert_eq!(state(&direct, "ADV-1").await, "open ");
    let (runner, _stop) = runner_at(&direct, Utc::now());
    runner.prepare().await.expect("prepared");
    let done = runner.run_by(Job::ExpireWaiting, "alice", Clock::System.now()).await;
    let JobEnded::Done(report) = done.expect("ran") else { panic!("it was not done") };
    assert!(report.summary.contains("1 remittance advices without a payment expired"));
    assert_eq!(state(&direct, "ADV-1").await, "expired ");
    assert!(topup(&direct, &["advices", "list", "--state", "expired"]).contains("ADV-1"));
    assert!(topup(&direct, &["status"]).contains("expired"));
    assert_eq!(paid(&direct).await, "");
    direct.database.audit().await;
    direct.finish().await;
}

async fn run_in(
    direct: &Direct,
    tx: &mut Tx<'_>,
    item: &Item,
    locks: Locks,
) -> Result<Vec<Ended>, StoreError> {
    let block = next_id_block(tx).await?;
    let at = Utc::now();
    let items = std::slice::from_ref(item);
    Ok(run_in_tx(&direct.pipeline, tx, items, block, locks, at).await?.ended)
}

/// As a lane does it: what was raced is decided again under its locks.
async fn lane(direct: &Direct, item: Item) {
    for locks in [Locks::Last, Locks::First, Locks::First, Locks::First] {
        let mut tx = direct.pipeline.pool().begin().await.expect("begin");
        match run_in(direct, &mut tx, &item, locks).await {
            Ok(ended) => {
                assert_eq!(ended[0].outcome.word(), "applied", "{ended:?}");
                return tx.commit().await.expect("commit");
            }
            Err(error) if error.is_race() => tx.rollback().await.expect("rollback"),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("raced for ever");
}

/// An advice in one partition and its money in another, at the same moment: whichever commits
/// first, the other waits for its end and sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advice_and_its_money_in_two_lanes_see_each_other() {
    let mut direct = Direct::new("advice_race").await;
    for n in 0..50 {
        let (id, amount) = (format!("R{n}"), format!("{}.00", 100 + n));
        sent(&mut direct, &id, "A", &amount).await;
        let data = told(&format!("ADV-{n}"), &amount, &lines(&[(&id, &amount)]));
        let advised = advice(&mut direct, &format!("a-{n}"), &data);
        let booked = money(&mut direct, &format!("T{n}"), &amount);
        let money_first = n % 2 == 0;
        let (first, second) = if money_first { (booked, advised) } else { (advised, booked) };
        let locks = if money_first { Locks::Last } else { Locks::First };
        let mut open = direct.pipeline.pool().begin().await.expect("begin");
        run_in(&direct, &mut open, &first, locks).await.expect("processed");
        let commits = async {
            let waits = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                WHERE NOT granted AND datname = current_database()";
            while direct.database.value(waits).await == "0" {
                tokio::task::yield_now().await;
            }
            open.commit().await.expect("commit");
        };
        tokio::join!(lane(&direct, second), commits);
        let used = format!("used BANK:{BANK}:T{n}");
        assert_eq!(state(&direct, &format!("ADV-{n}")).await, used, "{n} {money_first}");
        let rule = format!("SELECT rule FROM allocations WHERE invoice_id = '{id}'");
        assert_eq!(direct.database.value(&rule).await, "R2a", "{n} {money_first}");
    }
    direct.database.audit().await;
    direct.finish().await;
}

/// Two payments of one payer in two lanes, and one advice: it is used once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_payments_in_two_lanes_use_an_advice_once() {
    let mut direct = Direct::new("advice_once").await;
    for n in 0..50 {
        let (id, amount) = (format!("R{n}"), format!("{}.00", 100 + n));
        sent(&mut direct, &id, "A", &amount).await;
        let data = told(&format!("ADV-{n}"), &amount, &lines(&[(&id, &amount)]));
        let item = advice(&mut direct, &format!("a-{n}"), &data);
        direct.applied(item).await;
        let (one, two) = (
            money(&mut direct, &format!("T{n}-1"), &amount),
            money(&mut direct, &format!("T{n}-2"), &amount),
        );
        tokio::join!(lane(&direct, one), lane(&direct, two));
        let sums = format!(
            "SELECT count(*) || ' ' || sum(amount)::bigint / 1000000 FROM allocations
              WHERE invoice_id = '{id}'"
        );
        assert_eq!(direct.database.value(&sums).await, format!("1 {}", 100 + n));
        assert!(state(&direct, &format!("ADV-{n}")).await.starts_with("used "));
    }
    direct.database.audit().await;
    direct.finish().await;
}

/// Each rule stands in the schema as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_refuse_what_the_rules_refuse() {
    let mut direct = Direct::new("advice_rows").await;
    sent(&mut direct, "I1", "A", "60.00").await;
    for (id, amount) in [("ADV-1", "60.00"), ("ADV-2", "7.00"), ("ADV-3", "8.00")] {
        let data = told(id, amount, &lines(&[("I1", amount)]));
        let item = advice(&mut direct, id, &data);
        direct.applied(item).await;
    }
    for (id, amount) in [("T1", "60.00"), ("T2", "7.00"), ("T3", "9.00")] {
        let item = money(&mut direct, id, amount);
        direct.applied(item).await;
    }
    let copy = |id: &str, amount: &str| {
        format!(
            "INSERT INTO remittance_advices SELECT bank_account, '{id}', content_hash,
             payer_account, payment_reference, payer_key, reference_key, currency, {amount}, 'open',
             NULL, received_at, expires_at, source, message_id
             FROM remittance_advices WHERE advice_id = 'ADV-3'"
        )
    };
    let used = |id: &str, payment: &str| {
        format!(
            "UPDATE remittance_advices SET state = 'used', used_by_payment = 'BANK:{BANK}:{payment}'
              WHERE advice_id = '{id}'"
        )
    };
    let set =
        |what: &str| format!("UPDATE remittance_advices SET {what} WHERE advice_id = 'ADV-3'");
    let cases = [
        (copy("ADV-3", "1"), "remittance_advices_pkey"),
        (copy("ADV-4", "8000000"), "remittance_advices_sum_up"),
        (copy("ADV-4", "0"), "remittance_advices_amount_check"),
        (used("ADV-3", "T3"), "remittance_advices_fit_their_payment"),
        (used("ADV-3", "T2"), "remittance_advices_fit_their_payment"),
        (set("state = 'used'"), "remittance_advices_used_by_one"),
        (set("state = 'lost'"), "remittance_advices_state_check"),
        (set("amount = 9000000"), "remittance_advices_stay"),
        (set("payer_key = NULL"), "remittance_advices_stay"),
        (
            "UPDATE remittance_advices SET state = 'open', used_by_payment = NULL
              WHERE advice_id = 'ADV-1'"
                .to_owned(),
            "remittance_advices_stay",
        ),
        ("DELETE FROM remittance_advices".to_owned(), "remittance_advices_stay"),
        ("DELETE FROM remittance_advice_lines".to_owned(), "remittance_advices_stay"),
        ("UPDATE remittance_advice_lines SET amount = 1".to_owned(), "remittance_advices_stay"),
        (
            "INSERT INTO remittance_advice_lines VALUES ('SG-DBS-001', 'ADV-3', 2, 'I1', NULL, 1)"
                .to_owned(),
            "remittance_advice_lines_name_each_once",
        ),
        (
            "INSERT INTO remittance_advice_lines VALUES ('SG-DBS-001', 'ADV-3', 2, 'I2', 'X1', 1)"
                .to_owned(),
            "remittance_advice_lines_name_one",
        ),
    ];
    for (sql, constraint) in cases {
        assert_eq!(direct.database.refused(&sql).await, constraint, "{sql}");
    }
    let nobody = copy("ADV-5", "8000000").replace("payer_key, reference_key,", "NULL, NULL,");
    let constraint = direct.database.refused(&nobody).await;
    assert_eq!(constraint, "remittance_advices_name_a_payment");
    only_the_advised_payment_pays_by_an_advice(&direct).await;
    direct.finish().await;
}

/// Whatever else an allocation must be: by an advice it is paid only by one of the payment.
async fn only_the_advised_payment_pays_by_an_advice(direct: &Direct) {
    let alone = "ALTER TABLE allocations DISABLE TRIGGER USER;
                 ALTER TABLE allocations ENABLE TRIGGER allocations_are_advised";
    direct.database.execute(alone).await;
    let unadvised = format!(
        "INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency,
             amount, remaining, rule, ledger_transaction_id, allocated_at)
         SELECT 999, 'BANK:{BANK}:T3', invoice_id, account_id, currency, amount, amount, rule,
             ledger_transaction_id, allocated_at FROM allocations LIMIT 1"
    );
    assert_eq!(direct.database.refused(&unadvised).await, "allocations_are_advised");
}

/// The money was matched before its advice came: the advice is used, says what the rest is for, or
/// goes to a person, in both ways of locking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_advice_of_money_that_is_matched_already_is_looked_at_at_once() {
    let mut direct = Direct::new("advice_matched").await;
    for (id, amount) in [("INV-9001", "61.00"), ("INV-9002", "62.00"), ("INV-9003", "63.00")] {
        sent(&mut direct, id, "A", amount).await;
    }
    let payer = json!({ "debtor": { "account": PAYER, "name": "Jane Roe" } });
    let payments =
        [("T1", "61.00", "INV-9001"), ("T2", "62.00", "INV-9002"), ("T3", "75.00", "INV-9003")];
    let known = json!({ "account_id": "A", "payer_accounts": [PAYER] });
    let item = direct.command(
        "c-A",
        "account.upsert",
        &with(crate::harness::records::account("A"), &known),
    );
    direct.applied(item).await;
    for (id, amount, text) in payments {
        let value = bank(id, &with(credit_saying(id, amount, text), &payer));
        let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
        direct.applied(item).await;
    }
    for (id, amount) in [("INV-9004", "40.00"), ("INV-9005", "9.00")] {
        sent(&mut direct, id, "A", amount).await;
    }
    let by_number = json!([{ "reference": "inv 9001", "amount": "61.00" }]);
    let item = advice(&mut direct, "a-1", &told("ADV-1", "61.00", &by_number));
    direct.applied(item).await;
    assert_eq!(state(&direct, "ADV-1").await, format!("used BANK:{BANK}:T1"));
    let other = lines(&[("INV-9002", "22.00"), ("INV-9004", "40.00")]);
    let item = advice(&mut direct, "a-2", &told("ADV-2", "62.00", &other));
    late(&direct, item).await.expect("kept");
    assert_eq!(state(&direct, "ADV-2").await, "ambiguous ");
    let rest = lines(&[("INV-9003", "63.00"), ("INV-9004", "12.00")]);
    let item = advice(&mut direct, "a-3", &told("ADV-3", "75.00", &rest));
    late(&direct, item).await.expect("kept");
    assert_eq!(state(&direct, "ADV-3").await, format!("used BANK:{BANK}:T3"));
    let open = "SELECT string_agg(i.invoice_id || ' ' || i.amount / 1000000, ',')
                  FROM suggestions s JOIN suggestion_invoices i USING (suggestion_id)
                 WHERE s.status = 'open' AND s.payment_id LIKE '%:T3'";
    assert_eq!(direct.database.value(open).await, "INV-9004 12");
    let nothing = lines(&[("INV-9005", "9.00"), ("INV-9004", "52.00")]);
    let item = advice(&mut direct, "a-4", &told("ADV-4", "61.00", &nothing));
    direct.applied(item).await;
    assert_eq!(state(&direct, "ADV-4").await, "open ");
    direct.database.audit().await;
    direct.finish().await;
}
