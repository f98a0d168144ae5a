//! Forgetting: names, numbers and texts are in no table any more, and all that rests on the rows
//! holds as before: the books, the audit, the reasons, and what tells money that comes again.

use std::process::Output;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use topup::jobs::{Job, JobEnded};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, account, bank, credit_saying, envelope, invoice, with};
use crate::jobs::runner_at;
use crate::masked_ways::{said, topup};

const NAME: &str = "Zephyrine Quill";
const NUMBER: &str = "DE89370400440532013000";
/// Parts of what is planted. A virtual account is a number of ours, and no payer's.
const PLANTED: [&str; 5] =
    ["Zephyrine", "DE8937040044", "remit-canary", "END-CANARY", "CRED-CANARY"];

fn payer() -> Value {
    json!({
        "debtor": { "name": NAME, "account": "de89 3704 0044 0532 0130 00" },
        "end_to_end_id": "END-CANARY",
        "remittance": { "unstructured": [format!("remit-canary {NAME}")],
                        "creditor_reference": "CRED-CANARY" },
    })
}

fn credit(id: &str, amount: &str, more: &Value) -> Value {
    with(with(credit_saying(id, amount, "-"), &payer()), more)
}

async fn told(direct: &mut Direct, record: &str, data: &Value) -> &'static str {
    let value = bank(record, data);
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.run(&[item]).await[0].outcome
}

/// A customer whose money is all on invoices: by the bank's id, without one, by a letter that was
/// mended, and by hand.
async fn settled(direct: &mut Direct) {
    let owned = json!({ "name": NAME, "payer_accounts": [NUMBER],
                        "virtual_accounts": ["8840021176543"] });
    let known = direct.command("a-1", "account.upsert", &with(account("ACC-1"), &owned));
    direct.applied(known).await;
    for (id, amount) in [("INV-1", "5.00"), ("INV-2", "8.00"), ("INV-3", "9.00"), ("INV-4", "4.00")]
    {
        let named = json!({ "name": format!("Topup of {NAME}") });
        let sent = with(invoice(id, "ACC-1", amount), &named);
        let item = direct.command(&format!("c-{id}"), "invoice.create", &sent);
        direct.applied(item).await;
    }
    let none = json!({});
    assert_eq!(told(direct, "b-1", &credit("T-1", "5.00", &none)).await, "applied");
    let broken = credit("T-2", "1e9", &none);
    assert_eq!(told(direct, "b-2", &broken).await, "dead_lettered");
    let nameless = credit("T-3", "9.00", &json!({ "bank_transaction_id": null }));
    assert_eq!(told(direct, "b-3", &nameless).await, "applied");
    let patch = r#"[{"op":"replace","path":"/data/amount","value":"8.00"}]"#;
    for words in [
        &["dead-letters", "edit", "1", "--patch", patch, "--reason", "cents", "--yes"][..],
        &["dead-letters", "replay", "--id", "1", "--yes"],
    ] {
        let done = topup(direct, words);
        assert_eq!(done.status.code(), Some(0), "{words:?}: {}", said(&done));
    }
    let cash = json!({ "payment_id": "CASH-1", "account_id": "ACC-1", "amount": "4.00",
        "currency": "SGD", "received_on": "2026-11-22", "method": "cash",
        "remark": "remit-canary", "reference": "CRED-CANARY" });
    let item = direct.command("c-cash", "payment.record", &cash);
    direct.applied(item).await;
    let pays = crate::harness::records::allocate("CASH-1", "ACC-1", "INV-4");
    let item = direct.command("c-pays", "payment.allocate", &pays);
    direct.applied(item).await;
    let open = "SELECT count(*) FROM open_payments";
    assert_eq!(direct.database.value(open).await, "0", "all of it is on invoices");
    for learnt in [
        "INSERT INTO payer_aliases (payer_account, account_id, confirmations, last_used_on)
         VALUES ('DE89370400440532013000', 'ACC-1', 1, '2026-11-22')",
        "INSERT INTO payer_alias_uses (payer_account, account_id, payment_id, kind, used_on,
             caused_by_source, caused_by_id, recorded_at)
         VALUES ('DE89370400440532013000', 'ACC-1', 'CASH-1', 'confirmed', '2026-11-22', 'crm',
                 'c-cash', now())",
    ] {
        direct.database.execute(learnt).await;
    }
    published(direct).await;
}

/// As if the relay had sent all of it.
async fn published(direct: &Direct) {
    let all = "UPDATE relay_progress SET passed = '{}',
                   horizon = (SELECT max(outbox_id) FROM outbox)";
    direct.database.execute(all).await;
}

/// The relations that have something of what is planted, as text or as bytes.
async fn holders(direct: &Direct) -> Vec<String> {
    let all = "SELECT c.relname FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                  AND NOT c.relispartition ORDER BY 1";
    let seen = |planted: &str| {
        let hex: String = planted.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("(t::text ILIKE '%{planted}%' OR t::text ILIKE '%{hex}%')")
    };
    let any = PLANTED.map(seen).join(" OR ");
    let mut found = Vec::new();
    for relation in direct.database.lines(all).await {
        let count = format!("SELECT count(*) FROM {relation} t WHERE {any}");
        if direct.database.value(&count).await != "0" {
            found.push(relation);
        }
    }
    found
}

fn rows(output: &Output) -> i64 {
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| row["rows"].as_i64().expect("a number")).sum()
}

const FORGET: [&str; 6] = ["forget", "ACC-1", "--reason", "asked for it", "--output", "json"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_forgotten_and_the_books_are_not() {
    let mut direct = Direct::new("fo_account").await;
    settled(&mut direct).await;
    let planted = holders(&direct).await;
    assert!(planted.len() >= 8, "it is planted: {planted:?}");
    let books = "SELECT (SELECT sum(amount) FROM ledger_transfers) || ' '
        || (SELECT balance FROM accounts WHERE account_id = 'ACC-1') || ' '
        || (SELECT string_agg(encode(content_hash, 'hex'), '' ORDER BY bank_key)
              FROM bank_transactions)
        || (SELECT string_agg(encode(content_hash, 'hex'), '' ORDER BY message_id) FROM inbox)";
    let before = direct.database.value(books).await;
    let dry = topup(&direct, &FORGET);
    assert!(dry.status.success() && rows(&dry) > 10, "{}", said(&dry));
    assert_eq!(holders(&direct).await, planted, "a dry run changes nothing");
    let done = topup(&direct, &[&FORGET[..], &["--yes"]].concat());
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(rows(&done), rows(&dry), "{}", said(&done));
    assert_eq!(holders(&direct).await, Vec::<String>::new());
    // What stands in the place of a payer's number is no number that a bank could tell.
    let taken = "SELECT count(*) || ' ' || count(*) FILTER (WHERE payer_key(payer_account)
                                                              = payer_account) FROM payer_aliases";
    assert_eq!(direct.database.value(taken).await, "1 0");
    let told_all =
        "SELECT DISTINCT (convert_from(payload, 'UTF8') LIKE '{\"forgotten\":true}%')::text
                      FROM outbox WHERE key_kind = 'account' AND record_key = 'ACC-1'";
    assert_eq!(direct.database.lines(told_all).await, ["true"]);
    assert_eq!(direct.database.value(books).await, before);
    let noted =
        "SELECT kind || ' ' || subject || ' ' || operator || ' ' || (finished_at IS NOT NULL)
                   || ' ' || (changed ->> 'money_records') FROM forgettings";
    assert_eq!(direct.database.lines(noted).await, ["account ACC-1 alice true 4"]);
    // The same again finds nothing, and the books are as true as before.
    let again = topup(&direct, &[&FORGET[..], &["--yes"]].concat());
    assert!(again.status.success() && rows(&again) == 0, "{}", said(&again));
    for words in [&["audit"][..], &["reconcile"]] {
        let whole = topup(&direct, words);
        assert_eq!(whole.status.code(), Some(0), "{words:?}: {}", said(&whole));
    }
    let explained = said(&topup(&direct, &["payments", "explain", &format!("BANK:{BANK}:T-1")]));
    assert!(explained.contains("a payer who is forgotten"), "{explained}");
    assert!(explained.contains("text forgotten at"), "{explained}");
    direct.finish().await;
}

/// The hashes stay: what the bank tells again is no new money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_again_is_known_after_it_was_forgotten() {
    let mut direct = Direct::new("fo_again").await;
    settled(&mut direct).await;
    let done = topup(&direct, &[&FORGET[..], &["--yes"]].concat());
    assert!(done.status.success(), "{}", said(&done));
    let payments = "SELECT count(*) FROM payments WHERE state <> 'parked'";
    assert_eq!(direct.database.value(payments).await, "4");
    let none = json!({});
    let known = credit("T-1", "5.00", &none);
    assert_eq!(told(&mut direct, "b-1", &known).await, "duplicate");
    assert_eq!(told(&mut direct, "b-1-again", &known).await, "duplicate");
    let nameless = credit("T-3", "9.00", &json!({ "bank_transaction_id": null }));
    assert_eq!(told(&mut direct, "b-3", &nameless).await, "duplicate");
    // Without an id of the bank a person says whether it is the same, as ever.
    let other = envelope("o-3", "other-gateway", "topup.bank.transaction.v1", &nameless);
    let item = direct.item(Topic::BankPayments, Some(BANK), other.as_bytes());
    assert_eq!(direct.run(&[item]).await[0].outcome, "applied");
    let doubt = "SELECT reason FROM payments WHERE state = 'parked'";
    assert_eq!(direct.database.lines(doubt).await, ["possible_duplicate"]);
    assert_eq!(direct.database.value(payments).await, "4");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_settled_is_not_forgotten() {
    let mut direct = Direct::new("fo_open").await;
    settled(&mut direct).await;
    let none = json!({});
    assert_eq!(told(&mut direct, "b-9", &credit("T-9", "7.77", &none)).await, "applied");
    let mut planted = holders(&direct).await;
    for words in [
        &FORGET[..],
        &["forget", "--payer", "de89-3704 0044053201 3000", "--reason", "asked for it"],
    ] {
        let refused = topup(&direct, &[words, &["--yes"]].concat());
        let told = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{told}");
        assert!(told.contains("forget_unsettled: "), "{told}");
        assert!(told.contains("payments with money that is on no invoice: 1"), "{told}");
        assert!(!told.contains("DE8937"), "{told}");
    }
    assert_eq!(holders(&direct).await, planted);
    let refund = json!({ "payment_id": format!("BANK:{BANK}:T-9"), "account_id": "ACC-1",
                         "reason": "by alice: left" });
    let item = direct.command("c-refund", "payment.refund", &refund);
    direct.applied(item).await;
    published(&direct).await;
    // By the payer's number alone what only the customer has stays.
    let words = ["forget", "--payer", NUMBER, "--reason", "asked for it", "--yes"];
    let done = topup(&direct, &words);
    assert!(done.status.success(), "{}", said(&done));
    let noted = "SELECT kind || ' ' || subject FROM forgettings";
    assert_eq!(direct.database.lines(noted).await, ["payer …3000"]);
    planted = holders(&direct).await;
    assert_eq!(planted, ["accounts", "invoices", "money_records"], "cash, and the customer's name");
    for part in ["…3000", "DE"] {
        let refused = topup(&direct, &["forget", "--payer", part, "--reason", "x"]);
        assert!(!refused.status.success(), "{part}: {}", said(&refused));
    }
    direct.finish().await;
}

/// Whoever is cut off does the same again; both are written down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_off_is_done_by_the_next() {
    let mut direct = Direct::new("fo_cut").await;
    settled(&mut direct).await;
    for statement in [
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'cut off'; END $$",
        "CREATE TRIGGER cut BEFORE UPDATE ON dead_letters EXECUTE FUNCTION cut()",
    ] {
        direct.database.execute(statement).await;
    }
    let words = [&FORGET[..], &["--yes"]].concat();
    assert_eq!(topup(&direct, &words).status.code(), Some(1));
    assert!(holders(&direct).await.contains(&"dead_letters".to_owned()));
    direct.database.execute("DROP TRIGGER cut ON dead_letters").await;
    let done = topup(&direct, &words);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(holders(&direct).await, Vec::<String>::new());
    let noted = "SELECT (finished_at IS NOT NULL)::text FROM forgettings ORDER BY forgetting_id";
    assert_eq!(direct.database.lines(noted).await, ["false", "true"]);
    direct.finish().await;
}

/// Given up as rubbish, forgotten, and told again by the bank: it is open, with its bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_was_forgotten_has_its_bytes_again_when_its_record_comes_again() {
    let mut direct = Direct::new("fo_letter").await;
    let none = json!({});
    assert_eq!(told(&mut direct, "b-1", &credit("T-1", "5.00", &none)).await, "applied");
    let nobodys = json!({ "payment_id": format!("BANK:{BANK}:T-1"), "reason": "by alice: a tax" });
    let item = direct.command("c-1", "payment.dismiss", &nobodys);
    direct.applied(item).await;
    // The bank's id again, and other money.
    let other = credit("T-1", "6.00", &none);
    assert_eq!(told(&mut direct, "b-2", &other).await, "dead_lettered");
    let why = ["--reason", "rubbish", "--yes"];
    let given_up = ["dead-letters", "discard", "--id", "1", "--yes-bank-facts"];
    assert!(topup(&direct, &[&given_up[..], &why].concat()).status.success());
    let done = topup(&direct, &[&["forget", "--payer", NUMBER][..], &why].concat());
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(holders(&direct).await, Vec::<String>::new());
    let reopened = topup(&direct, &[&["dead-letters", "reopen", "1"][..], &why].concat());
    assert!(said(&reopened).contains("letter_forgotten"), "{}", said(&reopened));
    told(&mut direct, "b-2", &other).await;
    let open = "SELECT status || ' ' || (forgotten_at IS NULL) FROM dead_letters";
    assert_eq!(direct.database.lines(open).await, ["open true"]);
    assert_eq!(holders(&direct).await, ["dead_letters"]);
    direct.finish().await;
}

/// Whoever knows a letter's number may write what stands for its bytes when they are forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_says_that_it_is_forgotten_is_a_letter_like_any() {
    let mut direct = Direct::new("fo_mark").await;
    let item = direct.item(Topic::Commands, None, br#"{"forgotten":1}"#);
    direct.run(&[item]).await;
    let why = ["--reason", "rubbish", "--yes"];
    for words in [&["dead-letters", "discard", "--id", "1"][..], &["dead-letters", "reopen", "1"]] {
        let done = topup(&direct, &[words, &why].concat());
        assert!(done.status.success(), "{}", said(&done));
    }
    let open = "SELECT status FROM dead_letters";
    assert_eq!(direct.database.lines(open).await, ["open"]);
    direct.finish().await;
}

/// What is announced is found by its payer when it is booked, so it is kept until then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_money_keeps_its_payer_until_it_is_booked() {
    let mut direct = Direct::new("fo_pending").await;
    let announced = json!({ "status": "PDNG" });
    assert_eq!(told(&mut direct, "b-1", &credit("T-1", "5.00", &announced)).await, "applied");
    let planted = holders(&direct).await;
    let words = ["forget", "--payer", NUMBER, "--reason", "asked for it", "--yes"];
    let refused = topup(&direct, &words);
    assert!(said(&refused).contains("announced payments"), "{}", said(&refused));
    assert_eq!(holders(&direct).await, planted);
    direct.finish().await;
}

/// The fences stand: what is append-only loses its texts by a forgetting, and nothing else ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_forgets_without_being_asked() {
    let mut direct = Direct::new("fo_fence").await;
    settled(&mut direct).await;
    let asked = "INSERT INTO forgettings (kind, subject, operator, as_of)
                 VALUES ('account', 'ACC-1', 'mallory', now());";
    let cases = [
        ("UPDATE payments_without_bank_id SET payer = NULL", false),
        ("UPDATE payer_alias_uses SET payer_account = 'X'", false),
        ("UPDATE dead_letter_revisions SET record_value = NULL", false),
        ("UPDATE outbox SET payload = 'x'", false),
        ("UPDATE remittance_advices SET payer_key = NULL", false),
        ("UPDATE payments_without_bank_id SET amount = amount + 1", true),
        ("UPDATE payer_alias_uses SET kind = 'demoted'", true),
        ("UPDATE dead_letter_revisions SET operator = 'x'", true),
        ("DELETE FROM forgettings", true),
        ("UPDATE forgettings SET operator = 'x'", true),
        ("SELECT forget_page(1, 'money', 'ACC-2', NULL, 10)", true),
        ("SELECT forget_old_money(now(), NULL, now())", false),
        ("UPDATE ledger_transfers SET said = NULL", true),
        ("UPDATE further_decisions SET explanation = 'x'", true),
    ];
    for (statement, noted) in cases {
        let mut tx = direct.database.admin.begin().await.expect("begin");
        if noted {
            let note = sqlx::query(AssertSqlSafe(asked)).execute(&mut *tx).await;
            note.expect("noted");
        }
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await;
        let advices = statement.contains("remittance_advices");
        assert!(advices || done.is_err(), "not refused: {statement}");
        tx.rollback().await.expect("rollback");
    }
    let worker = direct.pipeline.pool();
    for statement in [asked, "SELECT forget_page(1, 'known', 'ACC-1', NULL, 10)"] {
        let done = sqlx::query(AssertSqlSafe(statement)).execute(worker).await;
        assert!(done.is_err(), "a worker may: {statement}");
    }
    direct.finish().await;
}

/// What was settled long ago loses its texts by the job; what is open or young keeps them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_settled_payments_go_when_they_are_old() {
    let mut direct = Direct::new("fo_age").await;
    let now = Utc::now();
    direct.pipeline = direct.at(now - TimeDelta::days(400));
    for (id, amount) in [("INV-1", "5.00"), ("INV-2", "6.00")] {
        let item =
            direct.command(&format!("c-{id}"), "invoice.create", &invoice(id, "ACC-1", amount));
        direct.applied(item).await;
    }
    let owned = json!({ "payer_accounts": [NUMBER] });
    let item = direct.command("a-1", "account.upsert", &with(account("ACC-1"), &owned));
    direct.applied(item).await;
    let none = json!({});
    assert_eq!(told(&mut direct, "b-1", &credit("T-1", "5.00", &none)).await, "applied");
    assert_eq!(told(&mut direct, "b-2", &credit("T-2", "7.77", &none)).await, "applied");
    direct.pipeline = direct.at(now);
    assert_eq!(told(&mut direct, "b-3", &credit("T-3", "6.00", &none)).await, "applied");
    for before in [1, 0] {
        let now = now - TimeDelta::seconds(before);
        let (runner, _stop) = runner_at(&direct, now);
        runner.prepare().await.expect("prepared");
        let ended = runner.run_by(Job::Prune, "alice", now).await.expect("ran");
        let JobEnded::Done(report) = ended else { panic!("{ended:?}") };
        assert_eq!(report.findings, 0, "{}", report.summary);
    }
    let kept = "SELECT bank_transaction_id || ' ' || coalesce(debtor_name, '-')
                  FROM bank_transactions ORDER BY 1";
    let named = |id: &str| format!("{id} {NAME}");
    let expected = ["T-1 -".to_owned(), named("T-2"), named("T-3")];
    assert_eq!(direct.database.lines(kept).await, expected);
    let noted =
        "SELECT kind || ' ' || operator || ' ' || changed || ' ' || (finished_at IS NOT NULL)
                   FROM forgettings";
    let line = r#"age the job prune {"money_records": 1} true"#;
    assert_eq!(direct.database.lines(noted).await, [line]);
    direct.finish().await;
}
