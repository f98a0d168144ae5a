//! What the bank gives back of what it took, through a running worker: fees by themselves, part of
//! what several payments gave, and what a person says of it in a line.

use serde_json::{Value, json};

use crate::auditor;
use crate::harness::World;
use crate::harness::records::{BANK, account, credit, credit_saying, invoice, payment, with};
use crate::verbs::{change, done, said, topup};

/// The bank takes back so much of its transaction `of`.
fn taken(id: &str, of: &str, amount: &str) -> Value {
    let fields = json!({ "credit_debit": "DBIT", "reversal": true,
        "return_of": { "bank_transaction_id": of } });
    with(credit(id, amount), &fields)
}

/// The bank gives so much of it back.
fn given(id: &str, of: &str, amount: &str) -> Value {
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": of } });
    with(credit(id, amount), &fields)
}

async fn booked(world: &World, id: &str, data: Value) -> String {
    world.bank(&format!("bank-{id}"), data).await;
    let outcome = world.outcome(&format!("bank-{id}")).await;
    assert_eq!(outcome, ("applied".to_owned(), None), "{id}");
    became(world, id).await
}

/// What the record of that id is, and why it waits.
async fn became(world: &World, id: &str) -> String {
    let sql = format!(
        "SELECT concat_ws(' ', disposition, why) FROM bank_transactions
           LEFT JOIN parked_returns USING (bank_account, bank_key)
          WHERE bank_transaction_id = '{id}'"
    );
    world.value(&sql).await
}

/// What is returned of each payment, the balances, and the fees that the house paid; in cents.
async fn stands(world: &World) -> String {
    let sql = "SELECT concat_ws(' / ',
        (SELECT string_agg(returned / 10000 || '', ' ' ORDER BY origin, account_id, payment_id)
           FROM payments),
        (SELECT string_agg(amount / 10000 || '', ' ' ORDER BY account_id) FROM balances),
        (SELECT (-coalesce(sum(amount), 0) / 10000)::bigint || '' FROM ledger_entries
          WHERE ledger_account = 'fees'))";
    world.value(sql).await
}

async fn sound(world: World) {
    let failing = "SELECT coalesce(string_agg(to_jsonb(f)::text, ' '), '') FROM failing_items f";
    assert_eq!(world.value(failing).await, "");
    assert_eq!(auditor::books(&world.database).await, Vec::<String>::new());
    world.finish().await;
}

async fn without_proof(test: &str) -> World {
    let mut world = World::new(test).await;
    world.set("USAGE__PROOF", "none");
    world
}

/// Payments `T1`, `T2`… of 100 of one customer, each for an invoice of its own, of each of which
/// the bank took 103: 3 are its fee.
async fn with_fees(world: &World, payments: u32) {
    for number in 1..=payments {
        let (paid, billed) = (format!("T{number}"), format!("INV-{number}"));
        world.applied(&billed, "invoice.create", "A", invoice(&billed, "A", "100.00")).await;
        let named = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{billed}'");
        let named = world.value(&named).await;
        booked(world, &paid, credit_saying(&paid, "100.00", &named)).await;
        let back =
            with(taken(&format!("R{number}"), &paid, "103.00"), &json!({ "charges": "3.00" }));
        assert_eq!(booked(world, &format!("R{number}"), back).await, "returned");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_that_the_bank_gives_back_by_itself_is_the_houses_again() {
    let world = without_proof("gb_fee").await;
    let worker = world.start().await;
    with_fees(&world, 3).await;
    assert_eq!(stands(&world).await, "10000 10000 10000 / 0 / 900");
    // After the payment; before it, in two parts; and more than there is.
    for (id, of, amount, stood) in [
        ("U1", "R1", "100.00", "0 10000 10000 / 10000 / 900"),
        ("U2", "R1", "3.00", "0 10000 10000 / 10000 / 600"),
        ("U3", "R2", "1.00", "0 10000 10000 / 10000 / 500"),
        ("U4", "R2", "2.00", "0 10000 10000 / 10000 / 300"),
        ("U5", "T2", "100.00", "0 0 10000 / 20000 / 300"),
        ("U6", "R3", "100.00", "0 0 0 / 30000 / 300"),
    ] {
        assert_eq!(booked(&world, id, given(id, of, amount)).await, "return_undone", "{id}");
        assert_eq!(stands(&world).await, stood, "{id}");
    }
    let more = booked(&world, "U7", given("U7", "R3", "3.01")).await;
    assert_eq!(more, "return_parked exceeds_return");
    assert_eq!(booked(&world, "U8", given("U8", "R3", "3.00")).await, "return_undone");
    assert_eq!(stands(&world).await, "0 0 0 / 30000 / 0");
    let story = said(&topup(&world, &["payments", "explain", &format!("BANK:{BANK}:T1")]));
    assert!(story.contains("gave 3.00 SGD of its fee back"), "{story}");
    // A person ends what is too much; without --yes nothing happens.
    let end = ["returns", "end", BANK, "undone:U7", "--account", "A", "--reason", "not ours"];
    let dry = topup(&world, &end);
    assert!(said(&dry).contains("would be applied"), "{}", said(&dry));
    assert_eq!(became(&world, "U7").await, "return_parked exceeds_return");
    assert_eq!(done(&world, &end)["outcome"], "applied");
    assert_eq!(became(&world, "U7").await, "refund_bounced");
    worker.shutdown().await;
    sound(world).await;
}

/// Two returns of one payment come back as one: each is undone, whoever is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_returns_of_one_payment_come_back_at_once() {
    let world = without_proof("gb_several").await;
    let worker = world.start().await;
    booked(&world, "T1", credit("T1", "100.00")).await;
    booked(&world, "R1", taken("R1", "T1", "40.00")).await;
    booked(&world, "R2", taken("R2", "T1", "60.00")).await;
    assert_eq!(booked(&world, "U1", given("U1", "T1", "70.00")).await, "return_undone");
    assert_eq!(booked(&world, "U2", given("U2", "T1", "30.00")).await, "return_undone");
    let returned = "SELECT returned || ' ' || (SELECT count(*) FROM payment_returns) FROM payments";
    assert_eq!(world.value(returned).await, "0 5");
    worker.shutdown().await;
    sound(world).await;
}

/// What undoes a return names only the end-to-end id of the payment; and what may be told twice is
/// a second one by a person's word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_no_return_is_found_or_waits_for_a_person() {
    let world = without_proof("gb_names").await;
    let worker = world.start().await;
    let end = json!({ "end_to_end_id": "E2E-4711-A" });
    booked(&world, "T1", with(credit("T1", "100.00"), &end)).await;
    booked(&world, "R1", taken("R1", "T1", "100.00")).await;
    let by_end = |id: &str, amount: &str| {
        let named = json!({ "reversal": true, "return_of": { "end_to_end_id": "E2E-4711-A" } });
        with(credit(id, amount), &named)
    };
    let less = booked(&world, "U1", by_end("U1", "99.00")).await;
    assert_eq!(less, "return_parked no_return");
    assert_eq!(booked(&world, "U2", by_end("U2", "100.00")).await, "return_undone");
    booked(&world, "R2", taken("R2", "T1", "40.00")).await;
    booked(&world, "R3", taken("R3", "T1", "40.00")).await;
    assert_eq!(booked(&world, "U3", given("U3", "R2", "40.00")).await, "return_undone");
    let nameless = json!({ "bank_transaction_id": null, "return_of": null });
    world.bank("again", with(given("-", "R2", "40.00"), &nameless)).await;
    assert_eq!(world.outcome("again").await, ("applied".to_owned(), None));
    let doubt = "SELECT bank_key FROM parked_returns WHERE why = 'possible_duplicate'";
    let key = world.value(doubt).await;
    assert!(!key.is_empty());
    let take = json!({
        "account_id": "A", "bank_account": BANK, "bank_key": key, "action": "take",
        "payments": [{ "payment_id": format!("BANK:{BANK}:T1") }],
    });
    world.applied("a-1", "account.upsert", "A", account("A")).await;
    world.applied("t-1", "return.resolve", "A", take).await;
    assert_eq!(stands(&world).await, "0 / 0");
    worker.shutdown().await;
    sound(world).await;
}

/// The bank took 30 of two payments by a person's word, and gives 15 of it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_says_whose_part_of_a_return_comes_back() {
    let world = without_proof("gb_take").await;
    let worker = world.start().await;
    for (id, owner, amount) in [("PAY-1", "A", "10.00"), ("PAY-2", "B", "20.00")] {
        world.applied(id, "payment.record", owner, payment(id, owner, amount)).await;
    }
    let parked = booked(&world, "R1", taken("R1", "NEVER", "30.00")).await;
    assert_eq!(parked, "return_parked no_original");
    let take = |key: &'static str, owner: &'static str| {
        ["returns", "take", BANK, key, "--account", owner, "--reason", "the bank named them"]
    };
    let both = ["--payment", "PAY-1=10.00", "--payment", "PAY-2=20.00"];
    let told = done(&world, &[take("reversal:R1", "A").as_slice(), &both].concat());
    assert_eq!(told["outcome"], "applied", "{told}");
    assert_eq!(change(&told, "payment PAY-2", "state"), "on_account -> returned");
    assert_eq!(became(&world, "R1").await, "returned");
    let parked = booked(&world, "U1", given("U1", "R1", "15.00")).await;
    assert_eq!(parked, "return_parked several_payments");
    let status = said(&topup(&world, &["status"]));
    assert!(status.contains("it undoes part of what several payments gave"), "{status}");
    let too_much = ["--payment", "PAY-1=10.01", "--payment", "PAY-2=4.99", "--yes"];
    let refused = topup(&world, &[take("undone:U1", "A").as_slice(), &too_much].concat());
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("return_mismatch"), "{}", said(&refused));
    let shares = ["--payment", "PAY-1=4.00", "--payment", "PAY-2=11.00"];
    let told = done(&world, &[take("undone:U1", "A").as_slice(), &shares].concat());
    assert_eq!(told["outcome"], "applied", "{told}");
    assert_eq!(change(&told, "payment PAY-1", "unallocated"), "0.00 SGD -> 4.00 SGD");
    assert_eq!(stands(&world).await, "600 900 / 0");
    let story = said(&topup(&world, &["payments", "explain", "PAY-1"]));
    assert!(story.contains("alice: said that 4.00 SGD of it come back here"), "{story}");
    // It is the ordinary command, with who asked for it.
    let kept = "SELECT string_agg(message_type || ' ' || operator, ', ')
                  FROM operator_commands JOIN inbox USING (source, message_id)";
    let line = "topup.return.resolve.v1 alice";
    assert_eq!(world.value(kept).await, format!("{line}, {line}"));
    // What was given back can go again, and all that is left comes back by itself.
    assert_eq!(booked(&world, "U2", given("U2", "R1", "15.00")).await, "return_undone");
    assert_eq!(stands(&world).await, "0 0 / 0");
    let unknown = topup(
        &world,
        &[take("undone:U1", "A").as_slice(), &["--payment", "PAY-3", "--yes"]].concat(),
    );
    assert!(said(&unknown).contains("PAY-3"), "{}", said(&unknown));
    assert_eq!(unknown.status.code(), Some(1), "{}", said(&unknown));
    worker.shutdown().await;
    sound(world).await;
}

/// A return of part of a split payment that a person spread over its free money and a part is
/// undone by the bank: each has again what it gave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spread_over_a_split_payment_comes_back_to_each() {
    let world = without_proof("gb_split").await;
    let worker = world.start().await;
    for id in ["A", "B"] {
        world.applied(id, "account.upsert", id, account(id)).await;
    }
    booked(&world, "T1", credit("T1", "100.00")).await;
    let whole = format!("BANK:{BANK}:T1");
    let split = json!({
        "payment_id": whole, "account_id": "A",
        "parts": [{ "account_id": "A", "amount": "30.00" },
                  { "account_id": "B", "amount": "50.00" }],
    });
    world.applied("s-1", "payment.split", "A", split).await;
    let parked = booked(&world, "R7", taken("R7", "T1", "40.00")).await;
    assert_eq!(parked, "return_parked split_payment");
    let take = json!({
        "account_id": "A", "bank_account": BANK, "bank_key": "reversal:R7", "action": "take",
        "payments": [{ "payment_id": whole }],
    });
    world.applied("t-1", "return.resolve", "A", take).await;
    assert_eq!(stands(&world).await, "2000 0 2000 / 0");
    assert_eq!(booked(&world, "U7", given("U7", "R7", "40.00")).await, "return_undone");
    assert_eq!(stands(&world).await, "0 0 0 / 0");
    worker.shutdown().await;
    sound(world).await;
}

/// A part gave some by itself and the rest with the whole; it has money again, and the bank takes
/// all that is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_has_money_again_goes_back_with_all_the_rest() {
    let world = without_proof("gb_again").await;
    let worker = world.start().await;
    for id in ["A", "B"] {
        world.applied(id, "account.upsert", id, account(id)).await;
    }
    booked(&world, "T1", credit("T1", "100.00")).await;
    let whole = format!("BANK:{BANK}:T1");
    let split = json!({
        "payment_id": whole, "account_id": "A",
        "parts": [{ "account_id": "A", "amount": "60.00" },
                  { "account_id": "B", "amount": "40.00" }],
    });
    world.applied("s-1", "payment.split", "A", split).await;
    booked(&world, "R1", taken("R1", "T1", "10.00")).await;
    let part = "SELECT part_id FROM payment_splits WHERE account_id = 'B'";
    let part = world.value(part).await;
    let take = json!({
        "account_id": "B", "bank_account": BANK, "bank_key": "reversal:R1", "action": "take",
        "payments": [{ "payment_id": part }],
    });
    world.applied("t-1", "return.resolve", "B", take).await;
    assert_eq!(booked(&world, "R2", taken("R2", "T1", "90.00")).await, "returned");
    assert_eq!(booked(&world, "U1", given("U1", "R1", "10.00")).await, "return_undone");
    assert_eq!(booked(&world, "U2", given("U2", "R2", "90.00")).await, "return_undone");
    assert_eq!(stands(&world).await, "0 0 0 / 0");
    assert_eq!(booked(&world, "R3", taken("R3", "T1", "100.00")).await, "returned");
    assert_eq!(stands(&world).await, "9000 0 1000 / 0");
    assert_eq!(booked(&world, "U3", given("U3", "R3", "100.00")).await, "return_undone");
    assert_eq!(stands(&world).await, "0 0 0 / 0");
    worker.shutdown().await;
    sound(world).await;
}

/// What undoes a return and names it by its end-to-end id alone may come first. It is shown, is
/// tried again within the hour, and a person may end it before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_undoes_a_return_by_the_end_to_end_id_before_it_waits_and_can_be_ended() {
    let world = without_proof("gb_early").await;
    let worker = world.start().await;
    let undoes = |id: &str, order: &str| {
        let fields = json!({ "reversal": true, "return_of": { "end_to_end_id": order } });
        with(credit(id, "100.00"), &fields)
    };
    for number in [1, 2] {
        let (paid, order) = (format!("T{number}"), format!("MSG7F3A00{number}"));
        let data = with(credit(&paid, "100.00"), &json!({ "end_to_end_id": order }));
        booked(&world, &paid, data).await;
        let id = format!("U{number}");
        assert_eq!(booked(&world, &id, undoes(&id, &order)).await, "return_parked no_return");
    }
    let listed = said(&topup(&world, &["returns", "list"]));
    assert!(listed.contains("undone:U1") && listed.contains("no_return"), "{listed}");
    let end = ["returns", "end", BANK, "undone:U2", "--account", "A", "--reason", "paid anew"];
    assert_eq!(done(&world, &end)["outcome"], "applied");
    assert_eq!(became(&world, "U2").await, "refund_bounced");
    for number in [1, 2] {
        let (id, of) = (format!("R{number}"), format!("T{number}"));
        assert_eq!(booked(&world, &id, taken(&id, &of, "100.00")).await, "returned");
    }
    let earlier = "UPDATE parked_returns SET tried_at = tried_at - interval '1 hour'";
    world.database.execute(earlier).await;
    let undone = "SELECT disposition FROM bank_transactions WHERE bank_transaction_id = 'U1'";
    world.until(undone, "return_undone").await;
    // What was ended undoes nothing, whatever comes.
    assert_eq!(stands(&world).await, "0 10000 / 0");
    assert_eq!(became(&world, "U2").await, "refund_bounced");
    worker.shutdown().await;
    sound(world).await;
}

/// More than a return took is not shared out in part: no word of a person leaves a rest. It is
/// ended, and the books say what the payments have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_undoes_more_than_its_return_is_ended_and_not_booked_in_part() {
    let world = without_proof("gb_more").await;
    let worker = world.start().await;
    with_fees(&world, 1).await;
    let more = booked(&world, "U1", given("U1", "R1", "110.00")).await;
    assert_eq!(more, "return_parked exceeds_return");
    let listed = said(&topup(&world, &["returns", "list"]));
    assert!(listed.contains("undone:U1") && listed.contains("exceeds_return"), "{listed}");
    let payment = format!("BANK:{BANK}:T1");
    for (amount, fee) in [("100.00", "3.00"), ("107.00", "3.00"), ("100.00", "10.00")] {
        let of = format!("{payment}={amount}");
        let take = ["returns", "take", BANK, "undone:U1", "--account", "A", "--payment", &of];
        let line = [take.as_slice(), &["--fee", fee, "--reason", "in part"]].concat();
        let dry = topup(&world, &line);
        assert!(said(&dry).contains("return_mismatch"), "{}", said(&dry));
    }
    let end = ["returns", "end", BANK, "undone:U1", "--account", "A", "--reason", "ours"];
    assert_eq!(done(&world, &end)["outcome"], "applied");
    assert_eq!(became(&world, "U1").await, "refund_bounced");
    assert_eq!(stands(&world).await, "10000 / 0 / 300");
    worker.shutdown().await;
    sound(world).await;
}
