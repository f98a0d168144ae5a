//! Money that the bank names only by statement and entry: names that name nothing, names that are
//! used again, and more equal money than is compared.

use crate::bank::BankTransaction;
use crate::effect::{Effect, Outcome};
use crate::ids::{PaymentId, Source};
use crate::input::Input;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::DeadLetterReason;
use crate::testkit::*;
use crate::working_set::lookalikes::OF_ONE_PAYER_MAX;

fn row(statement: &str, entry: &str, amount: &str, text: &str) -> BankTransaction {
    BankTransaction {
        bank_transaction_id: None,
        statement_id: Some(statement.to_owned()),
        entry_reference: Some(entry.to_owned()),
        ..credit_saying("1", amount, &[text])
    }
}

/// The outcome, and the payment if there is one now that was not there before.
fn send(desk: &mut Desk, bank: &BankTransaction, minutes: i64) -> (Outcome, Option<PaymentId>) {
    let mut message = desk.message(Input::BankTransaction(Box::new(bank.clone())));
    message.record.source = Source::trusted("bank");
    message.time = desk.now + chrono::TimeDelta::minutes(minutes);
    let outcome = desk.feed(&message);
    let recorded = desk.model.last_effects.iter().find_map(|effect| match effect {
        Effect::RecordPayment(payment) => Some(payment.payment_id.clone()),
        _ => None,
    });
    (outcome, recorded)
}

fn stands(desk: &Desk) -> Vec<String> {
    let mut all: Vec<String> = desk
        .model
        .set
        .payments_here()
        .values()
        .map(|p| format!("{} {}", p.amount, p.state.reason().map_or("", ParkReason::code)))
        .collect();
    all.sort();
    all
}

#[test]
fn the_statements_own_name_or_a_word_for_none_names_no_entry() {
    for entry in ["STMTREF12345", " stmtref12345", "NOTPROVIDED", "NONREF", "-"] {
        let rows = [("20.27", "payer one"), ("20.27", "payer one"), ("35.27", "payer two")];
        let mut desk = Desk::new();
        for (amount, text) in rows {
            let (outcome, _) = send(&mut desk, &row("STMTREF12345", entry, amount, text), 0);
            assert!(matches!(outcome, Outcome::Applied { .. }), "{entry}: {outcome:?}");
        }
        let fresh = "no_candidate";
        let expected = ["20.27 SGD", "20.27 SGD", "35.27 SGD"].map(|sum| format!("{sum} {fresh}"));
        assert_eq!(stands(&desk), expected, "{entry}");
        // A later export of the same statement is in doubt, and is not paid by itself.
        for (amount, text) in rows {
            send(&mut desk, &row("STMTREF12345", entry, amount, text), 600);
        }
        let doubts = stands(&desk).iter().filter(|p| p.ends_with("possible_duplicate")).count();
        assert_eq!((desk.model.set.payments_here().len(), doubts), (6, 3), "{entry}");
    }
}

#[test]
fn money_under_the_name_of_another_entry_is_recorded_and_a_persons_to_say() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "50");
    desk.invoice("INV-2", "B", "35");
    let first = row("S-1", "7", "50", &desk.reference("INV-1"));
    let other = row("S-1", "7", "35", &desk.reference("INV-2"));
    let (_, paid) = send(&mut desk, &first, 0);
    let (_, second) = send(&mut desk, &other, 0);
    let second = second.expect("recorded");
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("50"), money("0")));
    let state = desk.model.set.payments_here()[&second].state;
    assert_eq!(state, PaymentState::Parked(ParkReason::PossibleDuplicate));
    let decision = desk.model.last_decision(&second).expect("a decision");
    assert_eq!(decision.explanation.looks_like, paid);
    // Told again, each is known. A third content is a third.
    for bank in [&first, &other] {
        assert_eq!(send(&mut desk, bank, 600), (Outcome::Duplicate, None));
    }
    let third = send(&mut desk, &row("S-1", "7", "36", "x"), 600);
    assert!(matches!(third, (Outcome::Applied { .. }, Some(_))), "{third:?}");
    // Nothing decides it but a person.
    let again = desk.message(Input::Rematch(second.clone()));
    desk.feed(&again);
    assert_eq!(desk.balance("B"), money("0"));
    desk.apply(assign(second.as_str(), "B"));
    desk.apply(allocate(second.as_str(), "B", &[("INV-2", "")]));
    assert_eq!(desk.balance("B"), money("35"));
}

#[test]
fn what_the_bank_gave_an_id_or_takes_back_is_no_second_payment() {
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    let with_id = |amount: &str| BankTransaction {
        bank_transaction_id: Some("T-1".to_owned()),
        ..row("S-1", "7", amount, "x")
    };
    let back = |amount: &str| BankTransaction {
        bank_transaction_id: None,
        ..BankTransaction {
            statement_id: Some("S-1".to_owned()),
            entry_reference: Some("8".to_owned()),
            ..returned("R", "T-9", amount)
        }
    };
    for (first, other) in [(with_id("5"), with_id("6")), (back("5"), back("6"))] {
        let mut desk = Desk::new();
        assert!(matches!(desk.bank(first), Outcome::Applied { .. }));
        let before = desk.model.summary();
        assert_eq!(desk.bank(other), conflict);
        assert_eq!(desk.model.summary(), before);
    }
}

#[test]
fn more_equal_money_than_is_compared_is_never_paid_by_itself() {
    let mut desk = Desk::with_customers(Policy::default());
    let mut reasons = Vec::new();
    let more = OF_ONE_PAYER_MAX + 3;
    for number in 0..more {
        let bank = BankTransaction {
            debtor_account: Some("PAYERA".to_owned()),
            ..row("S-1", &number.to_string(), "50", &format!("Rent{number}"))
        };
        let (_, id) = send(&mut desk, &bank, 0);
        let state = desk.model.set.payments_here()[&id.expect("recorded")].state;
        reasons.push(state.reason());
    }
    let too_many = Some(ParkReason::TooManyAlike);
    let (compared, rest) = reasons.split_at(OF_ONE_PAYER_MAX + 1);
    assert!(compared.iter().all(|reason| *reason != too_many));
    assert_eq!(rest, [too_many; 2]);
}
