//! The limit in the tables of a textbook: a thousand payments in one transaction, one statement for
//! each table, straight from arrays in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use sqlx::{PgPool, Postgres, Transaction};

use crate::World;
use crate::data::{BANK_SOURCE, CURRENCY};
use crate::database::number;
use crate::limit::{PLAN, drive, queues};
use crate::natural::{Payment, TEMPLATE, check};
use crate::rows::{Rate, Result};

type Tx = Transaction<'static, Postgres>;

/// All rows of some payments, ready to be bound. Rows of a payment name it by its place.
#[derive(Default)]
struct Batch {
    messages: Vec<String>,
    hashes: Vec<Vec<u8>>,
    bank_accounts: Vec<&'static str>,
    bank_ids: Vec<String>,
    owners: Vec<Option<String>>,
    amounts: Vec<i64>,
    statuses: Vec<&'static str>,
    booked: Vec<NaiveDate>,
    names: Vec<String>,
    debtors: Vec<String>,
    texts: Vec<String>,
    references: Vec<String>,
    /// Payers and amounts of what has no reference.
    exact: (Vec<String>, Vec<i64>),
    /// Place of the payment, invoice, amount.
    links: (Vec<i32>, Vec<String>, Vec<i64>),
    entries: Entries,
    gains: (Vec<String>, Vec<i64>),
    events: (Vec<String>, Vec<String>),
}

/// Place of the payment, ledger account, its customer, amount.
#[derive(Default)]
struct Entries {
    places: Vec<i32>,
    accounts: Vec<&'static str>,
    owners: Vec<Option<String>>,
    amounts: Vec<i64>,
}

pub async fn part(world: &World, payments: &[Payment]) -> Vec<Rate> {
    let mut rates = Vec::new();
    for (index, (connections, shares, what)) in PLAN.into_iter().enumerate() {
        let owner = |p: &Payment| p.pays.as_ref().map_or(&p.bank_id, |pays| &pays.1).clone();
        let queues = queues(payments, connections, shares, owner, Batch::of);
        let part = format!("natural_limit{index}");
        let database = world.server.clone_of(TEMPLATE, &part).await;
        let seconds = drive(&database, queues, |pool: PgPool, batch: Arc<Batch>| async move {
            batch.write(&pool).await
        })
        .await;
        check(&database).await;
        let written = number(&database.pool, "SELECT count(*) FROM payments").await;
        assert_eq!(usize::try_from(written), Ok(payments.len()), "payments written");
        let rate = payments.len() as f64 / seconds;
        println!("natural limit, {what}: {rate:.0} payments/s");
        rates.push(Rate { connections, rate });
        world.server.drop(database).await;
    }
    rates
}

impl Batch {
    fn of(payments: &[&Payment]) -> Self {
        let mut batch = Self::default();
        let mut gains: BTreeMap<&str, i64> = BTreeMap::new();
        for (place, p) in (0_i32..).zip(payments) {
            batch.add(p);
            let owner = p.pays.as_ref().map(|(_, account)| account.clone());
            let credit = if owner.is_some() { "customer_balance" } else { "unallocated_cash" };
            for (account, owner, amount) in
                [("bank_clearing", None, -p.amount), (credit, owner, p.amount)]
            {
                batch.entries.places.push(place);
                batch.entries.accounts.push(account);
                batch.entries.owners.push(owner);
                batch.entries.amounts.push(amount);
            }
            if let Some((invoice, account)) = &p.pays {
                batch.links.0.push(place);
                batch.links.1.push(invoice.clone());
                batch.links.2.push(p.amount);
                *gains.entry(account).or_default() += p.amount;
            }
        }
        batch.gains = gains.into_iter().map(|(id, gain)| (id.to_owned(), gain)).unzip();
        batch
    }

    fn add(&mut self, p: &Payment) {
        self.messages.push(p.message_id.clone());
        self.hashes.push(p.content_hash.clone());
        self.bank_accounts.push(p.bank_account);
        self.bank_ids.push(p.bank_id.clone());
        self.owners.push(p.pays.as_ref().map(|(_, account)| account.clone()));
        self.amounts.push(p.amount);
        self.statuses.push(p.pays.as_ref().map_or("parked", |_| "allocated"));
        self.booked.push(p.booked);
        self.names.push(p.debtor_name.clone());
        self.debtors.push(p.debtor_account.clone());
        self.texts.push(p.text.clone());
        match &p.reference {
            Some(reference) => self.references.push(reference.clone()),
            None => {
                self.exact.0.push(p.debtor_account.clone());
                self.exact.1.push(p.amount);
            }
        }
        for event in &p.events {
            self.events.0.push(p.key.clone());
            self.events.1.push(event.clone());
        }
    }

    async fn write(&self, pool: &PgPool) -> Result<()> {
        let mut tx = pool.begin().await?;
        let new = "INSERT INTO inbox (source, message_id, content_hash) \
                   SELECT $1, n.* FROM unnest($2::text[], $3::bytea[]) AS n \
                   ON CONFLICT DO NOTHING";
        let new = sqlx::query(new).bind(BANK_SOURCE).bind(&self.messages).bind(&self.hashes);
        let new = new.execute(&mut *tx).await?.rows_affected();
        assert_eq!(usize::try_from(new), Ok(self.messages.len()), "records that are new");
        self.look_up(&mut tx).await?;
        let ids = self.write_payments(&mut tx).await?;
        self.write_links(&mut tx, &ids).await?;
        let told = "INSERT INTO outbox (topic, record_key, payload) \
                    SELECT 'topup.events.v1', n.* FROM unnest($1::text[], $2::text[]) AS n";
        let (keys, payloads) = &self.events;
        sqlx::query(told).bind(keys).bind(payloads).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// The invoices, locked.
    async fn look_up(&self, tx: &mut Tx) -> Result<()> {
        let named = "SELECT invoice_id, account_id, amount - allocated AS due FROM invoices \
                     WHERE payment_reference = ANY($1) AND status = 'awaiting_payment' \
                     ORDER BY invoice_id FOR UPDATE";
        let found = sqlx::query(named).bind(&self.references).fetch_all(&mut **tx).await?;
        assert_eq!(found.len(), self.references.len(), "invoices found by reference");
        let exact = "SELECT i.invoice_id, i.account_id \
                     FROM unnest($1::text[], $2::bigint[]) AS asked(payer, amount) \
                     JOIN payer_accounts p ON p.payer_account = asked.payer \
                     JOIN invoices i ON i.account_id = p.account_id AND i.amount = asked.amount \
                     WHERE i.status = 'awaiting_payment' AND i.currency = $3 AND i.allocated = 0 \
                     ORDER BY i.invoice_id FOR UPDATE OF i";
        let (payers, amounts) = &self.exact;
        let exact = sqlx::query(exact).bind(payers).bind(amounts).bind(CURRENCY);
        let found = exact.fetch_all(&mut **tx).await?.len() + self.references.len();
        assert_eq!(found, self.links.0.len(), "invoices found");
        Ok(())
    }

    /// The numbers of the payments.
    async fn write_payments(&self, tx: &mut Tx) -> Result<Vec<i64>> {
        let count = i32::try_from(self.messages.len()).expect("few");
        let ids = "SELECT nextval('payments_payment_id_seq') FROM generate_series(1, $1)";
        let ids: Vec<i64> = sqlx::query_scalar(ids).bind(count).fetch_all(&mut **tx).await?;
        let insert = sqlx::query(
            "INSERT INTO payments (payment_id, bank_account, bank_transaction_id, account_id,
                 currency, amount, status, booking_date, value_date, end_to_end_id, debtor_name,
                 debtor_account, remittance)
             SELECT n.id, n.bank, n.bank_id, n.owner, $11, n.amount, n.status, n.booked, n.booked,
                 'NOTPROVIDED', n.name, n.debtor, n.text
             FROM (SELECT unnest($1::bigint[]) AS id, unnest($2::text[]) AS bank,
                 unnest($3::text[]) AS bank_id, unnest($4::text[]) AS owner,
                 unnest($5::bigint[]) AS amount, unnest($6::text[]) AS status,
                 unnest($7::date[]) AS booked, unnest($8::text[]) AS name,
                 unnest($9::text[]) AS debtor, unnest($10::text[]) AS text) AS n",
        );
        let insert = insert.bind(&ids).bind(&self.bank_accounts).bind(&self.bank_ids);
        let insert = insert.bind(&self.owners).bind(&self.amounts).bind(&self.statuses);
        let insert = insert.bind(&self.booked).bind(&self.names).bind(&self.debtors);
        insert.bind(&self.texts).bind(CURRENCY).execute(&mut **tx).await?;
        Ok(ids)
    }

    /// Invoices, allocations, entries, balances.
    async fn write_links(&self, tx: &mut Tx, ids: &[i64]) -> Result<()> {
        let of = |places: &[i32]| -> Vec<i64> {
            places.iter().map(|place| ids[usize::try_from(*place).expect("a place")]).collect()
        };
        let (places, invoices, amounts) = &self.links;
        let paid = "UPDATE invoices i SET allocated = i.allocated + n.amount, \
                    status = 'provisioned', provisioned_at = now() \
                    FROM (SELECT unnest($1::text[]) AS id, unnest($2::bigint[]) AS amount) AS n \
                    WHERE i.invoice_id = n.id";
        let paid = sqlx::query(paid).bind(invoices).bind(amounts).execute(&mut **tx).await?;
        assert_eq!(usize::try_from(paid.rows_affected()), Ok(invoices.len()), "invoices paid");
        let link = "INSERT INTO allocations (payment_id, invoice_id, amount) \
                    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])";
        let link = sqlx::query(link).bind(of(places)).bind(invoices).bind(amounts);
        link.execute(&mut **tx).await?;
        let Entries { places, accounts, owners, amounts } = &self.entries;
        let entries = "INSERT INTO ledger_entries (payment_id, ledger_account, account_id, amount, \
                       currency) SELECT n.*, $5 \
                       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) AS n";
        let entries = sqlx::query(entries).bind(of(places)).bind(accounts).bind(owners);
        entries.bind(amounts).bind(CURRENCY).execute(&mut **tx).await?;
        let gain = "INSERT INTO balances AS b (account_id, amount, currency) SELECT n.*, $3 \
                    FROM unnest($1::text[], $2::bigint[]) AS n \
                    ON CONFLICT (account_id, currency) \
                    DO UPDATE SET amount = b.amount + EXCLUDED.amount, updated_at = now()";
        let (owners, gains) = &self.gains;
        sqlx::query(gain).bind(owners).bind(gains).bind(CURRENCY).execute(&mut **tx).await?;
        Ok(())
    }
}
