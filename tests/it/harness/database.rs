//! A migrated database of its own, and what must hold in it at the end of every test.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use topup::store::PgPool;

use topup::store::packed::{Dictionary, EVENTS, EXPLANATIONS, Unpacker};

use super::{env, template};

pub struct Database {
    pub name: String,
    pub url: String,
    /// As the migrating superuser.
    pub admin: PgPool,
}

impl Database {
    /// A new database with the schema; `test` is unique among the tests and at most 24 characters.
    pub async fn new(test: &str) -> Self {
        let stamp = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_micros();
        let name = format!("it_{test}_{}_{stamp}", std::process::id());
        assert!(name.len() < 64, "{name} would be cut by PostgreSQL");
        template::copy_to(&name).await;
        let base = env("DATABASE_URL");
        let cut = base.rfind('/').expect("a path");
        let url = format!("{}/{name}", &base[..cut]);
        let admin = connected(&url).await;
        Self { name, url, admin }
    }

    /// One value of one row, as text; empty for NULL.
    pub async fn value(&self, sql: &str) -> String {
        self.unpack_for(sql).await;
        let sql = format!("SELECT ({sql})::text");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql.clone()))
            .fetch_one(&self.admin)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        row.get::<Option<String>, _>(0).unwrap_or_default()
    }

    /// All rows, their columns joined by `|`.
    pub async fn lines(&self, sql: &str) -> Vec<String> {
        self.unpack_for(sql).await;
        let sql = format!(
            "SELECT concat_ws('|', VARIADIC ARRAY(SELECT v FROM json_each_text(
            row_to_json(q)) AS e(k, v))) FROM ({sql}) AS q"
        );
        let rows =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql.clone())).fetch_all(&self.admin).await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Whoever asks for `told.outbox` or `told.decisions` finds there what the outbox holds, or
    /// why each payment was decided as it was, with the text unpacked.
    async fn unpack_for(&self, sql: &str) {
        for told in [&OUTBOX, &DECISIONS] {
            if sql.contains(told.name) {
                told.unpack(&self.admin).await;
            }
        }
    }

    /// A hash of every row of every table but those in `without`.
    pub async fn fingerprint(&self, without: &[&str]) -> BTreeMap<String, String> {
        // The rows of a partition are its table's; a job may make new ones at any time.
        let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')
                       AND NOT relispartition AND relnamespace = 'public'::regnamespace";
        let mut hashes = BTreeMap::new();
        for table in self.lines(tables).await {
            if !without.contains(&table.as_str()) {
                let rows = "string_agg(t::text, '|' ORDER BY t::text)";
                let hash = format!("SELECT md5(coalesce({rows}, '')) FROM {table} AS t");
                let hash = self.value(&hash).await;
                hashes.insert(table, hash);
            }
        }
        hashes
    }

    /// Runs one statement as the superuser.
    pub async fn execute(&self, sql: &str) {
        let done = self.admin.execute(sqlx::AssertSqlSafe(sql.to_owned())).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Keeps a copy of everything as it is now; no worker may be connected.
    pub async fn backup(&mut self) {
        self.admin.close().await;
        on_server(&format!("CREATE DATABASE {0}_b TEMPLATE {0}", self.name)).await;
        self.admin = connected(&self.url).await;
    }

    /// Puts the copy in the place of what is there now.
    pub async fn restore(&mut self) {
        self.admin.close().await;
        on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        on_server(&format!("ALTER DATABASE {0}_b RENAME TO {0}", self.name)).await;
        self.admin = connected(&self.url).await;
    }

    /// All rows of the outbox from this one on are published.
    pub async fn published(&self, from: i64) {
        let all = format!(
            "UPDATE relay_progress SET passed = CASE WHEN {from} > 1
               THEN int8multirange(int8range({from}, m.last, '[]')) ELSE '{{}}' END,
               horizon = CASE WHEN {from} > 1 THEN horizon ELSE m.last END
             FROM (SELECT max(outbox_id) AS last FROM outbox) m"
        );
        self.execute(&all).await;
    }

    /// Runs a statement that must be refused; returns the name of what refused it.
    pub async fn refused(&self, sql: &str) -> String {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.admin).await;
        let error = done.expect_err("refused");
        let error = error.as_database_error().expect("by the database");
        error.constraint().unwrap_or_default().to_owned()
    }

    /// What every test must leave behind: sums that agree and sequences without gaps.
    pub async fn audit(&self) {
        let mut findings = topup::store::audit::run(&self.admin).await.expect("audit");
        // An outbox may hold rows: not every test runs a relay.
        findings.retain(|finding| !finding.info);
        assert!(findings.is_empty(), "topup audit: {findings:?}");
        let found = crate::auditor::books(self).await;
        assert!(found.is_empty(), "{found:#?}");
        for (rule, offenders) in AUDIT {
            let found = self.lines(offenders).await;
            assert!(found.is_empty(), "{rule}: {found:?}");
        }
    }

    /// Audits, then drops the database.
    pub async fn finish(self) {
        self.audit().await;
        self.abandon().await;
    }

    /// Leaves without a look at the rows: for books that are filled to be large, not to be true.
    pub async fn abandon(self) {
        self.admin.close().await;
        on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn connected(url: &str) -> PgPool {
    PgPoolOptions::new().max_connections(4).connect(url).await.expect("own database").into()
}

/// Runs one statement outside of any test's database.
async fn on_server(sql: &str) {
    let base: PgConnectOptions = env("DATABASE_URL").parse().expect("a database URL");
    let mut connection = base.connect().await.expect("PostgreSQL");
    let done = connection.execute(sqlx::AssertSqlSafe(sql.to_owned())).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("close");
}

/// Each rule with the query that finds what breaks it.
const AUDIT: [(&str, &str); 12] = [
    (
        "a ledger transaction has its legs",
        "SELECT ledger_transaction_id FROM ledger_transfers
         GROUP BY 1 HAVING count(*) <> max(leg) OR count(DISTINCT (kind, payment_id)) <> 1",
    ),
    (
        "a balance is the sum of its ledger entries",
        "SELECT * FROM (SELECT account_id, currency::text, sum(amount) AS ledger
           FROM ledger_entries WHERE ledger_account = 'customer_balance' GROUP BY 1, 2) l
         FULL JOIN (SELECT account_id, currency::text, amount FROM balances) b
           USING (account_id, currency)
         WHERE coalesce(ledger, 0) <> coalesce(amount, 0)",
    ),
    (
        "cash that is not allocated is what the payments have left",
        "SELECT * FROM (SELECT currency::text, sum(amount) AS ledger FROM ledger_entries
           WHERE ledger_account = 'unallocated_cash' GROUP BY 1) l
         FULL JOIN (SELECT currency::text, sum(amount - allocated - returned - refunded - split)
           AS free
           FROM payments WHERE state <> 'removed' GROUP BY 1) p USING (currency)
         WHERE coalesce(ledger, 0) <> coalesce(free, 0)",
    ),
    (
        "the bank's side is all the payments that are here",
        // What the bank took for itself beside a return is the house's.
        "SELECT * FROM (SELECT currency::text, sum(amount) AS ledger FROM ledger_entries
           WHERE ledger_account IN ('bank_clearing', 'fees') GROUP BY 1) l
         FULL JOIN (SELECT currency::text, sum(amount - returned - refunded - split) AS received
           FROM payments WHERE state <> 'removed' GROUP BY 1) p USING (currency)
         WHERE coalesce(-ledger, 0) <> coalesce(received, 0)",
    ),
    (
        "a payment has allocated what its live allocations say",
        "SELECT payment_id, allocated FROM payments p WHERE allocated <> (SELECT
           coalesce(sum(a.amount - a.reversed), 0) FROM allocations a
           WHERE a.payment_id = p.payment_id)",
    ),
    (
        "an invoice has been allocated what its live allocations say",
        "SELECT invoice_id, allocated FROM invoice_states i WHERE allocated <> (SELECT
           coalesce(sum(a.amount - a.reversed), 0) FROM allocations a
           WHERE a.invoice_id = i.invoice_id)",
    ),
    (
        "each allocation opened one lot of its amount",
        "SELECT allocation_id, a.amount, l.amount AS lot FROM allocations a
         LEFT JOIN lots l ON l.lot_id = a.allocation_id
         WHERE l.amount IS DISTINCT FROM a.amount OR l.account_id <> a.account_id",
    ),
    (
        "payable_invoices holds exactly the invoices that await payment",
        "(SELECT invoice_id, account_id, currency::text, amount - allocated, due_date, sent_at
            FROM invoice_states WHERE status = 'awaiting_payment'
          EXCEPT SELECT invoice_id, account_id, currency::text, due, due_date, sent_at
            FROM payable_invoices)
         UNION ALL
         (SELECT invoice_id, account_id, currency::text, due, due_date, sent_at
            FROM payable_invoices
          EXCEPT SELECT invoice_id, account_id, currency::text, amount - allocated, due_date,
            sent_at FROM invoice_states WHERE status = 'awaiting_payment')",
    ),
    (
        "the events of a key are numbered without gaps",
        "SELECT key_kind, record_key, min(first_sequence), sum(events) FROM outbox
         GROUP BY 1, 2
         HAVING min(first_sequence) <> 1
             OR max(first_sequence + events - 1) <> sum(events)",
    ),
    (
        "an account's last sequence is that of its last event",
        "SELECT account_id, event_sequence FROM accounts WHERE event_sequence <>
           (SELECT coalesce(sum(events), 0) FROM outbox
             WHERE key_kind = 'account' AND record_key = account_id)
         AND NOT EXISTS (SELECT FROM pruned WHERE table_name = 'outbox')",
    ),
    (
        "what waits in the inbox waits in the queue",
        "SELECT * FROM (SELECT source, message_id, outcome FROM inbox WHERE outcome = 'waiting') i
         FULL JOIN (SELECT source, message_id, waiting_id FROM waiting_commands) w
           USING (source, message_id) WHERE waiting_id IS NULL OR outcome IS NULL",
    ),
    (
        "every dead letter that died here was put on its way as a copy",
        "SELECT dead_letter_id FROM dead_letters d WHERE NOT EXISTS
           (SELECT 1 FROM letter_copies c WHERE c.dead_letter_id = d.dead_letter_id)
           AND NOT EXISTS (SELECT FROM pruned WHERE table_name = 'letter_copies')
           AND NOT EXISTS (SELECT 1 FROM dead_letter_acts a
            WHERE a.dead_letter_id = d.dead_letter_id AND a.act = 'import')",
    ),
];

/// A table of texts as they were before they were packed.
struct Told {
    name: &'static str,
    columns: &'static str,
    /// The form and the bytes, and all columns but the text.
    read: &'static str,
    add: &'static str,
    dictionary: &'static Dictionary,
}

const OUTBOX: Told = Told {
    name: "told.outbox",
    columns: "outbox_id bigint PRIMARY KEY, key_kind text, record_key text, first_sequence bigint,
        events smallint, payload text",
    read: "SELECT form, payload, outbox_id AS id, NULL AS payment FROM outbox",
    add: "SELECT outbox_id, key_kind, record_key, first_sequence, events, $3 FROM outbox
           WHERE outbox_id = $1 AND $2::text IS NULL",
    dictionary: &EVENTS,
};
const DECISIONS: Told = Told {
    name: "told.decisions",
    columns: "payment_id text, decision_id bigint, explanation text",
    read: "SELECT form, explanation, decision_id AS id, payment_id AS payment FROM decisions",
    add: "SELECT $2, $1, $3",
    dictionary: &EXPLANATIONS,
};

impl Told {
    async fn unpack(&self, admin: &PgPool) {
        let mut tx = admin.begin().await.expect("begin");
        for sql in [
            "SELECT pg_advisory_xact_lock(7)".to_owned(),
            "CREATE SCHEMA IF NOT EXISTS told".to_owned(),
            format!("CREATE TABLE IF NOT EXISTS {} ({})", self.name, self.columns),
            format!("DELETE FROM {}", self.name),
        ] {
            tx.execute(sqlx::AssertSqlSafe(sql)).await.expect("a table");
        }
        let rows = sqlx::query(self.read).fetch_all(&mut *tx).await.expect(self.read);
        let mut unpacker = Unpacker::new(self.dictionary);
        for row in rows {
            let text = unpacker.unpack(row.get(0), row.get(1)).expect("a text");
            let add = sqlx::AssertSqlSafe(format!("INSERT INTO {} {}", self.name, self.add));
            let (id, payment): (i64, Option<String>) = (row.get(2), row.get(3));
            let added = sqlx::query(add).bind(id).bind(payment).bind(text).execute(&mut *tx).await;
            added.expect("a text");
        }
        tx.commit().await.expect("commit");
    }
}
