//! Entries that the bank booked as one sum, and money that is announced under one id and booked
//! under another.

use crate::bank::{BankTransaction, CreditDebit, EntryDetail, EntryStatus};
use crate::decide::bank::{bank_key, payment_id};
use crate::effect::{BankDisposition, Outcome};
use crate::ids::BankKey;
use crate::rejection::DeadLetterReason;
use crate::testkit::*;

fn detail(index: u32, bank: BankTransaction) -> BankTransaction {
    let detail = EntryDetail { index, entry_amount: Some(money("200")), entry_details: Some(40) };
    BankTransaction { detail: Some(detail), ..bank }
}

fn key_of(bank: &BankTransaction) -> String {
    bank_key(bank, &[7; 32], 1).key
}

fn disposition(desk: &Desk, key: &str) -> BankDisposition {
    let key = BankKey { bank_account: "OURS".to_owned(), key: key.to_owned() };
    desk.model.set.bank_here()[&key].disposition
}

fn announced(bank: BankTransaction) -> BankTransaction {
    BankTransaction { status: EntryStatus::Pending, ..bank }
}

#[test]
fn a_detail_is_told_apart_by_its_place() {
    let by_entry = |bank: BankTransaction| BankTransaction {
        bank_transaction_id: None,
        statement_id: Some("S".to_owned()),
        entry_reference: Some("E".to_owned()),
        ..bank
    };
    let cases = [
        (credit("X", "5"), "id:X"),
        (detail(3, credit("X", "5")), "detail:3:id:X"),
        (detail(3, by_entry(credit("X", "5"))), "detail:3:entry:S/E"),
        // Ids that try to look like a detail of another are ids.
        (credit("X/3", "5"), "id:X/3"),
        (credit("3:id:X", "5"), "id:3:id:X"),
        (detail(33, credit("X", "5")), "detail:33:id:X"),
    ];
    let mut payments = std::collections::BTreeSet::new();
    for (bank, key) in cases {
        assert_eq!(key_of(&bank), key);
        assert!(payments.insert(payment_id(&bank_key(&bank, &[7; 32], 1))), "{key}");
    }
    // Without a name of the entry its details are told apart by their content.
    let nameless = BankTransaction { bank_transaction_id: None, ..detail(3, credit("", "5")) };
    assert!(key_of(&nameless).starts_with("print:"));
}

#[test]
fn edge_46_the_details_of_one_entry_are_payments_of_their_own() {
    let mut desk = Desk::new();
    for index in 1..=40 {
        let outcome = desk.bank(detail(index, credit("X", "5")));
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }
    assert_eq!(desk.model.set.payments_here().len(), 40);
    // Delivered again, perhaps by a feed that knows less of the entry.
    for index in 1..=40 {
        let mut again = detail(index, credit("X", "5"));
        if let Some(detail) = &mut again.detail {
            detail.entry_amount = None;
            detail.entry_details = None;
        }
        assert_eq!(desk.bank(again), Outcome::Duplicate);
    }
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    assert_eq!(desk.bank(detail(7, credit("X", "6"))), conflict);
    assert_eq!(desk.model.set.payments_here().len(), 40);
}

/// What was announced is on its way no more, and is no second payment.
#[test]
fn edge_40_booked_under_another_id_than_announced() {
    let from = |id: &str| credit_from(id, "5", "PAYER");
    let mut desk = Desk::new();
    desk.bank(announced(from("1")));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::NotBooked);
    desk.bank(from("2"));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::Superseded);
    assert_eq!(desk.model.set.payments_here().len(), 1);
    // Announced once more: nothing changes.
    assert_eq!(desk.bank(announced(from("1"))), Outcome::Duplicate);
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::Superseded);
    assert_eq!(desk.bank(from("2")), Outcome::Duplicate);
    // If the bank books it under its own id after all, these were two transfers: money is a fact.
    assert!(matches!(desk.bank(from("1")), Outcome::Applied { .. }));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::Payment);
    assert_eq!(desk.model.set.payments_here().len(), 2);
}

/// What was announced over another amount is booked: it announces nothing any more, and what comes
/// over the announced amount is other money.
#[test]
fn what_is_booked_over_another_amount_announces_nothing_any_more() {
    let mut desk = Desk::new();
    let of_payer = |id: &str, amount: &str| credit_from(id, amount, "PAYER");
    desk.bank(announced(of_payer("1", "250")));
    desk.bank(of_payer("1", "50"));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::Payment);
    desk.bank(of_payer("2", "250"));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::Payment);
    assert_eq!(disposition(&desk, "id:2"), BankDisposition::Payment);
}

#[test]
fn edge_40_announced_without_an_id() {
    let nameless = BankTransaction { bank_transaction_id: None, ..credit_from("", "5", "PAYER") };
    let mut desk = Desk::new();
    desk.bank(announced(nameless));
    desk.bank(credit_from("2", "5", "PAYER"));
    assert_eq!(desk.model.set.payments_here().len(), 1);
    let pending = |(_, stored): &(&BankKey, &_)| {
        let stored: &crate::working_set::StoredBankTransaction = stored;
        stored.disposition == BankDisposition::NotBooked
    };
    assert_eq!(desk.model.set.bank_here().iter().filter(pending).count(), 0);
}

#[test]
fn only_the_same_transfer_takes_the_place_of_what_was_announced() {
    let from = |id: &str| credit_from(id, "5", "PAYER");
    let saying = |bank: BankTransaction, text: &str| BankTransaction {
        unstructured: vec![text.to_owned()],
        ..bank
    };
    let with_id = |bank: BankTransaction, id: &str| BankTransaction {
        end_to_end_id: Some(id.to_owned()),
        ..bank
    };
    let other_day = BankTransaction { booking_date: day("2026-11-05"), ..from("2") };
    let debit = BankTransaction { credit_debit: CreditDebit::Debit, ..from("2") };
    let cases = [
        (from("1"), from("2"), true),
        (from("1"), other_day, true),
        (saying(from("1"), "INV-1 thanks"), saying(from("2"), "for inv-1"), true),
        (saying(from("1"), "INV-1"), saying(from("2"), "INV-2"), false),
        (from("1"), credit_from("2", "6", "PAYER"), false),
        (from("1"), credit_from("2", "5", "OTHER"), false),
        (credit("1", "5"), credit("2", "5"), false),
        (from("1"), debit, false),
        (from("1"), announced(from("2")), false),
        // The end-to-end id decides where both have one.
        (with_id(credit("1", "5"), "E2E-7F3A"), with_id(from("2"), "E2E-7F3A"), true),
        (with_id(from("1"), "E2E-7F3A"), with_id(from("2"), "E2E-7F3B"), false),
        (with_id(credit("1", "5"), "NOTPROVIDED"), with_id(credit("2", "5"), "NOTPROVIDED"), false),
        (with_id(from("1"), "NOTPROVIDED"), with_id(from("2"), "E2E-7F3B"), true),
        // Words that anybody writes and masked accounts are nobody's.
        (with_id(credit("1", "5"), "TOPUP"), with_id(credit("2", "5"), "TOPUP"), false),
        (with_id(from("1"), "TOPUP"), with_id(from("2"), "N/A"), true),
        (credit_from("1", "5", "N/A"), credit_from("2", "5", "N/A"), false),
        (credit_from("1", "5", "XXXXXX1234"), credit_from("2", "5", "XXXXXX1234"), false),
        (credit_from("1", "5", "DE62-0001"), credit_from("2", "5", "de62 0001"), true),
        // No other payer, whatever the end-to-end id.
        (
            with_id(from("1"), "E2E-7F3A"),
            with_id(credit_from("2", "5", "OTHER"), "E2E-7F3A"),
            false,
        ),
    ];
    for (number, (pending, booked, same)) in cases.into_iter().enumerate() {
        let mut desk = Desk::new();
        desk.bank(announced(pending));
        desk.bank(booked);
        let expected = if same { BankDisposition::Superseded } else { BankDisposition::NotBooked };
        assert_eq!(disposition(&desk, "id:1"), expected, "case {number}");
    }
}

#[test]
fn what_is_announced_after_its_booking_is_no_money_to_come() {
    let from = |id: &str| credit_from(id, "5", "PAYER");
    let on =
        |bank: BankTransaction, date: &str| BankTransaction { booking_date: day(date), ..bank };
    let cases = [
        (from("2"), from("1"), true),
        (on(from("2"), "2026-11-09"), on(from("1"), "2026-11-05"), true),
        // Booked before it was announced for, or long after: another transfer.
        (on(from("2"), "2026-11-04"), on(from("1"), "2026-11-05"), false),
        (on(from("2"), "2026-11-29"), on(from("1"), "2026-11-05"), false),
        (from("2"), credit_from("1", "5", "OTHER"), false),
        (credit_from("2", "5", "N/A"), credit_from("1", "5", "N/A"), false),
    ];
    for (number, (booked, pending, same)) in cases.into_iter().enumerate() {
        let mut desk = Desk::new();
        desk.bank(booked);
        desk.bank(announced(pending.clone()));
        let expected = if same { BankDisposition::Superseded } else { BankDisposition::NotBooked };
        assert_eq!(disposition(&desk, "id:1"), expected, "case {number}");
        // A second one of the kind announces money that is not booked yet.
        let second = BankTransaction { bank_transaction_id: Some("3".to_owned()), ..pending };
        desk.bank(announced(second));
        assert_eq!(disposition(&desk, "id:3"), BankDisposition::NotBooked, "case {number}");
    }
    // A booking that had its own announcement was announced.
    let mut desk = Desk::new();
    desk.bank(announced(from("2")));
    desk.bank(from("2"));
    desk.bank(announced(from("1")));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::NotBooked);
}

#[test]
fn of_several_that_were_announced_one_is_booked_if_they_are_alike() {
    let from = |id: &str| credit_from(id, "5", "PAYER");
    let mut desk = Desk::new();
    desk.bank(announced(from("1")));
    desk.bank(announced(from("2")));
    desk.bank(from("3"));
    let both = |desk: &Desk| (disposition(desk, "id:1"), disposition(desk, "id:2"));
    assert_eq!(both(&desk), (BankDisposition::Superseded, BankDisposition::NotBooked));
    desk.bank(from("4"));
    assert_eq!(both(&desk), (BankDisposition::Superseded, BankDisposition::Superseded));
    // They say different things: nobody knows which of them it is.
    let mut desk = Desk::new();
    let id = |bank: BankTransaction, id: &str| BankTransaction {
        end_to_end_id: Some(id.to_owned()),
        ..bank
    };
    desk.bank(announced(id(from("1"), "E2E-7F3A")));
    desk.bank(announced(id(from("2"), "E2E-7F3B")));
    desk.bank(from("3"));
    assert_eq!(both(&desk), (BankDisposition::NotBooked, BankDisposition::NotBooked));
}

#[test]
fn a_booking_under_its_own_id_takes_the_place_of_no_other() {
    let from = |id: &str| credit_from(id, "5", "PAYER");
    let mut desk = Desk::new();
    desk.bank(announced(from("1")));
    desk.bank(announced(from("2")));
    desk.bank(from("2"));
    assert_eq!(disposition(&desk, "id:1"), BankDisposition::NotBooked);
    assert_eq!(disposition(&desk, "id:2"), BankDisposition::Payment);
}
