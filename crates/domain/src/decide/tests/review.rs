//! What a person's word on a suggestion does, and what it teaches.

use crate::account::PayerLink;
use crate::allocation::Rule;
use crate::effect::Outcome;
use crate::event::Fact;
use crate::input::{Command, Input};
use crate::matching::payer::{LEARNED, LEARNED_ONCE};
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::Rejection;
use crate::review::{Suggestion, SuggestionStatus};
use crate::testkit::*;

/// An invoice of A over 100, and a payment of 100 from `payer` that names nobody.
fn amount_only(payer: &str) -> Desk {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "100");
    let got = desk.receive(credit_from("1", "100", payer));
    assert_eq!(got, (Rule::AmountOnly, parked(ParkReason::AmountOnly)));
    desk
}

fn all(desk: &Desk, id: &str) -> Vec<Suggestion> {
    desk.model.set.suggested(&banked(id)).to_vec()
}

/// The first invoice of each choice of payment 1, and how the choice stands.
fn choices(desk: &Desk) -> Vec<String> {
    let told = |one: &Suggestion| format!("{} {:?}", one.parts[0].0, one.status);
    all(desk, "1").iter().map(told).collect()
}

fn suggestion(desk: &Desk, id: &str) -> String {
    all(desk, id).last().expect("a suggestion").id.as_str().to_owned()
}

fn status(desk: &Desk, id: &str) -> Vec<SuggestionStatus> {
    all(desk, id).iter().map(|known| known.status).collect()
}

fn of(id: &str) -> String {
    banked(id).as_str().to_owned()
}

fn confirmed(desk: &mut Desk, id: &str, owner: &str) -> Outcome {
    let chosen = suggestion(desk, id);
    desk.hand_in(confirm(&of(id), &chosen, owner))
}

fn applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. })
}

fn rematch(desk: &mut Desk, id: &str) {
    let message = desk.message(Input::Rematch(banked(id)));
    assert!(applied(&desk.feed(&message)));
}

/// Payment `id` from `payer` over `amount`, confirmed for its only suggestion.
fn teach(desk: &mut Desk, id: &str, payer: &str, owner: &str, amount: &str) {
    desk.invoice(&format!("TAUGHT-{id}"), owner, amount);
    desk.receive(credit_from(id, amount, payer));
    let outcome = confirmed(desk, id, owner);
    assert!(applied(&outcome), "{outcome:?}");
}

fn taught(desk: &Desk, payer: &str, owner: &str) -> Option<u32> {
    let link = PayerLink { payer_account: payer.to_owned(), account_id: account(owner) };
    desk.model.set.alias(&link).map(|alias| alias.confirmations)
}

/// What was given to the wrong customer, and moved on, teaches nobody's payer.
#[test]
fn a_split_to_others_takes_back_what_an_assignment_taught() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "7");
    desk.invoice("INV-2", "B", "8");
    desk.receive(credit_from("1", "100", "PAYERX"));
    desk.apply(assign(&of("1"), "A"));
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(1));
    desk.apply(split(&of("1"), "A", &[("B", "100", &[])]));
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(0));
}

/// What a person left of a payment is looked at again when the customer gets an invoice.
#[test]
fn the_rest_after_a_confirmation_waits_for_the_next_invoice() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "100");
    let received = desk.receive(credit_saying("1", "130", &["INV-1"]));
    assert!(matches!(received.1, PaymentState::Parked(_)), "{received:?}");
    if all(&desk, "1").is_empty() {
        desk.apply(assign(&of("1"), "A"));
        desk.apply(allocate(&of("1"), "A", &[("INV-1", "100")]));
    } else {
        assert!(applied(&confirmed(&mut desk, "1", "A")));
    }
    assert_eq!(desk.state("1"), PaymentState::PartlyAllocated);
    desk.invoice("INV-2", "A", "30");
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD", "INV-2 30.00 SGD"]);
}

/// The invoice of an open suggestion was paid by other money: the choice ends, and what can be
/// chosen by now stands in its place.
#[test]
fn a_suggestion_whose_invoice_was_paid_is_renewed() {
    let mut desk = amount_only("PAYERX");
    rematch(&mut desk, "1");
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Open], "it stands, so nothing is stored");
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("2", "100", &[&reference]));
    assert_eq!(desk.invoice_now("INV-1").due().expect("an amount"), money("0"));
    desk.invoice("INV-2", "A", "100");
    rematch(&mut desk, "1");
    assert_eq!(choices(&desk), ["INV-1 Superseded", "INV-2 Open"]);
    let before = all(&desk, "1").len();
    rematch(&mut desk, "1");
    assert_eq!(all(&desk, "1").len(), before, "the same again leaves no trace");
}

/// What is sent to the suggested customer has the payment looked at again at once.
#[test]
fn an_invoice_of_the_suggested_customer_renews_the_suggestion() {
    let mut desk = amount_only("PAYERX");
    desk.apply(void("INV-1", "A"));
    assert_eq!(choices(&desk), ["INV-1 Open"], "a void moves nothing else");
    desk.invoice("OTHERS", "B", "70");
    assert_eq!(choices(&desk), ["INV-1 Open"], "it is another customer's");
    desk.invoice("INV-2", "A", "100");
    assert_eq!(choices(&desk), ["INV-1 Superseded", "INV-2 Open"]);
}

#[test]
fn a_confirmed_suggestion_is_allocated_once() {
    let mut desk = amount_only("PAYERX");
    let told = desk.model.set.events.last().map(|event| &event.fact);
    let Some(Fact::PaymentParked { suggestions, .. }) = told else { panic!("{told:?}") };
    let told = suggestions.first().and_then(|s| s.suggestion_id.clone()).expect("an id");
    assert_eq!(told.as_str(), suggestion(&desk, "1"));
    assert!(applied(&confirmed(&mut desk, "1", "A")));
    assert_eq!((desk.state("1"), desk.owner("1")), (PaymentState::Allocated, Some("A")));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD"]);
    let rules: Vec<Rule> = desk.model.allocations().map(|part| part.rule).collect();
    assert_eq!(rules, [Rule::NamedByCommand]);
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Confirmed]);
    let again = confirmed(&mut desk, "1", "A");
    assert_eq!(again, Outcome::Rejected(Rejection::SuggestionClosed));
}

#[test]
fn a_group_is_one_suggestion_and_is_taken_whole() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100");
    desk.invoice("INV-2", "A", "60.01");
    let got = desk.receive(credit_from("1", "160.01", "PAYERA"));
    assert_eq!(got, (Rule::GroupOfInvoices, PaymentState::OnAccount));
    assert_eq!(all(&desk, "1").len(), 1);
    // One of them is gone meanwhile: nothing of the group is done.
    let mut gone = desk.model.clone();
    std::mem::swap(&mut desk.model, &mut gone);
    desk.apply(void("INV-2", "A"));
    let outcome = confirmed(&mut desk, "1", "A");
    assert_eq!(outcome, Outcome::Rejected(Rejection::InvoiceVoided));
    assert_eq!(desk.pays("1"), Vec::<String>::new());
    desk.model = gone;
    assert!(applied(&confirmed(&mut desk, "1", "A")));
    assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD", "INV-2 60.01 SGD"]);
    // A verified payer has nothing to teach.
    assert_eq!(taught(&desk, "PAYERA", "A"), None);
}

#[test]
fn what_does_not_hold_any_more_is_refused() {
    let cases: [(Command, Rejection); 3] = [
        (void("INV-1", "A"), Rejection::InvoiceVoided),
        (allocate("OTHER", "A", &[("INV-1", "")]), Rejection::InvoiceAlreadyProvisioned),
        (allocate("OTHER", "A", &[("INV-1", "1")]), Rejection::AmountExceedsDue),
    ];
    for (meanwhile, refusal) in cases {
        let mut desk = amount_only("PAYERX");
        desk.apply(Command::RecordPayment(record("OTHER", Some("A"), "100")));
        desk.apply(meanwhile);
        let before = desk.model.summary().allocations;
        assert_eq!(confirmed(&mut desk, "1", "A"), Outcome::Rejected(refusal));
        assert_eq!(status(&desk, "1"), [SuggestionStatus::Open]);
        assert_eq!((desk.owner("1"), desk.model.summary().allocations), (None, before));
        assert_eq!(taught(&desk, "PAYERX", "A"), None, "a refusal teaches nothing");
    }
}

#[test]
fn the_suggestion_of_one_customer_is_not_anothers() {
    let mut desk = amount_only("PAYERX");
    let refused = Outcome::Rejected(Rejection::AccountMismatch);
    assert_eq!(confirmed(&mut desk, "1", "B"), refused);
    // A person gave the money to B: what was suggested of A is over.
    desk.apply(assign(&of("1"), "B"));
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Superseded]);
    assert_eq!(confirmed(&mut desk, "1", "A"), refused);
    assert_eq!(confirmed(&mut desk, "1", "B"), refused);
}

#[test]
fn what_was_suggested_of_the_customer_stays_when_they_are_found() {
    let mut desk = amount_only("PAYERX");
    desk.apply(assign(&of("1"), "A"));
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Open]);
    assert!(applied(&confirmed(&mut desk, "1", "A")));
    // Assigned and confirmed: one payment, one lesson.
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(1));
}

/// The customer is found by a draft, and then the text names another customer's invoice too.
#[test]
fn what_is_suggested_later_is_of_the_customer_who_was_found() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.draft("INV-1001", "B", "100");
    let reference = desk.reference("INV-1001");
    let text = format!("{reference} and INV-1002");
    let got = desk.receive(credit_saying("1", "100", &[&text]));
    assert_eq!((got.1, desk.owner("1")), (parked(ParkReason::NotSent), Some("B")));
    desk.invoice("INV-1002", "A", "100");
    assert_eq!(desk.state("1"), parked(ParkReason::SeveralAccounts));
    let open = |known: &&Suggestion| known.status == SuggestionStatus::Open;
    let all = all(&desk, "1");
    let foreign = all.iter().filter(open).find(|known| known.account_id == account("A"));
    assert_eq!(foreign, None);
}

#[test]
fn money_that_went_elsewhere_supersedes_what_was_suggested() {
    let mut desk = amount_only("PAYERX");
    desk.invoice("INV-2", "A", "30");
    desk.apply(assign(&of("1"), "A"));
    desk.apply(allocate(&of("1"), "A", &[("INV-2", "")]));
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Superseded]);
    let outcome = confirmed(&mut desk, "1", "A");
    assert_eq!(outcome, Outcome::Rejected(Rejection::SuggestionClosed));
}

#[test]
fn what_was_refused_is_neither_suggested_nor_found_by_amount_again() {
    let mut desk = amount_only("PAYERX");
    let chosen = suggestion(&desk, "1");
    desk.apply(reject(&of("1"), &chosen, "A"));
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Rejected]);
    assert_eq!(desk.state("1"), parked(ParkReason::AmountOnly));
    // Now the payer is A's for sure, and INV-1 has the amount; it was refused all the same.
    let mut customer = upsert("A");
    customer.payer_accounts = Some(vec!["PAYERX".to_owned()]);
    desk.apply(Command::UpsertAccount(customer));
    rematch(&mut desk, "1");
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    assert_eq!(desk.suggested("1"), Vec::<&str>::new());
    desk.invoice("INV-2", "A", "100");
    rematch(&mut desk, "1");
    assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD"]);
    // Another payment is another matter.
    assert_eq!(desk.receive(credit_from("2", "100", "PAYERX")).0, Rule::KnownPayer);
    assert_eq!(desk.pays("2"), ["INV-1 100.00 SGD"]);
}

#[test]
fn a_newer_decision_supersedes_the_older_ones_suggestions() {
    let mut desk = amount_only("PAYERX");
    desk.invoice("INV-2", "B", "100");
    rematch(&mut desk, "1");
    assert_eq!(desk.state("1"), parked(ParkReason::NoCandidate));
    assert_eq!(status(&desk, "1"), [SuggestionStatus::Superseded]);
}

#[test]
fn two_confirmed_payments_make_a_payer_known() {
    let mut desk = Desk::new();
    teach(&mut desk, "T1", "PAYERX", "A", "100");
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(1));
    // Once only suggests, whatever else has the amount.
    desk.invoice("INV-1", "A", "50");
    desk.invoice("INV-2", "B", "50");
    let got = desk.receive(credit_from("1", "50", "PAYERX"));
    assert_eq!(got, (Rule::PayerName, parked(ParkReason::PayerOnly)));
    assert_eq!((desk.suggested("1"), desk.owner("1")), (vec!["INV-1"], None));
    assert_eq!(desk.decision("1").explanation.notes, [LEARNED_ONCE]);
    assert!(applied(&confirmed(&mut desk, "1", "A")));
    // Twice decides.
    desk.invoice("INV-3", "A", "50");
    assert_eq!(desk.receive(credit_from("2", "50", "PAYERX")).0, Rule::KnownPayer);
    assert_eq!((desk.pays("2"), desk.owner("2")), (vec!["INV-3 50.00 SGD".to_owned()], Some("A")));
    assert_eq!(desk.decision("2").explanation.notes, [LEARNED]);
    let used = desk.decision("2").alias.as_ref().map(|used| used.link.payer_account.as_str());
    assert_eq!(used, Some("PAYERX"));
    // Assigning and allocating by command teach as well, once for each payment.
    desk.receive(credit_from("3", "7", "PAYERY"));
    desk.apply(assign(&of("3"), "A"));
    desk.invoice("INV-4", "A", "7");
    desk.apply(allocate(&of("3"), "A", &[("INV-4", "")]));
    assert_eq!(taught(&desk, "PAYERY", "A"), Some(1));
}

/// A person takes the payment `id` off what it pays.
fn take_back(desk: &mut Desk, id: &str) {
    let own = desk.model.allocations().find(|link| link.payment_id == banked(id)).cloned();
    let link = own.expect("an allocation");
    desk.watermark();
    let payment_id = link.payment_id.as_str();
    desk.apply(deallocate(payment_id, link.invoice_id.as_str(), link.account_id.as_str()));
}

/// A wrong confirmation alone decides nothing (k = 2); what rested on two is taken back, and the
/// payer must be earned again. Where the study lets twelve payments go wrong, here none does after
/// the first reversal.
#[test]
fn edge_68_a_wrong_confirmation_is_unlearnt_by_a_reversal() {
    let mut desk = Desk::new();
    teach(&mut desk, "T1", "PAYERX", "A", "100");
    desk.invoice("INV-1", "A", "50");
    let first = desk.receive(credit_from("1", "50", "PAYERX"));
    assert_eq!(first, (Rule::PayerName, parked(ParkReason::PayerOnly)));
    assert!(applied(&confirmed(&mut desk, "1", "A")));
    desk.invoice("INV-2", "A", "60");
    assert_eq!(desk.receive(credit_from("2", "60", "PAYERX")).0, Rule::KnownPayer);
    take_back(&mut desk, "2");
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(0));
    for number in 3..15 {
        let (id, amount) = (number.to_string(), format!("{number}.33"));
        desk.invoice(&format!("INV-{number}"), "A", &amount);
        let (rule, state) = desk.receive(credit_from(&id, &amount, "PAYERX"));
        assert_eq!((rule, state), (Rule::AmountOnly, parked(ParkReason::AmountOnly)));
    }
    // Earned again from the start.
    teach(&mut desk, "T3", "PAYERX", "A", "77.01");
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(1));
    // Taking back the confirmation that made it demotes it too.
    take_back(&mut desk, "T3");
    assert_eq!(taught(&desk, "PAYERX", "A"), Some(0));
}
