//! Random sequences over payments that are split or not: the bank takes back and gives again in any
//! order and any part, with its fee or without; persons split, undo, allocate, remove, refund and
//! dismiss, and say whose a return is or what comes back of it; and customers spend. Every record
//! must have an outcome, nothing may fail when it is tried again or wait for no reason, and the
//! auditor, which calls no code of the service, must find the money of every step.
//!
//! `TOPUP_SEED` repeats one sequence; what failed names its seed and all that was sent before.

use serde_json::{Value, json};
use topup::domain::model_gen::Random;
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::auditor;
use crate::harness::records::{
    account, allocate, allocate_amount, bank, credit, draft, payment, with,
};
use crate::harness::{Direct, by_length};
use crate::steps_back::without_proof;
use crate::usage::{charge, refund};

/// Worlds are customers and payments that share nothing; all of a sequence share the batches.
const WORLDS: u64 = 12;
const STEPS: u64 = 24;
const CUSTOMERS: [&str; 2] = ["A", "B"];
const INVOICES: [&str; 6] = ["10.00", "20.00", "30.00", "25.50", "40.00", "60.00"];
const PAYMENTS: [&str; 3] = ["100.00", "60.00", "80.00"];

/// Returns that are parked although the rows say that they can be applied, or for another reason
/// than theirs. What is left of a payment is what it and its parts have.
const PARKED_FOR_NOTHING: &str = "
    WITH parked AS (
        SELECT p.bank_account, p.bank_key, p.why, b.amount, b.return_of ->> 0 AS named,
               coalesce(b.instructed_amount, b.amount) AS paid
          FROM parked_returns p JOIN bank_transactions b USING (bank_account, bank_key)),
    taken AS (
        SELECT k.*, o.amount AS whole,
               (SELECT sum(m.amount - m.returned - m.refunded - m.split) FROM payments m
                      WHERE m.payment_id = o.payment_id OR m.payment_id IN
                            (SELECT part_id FROM payment_splits s
                              WHERE s.payment_id = o.payment_id)) AS there,
               EXISTS (SELECT FROM payments m JOIN payment_splits s ON s.part_id = m.payment_id
                        WHERE s.payment_id = o.payment_id AND m.state = 'removed') AS removed
          FROM parked k
          JOIN bank_transactions o ON o.bank_account = k.bank_account
           AND o.bank_key = 'id:' || k.named
         WHERE k.bank_key LIKE 'reversal:%'),
    given AS (
        SELECT k.*, r.open, r.payments FROM parked k
          CROSS JOIN LATERAL (
            SELECT coalesce(sum(r.amount + r.fee - u.back), 0) AS open, count(*) AS returns,
                   count(DISTINCT r.payment_id) FILTER (WHERE r.amount + r.fee > u.back)
                       AS payments
              FROM payment_returns r CROSS JOIN LATERAL (
                SELECT coalesce(sum(u.amount + u.fee), 0) AS back FROM payment_returns u
                 WHERE u.undoes = r.return_id) u
             WHERE r.bank_account = k.bank_account AND r.bank_transaction_id = k.named
               AND r.undoes IS NULL) r
         WHERE k.bank_key LIKE 'undone:%' AND r.returns > 0)
    SELECT bank_account, bank_key, why, amount, there FROM taken
     WHERE why = 'exceeds_payment'
           AND CASE amount WHEN whole THEN amount ELSE paid END <= there
        OR why = 'split_payment' AND paid = there AND NOT removed
        OR why NOT IN ('exceeds_payment', 'split_payment')
    UNION ALL
    SELECT bank_account, bank_key, why, amount, open FROM given
     WHERE (amount > open) <> (why = 'exceeds_return')
        OR amount = open OR amount < open AND payments = 1";

/// A payment as the rows have it, in minor units.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    whole: String,
    account: Option<String>,
    left: u64,
    free: u64,
    is_part: bool,
}

/// A return that was applied, or one that is parked.
type Back = (String, u64);

struct Play {
    direct: Direct,
    random: Random,
    next: u64,
    /// What was sent, as `(world, record)`.
    sent: Vec<(u64, Value)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_goes_there_and_back_is_somewhere_after_every_step() {
    let given = std::env::var("TOPUP_SEED").ok().and_then(|seed| seed.parse().ok());
    let first: u64 = given.unwrap_or(1);
    let many = if given.is_some() { 1 } else { by_length(2, 60) };
    for seed in first..first + many {
        let mut play = Play {
            direct: without_proof(&format!("back_{seed}")).await,
            random: Random::new(seed),
            next: 0,
            sent: Vec::new(),
        };
        play.prepare().await;
        for step in 0..STEPS {
            play.step(seed, step).await;
        }
        play.direct.finish().await;
    }
}

fn units(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// The bank account of a world.
fn books(world: u64) -> String {
    format!("BOOK-{world:02}")
}

impl Play {
    async fn prepare(&mut self) {
        let mut items = Vec::new();
        for world in 0..WORLDS {
            for customer in CUSTOMERS.map(|name| format!("{name}{world}")) {
                items.push(self.command(world, "account.upsert", account(&customer)));
                for (number, amount) in INVOICES.iter().enumerate() {
                    let data = draft(&format!("{customer}-I{number}"), &customer, amount);
                    items.push(self.command(
                        world,
                        "invoice.create",
                        with(data, &json!({ "send": true })),
                    ));
                }
            }
            for (number, amount) in PAYMENTS.iter().enumerate() {
                let data = credit(&format!("P{number}-{world}"), amount);
                items.push(self.bank(world, data));
            }
            // Recorded by hand: the bank never takes it back, a person may say that it did.
            let by_hand = payment(&format!("M-{world}"), &format!("A{world}"), "50.00");
            items.push(self.command(world, "payment.record", by_hand));
        }
        let ended = self.direct.run(&items).await;
        assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
    }

    fn id(&mut self) -> String {
        self.next += 1;
        format!("n{}", self.next)
    }

    fn command(&mut self, world: u64, kind: &str, data: Value) -> Item {
        let id = self.id();
        let item = self.direct.command(&id, kind, &data);
        self.sent.push((world, json!({ "type": kind, "data": data })));
        item
    }

    /// A booking of the world's bank account.
    fn bank(&mut self, world: u64, data: Value) -> Item {
        let data = with(data, &json!({ "bank_account": books(world) }));
        let value = bank(&self.id(), &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.sent.push((world, json!({ "type": "bank", "data": data })));
        item
    }

    fn usage(&mut self, world: u64, kind: &str, data: Value) -> Item {
        let id = self.id();
        let item = crate::usage::usage(&mut self.direct, &id, kind, &data);
        self.sent.push((world, json!({ "type": kind, "data": data })));
        item
    }

    fn amount(&mut self, most: u64) -> u64 {
        if most == 0 || self.random.chance(35) { most } else { 1 + self.random.below(most) }
    }

    /// One record for each world, two for some, in batches of any size; then the parked returns
    /// are tried again.
    async fn step(&mut self, seed: u64, step: u64) {
        let mut items = Vec::new();
        for world in 0..WORLDS {
            for _ in 0..=self.random.below(2) {
                if let Some(item) = self.act(world).await {
                    items.push((world, item));
                }
            }
        }
        while !items.is_empty() {
            let size = usize::try_from(self.random.below(8)).expect("small") + 1;
            let batch: Vec<_> = items.drain(..size.min(items.len())).collect();
            let alone: Vec<Item> = batch.iter().map(|(_, item)| item.clone()).collect();
            if self.tried(&alone).await.is_ok() {
                continue;
            }
            for (world, item) in &batch {
                if let Err(error) = self.tried(std::slice::from_ref(item)).await {
                    let before: Vec<_> = self.sent.iter().filter(|sent| sent.0 == *world).collect();
                    panic!("seed {seed}, step {step}: {error}: {item:?} after {before:#?}");
                }
            }
        }
        self.try_again().await;
        let failing = "SELECT kind || ' ' || item || ' ' || code FROM failing_items";
        let mut found = self.direct.database.lines(failing).await;
        found.extend(auditor::books(&self.direct.database).await);
        found.extend(self.direct.database.lines(PARKED_FOR_NOTHING).await);
        let told = found.join(" ");
        for world in (0..WORLDS).filter(|world| told.contains(&books(*world))) {
            let before = self.sent.iter().filter(|sent| sent.0 == world);
            found.extend(before.map(|(_, record)| record.to_string()));
        }
        assert!(found.is_empty(), "seed {seed}, step {step}: {found:#?}");
    }

    /// Parked returns, however lately they were tried, until none of them finds what it waits for.
    async fn try_again(&self) {
        loop {
            let untried = "UPDATE parked_returns SET tried_at = parked_at";
            self.direct.database.execute(untried).await;
            if self.direct.pipeline.sweep().await.expect("swept").returns_applied == 0 {
                break;
            }
        }
    }

    async fn tried(&self, items: &[Item]) -> Result<(), String> {
        let mut tx = self.direct.pipeline.pool().begin().await.expect("begin");
        match self.direct.run_in(&mut tx, items).await {
            Ok(_) => tx.commit().await.map_err(|error| error.to_string()),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    async fn payments(&self, world: u64) -> Vec<Row> {
        let sql = format!(
            "SELECT p.payment_id || '|' || coalesce(s.payment_id, p.payment_id) || '|'
                    || coalesce(p.account_id, '') || '|' || p.amount / 10000 || '|'
                    || (p.amount - p.returned - p.refunded - p.split) / 10000 || '|'
                    || (p.amount - p.allocated - p.returned - p.refunded - p.split) / 10000
                    || '|' || (p.origin = 'split')
               FROM payments p LEFT JOIN payment_splits s ON s.part_id = p.payment_id
              WHERE coalesce(s.payment_id, p.payment_id) IN ('M-{world}', 'BANK:{0}:P0-{world}',
                    'BANK:{0}:P1-{world}', 'BANK:{0}:P2-{world}') ORDER BY p.payment_id",
            books(world)
        );
        let rows = self.direct.database.lines(&sql).await;
        rows.iter().map(|line| row(line)).collect()
    }

    async fn backs(&self, sql: &str, world: u64) -> Vec<Back> {
        let sql = format!("{sql} WHERE bank_account = '{}' ORDER BY bank_key", books(world));
        let lines = self.direct.database.lines(&sql).await;
        let two = lines.iter().filter_map(|line| line.split_once('|'));
        two.map(|(id, amount)| (id.to_owned(), amount.parse().expect("units"))).collect()
    }

    async fn act(&mut self, world: u64) -> Option<Item> {
        let payments = self.payments(world).await;
        let at = usize::try_from(self.random.below(payments.len() as u64)).expect("few");
        let row = payments.get(at)?.clone();
        let other = format!("{}{world}", self.random.pick(&CUSTOMERS, "A"));
        let owner = row.account.clone().unwrap_or_else(|| other.clone());
        let about = |owner: &str| json!({ "payment_id": row.id, "account_id": owner });
        match self.random.below(24) {
            0 => Some(self.command(world, "payment.assign", about(&owner))),
            1..=3 => {
                let invoice = format!("{owner}-I{}", self.random.below(6));
                let part = units(self.amount(row.free));
                let data = if self.random.chance(50) && row.free > 0 {
                    allocate_amount(&row.id, &owner, &invoice, &part)
                } else {
                    allocate(&row.id, &owner, &invoice)
                };
                Some(self.command(world, "payment.allocate", data))
            }
            4..=6 => self.split(world, &row),
            7 => {
                let data = json!({ "payment_id": row.whole, "account_id": owner });
                Some(self.command(world, "payment.unsplit", data))
            }
            8..=11 => self.taken(world, &payments, &row),
            12..=13 => self.given_again(world).await,
            22..=23 => self.given_by_a_person(world).await,
            14 => {
                let (id, amount) = (self.id(), units(1 + self.random.below(3_000)));
                Some(self.usage(world, "charge", charge(&id, &other, &amount)))
            }
            15 => self.charge_back(world).await,
            16 => {
                let invoice = format!("{owner}-I{}", self.random.below(6));
                let data = with(about(&owner), &json!({ "invoice_id": invoice }));
                Some(self.command(world, "payment.deallocate", data))
            }
            17 => Some(self.command(world, "payment.remove", about(&owner))),
            18 => {
                let mut data = json!({ "payment_id": row.id, "reason": "no customer's" });
                if let Some(owner) = &row.account {
                    data = with(data, &json!({ "account_id": owner }));
                }
                if row.account.is_none() && self.random.chance(30) {
                    return Some(self.command(world, "payment.dismiss", data));
                }
                let part = units(self.amount(row.free));
                let data = with(data, &json!({ "amount": part }));
                (row.free > 0).then(|| self.command(world, "payment.refund", data))
            }
            _ => self.pointed(world, &payments, &row).await,
        }
    }

    fn split(&mut self, world: u64, row: &Row) -> Option<Item> {
        let (mut left, mut parts) = (row.free, Vec::new());
        let from = usize::from(self.random.chance(50));
        for name in CUSTOMERS.iter().cycle().skip(from).take(1 + from) {
            let amount = self.amount(left);
            if amount > 0 {
                let owner = format!("{name}{world}");
                let pays = json!([{ "invoice_id": format!("{owner}-I{}", self.random.below(6)) }]);
                let pays = if self.random.chance(50) { pays } else { json!([]) };
                left -= amount;
                parts.push(json!({
                    "account_id": owner, "amount": units(amount), "allocations": pays,
                }));
            }
        }
        let first = parts.first()?["account_id"].clone();
        let owner = row.account.clone().map_or(first, Value::from);
        let data = json!({ "payment_id": row.whole, "account_id": owner, "parts": parts });
        (!row.is_part).then(|| self.command(world, "payment.split", data))
    }

    /// The bank takes a payment back: all that is there of it and its parts, or some; at times with
    /// its fee in it, stated.
    fn taken(&mut self, world: u64, payments: &[Row], row: &Row) -> Option<Item> {
        let of_it = payments.iter().filter(|other| other.whole == row.whole);
        let left: u64 = of_it.map(|other| other.left).sum();
        let amount = self.amount(left);
        let named = row.whole.rsplit(':').next()?;
        let fee = if self.random.chance(30) { 1 + self.random.below(300) } else { 0 };
        let data = credit(&format!("R{}", self.next), &units(amount + fee));
        let mut fields = json!({ "credit_debit": "DBIT", "reversal": true,
            "return_of": { "bank_transaction_id": named } });
        if fee > 0 {
            let stated = json!({ "charges": units(fee),
                "instructed": { "amount": units(amount), "currency": "SGD" } });
            fields = with(fields, &stated);
        }
        (amount > 0).then(|| self.bank(world, with(data, &fields)))
    }

    /// The bank undoes a return, or some of it, or its fee, naming the return or what was returned.
    async fn given_again(&mut self, world: u64) -> Option<Item> {
        let sql = format!(
            "SELECT bank_key || '|' || (sum(amount) / 10000)::bigint || '|'
                    || (sum(fee) / 10000)::bigint || '|' || max(payment_id)
               FROM payment_returns WHERE undoes IS NULL AND bank_account = '{}'
              GROUP BY bank_key ORDER BY bank_key",
            books(world)
        );
        let returns = self.direct.database.lines(&sql).await;
        let at = usize::try_from(self.random.below(returns.len() as u64)).expect("few");
        let of: Vec<&str> = returns.get(at)?.split('|').collect();
        let (paid, fee): (u64, u64) = (of.get(1)?.parse().ok()?, of.get(2)?.parse().ok()?);
        let amount = match self.random.below(6) {
            0 if fee > 0 => fee,
            1 if fee > 0 => self.amount(fee),
            2 => paid,
            3 => self.amount(paid + fee),
            4 => self.amount(paid),
            _ => paid + fee,
        };
        let payment = of.get(3)?.rsplit(':').next()?;
        let by_payment = of.get(3)?.starts_with("BANK:") && self.random.chance(25);
        let named = if by_payment { payment } else { of.first()?.split_once(':')?.1 };
        let data = credit(&format!("U{}", self.next), &units(amount));
        let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": named } });
        (amount > 0).then(|| self.bank(world, with(data, &fields)))
    }

    /// A person says which payments get back what the bank gives: one or two, with the fee or not.
    async fn given_by_a_person(&mut self, world: u64) -> Option<Item> {
        let sql = "SELECT bank_key || '|' || amount / 10000 FROM bank_transactions
            JOIN parked_returns r USING (bank_account, bank_key)";
        let mut parked = self.backs(sql, world).await;
        parked.retain(|(key, _)| key.starts_with("undone:"));
        let at = usize::try_from(self.random.below(parked.len() as u64)).expect("few");
        let (key, amount) = parked.get(at)?.clone();
        let open = format!(
            "SELECT r.payment_id || '|' || coalesce(p.account_id, '') || '|'
                    || ((r.amount - coalesce(sum(u.amount), 0)) / 10000)::bigint
               FROM payment_returns r JOIN payments p USING (payment_id)
               LEFT JOIN payment_returns u ON u.undoes = r.return_id
              WHERE r.undoes IS NULL AND r.bank_account = '{}'
              GROUP BY r.return_id, p.account_id HAVING r.amount > coalesce(sum(u.amount), 0)
              ORDER BY r.return_id",
            books(world)
        );
        let open = self.direct.database.lines(&open).await;
        let fee = if self.random.chance(20) { 1 + self.random.below(amount) } else { 0 };
        let (mut left, mut owner, mut payments) = (amount - fee, None, Vec::new());
        let from = self.random.below(open.len() as u64 + 1);
        for line in open.iter().cycle().skip(usize::try_from(from).expect("few")).take(open.len()) {
            let of: Vec<&str> = line.split('|').collect();
            let gives = left.min(of.get(2)?.parse().ok()?);
            let id = of.first()?;
            let twice = payments.iter().any(|known: &Value| known["payment_id"] == **id);
            if gives == 0 || twice {
                continue;
            }
            left -= gives;
            owner = owner.or(of.get(1).filter(|owner| !owner.is_empty()).copied());
            payments.push(json!({ "payment_id": id, "amount": units(gives) }));
        }
        let owner = owner.map_or_else(|| format!("A{world}"), str::to_owned);
        let mut data = json!({
            "account_id": owner, "bank_account": books(world), "bank_key": key,
            "action": "take", "payments": payments,
        });
        if fee > 0 {
            data = with(data, &json!({ "fee": units(fee) }));
        }
        (!payments.is_empty()).then(|| self.command(world, "return.resolve", data))
    }

    async fn charge_back(&mut self, world: u64) -> Option<Item> {
        let sql = format!(
            "SELECT usage_id || '|' || account_id || '|' || amount / 10000 FROM usage_charges
              WHERE account_id IN ('A{world}', 'B{world}') ORDER BY usage_id"
        );
        let charges = self.direct.database.lines(&sql).await;
        let at = usize::try_from(self.random.below(charges.len() as u64)).expect("few");
        let mut of = charges.get(at)?.split('|');
        let (usage, owner) = (of.next()?, of.next()?);
        let amount = self.amount(of.next()?.parse().expect("units"));
        let data = refund(&self.id(), usage, owner, &units(amount));
        (amount > 0).then(|| self.usage(world, "refund", data))
    }

    /// A person says which payment, or which two, a parked return takes; or that it takes nothing.
    async fn pointed(&mut self, world: u64, payments: &[Row], row: &Row) -> Option<Item> {
        let sql = "SELECT bank_key || '|' || amount / 10000 FROM bank_transactions
            JOIN parked_returns r USING (bank_account, bank_key)";
        let parked = self.backs(sql, world).await;
        let at = usize::try_from(self.random.below(parked.len() as u64)).expect("few");
        let (key, amount) = parked.get(at)?;
        let owner = row.account.clone().unwrap_or_else(|| format!("A{world}"));
        let mut data = json!({
            "account_id": owner, "bank_account": books(world), "bank_key": key,
            "action": "take", "payments": [{ "payment_id": row.id }],
        });
        let second = payments.iter().find(|other| other.id != row.id && other.left > 0);
        if let Some(second) = second.filter(|_| row.left > 0 && row.left < *amount) {
            data["payments"] = json!([
                { "payment_id": row.id, "amount": units(row.left) },
                { "payment_id": second.id, "amount": units(amount - row.left) },
            ]);
        } else if self.random.chance(10) {
            data = with(data, &json!({ "action": "end", "payments": null }));
        }
        Some(self.command(world, "return.resolve", data))
    }
}

fn row(line: &str) -> Row {
    let fields: Vec<&str> = line.split('|').collect();
    let text = |at: usize| fields.get(at).copied().unwrap_or_default().to_owned();
    let number = |at: usize| text(at).parse().unwrap_or(0);
    Row {
        id: text(0),
        whole: text(1),
        account: Some(text(2)).filter(|account| !account.is_empty()),
        left: number(4),
        free: number(5),
        is_part: text(6) == "true",
    }
}
