//! A backup is put back: Kafka's offsets are ahead of it then, and nothing may go missing.

use serde_json::json;
use topup::kafka::{OutRecord, Producer, ProducerConfig};

use crate::harness::records::{bank, credit, with};
use crate::harness::{World, kafka, out_record};

/// Credits `from..to` of many bank accounts, so that every partition gets some.
fn credits(world: &World, from: usize, to: usize) -> Vec<OutRecord> {
    let record = |number: usize| {
        let own = json!({ "bank_account": format!("BANK-{}", number % 17) });
        let data = with(credit(&format!("T-{number}"), "1.00"), &own);
        let value = bank(&format!("b-{number}"), &data);
        let key = own["bank_account"].as_str();
        out_record(&world.topics.bank_payments, key, Some(value.as_bytes()))
    };
    (from..to).map(record).collect()
}

async fn paid(world: &World, count: usize) {
    world.until("SELECT count(*) FROM payments", &count.to_string()).await;
}

/// Partitions that the backup knows go on where it stood. Those that it does not know (they were
/// added after it, or had no record yet) begin at the start of their log: the offsets that the
/// group had committed would skip what the backup has not seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_nothing_is_missing_in_partitions_old_and_new() {
    let mut world = World::new("r_restored").await;
    let worker = world.start().await;
    world.publish_all(credits(&world, 0, 60)).await;
    paid(&world, 60).await;
    worker.shutdown().await;
    world.database.backup().await;
    kafka::add_partitions(&world.brokers, &world.topics.bank_payments, 5).await;
    // The producer that is there does not know them yet.
    world.producer = Producer::new(&ProducerConfig::new(&world.brokers)).expect("producer");
    let worker = world.start().await;
    world.publish_all(credits(&world, 60, 300)).await;
    paid(&world, 300).await;
    let read = "SELECT count(*) FROM checkpoints WHERE topic LIKE '%bank%' AND next_offset > 0";
    assert_eq!(world.value(read).await, "5", "every partition had records");
    worker.shutdown().await;
    world.database.restore().await;
    paid(&world, 60).await;
    let known = "SELECT count(*) FROM checkpoints WHERE topic LIKE '%bank%'";
    assert_eq!(world.value(known).await, "2", "the backup does not know the new ones");
    let worker = world.start().await;
    paid(&world, 300).await;
    let changes = "SELECT count(*) FROM log_changes";
    assert_eq!(world.value(changes).await, "0", "it is the same log");
    worker.shutdown().await;
    world.finish().await;
}
