//! A payment that names an invoice which nobody has sent yet, and the sending of that invoice, in
//! two transactions at the same moment: neither misses the other.

use topup::pipeline::batch::{Ended, Item};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{bank, credit_saying, invoice};

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
        let status = format!("SELECT status FROM invoices WHERE invoice_id = '{id}'");
        assert_eq!(direct.database.value(&status).await, "provisioned", "{id} {payment_first}");
    }
    direct.finish().await;
}
