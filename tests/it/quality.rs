//! Generated payments whose invoices are known, through the real pipeline: each ends as the
//! in-memory run says, and none with another customer.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use topup::domain::money::Currency;
use topup::generate::NOW;
use topup::generate::hostile::{self, Hostile};
use topup::generate::operator::Operator;
use topup::generate::quality::{Sample, Truth, sample};
use topup::pipeline::batch::{Item, run_in_tx};
use topup::store::load::Locks;
use topup::store::next_id_block;

use crate::harness::Direct;
use crate::model::{lines, may_take_back};

/// Some thousand: so many of each operator.
const CASES: usize = 23 * Operator::ALL.len();
const BATCH: usize = 50;
/// Four of each kind.
const HOSTILE_CASES: usize = 4 * Hostile::ALL.len();

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_payments_end_on_postgresql_as_in_memory_and_none_with_another_customer() {
    let currencies = ["SGD", "USD"].map(|code| Currency::parse(code).expect("a currency"));
    let sample = sample(1, CASES, currencies).expect("decided");
    assert!(sample.truths.len() >= CASES);
    let mut direct = Direct::new("quality").await;
    play(&mut direct, &sample).await;

    let in_memory = lines::of_model(&sample.model);
    let on_postgresql = lines::of_database(&direct.database).await;
    let differ: Vec<_> = on_postgresql
        .iter()
        .filter(|line| !in_memory.contains(line))
        .chain(in_memory.iter().filter(|line| !on_postgresql.contains(line)))
        .collect();
    assert!(differ.is_empty(), "{differ:#?}");

    let right = judged(&direct, &sample.truths).await;
    // What is sure is never left to a person.
    for operator in [Operator::Reference, Operator::Glued, Operator::SecondFeed] {
        assert_eq!(right.get(&operator), Some(&(CASES / Operator::ALL.len())), "{operator:?}");
    }
    direct.finish().await;
}

/// Ids that are years, payers that are nobody, texts and amounts at their limits, wrong clocks, any
/// order: every record has an outcome, every payment its owner or nobody, as in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_hostile_worlds_every_record_has_an_outcome_and_no_money_the_wrong_customer() {
    let currency = Currency::parse("SGD").expect("a currency");
    let (sample, owners) = hostile::sample(3, HOSTILE_CASES, currency).expect("decided");
    let mut direct = Direct::new("hostile").await;
    play(&mut direct, &sample).await;

    let in_memory = lines::of_model(&sample.model);
    let on_postgresql = lines::of_database(&direct.database).await;
    let differ: Vec<_> = on_postgresql
        .iter()
        .filter(|line| !in_memory.contains(line))
        .chain(in_memory.iter().filter(|line| !on_postgresql.contains(line)))
        .collect();
    assert!(differ.is_empty(), "{differ:#?}");

    let outcomes = "SELECT count(*) FROM inbox WHERE source = 'generated'";
    assert_eq!(direct.database.value(outcomes).await, sample.lines.len().to_string());
    let lost = "SELECT count(*) FROM inbox WHERE outcome NOT IN ('applied', 'rejected')";
    assert_eq!(direct.database.value(lost).await, "0");
    let pairs = "SELECT payment_id, account_id FROM allocations";
    let pairs: BTreeSet<String> = direct.database.lines(pairs).await.into_iter().collect();
    for owner in owners {
        let id = owner.payment_id.as_str();
        let own = owner.account_id.as_ref().map(|account| format!("{id}|{account}"));
        let parts = pairs.iter().filter(|pair| pair.split('|').next() == Some(id));
        for part in parts {
            assert_eq!(Some(part), own.as_ref(), "another customer's: {owner:?}");
        }
    }
    direct.finish().await;
}

/// All records in their order, in batches that know nothing of cases: mixed ones, and such as a
/// lane has, of one topic.
pub async fn play(direct: &mut Direct, sample: &Sample) {
    let at = DateTime::from_timestamp(NOW, 0).expect("an instant");
    let pipeline = direct.at(at);
    let mut items = Vec::new();
    for line in &sample.lines {
        let item = direct.item(line.topic, Some(&line.key), line.value.as_bytes());
        items.push((line.topic, item));
    }
    for (number, chunk) in items.chunks(BATCH).enumerate() {
        let mixed = number.is_multiple_of(2);
        let locks = if mixed { Locks::First } else { Locks::Last };
        // What came in one batch with its return is taken back after it, by the sweep.
        for batch in
            chunk.chunk_by(|left, right| (mixed || left.0 == right.0) && !may_take_back(&left.1))
        {
            let batch: Vec<Item> = batch.iter().map(|(_, item)| item.clone()).collect();
            let mut tx = pipeline.pool().begin().await.expect("begin");
            let block = next_id_block(&mut tx).await.expect("ids");
            let written = run_in_tx(&pipeline, &mut tx, &batch, block, locks, at).await;
            written.expect("processed");
            tx.commit().await.expect("commit");
            pipeline.sweep().await.expect("swept");
        }
    }
}

/// Counts the payments that lie on the invoices that were meant, per operator, and refuses those
/// that lie with another customer.
async fn judged(direct: &Direct, truths: &[Truth]) -> BTreeMap<Operator, usize> {
    let mut found: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    let pairs = "SELECT payment_id, account_id, invoice_id FROM allocations";
    for line in direct.database.lines(pairs).await {
        let mut words = line.split('|').map(str::to_owned);
        let mut word = || words.next().expect("three columns");
        let (payment, pair) = (word(), (word(), word()));
        found.entry(payment).or_default().insert(pair);
    }
    let mut known: BTreeSet<String> =
        direct.database.lines("SELECT payment_id FROM payments").await.into_iter().collect();
    let mut right = BTreeMap::new();
    for truth in truths {
        let id = truth.payment_id.as_str();
        assert!(known.remove(id), "{id} is not recorded, or stands twice in the truth");
        let Some(parts) = found.get(id) else { continue };
        let own = |(account, _): &(String, String)| account == truth.account_id.as_str();
        assert!(parts.iter().all(own), "another customer's: {truth:?} {parts:?}");
        let meant = |invoice: &str| truth.invoices.iter().any(|id| id.as_str() == invoice);
        if parts.iter().all(|(_, invoice)| meant(invoice)) {
            *right.entry(truth.operator).or_default() += 1;
        }
    }
    // Last month's reference was paid by a payment that nobody asks about.
    assert!(known.len() <= CASES / Operator::ALL.len(), "{known:?}");
    right
}
