//! Payments that are one invoice together, and what is left of an overpayment: one choice each.

use crate::allocation::Rule;
use crate::effect::Outcome;
use crate::event::Fact;
use crate::matching::policy::Policy;
use crate::matching::verdict::Verdict;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::Rejection;
use crate::review::{Suggestion, SuggestionStatus};
use crate::testkit::*;

fn open(desk: &Desk, id: &str) -> Vec<Suggestion> {
    let known = desk.model.set.suggested(&banked(id)).to_vec();
    known.into_iter().filter(|known| known.status == SuggestionStatus::Open).collect()
}

/// `INV-1: 50.12 + BANK:OURS:1 50.12`, one line for each choice of several payments.
fn together(desk: &Desk, id: &str) -> Vec<String> {
    let of_several = open(desk, id).into_iter().filter(|choice| !choice.with.is_empty());
    let told = |choice: Suggestion| {
        let (invoice, own) = choice.parts.first().expect("an invoice").clone();
        let with = choice.with.iter().map(|(id, amount)| format!(" + {id} {}", amount.number()));
        format!("{invoice}: {}{}", own.number(), with.collect::<String>())
    };
    of_several.map(told).collect()
}

fn confirm_first(desk: &mut Desk, id: &str) -> Outcome {
    let first = open(desk, id).into_iter().next().expect("a suggestion");
    desk.hand_in(confirm(banked(id).as_str(), first.id.as_str(), "A"))
}

fn reject_first(desk: &mut Desk, id: &str) -> Outcome {
    let first = open(desk, id).into_iter().next().expect("a suggestion");
    desk.hand_in(reject(banked(id).as_str(), first.id.as_str(), "A"))
}

fn desk(invoices: &[(&str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, amount) in invoices {
        desk.invoice(id, "A", amount);
    }
    desk
}

#[test]
fn two_halves_of_a_known_payer_are_one_choice() {
    let mut desk = desk(&[("INV-1", "100.24"), ("INV-2", "70")]);
    assert_eq!(desk.receive(credit_from("1", "50.12", "PAYERA")).0, Rule::NoFittingAmount);
    assert!(together(&desk, "1").is_empty());
    let second = desk.receive(credit_from("2", "50.12", "PAYERA"));
    assert_eq!(second, (Rule::NoFittingAmount, PaymentState::OnAccount));
    assert_eq!(together(&desk, "2"), ["INV-1: 50.12 + BANK:OURS:1 50.12"]);
    let candidates = &desk.decision("2").explanation.candidates;
    assert_eq!(candidates[0].verdict, Verdict::AddsUpWithOthers);
    let told = desk.model.set.events.iter().rev().find_map(|event| match &event.fact {
        Fact::PaymentParked { suggestions, .. } => suggestions.first().cloned(),
        _ => None,
    });
    let told = told.expect("it is told");
    assert_eq!(told.suggestion_id, open(&desk, "2").first().map(|first| first.id.clone()));
    assert_eq!(told.with, [(banked("1"), money("50.12"))]);
    let outcome = confirm_first(&mut desk, "2");
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    for id in ["1", "2"] {
        assert_eq!(desk.state(id), PaymentState::Allocated, "{id}");
        assert_eq!(desk.pays(id), ["INV-1 50.12 SGD"], "{id}");
        assert!(open(&desk, id).is_empty(), "{id}");
    }
    assert_eq!(desk.balance("A"), money("100.24"));
    assert!(desk.model.allocations().all(|part| part.rule == Rule::NamedByCommand));
}

#[test]
fn three_parts_are_one_choice_and_fewer_parts_come_first() {
    let mut desk = desk(&[("INV-1", "100"), ("INV-2", "65")]);
    for (id, amount) in [("1", "20"), ("2", "35"), ("3", "45")] {
        desk.receive(credit_from(id, amount, "PAYERA"));
    }
    assert_eq!(
        together(&desk, "3"),
        [
            "INV-1: 45.00 + BANK:OURS:1 20.00 + BANK:OURS:2 35.00",
            "INV-2: 45.00 + BANK:OURS:1 20.00"
        ]
    );
    confirm_first(&mut desk, "3");
    assert_eq!(desk.pays("1"), ["INV-1 20.00 SGD"]);
    assert_eq!(desk.pays("2"), ["INV-1 35.00 SGD"]);
    assert_eq!(desk.pays("3"), ["INV-1 45.00 SGD"]);
}

#[test]
fn two_halves_that_quote_the_invoice_are_one_choice() {
    let mut desk = desk(&[("INV-1001", "100")]);
    let reference = desk.reference("INV-1001");
    for id in ["1", "2"] {
        let got = desk.receive(credit_saying(id, "50", &[&reference]));
        assert_eq!(got, (Rule::CheckedReference, parked(ParkReason::PartialPayment)), "{id}");
    }
    assert_eq!(together(&desk, "2"), ["INV-1001: 50.00 + BANK:OURS:1 50.00"]);
    confirm_first(&mut desk, "2");
    assert_eq!(desk.balance("A"), money("100"));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
}

#[test]
fn halves_that_came_before_the_invoice_are_one_choice_once_it_is_sent() {
    let mut desk = desk(&[]);
    for id in ["1", "2"] {
        desk.receive(credit_from(id, "50", "PAYERA"));
    }
    desk.invoice("INV-1", "A", "100");
    assert_eq!(together(&desk, "1"), ["INV-1: 50.00 + BANK:OURS:2 50.00"]);
    assert_eq!(together(&desk, "2"), ["INV-1: 50.00 + BANK:OURS:1 50.00"]);
    let decided = desk.model.decisions[&banked("1")].len();
    desk.invoice("INV-2", "A", "70");
    assert_eq!(desk.model.decisions[&banked("1")].len(), decided, "nothing new to say");
    confirm_first(&mut desk, "1");
    assert!(together(&desk, "2").is_empty(), "its money is spent");
}

#[test]
fn what_a_person_refused_is_not_added_up_again_from_the_other_side() {
    let mut desk = desk(&[("INV-1", "100")]);
    for id in ["1", "2"] {
        desk.receive(credit_from(id, "50", "PAYERA"));
    }
    assert!(matches!(reject_first(&mut desk, "2"), Outcome::Applied { .. }));
    assert!(together(&desk, "2").is_empty());
    desk.invoice("INV-2", "A", "170");
    assert!(together(&desk, "1").is_empty() && together(&desk, "2").is_empty());
    // Another payment is another matter.
    desk.receive(credit_from("3", "50", "PAYERA"));
    assert_eq!(together(&desk, "3"), ["INV-1: 50.00 + BANK:OURS:1 50.00"]);
}

#[test]
fn money_that_went_elsewhere_is_part_of_no_choice() {
    let mut desk = desk(&[("INV-1", "100")]);
    for id in ["1", "2"] {
        desk.receive(credit_from(id, "50", "PAYERA"));
    }
    let choice = open(&desk, "2").first().expect("a choice").id.clone();
    desk.invoice("INV-2", "A", "50");
    assert_eq!(desk.state("1"), PaymentState::Allocated, "it fits the new invoice exactly");
    assert!(together(&desk, "2").is_empty());
    let outcome = desk.hand_in(confirm(banked("2").as_str(), choice.as_str(), "A"));
    assert_eq!(outcome, Outcome::Rejected(Rejection::SuggestionClosed));
}

#[test]
fn another_customers_money_and_doubtful_money_are_added_to_nothing() {
    let mut desk = desk(&[("INV-1", "100")]);
    desk.receive(credit_from("1", "50", "PAYERB"));
    desk.receive(credit_from("2", "50", "PAYERA"));
    assert!(together(&desk, "2").is_empty(), "the other half is another customer's");
    // What a person took off an invoice is left to that person.
    desk.apply(allocate(banked("2").as_str(), "A", &[("INV-1", "50")]));
    desk.watermark();
    desk.apply(deallocate(banked("2").as_str(), "INV-1", "A"));
    desk.receive(credit_from("3", "50", "PAYERA"));
    assert!(together(&desk, "3").is_empty());
}

#[test]
fn only_so_many_payments_are_added_up_and_that_is_said() {
    let mut desk = desk(&[("INV-1", "1000")]);
    for number in 0..40 {
        desk.receive(credit_from(&format!("S{number:02}"), "3.33", "PAYERA"));
    }
    desk.receive(credit_from("LARGE", "400", "PAYERA"));
    desk.receive(credit_from("LAST", "600", "PAYERA"));
    assert!(together(&desk, "LAST").is_empty());
    let notes = &desk.decision("LAST").explanation.notes;
    assert!(notes.iter().any(|note| note.contains("many payments that wait")), "{notes:?}");
}

#[test]
fn the_rest_of_an_overpayment_is_a_choice_for_the_next_invoice_of_another_amount() {
    let mut desk = desk(&[("INV-1001", "100"), ("INV-1002", "70")]);
    let reference = desk.reference("INV-1001");
    let got = desk.receive(credit_saying("1", "130", &[&reference]));
    assert_eq!(got, (Rule::CheckedReference, PaymentState::PartlyAllocated));
    let choices = open(&desk, "1");
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0].parts, [(invoice("INV-1002"), money("30"))]);
    let outcome = confirm_first(&mut desk, "1");
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    assert_eq!(desk.pays("1"), ["INV-1001 100.00 SGD", "INV-1002 30.00 SGD"]);
    assert_eq!(desk.state("1"), PaymentState::Allocated);
}

#[test]
fn the_rest_that_was_refused_for_an_invoice_is_not_offered_for_it_again() {
    let mut desk = desk(&[("INV-1001", "100"), ("INV-1002", "70")]);
    let reference = desk.reference("INV-1001");
    desk.receive(credit_saying("1", "130", &[&reference]));
    assert!(matches!(reject_first(&mut desk, "1"), Outcome::Applied { .. }));
    desk.invoice("INV-1003", "A", "90");
    let choices = open(&desk, "1");
    let invoices: Vec<_> = choices.iter().flat_map(Suggestion::invoices).collect();
    assert_eq!(invoices, [invoice("INV-1003")]);
}

#[test]
fn an_invoice_that_is_sent_later_is_a_choice_for_the_rest() {
    let mut desk = desk(&[("INV-1001", "100")]);
    let reference = desk.reference("INV-1001");
    desk.receive(credit_saying("1", "130", &[&reference]));
    assert!(open(&desk, "1").is_empty());
    desk.invoice("INV-1002", "A", "70");
    let choices = open(&desk, "1");
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0].parts, [(invoice("INV-1002"), money("30"))]);
    // And what it is for exactly still needs no person.
    desk.invoice("INV-1003", "A", "30");
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    assert_eq!(desk.pays("1"), ["INV-1001 100.00 SGD", "INV-1003 30.00 SGD"]);
    assert!(open(&desk, "1").is_empty());
}

#[test]
fn the_rest_that_is_exactly_a_group_is_one_choice() {
    let mut desk = desk(&[("INV-1001", "100"), ("INV-1002", "30"), ("INV-1003", "25")]);
    let reference = desk.reference("INV-1001");
    desk.receive(credit_saying("1", "155", &[&reference]));
    let choices = open(&desk, "1");
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0].parts.len(), 2);
    confirm_first(&mut desk, "1");
    assert_eq!(desk.state("1"), PaymentState::Allocated);
}

#[test]
fn what_several_named_invoices_leave_is_a_choice_too() {
    let mut desk = desk(&[("INV-1001", "100"), ("INV-1002", "30"), ("INV-1003", "75")]);
    let text = format!("{} {}", desk.reference("INV-1001"), desk.reference("INV-1002"));
    let got = desk.receive(credit_saying("1", "150", &[&text]));
    assert_eq!(got, (Rule::SeveralWithAnotherSum, PaymentState::PartlyAllocated));
    let choices = open(&desk, "1");
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0].parts, [(invoice("INV-1003"), money("20"))]);
}
