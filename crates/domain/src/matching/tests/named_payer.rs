//! The payer's name, or another number in the text, speaks for another customer who owes the same:
//! a person decides.

use crate::input::{Command, Input};
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::*;

/// The ids of both invoices; the payer's name and account, and the text; and who is paid.
type Case<'a> = ((&'a str, &'a str), &'a str, Option<&'a str>, &'a [&'a str], Option<&'a str>);

/// Customers by their names, each with the payer's account `PAYER` and its letter, and one invoice.
fn desk(customers: &[(&str, &str, &str)]) -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (owner, name, invoice) in customers {
        let mut described = upsert(owner);
        described.name = (*name).to_owned();
        described.payer_accounts = Some(vec![format!("PAYER{owner}")]);
        desk.apply(Command::UpsertAccount(described));
        desk.invoice(invoice, owner, "53");
    }
    desk
}

/// The customer that is paid by itself, or none.
fn paid(desk: &mut Desk, name: &str, payer: Option<&str>, lines: &[&str]) -> Option<String> {
    let mut bank = credit_saying("1", "53", lines);
    bank.debtor_name = Some(name.to_owned());
    bank.debtor_account = payer.map(str::to_owned);
    let (_, state) = desk.receive(bank);
    let owner = desk.owner("1").map(str::to_owned);
    (state == PaymentState::Allocated).then_some(owner).flatten()
}

#[test]
fn the_payers_name_is_wholly_another_customers_who_owes_the_same() {
    let two = |left: &str, right: &str| {
        desk(&[("A", "Alpine Ski School", left), ("B", "Bodega Ramos SL", right)])
    };
    let cases: [Case; 12] = [
        (("ALP-3", "BOD-7"), "Bodega Ramos SL", Some("PAYERA"), &["topup"], None),
        (("ALP-3", "BOD-7"), "BODEGA RAMOS", Some("PAYERA"), &["topup"], None),
        (("ALP-3", "BOD-7"), "Alpine Ski School", Some("PAYERA"), &["topup"], Some("A")),
        (("ALP-3", "BOD-7"), "Wise Payments Ltd", Some("PAYERA"), &["topup"], Some("A")),
        (("INV-9687", "INV-3786"), "bodega ramos s.l.", None, &["INV-9687 neu 3786"], None),
        (("INV-46535", "INV-53560"), "Bodega Ramos", None, &["INV-46535;53560"], None),
        (("INV-51535", "INV-48560"), "Bodega Ramos", None, &["INV-51535", "48560"], None),
        (("RG-5687", "RG-56872"), "Bodega Ramos SL", None, &["RAMOS RG-5687"], None),
        (("INV-2030", "INV-20300"), "Bodega Ramos SL", None, &["INV-2030"], None),
        (("INV-2030", "INV-7771"), "Some Body", None, &["INV-2030"], Some("A")),
        // The payer's account and the number both say who it is.
        (("INV-2030", "INV-7771"), "Bodega Ramos SL", Some("PAYERA"), &["INV-2030"], Some("A")),
        (("INV-2030", "INV-7771"), "Alpine Ski School", None, &["INV-2030"], Some("A")),
    ];
    for ((left, right), name, payer, lines, expected) in cases {
        let mut desk = two(left, right);
        let owner = paid(&mut desk, name, payer, lines);
        assert_eq!(owner.as_deref(), expected, "{name} {payer:?} {lines:?}");
        if expected.is_none() {
            let mut offered = desk.suggested("1");
            offered.sort_unstable();
            let mut both = [left, right];
            both.sort_unstable();
            assert_eq!(offered, both, "{name} {payer:?} {lines:?}");
        }
    }
}

/// The money is held for the payer's customer, and then an invoice of the same amount is sent: it
/// is offered, and a person decides.
#[test]
fn an_invoice_that_comes_after_the_money_leaves_it_to_a_person_too() {
    let mut desk = desk(&[("A", "Alpine Ski School", "ALP-1"), ("B", "Bodega Ramos SL", "BOD-7")]);
    desk.apply(void("ALP-1", "A"));
    assert_eq!(paid(&mut desk, "Bodega Ramos SL", Some("PAYERA"), &["topup"]), None);
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    desk.invoice("ALP-3", "A", "53");
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    assert_eq!(desk.suggested("1"), ["ALP-3"]);
    let seen = format!("{:?}", desk.decision("1").explanation.candidates);
    assert!(seen.contains("BOD-7"), "{seen}");
}

/// Whose money it is was said by a person: no rule puts that in doubt again.
#[test]
fn what_a_person_assigned_stays_assigned() {
    let mut desk = desk(&[("A", "Alpine Ski School", "ALP-1"), ("B", "Bodega Ramos SL", "BOD-7")]);
    assert_eq!(paid(&mut desk, "Bodega Ramos SL", Some("PAYERA"), &["topup"]), None);
    assert_eq!(desk.state("1"), PaymentState::Parked(ParkReason::IdentityConflict));
    desk.apply(assign("BANK:OURS:1", "A"));
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    desk.invoice("ALP-3", "A", "53");
    desk.invoice("ALP-4", "A", "90");
    let again = desk.message(Input::Rematch(banked("1")));
    desk.feed(&again);
    assert_eq!((desk.state("1"), desk.owner("1")), (PaymentState::OnAccount, Some("A")));
}

/// A checked reference and a virtual account are more than a name.
#[test]
fn a_reference_stands_against_a_name() {
    let mut desk = desk(&[("A", "Alpine Ski School", "ALP-3"), ("B", "Bodega Ramos SL", "BOD-7")]);
    let reference = desk.reference("ALP-3");
    let owner = paid(&mut desk, "Bodega Ramos SL", None, &[&reference]);
    assert_eq!(owner.as_deref(), Some("A"));
}

/// Both numbers are there, whatever stands between them, and nobody's name decides.
#[test]
fn a_second_number_of_the_text_is_seen_behind_anything() {
    for between in
        [";", " u. ", " или ", " corrected to ", " -> ", " storniert, neu ", " old, new "]
    {
        let ids = [("A", "Gasthof Linde", "INV-9687"), ("B", "Praxis Vogt", "INV-3786")];
        let mut desk = desk(&ids);
        let text = format!("INV-9687{between}3786");
        assert_eq!(paid(&mut desk, "Some Body", None, &[&text]), None, "{text}");
        // Of another amount it is any number.
        let mut desk = self::desk(&ids[..1]);
        desk.invoice("INV-3786", "B", "54");
        assert_eq!(paid(&mut desk, "Some Body", None, &[&text]).as_deref(), Some("A"), "{text}");
    }
    let mut desk = desk(&[("A", "Gasthof Linde", "INV-9687"), ("B", "Praxis Vogt", "INV-3786")]);
    assert_eq!(paid(&mut desk, "Gasthof Linde", None, &["INV-9687; 3786"]).as_deref(), Some("A"));
    assert_ne!(desk.state("1"), parked(ParkReason::Undecided));
}
