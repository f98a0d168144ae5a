//! The usage feed on PostgreSQL and Kafka.

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::store::load::Locks;
use topup::store::views::records::{RecordName, find};
use topup::wire::Topic;

use crate::harness::records::{account, allocate, credit_saying, envelope, invoice, payment, with};
use crate::harness::{Direct, World};

pub fn charge(id: &str, account: &str, amount: &str) -> Value {
    json!({
        "usage_id": id, "account_id": account, "amount": amount, "currency": "SGD",
        "occurred_at": "2026-11-22T10:00:00Z", "kind": "call",
    })
}

pub fn refund(id: &str, usage: &str, account: &str, amount: &str) -> Value {
    json!({
        "refund_id": id, "usage_id": usage, "account_id": account, "amount": amount,
        "currency": "SGD",
    })
}

pub fn hold(id: &str, account: &str, amount: &str) -> Value {
    json!({ "hold_id": id, "account_id": account, "amount": amount, "currency": "SGD" })
}

pub fn usage(direct: &mut Direct, id: &str, kind: &str, data: &Value) -> Item {
    let value = envelope(id, "rating", &format!("topup.usage.{kind}.v1"), data);
    direct.item(Topic::Usage, None, value.as_bytes())
}

/// An account with one lot of that amount.
pub async fn topped_up(direct: &mut Direct, number: u32, amount: &str) {
    let (paid, billed) = (format!("PAY-{number}"), format!("INV-{number}"));
    let commands = [
        ("invoice.create", invoice(&billed, "A", amount)),
        ("payment.record", payment(&paid, "A", amount)),
        ("payment.allocate", allocate(&paid, "A", &billed)),
    ];
    for (kind, data) in commands {
        let item = direct.command(&format!("{kind}-{number}"), kind, &data);
        direct.applied(item).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_burns_lots_once_and_posts_once_per_account() {
    let mut direct = Direct::new("usage_batch").await;
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "10.00").await;
    let batch = [
        usage(&mut direct, "u1", "charge", &charge("U1", "A", "3.5")),
        usage(&mut direct, "u2", "charge", &charge("U2", "A", "8.000001")),
        usage(&mut direct, "u3", "refund", &refund("R1", "U2", "A", "1")),
        usage(&mut direct, "u4", "charge", &charge("U3", "B", "2")),
        usage(&mut direct, "u5", "charge", &charge("U1", "A", "3.5")),
        usage(&mut direct, "u6", "charge", &charge("U1", "A", "9")),
    ];
    let ended: Vec<_> = direct.run(&batch).await.iter().map(|ended| ended.outcome).collect();
    let expected = ["applied", "applied", "applied", "applied", "duplicate", "dead_lettered"];
    assert_eq!(ended, expected);
    let database = &direct.database;
    let lots = "SELECT string_agg(remaining::text, ' ' ORDER BY opened_at) FROM lots";
    assert_eq!(database.value(lots).await, "0 9499999");
    let posted = "SELECT string_agg(kind, ' ' ORDER BY kind) FROM ledger_transactions
                  WHERE payment_id IS NULL";
    assert_eq!(database.value(posted).await, "usage_charged usage_charged usage_refunded");
    let balance = "SELECT amount::text FROM balances WHERE account_id = 'B'";
    assert_eq!(database.value(balance).await, "-2000000");
    database.audit().await;
    // The same again, by the inbox.
    let again: Vec<_> = direct.run(&batch[..2]).await.iter().map(|ended| ended.outcome).collect();
    assert_eq!(again, ["duplicate", "duplicate"]);
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_usage_that_contradicts_itself() {
    let mut direct = Direct::new("usage_fences").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "3"));
    direct.applied(item).await;
    let refused = [
        ("42501", "UPDATE usage_charges SET amount = 1"),
        ("42501", "DELETE FROM lot_consumptions"),
        ("23514", "UPDATE lots SET amount = amount + 1"),
        ("23514", "UPDATE lots SET remaining = amount + 1"),
        ("23505", "INSERT INTO usage_charges SELECT * FROM usage_charges"),
        (
            "23503",
            "INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount,
                    uncovered, kind, occurred_at, ledger_transaction_id, charged_at)
             SELECT account_id, 'U2', 7, currency, amount + 1, uncovered, kind, occurred_at,
                    ledger_transaction_id, charged_at FROM usage_charges",
        ),
        ("23503", "INSERT INTO lot_consumptions SELECT 9, lot_id, 'charge', 'B', 1 FROM lots"),
        ("23514", "INSERT INTO lot_consumptions SELECT 9, lot_id, 'refund', 'A', 1 FROM lots"),
        ("23514", "INSERT INTO holds SELECT 'A', 'H', 'SGD', 1, 1, 'live', now(), NULL"),
        ("23503", "INSERT INTO holds VALUES ('NOBODY', 'H', 'SGD', 1, 0, 'live', now())"),
    ];
    for (code, sql) in refused {
        let tried = format!(
            "DO $$ BEGIN {sql}; RAISE EXCEPTION 'not refused'; EXCEPTION WHEN SQLSTATE '{code}'
             THEN NULL; END $$"
        );
        direct.database.execute(&tried).await;
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_came_first_waits_visibly_and_is_given_when_its_charge_comes() {
    let mut direct = Direct::new("usage_early").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "1"));
    let ended = direct.run(&[item]).await;
    assert_eq!((ended[0].outcome, ended[0].code.as_deref()), ("waiting", Some("usage_unknown")));
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 0);
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "3"));
    direct.applied(item).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 1);
    let balance = "SELECT amount::text FROM balances";
    assert_eq!(direct.database.value(balance).await, "8000000");
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_counts_until_it_expires_with_an_event() {
    let mut direct = Direct::new("usage_holds").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "h1", "hold", &hold("H1", "A", "4"));
    direct.applied(item).await;
    let shown = topup::store::views::accounts::balance(direct.pipeline.pool(), "A").await;
    let shown = shown.expect("read").expect("an account");
    assert_eq!(
        (shown.balances[0].held.as_str(), shown.balances[0].usable.as_str()),
        ("4.00", "6.00")
    );
    assert_eq!(shown.lots[0].held, "4.00");
    assert_eq!(shown.holds.len(), 1);
    let late = direct.at(Utc::now() + Duration::days(3_651));
    assert_eq!(late.sweep().await.expect("swept").holds_expired, 1);
    assert_eq!(late.sweep().await.expect("swept").holds_expired, 0);
    let events =
        "SELECT count(*)::text FROM told.outbox WHERE payload LIKE '%balance.hold-expired%'";
    assert_eq!(direct.database.value(events).await, "1");
    direct.database.audit().await;
    direct.finish().await;
}

/// A bank payment that decided on a balance that usage then took below zero must clear the debt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topups_and_charges_at_the_same_moment_never_lose_a_debt() {
    let mut direct = Direct::new("usage_race").await;
    let item = direct.command("a", "account.upsert", &account("A"));
    direct.applied(item).await;
    for round in 0..30 {
        let billed = format!("INV-{round}");
        let item = direct.command(&billed, "invoice.create", &invoice(&billed, "A", "10.00"));
        direct.applied(item).await;
        let data = credit_saying(&format!("B{round}"), "10.00", &billed);
        let data = with(data, &json!({ "debtor": { "account": "PAYERA" } }));
        let value = crate::harness::records::bank(&format!("b{round}"), &data);
        let paid = direct.item(Topic::BankPayments, None, value.as_bytes());
        let id = format!("U{round}");
        let spent = usage(&mut direct, &id, "charge", &charge(&id, "A", "11"));
        let (one, two) = (direct.pipeline.clone(), direct.pipeline.clone());
        let paying = tokio::spawn(async move { until_written(&one, paid).await });
        let spending = tokio::spawn(async move { until_written(&two, spent).await });
        paying.await.expect("paid");
        spending.await.expect("spent");
        direct.database.audit().await;
    }
    let sum = "SELECT sum(amount)::text FROM balances";
    assert_eq!(direct.database.value(sum).await, "-30000000");
    direct.finish().await;
}

/// As a lane does it: first with the accounts locked last, then first.
pub async fn until_written(pipeline: &Pipeline, item: Item) {
    let mut locks = Locks::Last;
    loop {
        let at = pipeline.clock().now();
        let mut tx = pipeline.pool().begin().await.expect("begin");
        let block = topup::store::next_id_block(&mut tx).await.expect("ids");
        let batch = std::slice::from_ref(&item);
        let written =
            topup::pipeline::batch::run_in_tx(pipeline, &mut tx, batch, block, locks, at).await;
        match written {
            Ok(_) => return tx.commit().await.expect("commit"),
            Err(error) if error.is_race() => tx.rollback().await.expect("rollback"),
            Err(error) => panic!("{error:?}"),
        }
        locks = Locks::First;
    }
}

/// Trigger: a batch of usage records of an account; a charge beyond balance and credit limit.
/// Consumers: rating, which stops calls; customer notifications.
/// Contents: the new balance with how many records made it; how far it is beyond the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balance_changed_and_overdrawn_tell_what_usage_did() {
    let world = World::new("usage_events").await;
    let worker = world.start().await;
    let data = with(account("A"), &json!({ "credit_limits": { "SGD": "5.00" } }));
    world.applied("a-1", "account.upsert", "A", data).await;
    let value = envelope("u-1", "rating", "topup.usage.charge.v1", &charge("U1", "A", "7.25"));
    world.publish(&world.topics.usage, "A", &value).await;
    assert_eq!(world.outcome("u-1").await, ("applied".to_owned(), None));
    let mark = json!({ "complete_through": "2026-11-22T11:00:00Z" });
    let value = envelope("w-1", "rating", "topup.usage.watermark.v1", &mark);
    world.publish(&world.topics.usage, "any", &value).await;
    assert_eq!(world.outcome("w-1").await, ("applied".to_owned(), None));
    let events = world.events().await;
    let data = |kind: &str| {
        let mut found = events.iter().filter(|event| event.text("type") == kind);
        let event = found.next().expect("the event");
        assert_eq!(event.text("causationid"), "u-1");
        assert!(found.next().is_none(), "{kind} comes once");
        event.json["data"].clone()
    };
    assert_eq!(
        data("topup.balance.changed.v1"),
        json!({
            "sequence": 2, "account_id": "A", "delta": "-7.25", "balance": "-7.25",
            "currency": "SGD", "charges": 1, "refunds": 0,
        })
    );
    assert_eq!(
        data("topup.balance.overdrawn.v1"),
        json!({
            "sequence": 3, "account_id": "A", "balance": "-7.25", "credit_limit": "5.00",
            "exceeded_by": "2.25", "currency": "SGD",
        })
    );
    let marks = world.value("SELECT count(*)::text FROM usage_watermarks").await;
    assert_eq!(marks, "1");
    worker.shutdown().await;
    world.finish().await;
}

/// Lots may be numbered in another order than they were opened: by the order of opening they burn,
/// and by its reverse a refund gives back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_gives_back_in_the_reverse_of_the_order_of_burning() {
    let mut direct = Direct::new("usage_reverse").await;
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "10.00").await;
    // The lot with the larger number was opened first.
    direct.database.execute("ALTER TABLE allocations DISABLE TRIGGER allocation_stays").await;
    let turned = "UPDATE lots SET opened_at = CASE lot_id WHEN (SELECT max(lot_id) FROM lots)
                  THEN timestamptz '2026-01-01Z' ELSE '2026-01-02Z' END";
    direct.database.execute(turned).await;
    direct.database.execute("ALTER TABLE allocations ENABLE TRIGGER allocation_stays").await;
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "15"));
    direct.applied(item).await;
    let item = usage(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "5"));
    direct.applied(item).await;
    let lots = "SELECT string_agg(remaining::text, ' ' ORDER BY opened_at) FROM lots";
    assert_eq!(direct.database.value(lots).await, "0 10000000");
    direct.finish().await;
}

/// What a batch charges and gives back is posted apart; only how it left the balance counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_was_never_below_its_limit_is_no_finding() {
    let mut direct = Direct::new("usage_within").await;
    topped_up(&mut direct, 1, "10.00").await;
    let batch = [
        usage(&mut direct, "u1", "charge", &charge("U1", "A", "10")),
        usage(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "10")),
        usage(&mut direct, "u2", "charge", &charge("U2", "A", "10")),
    ];
    direct.run(&batch).await;
    direct.finish().await;
}

/// Each record in a batch of its own: a hold is set anew after a part of it was released, also to
/// what it was; and nothing is released or given back of what is not known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_set_anew_in_batches_of_one() {
    let mut direct = Direct::new("usage_anew").await;
    topped_up(&mut direct, 1, "50.00").await;
    let held = "SELECT amount - released FROM holds WHERE hold_id = 'H'";
    let steps = [
        ("hold", "10", "10000000"),
        ("release", "4", "6000000"),
        ("hold", "10", "10000000"),
        ("release", "4", "6000000"),
        ("release", "2", "4000000"),
        ("hold", "12", "12000000"),
        ("release", "0", "12000000"),
        ("hold", "5", "5000000"),
    ];
    for (number, (kind, amount, left)) in (0..).zip(steps) {
        let item = usage(&mut direct, &format!("u{number}"), kind, &hold("H", "A", amount));
        direct.applied(item).await;
        assert_eq!(direct.database.value(held).await, left, "{number}: {kind} {amount}");
    }
    let item = usage(&mut direct, "z1", "release", &hold("NEVER", "A", "0"));
    direct.applied(item).await;
    let item = usage(&mut direct, "z2", "refund", &refund("R", "NEVER", "A", "0"));
    direct.applied(item).await;
    let waiting = "SELECT count(*) FROM waiting_commands";
    assert_eq!(direct.database.value(waiting).await, "0");
    direct.finish().await;
}

/// No balance is larger than can be kept: the charge that would make it so is refused by a code of
/// its own, and all others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_a_balance_beyond_all_limits_is_refused_by_itself() {
    let world = World::new("usage_limit").await;
    for (id, account) in
        (0..10).map(|number| (format!("u-{number}"), "A")).chain([("u-c".to_owned(), "C")])
    {
        let data = charge(&id, account, "999999999999.00");
        let value = envelope(&id, "rating", "topup.usage.charge.v1", &data);
        world.publish(&world.topics.usage, account, &value).await;
    }
    let worker = world.start().await;
    let refused = ("dead_lettered".to_owned(), Some("balance_beyond_limit".to_owned()));
    assert_eq!(world.outcome("u-9").await, refused);
    for id in ["u-0", "u-8", "u-c"] {
        assert_eq!(world.outcome(id).await.0, "applied", "{id}");
    }
    worker.shutdown().await;
    world.finish().await;
}

/// Customer A's money as a list: what is left of each lot, the oldest first, and what each charge
/// burnt of which lot.
#[derive(Default)]
struct Purse {
    lots: Vec<u64>,
    burnt: Vec<Vec<(usize, u64)>>,
    given_back: Vec<Vec<(usize, u64)>>,
}

impl Purse {
    /// The oldest money first; what is not there is owed.
    fn charge(&mut self, mut amount: u64) {
        let mut burnt = Vec::new();
        for (lot, left) in self.lots.iter_mut().enumerate() {
            let part = amount.min(*left);
            if part > 0 {
                (*left, amount) = (*left - part, amount - part);
                burnt.push((lot, part));
            }
        }
        self.given_back.push(burnt.clone());
        self.burnt.push(burnt);
    }

    /// Gives back what the charge burnt last, first.
    fn refund(&mut self, charge: usize, mut amount: u64) {
        while amount > 0 {
            let (lot, left) = self.given_back[charge].pop().expect("more than was charged");
            let part = amount.min(left);
            (self.lots[lot], amount) = (self.lots[lot] + part, amount - part);
            if part < left {
                self.given_back[charge].push((lot, left - part));
            }
        }
    }

    /// A line for each charge: its number, and lots and micros.
    fn lines(&self) -> Vec<String> {
        let parts = |burnt: &Vec<(usize, u64)>| {
            let parts = burnt.iter().map(|(lot, part)| format!("{}:{part}", lot + 1));
            parts.collect::<Vec<_>>().join(" ")
        };
        (0..).zip(&self.burnt).map(|(number, burnt)| format!("{number}|{}", parts(burnt))).collect()
    }
}

/// Whatever is kept of what a charge burnt, and where: each charge says of each lot what it burnt
/// there, and each refund finds its way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_charge_burnt_what_a_plain_list_says() {
    let mut direct = Direct::new("usage_list").await;
    let mut purse = Purse::default();
    let mut dice = 12_345_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for round in 1..=8 {
        let cents = 300 + roll(900);
        topped_up(&mut direct, round, &format!("{}.{:02}", cents / 100, cents % 100)).await;
        purse.lots.push(cents * 10_000);
        let mut batch = Vec::new();
        for record in 0..12 {
            let id = format!("u{round}-{record}");
            let known = purse.burnt.len();
            // The charge that is given back is whole up to now, or it is another's turn.
            let turns = u64::try_from(known).expect("few") + 1;
            let charge_of = usize::try_from(roll(turns)).expect("few");
            let left = purse.given_back.get(charge_of).map_or(0, |it| it.iter().map(|p| p.1).sum());
            if left > 1 && roll(3) == 0 {
                let micros = (1 + roll(left)).min(999_999);
                let amount = format!("0.{micros:06}");
                let data = refund(&id, &format!("C{charge_of}"), "A", &amount);
                batch.push(usage(&mut direct, &id, "refund", &data));
                purse.refund(charge_of, micros);
                continue;
            }
            // Now and then of nothing, and now and then more than the oldest lot has.
            let most = purse.lots.iter().sum::<u64>();
            let micros = if roll(8) == 0 { 0 } else { roll(1 + most / 3) };
            let amount = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            let data = charge(&format!("C{known}"), "A", &amount);
            batch.push(usage(&mut direct, &id, "charge", &data));
            purse.charge(micros);
        }
        let ended = direct.run(&batch).await;
        assert!(ended.iter().all(|one| one.outcome == "applied"), "{ended:?}");
    }
    // More than there is, and then all of it owed.
    let most = purse.lots.iter().sum::<u64>() + 1;
    for micros in [most, 5_000_000] {
        let number = purse.burnt.len();
        let amount = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let data = charge(&format!("C{number}"), "A", &amount);
        let item = usage(&mut direct, &format!("last-{number}"), "charge", &data);
        direct.applied(item).await;
        purse.charge(micros);
    }
    let burnt = "SELECT substr(c.usage_id, 2)::integer || '|' || coalesce(string_agg(
               l.place || ':' || m.amount, ' ' ORDER BY l.place), '')
          FROM usage_charges c
          LEFT JOIN lot_moves m ON m.cause_id = c.charge_id AND m.kind = 'charge'
          LEFT JOIN (SELECT lot_id, row_number() OVER (ORDER BY opened_at, lot_id) AS place
                       FROM lots) l ON l.lot_id = m.lot_id
         GROUP BY c.usage_id ORDER BY substr(c.usage_id, 2)::integer";
    assert_eq!(direct.database.lines(burnt).await, purse.lines());
    let left = "SELECT remaining FROM lots ORDER BY opened_at, lot_id";
    let wanted: Vec<String> = purse.lots.iter().map(u64::to_string).collect();
    assert_eq!(direct.database.lines(left).await, wanted);
    // Both ways to keep it were tried.
    let alone = "SELECT count(*) FILTER (WHERE lot_id IS NOT NULL) > 20
                    AND count(*) FILTER (WHERE lot_id IS NULL AND amount > uncovered) > 3
                    AND count(*) FILTER (WHERE uncovered > 0) = 2 FROM usage_charges";
    assert_eq!(direct.database.value(alone).await, "true");
    direct.database.audit().await;
    direct.finish().await;
}

/// A charge that names another customer's lot, or money in another currency, or a lot of which it
/// burnt nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_burns_its_own_customers_money_or_none() {
    let mut direct = Direct::new("usage_own_lot").await;
    topped_up(&mut direct, 1, "10.00").await;
    for (id, account) in [("U1", "A"), ("U2", "B")] {
        let item = usage(&mut direct, id, "charge", &charge(id, account, "3"));
        direct.applied(item).await;
    }
    let found = "SELECT account_id || ' ' || (lot_id IS NULL) || ' ' || uncovered
                   FROM usage_charges ORDER BY 1";
    assert_eq!(direct.database.lines(found).await, ["A false 0", "B true 3000000"]);
    let as_it_is = "INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount,
            uncovered, kind, occurred_at, ledger_transaction_id, charged_at, lot_id)
        SELECT account_id, 'U9', 9, currency, amount, uncovered, kind, occurred_at,
               ledger_transaction_id, charged_at, lot_id FROM usage_charges WHERE usage_id = 'U1'";
    let cases = [
        (("SELECT account_id,", "SELECT 'B',"), "charge_has_its_lot"),
        (("'U9', 9, currency", "'U9', 9, 'EUR'"), "charge_has_its_lot"),
        (("charged_at, lot_id FROM", "charged_at, lot_id + 1 FROM"), "charge_has_its_lot"),
        (("amount, uncovered, kind", "amount, amount, kind"), "usage_charges_lot_burnt_something"),
    ];
    for ((part, other), constraint) in cases {
        let sql = as_it_is.replace(part, other);
        assert_ne!(sql, as_it_is, "{part}");
        assert_eq!(direct.database.refused(&sql).await, constraint, "{other}");
    }
    direct.finish().await;
}

/// A batch takes the charges that it brings as new; where one is not, the database says so, and the
/// batch is decided again with what is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_another_record_told_before_is_one_charge() {
    let world = World::new("usage_told_before").await;
    let worker = world.start().await;
    let tell = async |id: &str, usage_id: &str, amount: &str| {
        let data = charge(usage_id, "A", amount);
        let value = envelope(id, "rating", "topup.usage.charge.v1", &data);
        world.publish(&world.topics.usage, "A", &value).await;
    };
    tell("r-1", "U1", "2").await;
    assert_eq!(world.outcome("r-1").await.0, "applied");
    tell("r-2", "U1", "2").await;
    tell("r-3", "U1", "3").await;
    tell("r-4", "U2", "5").await;
    assert_eq!(world.outcome("r-4").await.0, "applied");
    assert_eq!(world.outcome("r-2").await.0, "duplicate");
    let refused = ("dead_lettered".to_owned(), Some("usage_conflict".to_owned()));
    assert_eq!(world.outcome("r-3").await, refused);
    let charged = "SELECT string_agg(usage_id || ' ' || amount, ', ' ORDER BY usage_id)
                     FROM usage_charges";
    assert_eq!(world.value(charged).await, "U1 2000000, U2 5000000");
    worker.shutdown().await;
    world.finish().await;
}

/// Who is new is made known before anybody is locked: whoever makes the same customer known at this
/// moment may lock the others of the batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_customer_is_not_waited_for_with_others_in_hand() {
    let world = World::with_partitions("usage_new", 1).await;
    let known = |id: &str| {
        let columns = "account_id, created_at, updated_at";
        format!("INSERT INTO accounts ({columns}) VALUES ('{id}', now(), now())")
    };
    world.database.execute(&known("A")).await;
    let mut other = world.database.admin.begin().await.expect("a transaction");
    sqlx::query(sqlx::AssertSqlSafe(known("B"))).execute(&mut *other).await.expect("made known");
    for (id, customer) in [("n-1", "A"), ("n-2", "B")] {
        let data = charge(id, customer, "1");
        let value = envelope(id, "rating", "topup.usage.charge.v1", &data);
        world.publish(&world.topics.usage, customer, &value).await;
    }
    let worker = world.start().await;
    let waiting = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    world.until(waiting, "1").await;
    let lock = "SELECT 1 FROM accounts WHERE account_id = 'A' FOR UPDATE";
    sqlx::query(lock).execute(&mut *other).await.expect("nobody stands in its way");
    other.commit().await.expect("committed");
    for id in ["n-1", "n-2"] {
        assert_eq!(world.outcome(id).await.0, "applied");
    }
    worker.shutdown().await;
    world.finish().await;
}

/// What a record is about is told alike, whether its row says it or its id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_is_told_of_by_its_id_whatever_its_record_is_called() {
    let mut direct = Direct::new("usage_about").await;
    for id in ["U1", "other"] {
        let usage_id = if id == "U1" { "U1" } else { "U2" };
        let item = usage(&mut direct, id, "charge", &charge(usage_id, "A", "1"));
        direct.applied(item).await;
    }
    let again = usage(&mut direct, "U3", "charge", &charge("U2", "A", "1"));
    assert_eq!(direct.run(&[again]).await[0].outcome, "duplicate");
    let kept = "SELECT message_id, coalesce(subject, '-'), coalesce(about(inbox), '-') FROM inbox
                 ORDER BY message_id";
    let kept = format!("SELECT * FROM ({kept}) AS q (id, kept, about)");
    let kept = direct.database.lines(&kept).await;
    assert_eq!(kept, ["U1|-|usage:U1", "U3|-|-", "other|usage:U2|usage:U2"]);
    for (id, about) in [("U1", Some("usage:U1")), ("other", Some("usage:U2")), ("U3", None)] {
        let name = RecordName::Id(id.to_owned());
        let found = find(direct.pipeline.pool(), &name).await.expect("read");
        let subjects: Vec<_> = found.iter().map(|row| row.subject.as_deref()).collect();
        assert_eq!(subjects, [about], "{id}");
    }
    direct.finish().await;
}
