//! What a worker of another version writes beside this schema: it does not say all that this one
//! says, and the schema fills in what is safe.

use topup::clock::Clock;
use topup::store::{checkpoint, crash_guard};

use crate::harness::Direct;
use crate::harness::records::{about_invoice, draft};

/// It does not say what its commands touch: then all that waits of a customer stands in one line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_worker_lets_wait_holds_up_what_is_behind_it() {
    const COLUMNS: &str = "wait_key, topic, partition, record_offset, source, message_id, needs,
        record_key, record_value, record_headers, record_timestamp, since, deadline";
    let mut direct = Direct::new("ea_waits").await;
    for (id, of) in [("c-1", "INV-1"), ("c-2", "INV-2"), ("c-3", "INV-3")] {
        let item = direct.command(id, "invoice.mark-sent", &about_invoice(of, "ACC"));
        let ended = direct.run(&[item]).await;
        assert_eq!(ended[0].outcome, "waiting");
    }
    let behind = "SELECT string_agg(concat_ws(' ', w.message_id, b.message_id, w.touches::text),
            ', ' ORDER BY w.waiting_id) FROM waiting_commands w
        JOIN waiting_commands b ON b.waiting_id = w.behind";
    // The earlier worker lets the second and the third one wait, and says what the first one needs.
    for sql in [
        "CREATE TABLE waited AS SELECT * FROM waiting_commands".to_owned(),
        "DELETE FROM waiting_commands WHERE message_id <> 'c-1'".to_owned(),
        format!(
            "INSERT INTO waiting_commands ({COLUMNS}) SELECT {COLUMNS} FROM waited
              WHERE message_id <> 'c-1' ORDER BY waiting_id"
        ),
        "UPDATE waiting_commands SET needs = 'invoice:INV-1' WHERE waiting_id = 1".to_owned(),
    ] {
        direct.database.execute(&sql).await;
    }
    assert_eq!(direct.database.value(behind).await, "c-2 c-1 {*}, c-3 c-2 {*}");
    let waiting = "SELECT string_agg(message_id, ' ' ORDER BY waiting_id) FROM waiting_commands";
    for (create, left) in [("INV-2", "c-1 c-2 c-3"), ("INV-1", "c-3"), ("INV-3", "")] {
        let data = draft(create, "ACC", "10.00");
        let item = direct.command(&format!("new-{create}"), "invoice.create", &data);
        direct.run(&[item]).await;
        while direct.pipeline.sweep().await.expect("swept").released > 0 {}
        assert_eq!(direct.database.value(waiting).await, left, "{create}");
    }
    direct.finish().await;
}

/// Its note of the crash guard has no owner: a death counts, and nobody takes it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_worker_notes_before_it_dies_counts() {
    let direct = Direct::new("ea_guard").await;
    let (pool, topic) = (direct.pipeline.pool(), &direct.pipeline.settings().topics.commands);
    let (group, now) = (&direct.pipeline.settings().group, Clock::System.now());
    let announced = format!(
        "INSERT INTO crash_guards AS g (topic, partition, first_offset, last_offset, trial_first,
             trial_last, trial_alone, alone_deaths, starts, updated_at)
         VALUES ('{topic}', 0, 5, 5, 5, 5, true, 0, 1, now())
         ON CONFLICT (topic, partition) DO UPDATE
         SET first_offset = EXCLUDED.first_offset, last_offset = EXCLUDED.last_offset,
             trial_first = EXCLUDED.trial_first, trial_last = EXCLUDED.trial_last,
             trial_alone = EXCLUDED.trial_alone, alone_deaths = EXCLUDED.alone_deaths,
             updated_at = EXCLUDED.updated_at"
    );
    let deaths = "SELECT alone_deaths || ' ' || counted_epochs::text FROM crash_guards";
    direct.database.execute(&announced).await;
    let (fence, _) = checkpoint::take(pool, group, topic, 0, "new", now).await.expect("taken");
    let guard = crash_guard::start(pool, &fence, 5..=5, now).await.expect("started");
    assert!(guard.is_down_to_one() && !guard.kills(5));
    assert_eq!(direct.database.value(deaths).await, "1 {}");
    guard.announce(pool, &fence, 5..=5, now).await.expect("announced");
    // The new one dies; the next one counts it by its name, and an earlier one goes on after it.
    let (fence, _) = checkpoint::take(pool, group, topic, 0, "new", now).await.expect("taken");
    let guard = crash_guard::start(pool, &fence, 5..=5, now).await.expect("started");
    assert!(guard.kills(5));
    assert_eq!(direct.database.value(deaths).await, "2 {1}");
    let cleared = format!("DELETE FROM crash_guards WHERE topic = '{topic}' AND partition = 0");
    direct.database.execute(&cleared).await;
    // Whoever finds its note gone opens the partition anew.
    assert!(guard.announce(pool, &fence, 5..=5, now).await.is_err());
    direct.finish().await;
}
