//! All rows of some payments as columns, and the set-based statements that write them.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use sqlx::{PgPool, Postgres, Row, Transaction};

use crate::data::CURRENCY;
use crate::recorded::Payment;

type Tx = Transaction<'static, Postgres>;
type Result<T> = std::result::Result<T, sqlx::Error>;

/// Columns of all rows of some payments, ready to be bound.
#[derive(Default)]
pub struct Batch {
    currency: Vec<&'static str>,
    sources: Vec<String>,
    messages: Vec<String>,
    hashes: Vec<Vec<u8>>,
    kinds: Vec<i32>,
    offsets: Vec<i64>,
    subjects: Vec<String>,
    references: Vec<String>,
    payers: Vec<String>,
    bank_accounts: Vec<String>,
    bank_keys: Vec<String>,
    bank_hashes: Vec<Vec<u8>>,
    bank_ids: Vec<String>,
    amounts: Vec<i64>,
    dates: Vec<NaiveDate>,
    end_to_end: Vec<String>,
    debtor_names: Vec<String>,
    debtor_accounts: Vec<String>,
    texts: Vec<String>,
    payments: Vec<String>,
    owners: Vec<Option<String>>,
    allocated: Vec<i64>,
    states: Vec<String>,
    reasons: Vec<Option<String>>,
    sequences: Vec<i64>,
    ledger: Vec<i64>,
    ledger_kinds: Vec<String>,
    credits: Vec<&'static str>,
    links: Links,
    decisions: Vec<i64>,
    rules: Vec<String>,
    outcomes: Vec<String>,
    whys: (Vec<i16>, Vec<Vec<u8>>),
    key_kinds: Vec<String>,
    events: Vec<i16>,
    forms: Vec<i16>,
    payloads: Vec<Vec<u8>>,
    watches: (Vec<String>, Vec<String>),
    /// What each account's balance gains, in the order of the accounts.
    gains: (Vec<String>, Vec<i64>),
}

#[derive(Default)]
struct Links {
    ids: Vec<i64>,
    payments: Vec<String>,
    invoices: Vec<String>,
    owners: Vec<String>,
    amounts: Vec<i64>,
    rules: Vec<String>,
    ledger: Vec<i64>,
    /// Of those that were found by payer and amount.
    exact: (Vec<String>, Vec<i64>),
}

impl Batch {
    pub fn of<'a>(payments: impl Iterator<Item = &'a Payment>) -> Self {
        let mut batch = Self::default();
        let mut gains: BTreeMap<String, i64> = BTreeMap::new();
        for p in payments {
            batch.currency.push(CURRENCY);
            batch.add_record(p);
            batch.add_payment(p);
            batch.add_links(p);
            if let Some(allocation) = &p.allocation {
                *gains.entry(allocation.account_id.clone()).or_default() += p.amount;
            }
        }
        batch.gains = gains.into_iter().unzip();
        batch
    }

    fn add_record(&mut self, p: &Payment) {
        self.sources.push(p.source.clone());
        self.messages.push(p.message_id.clone());
        self.hashes.push(p.content_hash.clone());
        self.kinds.push(p.kind);
        self.offsets.push(p.offset);
        self.subjects.push(p.subject.clone());
        self.references.extend(p.reference.clone());
        self.payers.push(p.debtor_account.clone());
        self.bank_accounts.push(p.bank_account.clone());
        self.bank_keys.push(p.bank_key.clone());
        self.bank_hashes.push(p.bank_hash.clone());
        self.bank_ids.push(p.bank_id.clone());
        self.amounts.push(p.amount);
        self.dates.push(p.booking_date);
        self.end_to_end.push(p.end_to_end.clone());
        self.debtor_names.push(p.debtor_name.clone());
        self.debtor_accounts.push(p.debtor_account.clone());
        self.texts.push(p.text.clone());
    }

    fn add_payment(&mut self, p: &Payment) {
        let owner = p.allocation.as_ref().map(|allocation| allocation.account_id.clone());
        self.payments.push(p.payment_id.clone());
        self.allocated.push(owner.as_ref().map_or(0, |_| p.amount));
        self.owners.push(owner);
        self.states.push(p.state.clone());
        self.reasons.push(p.reason.clone());
        self.sequences.push(p.sequence);
        self.ledger.push(p.ledger_id);
        self.ledger_kinds.push(p.ledger_kind.clone());
        let matched = p.allocation.is_some();
        self.credits.push(if matched { "customer_balance" } else { "unallocated_cash" });
        self.decisions.push(p.decision_id);
        self.rules.push(p.rule.clone());
        self.outcomes.push(p.outcome.clone());
        self.whys.0.push(p.why.0);
        self.whys.1.push(p.why.1.clone());
        self.key_kinds.push(p.key_kind.clone());
        self.events.push(p.events);
        self.forms.push(p.form);
        self.payloads.push(p.packed.clone());
        for key in &p.watches {
            self.watches.0.push(key.clone());
            self.watches.1.push(p.payment_id.clone());
        }
    }

    fn add_links(&mut self, p: &Payment) {
        let Some(allocation) = &p.allocation else {
            return;
        };
        let links = &mut self.links;
        links.ids.push(allocation.id);
        links.payments.push(p.payment_id.clone());
        links.invoices.push(allocation.invoice_id.clone());
        links.owners.push(allocation.account_id.clone());
        links.amounts.push(p.amount);
        links.rules.push(p.rule.clone());
        links.ledger.push(p.ledger_id);
        if p.reference.is_none() {
            links.exact.0.push(allocation.account_id.clone());
            links.exact.1.push(p.amount);
        }
    }

    pub async fn write(&self, pool: &PgPool) -> Result<()> {
        let mut tx = pool.begin().await?;
        let sequences = self.look_up(&mut tx).await?;
        self.write_accounts(&mut tx, &sequences).await?;
        self.write_payments(&mut tx).await?;
        self.write_ledger(&mut tx).await?;
        self.write_links(&mut tx).await?;
        self.write_records(&mut tx).await?;
        self.write_outbox(&mut tx, &sequences).await?;
        tx.commit().await
    }

    /// References, payers, the account locks, and the invoices by exact amount.
    async fn look_up(&self, tx: &mut Tx) -> Result<HashMap<String, i64>> {
        let references = "SELECT invoice_id, account_id FROM invoices \
                          WHERE payment_reference = ANY($1)";
        let found = sqlx::query(references).bind(&self.references).fetch_all(&mut **tx).await?;
        assert_eq!(found.len(), self.references.len(), "references found");
        let payers = "SELECT payer_account, account_id FROM payer_accounts \
                      WHERE payer_account = ANY($1)";
        sqlx::query(payers).bind(&self.payers).fetch_all(&mut **tx).await?;
        let lock = "SELECT account_id, event_sequence FROM accounts WHERE account_id = ANY($1) \
                    ORDER BY account_id FOR NO KEY UPDATE";
        let locked = sqlx::query(lock).bind(&self.gains.0).fetch_all(&mut **tx).await?;
        let exact = "SELECT count(p.invoice_id) FROM unnest($1::text[], $2::bigint[]) \
                     AS asked(account_id, due) CROSS JOIN LATERAL (\
                     SELECT invoice_id FROM payable_invoices p \
                     WHERE p.account_id = asked.account_id AND p.currency = $3 \
                     AND p.due = asked.due ORDER BY p.due_date, p.sent_at, p.invoice_id \
                     LIMIT 2) p";
        let (owners, dues) = &self.links.exact;
        let exact = sqlx::query(exact).bind(owners).bind(dues).bind(CURRENCY);
        exact.fetch_one(&mut **tx).await?;
        locked.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Sequences and balances, one row per account.
    fn gains(&self) -> impl Iterator<Item = (&str, i64)> {
        self.gains.0.iter().map(String::as_str).zip(self.gains.1.iter().copied())
    }

    async fn write_accounts(&self, tx: &mut Tx, was: &HashMap<String, i64>) -> Result<()> {
        let mut now: BTreeMap<&str, i64> = BTreeMap::new();
        for (owner, events) in self.owners.iter().zip(&self.events) {
            if let Some(owner) = owner {
                let start = was.get(owner).copied().unwrap_or(0);
                *now.entry(owner).or_insert(start) += i64::from(*events);
            }
        }
        let gains: HashMap<&str, i64> = self.gains().collect();
        let gained = now.keys().map(|id| gains.get(id).copied().unwrap_or(0)).collect::<Vec<_>>();
        assert!(gains.keys().all(|id| now.contains_key(id)), "money that no event tells");
        let (ids, now): (Vec<&str>, Vec<i64>) = now.into_iter().unzip();
        let update = "UPDATE accounts a SET event_sequence = n.now, updated_at = now(), \
                      balance = a.balance + n.gain, balance_currency = $4, balance_at = now() \
                      FROM (SELECT unnest($1::text[]) AS account_id, \
                      unnest($2::bigint[]) AS now, unnest($3::bigint[]) AS gain) AS n \
                      WHERE a.account_id = n.account_id";
        let update = sqlx::query(update).bind(ids).bind(now).bind(gained).bind(CURRENCY);
        update.execute(&mut **tx).await?;
        Ok(())
    }

    async fn write_payments(&self, tx: &mut Tx) -> Result<()> {
        let insert = sqlx::query(
            "INSERT INTO money_records (payment_id, account_id, currency, amount, allocated,
                 state, reason, origin, received_on, event_sequence,
                 recorded_at, first_decision_id, first_rule_set_version, first_policy_version,
                 first_form, first_rule, first_outcome, first_reason, first_explanation,
                 first_caused_by_source, first_caused_by_id, bank_account, bank_key, content_hash,
                 status, disposition, credit_debit, reversal, announced, booking_date, value_date,
                 bank_transaction_id, end_to_end_id, debtor_name, debtor_account, unstructured)
             SELECT n.id, n.owner, $3, n.amount, n.allocated, n.state, n.reason, 'bank',
                 n.received_on, nullif(n.sequence, 0), now(), n.decision, 1, 0, n.form, n.rule,
                 n.outcome, n.reason, n.why, n.source, n.message, n.account, n.key, n.hash, 'BOOK',
                 'payment', 'CRDT', false, false, n.received_on, n.received_on, n.bank_id,
                 n.end_to_end, n.name, n.debtor, n.text
             FROM (SELECT unnest($1::text[]) AS id, unnest($2::text[]) AS owner,
                 unnest($4::bigint[]) AS amount, unnest($5::bigint[]) AS allocated,
                 unnest($6::text[]) AS state, unnest($7::text[]) AS reason,
                 unnest($8::date[]) AS received_on, unnest($9::bigint[]) AS sequence,
                 unnest($10::bigint[]) AS decision, unnest($11::smallint[]) AS form,
                 unnest($12::text[]) AS rule, unnest($13::text[]) AS outcome,
                 unnest($14::bytea[]) AS why, unnest($15::text[]) AS source,
                 unnest($16::text[]) AS message, unnest($17::text[]) AS account,
                 unnest($18::text[]) AS key, unnest($19::bytea[]) AS hash,
                 unnest($20::text[]) AS bank_id, unnest($21::text[]) AS end_to_end,
                 unnest($22::text[]) AS name, unnest($23::text[]) AS debtor,
                 unnest($24::text[]) AS text) AS n",
        );
        let insert = insert.bind(&self.payments).bind(&self.owners).bind(CURRENCY);
        let insert = insert.bind(&self.amounts).bind(&self.allocated).bind(&self.states);
        let insert = insert.bind(&self.reasons).bind(&self.dates).bind(&self.sequences);
        let insert = insert.bind(&self.decisions).bind(&self.whys.0).bind(&self.rules);
        let insert = insert.bind(&self.outcomes).bind(&self.whys.1).bind(&self.sources);
        let insert = insert.bind(&self.messages).bind(&self.bank_accounts).bind(&self.bank_keys);
        let insert = insert.bind(&self.bank_hashes).bind(&self.bank_ids).bind(&self.end_to_end);
        let insert = insert.bind(&self.debtor_names).bind(&self.debtor_accounts);
        insert.bind(&self.texts).execute(&mut **tx).await?;
        Ok(())
    }

    async fn write_ledger(&self, tx: &mut Tx) -> Result<()> {
        let insert = sqlx::query(
            "INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, debit,
                 credit, credit_account, currency, amount, posted_at)
             SELECT n.id, 1, n.kind::ledger_kind, n.payment, 'bank_clearing',
                    n.credit::ledger_account, n.owner, $7, n.amount, now()
             FROM (SELECT unnest($1::bigint[]) AS id, unnest($2::text[]) AS kind,
                 unnest($3::text[]) AS payment, unnest($4::text[]) AS credit,
                 unnest($5::text[]) AS owner, unnest($6::bigint[]) AS amount) AS n",
        );
        let insert = insert.bind(&self.ledger).bind(&self.ledger_kinds).bind(&self.payments);
        let insert = insert.bind(&self.credits).bind(&self.owners).bind(&self.amounts);
        insert.bind(CURRENCY).execute(&mut **tx).await?;
        Ok(())
    }

    /// Allocations with their lots, invoices.
    async fn write_links(&self, tx: &mut Tx) -> Result<()> {
        let links = &self.links;
        let insert = sqlx::query(
            "INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency,
                 amount, remaining, rule, ledger_transaction_id, allocated_at)
             SELECT n.id, n.payment, n.invoice, n.owner, $8, n.amount, n.amount, n.rule, n.ledger,
                 now()
             FROM (SELECT unnest($1::bigint[]) AS id, unnest($2::text[]) AS payment,
                 unnest($3::text[]) AS invoice, unnest($4::text[]) AS owner,
                 unnest($5::bigint[]) AS amount, unnest($6::text[]) AS rule,
                 unnest($7::bigint[]) AS ledger) AS n",
        );
        let insert = insert.bind(&links.ids).bind(&links.payments).bind(&links.invoices);
        let insert = insert.bind(&links.owners).bind(&links.amounts).bind(&links.rules);
        insert.bind(&links.ledger).bind(CURRENCY).execute(&mut **tx).await?;
        let delete = "DELETE FROM payable_invoices p \
                      USING (SELECT unnest($1::text[]) AS id, unnest($2::bigint[]) AS amount) AS n \
                      WHERE p.invoice_id = n.id AND p.due = n.amount";
        let delete = sqlx::query(delete).bind(&links.invoices).bind(&links.amounts);
        let paid = delete.execute(&mut **tx).await?.rows_affected();
        assert_eq!(usize::try_from(paid), Ok(links.ids.len()), "invoices paid");
        Ok(())
    }

    /// Watches, the inbox.
    async fn write_records(&self, tx: &mut Tx) -> Result<()> {
        let insert = "INSERT INTO watches (watch_key, payment_id) \
                      SELECT * FROM unnest($1::text[], $2::text[])";
        let (keys, payments) = &self.watches;
        sqlx::query(insert).bind(keys).bind(payments).execute(&mut **tx).await?;
        let insert = sqlx::query(
            "INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome,
                 record_offset, subject, processed_at, guards)
             SELECT n.source, n.message, n.hash, n.kind, 'applied', n.record_offset, n.subject,
                 now(), false
             FROM (SELECT unnest($1::text[]) AS source, unnest($2::text[]) AS message,
                 unnest($3::bytea[]) AS hash, unnest($4::integer[]) AS kind,
                 unnest($5::bigint[]) AS record_offset, unnest($6::text[]) AS subject) AS n
             ON CONFLICT (source, message_id) DO NOTHING",
        );
        let insert = insert.bind(&self.sources).bind(&self.messages).bind(&self.hashes);
        insert
            .bind(&self.kinds)
            .bind(&self.offsets)
            .bind(&self.subjects)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// The events, with the sequences that follow from the accounts' own.
    async fn write_outbox(&self, tx: &mut Tx, was: &HashMap<String, i64>) -> Result<()> {
        let mut next: HashMap<&str, i64> = HashMap::new();
        let mut keys: Vec<&str> = Vec::with_capacity(self.owners.len());
        let mut firsts: Vec<i64> = Vec::with_capacity(self.owners.len());
        for ((owner, payment), events) in self.owners.iter().zip(&self.payments).zip(&self.events) {
            let key = owner.as_deref().unwrap_or(payment);
            let start = was.get(key).map_or(1, |was| was + 1);
            let first = next.entry(key).or_insert(start);
            keys.push(key);
            firsts.push(*first);
            *first += i64::from(*events);
        }
        let insert = sqlx::query(
            "INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
                 created_at)
             SELECT n.*, now()
             FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::smallint[],
                 $6::bytea[]) AS n",
        );
        let insert = insert.bind(&self.key_kinds).bind(keys).bind(firsts).bind(&self.events);
        insert.bind(&self.forms).bind(&self.payloads).execute(&mut **tx).await?;
        Ok(())
    }
}
