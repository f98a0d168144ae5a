//! The limit of usage: the rows that charges cause, in the same tables under the same constraints,
//! by the worker's own statements straight from arrays in memory. No Kafka, no JSON, no decisions.
//! What decides whether a charge may be written at all is looked up, as in the limit of payments:
//! whether its record came before, the locked accounts, their lots and limits. Whether the charge
//! came before its key says, as for the worker.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, Row, Transaction};

use crate::World;
use crate::data::CURRENCY;
use crate::database::{Database, number};
use crate::limit::BATCH;
use crate::machine::Cpu;

/// So many lots of each account are read at first, as by the worker.
const LOTS: i64 = 8;

type Tx = Transaction<'static, Postgres>;
type Result<T> = std::result::Result<T, sqlx::Error>;

/// A statement of the worker.
macro_rules! sql {
    ($name:literal) => {
        const { topup::store::sql::named($name) }
    };
}

/// A charge that the worker recorded, with what it burnt.
struct Charge {
    source: String,
    message_id: String,
    content_hash: Vec<u8>,
    message_type: String,
    topic: String,
    partition: i32,
    offset: i64,
    subject: Option<String>,
    account_id: String,
    usage_id: String,
    charge_id: i64,
    amount: i64,
    uncovered: i64,
    kind: String,
    occurred_at: DateTime<Utc>,
    lots: Vec<i64>,
    burnt: Vec<i64>,
}

const READ: &str = "
SELECT i.source, i.message_id, i.content_hash, i.message_type, i.topic, i.partition,
       i.record_offset, i.subject, c.account_id, c.usage_id, c.charge_id, c.amount, c.uncovered,
       c.kind, c.occurred_at, coalesce(l.lots, '{}') AS lots, coalesce(l.burnt, '{}') AS burnt
  FROM inbox i
  JOIN usage_charges c ON c.usage_id = i.message_id
  LEFT JOIN (SELECT cause_id, array_agg(lot_id) AS lots, array_agg(amount) AS burnt
               FROM lot_moves WHERE kind = 'charge' GROUP BY 1) l
         ON l.cause_id = c.charge_id
 WHERE i.message_id LIKE $1 || '-%'
 ORDER BY i.partition, i.record_offset";

fn charge(row: &PgRow) -> Result<Charge> {
    Ok(Charge {
        source: row.try_get("source")?,
        message_id: row.try_get("message_id")?,
        content_hash: row.try_get("content_hash")?,
        message_type: row.try_get("message_type")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        subject: row.try_get("subject")?,
        account_id: row.try_get("account_id")?,
        usage_id: row.try_get("usage_id")?,
        charge_id: row.try_get("charge_id")?,
        amount: row.try_get("amount")?,
        uncovered: row.try_get("uncovered")?,
        kind: row.try_get("kind")?,
        occurred_at: row.try_get("occurred_at")?,
        lots: row.try_get("lots")?,
        burnt: row.try_get("burnt")?,
    })
}

/// What one run of the worker wrote.
pub struct Recorded {
    charges: Vec<Arc<Charge>>,
    /// The last events of each account.
    events: HashMap<String, Told>,
}

/// The events of a row: how many, their form and their bytes.
type Told = (i16, i16, Vec<u8>);

/// Reads what the worker wrote for the charges of `part`.
pub async fn read(database: &Database, part: &str) -> Recorded {
    let rows = sqlx::query(READ).bind(part).fetch_all(&database.pool).await.expect("charges");
    let last = "SELECT DISTINCT ON (record_key) record_key, events, form, payload FROM outbox \
                WHERE key_kind = 'account' \
                ORDER BY record_key, first_sequence DESC";
    let last = sqlx::query(last).fetch_all(&database.pool).await.expect("events");
    let events = last.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3))));
    Recorded {
        charges: rows.iter().map(|row| Arc::new(charge(row).expect("a charge's rows"))).collect(),
        events: events.collect(),
    }
}

/// All rows of a thousand charges of one partition, ready to be bound.
struct Batch {
    charges: Vec<Arc<Charge>>,
    /// Per account, in order: what it is charged, its posting, its events.
    accounts: Vec<String>,
    totals: Vec<i64>,
    postings: Vec<i64>,
    events: Vec<i16>,
    forms: Vec<i16>,
    payloads: Vec<Vec<u8>>,
    /// Per charge.
    posted: Vec<i64>,
    /// Per lot.
    lots: (Vec<i64>, Vec<i64>),
}

impl Batch {
    fn of(charges: &[Arc<Charge>], recorded: &HashMap<String, Told>, id: i64) -> Self {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        let mut lots: BTreeMap<i64, i64> = BTreeMap::new();
        for charge in charges {
            *sums.entry(&charge.account_id).or_default() += charge.amount;
            for (lot, burnt) in charge.lots.iter().zip(&charge.burnt) {
                *lots.entry(*lot).or_default() += burnt;
            }
        }
        let posting: HashMap<&str, i64> = sums.keys().copied().zip(id..).collect();
        let told = |account: &&str| recorded.get(*account).expect("an event").clone();
        let (events, (forms, payloads)) =
            sums.keys().map(told).map(|(events, form, bytes)| (events, (form, bytes))).unzip();
        Self {
            posted: charges.iter().map(|charge| posting[charge.account_id.as_str()]).collect(),
            charges: charges.to_vec(),
            accounts: sums.keys().map(|account| (*account).to_owned()).collect(),
            postings: sums.keys().map(|account| posting[*account]).collect(),
            totals: sums.values().copied().collect(),
            events,
            forms,
            payloads,
            lots: lots.into_iter().unzip(),
        }
    }

    fn each<T>(&self, of: impl Fn(&Charge) -> T) -> Vec<T> {
        self.charges.iter().map(|charge| of(charge)).collect()
    }

    async fn write(&self, pool: &PgPool) -> Result<()> {
        let at = Utc::now();
        let mut tx = pool.begin().await?;
        let probe = sqlx::query(sql!("inbox_probe")).bind(self.each(|c| c.source.clone()));
        let probe = probe.bind(self.each(|c| c.message_id.clone()));
        assert!(probe.fetch_all(&mut *tx).await?.is_empty(), "records that came before");
        let locked = sqlx::query(sql!("lock_accounts")).bind(&self.accounts);
        let locked = locked.fetch_all(&mut *tx).await?;
        let was: Vec<i64> =
            locked.iter().map(|row| row.try_get("event_sequence")).collect::<Result<_>>()?;
        self.look_up(&mut tx).await?;
        self.write_ledger(&mut tx, at).await?;
        self.write_charges(&mut tx, at).await?;
        self.write_inbox(&mut tx, at).await?;
        let balances: Vec<i64> =
            locked.iter().map(|row| row.try_get("balance")).collect::<Result<_>>()?;
        self.write_accounts(&mut tx, (&was, &balances), at).await?;
        let place = self.charges.first().map_or(0, |charge| charge.partition);
        let checkpoint = "UPDATE checkpoints SET updated_at = $2 WHERE partition = $1";
        sqlx::query(checkpoint).bind(place).bind(at).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Under the locks: what is there to burn, and how far it may go.
    async fn look_up(&self, tx: &mut Tx) -> Result<()> {
        let count = self.accounts.len();
        let lots = sqlx::query(sql!("load_lots")).bind(&self.accounts);
        let lots = lots.bind(vec![CURRENCY; count]).bind(vec![None::<DateTime<Utc>>; count]);
        lots.bind(vec![0_i64; count]).bind(vec![LOTS; count]).fetch_all(&mut **tx).await?;
        sqlx::query(sql!("load_limits")).bind(&self.accounts).fetch_all(&mut **tx).await?;
        Ok(())
    }

    async fn write_ledger(&self, tx: &mut Tx, at: DateTime<Utc>) -> Result<()> {
        let count = self.accounts.len();
        let nobody = || vec![None::<String>; count];
        let insert = sqlx::query(sql!("insert_ledger_transfers")).bind(&self.postings);
        let insert = insert.bind(vec![1_i16; count]).bind(vec!["usage_charged"; count]);
        let insert = insert.bind(nobody()).bind(nobody());
        let insert = insert.bind(vec!["customer_balance"; count]).bind(&self.accounts);
        let insert = insert.bind(vec!["usage_revenue"; count]).bind(nobody());
        let insert = insert.bind(vec![CURRENCY; count]).bind(&self.totals).bind(at);
        insert.execute(&mut **tx).await?;
        Ok(())
    }

    async fn write_charges(&self, tx: &mut Tx, at: DateTime<Utc>) -> Result<()> {
        let count = self.charges.len();
        let (mut causes, mut lots, mut owners, mut burnt) = (vec![], vec![], vec![], vec![]);
        let several = |charge: &&Arc<Charge>| charge.lots.len() > 1;
        for charge in self.charges.iter().filter(several) {
            for (lot, amount) in charge.lots.iter().zip(&charge.burnt) {
                causes.push(charge.charge_id);
                lots.push(*lot);
                owners.push(charge.account_id.as_str());
                burnt.push(*amount);
            }
        }
        if !causes.is_empty() {
            let insert = sqlx::query(sql!("insert_consumptions")).bind(&causes).bind(lots);
            let insert = insert.bind(vec!["charge"; causes.len()]).bind(owners).bind(burnt);
            insert.execute(&mut **tx).await?;
        }
        let insert = sqlx::query(sql!("insert_charges"));
        let insert = insert.bind(self.each(|c| c.account_id.clone()));
        let insert = insert.bind(self.each(|c| c.usage_id.clone()));
        let insert = insert.bind(self.each(|c| c.charge_id)).bind(vec![CURRENCY; count]);
        let insert = insert.bind(self.each(|c| c.amount)).bind(self.each(|c| c.uncovered));
        let insert = insert.bind(self.each(|c| c.kind.clone())).bind(vec![None::<String>; count]);
        let insert = insert.bind(self.each(|c| c.occurred_at)).bind(&self.posted);
        let insert = insert.bind(self.each(|c| match c.lots.as_slice() {
            [lot] => Some(*lot),
            _ => None,
        }));
        insert.bind(at).execute(&mut **tx).await?;
        let burn = "UPDATE lots l SET remaining = l.remaining - n.burnt \
                    FROM unnest($1::bigint[], $2::bigint[]) AS n(lot_id, burnt) \
                    WHERE l.lot_id = n.lot_id";
        let burn = sqlx::query(burn).bind(&self.lots.0).bind(&self.lots.1);
        burn.execute(&mut **tx).await?;
        Ok(())
    }

    async fn write_inbox(&self, tx: &mut Tx, at: DateTime<Utc>) -> Result<()> {
        let count = self.charges.len();
        let first = self.charges.first().expect("a batch has charges");
        let insert = sqlx::query(sql!("insert_inbox"));
        let insert = insert.bind(self.each(|c| c.source.clone()));
        let insert = insert.bind(self.each(|c| c.message_id.clone()));
        let insert = insert.bind(self.each(|c| c.content_hash.clone()));
        let insert = insert.bind(self.each(|c| c.message_type.clone()));
        let insert = insert.bind(vec!["applied"; count]).bind(vec![None::<String>; count]);
        let insert = insert.bind(&first.topic).bind(first.partition);
        let insert = insert.bind(self.each(|c| c.offset));
        let insert = insert.bind(self.each(|c| c.subject.clone())).bind(at);
        insert.bind(vec![false; count]).execute(&mut **tx).await?;
        Ok(())
    }

    /// Sequences, balances, and the events that tell them.
    async fn write_accounts(
        &self,
        tx: &mut Tx,
        (was, balances): (&[i64], &[i64]),
        at: DateTime<Utc>,
    ) -> Result<()> {
        let count = self.accounts.len();
        let now = was.iter().zip(&self.events).map(|(was, events)| was + i64::from(*events));
        let update = sqlx::query(sql!("move_accounts")).bind(&self.accounts).bind(was);
        let update = update.bind(now.collect::<Vec<_>>()).bind(at).bind(0_i64);
        let left = balances.iter().zip(&self.totals).map(|(balance, total)| balance - total);
        let update = update.bind(vec![CURRENCY; count]).bind(balances);
        update.bind(left.collect::<Vec<_>>()).execute(&mut **tx).await?;
        let insert = sqlx::query(sql!("insert_outbox")).bind(vec!["account"; count]);
        let insert = insert.bind(&self.accounts);
        let insert = insert.bind(was.iter().map(|was| was + 1).collect::<Vec<_>>());
        insert
            .bind(&self.events)
            .bind(&self.forms)
            .bind(&self.payloads)
            .bind(at)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// Charges a second, each connection with partitions, and so customers, of its own.
pub async fn run(world: &World, template: &str, recorded: &Recorded, connections: usize) -> f64 {
    let count = recorded.charges.len();
    let mut queues: Vec<Vec<Batch>> = (0..connections).map(|_| Vec::new()).collect();
    // Beyond all ids that the worker gives.
    let mut id = i64::MAX / 2;
    let mut all: BTreeMap<i32, Vec<Arc<Charge>>> = BTreeMap::new();
    for charge in &recorded.charges {
        all.entry(charge.partition).or_default().push(Arc::clone(charge));
    }
    for (index, charges) in all.values().enumerate() {
        for chunk in charges.chunks(BATCH) {
            let batch = Batch::of(chunk, &recorded.events, id);
            id += i64::try_from(batch.accounts.len()).expect("few");
            queues[index % connections].push(batch);
        }
    }
    let database = world.server.clone_of(template, &format!("usage_limit{connections}")).await;
    let pool = database.connections(u32::try_from(connections).expect("few")).await;
    let before = Cpu::now(&database.pool).await;
    let started = Instant::now();
    let tasks: Vec<_> = queues
        .into_iter()
        .map(|queue| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for batch in &queue {
                    batch.write(&pool).await.expect("a batch");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    let used = Cpu::now(&database.pool).await.since(before);
    pool.close().await;
    let written = number(&database.pool, "SELECT count(*) FROM usage_charges").await;
    assert_eq!(usize::try_from(written), Ok(count), "charges written");
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    println!(
        "usage limit, {connections} connections: {rate:.0} charges/s; CPU in µs per charge: \
         client {:.1}, PostgreSQL {:.1}; other processes took {:.0} %",
        each(used.own),
        each(used.postgres),
        used.others * 100.0
    );
    world.server.drop(database).await;
    rate
}
