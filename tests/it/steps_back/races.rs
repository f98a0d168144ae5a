//! Two at the same moment at the same money: whatever order they happened in, it was one.

use serde_json::json;
use topup::pipeline::batch::Item;

use super::{deallocate, outcome, paid_by_bank, taken_back, without_proof};
use crate::harness::Direct;
use crate::harness::records::{about_invoice, about_payment, allocate, invoice, payment, with};
use crate::usage::{charge, until_written, usage};

const ROUNDS: u32 = 50;

async fn both(direct: &Direct, one: Item, two: Item) {
    let (first, second) = (direct.pipeline.clone(), direct.pipeline.clone());
    let one = tokio::spawn(async move { until_written(&first, one).await });
    let two = tokio::spawn(async move { until_written(&second, two).await });
    one.await.expect("written");
    two.await.expect("written");
}

/// A customer of that round, with an open invoice and, by hand, the money for it.
async fn customer(direct: &mut Direct, round: u32) -> (String, String, String) {
    let account = format!("A{round}");
    let (billed, paid) = (format!("INV-{round}"), format!("PAY-{round}"));
    let item =
        direct.command(&format!("i-{round}"), "invoice.create", &invoice(&billed, &account, "10"));
    direct.applied(item).await;
    let item =
        direct.command(&format!("p-{round}"), "payment.record", &payment(&paid, &account, "10"));
    direct.applied(item).await;
    (account, billed, paid)
}

/// The same, and the invoice is paid.
async fn paid(direct: &mut Direct, round: u32) -> (String, String, String) {
    let (account, billed, paid) = customer(direct, round).await;
    let data = allocate(&paid, &account, &billed);
    let item = direct.command(&format!("a-{round}"), "payment.allocate", &data);
    direct.applied(item).await;
    (account, billed, paid)
}

fn off(
    direct: &mut Direct,
    round: u32,
    (account, billed, paid): &(String, String, String),
) -> Item {
    let data = with(deallocate(paid, billed), &json!({ "account_id": account }));
    direct.command(&format!("d-{round}"), "payment.deallocate", &data)
}

/// Balance, what the charge lacked, and the invoice of an account.
async fn stands(direct: &Direct, account: &str) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', (SELECT amount / 1000000 FROM balances WHERE account_id = a),
           (SELECT 'lacked ' || uncovered / 1000000 FROM usage_charges WHERE account_id = a),
           (SELECT status FROM invoice_states WHERE account_id = a))
           FROM (SELECT '{account}' AS a) q"
    );
    direct.database.value(&sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_payment_off_and_spending_its_lot() {
    let mut direct = without_proof("sb_r_charge").await;
    for round in 0..ROUNDS {
        let names = paid(&mut direct, round).await;
        let id = format!("U{round}");
        let spend = usage(&mut direct, &id, "charge", &charge(&id, &names.0, "3"));
        let off = off(&mut direct, round, &names);
        both(&direct, spend, off).await;
        let how = outcome(&direct, &format!("d-{round}")).await;
        let stands = stands(&direct, &names.0).await;
        match how.as_str() {
            "applied" => assert_eq!(stands, "-3 lacked 3 awaiting_payment"),
            _ => assert_eq!((how.as_str(), stands.as_str()), SPENT_FIRST),
        }
        direct.database.audit().await;
    }
    direct.finish().await;
}

const SPENT_FIRST: (&str, &str) = ("rejected lot_spent", "7 lacked 0 provisioned");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_payment_off_and_paying_the_invoice_by_another() {
    let mut direct = without_proof("sb_r_match").await;
    for round in 0..ROUNDS {
        let names = paid(&mut direct, round).await;
        let other = paid_by_bank(&mut direct, &format!("B{round}"), &names.1, "10").await;
        let off = off(&mut direct, round, &names);
        both(&direct, other, off).await;
        assert_eq!(outcome(&direct, &format!("d-{round}")).await, "applied");
        let bank = format!(
            "SELECT p.state FROM payments p JOIN bank_transactions b USING (payment_id)
              WHERE b.bank_key = 'id:B{round}'"
        );
        let bank = direct.database.value(&bank).await;
        let stands = stands(&direct, &names.0).await;
        match bank.as_str() {
            "allocated" => assert_eq!(stands, "10 provisioned"),
            _ => assert_eq!(stands, "0 awaiting_payment", "{bank}"),
        }
        direct.database.audit().await;
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_payment_off_and_voiding_the_invoice() {
    let mut direct = without_proof("sb_r_void").await;
    for round in 0..ROUNDS {
        let names = paid(&mut direct, round).await;
        let data = about_invoice(&names.1, &names.0);
        let void = direct.command(&format!("v-{round}"), "invoice.void", &data);
        let off = off(&mut direct, round, &names);
        both(&direct, void, off).await;
        assert_eq!(outcome(&direct, &format!("d-{round}")).await, "applied");
        let stands = stands(&direct, &names.0).await;
        match outcome(&direct, &format!("v-{round}")).await.as_str() {
            "applied" => assert_eq!(stands, "0 voided"),
            code => {
                assert_eq!(code, "rejected invoice_already_provisioned");
                assert_eq!(stands, "0 awaiting_payment");
            }
        }
        direct.database.audit().await;
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returning_a_payment_and_spending_its_lot() {
    let mut direct = without_proof("sb_r_return").await;
    for round in 0..ROUNDS {
        let (account, billed) = (format!("A{round}"), format!("INV-{round}"));
        let data = invoice(&billed, &account, "10");
        let item = direct.command(&format!("i-{round}"), "invoice.create", &data);
        direct.applied(item).await;
        let item = paid_by_bank(&mut direct, &format!("B{round}"), &billed, "10").await;
        direct.applied(item).await;
        let id = format!("U{round}");
        let spend = usage(&mut direct, &id, "charge", &charge(&id, &account, "3"));
        let back = taken_back(&mut direct, &format!("R{round}"), &format!("B{round}"), "10");
        both(&direct, spend, back).await;
        let clawed = format!(
            "SELECT clawed_back / 1000000 || ' ' || unspent / 1000000 FROM payment_returns
              WHERE bank_key = 'reversal:R{round}'"
        );
        let clawed = direct.database.value(&clawed).await;
        let stands = stands(&direct, &account).await;
        match clawed.as_str() {
            "0 10" => assert_eq!(stands, "-3 lacked 3 awaiting_payment"),
            _ => assert_eq!(
                (clawed.as_str(), stands.as_str()),
                ("3 7", "-3 lacked 0 awaiting_payment")
            ),
        }
        direct.database.audit().await;
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_a_payment_and_allocating_it() {
    let mut direct = without_proof("sb_r_remove").await;
    for round in 0..ROUNDS {
        let (account, billed, paid) = customer(&mut direct, round).await;
        let data = about_payment(&paid, &account);
        let remove = direct.command(&format!("r-{round}"), "payment.remove", &data);
        let data = allocate(&paid, &account, &billed);
        let give = direct.command(&format!("a-{round}"), "payment.allocate", &data);
        both(&direct, give, remove).await;
        assert_eq!(outcome(&direct, &format!("r-{round}")).await, "applied");
        let reversed = format!(
            "SELECT coalesce(string_agg(r.kind, ' '), 'none') FROM allocations a
               JOIN allocation_reversals r USING (allocation_id) WHERE a.payment_id = '{paid}'"
        );
        let reversed = direct.database.value(&reversed).await;
        let stands = stands(&direct, &account).await;
        match outcome(&direct, &format!("a-{round}")).await.as_str() {
            "applied" => assert_eq!((reversed.as_str(), stands.as_str()), GIVEN_FIRST),
            code => {
                assert_eq!(code, "rejected payment_removed");
                assert_eq!((reversed.as_str(), stands.as_str()), ("none", "awaiting_payment"));
            }
        }
        let state = format!("SELECT state FROM payments WHERE payment_id = '{paid}'");
        assert_eq!(direct.database.value(&state).await, "removed");
        direct.database.audit().await;
    }
    direct.finish().await;
}

const GIVEN_FIRST: (&str, &str) = ("removed", "0 awaiting_payment");
