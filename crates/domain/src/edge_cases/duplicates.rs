//! Cases 31, 38, 39 and 43: the same thing again, or something that only looks like it.

use crate::bank::{BankTransaction, EntryStatus};
use crate::effect::Outcome;
use crate::input::{Command, Input};
use crate::invoice::InvoiceStatus;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::{DeadLetterReason, Rejection};
use crate::testkit::*;

/// A statement is issued again with a corrected value date. The bank's id is known and the
/// content is another: a dead letter for a person, and nothing moves.
#[test]
fn edge_31_a_corrected_value_date_under_the_same_bank_id_is_a_conflict() {
    let on = |date: &str| BankTransaction { value_date: Some(day(date)), ..credit("1", "100") };
    let mut desk = Desk::new();
    desk.receive(on("2026-11-02"));
    let before = desk.model.summary();
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    assert_eq!(desk.bank(on("2026-11-03")), conflict);
    assert_eq!(desk.model.summary(), before);
    assert_eq!(desk.bank(on("2026-11-02")), Outcome::Duplicate);
}

/// Two transfers of fifty by one payer on one day with one text and no bank id are two payments.
/// The same record read again is not a third.
#[test]
fn edge_38_two_equal_transfers_without_an_id_are_two_payments() {
    let equal = || BankTransaction {
        bank_transaction_id: None,
        debtor_account: Some("PAYER".to_owned()),
        ..credit_saying("", "50", &["topup"])
    };
    let mut desk = Desk::new();
    let messages = [(); 2].map(|()| desk.message(Input::BankTransaction(Box::new(equal()))));
    for message in &messages {
        assert!(matches!(desk.feed(message), Outcome::Applied { .. }));
    }
    for message in &messages {
        assert_eq!(desk.feed(message), Outcome::Duplicate);
    }
    let payments = desk.model.set.payments_here();
    assert_eq!(payments.len(), 2);
    for payment in payments.values() {
        assert_eq!(payment.amount, money("50"));
        assert_eq!(payment.state, PaymentState::Parked(ParkReason::NoCandidate));
    }
}

/// The intraday report, the statement of the day and the notification tell of one entry. By the
/// bank's id it is one payment, whichever comes first and under whatever entry of whatever file.
#[test]
fn edge_39_one_entry_in_three_reports_is_one_payment() {
    let reported = |report: &str| BankTransaction {
        statement_id: Some(report.to_owned()),
        entry_reference: Some(format!("{report}/7")),
        ..credit("1", "100")
    };
    let reports = ["camt.052", "camt.053", "camt.054"];
    for first in 0..reports.len() {
        let mut desk = Desk::new();
        let outcome = desk.bank(reported(reports[first]));
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        for report in reports {
            assert_eq!(desk.bank(reported(report)), Outcome::Duplicate, "{report}");
        }
        assert_eq!(desk.model.set.payments_here().len(), 1);
        // A report of what was pending before it was booked comes late.
        let late = BankTransaction { status: EntryStatus::Pending, ..reported("camt.052") };
        assert_eq!(desk.bank(late), Outcome::Duplicate);
    }
}

/// The creation of an invoice is read again after the invoice was voided: by its record it is a
/// duplicate, as a new record it is refused. Either way the invoice stays void.
#[test]
fn edge_43_a_creation_that_is_replayed_does_not_resurrect_a_void_invoice() {
    let mut desk = Desk::new();
    let created = Command::CreateInvoice(create("INV-1", "A", "100"));
    let created = desk.message(Input::Command(created));
    desk.feed(&created);
    desk.apply(void("INV-1", "A"));
    let before = desk.model.summary();
    assert_eq!(desk.feed(&created), Outcome::Duplicate);
    assert_eq!(desk.model.summary(), before);
    let again = desk.hand_in(Command::CreateInvoice(create("INV-1", "A", "100")));
    assert_eq!(again, Outcome::Rejected(Rejection::InvoiceExists));
    let sent = desk.hand_in(mark_sent("INV-1", "A"));
    assert_eq!(sent, Outcome::Rejected(Rejection::InvoiceVoided));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Voided);
}
