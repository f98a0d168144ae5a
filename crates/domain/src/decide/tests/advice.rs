//! Remittance advice: before the money, after it, and what goes to a person.

use chrono::Days;

use crate::advice::{AdviceKey, AdviceLine, AdviceState, LineName, RemittanceAdvice};
use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::effect::Outcome;
use crate::ids::{AdviceId, BankAccountId, PaymentId};
use crate::input::{Command, Input};
use crate::matching::policy::{Policy, RuleSet};
use crate::money::Money;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::DeadLetterReason;
use crate::testkit::{
    Desk, allocate, assign, confirm, create, credit, credit_from, credit_saying, deallocate,
    invoice, mark_sent, money, parked, remove, returned,
};

/// Nobody whom we know.
const PAYER: &str = "NL55BANK0420";

fn sum(lines: &[(&str, &str)]) -> Money {
    lines.iter().fold(money("0"), |sum, line| sum.add(money(line.1)).expect("a sum"))
}

/// An advice by the payer's account.
fn told(id: &str, lines: &[(&str, &str)]) -> RemittanceAdvice {
    let line = |(name, amount): &(&str, &str)| AdviceLine {
        name: match name.strip_prefix("ref:") {
            Some(text) => LineName::Reference(text.to_owned()),
            None => LineName::Invoice(invoice(name)),
        },
        amount: money(amount),
    };
    RemittanceAdvice {
        key: AdviceKey {
            bank_account: BankAccountId::trusted("OURS"),
            advice_id: AdviceId::trusted(id),
        },
        payer_account: Some(PAYER.to_owned()),
        payment_reference: None,
        amount: sum(lines),
        lines: lines.iter().map(line).collect(),
    }
}

fn advise(desk: &mut Desk, told: RemittanceAdvice) -> Outcome {
    let message = desk.message(Input::Advice(Box::new(told)));
    desk.feed(&message)
}

fn advised(desk: &mut Desk, id: &str, lines: &[(&str, &str)]) {
    let outcome = advise(desk, told(id, lines));
    assert_eq!(outcome, Outcome::Applied { subject: Some(format!("advice:{id}")) });
}

fn state(desk: &Desk, id: &str) -> (AdviceState, Option<String>) {
    let key = told(id, &[]).key;
    let advice = desk.model.set.advice(&key).expect("told");
    (advice.state, advice.used_by.as_ref().map(|payment| payment.as_str().to_owned()))
}

fn used(by: &str) -> (AdviceState, Option<String>) {
    (AdviceState::Used, Some(format!("BANK:OURS:{by}")))
}

const OPEN: (AdviceState, Option<String>) = (AdviceState::Open, None);
const AMBIGUOUS: (AdviceState, Option<String>) = (AdviceState::Ambiguous, None);

/// I1 and I2 of A, I3 of B; nothing but amounts would name them.
fn desk() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "60");
    desk.invoice("I2", "A", "40");
    desk.invoice("I3", "B", "40");
    desk
}

const PAID: (Rule, PaymentState) = (Rule::RemittanceAdvice, PaymentState::Allocated);

fn by_rule(reason: ParkReason) -> (Rule, PaymentState) {
    (Rule::RemittanceAdvice, parked(reason))
}

#[test]
fn an_advice_before_the_money_names_the_invoices() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "40")]);
    assert_eq!(state(&desk, "ADV-1"), OPEN);
    assert_eq!(desk.receive(credit_from("1", "100", PAYER)), PAID);
    assert_eq!(desk.pays("1"), ["I1 60.00 SGD", "I2 40.00 SGD"]);
    assert_eq!(desk.owner("1"), Some("A"));
    assert_eq!(state(&desk, "ADV-1"), used("1"));
    // Used once.
    assert_eq!(desk.receive(credit_from("2", "100", PAYER)).0, Rule::NothingFound);
}

#[test]
fn an_advice_after_the_money_matches_it_at_once() {
    let mut desk = desk();
    assert_eq!(desk.receive(credit_from("1", "100", PAYER)).1, parked(ParkReason::NoCandidate));
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "40")]);
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    assert_eq!(desk.decision("1").rule, Rule::RemittanceAdvice);
    assert!(desk.decision("1").explanation.notes.iter().any(|note| note.contains("after the")));
    assert_eq!(state(&desk, "ADV-1"), used("1"));
}

#[test]
fn lines_get_their_own_amounts_whatever_the_policy_for_parts_is() {
    let mut desk = desk();
    let reference = desk.reference("I2");
    let lines = [("I1", "35"), (&*format!("ref:{reference}"), "15")];
    advised(&mut desk, "ADV-1", &lines);
    assert_eq!(desk.receive(credit_from("1", "50", PAYER)), PAID);
    assert_eq!(desk.pays("1"), ["I1 35.00 SGD", "I2 15.00 SGD"]);
    // More than is due: what is due is paid, the rest is kept.
    advised(&mut desk, "ADV-2", &[("I1", "30")]);
    let kept = (Rule::RemittanceAdvice, PaymentState::PartlyAllocated);
    assert_eq!(desk.receive(credit_from("2", "30", PAYER)), kept);
    assert_eq!(desk.pays("2"), ["I1 25.00 SGD"]);
}

#[test]
fn a_reference_picks_the_payment_out() {
    let mut desk = desk();
    let mut advice = told("ADV-1", &[("I1", "60")]);
    advice.payer_account = Some("N/A".to_owned());
    advice.payment_reference = Some("REM-2026/00417".to_owned());
    advise(&mut desk, advice);
    assert_eq!(desk.receive(credit_from("1", "60", "N/A")).0, Rule::AmountOnly, "a placeholder");
    let bank = credit_saying("2", "60", &["your REM 2026", "00417 thanks"]);
    assert_eq!(desk.receive(bank), PAID);
    assert_eq!(state(&desk, "ADV-1"), used("2"));
}

#[test]
fn another_amount_currency_or_bank_account_is_another_payment() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I1", "60")]);
    let elsewhere = BankTransaction {
        bank_account: BankAccountId::trusted("OTHER"),
        ..credit_from("1", "60", PAYER)
    };
    desk.bank(elsewhere);
    desk.receive(credit_from("2", "60.01", PAYER));
    desk.receive(credit_from("3", "60", "NL55BANK0421"));
    desk.receive(credit("4", "60"));
    assert_eq!(state(&desk, "ADV-1"), OPEN);
}

#[test]
fn two_advices_for_one_payment_are_a_persons_choice() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I2", "40")]);
    advised(&mut desk, "ADV-2", &[("I3", "40")]);
    let ambiguous = by_rule(ParkReason::AdviceAmbiguous);
    assert_eq!(desk.receive(credit_from("1", "40", PAYER)), ambiguous);
    assert_eq!(desk.suggested("1"), ["I2", "I3"], "both are shown");
    assert_eq!(desk.decision("1").explanation.advices.len(), 2);
    assert_eq!((state(&desk, "ADV-1"), state(&desk, "ADV-2")), (AMBIGUOUS, AMBIGUOUS));
    let suggestion = format!("{}-2", desk.decision("1").id.0);
    desk.apply(confirm("BANK:OURS:1", &suggestion, "B"));
    assert_eq!(desk.pays("1"), ["I3 40.00 SGD"]);
    // What is ambiguous stays so: the next payment is a person's choice too.
    assert_eq!(desk.receive(credit_from("2", "40", PAYER)), ambiguous);
    // One that names its invoice itself asks no advice.
    desk.invoice("I4", "A", "40");
    let mut named = credit_saying("3", "40", &[&desk.reference("I4")]);
    named.debtor_account = Some(PAYER.to_owned());
    assert_eq!(desk.receive(named), (Rule::CheckedReference, PaymentState::Allocated));
}

#[test]
fn an_advice_is_about_no_money_that_is_in_doubt() {
    for doubt in [ParkReason::PossibleDuplicate, ParkReason::TooManyAlike] {
        let mut desk = desk();
        for id in ["1", "2"] {
            desk.receive(credit_from(id, "100", PAYER));
        }
        let first = PaymentId::trusted("BANK:OURS:1");
        let payment = desk.model.set.payments_mut().get_mut(&first).expect("received");
        payment.state = PaymentState::Parked(doubt);
        payment.question = Some(doubt);
        advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "40")]);
        assert_eq!(state(&desk, "ADV-1"), used("2"), "{doubt:?}");
    }
}

#[test]
fn two_payments_for_one_advice_are_a_persons_choice() {
    let mut desk = desk();
    for id in ["1", "2"] {
        desk.receive(credit_from(id, "100", PAYER));
    }
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "40")]);
    for id in ["1", "2"] {
        assert_eq!(desk.state(id), parked(ParkReason::AdviceAmbiguous));
        assert_eq!(desk.suggested(id), ["I1", "I2"]);
    }
    assert_eq!(state(&desk, "ADV-1"), AMBIGUOUS);
    // All that it says is one choice.
    let suggestion = format!("{}-1", desk.decision("1").id.0);
    desk.apply(confirm("BANK:OURS:1", &suggestion, "A"));
    assert_eq!(desk.pays("1"), ["I1 60.00 SGD", "I2 40.00 SGD"]);
}

#[test]
fn a_second_advice_stops_a_payment_that_waits_for_the_invoice_of_the_first() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I9", "40")]);
    assert_eq!(desk.receive(credit_from("1", "40", PAYER)), by_rule(ParkReason::NotSent));
    advised(&mut desk, "ADV-2", &[("I2", "40")]);
    assert_eq!(desk.state("1"), parked(ParkReason::AdviceAmbiguous));
    desk.invoice("I9", "A", "40");
    assert_eq!(desk.pays("1"), [""; 0]);
}

#[test]
fn lines_of_two_customers_are_a_persons_choice() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I3", "40")]);
    let parked = desk.receive(credit_from("1", "100", PAYER));
    assert_eq!(parked, by_rule(ParkReason::SeveralAccounts));
    assert_eq!(desk.suggested("1"), ["I1", "I3"]);
    assert_eq!(state(&desk, "ADV-1"), used("1"));
}

#[test]
fn an_advice_does_not_contradict_a_known_payer() {
    let mut desk = desk();
    let mut customer = crate::testkit::upsert("B");
    customer.payer_accounts = Some(vec![PAYER.to_owned()]);
    desk.apply(Command::UpsertAccount(customer));
    advised(&mut desk, "ADV-1", &[("I1", "60")]);
    let conflict = by_rule(ParkReason::IdentityConflict);
    assert_eq!(desk.receive(credit_from("1", "60", PAYER)), conflict);
    assert_eq!(desk.pays("1"), [""; 0]);
}

#[test]
fn an_advice_does_not_contradict_the_text() {
    let mut desk = desk();
    let reference = desk.reference("I2");
    let mut bank = credit_saying("1", "60", &[&reference]);
    bank.debtor_account = Some(PAYER.to_owned());
    advised(&mut desk, "ADV-1", &[("I1", "60")]);
    assert_eq!(desk.receive(bank), by_rule(ParkReason::AdviceMismatch));
    assert_eq!(desk.suggested("1"), ["I1", "I2"]);
}

#[test]
fn an_advice_whose_invoices_are_paid_does_not_speak_against_the_text() {
    let mut desk = desk();
    let reference = desk.reference("I1");
    assert_eq!(desk.receive(credit_saying("1", "60", &[&reference])).0, Rule::CheckedReference);
    desk.invoice("I4", "A", "60");
    advised(&mut desk, "ADV-1", &[("I1", "60")]);
    assert_eq!(state(&desk, "ADV-1"), OPEN);
    let mut bank = credit_saying("2", "60", &[&desk.reference("I4")]);
    bank.debtor_account = Some(PAYER.to_owned());
    assert_eq!(desk.receive(bank), (Rule::CheckedReference, PaymentState::Allocated));
    // Its money came, and pays something else.
    assert_eq!(state(&desk, "ADV-1").0, AdviceState::Ended);
    assert_eq!(desk.receive(credit_from("3", "60", PAYER)).0, Rule::NothingFound);
    // A payment that says nothing itself was probably paid twice.
    advised(&mut desk, "ADV-2", &[("I4", "60")]);
    assert_eq!(state(&desk, "ADV-2"), used("3"));
    assert_eq!(desk.state("3"), parked(ParkReason::AlreadyPaid));
}

#[test]
fn an_invoice_that_is_not_known_or_not_sent_is_awaited() {
    let mut desk = desk();
    desk.draft("I7", "A", "10");
    advised(&mut desk, "ADV-1", &[("I7", "10"), ("I8", "20"), ("ref:SO/2026/9", "5")]);
    let waits = by_rule(ParkReason::NotSent);
    assert_eq!(desk.receive(credit_from("1", "35", PAYER)), waits);
    assert_eq!(state(&desk, "ADV-1"), used("1"));
    desk.apply(mark_sent("I7", "A"));
    assert_eq!(desk.state("1"), parked(ParkReason::NotSent));
    desk.invoice("I8", "A", "20");
    let mut last = create("SO-2026-9", "A", "5");
    last.send = true;
    desk.apply(Command::CreateInvoice(last));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    assert_eq!(desk.pays("1"), ["I7 10.00 SGD", "I8 20.00 SGD", "SO-2026-9 5.00 SGD"]);
}

#[test]
fn an_advice_counts_until_its_last_day() {
    let mut desk = desk();
    desk.model.set.advices.days = 30;
    advised(&mut desk, "ADV-1", &[("I1", "60")]);
    desk.pass_days(30);
    assert_ne!(desk.receive(credit_from("1", "60", PAYER)).0, Rule::RemittanceAdvice);
    advised(&mut desk, "ADV-2", &[("I2", "40")]);
    desk.pass_days(29);
    assert_eq!(desk.receive(credit_from("2", "40", PAYER)), PAID);
}

#[test]
fn the_same_advice_again_is_a_duplicate_and_another_is_a_conflict() {
    let mut desk = desk();
    let first = desk.message(Input::Advice(Box::new(told("ADV-1", &[("I1", "60")]))));
    desk.feed(&first);
    let mut again = first.clone();
    again.record.id = crate::ids::MessageId::trusted("again");
    assert_eq!(desk.feed(&again), Outcome::Duplicate);
    again.content_hash[0] ^= 1;
    again.record.id = crate::ids::MessageId::trusted("other");
    let conflict = Outcome::DeadLettered(DeadLetterReason::AdviceConflict);
    assert_eq!(desk.feed(&again), conflict);
}

#[test]
fn what_a_person_or_the_bank_takes_back_does_not_free_the_advice() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I1", "60")]);
    desk.receive(credit_from("1", "60", PAYER));
    desk.watermark();
    desk.apply(deallocate("BANK:OURS:1", "I1", "A"));
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    // The same advice does not put together what a person took apart.
    let rematch = desk.message(Input::Rematch(crate::testkit::banked("1")));
    desk.feed(&rematch);
    assert_eq!(desk.pays("1"), [""; 0]);
    desk.apply(remove("BANK:OURS:1", "A"));
    assert_eq!(state(&desk, "ADV-1"), used("1"));
    advised(&mut desk, "ADV-2", &[("I2", "40")]);
    desk.receive(credit_from("2", "40", PAYER));
    desk.bank(returned("R", "2", "40"));
    assert_eq!(desk.state("2"), PaymentState::Returned);
    assert_eq!(state(&desk, "ADV-2"), used("2"));
    assert_ne!(desk.receive(credit_from("3", "40", PAYER)).0, Rule::RemittanceAdvice);
}

#[test]
fn above_the_limit_all_that_it_says_is_one_choice() {
    let limits = [("SGD".to_owned(), "50.00".to_owned())];
    let policy = Policy { max_auto_amounts: vec![money(&limits[0].1)], ..Policy::default() };
    let mut desk = Desk::customers_with(RuleSet::from(policy));
    desk.invoice("I1", "A", "60");
    desk.invoice("I2", "A", "40");
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "20")]);
    let above = by_rule(ParkReason::AboveAutoLimit);
    assert_eq!(desk.receive(credit_from("1", "80", PAYER)), above);
    let suggestion = format!("{}-1", desk.decision("1").id.0);
    desk.apply(confirm("BANK:OURS:1", &suggestion, "A"));
    assert_eq!(desk.pays("1"), ["I1 60.00 SGD", "I2 20.00 SGD"]);
}

/// The money was matched before its advice came. What it pays is what the advice says: the advice
/// is used, and waits for no other money.
#[test]
fn an_advice_of_money_that_pays_its_invoices_already_is_used() {
    let mut desk = desk();
    for (id, lines) in [("I1", "60"), ("I2", "40")] {
        desk.invoice(&format!("INV-700{id}"), "A", lines);
    }
    let reference = desk.reference("INV-700I1");
    let both = format!("{reference} {}", desk.reference("INV-700I2"));
    let bank = BankTransaction { unstructured: vec![both], ..credit_from("1", "100", PAYER) };
    assert_eq!(desk.receive(bank).1, PaymentState::Allocated);
    let lines = [(&*format!("ref:{reference}"), "60"), ("INV-700I2", "40")];
    advised(&mut desk, "ADV-1", &lines);
    assert_eq!(state(&desk, "ADV-1"), used("1"));
    assert_eq!(desk.pays("1").len(), 2);
    // The next month's money is no business of it.
    desk.invoice("I9", "A", "100");
    assert_eq!(desk.receive(credit_from("2", "100", PAYER)).0, Rule::AmountOnly);
}

/// A part of what it says is paid, and nothing is left: a person says what is right.
#[test]
fn an_advice_that_contradicts_what_its_money_pays_is_for_a_person() {
    let mut desk = desk();
    desk.invoice("INV-7001", "A", "100");
    let bank = BankTransaction {
        unstructured: vec![desk.reference("INV-7001")],
        ..credit_from("1", "100", PAYER)
    };
    assert_eq!(desk.receive(bank).1, PaymentState::Allocated);
    advised(&mut desk, "ADV-1", &[("INV-7001", "60"), ("I2", "40")]);
    assert_eq!(state(&desk, "ADV-1"), AMBIGUOUS);
    assert_eq!(desk.pays("1"), ["INV-7001 100.00 SGD"]);
}

/// Its money came just before, and pays nothing of what it names: it waits for no other money.
/// Later the next money of the payer is meant, unless the payment bears the advice's reference.
#[test]
fn an_advice_whose_money_pays_something_else_ends() {
    let ended = (AdviceState::Ended, None);
    for (days, reference, expected) in [
        (0, None, ended.clone()),
        (3, None, ended.clone()),
        (4, None, OPEN),
        (4, Some("REM-2026/417"), ended.clone()),
        (31, Some("REM-2026/417"), ended),
        (32, Some("REM-2026/417"), OPEN),
        (31, Some("REM-2026/418"), OPEN),
    ] {
        let mut desk = desk();
        desk.invoice("INV-7001", "A", "100");
        let booked = desk.now.date_naive() - Days::new(days);
        let bank = BankTransaction {
            unstructured: vec![desk.reference("INV-7001")],
            end_to_end_id: Some("REM-2026/417".to_owned()),
            booking_date: booked,
            ..credit_from("1", "100", PAYER)
        };
        assert_eq!(desk.receive(bank).1, PaymentState::Allocated);
        let mut told = told("ADV-1", &[("I1", "60"), ("I2", "40")]);
        told.payment_reference = reference.map(str::to_owned);
        advise(&mut desk, told);
        assert_eq!(state(&desk, "ADV-1"), expected, "{days} {reference:?}");
    }
}

/// The same under another id is told twice if the invoices do not take the money of both; if they
/// do, it is about another payment, and each payment takes one of them.
#[test]
fn the_same_advice_under_another_id_ends_or_is_about_the_next_payment() {
    let mut desk = desk();
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "40")]);
    advised(&mut desk, "ADV-2", &[("I2", "40"), ("I1", "60")]);
    assert_eq!(state(&desk, "ADV-2").0, AdviceState::Ended);
    assert_eq!(desk.receive(credit_from("1", "100", PAYER)), PAID);
    assert_eq!(state(&desk, "ADV-1"), used("1"));
    advised(&mut desk, "ADV-3", &[("I1", "60"), ("I2", "40")]);
    assert_eq!(state(&desk, "ADV-3").0, AdviceState::Ended, "all of it is paid");
    // Two halves.
    desk.invoice("I5", "A", "100");
    advised(&mut desk, "HALF-1", &[("I5", "50")]);
    advised(&mut desk, "HALF-2", &[("I5", "50")]);
    advised(&mut desk, "HALF-3", &[("I5", "50")]);
    assert_eq!((state(&desk, "HALF-1"), state(&desk, "HALF-2")), (OPEN, OPEN));
    assert_eq!(state(&desk, "HALF-3").0, AdviceState::Ended);
    for (id, advice) in [("2", "HALF-1"), ("3", "HALF-2")] {
        desk.receive(credit_from(id, "50", PAYER));
        assert_eq!(desk.pays(id), ["I5 50.00 SGD"]);
        assert_eq!(state(&desk, advice), used(id));
    }
}

/// A person places money that nothing was decided of: its advice is its own, or ends.
#[test]
fn what_a_person_allocates_ends_the_advice_of_its_money() {
    for (names, expected) in [("I1", used("1")), ("I2", (AdviceState::Ended, None))] {
        let mut desk = desk();
        desk.receive(credit_from("1", "40", PAYER));
        let first = PaymentId::trusted("BANK:OURS:1");
        let payment = desk.model.set.payments_mut().get_mut(&first).expect("received");
        payment.state = PaymentState::Parked(ParkReason::PossibleDuplicate);
        payment.question = payment.state.reason();
        advised(&mut desk, "ADV-1", &[(names, "40")]);
        assert_eq!(state(&desk, "ADV-1"), OPEN, "the money is in doubt");
        desk.apply(assign("BANK:OURS:1", "A"));
        desk.apply(allocate("BANK:OURS:1", "A", &[("I1", "40")]));
        assert_eq!(state(&desk, "ADV-1"), expected);
    }
}

/// A part of what it says is paid, and the rest of the money is left: the rest of what it says is
/// suggested.
#[test]
fn an_advice_says_what_the_rest_of_its_money_is_for() {
    let mut desk = desk();
    desk.invoice("I0", "A", "13");
    let bank = BankTransaction {
        unstructured: vec![desk.reference("I1")],
        ..credit_from("1", "95", PAYER)
    };
    assert_eq!(desk.receive(bank).1, PaymentState::PartlyAllocated);
    assert_ne!(desk.suggested("1"), ["I2"]);
    advised(&mut desk, "ADV-1", &[("I1", "60"), ("I2", "35")]);
    assert_eq!(state(&desk, "ADV-1"), used("1"));
    assert_eq!(desk.pays("1"), ["I1 60.00 SGD"]);
    assert_eq!(desk.suggested("1"), ["I2"]);
    let choice = format!("{}-1", desk.decision("1").id.0);
    desk.apply(confirm("BANK:OURS:1", &choice, "A"));
    assert_eq!(desk.pays("1"), ["I1 60.00 SGD", "I2 35.00 SGD"]);
}
