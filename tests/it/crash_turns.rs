//! More turns of items that truly kill their process: holds that expire, choices that are renewed,
//! flags that are taken off.

use topup::jobs::Job;
use topup::wire::Topic;

use crate::crash_items::{PUT_ASIDE, claimed_by_the_dead, deadly, deaths_until};
use crate::harness::Direct;
use crate::harness::records::{bank, credit, invoice, payment};
use crate::isolation::long_unpaid;
use crate::usage::{hold, topped_up, usage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_whose_expiry_kills_is_put_aside_and_no_other() {
    let mut direct = Direct::new("ct_hold").await;
    topped_up(&mut direct, 1, "90.00").await;
    for number in 0..40 {
        let data = hold(&format!("H{number}"), "A", "1");
        let item = usage(&mut direct, &format!("h{number}"), "hold", &data);
        direct.applied(item).await;
    }
    deadly(&direct, "holds", "NEW.hold_id = 'H23' AND NEW.state <> 'live'").await;
    let done = "SELECT (SELECT count(*) FROM holds WHERE state = 'live') + 100 * count(*)
                FROM failing_items";
    let deaths = deaths_until(&direct, done, "101").await;
    assert_eq!(direct.database.lines(PUT_ASIDE).await, ["hold|A/H23|crash_loop|1"]);
    let live = "SELECT hold_id FROM holds WHERE state = 'live'";
    assert_eq!(direct.database.lines(live).await, ["H23"]);
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    direct.finish().await;
}

/// Money of nobody for which an invoice came since: `rematch` suggests it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_new_choices_kill_is_left_out_and_no_other() {
    let mut direct = Direct::new("ct_choices").await;
    let amount = |number: u32| format!("{}.17", 100 + number);
    for number in 0..40 {
        let id = format!("T{number:02}");
        let value = bank(&id, &credit(&id, &amount(number)));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    for number in 0..40 {
        let of = format!("ACC-{number}");
        let data = invoice(&format!("INV-{number}"), &of, &amount(number));
        let item = direct.command(&format!("i-{number}"), "invoice.create", &data);
        direct.applied(item).await;
    }
    let renewed = "SELECT count(DISTINCT payment_id) FROM suggestions";
    assert_eq!(direct.database.value(renewed).await, "0");
    deadly(&direct, "suggestions", "NEW.payment_id LIKE '%T17'").await;
    claimed_by_the_dead(&direct, Job::Rematch).await;
    let done = "SELECT state FROM job_runs WHERE job = 'rematch'";
    let deaths = deaths_until(&direct, done, "done").await;
    let aside = direct.database.lines("SELECT kind, code FROM failing_items").await;
    assert_eq!(aside, ["rematch|crash_loop"]);
    assert_eq!(direct.database.value(renewed).await, "39");
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_whose_flag_kills_when_it_goes_keeps_it_and_no_other() {
    let mut direct = Direct::new("ct_unflag").await;
    long_unpaid(&mut direct, 40).await;
    claimed_by_the_dead(&direct, Job::FlagVoidCandidates).await;
    let done = "SELECT state FROM job_runs WHERE job = 'flag-void-candidates'
                ORDER BY scheduled_for DESC LIMIT 1";
    assert_eq!(deaths_until(&direct, done, "done").await, 0);
    let flagged = "SELECT count(*) FROM invoice_states WHERE candidate_since IS NOT NULL";
    assert_eq!(direct.database.value(flagged).await, "40");
    // Money of each customer has come, by hand: it may be meant for the invoice.
    for number in 0..40 {
        let data = payment(&format!("PAY-{number}"), &format!("ACC-{number}"), "100.00");
        let item = direct.command(&format!("p-{number}"), "payment.record", &data);
        direct.applied(item).await;
    }
    let kills = "NEW.invoice_id = 'INV-21' AND NEW.candidate_since IS NULL";
    deadly(&direct, "payable_invoices", kills).await;
    claimed_by_the_dead(&direct, Job::FlagVoidCandidates).await;
    let deaths = deaths_until(&direct, done, "done").await;
    assert_eq!(direct.database.lines(PUT_ASIDE).await, ["candidate|INV-21|crash_loop|1"]);
    let left = "SELECT invoice_id FROM invoice_states WHERE candidate_since IS NOT NULL";
    assert_eq!(direct.database.lines(left).await, ["INV-21"]);
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    direct.finish().await;
}
