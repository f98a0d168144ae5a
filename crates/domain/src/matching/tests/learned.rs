//! What persons taught about payers' accounts: shared, expired, outranked; names that are alike.

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::matching::names::{SAME, likeness};
use crate::matching::payer::SHARED;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// Says of a payment from `payer` that it is `owner`'s.
fn teach(desk: &mut Desk, id: &str, payer: &str, owner: &str) {
    desk.receive(credit_from(id, "3.21", payer));
    desk.apply(assign(banked(id).as_str(), owner));
}

fn on(bank: BankTransaction, date: &str) -> BankTransaction {
    BankTransaction { booking_date: day(date), ..bank }
}

#[test]
fn edge_65_the_account_of_an_agent_identifies_nobody() {
    let mut desk = Desk::new();
    teach(&mut desk, "T1", "AGENT", "A");
    // The agent pays for three hundred more, and for A again: strong for none of them.
    for number in 0..300 {
        let owner = format!("B{number}");
        let id = format!("X{number}");
        desk.receive(credit_from(&id, "0.07", "AGENT"));
        desk.apply(assign(banked(&id).as_str(), &owner));
    }
    teach(&mut desk, "T2", "AGENT", "A");
    for (id, amount) in [("2", "100"), ("3", "55")] {
        desk.invoice(&format!("INV-{id}"), "A", amount);
        let got = desk.receive(credit_from(id, amount, "AGENT"));
        assert_eq!(got, (Rule::AmountOnly, parked(ParkReason::AmountOnly)));
        assert_eq!(
            (desk.owner(id), desk.decision(id).explanation.notes.as_slice()),
            (None, &[SHARED][..])
        );
        assert_eq!(desk.decision(id).alias, None);
    }
}

#[test]
fn a_verified_payer_outranks_what_was_learnt() {
    let mut desk = Desk::with_customers(Policy::default());
    for id in ["T1", "T2"] {
        teach(&mut desk, id, "PAYERX", "B");
    }
    let mut customer = upsert("A");
    customer.payer_accounts = Some(vec!["PAYERX".to_owned()]);
    desk.apply(Command::UpsertAccount(customer));
    desk.invoice("INV-1", "A", "100");
    desk.invoice("INV-2", "B", "100");
    let got = desk.receive(credit_from("1", "100", "PAYERX"));
    assert_eq!(got, (Rule::KnownPayer, PaymentState::Allocated));
    assert_eq!((desk.owner("1"), desk.decision("1").alias.as_ref()), (Some("A"), None));
}

#[test]
fn edge_66_names_are_compared_as_sets_of_words_without_legal_forms() {
    assert!(likeness("ABC PTE LTD", "ABC PTE. LTD. (SG)") >= SAME);
    assert!(likeness("ABC PTE LTD", "ABC HOLDINGS") < SAME);
    assert!(likeness("ABC PTE. LTD. (SG)", "ABC HOLDINGS") < SAME);
}

#[test]
fn edge_67_two_customers_with_the_payers_name_are_none() {
    for (first, second) in [("ACME TRADING", "ACME TRADING"), ("ACME TRADING", "TRADING ACME LTD")]
    {
        let mut desk = Desk::new();
        for (id, name) in [("A", first), ("B", second)] {
            let mut customer = upsert(id);
            customer.name = name.to_owned();
            desk.apply(Command::UpsertAccount(customer));
        }
        desk.invoice("INV-1", "A", "100");
        desk.invoice("INV-2", "B", "100");
        let named = BankTransaction {
            debtor_name: Some("ACME TRADING PTE LTD".to_owned()),
            ..credit("1", "100")
        };
        assert_eq!(desk.receive(named), (Rule::NothingFound, parked(ParkReason::NoCandidate)));
        assert_eq!(desk.suggested("1"), Vec::<&str>::new());
    }
}

/// A doubtful number, the amount, and a name: the name is a witness only where it is that of one
/// customer.
#[test]
fn edge_67_a_name_that_two_customers_share_is_no_witness_of_a_number() {
    for (theirs, paid) in [
        ("Acme Trading Pte Ltd", false),
        ("ACME TRADING", false),
        ("Trading Acme Limited", false),
        ("Acmé Trading Inc.", false),
        ("Acme Foods", true),
        ("Globex", true),
    ] {
        for text in ["topup 4711", "004711", "invoice 04711"] {
            let mut desk = Desk::with_customers(Policy::default());
            for (id, name) in [("A", "Acme Trading Pte. Ltd."), ("B", theirs)] {
                let mut named = upsert(id);
                named.name = name.to_owned();
                desk.apply(Command::UpsertAccount(named));
            }
            desk.invoice("4711", "A", "100");
            let bank = BankTransaction {
                debtor_name: Some("ACME TRADING PTE LTD".to_owned()),
                ..credit_saying("1", "100", &[text])
            };
            desk.receive(bank);
            let got = (!desk.pays("1").is_empty(), desk.suggested("1").first() == Some(&"4711"));
            assert_eq!(got, (paid, !paid), "{theirs}: {text}");
            let notes = &desk.decision("1").explanation.notes;
            assert_eq!(notes.iter().any(|note| note.contains("several customers")), !paid);
        }
    }
}

#[test]
fn edge_69_an_alias_that_nobody_used_for_400_days_is_forgotten() {
    // The lessons are of 2026-11-02; 400 days later is 2027-12-07.
    for (booked, rule) in [("2027-12-07", Rule::KnownPayer), ("2027-12-08", Rule::AmountOnly)] {
        let mut desk = Desk::new();
        for id in ["T1", "T2"] {
            teach(&mut desk, id, "PAYERX", "A");
        }
        desk.invoice("INV-1", "A", "100");
        let got = desk.receive(on(credit_from("1", "100", "PAYERX"), booked));
        assert_eq!(got.0, rule, "{booked}");
    }
    // Each use renews it, and what is forgotten keeps no other customer from being learnt.
    let mut desk = Desk::new();
    for id in ["T1", "T2"] {
        teach(&mut desk, id, "PAYERX", "A");
    }
    for (id, date, rule) in [
        ("1", "2027-10-01", Rule::KnownPayer),
        ("2", "2028-10-01", Rule::KnownPayer),
        ("3", "2030-01-01", Rule::AmountOnly),
    ] {
        desk.invoice(&format!("INV-{id}"), "A", "100");
        let got = desk.receive(on(credit_from(id, "100", "PAYERX"), date));
        assert_eq!(got.0, rule, "{date}");
    }
    for (id, date) in [("T4", "2030-02-01"), ("T5", "2030-03-01")] {
        desk.receive(on(credit_from(id, "3.21", "PAYERX"), date));
        desk.apply(assign(banked(id).as_str(), "B"));
    }
    desk.invoice("INV-B", "B", "45");
    let got = desk.receive(on(credit_from("6", "45", "PAYERX"), "2030-04-01"));
    assert_eq!((got.0, desk.owner("6")), (Rule::KnownPayer, Some("B")));
}
