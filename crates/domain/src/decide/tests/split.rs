//! One payment for several customers: shared out by a person, taken back as one, and what a return
//! of the bank does to it.

use crate::effect::{BankDisposition, Outcome};
use crate::event::{EventKey, Fact};
use crate::ids::{BankKey, PaymentId, RefundId, UsageId};
use crate::input::{Command, Input};
use crate::invoice::InvoiceStatus;
use crate::matching::policy::Policy;
use crate::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::rejection::{DeadLetterReason, Rejection};
use crate::testkit::{
    Desk, account, allocate, assign, banked, credit, credit_saying, deallocate, money, parked,
    payment, record, remove, returned, split, unreturned, unsplit,
};
use crate::usage::{Refund, Usage};

pub(super) const SETTLED: &str = "BANK:OURS:1";

/// A settlement `1` of 100.50: 60.50 are for I1 of A, 40 for I2 of B, and the bank says so.
pub(super) fn settlement() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "60.50");
    desk.invoice("I2", "B", "40");
    let references = [desk.reference("I1"), desk.reference("I2")];
    desk.bank(credit_saying("1", "100.50", &[&references.join(" ")]));
    assert_eq!(desk.state("1"), parked(ParkReason::SeveralAccounts));
    desk.watermark();
    desk
}

/// The settlement, shared out to both customers.
pub(super) fn shared() -> Desk {
    let mut desk = settlement();
    desk.apply(split(SETTLED, "A", &[("A", "60.50", &["I1"]), ("B", "40", &["I2"])]));
    desk
}

/// All parts that the settlement ever had, the first one first.
pub(super) fn parts(desk: &Desk) -> Vec<Payment> {
    let ids: &[PaymentId] = desk.model.set.parts_ever(&banked("1"));
    ids.iter().map(|id| desk.model.set.payments_here()[id].clone()).collect()
}

/// Every payment's money is somewhere, and the ledger has it there.
pub(super) fn sound(desk: &Desk) {
    let summary = desk.model.summary();
    let ledger = |word: &str| {
        let sum = summary.ledger.iter().filter(|(key, _)| key.0 == word);
        sum.fold(money("0"), |sum, (_, amount)| sum.add(*amount).expect("sum"))
    };
    assert_eq!(ledger("split_clearing"), money("0"));
    let (mut free, mut here) = (money("0"), money("0"));
    for payment in desk.model.set.payments_here().values() {
        assert_eq!(payment.state_follows_amounts(), Ok(true), "{payment:?}");
        if payment.state != PaymentState::Removed {
            free = free.add(payment.unallocated().expect("free")).expect("sum");
            here = here.add(payment.left().expect("left")).expect("sum");
        }
    }
    assert_eq!((ledger("unallocated_cash"), ledger("bank_clearing")), (free, here.negated()));
}

pub(super) fn refused(desk: &mut Desk, command: Command, rejection: Rejection) {
    let before = desk.model.summary();
    assert_eq!(desk.hand_in(command), Outcome::Rejected(rejection));
    let mut after = desk.model.summary();
    after.events.clone_from(&before.events);
    assert_eq!(before, after, "a refusal changes nothing");
}

pub(super) fn disposition(desk: &Desk, id: &str) -> BankDisposition {
    let key = |word: &str| BankKey { bank_account: "OURS".to_owned(), key: format!("{word}:{id}") };
    let known = ["reversal", "undone"].iter().find_map(|word| desk.model.set.bank(&key(word)));
    known.expect("a bank transaction").disposition
}

#[test]
fn edge_18_one_transfer_for_two_customers_is_shared_out_by_a_person() {
    let desk = shared();
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("40")));
    for id in ["I1", "I2"] {
        assert_eq!(desk.invoice_now(id).status, InvoiceStatus::Provisioned);
    }
    let settled = desk.payment_now("1");
    assert_eq!((settled.state, settled.split), (PaymentState::Split, money("100.50")));
    assert_eq!(settled.unallocated(), Ok(money("0")));
    for (part, owner) in parts(&desk).iter().zip(["A", "B"]) {
        assert_eq!(part.account_id, Some(account(owner)));
        assert_eq!((part.state, part.origin), (PaymentState::Allocated, PaymentOrigin::Split));
        assert_eq!(part.received_on, settled.received_on);
    }
    let told = [
        "payment.split-done",
        "payment.recorded",
        "payment.allocated",
        "invoice.provisioned",
        "balance.changed",
        "payment.recorded",
        "payment.allocated",
        "invoice.provisioned",
        "balance.changed",
    ];
    assert_eq!(desk.told(), told);
    sound(&desk);
}

#[test]
fn each_customer_is_told_only_of_the_own_part() {
    let desk = shared();
    let of = |owner: &str| {
        let key = EventKey::Account(account(owner));
        let own = desk.model.set.events.iter().filter(move |event| event.key == key);
        own.filter_map(|event| match &event.fact {
            Fact::PaymentRecorded { amount, split_from, origin, .. } => {
                Some((*amount, split_from.clone(), *origin))
            }
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(of("A"), [(money("60.50"), Some(banked("1")), "split")]);
    assert_eq!(of("B"), [(money("40"), Some(banked("1")), "split")]);
}

#[test]
fn what_a_customer_has_got_stays_and_the_rest_is_split() {
    let mut desk = settlement();
    desk.apply(assign(SETTLED, "A"));
    desk.apply(allocate(SETTLED, "A", &[("I1", "")]));
    refused(&mut desk, allocate(SETTLED, "B", &[("I2", "")]), Rejection::AccountMismatch);
    desk.apply(split(SETTLED, "A", &[("B", "40", &["I2"])]));
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("40")));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    sound(&desk);
}

#[test]
fn the_rest_stays_on_the_payment_and_may_be_split_later() {
    let mut desk = settlement();
    desk.apply(split(SETTLED, "B", &[("B", "40", &["I2"])]));
    assert_eq!(desk.state("1"), parked(ParkReason::SeveralAccounts));
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("60.50")));
    desk.apply(split(SETTLED, "A", &[("A", "60.50", &[])]));
    assert_eq!(desk.state("1"), PaymentState::Split);
    let ids: Vec<_> = parts(&desk).iter().map(|part| part.payment_id.clone()).collect();
    assert!(ids[0].as_str().ends_with(":1") && ids[1].as_str().ends_with(":2"), "{ids:?}");
    // A part without invoices is held, and allocated like any payment of its customer.
    assert_eq!(parts(&desk)[1].state, PaymentState::OnAccount);
    desk.apply(allocate(ids[1].as_str(), "A", &[("I1", "")]));
    assert_eq!(desk.balance("A"), money("60.50"));
    sound(&desk);
}

#[test]
fn what_is_split_is_never_more_than_what_is_free() {
    let mut desk = settlement();
    let all = |amount| split(SETTLED, "A", &[("A", "60.50", &["I1"]), ("B", amount, &[])]);
    refused(&mut desk, all("40.01"), Rejection::AmountExceedsUnallocated);
    let foreign = split(SETTLED, "A", &[("A", "10", &[]), ("B", "40", &["I1"])]);
    refused(&mut desk, foreign, Rejection::AccountMismatch);
    let too_exact = desk.hand_in(all("0.001"));
    assert_eq!(too_exact, Outcome::DeadLettered(DeadLetterReason::AmountScale));
    desk.apply(all("40"));
    refused(&mut desk, all("40"), Rejection::PaymentSplit);
    let part = parts(&desk)[1].payment_id.clone();
    let again = split(part.as_str(), "B", &[("B", "1", &[])]);
    refused(&mut desk, again, Rejection::PaymentIsPart);
    refused(&mut desk, remove(SETTLED, "A"), Rejection::PaymentNotAssigned);
    refused(&mut desk, assign(SETTLED, "A"), Rejection::PaymentSplit);
}

#[test]
fn who_may_split_is_named_by_the_payment_or_by_its_parts() {
    let mut desk = settlement();
    let to_b = |owner| split(SETTLED, owner, &[("B", "40", &[])]);
    refused(&mut desk, to_b("A"), Rejection::AccountMismatch);
    desk.apply(assign(SETTLED, "A"));
    refused(&mut desk, to_b("B"), Rejection::AccountMismatch);
    desk.apply(to_b("A"));
    refused(&mut desk, remove(SETTLED, "A"), Rejection::PaymentSplit);
    refused(&mut desk, unsplit(SETTLED, "B"), Rejection::AccountMismatch);
    desk.apply(Command::RecordPayment(record("P1", None, "1")));
    refused(&mut desk, unsplit("P1", "A"), Rejection::PaymentNotSplit);
}

#[test]
fn a_split_is_undone_as_one() {
    let mut desk = shared();
    desk.apply(unsplit(SETTLED, "B"));
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("0"), money("0")));
    for id in ["I1", "I2"] {
        assert_eq!(desk.invoice_now(id).status, InvoiceStatus::AwaitingPayment);
    }
    assert_eq!(desk.state("1"), parked(ParkReason::SplitUndone));
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("100.50")));
    for part in parts(&desk) {
        assert_eq!((part.state, part.unallocated()), (PaymentState::Removed, Ok(money("0"))));
    }
    refused(&mut desk, unsplit(SETTLED, "B"), Rejection::PaymentNotSplit);
    sound(&desk);
    // The other way round: the same parts have other ids.
    desk.apply(split(SETTLED, "A", &[("A", "60.50", &["I1"]), ("B", "40", &["I2"])]));
    assert_eq!(parts(&desk).len(), 4);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("40")));
    sound(&desk);
}

#[test]
fn a_split_is_not_undone_when_one_customer_has_spent_of_it() {
    let mut desk = shared();
    desk.charge("U1", "B", "0.01");
    refused(&mut desk, unsplit(SETTLED, "A"), Rejection::LotSpent);
    desk.refund("R1", "U1", "B", "0.01");
    desk.hold("H1", "A", "1");
    refused(&mut desk, unsplit(SETTLED, "A"), Rejection::LotHeld);
    desk.release("H1", "A", "1");
    let part = parts(&desk)[1].payment_id.clone();
    desk.apply(deallocate(part.as_str(), "I2", "B"));
    desk.apply(unsplit(SETTLED, "A"));
    sound(&desk);
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("100.50")));
}

#[test]
fn a_part_that_left_the_books_keeps_the_split_from_being_undone() {
    let mut desk = shared();
    let part = parts(&desk)[0].payment_id.clone();
    desk.apply(remove(part.as_str(), "A"));
    refused(&mut desk, unsplit(SETTLED, "B"), Rejection::PaymentRemoved);
    sound(&desk);
    // The bank's return of the whole is for a person then.
    desk.bank(returned("2", "1", "100.50"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::ReturnParked);
}

#[test]
fn a_return_of_the_whole_takes_all_parts_spent_or_not() {
    let mut desk = shared();
    desk.charge("U1", "B", "15");
    desk.bank(returned("2", "1", "100.50"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("0"), money("15").negated()));
    let settled = desk.payment_now("1");
    assert_eq!((settled.state, settled.split), (PaymentState::Returned, money("0")));
    assert_eq!(settled.returned, money("100.50"));
    for part in parts(&desk) {
        assert_eq!(part.state, PaymentState::Returned);
    }
    let told = desk.model.set.events.iter().rev().find_map(|event| match &event.fact {
        Fact::PaymentReturned { payment_id, from_unspent, clawed_back, amount, .. }
            if *payment_id == banked("1") =>
        {
            Some((*amount, *from_unspent, *clawed_back))
        }
        _ => None,
    });
    assert_eq!(told, Some((money("100.50"), money("85.50"), money("15"))));
    sound(&desk);
    // Undone: the money is here again, and a person shares it out anew.
    desk.bank(unreturned("3", "2", "100.50"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone);
    assert_eq!(desk.state("1"), parked(ParkReason::SplitUndone));
    desk.apply(split(SETTLED, "A", &[("A", "60.50", &["I1"]), ("B", "40", &["I2"])]));
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("25")));
    sound(&desk);
}

#[test]
fn a_return_of_a_part_waits_for_a_person_and_is_taken_when_the_split_is_undone() {
    let mut desk = shared();
    desk.bank(returned("2", "1", "40"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::ReturnParked);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("40")));
    desk.bank(returned("3", "1", "100.51"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnParked);
    desk.watermark();
    desk.apply(unsplit(SETTLED, "A"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!(desk.payment_now("1").unallocated(), Ok(money("60.50")));
    sound(&desk);
}

#[test]
fn a_payment_recorded_by_hand_is_split_like_any_other() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.apply(Command::RecordPayment(record("P1", Some("A"), "100")));
    desk.apply(split("P1", "A", &[("B", "30", &[]), ("A", "70", &[])]));
    assert_eq!(desk.model.set.payments_here()[&payment("P1")].state, PaymentState::Split);
    desk.watermark();
    desk.apply(unsplit("P1", "A"));
    assert_eq!(desk.model.set.payments_here()[&payment("P1")].state, PaymentState::OnAccount);
    sound(&desk);
}

#[test]
fn a_split_waits_for_an_invoice_that_is_not_known_yet() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.bank(credit("1", "100"));
    let outcome = desk.hand_in(split(SETTLED, "B", &[("B", "100", &["I7"])]));
    assert!(matches!(outcome, Outcome::Waiting(_)), "{outcome:?}");
    desk.invoice("I7", "B", "100");
    assert_eq!(desk.balance("B"), money("100"));
    assert_eq!(desk.state("1"), PaymentState::Split);
}

/// The usage of the one who is not named may be unproven: then nothing of the other goes back.
#[test]
fn a_split_is_not_undone_while_the_usage_of_any_part_is_unproven() {
    for unproven in ["A", "B"] {
        let mut desk = shared();
        desk.watermark();
        // It waits for its charge: how much was spent is not known.
        let early = Usage::Refund(Refund {
            refund_id: RefundId::trusted("R1"),
            usage_id: UsageId::trusted("U1"),
            account_id: account(unproven),
            amount: money("1"),
        });
        let early = desk.message(Input::Usage(early));
        assert!(matches!(desk.feed(&early), Outcome::Waiting(_)));
        for named in ["A", "B"] {
            let outcome = desk.hand_in(unsplit(SETTLED, named));
            assert!(matches!(outcome, Outcome::Waiting(_)), "{unproven} {named}: {outcome:?}");
        }
        assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("40")));
    }
}
