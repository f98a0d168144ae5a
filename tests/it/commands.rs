//! Commands: each applied, each refusal, and waiting for what is not known yet.

use serde_json::{Value, json};

use crate::harness::World;
use crate::harness::records::{
    about_invoice, about_payment, account, allocate, allocate_amount, draft, envelope, invoice,
    payment, with,
};
use crate::usage::{charge, hold};

/// A command, a query, and what the query gives once the command is applied.
type Step = (&'static str, Value, &'static str, &'static str);

fn every_command() -> Vec<Step> {
    let mut steps = invoice_commands();
    steps.extend(payment_commands());
    steps
}

fn invoice_commands() -> Vec<Step> {
    let data = with(
        account("ACC-1"),
        &json!({
            "payer_accounts": ["de02 1203 0000 0000 2020 51"],
            "virtual_accounts": ["VA-77"],
            "credit_limits": { "SGD": "50.00" },
            "stale_after_days": 45,
        }),
    );
    vec![
        (
            "account.upsert",
            data,
            "SELECT concat_ws(' ', name, stale_after_days, p.payer_account, v.virtual_account,
               l.amount) FROM accounts JOIN payer_accounts p USING (account_id)
               JOIN virtual_accounts v USING (account_id) JOIN credit_limits l USING (account_id)",
            "Customer ACC-1 45 DE02120300000000202051 VA77 50000000",
        ),
        (
            "invoice.create",
            draft("INV-1", "ACC-1", "100.00"),
            "SELECT status FROM invoice_states WHERE invoice_id = 'INV-1'",
            "draft",
        ),
        (
            "invoice.mark-sent",
            about_invoice("INV-1", "ACC-1"),
            "SELECT status FROM invoice_states WHERE invoice_id = 'INV-1'",
            "awaiting_payment",
        ),
        (
            "invoice.keep",
            with(about_invoice("INV-1", "ACC-1"), &json!({ "until": "2027-01-31" })),
            "SELECT keep_until FROM invoices WHERE invoice_id = 'INV-1'",
            "2027-01-31",
        ),
    ]
}

fn one_part(account: &str, amount: &str) -> Value {
    json!({ "parts": [{ "account_id": account, "amount": amount }] })
}

fn payment_commands() -> Vec<Step> {
    let nobodys = with(payment("PAY-2", "ACC-1", "60.00"), &json!({ "account_id": null }));
    vec![
        (
            "payment.record",
            payment("PAY-1", "ACC-1", "40.00"),
            "SELECT state FROM payments WHERE payment_id = 'PAY-1'",
            "on_account",
        ),
        (
            "payment.allocate",
            allocate("PAY-1", "ACC-1", "INV-1"),
            "SELECT amount - allocated FROM invoice_states WHERE invoice_id = 'INV-1'",
            "60000000",
        ),
        (
            "payment.record",
            nobodys,
            "SELECT state || ' ' || reason FROM payments WHERE payment_id = 'PAY-2'",
            "parked no_account",
        ),
        (
            "payment.assign",
            about_payment("PAY-2", "ACC-1"),
            "SELECT state || ' ' || account_id FROM payments WHERE payment_id = 'PAY-2'",
            "on_account ACC-1",
        ),
        (
            "payment.split",
            with(about_payment("PAY-2", "ACC-1"), &one_part("ACC-2", "60.00")),
            "SELECT string_agg(state, ' ' ORDER BY origin) FROM payments WHERE amount = 60000000",
            "split on_account",
        ),
        (
            "payment.unsplit",
            about_payment("PAY-2", "ACC-1"),
            "SELECT string_agg(state, ' ' ORDER BY origin) FROM payments WHERE amount = 60000000",
            "on_account removed",
        ),
        (
            "invoice.void",
            about_invoice("INV-2", "ACC-1"),
            "SELECT status FROM invoice_states WHERE invoice_id = 'INV-2'",
            "voided",
        ),
    ]
}

/// Each command once, and the row that shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_changes_what_it_names() {
    let world = World::new("c_applied").await;
    let worker = world.start().await;
    let second = invoice("INV-2", "ACC-1", "5.00");
    world.applied("c-0", "invoice.create", "ACC-1", second).await;
    for (number, (kind, data, look, expected)) in (1..).zip(every_command()) {
        let id = format!("c-{number}");
        world.applied(&id, kind, "ACC-1", data).await;
        assert_eq!(world.value(look).await, expected, "after {kind}");
    }
    worker.shutdown().await;
    world.finish().await;
}

type Made = (&'static str, &'static str, Value);

/// Invoices in every state.
fn invoices_made() -> Vec<Made> {
    let zero = with(invoice("INV-USD", "ACC-1", "10.00"), &json!({ "currency": "USD" }));
    vec![
        (
            "ACC-2",
            "account.upsert",
            with(account("ACC-2"), &json!({ "virtual_accounts": ["VA2"] })),
        ),
        (
            "ACC-1",
            "invoice.create",
            with(draft("INV-D", "ACC-1", "10.00"), &json!({ "references": ["SO-10045"] })),
        ),
        ("ACC-1", "invoice.create", invoice("INV-S", "ACC-1", "100.00")),
        ("ACC-1", "invoice.create", invoice("INV-S2", "ACC-1", "100.00")),
        ("ACC-1", "invoice.create", invoice("INV-P", "ACC-1", "10.00")),
        ("ACC-1", "invoice.create", invoice("INV-V", "ACC-1", "10.00")),
        ("ACC-1", "invoice.create", zero),
        ("ACC-1", "invoice.void", about_invoice("INV-V", "ACC-1")),
    ]
}

/// Payments, some of them allocated.
fn payments_made() -> Vec<Made> {
    let nobodys = with(payment("PAY-N", "ACC-1", "10.00"), &json!({ "account_id": null }));
    vec![
        ("ACC-1", "payment.record", payment("PAY-1", "ACC-1", "50.00")),
        ("ACC-1", "payment.record", payment("PAY-2", "ACC-1", "10.00")),
        ("ACC-1", "payment.record", payment("PAY-3", "ACC-1", "500.00")),
        ("ACC-1", "payment.record", nobodys),
        ("ACC-1", "payment.allocate", allocate("PAY-2", "ACC-1", "INV-P")),
        ("ACC-1", "payment.allocate", allocate_amount("PAY-1", "ACC-1", "INV-S", "20.00")),
        // Nothing of it is allocated, so no proof is needed.
        ("ACC-1", "payment.record", payment("PAY-R", "ACC-1", "10.00")),
        ("ACC-1", "payment.remove", about_payment("PAY-R", "ACC-1")),
        ("ACC-1", "payment.record", payment("PAY-S", "ACC-1", "10.00")),
        (
            "ACC-1",
            "payment.split",
            with(about_payment("PAY-S", "ACC-1"), &one_part("ACC-2", "10.00")),
        ),
        ("ACC-9", "account.upsert", account("ACC-9")),
        ("ACC-9", "payment.record", payment("PAY-9", "ACC-9", "10.00")),
    ]
}

/// What the refused commands of the next test meet.
async fn fixture(world: &World) {
    let steps = invoices_made().into_iter().chain(payments_made());
    for (number, (account, kind, data)) in (1..).zip(steps) {
        world.applied(&format!("f-{number}"), kind, account, data).await;
    }
    // Of the first lot some is spent, and a call holds some of the other.
    let spent = charge("U-1", "ACC-1", "1");
    let held = hold("H-1", "ACC-1", "10");
    for (id, kind, data) in [("f-u", "charge", spent), ("f-h", "hold", held)] {
        let value = envelope(id, "rating", &format!("topup.usage.{kind}.v1"), &data);
        world.publish(&world.topics.usage, "ACC-1", &value).await;
        assert_eq!(world.outcome(id).await, ("applied".to_owned(), None));
    }
    // No command closes an account yet.
    let close = "UPDATE accounts SET closed_at = now() WHERE account_id = 'ACC-9'";
    world.database.execute(close).await;
}

/// Refusal code, account, command. In the order of precedence of the codes.
type Refusal = (&'static str, &'static str, &'static str, Value);

fn refusals() -> Vec<Refusal> {
    let mut all = refusals_of_names_and_states();
    all.extend(refusals_of_amounts());
    all
}

fn quoted(id: &str, reference: &str) -> Value {
    with(draft(id, "ACC-1", "1.00"), &json!({ "references": [reference] }))
}

fn refusals_of_names_and_states() -> Vec<Refusal> {
    let (a, pay, inv) = ("ACC-1", "payment.allocate", "invoice.create");
    let taken = with(account(a), &json!({ "virtual_accounts": ["va-2"] }));
    let masked = with(account(a), &json!({ "payer_accounts": ["XXXXXX1234"] }));
    vec![
        ("account_mismatch", "ACC-2", "invoice.void", about_invoice("INV-S", "ACC-2")),
        ("account_closed", "ACC-9", inv, draft("INV-9", "ACC-9", "1.00")),
        ("invoice_exists", a, inv, draft("INV-S", a, "1.00")),
        ("reference_invalid", a, inv, quoted("INV-Q", "RF19539007547034")),
        ("reference_taken", a, inv, quoted("INV-Q", "so 10045")),
        ("payment_exists", a, "payment.record", payment("PAY-1", a, "1.00")),
        ("virtual_account_taken", a, "account.upsert", taken),
        ("account_number_placeholder", a, "account.upsert", masked),
        ("payment_not_assigned", a, pay, allocate("PAY-N", a, "INV-S")),
        ("payment_already_assigned", a, "payment.assign", about_payment("PAY-1", a)),
        ("payment_split", a, "payment.remove", about_payment("PAY-S", a)),
        ("payment_not_split", a, "payment.unsplit", about_payment("PAY-1", a)),
        (
            "suggestion_unknown",
            a,
            "match.confirm",
            with(about_payment("PAY-3", a), &json!({ "suggestion_id": "1-1" })),
        ),
        ("invoice_already_voided", a, "invoice.void", about_invoice("INV-V", a)),
        ("invoice_voided", a, pay, allocate("PAY-3", a, "INV-V")),
        ("invoice_already_provisioned", a, pay, allocate("PAY-3", a, "INV-P")),
        ("invoice_not_sent", a, pay, allocate("PAY-3", a, "INV-D")),
        ("invoice_has_allocations", a, "invoice.void", about_invoice("INV-S", a)),
    ]
}

fn refusals_of_amounts() -> Vec<Refusal> {
    let (a, pay) = ("ACC-1", "payment.allocate");
    vec![
        ("currency_mismatch", a, pay, allocate("PAY-3", a, "INV-USD")),
        (
            "allocation_not_found",
            a,
            "payment.deallocate",
            with(about_payment("PAY-3", a), &json!({ "invoice_id": "INV-S" })),
        ),
        ("allocation_exists", a, pay, allocate("PAY-1", a, "INV-S")),
        ("nothing_unallocated", a, pay, allocate("PAY-2", a, "INV-S")),
        ("amount_exceeds_unallocated", a, pay, allocate_amount("PAY-1", a, "INV-S2", "30.01")),
        ("amount_exceeds_due", a, pay, allocate_amount("PAY-3", a, "INV-S", "80.01")),
        (
            "lot_spent",
            a,
            "payment.deallocate",
            with(about_payment("PAY-2", a), &json!({ "invoice_id": "INV-P" })),
        ),
        (
            "lot_held",
            a,
            "payment.deallocate",
            with(about_payment("PAY-1", a), &json!({ "invoice_id": "INV-S" })),
        ),
        ("payment_removed", a, pay, allocate("PAY-R", a, "INV-S")),
        ("account_not_closed", a, "account.reopen", json!({ "account_id": a })),
        (
            "command_not_waiting",
            a,
            "command.cancel",
            json!({
                "account_id": a, "command_source": "crm", "command_id": "none", "reason": "why",
            }),
        ),
        (
            "return_not_parked",
            a,
            "return.resolve",
            json!({
                "account_id": a, "bank_account": "OURS", "bank_key": "reversal:R", "action": "end",
            }),
        ),
    ]
}

/// The codes that no record can cause here, and where they are shown.
const UNREACHABLE: [(&str, &str); 7] = [
    ("cancelled", "shown by a_command_that_waits_is_cancelled_and_those_behind_it_go_on"),
    ("return_mismatch", "shown by a_person_shares_a_parked_return_out_and_its_drift_clears"),
    ("payment_is_part", "shown by a_part_is_not_split_again"),
    (
        "usage_proof_unavailable",
        "shown by at_its_deadline_a_step_back_without_proof_is_refused_with_an_event",
    ),
    ("suggestion_closed", "shown by of_two_that_confirm_at_once_exactly_one_wins"),
    ("not_a_candidate", "shown by a_word_on_void_candidates_is_an_ordinary_command"),
    ("balance_limit", "shown by a_balance_that_cannot_be_kept_is_refused"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_reaches_the_requester_and_changes_nothing() {
    let world = World::new("c_refused").await;
    let worker = world.start().await;
    fixture(&world).await;
    let money = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM
        (SELECT (i.*)::text FROM invoice_states i UNION ALL SELECT (p.*)::text FROM payments p
         UNION ALL SELECT (a.*)::text FROM allocations a UNION ALL SELECT (b.*)::text
         FROM balances b UNION ALL SELECT (l.*)::text FROM ledger_entries l) t";
    let before = world.value(money).await;
    let mut shown = std::collections::BTreeSet::new();
    for (number, (code, account, kind, data)) in (1..).zip(refusals()) {
        let id = format!("r-{number}");
        world.command(&id, kind, account, data).await;
        let expected = ("rejected".to_owned(), Some(code.to_owned()));
        assert_eq!(world.outcome(&id).await, expected, "{kind}");
        shown.insert(code);
    }
    assert_eq!(world.value(money).await, before, "a refusal moves nothing");
    let events = world.events().await;
    for (number, (code, account, kind, _)) in (1..).zip(refusals()) {
        let id = format!("r-{number}");
        let answers = events.iter().filter(|event| event.text("causationid") == id);
        let answers: Vec<_> = answers.collect();
        assert_eq!(answers.len(), 1, "{id}");
        assert_eq!(answers[0].text("type"), "topup.command.rejected.v1");
        assert_eq!(answers[0].record.key_text(), account);
        assert_eq!(answers[0].json["data"]["code"], code);
        assert_eq!(answers[0].json["data"]["command_id"], id);
        assert_eq!(answers[0].json["data"]["command_type"], format!("topup.{kind}.v1"));
    }
    shown.extend(UNREACHABLE.map(|(code, _)| code));
    let all = topup::domain::rejection::Rejection::ALL.map(|rejection| rejection.code());
    assert_eq!(shown, all.into_iter().collect(), "a code is not shown here");
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "0");
    worker.shutdown().await;
    world.finish().await;
}

/// A command that comes too early waits, later commands that depend on it wait behind it, those
/// that bring something new do not, and all are released in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_what_it_names_and_keeps_the_order_of_its_account() {
    let world = World::new("c_waits").await;
    let worker = world.start().await;
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = allocate("PAY-1", "ACC-1", "INV-1");
    world.command("w-1", "payment.allocate", "ACC-1", data).await;
    let data = about_invoice("INV-1", "ACC-1");
    world.command("w-2", "invoice.void", "ACC-1", data).await;
    let waiting = |code: &str| ("waiting".to_owned(), Some(code.to_owned()));
    assert_eq!(world.outcome("w-1").await.0, "waiting");
    assert_eq!(world.outcome("w-2").await, waiting("behind_waiting"));
    let needs = "SELECT string_agg(needs, ' ' ORDER BY waiting_id) FROM waiting_commands";
    assert_eq!(world.value(needs).await, "payment:PAY-1 behind:crm/w-1");
    // It brings something new, so it depends on nothing and does not wait.
    let data = draft("INV-2", "ACC-1", "1.00");
    world.applied("c-2", "invoice.create", "ACC-1", data).await;
    // Another account is not held up.
    let data = invoice("INV-9", "ACC-9", "1.00");
    world.applied("c-3", "invoice.create", "ACC-9", data).await;
    let data = about_invoice("INV-9", "ACC-9");
    world.applied("c-4", "invoice.void", "ACC-9", data).await;
    let data = payment("PAY-1", "ACC-1", "100.00");
    world.applied("c-5", "payment.record", "ACC-1", data).await;
    world.until("SELECT count(*) FROM waiting_commands", "0").await;
    assert_eq!(world.outcome("w-1").await, ("applied".to_owned(), None));
    // The void came after the allocation: were the order lost, it would have been applied.
    let code = Some("invoice_already_provisioned".to_owned());
    assert_eq!(world.outcome("w-2").await, ("rejected".to_owned(), code));
    let status = "SELECT status FROM invoice_states WHERE invoice_id = 'INV-1'";
    assert_eq!(world.value(status).await, "provisioned");
    worker.shutdown().await;
    world.finish().await;
}

/// What never comes ends the waiting at the deadline: a dead letter, and the next in line goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_its_deadline_a_waiting_command_is_a_dead_letter() {
    let mut world = World::new("c_deadline").await;
    world.set("WORKER__WAITING_DEADLINE_SECONDS", "1");
    let worker = world.start().await;
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = allocate("PAY-1", "ACC-1", "INV-1");
    world.command("w-1", "payment.allocate", "ACC-1", data).await;
    let data = about_invoice("INV-1", "ACC-1");
    world.command("w-2", "invoice.void", "ACC-1", data).await;
    let open = "SELECT count(*) FROM waiting_commands";
    world.outcome("w-2").await;
    world.until(open, "0").await;
    let code = Some("dependency_missing".to_owned());
    assert_eq!(world.outcome("w-1").await, ("dead_lettered".to_owned(), code));
    assert_eq!(world.outcome("w-2").await, ("applied".to_owned(), None));
    let letters =
        world.database.lines("SELECT source, message_id, code, status FROM dead_letters").await;
    assert_eq!(letters, ["crm|w-1|dependency_missing|open"]);
    let records = world.dead_letter_records().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key_text(), "ACC-1");
    assert_eq!(records[0].header("dlq.error.code"), ["dependency_missing"]);
    worker.shutdown().await;
    world.finish().await;
}

/// The largest balance is 9,000,000,000,000 units; nine payments of the largest amount reach it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_cannot_be_kept_is_refused() {
    let world = World::new("c_limit").await;
    let worker = world.start().await;
    let most = "999999999999.99";
    for number in 1..=10 {
        let (invoice_id, payment_id) = (format!("INV-{number}"), format!("PAY-{number}"));
        let data = invoice(&invoice_id, "ACC-1", most);
        let id = format!("i-{number}");
        world.command(&id, "invoice.create", "ACC-1", data).await;
        let data = payment(&payment_id, "ACC-1", most);
        let id = format!("p-{number}");
        world.command(&id, "payment.record", "ACC-1", data).await;
        let data = allocate(&payment_id, "ACC-1", &invoice_id);
        let id = format!("a-{number}");
        world.command(&id, "payment.allocate", "ACC-1", data).await;
    }
    assert_eq!(world.outcome("a-9").await, ("applied".to_owned(), None));
    let code = Some("balance_limit".to_owned());
    assert_eq!(world.outcome("a-10").await, ("rejected".to_owned(), code));
    worker.shutdown().await;
    world.finish().await;
}
