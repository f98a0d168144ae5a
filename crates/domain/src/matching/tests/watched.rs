//! Money that came too early: decided again when the invoice it waits for is sent.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::decide::Context;
use crate::decide::decide;
use crate::effect::Outcome;
use crate::event::Fact;
use crate::ids::IdBlock;
use crate::input::{Command, Input};
use crate::invoice::InvoiceStatus;
use crate::matching::policy::{PartialPolicy, Policy};
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;
use crate::working_set::WorkingSet;

fn desk() -> Desk {
    Desk::with_customers(Policy::default())
}

#[test]
fn a_reference_of_a_draft_pays_when_the_draft_is_sent() {
    let mut desk = desk();
    desk.draft("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "100", &[&reference]));
    assert_eq!(desk.state("1"), parked(ParkReason::NotSent));
    desk.apply(mark_sent("INV-1", "A"));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    assert_eq!(desk.decision("1").rule, Rule::CheckedReference);
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    assert_eq!(desk.balance("A"), money("100"));
}

#[test]
fn a_number_pays_when_its_invoice_is_created_at_last() {
    for bank in [
        credit_saying("1", "100", &["INV-1"]),
        credit_saying("1", "100", &["REF:INV-1"]),
        BankTransaction {
            debtor_account: Some("PAYERA".to_owned()),
            ..credit_saying("1", "100", &["for inv-1"])
        },
    ] {
        let mut desk = desk();
        let known = bank.debtor_account.is_some();
        let first = if known { PaymentState::OnAccount } else { parked(ParkReason::NoCandidate) };
        assert_eq!(desk.receive(bank).1, first);
        desk.draft("INV-1", "A", "100");
        assert_eq!(desk.state("1"), first, "a draft changes nothing");
        desk.apply(mark_sent("INV-1", "A"));
        assert_eq!(desk.state("1"), PaymentState::Allocated);
        assert_eq!((desk.decision("1").rule, desk.owner("1")), (Rule::InvoiceNumber, Some("A")));
    }
}

#[test]
fn money_on_account_pays_the_first_fitting_invoice_that_is_sent() {
    let mut desk = desk();
    desk.receive(credit_from("1", "100", "PAYERA"));
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    desk.invoice("INV-1", "B", "100");
    desk.invoice("INV-2", "A", "70");
    desk.invoice("INV-3", "A", "100 USD");
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    desk.invoice("INV-4", "A", "100");
    assert_eq!(desk.pays("1"), ["INV-4 100.00 SGD"]);
    assert_eq!(desk.decision("1").rule, Rule::KnownPayer);
}

#[test]
fn of_several_that_wait_the_oldest_payment_comes_first() {
    let mut desk = desk();
    desk.receive(credit_from("2", "100", "PAYERA"));
    desk.pass_minute();
    desk.receive(credit_from("1", "100", "PAYERA"));
    desk.invoice("INV-1", "A", "100");
    assert_eq!(desk.pays("2"), ["INV-1 100.00 SGD"]);
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    desk.invoice("INV-2", "A", "100");
    assert_eq!(desk.pays("1"), ["INV-2 100.00 SGD"]);
}

#[test]
fn money_from_before_the_day_of_sending_still_needs_a_person() {
    let mut desk = desk();
    desk.receive(credit_from("1", "100", "PAYERA"));
    desk.pass_days(1);
    desk.invoice("INV-1", "A", "100");
    assert_eq!(desk.state("1"), parked(ParkReason::PaidBeforeSent));
    assert_eq!(desk.suggested("1"), ["INV-1"]);
}

#[test]
fn the_rest_of_an_overpayment_pays_a_fitting_invoice_that_is_sent_later() {
    let ways: [fn(&Desk) -> BankTransaction; 3] = [
        |desk| credit_saying("1", "150", &[&desk.reference("INV-1")]),
        |desk| BankTransaction {
            debtor_account: Some("PAYERB".to_owned()),
            ..credit_saying("1", "150", &[&desk.reference("INV-1")])
        },
        |_| BankTransaction {
            debtor_account: Some("PAYERA".to_owned()),
            ..credit_saying("1", "150", &["INV-1"])
        },
    ];
    for way in ways {
        let mut desk = desk();
        desk.invoice("INV-1", "A", "100");
        let bank = way(&desk);
        desk.receive(bank);
        assert_eq!(desk.state("1"), PaymentState::PartlyAllocated);
        desk.invoice("INV-8", "B", "50");
        desk.invoice("INV-2", "A", "50");
        assert_eq!(desk.pays("1"), ["INV-1 100.00 SGD", "INV-2 50.00 SGD"]);
        assert_eq!(desk.state("1"), PaymentState::Allocated);
        assert_eq!(desk.balance("B"), money("0"));
    }
}

#[test]
fn a_payment_that_was_assigned_by_a_person_is_left_to_persons() {
    let mut desk = desk();
    desk.receive(credit_saying("1", "100", &["INV-1"]));
    desk.apply(assign("BANK:OURS:1", "A"));
    desk.invoice("INV-1", "A", "100");
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
}

#[test]
fn money_held_for_one_customer_never_goes_to_another() {
    let mut desk = desk();
    desk.receive(credit_from("1", "100", "PAYERA"));
    desk.invoice("INV-8", "B", "100");
    let mut gives_up = upsert("A");
    gives_up.payer_accounts = Some(Vec::new());
    desk.apply(Command::UpsertAccount(gives_up));
    let mut takes_over = upsert("B");
    takes_over.payer_accounts = Some(vec!["PAYERA".to_owned()]);
    desk.apply(Command::UpsertAccount(takes_over));
    // Only the account of the command is locked: what B could get now is not even thought of.
    desk.model.set.locked.remove(&account("B"));
    desk.invoice("INV-1", "A", "70");
    assert_eq!((desk.state("1"), desk.owner("1")), (PaymentState::OnAccount, Some("A")));
    assert_eq!(desk.balance("B"), money("0"));
}

fn closed(customer: &str, closed: bool) -> Command {
    Command::CloseAccount { account_id: account(customer), closed, reason: None }
}

fn rematch(desk: &mut Desk, id: &str) {
    let message = desk.message(Input::Rematch(banked(id)));
    assert!(matches!(desk.feed(&message), Outcome::Applied { .. }));
}

/// A number gets a new owner while money that came by it waits for nobody: the new owner gets
/// nothing of it without a person, in the same batch or later; what comes afterwards is theirs.
#[test]
fn money_that_came_before_a_number_changed_hands_is_for_a_person() {
    let by_payer = |id: &str| credit_from(id, "100", "PAYERA");
    let by_virtual =
        |id: &str| BankTransaction { virtual_account: Some("VA1".to_owned()), ..credit(id, "100") };
    type Way<'a> = &'a dyn Fn(&str) -> BankTransaction;
    let ways: [(Way<'_>, bool); 2] = [(&by_payer, false), (&by_virtual, true)];
    for (way, is_virtual) in ways {
        let numbers = |customer: &str, theirs: bool| {
            let mut upsert = upsert(customer);
            upsert.payer_accounts =
                Some(if theirs && !is_virtual { vec!["PAYERA".to_owned()] } else { vec![] });
            upsert.virtual_accounts =
                Some(if theirs && is_virtual { vec!["VA1".to_owned()] } else { vec![] });
            Command::UpsertAccount(upsert)
        };
        let mut desk = desk();
        desk.apply(numbers("A", true));
        desk.apply(closed("A", true));
        desk.receive(way("1"));
        assert_eq!((desk.state("1"), desk.owner("1")), (parked(ParkReason::AccountClosed), None));
        desk.invoice("INV-8", "B", "100");
        // A version before did not wait for that.
        desk.model.set.watches_as(&WorkingSet::default());
        desk.apply(closed("A", false));
        desk.apply(numbers("A", false));
        desk.apply(numbers("B", true));
        rematch(&mut desk, "1");
        assert_eq!(desk.state("1"), parked(ParkReason::IdentityConflict));
        assert_eq!(desk.balance("B"), money("0"));
        desk.receive(way("2"));
        assert_eq!((desk.state("2"), desk.owner("2")), (PaymentState::Allocated, Some("B")));
    }
}

/// Whatever says that money is a closed customer's, it is decided again when they are opened.
#[test]
fn money_of_a_closed_customer_is_decided_again_when_they_are_opened() {
    let mut desk = desk();
    desk.invoice("INV-1", "A", "100");
    desk.invoice("INV-2", "A", "70");
    desk.invoice("INV-3", "A", "30");
    desk.apply(closed("A", true));
    let one = desk.reference("INV-1");
    let two = format!("{} {}", desk.reference("INV-2"), desk.reference("INV-3"));
    desk.receive(credit_saying("1", "100", &[&one]));
    desk.receive(credit_saying("2", "100", &[&two]));
    desk.receive(credit_from("3", "55", "PAYERA"));
    desk.receive(credit_from("4", "5", "PAYERB"));
    for id in ["1", "2", "3"] {
        let stands = (desk.state(id), desk.owner(id));
        assert_eq!(stands, (parked(ParkReason::AccountClosed), None), "{id}");
    }
    desk.apply(closed("A", false));
    assert_eq!((desk.state("1"), desk.owner("1")), (PaymentState::Allocated, Some("A")));
    assert_eq!((desk.state("2"), desk.owner("2")), (PaymentState::Allocated, Some("A")));
    assert_eq!((desk.state("3"), desk.owner("3")), (PaymentState::OnAccount, Some("A")));
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("200"), money("0")));
}

#[test]
fn a_payment_of_an_account_that_is_not_locked_is_left_as_it_is() {
    let mut desk = desk();
    desk.invoice("INV-1", "A", "100");
    let text = format!("{} INV-2", desk.reference("INV-1"));
    desk.receive(credit_saying("1", "60", &[&text]));
    assert_eq!(desk.state("1"), parked(ParkReason::PartialPayment));
    // B creates the other invoice that the text names; A's row is neither locked nor loaded.
    desk.model.set.locked.remove(&account("A"));
    desk.model.set.accounts_mut().remove(&account("A"));
    desk.invoice("INV-2", "B", "60");
    assert_eq!(desk.state("1"), parked(ParkReason::PartialPayment));
    assert_eq!(desk.balance("B"), money("0"));
}

#[test]
fn a_decision_that_changes_nothing_is_not_told_again() {
    let mut desk = desk();
    desk.receive(credit_from("1", "100", "PAYERA"));
    let decisions = desk.model.decisions.values().flatten().count();
    let told = |desk: &Desk| {
        let parked = |fact: &Fact| matches!(fact, Fact::PaymentParked { .. });
        desk.model.set.events.iter().filter(|event| parked(&event.fact)).count()
    };
    assert_eq!(told(&desk), 1);
    desk.invoice("INV-1", "A", "70");
    assert_eq!(told(&desk), 1);
    assert_eq!(desk.model.decisions.values().flatten().count(), decisions);
}

#[test]
fn a_due_amount_that_the_batch_itself_changed_is_found() {
    let mut desk =
        Desk::with_customers(Policy { partial: PartialPolicy::Apply, ..Policy::default() });
    desk.invoice("INV-1", "A", "100");
    // What a batch loads: the lists are those of before the batch, when a hundred was due.
    let world = desk.model.set.clone();
    let reference = desk.reference("INV-1");
    let records = [credit_saying("1", "60", &[&reference]), credit_from("2", "40", "PAYERA")];
    let messages = records.map(|bank| desk.message(Input::BankTransaction(Box::new(bank))));
    let context = Context {
        rules: &desk.model.rules,
        as_of: desk.now,
        claims_until: chrono::DateTime::<chrono::Utc>::MAX_UTC,
    };
    let (set, _) = until_loaded(&world, &mut reloaded(&world), |set| {
        for message in &messages {
            let outcome = decide(set, message, &mut IdBlock::new(9), context)?.outcome;
            assert!(matches!(outcome, Outcome::Applied { .. }));
        }
        Ok(())
    });
    assert_eq!(set.payments_here()[&banked("2")].state, PaymentState::Allocated);
    assert_eq!(set.invoices_here()[&invoice("INV-1")].status, InvoiceStatus::Provisioned);
}
