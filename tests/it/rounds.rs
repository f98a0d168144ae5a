//! Much that waits: each sweep looks at a bounded part of it, and each item has its turn within
//! as many sweeps as that takes, whatever stands before it.

use crate::harness::records::{about_invoice, bank, credit, draft};
use crate::harness::{Direct, by_length};
use crate::steps_back::taken_back;
use topup::wire::Topic;

/// What one sweep looks at.
const LOOKED_AT: usize = 2_000;

/// `count` commands of as many customers wait for what never comes.
async fn waiting(direct: &mut Direct, count: usize) {
    let item = direct.command("w", "invoice.mark-sent", &about_invoice("NONE", "AAA"));
    direct.run(&[item]).await;
    let more = format!(
        "INSERT INTO waiting_commands (wait_key, topic, partition, record_offset, source,
             message_id, needs, record_key, record_value, record_headers, record_timestamp, since,
             deadline)
         SELECT wait_key || '-' || k, topic, partition, record_offset + k * 1000, source,
             message_id || '-' || k, needs || '-' || k, record_key, record_value, record_headers,
             record_timestamp, since, deadline
           FROM waiting_commands, generate_series(1, {count}) k"
    );
    direct.database.execute(&more).await;
    direct.database.execute("VACUUM ANALYZE waiting_commands").await;
}

/// The customer whose key comes last of all has its turn when the round comes to it, and in every
/// round; a customer who comes in between waits no longer than one round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_behind_many_that_wait_has_its_turn_within_a_round() {
    let count = by_length(5_000, 100_000);
    let mut direct = Direct::new("rnd_waiting").await;
    waiting(&mut direct, count).await;
    for customer in ["AAA-1-X", "ZZZ"] {
        let id = format!("{customer}-X");
        let send = direct.command(&id, "invoice.mark-sent", &about_invoice(&id, customer));
        direct.run(&[send]).await;
        let made =
            direct.command(&format!("c-{id}"), "invoice.create", &draft(&id, customer, "5.00"));
        direct.run(&[made]).await;
    }
    let round = count / LOOKED_AT + 2;
    let mut released = 0;
    for _ in 0..round {
        released += direct.pipeline.sweep().await.expect("swept").released;
    }
    assert_eq!(released, 2, "within {round} sweeps");
    direct.database.abandon().await;
}

/// Many parked returns whose originals never come, and one whose original has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_behind_many_that_are_parked_has_its_turn_within_a_round() {
    let count = by_length(5_000, 100_000);
    let mut direct = Direct::new("rnd_returns").await;
    let item = taken_back(&mut direct, "AAA", "NEVER", "5.00");
    direct.applied(item).await;
    // Each of them was tried a moment ago.
    let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = 'money_records'::regclass AND attnum > 0 AND NOT attisdropped
          AND attgenerated = ''";
    let columns = direct.database.value(columns).await;
    let made = columns.replace("bank_key,", "bank_key || '-' || k,");
    for sql in [
        format!(
            "INSERT INTO money_records ({columns}) SELECT {made} FROM money_records,
            generate_series(1, {count}) k"
        ),
        format!(
            "INSERT INTO parked_returns SELECT bank_account, bank_key || '-' || k,
            original_key || '-' || k, why, parked_at, now() FROM parked_returns,
            generate_series(1, {count}) k"
        ),
        "VACUUM ANALYZE".to_owned(),
    ] {
        direct.database.execute(&sql).await;
    }
    direct.pipeline.sweep().await.expect("swept");
    let item = taken_back(&mut direct, "ZZZ", "B-1", "5.00");
    direct.applied(item).await;
    for _ in 0..count / LOOKED_AT + 2 {
        direct.pipeline.sweep().await.expect("swept");
    }
    let value = bank("b-1", &credit("B-1", "5.00"));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    let mut applied = 0;
    for _ in 0..count / LOOKED_AT + 2 {
        applied += direct.pipeline.sweep().await.expect("swept").returns_applied;
    }
    assert_eq!(applied, 1);
    direct.database.abandon().await;
}
