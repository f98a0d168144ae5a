//! What went back, as the commands show it.

use serde_json::{Value, json};
use topup::pipeline::batch::Item;
use topup::store::views::{Privacy, accounts, invoices, payments, status};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, about_payment, bank, credit_saying, invoice, with};
use crate::usage::{charge, topped_up, usage};

/// The bank takes back that much of what it reported under `original`.
fn returned(direct: &mut Direct, id: &str, original: &str, amount: &str) -> Item {
    let data = json!({
        "bank_account": BANK, "bank_transaction_id": id, "credit_debit": "DBIT",
        "status": "BOOK", "amount": amount, "currency": "SGD", "booking_date": "2026-11-23",
        "return_of": { "bank_transaction_id": original, "reason": "AC04" },
    });
    direct.item(Topic::BankPayments, None, bank(id, &data).as_bytes())
}

/// An invoice that the bank's payment `T-1` of 100.00 pays.
async fn paid_by_the_bank(direct: &mut Direct) -> String {
    let item = direct.command("c-1", "invoice.create", &invoice("INV-1", "A", "100.00"));
    direct.applied(item).await;
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'INV-1'";
    let reference = direct.database.value(reference).await;
    let data = credit_saying("T-1", "100.00", &reference);
    let item = direct.item(Topic::BankPayments, None, bank("b-1", &data).as_bytes());
    direct.applied(item).await;
    format!("BANK:{BANK}:T-1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_is_shown_on_its_payment_its_invoice_and_its_lot() {
    let mut direct = Direct::new("views_return").await;
    let paid = paid_by_the_bank(&mut direct).await;
    let item = usage(&mut direct, "u-1", "charge", &charge("U-1", "A", "80"));
    direct.applied(item).await;
    let item = returned(&mut direct, "T-2", "T-1", "30.00");
    direct.applied(item).await;
    let pool = direct.pipeline.pool().clone();
    let payment = payments::show(&pool, &paid, Privacy::Masked).await.expect("read");
    let payment = payment.expect("a payment");
    assert_eq!(payment.returned, "30.00");
    let back = &payment.returns[0];
    let parts = [&back.amount, &back.unallocated, &back.unspent, &back.clawed_back];
    assert_eq!(parts, ["30.00", "0.00", "20.00", "10.00"]);
    assert_eq!((back.reason.as_deref(), back.undoes), (Some("AC04"), None));
    let sums: Vec<(&str, &str, &str)> = payment
        .reversals
        .iter()
        .map(|row| (row.kind.as_str(), row.amount.as_str(), row.clawed_back.as_str()))
        .collect();
    // Live in part: the allocation is there, with what went back of it.
    assert_eq!(sums, [("returned", "20.00", "0.00"), ("returned", "10.00", "10.00")]);
    assert_eq!(payment.allocations[0].reversed, "30.00");
    assert!(payment.allocations[0].reversed_at.is_none());

    let shown = invoices::show(&pool, "INV-1").await.expect("read").expect("an invoice");
    assert_eq!((shown.row.status.as_str(), shown.row.amount_due.as_str()), {
        ("awaiting_payment", "30.00")
    });
    let restored = |step: &&invoices::LifeStep| step.what.ends_with("payment is due again");
    assert_eq!(shown.timeline.iter().filter(restored).count(), 2, "{:?}", shown.timeline);
    assert!(shown.timeline.iter().any(|step| step.what.contains("(10.00 of it had been spent")));

    let balance = accounts::balance(&pool, "A").await.expect("read").expect("an account");
    assert_eq!(balance.balances[0].balance, "-10.00");
    let lot = &balance.lots[0];
    assert_eq!((lot.reversed.as_str(), lot.clawed_back.as_str()), ("30.00", "10.00"));
    let json = serde_json::to_value(&payment).expect("JSON");
    assert_eq!(json["returns"][0]["clawed_back"], json!("10.00"));
    direct.database.audit().await;

    // The rest goes back too: the allocation is not live any more, and is told all the same.
    let item = returned(&mut direct, "T-3", "T-1", "70.00");
    direct.applied(item).await;
    let payment = payments::show(&pool, &paid, Privacy::Masked).await.expect("read");
    let payment = payment.expect("a payment");
    assert_eq!((payment.row.state.as_str(), payment.allocations.len()), ("returned", 0));
    assert_eq!((payment.reversals.len(), payment.returns.len()), (3, 2));
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_returns_and_commands_that_wait_for_a_proof_are_in_the_status() {
    let mut direct = Direct::new("views_parked").await;
    topped_up(&mut direct, 1, "10.00").await;
    for (id, amount) in [("T-8", "3.00"), ("T-9", "4.00")] {
        let item = returned(&mut direct, id, "T-NEVER", amount);
        direct.applied(item).await;
    }
    let item = direct.command("c-9", "payment.remove", &about_payment("PAY-1", "A"));
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].code.as_deref(), Some("usage_proof_pending"));
    let view = status::read(direct.pipeline.pool()).await.expect("read");
    let parked = &view.parked_returns[0];
    assert_eq!((parked.why.as_str(), parked.returns), ("no_original", 2));
    assert_eq!((parked.amount.as_str(), parked.currency.as_str()), ("7.00", "SGD"));
    assert!((0..600).contains(&parked.oldest_seconds), "{}", parked.oldest_seconds);
    let waiting: Vec<_> = view.waiting.iter().map(|w| (w.needs.as_str(), w.commands)).collect();
    assert_eq!(waiting, [("proof", 1)]);
    direct.finish().await;
}

/// The same pipeline where there is no usage feed: nothing has to be proven.
fn unproven(direct: &mut Direct) {
    let mut settings = direct.pipeline.settings().clone();
    settings.usage_proof = false;
    let pool = direct.pipeline.pool().clone();
    let clock = topup::clock::Clock::System;
    direct.pipeline = topup::pipeline::Pipeline::new(pool, settings, clock);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_took_off_or_removed_is_told_where_it_was() {
    let mut direct = Direct::new("views_apart").await;
    unproven(&mut direct);
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "20.00").await;
    let why = json!({ "invoice_id": "INV-1", "reason": "wrong invoice" });
    let data: Value = with(about_payment("PAY-1", "A"), &why);
    let item = direct.command("d-1", "payment.deallocate", &data);
    direct.applied(item).await;
    let item = direct.command("d-2", "payment.remove", &about_payment("PAY-2", "A"));
    direct.applied(item).await;
    let pool = direct.pipeline.pool().clone();
    let first = payments::show(&pool, "PAY-1", Privacy::Masked).await.expect("read");
    let first = first.expect("a payment");
    assert_eq!(first.taken_off[0].invoice_id, "INV-1");
    assert_eq!(first.reversals[0].kind, "deallocated");
    assert_eq!(first.reversals[0].reason.as_deref(), Some("wrong invoice"));
    let second = payments::show(&pool, "PAY-2", Privacy::Masked).await.expect("read");
    let second = second.expect("a payment");
    assert_eq!((second.taken_off.len(), second.allocations.len()), (0, 0));
    assert_eq!(second.reversals[0].kind, "removed");
    let shown = invoices::show(&pool, "INV-1").await.expect("read").expect("an invoice");
    let last = shown.timeline.iter().rfind(|step| step.what.contains("payment is due again"));
    assert_eq!(
        last.expect("the step").what,
        "10.00 SGD of payment PAY-1 was taken off it by a person (wrong invoice): \
         payment is due again"
    );
    explained(&direct).await;
    direct.finish().await;
}

/// The commands themselves say it too.
async fn explained(direct: &Direct) {
    let url = direct.database.url.clone();
    let said = |words: &'static [&'static str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_topup"));
        let output = command.args(words).env("DATABASE_URL", &url).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = said(&["payments", "explain", "PAY-1"]);
    assert!(told.contains("A person took it off invoice INV-1 at "), "{told}");
    let shown = said(&["payments", "show", "PAY-2"]);
    assert!(shown.contains("Reversals") && shown.contains("removed"), "{shown}");
    let shown = said(&["invoices", "show", "INV-1"]);
    assert!(shown.contains("payment is due again"), "{shown}");
    let shown = said(&["balances", "show", "A"]);
    assert!(shown.contains("clawed back"), "{shown}");
    let status = said(&["status"]);
    assert!(status.contains("Parked returns"), "{status}");
}
