//! The rows that the worker wrote, read back: the other parts write the same ones, with the same
//! event payloads and explanations, without deciding anything.

use chrono::NaiveDate;
use sqlx::Row;
use sqlx::postgres::PgRow;
use topup::store::packed::{EVENTS, Unpacker};

use crate::database::Database;

/// A payment with all the rows that it caused.
#[derive(Debug)]
pub struct Payment {
    pub source: String,
    pub message_id: String,
    pub content_hash: Vec<u8>,
    pub kind: i32,
    pub offset: i64,
    pub subject: String,
    pub bank_account: String,
    pub bank_key: String,
    pub bank_hash: Vec<u8>,
    pub bank_id: String,
    pub amount: i64,
    pub booking_date: NaiveDate,
    pub end_to_end: String,
    pub debtor_name: String,
    pub debtor_account: String,
    pub text: String,
    pub payment_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub sequence: i64,
    pub ledger_id: i64,
    pub ledger_kind: String,
    pub allocation: Option<Allocation>,
    pub decision_id: i64,
    pub rule: String,
    pub outcome: String,
    /// Why, as decisions keep it.
    pub why: (i16, Vec<u8>),
    pub key_kind: String,
    pub events: i16,
    /// The events as the outbox keeps them.
    pub form: i16,
    pub packed: Vec<u8>,
    pub watches: Vec<String>,
    /// The reference in the payer's text.
    pub reference: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Allocation {
    pub id: i64,
    pub invoice_id: String,
    pub account_id: String,
}

/// Says what the numbers of kinds mean that payments are written with: the worker does so itself.
pub const KINDS: &str = "
INSERT INTO inbox_kinds (kind_id, topic, partition, message_type)
OVERRIDING SYSTEM VALUE
SELECT n, 'bench', n, 'topup.bank.transaction.v1' FROM generate_series(1, 1000) n";

const READ: &str = "
SELECT i.source, i.message_id, i.content_hash, i.kind_id, i.record_offset, i.subject,
       b.bank_account, b.bank_key, b.content_hash AS bank_hash, b.bank_transaction_id, b.amount,
       b.booking_date, b.end_to_end_id, b.debtor_name, b.debtor_account, b.unstructured,
       p.payment_id, p.state, p.reason, p.event_sequence,
       t.ledger_transaction_id, t.kind, a.allocation_id, a.invoice_id, a.account_id,
       d.decision_id, d.rule, d.outcome, d.form AS why_form, d.explanation, o.key_kind,
       o.events, o.form, o.payload AS packed, coalesce(w.keys, '{}') AS watches
  FROM payments p
  JOIN inbox_records i ON i.subject = 'payment:' || p.payment_id
  JOIN bank_transactions b ON b.payment_id = p.payment_id
  JOIN ledger_transactions t ON t.payment_id = p.payment_id
  JOIN decisions d ON d.payment_id = p.payment_id
  JOIN unpacked n ON split_part(n.payload, E'\\n', 1)::json->'data'->>'payment_id' = p.payment_id
  JOIN outbox o USING (outbox_id)
  LEFT JOIN allocations a ON a.payment_id = p.payment_id
  LEFT JOIN (SELECT payment_id, array_agg(watch_key::text) AS keys FROM watches GROUP BY 1) w
         ON w.payment_id = p.payment_id
 ORDER BY i.record_offset, i.kind_id";

/// The events of the outbox as text, by the row's id: PostgreSQL cannot unpack them.
async fn unpack(database: &Database) {
    let made = "CREATE TABLE unpacked (outbox_id bigint PRIMARY KEY, payload text NOT NULL)";
    sqlx::query(made).execute(&database.pool).await.expect("a table");
    let rows = sqlx::query("SELECT outbox_id, form, payload FROM outbox");
    let rows = rows.fetch_all(&database.pool).await.expect("events");
    let mut unpacker = Unpacker::new(&EVENTS);
    let (mut ids, mut texts) = (Vec::<i64>::new(), Vec::new());
    for row in rows {
        ids.push(row.get("outbox_id"));
        texts.push(unpacker.unpack(row.get("form"), row.get("payload")).expect("a text"));
    }
    let insert = "INSERT INTO unpacked SELECT * FROM unnest($1::bigint[], $2::text[])";
    let insert = sqlx::query(insert).bind(ids).bind(texts);
    insert.execute(&database.pool).await.expect("texts");
}

pub async fn read(database: &Database) -> Vec<Payment> {
    unpack(database).await;
    let rows = sqlx::query(READ).fetch_all(&database.pool).await.expect("the worker's rows");
    sqlx::query("DROP TABLE unpacked").execute(&database.pool).await.expect("dropped");
    rows.iter().map(|row| payment(row).expect("a payment's rows")).collect()
}

fn payment(row: &PgRow) -> Result<Payment, sqlx::Error> {
    let text: String = row.try_get("unstructured")?;
    let mut words = text.split_whitespace();
    let reference = words.find(|word| word.starts_with("RF")).map(str::to_owned);
    let allocation = match row.try_get::<Option<i64>, _>("allocation_id")? {
        None => None,
        Some(id) => Some(Allocation {
            id,
            invoice_id: row.try_get("invoice_id")?,
            account_id: row.try_get("account_id")?,
        }),
    };
    Ok(Payment {
        source: row.try_get("source")?,
        message_id: row.try_get("message_id")?,
        content_hash: row.try_get("content_hash")?,
        kind: row.try_get("kind_id")?,
        offset: row.try_get("record_offset")?,
        subject: row.try_get("subject")?,
        bank_account: row.try_get("bank_account")?,
        bank_key: row.try_get("bank_key")?,
        bank_hash: row.try_get("bank_hash")?,
        bank_id: row.try_get("bank_transaction_id")?,
        amount: row.try_get("amount")?,
        booking_date: row.try_get("booking_date")?,
        end_to_end: row.try_get("end_to_end_id")?,
        debtor_name: row.try_get("debtor_name")?,
        debtor_account: row.try_get("debtor_account")?,
        text,
        payment_id: row.try_get("payment_id")?,
        state: row.try_get("state")?,
        reason: row.try_get("reason")?,
        sequence: row.try_get("event_sequence")?,
        ledger_id: row.try_get("ledger_transaction_id")?,
        ledger_kind: row.try_get("kind")?,
        allocation,
        decision_id: row.try_get("decision_id")?,
        rule: row.try_get("rule")?,
        outcome: row.try_get("outcome")?,
        why: (row.try_get("why_form")?, row.try_get("explanation")?),
        key_kind: row.try_get("key_kind")?,
        events: row.try_get("events")?,
        form: row.try_get("form")?,
        packed: row.try_get("packed")?,
        watches: row.try_get("watches")?,
        reference,
    })
}
