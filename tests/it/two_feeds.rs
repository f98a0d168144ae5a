//! One bank account that two feeds tell of: one gives the bank's ids and the other does not. What
//! both tell is one transfer, and is paid once.

use serde_json::{Value, json};
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, account, credit, envelope, invoice, with};
use crate::usage::until_written;

const ROUNDS: u32 = 50;

/// A credit of 50.18 as a feed tells it; no id where the feed knows none.
fn told(direct: &mut Direct, feed: &str, record: &str, id: Option<&str>, more: &Value) -> Item {
    let from = json!({ "debtor": { "account": "SG18PAYER", "name": "Acme Trading" },
                       "remittance": { "unstructured": ["Topup November"] } });
    let data = with(credit(id.unwrap_or("-"), "50.18"), &from);
    let data =
        if id.is_none() { with(data, &json!({ "bank_transaction_id": null })) } else { data };
    let value = envelope(record, feed, "topup.bank.transaction.v1", &with(data, more));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

async fn customer(direct: &mut Direct, invoices: u32) {
    let payers = with(account("ACC"), &json!({ "payer_accounts": ["SG18PAYER"] }));
    let known = direct.command("a-1", "account.upsert", &payers);
    direct.applied(known).await;
    for number in 0..invoices {
        let id = format!("INV-{number}");
        let billed = direct.command(&id, "invoice.create", &invoice(&id, "ACC", "50.18"));
        direct.applied(billed).await;
    }
}

const STANDS: &str =
    "SELECT concat_ws(' ', state, reason) FROM payments ORDER BY state, reason, payment_id";
const BALANCE: &str = "SELECT coalesce(sum(amount), 0)::bigint FROM balances";
const LETTERS: &str = "SELECT count(*) FROM dead_letters";

async fn drifts(direct: &Direct) -> Vec<String> {
    let now = topup::clock::Clock::System.now();
    let found = topup::store::reconcile::find(direct.pipeline.pool(), now, "UTC").await;
    found.expect("found").drifts.into_iter().map(|drift| drift.kind).collect()
}

async fn statement(direct: &mut Direct, entries: u32, closing: &str) {
    let data = json!({
        "bank_account": BANK, "statement_id": "S-1", "currency": "SGD", "entries": entries,
        "opening_balance": "0.00", "closing_balance": closing,
        "complete_through": "2099-01-06T00:00:00Z",
    });
    let value = envelope("s-1", "camt", "topup.bank.statement.v1", &data);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
}

/// In either order, in one batch or in two, the customer gets the money once, and a person sees
/// both rows.
#[tokio::test]
async fn what_two_feeds_tell_is_paid_once() {
    for (case, first, second, one_batch) in [
        ("ab", Some("T-1"), None, false),
        ("ba", None, Some("T-1"), false),
        ("abo", Some("T-1"), None, true),
        ("bao", None, Some("T-1"), true),
    ] {
        let mut direct = Direct::new(&format!("tf_{case}")).await;
        customer(&mut direct, 2).await;
        let none = json!({});
        let one = told(&mut direct, "camt", "r-1", first, &none);
        let two = told(&mut direct, "erp", "r-2", second, &none);
        if one_batch {
            let ended = direct.run(&[one, two]).await;
            assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
        } else {
            direct.applied(one).await;
            direct.applied(two).await;
        }
        let stands = direct.database.lines(STANDS).await;
        assert_eq!(stands, ["allocated", "parked possible_duplicate"], "{case}");
        assert_eq!(direct.database.value(BALANCE).await, "50180000", "{case}");
        both_are_shown(&mut direct, case).await;
        direct.finish().await;
    }
}

/// One feed writes the payer's account as an IBAN, the other as the number that the IBAN holds.
#[tokio::test]
async fn a_payer_whom_two_feeds_write_in_two_forms_is_paid_once() {
    let forms = ["DE89 3704 0044 0532 0130 00", "0532013000"];
    for (case, ids, [first, second]) in [
        ("fa", [Some("T-1"), None], forms),
        ("fb", [None, Some("T-1")], forms),
        ("fc", [None, None], forms),
        ("fd", [None, None], [forms[1], forms[0]]),
        ("fe", [None, Some("T-1")], [forms[1], forms[0]]),
    ] {
        let mut direct = Direct::new(&format!("tf_{case}")).await;
        let payers = with(account("ACC"), &json!({ "payer_accounts": forms }));
        let known = direct.command("a-1", "account.upsert", &payers);
        direct.applied(known).await;
        for id in ["INV-1", "INV-2"] {
            let billed = direct.command(id, "invoice.create", &invoice(id, "ACC", "50.18"));
            direct.applied(billed).await;
        }
        for (feed, record, id, payer) in
            [("camt", "r-1", ids[0], first), ("erp", "r-2", ids[1], second)]
        {
            let from = json!({ "debtor": { "account": payer, "name": "Acme Trading" } });
            let item = told(&mut direct, feed, record, id, &from);
            direct.applied(item).await;
        }
        let stands = direct.database.lines(STANDS).await;
        assert_eq!(stands, ["allocated", "parked possible_duplicate"], "{case}");
        assert_eq!(direct.database.value(BALANCE).await, "50180000", "{case}");
        direct.finish().await;
    }
}

/// The second names the first wherever it is shown; dismissed, the statement agrees.
async fn both_are_shown(direct: &mut Direct, case: &str) {
    use topup::store::views::{Privacy, payments};
    let id = "SELECT payment_id FROM payments WHERE state = ";
    let first = direct.database.value(&format!("{id}'allocated'")).await;
    let second = direct.database.value(&format!("{id}'parked'")).await;
    let shown = payments::show(direct.pipeline.pool(), &second, Privacy::Full).await;
    let shown = shown.expect("read").expect("is there").row;
    assert_eq!(shown.looks_like.as_deref(), Some(first.as_str()), "{case}");
    let stored = "SELECT explanation::json ->> 'looks_like' FROM told.decisions
                  WHERE payment_id = ";
    let explained = direct.database.value(&format!("{stored}'{second}'")).await;
    assert_eq!(explained, first, "{case}");
    statement(direct, 1, "50.18").await;
    assert_eq!(drifts(direct).await, ["statement_entries", "statement_sum"], "{case}");
    let gone = json!({ "payment_id": second, "account_id": "ACC", "reason": "told twice" });
    let removed = direct.command("c-9", "payment.remove", &gone);
    direct.applied(removed).await;
    assert_eq!(drifts(direct).await, Vec::<String>::new(), "{case}");
    // Told again by either feed it is known.
    let ids = [("r-3", Some("T-1")), ("r-4", None)];
    for (record, id) in ids {
        let again = told(direct, "camt", record, id, &json!({}));
        let ended = direct.run(std::slice::from_ref(&again)).await;
        let known = ["duplicate", if id.is_none() { "applied" } else { "duplicate" }];
        assert!(known.contains(&ended[0].outcome), "{case}: {ended:?}");
    }
    assert_eq!(direct.database.value(BALANCE).await, "50180000", "{case}");
}

/// What tells two transfers apart: the bank's two ids, a payer, a day, an amount, a text, a
/// currency, the numbers of one statement.
#[tokio::test]
async fn two_transfers_stay_two_payments() {
    let mut direct = Direct::new("tf_two").await;
    customer(&mut direct, 9).await;
    let plain = json!({});
    let mut n = 0;
    let pairs: [(&str, Option<&str>, Value); 7] = [
        ("two ids", Some("U-2"), json!({})),
        ("payer", None, json!({ "debtor": { "account": "SG19OTHER" } })),
        ("day", None, json!({ "booking_date": "2099-01-07" })),
        ("amount", None, json!({ "amount": "50.17" })),
        ("text", None, json!({ "remittance": { "unstructured": ["Rent December"] } })),
        ("currency", None, json!({ "currency": "USD" })),
        ("end to end", None, json!({ "end_to_end_id": "E2E-7F3B" })),
    ];
    for (what, second, differs) in pairs {
        n += 1;
        let mut own = json!({ "bank_account": format!("OURS-{n}") });
        if what == "end to end" {
            own = with(own, &json!({ "end_to_end_id": "E2E-7F3A" }));
        }
        let one =
            told(&mut direct, "camt", &format!("x-{n}"), Some("U-1"), &with(plain.clone(), &own));
        direct.applied(one).await;
        let own = with(own, &differs);
        let two = told(&mut direct, "erp", &format!("y-{n}"), second, &own);
        direct.applied(two).await;
        let doubts = "SELECT count(*) FROM payments WHERE reason = 'possible_duplicate'";
        assert_eq!(direct.database.value(doubts).await, "0", "{what}");
    }
    let row = |entry: &str| {
        json!({ "bank_account": "OURS-S", "statement_id": "S-9",
                                    "entry_reference": entry })
    };
    let one = told(&mut direct, "camt", "s-1", Some("V-1"), &row("1"));
    let two = told(&mut direct, "camt", "s-2", None, &row("2"));
    direct.applied(one).await;
    direct.applied(two).await;
    let doubts = "SELECT count(*) FROM payments WHERE reason = 'possible_duplicate'";
    assert_eq!(direct.database.value(doubts).await, "0", "two entries of a statement");
    direct.finish().await;
}

/// The value date differs from the day of booking, or is told by one feed only; the payer is not
/// told by one of them; the text was cut by one of them.
#[tokio::test]
async fn feeds_that_tell_less_tell_the_same_transfer() {
    let mut direct = Direct::new("tf_less").await;
    customer(&mut direct, 1).await;
    let mut pairs = 0;
    for (case, first, second) in [
        ("value", json!({ "value_date": "2099-01-04" }), json!({})),
        ("value2", json!({ "value_date": "2099-01-06" }), json!({ "value_date": "2099-01-05" })),
        ("nobody", json!({}), json!({ "debtor": null })),
        ("mask", json!({}), json!({ "debtor": { "account": "XXXXXX1234" } })),
        ("cut", json!({}), json!({ "remittance": { "unstructured": ["TOPUP NOVEM"] } })),
        ("mute", json!({}), json!({ "remittance": null })),
        ("ref", json!({ "end_to_end_id": "E2E-7F3A" }), json!({ "statement_id": "M-1" })),
        (
            "named",
            json!({ "statement_id": "D-5", "entry_reference": "3" }),
            json!({ "statement_id": "M-1", "entry_reference": "77" }),
        ),
        ("detail", json!({ "detail_index": 1, "entry_details": 1 }), json!({})),
    ] {
        for id_first in [true, false] {
            pairs += 1;
            let own = |more: &Value| {
                let mut more = more.clone();
                more["bank_account"] = json!(format!("OURS-{pairs}"));
                more
            };
            let ids = [format!("r-{pairs}-1"), format!("r-{pairs}-2")];
            let mut items = vec![
                told(&mut direct, "camt", &ids[0], Some("T-1"), &own(&first)),
                told(&mut direct, "erp", &ids[1], None, &own(&second)),
            ];
            if !id_first {
                items.reverse();
            }
            for item in items {
                direct.applied(item).await;
            }
            let doubts = "SELECT count(*) FROM payments WHERE reason = 'possible_duplicate'";
            let found = direct.database.value(doubts).await;
            assert_eq!(found, pairs.to_string(), "{case} {id_first}");
        }
    }
    direct.finish().await;
}

/// One lane brings it with the bank's id and another one without, at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_lanes_that_bring_one_transfer_see_each_other() {
    let mut direct = Direct::new("tf_lanes").await;
    customer(&mut direct, 1).await;
    for round in 0..ROUNDS {
        let own = json!({ "bank_account": format!("OURS-{}", round % 5),
                          "remittance": { "unstructured": [format!("Topup round{round}x")] } });
        let id = format!("T-{round}");
        let one = told(&mut direct, "camt", &format!("b-{round}-1"), Some(&id), &own);
        let two = told(&mut direct, "erp", &format!("b-{round}-2"), None, &own);
        let (first, second) = (direct.pipeline.clone(), direct.pipeline.clone());
        let one = tokio::spawn(async move { until_written(&first, one).await });
        let two = tokio::spawn(async move { until_written(&second, two).await });
        one.await.expect("written");
        two.await.expect("written");
        let doubts = "SELECT count(*) FROM payments WHERE reason = 'possible_duplicate'";
        assert_eq!(direct.database.value(doubts).await, (round + 1).to_string(), "{round}");
    }
    assert_eq!(direct.database.value(LETTERS).await, "0");
    direct.finish().await;
}

/// The return of 20.00 of the payment B-1, or what undoes it, as a feed tells it.
fn back(direct: &mut Direct, record: &str, id: Option<&str>, more: &Value) -> Item {
    let data = with(
        credit(id.unwrap_or("-"), "20.00"),
        &json!({ "credit_debit": "DBIT", "return_of": { "bank_transaction_id": "B-1" } }),
    );
    let data =
        if id.is_none() { with(data, &json!({ "bank_transaction_id": null })) } else { data };
    let value = envelope(record, "camt", "topup.bank.transaction.v1", &with(data, more));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

const RETURNED: &str = "SELECT sum(returned)::bigint FROM payments";

/// A payment of 50.18 that is on an invoice.
async fn paid(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    customer(&mut direct, 1).await;
    let one = told(&mut direct, "camt", "r-1", Some("B-1"), &json!({}));
    direct.applied(one).await;
    direct
}

fn entry(statement: &str, entry: &str) -> Value {
    json!({ "statement_id": statement, "entry_reference": entry })
}

/// With the bank's id and without, in a daily and in a monthly statement, before its original and
/// after it, in one batch and in two: the money is taken once, and a person ends the other.
#[tokio::test]
async fn a_return_that_is_told_twice_is_taken_once() {
    let plain = json!({});
    for (case, (first, said), (second, again)) in [
        ("ids", (Some("R-1"), plain.clone()), (None, plain.clone())),
        ("none", (None, plain.clone()), (Some("R-1"), plain.clone())),
        ("month", (None, entry("D-5", "3")), (None, entry("M-1", "77"))),
        ("half", (None, plain.clone()), (None, entry("M-1", "77"))),
        ("less", (Some("R-1"), plain.clone()), (None, json!({ "return_of": {} }))),
    ] {
        for one_batch in [true, false] {
            let mut direct = paid(&format!("tf_back_{case}_{one_batch}")).await;
            let one = back(&mut direct, "b-1", first, &said);
            let two = back(&mut direct, "b-2", second, &again);
            let batches = if one_batch { vec![vec![one, two]] } else { vec![vec![one], vec![two]] };
            for batch in batches {
                let ended = direct.run(&batch).await;
                assert!(ended.iter().all(|one| one.outcome == "applied"), "{case}: {ended:?}");
            }
            let parked = "SELECT p.why || ' ' || (a.earlier_key IS NOT NULL)
                FROM parked_returns p LEFT JOIN told_again a USING (bank_account, bank_key)";
            let parked = direct.database.lines(parked).await;
            assert_eq!(parked, ["possible_duplicate true"], "{case}");
            assert_eq!(direct.database.value(RETURNED).await, "20000000", "{case}");
            // No sweep takes it by itself.
            sweep(&direct, &format!("{case} {one_batch}")).await;
            assert_eq!(direct.database.value(RETURNED).await, "20000000", "{case}");
            end(&mut direct).await;
            if case != "month" {
                statement(&mut direct, 2, "30.18").await;
                assert_eq!(drifts(&direct).await, Vec::<String>::new(), "{case}");
            }
            direct.finish().await;
        }
    }
}

async fn sweep(direct: &Direct, case: &str) {
    let later = topup::clock::Clock::System.now() + chrono::TimeDelta::days(2);
    let swept = direct.at(later).sweep().await.expect("swept");
    assert_eq!(swept.returns_applied, 0, "{case}");
}

async fn end(direct: &mut Direct) {
    let key = direct.database.value("SELECT bank_key FROM parked_returns").await;
    let data = json!({ "bank_account": BANK, "bank_key": key, "account_id": "ACC", "action": "end",
                       "reason": "told twice" });
    let item = direct.command("e-1", "return.resolve", &data);
    direct.applied(item).await;
    assert_eq!(direct.database.value("SELECT count(*) FROM parked_returns").await, "0");
}

/// What undoes the record of a return that was ended, as it was told twice, is shown with the
/// record that was booked.
#[tokio::test]
async fn what_undoes_a_return_that_was_told_twice_says_so() {
    let mut direct = paid("tf_back_undone").await;
    let one = back(&mut direct, "b-1", None, &json!({}));
    direct.applied(one).await;
    let booked = "SELECT bank_key FROM bank_transactions WHERE disposition = 'returned'";
    let booked = direct.database.value(booked).await;
    let two = back(&mut direct, "b-2", Some("R-1"), &json!({}));
    direct.applied(two).await;
    end(&mut direct).await;
    let undoes = json!({ "credit_debit": "CRDT", "reversal": true,
                         "booking_date": "2099-01-07",
                         "return_of": { "bank_transaction_id": "R-1" } });
    let undoes = back(&mut direct, "b-3", Some("U-1"), &undoes);
    direct.applied(undoes).await;
    let (listed, _) = crate::splits::said(&direct, &["returns", "list"]);
    let words = listed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("no_return: what it names was told twice"), "{listed}");
    let (listed, _) = crate::splits::said(&direct, &["returns", "list", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let row = &listed["items"][0];
    assert_eq!((&row["why"], &row["booked_as"]), (&json!("no_return"), &json!(booked)), "{listed}");
    direct.finish().await;
}

/// Two returns with two ids are two, and so are two entries of a statement.
#[tokio::test]
async fn two_returns_stay_two() {
    for (case, first, said, second, again) in [
        ("ids", Some("R-1"), json!({}), Some("R-2"), json!({})),
        ("rows", None, entry("D-5", "3"), None, entry("D-5", "4")),
        ("mixed", Some("R-1"), entry("D-5", "3"), None, entry("D-5", "4")),
    ] {
        let mut direct = paid(&format!("tf_backs_{case}")).await;
        let one = back(&mut direct, "b-1", first, &said);
        let two = back(&mut direct, "b-2", second, &again);
        direct.applied(one).await;
        direct.applied(two).await;
        assert_eq!(direct.database.value(RETURNED).await, "40000000", "{case}");
        direct.finish().await;
    }
}

/// One lane takes the money back with the bank's id and another one without, at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_lanes_that_take_the_same_back_see_each_other() {
    let mut direct = Direct::new("tf_back_lanes").await;
    customer(&mut direct, 1).await;
    for round in 0..ROUNDS {
        let own = json!({ "bank_account": format!("OURS-{round}") });
        let paid = told(&mut direct, "camt", &format!("p-{round}"), Some("B-1"), &own);
        direct.applied(paid).await;
        let one = back(&mut direct, &format!("b-{round}-1"), Some("R-1"), &own);
        let two = back(&mut direct, &format!("b-{round}-2"), None, &own);
        let (first, second) = (direct.pipeline.clone(), direct.pipeline.clone());
        let one = tokio::spawn(async move { until_written(&first, one).await });
        let two = tokio::spawn(async move { until_written(&second, two).await });
        one.await.expect("written");
        two.await.expect("written");
        let expected = u64::from(round + 1) * 20_000_000;
        assert_eq!(direct.database.value(RETURNED).await, expected.to_string(), "{round}");
    }
    let parked = "SELECT count(*) FROM parked_returns WHERE why = 'possible_duplicate'";
    assert_eq!(direct.database.value(parked).await, ROUNDS.to_string());
    direct.finish().await;
}
