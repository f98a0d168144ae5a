//! Payment references of upstream on PostgreSQL: found under both ways of locking, and once only.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, credit, credit_saying, draft, invoice, with};
use crate::late_locks::late;

const QRR: &str = "210000000003139471430009017";

fn quoted(id: &str, account: &str, references: Value) -> Value {
    with(invoice(id, account, "100.00"), &json!({ "references": references }))
}

async fn paid(direct: &Direct) -> String {
    let sql = "SELECT coalesce(string_agg(invoice_id || ' ' || rule, ', ' ORDER BY invoice_id), '')
                 FROM allocations";
    direct.database.value(sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_of_upstream_pays_its_invoice() {
    let mut direct = Direct::new("references_pay").await;
    let steps = [
        ("I1", "A", json!(["21 00000 00003 13947 14300 09017", "SO/2026/10045"])),
        ("I2", "B", json!([{ "reference": "7d9f0335a1f24c0c8f60f6c2a1b2c3d4", "scheme": "txid" }])),
        ("I3", "C", json!(["+++090/9337/55493+++"])),
    ];
    for (number, (id, account, references)) in (1..).zip(steps) {
        let data = quoted(id, account, references);
        let item = direct.command(&format!("c-{number}"), "invoice.create", &data);
        direct.applied(item).await;
    }
    let structured = json!({ "remittance": { "creditor_reference": QRR } });
    let first = bank("T1", &with(credit("T1", "100.00"), &structured));
    let item = direct.item(Topic::BankPayments, None, first.as_bytes());
    late(&direct, item).await.expect("paid");
    // The same look-up under locks that come first.
    let second = bank("T2", &credit_saying("T2", "100.00", "pix 7d9f0335a1f24c0c8f60f6c2a1b2c3d4"));
    let third = bank("T3", &credit_saying("T3", "100.00", "communication 090/9337/55493"));
    let items = [
        direct.item(Topic::BankPayments, None, second.as_bytes()),
        direct.item(Topic::BankPayments, None, third.as_bytes()),
    ];
    direct.run(&items).await;
    assert_eq!(paid(&direct).await, "I1 R2, I2 R2, I3 R2");
    let pool = direct.pipeline.pool();
    let view = topup::store::views::invoices::show(pool, "I1").await.expect("reads");
    let shown = view.expect("an invoice").references;
    assert_eq!(shown, ["21 00000 00003 13947 14300 09017", "SO/2026/10045"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_waits_for_the_invoice_of_its_reference() {
    let mut direct = Direct::new("references_wait").await;
    let value = bank("T1", &credit_saying("T1", "100.00", QRR));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    late(&direct, item).await.expect("recorded");
    let plain = bank("T2", &credit_saying("T2", "100.00", "090/9337/55493"));
    let item = direct.item(Topic::BankPayments, None, plain.as_bytes());
    late(&direct, item).await.expect("recorded");
    // Created and sent at once, and in two steps.
    let item = direct.command("c-1", "invoice.create", &quoted("I1", "A", json!([QRR])));
    direct.applied(item).await;
    let data = with(draft("I2", "B", "100.00"), &json!({ "references": ["+++090/9337/55493+++"] }));
    let item = direct.command("c-2", "invoice.create", &data);
    direct.applied(item).await;
    let data = json!({ "invoice_id": "I2", "account_id": "B" });
    let item = direct.command("c-3", "invoice.mark-sent", &data);
    direct.applied(item).await;
    assert_eq!(paid(&direct).await, "I1 R2, I2 R2");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_names_one_invoice_for_ever() {
    let mut direct = Direct::new("references_once").await;
    let item = direct.command("c-1", "invoice.create", &quoted("I1", "A", json!([QRR, "SO-1004"])));
    direct.applied(item).await;
    for (id, references, code) in [
        ("c-2", json!(["21 00000 00003 13947 14300 09017"]), "reference_taken"),
        ("c-3", json!(["so 1004"]), "reference_taken"),
        ("c-4", json!(["210000000003139471430009018"]), "reference_invalid"),
    ] {
        let item = direct.command(id, "invoice.create", &quoted("I9", "B", references));
        let ended = direct.run(&[item]).await;
        assert_eq!((ended[0].outcome, ended[0].code.as_deref()), ("rejected", Some(code)), "{id}");
    }
    // The same command with its reference in groups is the same command.
    let grouped = quoted("I1", "A", json!(["21 00000 00003 13947 14300 09017", "SO 1004"]));
    let item = direct.command("c-1", "invoice.create", &grouped);
    assert_eq!(direct.run(&[item]).await[0].outcome, "duplicate");
    for (sql, constraint) in [
        ("UPDATE invoice_references SET given = 'x'", "invoice_references_stay"),
        ("DELETE FROM invoice_references", "invoice_references_stay"),
        (
            "INSERT INTO invoice_references SELECT reference, invoice_id, scheme, given
               FROM invoice_references",
            "invoice_references_pkey",
        ),
        (
            "INSERT INTO invoice_references SELECT payment_reference, invoice_id, 'rf', 'x'
               FROM invoices",
            "invoice_references_pkey",
        ),
        (
            "INSERT INTO invoice_references SELECT '12345', invoice_id, 'qrr', 'x' FROM invoices",
            "invoice_references_are_of_their_scheme",
        ),
    ] {
        assert_eq!(direct.database.refused(sql).await, constraint, "{sql}");
    }
    direct.finish().await;
}

/// Upstream gave an invoice the very reference that we come to mint for another one: that gets
/// another, and no payment can be taken for the wrong one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minted_reference_is_none_of_upstream() {
    for together in [false, true] {
        let mut direct = Direct::new(&format!("references_mint_{together}")).await;
        let own = direct.command("c-2", "invoice.create", &invoice("I2", "B", "100.00"));
        let minted = minted_for(&own, 0);
        // The second choice is taken as well.
        let given = json!([minted, minted_for(&own, 1)]);
        let item = direct.command("c-1", "invoice.create", &quoted("I1", "A", given));
        for batch in [item, own].chunks(if together { 2 } else { 1 }) {
            let ended = direct.run(batch).await;
            assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
        }
        // The payment is that of the invoice that has the reference.
        let value = bank("T1", &credit_saying("T1", "100.00", &minted));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        late(&direct, item).await.expect("paid");
        assert_eq!(paid(&direct).await, "I1 R2");
        let sql = "SELECT payment_reference FROM invoices WHERE invoice_id = 'I2'";
        let other = direct.database.value(sql).await;
        let value = bank("T2", &credit_saying("T2", "100.00", &other));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
        assert_eq!(paid(&direct).await, "I1 R2, I2 R2");
        direct.finish().await;
    }
}

fn minted_for(item: &Item, number: usize) -> String {
    let hash = item.decoded.as_ref().expect("a command").content_hash;
    topup::domain::matching::reference::mint_nth(&hash, number)
}

/// One transaction gives the reference and has not ended, another mints it; and the other way
/// round. The second waits for the first, and sees what it did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_transactions_at_once_give_no_reference_twice() {
    for mints_first in [false, true] {
        let mut direct = Direct::new(&format!("references_race_{mints_first}")).await;
        for owner in ["A", "B"] {
            let known = direct.command(owner, "account.upsert", &account(owner));
            direct.applied(known).await;
        }
        let own = direct.command("c-2", "invoice.create", &invoice("I2", "B", "100.00"));
        let given = quoted("I1", "A", json!([minted_for(&own, 0)]));
        let given = direct.command("c-1", "invoice.create", &given);
        let (first, second) = if mints_first { (own, given) } else { (given, own) };
        let mut tx = direct.pipeline.pool().begin().await.expect("begins");
        direct.run_in(&mut tx, std::slice::from_ref(&first)).await.expect("written");
        let over = AtomicBool::new(false);
        let later = async {
            let ended = direct.run(std::slice::from_ref(&second)).await;
            over.store(true, Ordering::SeqCst);
            ended
        };
        let ends = async {
            let waits = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while !over.load(Ordering::SeqCst) && direct.database.value(waits).await == "0" {
                tokio::task::yield_now().await;
            }
            tx.commit().await.expect("ends");
        };
        let (ended, ()) = tokio::join!(later, ends);
        let code = ended[0].code.as_deref().unwrap_or(ended[0].outcome);
        assert_eq!(code, if mints_first { "reference_taken" } else { "applied" });
        direct.finish().await;
    }
}

/// An invoice's id and a plain number that upstream gave another invoice read the same: whoever
/// pays with it means one of two, and a person says which. In either order, of one customer or two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_two_invoices_is_for_a_person() {
    let mut direct = Direct::new("references_two").await;
    for (number, (given, own, of)) in
        (1..).zip([("SO-1004", "SO1004", "B"), ("SO-2004", "so2004", "A")])
    {
        let first = quoted(&format!("I{number}"), "A", json!([given]));
        let second = invoice(own, of, "100.00");
        // The second pair the other way round.
        let both = if number == 1 { [first, second] } else { [second, first] };
        for (place, data) in both.iter().enumerate() {
            let id = format!("c-{number}-{place}");
            let item = direct.command(&id, "invoice.create", data);
            direct.applied(item).await;
        }
    }
    for (number, said) in (1..).zip(["SO-1004", "SO1004", "so 1004", "SO-2004", "so2004"]) {
        let id = format!("T{number}");
        let value = bank(&id, &credit_saying(&id, "100.00", &format!("payment for {said}")));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        late(&direct, item).await.expect("recorded");
    }
    assert_eq!(paid(&direct).await, "", "a person decides");
    let states = "SELECT state, count(*) FROM payments GROUP BY state";
    assert_eq!(direct.database.lines(states).await, ["parked|5"]);
    direct.finish().await;
}

/// A known payer mistypes upstream's reference of one of two equal invoices: that one is meant,
/// though it is read in full for its amount as well.
#[tokio::test]
async fn a_mistyped_reference_says_which_of_a_payers_equal_invoices_is_meant() {
    let mut direct = Direct::new("references_typo").await;
    let payers = json!({ "payer_accounts": ["CH9300762011623852957"] });
    let item = direct.command(
        "c-0",
        "account.upsert",
        &with(crate::harness::records::account("A"), &payers),
    );
    direct.applied(item).await;
    for (id, references) in [("I1", json!([])), ("I2", json!([QRR]))] {
        let item = direct.command(id, "invoice.create", &quoted(id, "A", references));
        direct.applied(item).await;
    }
    let amount = quoted("I1", "A", json!([]));
    let amount = amount["amount"].as_str().expect("an amount").to_owned();
    let mut typo: Vec<char> = QRR.chars().filter(|c| c.is_ascii_digit()).collect();
    typo[20] = if typo[20] == '7' { '8' } else { '7' };
    let text: String = typo.into_iter().collect();
    let payer = json!({ "debtor": { "account": "CH9300762011623852957" } });
    let value = bank("T1", &with(credit_saying("T1", &amount, &text), &payer));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    let pays = "SELECT string_agg(invoice_id, ',') FROM allocations";
    assert_eq!(direct.database.value(pays).await, "I2");
    direct.finish().await;
}
