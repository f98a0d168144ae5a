//! Void candidates: flagged when nothing speaks against it, cleared when something does, and
//! never voided by themselves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::domain::void_candidate::Rules;
use topup::jobs::{Job, JobEnded};
use topup::operator::void_candidates::{self, Candidacy, Word};
use topup::store::void_candidates as stored;
use topup::wire::Topic;

use crate::harness::records::{
    BANK, about_invoice, account, allocate, allocate_amount, bank, credit, credit_saying, draft,
    envelope, invoice, payment, with,
};
use crate::harness::{Direct, World, by_length};
use crate::jobs::{job_settings, runner};
use crate::verbs::{self, change, done, topup};

struct Desk {
    direct: Direct,
    written: usize,
}

impl Desk {
    async fn new(test: &str) -> Self {
        Self { direct: Direct::new(test).await, written: 0 }
    }

    async fn command(&mut self, kind: &str, data: Value) {
        self.written += 1;
        let item = self.direct.command(&format!("c-{}", self.written), kind, &data);
        self.direct.applied(item).await;
    }

    async fn bank(&mut self, data: Value) {
        self.written += 1;
        let value = bank(&format!("b-{}", self.written), &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    /// The bank's feed is complete up to this instant.
    async fn statement(&mut self, through: DateTime<Utc>) {
        self.written += 1;
        let id = format!("s-{}", self.written);
        let data = json!({
            "bank_account": BANK, "statement_id": id, "currency": "SGD", "entries": 0,
            "opening_balance": "0.00", "closing_balance": "0.00",
            "complete_through": through.to_rfc3339(),
        });
        let value = envelope(&id, "bank-gateway", "topup.bank.statement.v1", &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    /// All invoices were sent so many days ago.
    async fn age(&self, days: i64) {
        let update = format!(
            "UPDATE invoices SET stale_since = now() - interval '{days} days'
                              WHERE stale_since IS NOT NULL"
        );
        self.direct.database.execute(&update).await;
    }

    async fn run(&self) -> JobEnded {
        self.run_at(Clock::System.now()).await
    }

    async fn run_at(&self, as_of: DateTime<Utc>) -> JobEnded {
        let (runner, _stop) = runner(&self.direct, "test", None);
        runner.prepare().await.expect("prepared");
        runner.run_by(Job::FlagVoidCandidates, "alice", as_of).await.expect("ran")
    }

    async fn candidates(&self) -> String {
        let sql = "SELECT string_agg(invoice_id, ' ' ORDER BY invoice_id) FROM invoice_states
                   WHERE candidate_since IS NOT NULL";
        self.direct.database.value(sql).await
    }

    /// Events of this kind; a row of the outbox may hold several.
    async fn told(&self, what: &str) -> String {
        let sql = format!(
            "SELECT count(*) FROM (SELECT regexp_matches(payload,
               'topup.invoice.void-candidate-{what}.v1', 'g') FROM told.outbox) events"
        );
        self.direct.database.value(&sql).await
    }

    async fn episodes(&self) -> Vec<String> {
        let sql = "SELECT invoice_id, episode, cleared_by FROM void_candidates
                   ORDER BY invoice_id, episode";
        self.direct.database.lines(sql).await
    }
}

fn said(ended: &JobEnded) -> &str {
    match ended {
        JobEnded::Done(report) => &report.summary,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_invoices_that_nothing_speaks_for_are_flagged() {
    let mut desk = Desk::new("vc_guards").await;
    desk.command("account.upsert", with(account("SLOW"), &json!({ "stale_after_days": 90 }))).await;
    let due = |date: &str| json!({ "due_date": date });
    for (id, owner, more) in [
        ("STALE", "A", json!({})),
        ("PAST-DUE", "A", due("2026-01-01")),
        ("NOT-DUE", "A", due("2099-01-01")),
        ("KEPT", "A", json!({})),
        ("KEPT-ONCE", "A", json!({})),
        ("NAMED", "B", json!({})),
        ("PENDING", "C", json!({})),
        ("PARTLY", "D", json!({})),
        ("PAYABLE", "E", json!({})),
        ("SLOWLY", "SLOW", json!({})),
    ] {
        desk.command("invoice.create", with(invoice(id, owner, "100.00"), &more)).await;
    }
    desk.command("invoice.create", draft("DRAFT", "A", "100.00")).await;
    desk.command("invoice.keep", about_invoice("KEPT", "A")).await;
    let until = json!({ "until": "2026-01-01" });
    desk.command("invoice.keep", with(about_invoice("KEPT-ONCE", "A"), &until)).await;
    // Money that may be meant for them: too little with a good reference, a pending record, a
    // payment on account, and one that is allocated in part.
    desk.bank(credit_saying("T-1", "40.00", "pays NAMED-1 or NAMED")).await;
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'NAMED'";
    let reference = desk.direct.database.value(reference).await;
    desk.bank(credit_saying("T-2", "40.00", &reference)).await;
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'PENDING'";
    let reference = desk.direct.database.value(reference).await;
    let pending = json!({ "status": "PDNG" });
    desk.bank(with(credit_saying("T-3", "100.00", &reference), &pending)).await;
    desk.command("payment.record", payment("PAY-1", "E", "150.00")).await;
    desk.command("payment.record", payment("PAY-2", "D", "30.00")).await;
    desk.command("payment.allocate", allocate("PAY-2", "D", "PARTLY")).await;
    desk.age(40).await;
    desk.statement(Clock::System.now()).await;
    assert_eq!(said(&desk.run().await), "3 flagged, 0 cleared");
    assert_eq!(desk.candidates().await, "KEPT-ONCE PAST-DUE STALE");
    // The same once more changes nothing.
    assert_eq!(said(&desk.run().await), "0 flagged, 0 cleared");
    assert_eq!(desk.told("flagged").await, "3");
    // All of them still await payment.
    let voided = "SELECT count(*) FROM invoice_states WHERE status = 'voided'";
    assert_eq!(desk.direct.database.value(voided).await, "0");
    desk.direct.finish().await;
}

#[tokio::test]
async fn a_flag_ends_with_payment_sending_keeping_voiding_and_money_on_its_way() {
    let mut desk = Desk::new("vc_clear").await;
    for (id, owner) in [("PAID", "A"), ("SENT", "B"), ("KEPT", "C"), ("VOID", "D"), ("HOPE", "E")] {
        desk.command("invoice.create", invoice(id, owner, "100.00")).await;
    }
    desk.age(31).await;
    desk.statement(Clock::System.now()).await;
    assert_eq!(said(&desk.run().await), "5 flagged, 0 cleared");
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'PAID'";
    let reference = desk.direct.database.value(reference).await;
    desk.bank(credit_saying("T-1", "100.00", &reference)).await;
    desk.command("invoice.mark-sent", about_invoice("SENT", "B")).await;
    desk.command("invoice.keep", about_invoice("KEPT", "C")).await;
    desk.command("invoice.void", about_invoice("VOID", "D")).await;
    desk.command("payment.record", payment("PAY-1", "E", "100.00")).await;
    assert_eq!(desk.candidates().await, "HOPE");
    assert_eq!(said(&desk.run().await), "0 flagged, 1 cleared");
    let expected =
        ["HOPE|1|not_stale", "KEPT|1|kept", "PAID|1|paid", "SENT|1|resent", "VOID|1|voided"];
    assert_eq!(desk.episodes().await, expected);
    assert_eq!(desk.told("cleared").await, "5");
    // Stale again: a new episode. The payment on account is used up elsewhere by then.
    desk.command("invoice.create", invoice("OTHER", "E", "100.00")).await;
    desk.command("payment.allocate", allocate("PAY-1", "E", "OTHER")).await;
    desk.age(31).await;
    assert_eq!(said(&desk.run().await), "2 flagged, 0 cleared");
    assert_eq!(desk.candidates().await, "HOPE SENT");
    desk.direct.finish().await;
}

#[tokio::test]
async fn nothing_is_flagged_while_the_feed_is_behind() {
    let mut desk = Desk::new("vc_feed").await;
    desk.command("invoice.create", invoice("STALE", "A", "100.00")).await;
    desk.age(40).await;
    let never = desk.run().await;
    assert_eq!(said(&never), "nothing flagged: no bank account has ever sent a statement");
    let now = Clock::System.now();
    desk.statement(now - TimeDelta::days(6)).await;
    assert!(said(&desk.run().await).contains("known only up to"));
    assert_eq!(desk.candidates().await, "");
    desk.statement(now).await;
    // For the day before it was stale, it is not.
    assert_eq!(said(&desk.run_at(now - TimeDelta::days(11)).await), "0 flagged, 0 cleared");
    assert_eq!(said(&desk.run_at(now - TimeDelta::days(9)).await), "1 flagged, 0 cleared");
    // Another account of ours that never said anything: nobody knows what it holds.
    let other = json!({ "bank_account": "SG-OCBC-009" });
    desk.bank(with(credit("T-9", "5.00"), &other)).await;
    desk.age(50).await;
    assert!(said(&desk.run().await).starts_with("nothing flagged"));
    desk.direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_flag_each_invoice_once() {
    let mut desk = Desk::new("vc_twice").await;
    for number in 0..60 {
        let owner = format!("ACC-{}", number % 7);
        desk.command("invoice.create", invoice(&format!("INV-{number:02}"), &owner, "10.00")).await;
    }
    desk.age(40).await;
    desk.statement(Clock::System.now()).await;
    let now = Clock::System.now();
    // Two ticks of the same job never overlap, so the second is told apart by hand.
    let (first, second) = tokio::join!(desk.run_at(now), desk.run_at(now));
    let mut ends = [first, second].map(|ended| match ended {
        JobEnded::Done(report) => report.summary,
        other => format!("{other:?}"),
    });
    ends.sort();
    assert!(ends.contains(&"60 flagged, 0 cleared".to_owned()), "{ends:?}");
    let episodes = "SELECT count(*) FROM void_candidates";
    assert_eq!(desk.direct.database.value(episodes).await, "60");
    desk.direct.finish().await;
}

#[tokio::test]
async fn an_operator_confirms_or_keeps_and_everything_is_checked_again() {
    let mut desk = Desk::new("vc_operator").await;
    for id in ["GONE", "KEPT", "HOPE", "FRESH"] {
        desk.command("invoice.create", invoice(id, &format!("OF-{id}"), "100.00")).await;
    }
    desk.age(31).await;
    desk.direct
        .database
        .execute("UPDATE invoices SET stale_since = now() WHERE invoice_id = 'FRESH'")
        .await;
    desk.statement(Clock::System.now()).await;
    assert_eq!(said(&desk.run().await), "3 flagged, 0 cleared");
    // Money for one of them has come since.
    desk.command("payment.record", payment("PAY-1", "OF-HOPE", "100.00")).await;
    let settings = job_settings();
    let look = async |invoice: &str, act: Word| {
        let looked = void_candidates::look(&desk.direct.pipeline, &settings, invoice, act).await;
        looked.expect("looked")
    };
    let Candidacy::Candidate { account_id, since } = look("GONE", Word::Confirm).await else {
        panic!("a void candidate");
    };
    assert_eq!(account_id, "OF-GONE");
    assert_eq!(look("HOPE", Word::Confirm).await, Candidacy::NotStale);
    assert!(matches!(look("HOPE", Word::Keep).await, Candidacy::Candidate { .. }));
    assert_eq!(look("FRESH", Word::Confirm).await, Candidacy::NotACandidate);
    assert_eq!(look("FRESH", Word::Keep).await, Candidacy::NotACandidate);
    assert_eq!(desk.candidates().await, "GONE HOPE KEPT", "a look changes nothing");
    // The void names the flag: the money that came for one of them is minded by the command too.
    let since = json!({ "candidate_since": since.to_rfc3339() });
    for (id, expected) in [("HOPE", "not_a_candidate"), ("FRESH", "not_a_candidate"), ("GONE", "")]
    {
        let data = with(about_invoice(id, &format!("OF-{id}")), &since);
        let item = desk.direct.command(&format!("v-{id}"), "invoice.void", &data);
        let ended = desk.direct.run(&[item]).await;
        assert_eq!(ended[0].code.as_deref().unwrap_or_default(), expected, "{id}");
    }
    let statuses = "SELECT invoice_id, status FROM invoice_states ORDER BY invoice_id";
    let expected =
        ["FRESH|awaiting_payment", "GONE|voided", "HOPE|awaiting_payment", "KEPT|awaiting_payment"];
    assert_eq!(desk.direct.database.lines(statuses).await, expected);
    desk.command("invoice.keep", about_invoice("KEPT", "OF-KEPT")).await;
    assert_eq!(desk.episodes().await, ["GONE|1|voided", "HOPE|1", "KEPT|1|kept"]);
    // Kept for ever: it is not flagged again.
    assert_eq!(said(&desk.run().await), "0 flagged, 1 cleared");
    desk.direct.finish().await;
}

/// What a person says of void candidates is the ordinary command, by its topic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_on_void_candidates_is_an_ordinary_command() {
    let world = World::new("vc_words").await;
    let worker = world.start().await;
    for id in ["GONE", "KEPT", "PAID"] {
        let owner = format!("OF-{id}");
        world.applied(id, "invoice.create", &owner, invoice(id, &owner, "100.00")).await;
    }
    let aged = "UPDATE invoices SET stale_since = now() - interval '40 days'";
    world.database.execute(aged).await;
    let statement = json!({
        "bank_account": BANK, "statement_id": "S-1", "currency": "SGD", "entries": 0,
        "opening_balance": "0.00", "closing_balance": "0.00",
        "complete_through": Clock::System.now().to_rfc3339(),
    });
    let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &statement);
    world.publish(&world.topics.bank_payments, BANK, &value).await;
    assert_eq!(world.outcome("s-1").await.0, "applied");
    let flag = topup(&world, &["jobs", "run", "flag-void-candidates"]);
    assert!(verbs::said(&flag).contains("3 flagged"), "{}", verbs::said(&flag));

    // It came since, and is none.
    world.applied("FRESH", "invoice.create", "OF-GONE", invoice("FRESH", "OF-GONE", "7.00")).await;
    let confirm = ["void-candidates", "confirm", "GONE", "FRESH", "--reason", "customer left"];
    let rows = "SELECT (SELECT count(*) FROM inbox) || ' ' || (SELECT count(*) FROM outbox)
                 || ' ' || (SELECT count(*) FROM operator_commands)";
    let before = world.value(rows).await;
    let dry = topup(&world, &confirm);
    assert_eq!(dry.status.code(), Some(1), "one of them is none: {}", verbs::said(&dry));
    for part in ["would be applied", "awaiting_payment", "voided", "not_a_candidate"] {
        assert!(verbs::said(&dry).contains(part), "{part}: {}", verbs::said(&dry));
    }
    assert_eq!(world.value(rows).await, before, "a dry run wrote");
    // A list with a mistyped one ends before anything is done.
    let mistyped = ["void-candidates", "confirm", "GONE", "NONE", "--reason", "x", "--yes"];
    let none = topup(&world, &mistyped);
    assert!(verbs::said(&none).contains("there is no invoice `NONE`"), "{}", verbs::said(&none));
    assert_eq!(world.value(rows).await, before, "a mistyped list wrote");
    let silent = topup(&world, &["void-candidates", "confirm", "GONE", "--yes"]);
    assert_eq!(silent.status.code(), Some(2), "a void needs a reason");
    let told = done(&world, &["void-candidates", "confirm", "GONE", "--reason", "customer left"]);
    assert_eq!(told[0]["outcome"], "applied", "{told}");
    assert_eq!(change(&told[0], "invoice GONE", "state"), "awaiting_payment -> voided");
    let until = ["void-candidates", "keep", "KEPT", "--until", "2099-01-31"];
    assert_eq!(done(&world, &until)[0]["outcome"], "applied");
    let sent = done(&world, &["void-candidates", "keep", "PAID", "--no-wait"]);
    assert_eq!(sent[0]["outcome"], "sent");
    world.until("SELECT count(*) FROM invoice_states WHERE candidate_since IS NOT NULL", "0").await;
    let kept = "SELECT i.source || ' ' || i.message_type || ' ' || i.partition || ' ' || o.operator
                  || coalesce(' ' || o.reason, '')
                  FROM operator_commands o JOIN inbox i USING (source, message_id)
                 ORDER BY i.message_type DESC, i.message_id LIMIT 1";
    assert_eq!(
        world.value(kept).await,
        "operators topup.invoice.void.v1 0 alice customer left",
        "it came by the topic"
    );
    let reason = "SELECT void_reason FROM invoices WHERE invoice_id = 'GONE'";
    assert_eq!(world.value(reason).await, "by alice: customer left");
    let again = topup(&world, &["void-candidates", "confirm", "GONE", "--reason", "x", "--yes"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(verbs::said(&again).contains("not_a_candidate"), "{}", verbs::said(&again));
    worker.shutdown().await;
    world.finish().await;
}

/// What day it is, and whether the bank's feed is a business day behind, is asked in the customer's
/// own zone.
#[tokio::test]
async fn a_customer_has_the_days_of_its_own_zone() {
    let mut desk = Desk::new("vc_zones").await;
    for (id, zone) in [("EAST", "Pacific/Kiritimati"), ("WEST", "Pacific/Niue")] {
        let upsert = with(account(id), &json!({ "time_zone": zone }));
        desk.command("account.upsert", upsert).await;
        // Due on the 20th: past it in the east on the 21st, while it is the 20th in the west.
        let due = json!({ "due_date": "2026-11-20" });
        desk.command("invoice.create", with(invoice(&format!("I-{id}"), id, "5.00"), &due)).await;
    }
    let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("an instant").to_utc();
    let sent = "UPDATE invoices SET stale_since = '2026-09-01Z'";
    desk.direct.database.execute(sent).await;
    desk.statement(at("2026-11-20T00:00:00Z")).await;
    // 20 November, 20:00 in UTC: Saturday in the east, still Friday in the west.
    let friday = at("2026-11-20T20:00:00Z");
    assert_eq!(said(&desk.run_at(friday).await), "1 flagged, 0 cleared");
    assert_eq!(desk.candidates().await, "I-EAST");
    // Monday 23rd, 12:00 in UTC: in the east it is Tuesday, so the feed should be known up to
    // Monday there; in the west it may be Friday's.
    desk.statement(at("2026-11-20T13:00:00Z")).await;
    let monday = at("2026-11-23T12:00:00Z");
    let act = "UPDATE invoices SET keep_until = 'infinity' WHERE invoice_id = 'I-EAST'";
    desk.direct.database.execute(act).await;
    let summary = "1 flagged, 0 cleared; left as they are: 1 time zones, the feed of bank \
                   account SG-DBS-001 is behind";
    assert_eq!(said(&desk.run_at(monday).await), summary);
    assert_eq!(desk.candidates().await, "I-EAST I-WEST", "where it is behind, flags stay");
    desk.direct.finish().await;
}

/// Invoices with all that may speak for or against them, each fact by itself, and a flag as often
/// as none.
async fn mixed() -> Desk {
    let mut desk = Desk::new("vc_rule").await;
    for (owner, more) in [
        ("PLAIN", json!({})),
        ("SLOW", json!({ "stale_after_days": 60 })),
        ("EAST", json!({ "time_zone": "Pacific/Kiritimati" })),
        ("BEHIND", json!({ "time_zone": "Asia/Tokyo", "stale_after_days": 1 })),
    ] {
        desk.command("account.upsert", with(account(owner), &more)).await;
        for number in 0..60 {
            let id = format!("{owner}-{number:02}");
            desk.command("invoice.create", invoice(&id, owner, &format!("{number}.50"))).await;
        }
        // Money that could pay some of them in full, and part of one.
        let id = format!("PAY-{owner}");
        desk.command("payment.record", payment(&id, owner, "8.01")).await;
        let part = allocate_amount(&id, owner, &format!("{owner}-59"), "1.00");
        desk.command("payment.allocate", part).await;
    }
    for (column, of) in [
        ("stale_since", "now() - k * interval '19 hours'"),
        ("due_date", "CASE WHEN k % 3 > 0 THEN current_date + 4 - k % 7 END"),
        ("keep_until", "CASE WHEN k % 5 > 2 THEN current_date + 5 - k % 11 END"),
    ] {
        let update = format!(
            "UPDATE invoices i SET {column} = {of} FROM (SELECT invoice_id, (row_number()
               OVER (ORDER BY md5(invoice_id || '{column}')))::integer AS k FROM invoices) n
              WHERE n.invoice_id = i.invoice_id;
             UPDATE payable_invoices p SET due_date = i.due_date FROM invoices i
              WHERE i.invoice_id = p.invoice_id"
        );
        desk.direct.database.execute(&update).await;
    }
    let flag = "UPDATE payable_invoices p SET candidate_since = now()
                  FROM (SELECT invoice_id, amount, row_number()
                          OVER (ORDER BY md5(invoice_id || 'candidate_since')) AS k
                          FROM invoices) n
                 WHERE n.invoice_id = p.invoice_id AND p.due = n.amount AND k % 2 > 0";
    desk.direct.database.execute(flag).await;
    desk
}

/// The selection of a page has all of which the rule changes the flag, and not much else.
#[tokio::test]
async fn the_selection_of_a_page_has_all_that_the_rule_changes() {
    let (desk, now) = (mixed().await, Clock::System.now());
    let every = "SELECT invoice_id FROM payable_invoices ORDER BY invoice_id";
    let every = desk.direct.database.lines(every).await;
    let pool = desk.direct.pipeline.pool();
    let mut connection = pool.driver().acquire().await.expect("a connection");
    let facts = stored::facts(&mut connection, &every).await.expect("facts");
    assert_eq!((every.len(), facts.len()), (240, 240));
    let (mut changes, mut spared) = (BTreeMap::new(), 0);
    for days in [1, 30, 90] {
        for (ago, tokyo) in [(0, false), (40, false), (90, true)] {
            let as_of = now - TimeDelta::days(ago);
            let zones = ["", "Pacific/Kiritimati", "Asia/Tokyo"];
            let zones = zones.iter().filter(|zone| tokyo || **zone != "Asia/Tokyo");
            let rules = Rules {
                as_of,
                days: zones.map(|zone| ((*zone).to_owned(), as_of.date_naive())).collect(),
                stale_after_days: days,
                pending: every.iter().step_by(9).cloned().collect(),
                feed_complete_through: now,
            };
            let suspects = stored::suspects(pool, "", None, &rules).await.expect("suspects");
            let wrong = facts.iter().filter_map(|one| Some((one.change(&rules)?, one)));
            let mut expected = BTreeSet::new();
            for (change, one) in wrong {
                let id = one.invoice_id.to_string();
                assert!(suspects.contains(&id), "{change:?} of {one:?} is not selected");
                *changes.entry(format!("{change:?}")).or_insert(0) += 1;
                expected.insert(id);
            }
            spared += every.len() - suspects.len();
            let page = stored::page(pool, "", None, &rules).await.expect("a page");
            assert_eq!(page, expected.into_iter().collect::<Vec<_>>());
        }
    }
    assert!(spared > 200, "{spared} were left out");
    assert!(changes.len() == 2 && changes.values().all(|count| *count > 20), "{changes:?}");
    drop(connection);
    // The flags have no episodes, as an audit would find.
    desk.direct.database.abandon().await;
}

/// So many pending records that their words are more than anybody would keep: the job goes on, and
/// the invoice that one of them names is not flagged.
#[tokio::test]
async fn any_number_of_pending_records_is_read_page_by_page() {
    let mut desk = Desk::new("vc_many").await;
    for id in ["STALE-1", "PENDING-1"] {
        desk.command("invoice.create", invoice(id, "A", "100.00")).await;
    }
    let pending = json!({ "status": "PDNG" });
    desk.bank(with(credit_saying("T-1", "100.00", "for PENDING-1"), &pending)).await;
    // The others name invoices that nobody has: 245,000 of them and more.
    let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = 'money_records'::regclass AND attnum > 0 AND NOT attisdropped
          AND attgenerated = ''";
    let columns = desk.direct.database.value(columns).await;
    let each = by_length(700, 10);
    let words = format!(
        "(SELECT string_agg('QX-' || k || '-' || w, ' ') FROM generate_series(1, {each}) w)"
    );
    let made = columns.replace("bank_key,", "bank_key || '-' || k,");
    let made = made.replace("unstructured", &words);
    let count = by_length(350, 100_000);
    let copies = format!(
        "INSERT INTO money_records ({columns}) SELECT {made} FROM money_records,
         generate_series(1, {count}) k"
    );
    desk.direct.database.execute(&copies).await;
    desk.age(40).await;
    desk.statement(Clock::System.now()).await;
    assert_eq!(said(&desk.run().await), "1 flagged, 0 cleared");
    assert_eq!(desk.candidates().await, "STALE-1");
    desk.direct.database.abandon().await;
}
