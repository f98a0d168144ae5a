//! A payment that names an invoice which nobody has sent yet, and the sending of that invoice, in
//! two transactions at the same moment: neither misses the other.

use serde_json::json;
use topup::clock::Clock;
use topup::jobs::Job;
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::records::{bank, credit, credit_saying, invoice, with};
use crate::harness::{Direct, Ended};
use crate::jobs::runner;

fn money(direct: &mut Direct, id: &str, text: &str) -> Item {
    let value = bank(id, &credit_saying(id, "25.00", text));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

/// Runs `first` and keeps it open until `second`, in another transaction, waits for it.
async fn beside(direct: &Direct, first: &[Item], second: &[Item]) -> Vec<Ended> {
    let mut open = direct.pipeline.pool().begin().await.expect("begin");
    direct.run_in(&mut open, first).await.expect("processed");
    let commits = async {
        let waits = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()";
        while direct.database.value(waits).await == "0" {
            tokio::task::yield_now().await;
        }
        open.commit().await.expect("commit");
    };
    let (ended, ()) = tokio::join!(direct.run(second), commits);
    ended
}

/// Whichever comes first, the other waits for its end and sees it.
#[tokio::test]
async fn a_payment_and_the_sending_of_its_invoice_see_each_other() {
    let mut direct = Direct::new("slots_race").await;
    for (n, payment_first) in [true, false].into_iter().cycle().take(16).enumerate() {
        let id = format!("RACE-{n}");
        let paid = [money(&mut direct, &format!("T{n}"), &format!("invoice {id}"))];
        let made = invoice(&id, &format!("ACC-{n}"), "25.00");
        let sent = [direct.command(&format!("i-{n}"), "invoice.create", &made)];
        let (first, second) = if payment_first { (&paid, &sent) } else { (&sent, &paid) };
        let ended = beside(&direct, first, second).await;
        assert!(ended.iter().all(|end| end.outcome == "applied"), "{ended:?}");
        let status = format!("SELECT status FROM invoice_states WHERE invoice_id = '{id}'");
        assert_eq!(direct.database.value(&status).await, "provisioned", "{id} {payment_first}");
    }
    direct.finish().await;
}

/// A payment with as many words as are read of one: all of them are locked, also the last. If the
/// sending comes first, the payment waits for it and pays. If the payment comes first, it waits for
/// the first of its words only, and the rematch job finds the invoice that the last one names.
#[tokio::test]
async fn the_last_of_very_many_words_is_not_missed() {
    let mut direct = Direct::new("slots_many").await;
    for (n, payment_first) in [true, false].into_iter().enumerate() {
        let reference = |k: u8| topup::domain::matching::reference::mint(&[k; 32]);
        let base = 1_000 * (n + 1);
        let numbers = (base..base + 400).map(|number| format!("QX-{number}"));
        let words: Vec<String> = (1..=125).map(reference).chain(numbers).collect();
        let lines: Vec<String> = words.chunks(20).map(|line| line.join(" ")).collect();
        let said = json!({ "remittance": { "unstructured": lines } });
        let value = bank(&format!("many-{n}"), &with(credit(&format!("MANY-{n}"), "25.00"), &said));
        let paid = [direct.item(Topic::BankPayments, None, value.as_bytes())];
        let id = format!("QX-{}", base + 399);
        let made = invoice(&id, &format!("ACC-{n}"), "25.00");
        let sent = [direct.command(&format!("i-{n}"), "invoice.create", &made)];
        let (first, second) = if payment_first { (&paid, &sent) } else { (&sent, &paid) };
        let ended = beside(&direct, first, second).await;
        assert!(ended.iter().all(|end| end.outcome == "applied"), "{ended:?}");
        let status = format!("SELECT status FROM invoice_states WHERE invoice_id = '{id}'");
        if payment_first {
            assert_eq!(direct.database.value(&status).await, "awaiting_payment");
            let (runner, _stop) = runner(&direct, "test", None);
            runner.prepare().await.expect("prepared");
            runner.run_by(Job::Rematch, "alice", Clock::System.now()).await.expect("ran");
        }
        assert_eq!(direct.database.value(&status).await, "provisioned", "{id} {payment_first}");
    }
    direct.finish().await;
}
