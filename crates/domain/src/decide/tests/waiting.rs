//! Commands that come before what they name: they wait, in order, and no longer than they must.

use crate::effect::{Need, Outcome};
use crate::ids::RecordId;
use crate::input::{Command, Input, Message, ReleasePayment, ReleaseWord};
use crate::invoice::InvoiceStatus;
use crate::matching::policy;
use crate::rejection::{DeadLetterReason, Rejection};
use crate::testkit::*;

fn message(desk: &mut Desk, command: Command) -> Message {
    desk.message(Input::Command(command))
}

fn outcome_now<'a>(desk: &'a Desk, record: &RecordId) -> &'a Outcome {
    desk.model.outcome_of(record).expect("a record that was handed in")
}

#[test]
fn a_command_waits_for_what_it_names() {
    let invoice_need = || Need::Invoice(invoice("INV-1"));
    let payment_need = || Need::Payment(payment("PAY-1"));
    let cases = [
        (mark_sent("INV-1", "A"), invoice_need()),
        (void("INV-1", "A"), invoice_need()),
        (keep("INV-1", "A"), invoice_need()),
        (assign("PAY-1", "A"), payment_need()),
        (remove("PAY-1", "A"), payment_need()),
        (allocate("PAY-1", "A", &[("INV-1", "")]), payment_need()),
        (deallocate("PAY-1", "INV-1", "A"), payment_need()),
    ];
    for (command, need) in cases {
        let mut desk = Desk::new();
        assert_eq!(desk.hand_in(command.clone()), Outcome::Waiting(need), "{command:?}");
        assert!(desk.model.set.events.is_empty(), "{command:?}");
    }
}

#[test]
fn what_introduces_something_never_waits() {
    let mut desk = Desk::new();
    desk.hand_in(mark_sent("INV-1", "A"));
    desk.apply(Command::UpsertAccount(upsert("A")));
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "5")));
    desk.invoice("INV-2", "A", "5");
    assert!(!desk.model.set.queue(&account("A")).is_empty());
}

/// It waits behind that record.
fn behind(earlier: &Message) -> Outcome {
    Outcome::Waiting(Need::Behind(earlier.record.clone()))
}

#[test]
fn later_commands_that_depend_on_it_keep_their_order() {
    let mut desk = Desk::new();
    desk.draft("INV-2", "A", "5");
    let send_first = message(&mut desk, mark_sent("INV-1", "A"));
    let void_first = message(&mut desk, void("INV-1", "A"));
    let keep_first = message(&mut desk, keep("INV-1", "A"));
    assert_eq!(desk.feed(&send_first), Outcome::Waiting(Need::Invoice(invoice("INV-1"))));
    assert_eq!(desk.feed(&void_first), behind(&send_first));
    assert_eq!(desk.feed(&keep_first), behind(&void_first));
    // What is about another invoice does not wait, nor does another account.
    desk.apply(void("INV-2", "A"));
    desk.invoice("INV-9", "B", "5");
    desk.apply(void("INV-9", "B"));
    desk.draft("INV-1", "A", "5");
    let kept = outcome_now(&desk, &keep_first.record);
    assert!(matches!(kept, Outcome::Rejected(_)), "{kept:?}");
    for message in [&send_first, &void_first] {
        let outcome = outcome_now(&desk, &message.record);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }
    // Sent before it was voided: a voided invoice cannot be sent.
    assert!(desk.invoice_now("INV-1").sent_at.is_some());
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Voided);
    assert!(desk.model.waiting.is_empty());
    assert!(desk.model.set.queues_here().all(Vec::is_empty));
}

#[test]
fn the_queue_stops_at_the_first_that_still_waits() {
    let mut desk = Desk::new();
    let send = message(&mut desk, mark_sent("INV-1", "A"));
    let pay = message(&mut desk, allocate("PAY-1", "A", &[("INV-1", "")]));
    let last = message(&mut desk, mark_sent("INV-1", "A"));
    for message in [&send, &pay, &last] {
        desk.feed(message);
    }
    desk.draft("INV-1", "A", "5");
    assert!(matches!(outcome_now(&desk, &send.record), Outcome::Applied { .. }));
    let waits = Outcome::Waiting(Need::Payment(payment("PAY-1")));
    assert_eq!(*outcome_now(&desk, &pay.record), waits);
    assert_eq!(*outcome_now(&desk, &last.record), behind(&pay));
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "5")));
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Provisioned);
    let refused = Outcome::Rejected(Rejection::InvoiceAlreadyProvisioned);
    assert_eq!(*outcome_now(&desk, &last.record), refused);
}

#[test]
fn a_bank_payment_is_worth_waiting_for() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "5");
    let claim = message(&mut desk, assign("BANK:OURS:1", "A"));
    let pay = message(&mut desk, allocate("BANK:OURS:1", "A", &[("INV-1", "")]));
    desk.feed(&claim);
    desk.feed(&pay);
    desk.bank(credit("1", "5"));
    assert_eq!(desk.pays("1"), ["INV-1 5.00 SGD"]);
}

#[test]
fn at_the_deadline_a_waiting_command_is_a_dead_letter() {
    let mut desk = Desk::new();
    let send = message(&mut desk, mark_sent("INV-1", "A"));
    let behind = message(&mut desk, void("INV-1", "A"));
    desk.feed(&send);
    desk.feed(&behind);
    desk.model.expire(desk.now);
    let missing = Outcome::DeadLettered(DeadLetterReason::DependencyMissing);
    assert_eq!(*outcome_now(&desk, &send.record), missing);
    assert_eq!(*outcome_now(&desk, &behind.record), missing);
    desk.draft("INV-1", "A", "5");
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Draft);
    assert_eq!(desk.feed(&send), Outcome::Duplicate);
}

#[test]
fn the_same_record_is_a_duplicate_and_its_id_with_other_content_a_conflict() {
    let mut desk = Desk::new();
    let first = message(&mut desk, Command::CreateInvoice(create("INV-1", "A", "5")));
    let mut other = message(&mut desk, Command::CreateInvoice(create("INV-2", "A", "5")));
    other.record = first.record.clone();
    desk.feed(&first);
    let before = desk.model.summary();
    assert_eq!(desk.feed(&first), Outcome::Duplicate);
    assert_eq!(desk.feed(&other), Outcome::DeadLettered(DeadLetterReason::Conflict));
    assert_eq!(desk.model.summary(), before);
}

/// A customer with paid invoices, one of whose payments is to be taken off, which waits for proof.
fn corrected() -> (Desk, Message) {
    let mut desk = Desk::new();
    for (id, pay) in [("INV-1", "PAY-1"), ("INV-2", "PAY-2")] {
        desk.invoice(id, "A", "5");
        desk.apply(Command::RecordPayment(record(pay, Some("A"), "5")));
        desk.apply(allocate(pay, "A", &[(id, "")]));
    }
    desk.apply(Command::RecordPayment(record("PAY-3", Some("A"), "5")));
    desk.invoice("INV-3", "A", "5");
    desk.draft("INV-4", "A", "5");
    let correction = message(&mut desk, deallocate("PAY-1", "INV-1", "A"));
    assert!(matches!(desk.feed(&correction), Outcome::Waiting(Need::Proof(_))));
    (desk, correction)
}

#[test]
fn a_correction_that_waits_holds_up_what_depends_on_it_and_nothing_else() {
    let close = Command::CloseAccount { account_id: account("A"), closed: true, reason: None };
    let behind_it = [
        void("INV-1", "A"),
        keep("INV-1", "A"),
        allocate("PAY-3", "A", &[("INV-1", "")]),
        allocate("PAY-1", "A", &[("INV-3", "")]),
        deallocate("PAY-1", "INV-1", "A"),
        // It takes money of the same lots.
        deallocate("PAY-2", "INV-2", "A"),
        remove("PAY-1", "A"),
        remove("PAY-2", "A"),
        close,
    ];
    for command in behind_it {
        let (mut desk, correction) = corrected();
        assert_eq!(desk.hand_in(command.clone()), behind(&correction), "{command:?}");
    }
    let free = [
        mark_sent("INV-4", "A"),
        void("INV-3", "A"),
        keep("INV-3", "A"),
        allocate("PAY-3", "A", &[("INV-3", "")]),
        // Nothing is paid with it, so no lot is its.
        remove("PAY-3", "A"),
    ];
    for command in free {
        let (mut before, correction) = corrected();
        before.apply(command.clone());
        before.watermark();
        let done = outcome_now(&before, &correction.record);
        assert!(matches!(done, Outcome::Applied { .. }), "{command:?} {done:?}");
        assert!(before.model.set.queues_here().all(Vec::is_empty));
        let (mut after, _) = corrected();
        after.watermark();
        after.apply(command.clone());
        let (left, right) = (before.model.summary(), after.model.summary());
        assert_eq!(left.invoices, right.invoices, "{command:?}");
        assert_eq!(left.payments, right.payments, "{command:?}");
        assert_eq!(left.balances, right.balances, "{command:?}");
    }
}

#[test]
fn what_a_payment_pays_waits_with_its_removal() {
    let (mut desk, correction) = corrected();
    let removal = message(&mut desk, remove("PAY-2", "A"));
    assert_eq!(desk.feed(&removal), behind(&correction));
    let voided = message(&mut desk, void("INV-2", "A"));
    assert_eq!(desk.feed(&voided), behind(&removal));
    desk.watermark();
    for message in [&correction, &removal, &voided] {
        let outcome = outcome_now(&desk, &message.record);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }
    assert_eq!(desk.invoice_now("INV-2").status, InvoiceStatus::Voided);
}

/// Money that is left must not be spent while its removal waits, nor be let in where an open
/// invoice is to be voided.
#[test]
fn what_waits_keeps_money_and_invoices_from_a_send() {
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "5");
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "8")));
    desk.apply(allocate("PAY-1", "A", &[("INV-1", "5")]));
    desk.draft("INV-2", "A", "3");
    let removal = message(&mut desk, remove("PAY-1", "A"));
    assert!(matches!(desk.feed(&removal), Outcome::Waiting(Need::Proof(_))));
    assert_eq!(desk.hand_in(mark_sent("INV-2", "A")), behind(&removal));
    // The same where all of the payment is with an invoice: nothing can be taken meanwhile.
    let (mut desk, _) = corrected();
    let second = desk.hand_in(remove("PAY-2", "A"));
    assert!(matches!(second, Outcome::Waiting(Need::Behind(_))), "{second:?}");
    desk.apply(mark_sent("INV-4", "A"));
    // An invoice that is partly paid is open: it is voided once the payment is off.
    let mut desk = Desk::new();
    desk.invoice("INV-1", "A", "5");
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "3")));
    desk.apply(allocate("PAY-1", "A", &[("INV-1", "")]));
    desk.draft("INV-2", "A", "3");
    let correction = message(&mut desk, deallocate("PAY-1", "INV-1", "A"));
    assert!(matches!(desk.feed(&correction), Outcome::Waiting(Need::Proof(_))));
    let voided = message(&mut desk, void("INV-1", "A"));
    assert_eq!(desk.feed(&voided), behind(&correction));
    assert_eq!(desk.hand_in(mark_sent("INV-2", "A")), behind(&voided));
    desk.watermark();
    assert_eq!(desk.invoice_now("INV-1").status, InvoiceStatus::Voided);
    assert!(desk.invoice_now("INV-2").sent_at.is_some());
}

#[test]
fn a_command_without_a_customer_waits_by_its_payment() {
    let mut desk = Desk::new();
    let release = ReleasePayment {
        payment_id: banked("1"),
        account_id: None,
        word: ReleaseWord::Dismiss,
        reason: "tax refund".to_owned(),
    };
    let dismissal = message(&mut desk, Command::ReleasePayment(release));
    assert_eq!(desk.feed(&dismissal), Outcome::Waiting(Need::Payment(banked("1"))));
    assert_eq!(desk.model.waiting.values().flatten().count(), 1);
    desk.bank(credit("1", "5"));
    let outcome = outcome_now(&desk, &dismissal.record);
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
}

/// Its turn comes before that of the refund whose end it needs: it has another one, whoever's
/// record comes next, or if none does.
#[test]
fn what_waits_has_its_turn_until_nothing_changes() {
    let mut desk = Desk::with_customers(policy::Policy::default());
    desk.invoice("INV-1", "A", "100");
    desk.apply(Command::RecordPayment(record("PAY-1", Some("A"), "100")));
    desk.apply(allocate("PAY-1", "A", &[("INV-1", "")]));
    desk.model.set.usage.complete_through = Some(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    let back = message(&mut desk, deallocate("PAY-1", "INV-1", "A"));
    let refund = desk.message(Input::Usage(crate::usage::Usage::Refund(crate::usage::Refund {
        refund_id: crate::ids::RefundId::trusted("R-1"),
        usage_id: crate::ids::UsageId::trusted("U-1"),
        account_id: account("A"),
        amount: money("5"),
    })));
    desk.model.set.usage.complete_through = None;
    assert!(matches!(desk.feed(&back), Outcome::Waiting(Need::Proof(_))));
    desk.model.set.usage.complete_through = Some(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    assert!(matches!(desk.feed(&refund), Outcome::Waiting(Need::Charge(..))));
    desk.charge("U-1", "A", "5");
    assert!(matches!(outcome_now(&desk, &refund.record), Outcome::Applied { .. }));
    // What was spent meanwhile stays spent.
    let ended = outcome_now(&desk, &back.record);
    assert_eq!(*ended, Outcome::Rejected(Rejection::LotSpent));
    assert!(desk.model.waiting.is_empty());
}
