//! What a line names: a customer whom nobody knows, things of another customer, a list that takes
//! the place of another one, days, currencies and rules as people write them.

use crate::harness::World;
use crate::harness::records::{credit_saying, invoice};
use crate::verbs::{change, done, said, topup};

const CREATE: [&str; 8] =
    ["invoices", "create", "INV-1", "--amount", "100.00", "--name", "November", "--currency"];

fn refused(world: &World, words: &[&str], told: &[&str]) {
    let output = topup(world, words);
    assert_ne!(output.status.code(), Some(0), "{words:?}: {}", said(&output));
    for part in told {
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
}

/// A customer comes by a word that makes one, and not by a mistyped id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_becomes_a_customer_by_a_typing_mistake() {
    let world = World::new("verbs_new").await;
    let worker = world.start().await;
    done(&world, &["accounts", "upsert", "acme", "--name", "Acme"]);
    let create =
        |account: &'static str| [CREATE.as_slice(), &["sgd", "--account", account]].concat();
    let near = "did you mean `acme`?; --new-customer makes a new one";
    for mistyped in ["ACMEE", "Acme", "acm"] {
        refused(&world, &[create(mistyped).as_slice(), &["--yes"]].concat(), &[near]);
    }
    refused(&world, &create("nobody"), &["there is no account `nobody`", "--new-customer"]);
    // The word that makes customers asks where one is near.
    refused(&world, &["accounts", "upsert", "ACMEE", "--name", "Acme", "--yes"], &[near]);
    let cash = ["--amount", "1", "--currency", "SGD", "--received-on", "2026-11-22", "--method"];
    let record = [["payments", "record", "P-1", "--account", "acne"].as_slice(), &cash, &["cash"]];
    refused(&world, &record.concat(), &[near]);
    assert_eq!(world.value("SELECT count(*) FROM accounts").await, "1");
    let new = [create("ACMEE").as_slice(), &["--new-customer"]].concat();
    let dry = said(&topup(&world, &new));
    assert!(dry.contains("ACMEE is a new customer."), "{dry}");
    // A currency in small letters; references of ours, told again with the invoice.
    let references = ["--reference", "RF18 5390 0754 7034", "--reference", "INV/2026/7"];
    done(&world, &[create("acme").as_slice(), &references].concat());
    let kept = "SELECT string_agg(reference, ' ' ORDER BY reference) FROM invoice_references";
    assert_eq!(world.value(kept).await, "INV2026-7 RF18539007547034");
    // It is there already: whose it is.
    done(&world, &["accounts", "upsert", "other", "--name", "Other"]);
    let whose = "Invoice INV-1 is acme's: 100.00 SGD, 100.00 due, draft.";
    refused(&world, &create("other"), &["invoice_exists", whose]);
    let day = [create("acme").as_slice(), &["--due-date", "31.12.2026"]].concat();
    refused(&world, &day, &["expected a day as YYYY-MM-DD"]);
    // Both customers are named, where things are of two.
    done(
        &world,
        &[["payments", "record", "P-1", "--account", "other"].as_slice(), &cash, &["cash"]]
            .concat(),
    );
    let allocate = ["payments", "allocate", "P-1", "--invoice", "INV-1"];
    let off = "take it off first: `topup payments deallocate PAYMENT --invoice INVOICE`";
    refused(&world, &allocate, &["account_mismatch", "Payment P-1 is other's", "acme's", off]);
    short_lines_are_read(&world, &cash).await;
    worker.shutdown().await;
    world.finish().await;
}

/// The case of a known customer's id, and what stands behind a payment without an option's name.
async fn short_lines_are_read(world: &World, cash: &[&str]) {
    let record = [["payments", "record", "P-2", "--account", "OTHER"].as_slice(), cash, &["cash"]];
    let told = done(world, &record.concat());
    assert_eq!(change(&told, "payment P-2", "customer"), "- -> other");
    let record = [["payments", "record", "P-3"].as_slice(), cash, &["cash"]].concat();
    done(world, &record);
    let told = done(world, &["payments", "assign", "P-3", "ACME"]);
    assert_eq!(change(&told, "payment P-3", "customer"), "- -> acme");
    done(world, &["invoices", "send", "INV-1"]);
    let told = done(world, &["payments", "allocate", "P-3", "INV-1=0.50"]);
    assert_eq!(change(&told, "invoice INV-1", "due"), "100.00 SGD -> 99.50 SGD");
    for line in [["payments", "assign", "P-1"], ["payments", "allocate", "P-1"]] {
        assert_eq!(topup(world, &line).status.code(), Some(2), "{line:?}");
    }
}

/// A list that is given takes the place of the one that was there: what goes is shown before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_customers_lists_lose_is_shown_before_it_goes() {
    let world = World::new("verbs_lists").await;
    let worker = world.start().await;
    let upsert = ["accounts", "upsert", "acme", "--name", "Acme"];
    let first = ["--payer-account", "DE89370400440532013000", "--balance-level", "sgd=20.00"];
    let levels = ["--balance-level", "SGD=50", "--credit-limit", "sgd=10.00"];
    let told = done(&world, &[upsert.as_slice(), &first, &levels].concat());
    assert_eq!(change(&told, "payer account …3000 of acme", "listed"), "- -> yes");
    assert_eq!(change(&told, "credit limit acme SGD", "limit"), "- -> 10.00 SGD");
    let stored = "SELECT level_currencies::text || level_amounts::text FROM accounts";
    assert_eq!(world.value(stored).await, "{SGD,SGD}{20000000,50000000}");
    // Another number with the same end is another one.
    let other = ["--payer-account", "GB33BUKB20201555553000", "--stale-after-days", "30"];
    let dry = topup(&world, &[upsert.as_slice(), &other, &["--output", "json"]].concat());
    let shown = said(&dry);
    let told: serde_json::Value = serde_json::from_slice(&dry.stdout).expect("JSON");
    let of_payers: Vec<(Option<&str>, Option<&str>)> = told["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .filter(|one| one["of"] == "payer account …3000 of acme")
        .map(|one| (one["before"].as_str(), one["after"].as_str()))
        .collect();
    assert_eq!(of_payers.len(), 2, "{shown}");
    assert!(of_payers.contains(&(Some("yes"), None)) && of_payers.contains(&(None, Some("yes"))));
    assert_eq!(change(&told, "account acme", "stale after days"), "- -> 30");
    assert!(!shown.contains("555553000"), "{shown}");
    let none = [upsert.as_slice(), &["--no-balance-level", "SGD"]].concat();
    let told = done(&world, &none);
    assert_eq!(change(&told, "balance level acme SGD", "amount"), "20.00 SGD -> -");
    worker.shutdown().await;
    world.finish().await;
}

/// A command that waits is neither done nor refused: the line says so, and ends with 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_told_apart_from_what_is_done() {
    let world = World::new("verbs_waits").await;
    let worker = world.start().await;
    world.applied("i-1", "invoice.create", "ACC-1", invoice("INV-1", "ACC-1", "50.00")).await;
    let reference = world.value("SELECT payment_reference FROM invoices").await;
    world.bank("b-1", credit_saying("T-1", "50.00", &reference)).await;
    world.until("SELECT state FROM payments", "allocated").await;
    let id = world.value("SELECT payment_id FROM payments").await;
    let off = ["payments", "deallocate", &id, "--invoice", "INV-1", "--reason", "x", "--yes"];
    let waits = topup(&world, &off);
    assert_eq!(waits.status.code(), Some(4), "{}", said(&waits));
    assert!(said(&waits).contains("Nothing is changed yet: it waits."), "{}", said(&waits));
    worker.shutdown().await;
    world.finish().await;
}

/// Invoices of several customers are enough to say how a payment is shared out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_shared_out_by_its_invoices() {
    let world = World::new("verbs_shares").await;
    let worker = world.start().await;
    for (id, owner, amount) in
        [("INV-1", "ACC-1", "60.50"), ("INV-2", "ACC-2", "40.00"), ("INV-3", "ACC-2", "9.50")]
    {
        world.applied(id, "invoice.create", owner, invoice(id, owner, amount)).await;
    }
    world.bank("b-1", credit_saying("T-1", "110.00", "card sales")).await;
    world.until("SELECT count(*) FROM payments", "1").await;
    let id = world.value("SELECT payment_id FROM payments").await;
    let shares = ["--invoice", "INV-1", "--invoice", "INV-2=40", "--invoice", "INV-3"];
    let split = [["payments", "split", &id, "--reason", "sales"].as_slice(), &shares].concat();
    let told = done(&world, &split);
    assert_eq!(change(&told, "invoice INV-3", "due"), "9.50 SGD -> 0.00 SGD");
    let parts = "SELECT string_agg(account_id || ' ' || amount, ',' ORDER BY account_id)
                   FROM payment_splits";
    assert_eq!(world.value(parts).await, "ACC-1 60500000,ACC-2 49500000");
    refused(&world, &["payments", "split", &id, "--invoice", "INV-9"], &["no invoice `INV-9`"]);
    worker.shutdown().await;
    world.finish().await;
}

/// Filters are read in any case, and what is no patch is told with what one looks like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_and_patches_are_read_as_people_write_them() {
    let world = World::new("verbs_words").await;
    for words in [
        ["payments", "list", "--rule", "r4b"],
        ["payments", "list", "--status", "PARKED"],
        ["payments", "list", "--reason", "Amount_Only"],
        ["payments", "list", "--currency", "sgd"],
        ["review", "list", "--rule", "r9"],
        ["invoices", "list", "--state", "Draft"],
    ] {
        let output = topup(&world, &words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", said(&output));
    }
    refused(&world, &["payments", "list", "--rule", "banana"], &["R4b"]);
    let edit = ["dead-letters", "edit", "17", "--reason", "x", "--patch", "nonsense"];
    refused(&world, &edit, &["expected a JSON patch (RFC 6902)", "\"op\""]);
    let help = said(&topup(&world, &["dead-letters", "edit", "--help"]));
    assert!(help.contains("--patch or --record-key the value is opened"), "{help}");
    world.finish().await;
}
