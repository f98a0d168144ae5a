//! Money that went back to the bank and comes again, whatever a person did with the rest of the
//! payment meanwhile; and all of a payment that is split, when its parts share a customer.

use std::sync::Arc;

use super::commands::release;
use super::split::{SETTLED, disposition, parts, refused, shared, sound};
use crate::effect::{BankDisposition, Effect, ReturnWaits};
use crate::input::Input;
use crate::matching::policy::Policy;
use crate::matching::text::Tokens;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::Rejection;
use crate::testkit::{
    Desk, allocate, assign, credit, deallocate, money, parked, remove, returned, split, unreturned,
    unsplit,
};

fn hundred() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    desk.bank(credit("1", "100"));
    desk.watermark();
    desk
}

#[test]
fn a_removed_payment_has_what_comes_back_though_the_rest_was_returned() {
    let mut desk = hundred();
    desk.bank(returned("2", "1", "60.57"));
    desk.apply(assign(SETTLED, "A"));
    desk.apply(remove(SETTLED, "A"));
    desk.bank(returned("3", "1", "39.43"));
    desk.bank(unreturned("4", "2", "60.57"));
    assert_eq!(disposition(&desk, "4"), BankDisposition::ReturnUndone);
    assert_eq!(desk.state("1"), PaymentState::OnAccount);
    sound(&desk);
    // What is there can go again.
    desk.bank(returned("5", "1", "60.57"));
    assert_eq!(disposition(&desk, "5"), BankDisposition::Returned);
    assert_eq!(desk.state("1"), PaymentState::Returned);
    sound(&desk);
}

#[test]
fn what_comes_back_after_the_rest_was_split_waits_for_a_person_or_is_its_customers() {
    for owned in [false, true] {
        let mut desk = hundred();
        if owned {
            desk.apply(assign(SETTLED, "A"));
        }
        desk.bank(returned("2", "1", "9.27"));
        let owner = if owned { "A" } else { "B" };
        desk.apply(split(SETTLED, owner, &[("B", "90.73", &[])]));
        assert_eq!(desk.state("1"), PaymentState::Split);
        desk.bank(unreturned("3", "2", "9.27"));
        let expected =
            if owned { PaymentState::OnAccount } else { parked(ParkReason::SplitUndone) };
        assert_eq!(desk.state("1"), expected);
        sound(&desk);
    }
}

/// A part gave some by a person's word; then the bank took the rest, and gives it again.
#[test]
fn the_rest_of_a_split_payment_comes_back_after_a_part_gave_by_itself() {
    for spent in [None, Some("15")] {
        let mut desk = shared();
        if let Some(amount) = spent {
            desk.charge("U1", "B", amount);
        }
        desk.bank(returned("2", "1", "30"));
        let part = parts(&desk)[1].payment_id.clone();
        desk.apply(super::split_returns::take("B", &[(part.as_str(), "")], None));
        desk.bank(returned("3", "1", "70.50"));
        assert_eq!(disposition(&desk, "3"), BankDisposition::Returned);
        sound(&desk);
        desk.bank(unreturned("4", "3", "70.50"));
        assert_eq!(disposition(&desk, "4"), BankDisposition::ReturnUndone);
        assert_eq!(desk.state("1"), parked(ParkReason::SplitUndone));
        sound(&desk);
        desk.bank(unreturned("5", "2", "30"));
        assert_eq!(disposition(&desk, "5"), BankDisposition::ReturnUndone);
        sound(&desk);
    }
}

/// A part and what is left of the payment are of one customer, who has spent of the older.
#[test]
fn all_goes_back_when_a_part_and_the_payment_share_a_customer() {
    let mut desk = hundred();
    for (id, owner, amount) in [("I1", "A", "30"), ("I2", "A", "40"), ("I3", "B", "30")] {
        desk.invoice(id, owner, amount);
    }
    desk.apply(assign(SETTLED, "A"));
    desk.apply(split(SETTLED, "A", &[("A", "30", &["I1"]), ("B", "30", &["I3"])]));
    desk.apply(allocate(SETTLED, "A", &[("I2", "")]));
    desk.charge("U1", "A", "20");
    desk.bank(returned("2", "1", "100"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("20").negated(), money("0")));
    sound(&desk);
}

/// Two parts of one customer, by two splits; the lot of the later part is the older one.
#[test]
fn all_goes_back_when_two_parts_share_a_customer() {
    let mut desk = hundred();
    desk.invoice("I1", "B", "50");
    desk.invoice("I2", "B", "50");
    desk.apply(split(SETTLED, "B", &[("B", "50", &[])]));
    desk.apply(split(SETTLED, "B", &[("B", "50", &["I2"])]));
    let first = parts(&desk)[0].payment_id.clone();
    desk.apply(allocate(first.as_str(), "B", &[("I1", "")]));
    desk.charge("U1", "B", "65");
    desk.bank(returned("2", "1", "100"));
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
    assert_eq!(desk.balance("B"), money("65").negated());
    sound(&desk);
}

/// What could not be decided when it came says so, and is not called one without its original.
#[test]
fn a_return_that_was_not_decided_says_so() {
    let mut desk = hundred();
    let back = returned("2", "1", "100");
    let mut message = desk.message(Input::BankTransaction(Box::new(back)));
    message.tokens = Some(Arc::new(Tokens::unread()));
    desk.feed(&message);
    let waits = desk
        .model
        .last_effects
        .iter()
        .any(|effect| matches!(effect, Effect::ParkReturn { why: ReturnWaits::Undecided, .. }));
    assert!(waits);
    // It is tried again at once.
    assert_eq!(disposition(&desk, "2"), BankDisposition::Returned);
}

/// B's part gave 30 of its 40 by a person's word, then the bank took the other 70.50; it gives the
/// 30 again, and the 70.50 if `all`. No part is left that could be taken back.
fn parts_that_went_back(all: bool) -> Desk {
    let mut desk = shared();
    desk.bank(returned("2", "1", "30"));
    let part = parts(&desk)[1].payment_id.clone();
    desk.apply(super::split_returns::take("B", &[(part.as_str(), "")], None));
    desk.bank(returned("3", "1", "70.50"));
    desk.bank(unreturned("4", "2", "30"));
    if all {
        desk.bank(unreturned("5", "3", "70.50"));
        assert_eq!(desk.state("1"), parked(ParkReason::SplitUndone));
        assert_eq!(desk.payment_now("1").unallocated(), Ok(money("70.50")));
    }
    refused(&mut desk, unsplit(SETTLED, "B"), Rejection::PaymentNotSplit);
    desk
}

#[test]
fn what_is_free_of_a_payment_whose_parts_went_back_is_paid_back_or_dismissed() {
    let mut desk = parts_that_went_back(true);
    desk.apply(release(SETTLED, None, Some("20.50")));
    assert_eq!(desk.state("1"), parked(ParkReason::SplitUndone));
    sound(&desk);
    desk.apply(release(SETTLED, None, Some("50")));
    assert_eq!(desk.state("1"), PaymentState::Split);
    sound(&desk);
    let mut desk = parts_that_went_back(true);
    desk.apply(release(SETTLED, None, None));
    assert_eq!(desk.state("1"), PaymentState::Removed);
    sound(&desk);
    // All that was received goes back to the bank; the part gives what it has.
    desk.bank(returned("6", "1", "100.50"));
    assert_eq!(disposition(&desk, "6"), BankDisposition::Returned);
    sound(&desk);
    let mut desk = parts_that_went_back(true);
    desk.apply(assign(SETTLED, "A"));
    desk.apply(remove(SETTLED, "A"));
    assert_eq!(desk.state("1"), PaymentState::Removed);
    sound(&desk);
}

#[test]
fn what_came_back_to_a_part_alone_is_paid_back_like_any_payments_money() {
    let mut desk = parts_that_went_back(false);
    // Nothing of the whole is here: no refusal points at a split that is not there.
    refused(&mut desk, release(SETTLED, None, Some("1")), Rejection::NothingUnallocated);
    let part = parts(&desk)[1].payment_id.clone();
    desk.apply(deallocate(part.as_str(), "I2", "B"));
    desk.apply(release(part.as_str(), Some("B"), Some("30")));
    let paid = &parts(&desk)[1];
    assert_eq!((paid.state, paid.refunded), (PaymentState::Returned, money("30")));
    sound(&desk);
    // A part that the payment can take back is not paid out.
    let mut desk = shared();
    let part = parts(&desk)[1].payment_id.clone();
    refused(&mut desk, release(part.as_str(), Some("B"), Some("1")), Rejection::PaymentIsPart);
}

/// The payment has no customer: who has, or had, a part of it may speak for it.
#[test]
fn a_return_is_pointed_at_a_payment_by_who_ever_had_a_part_of_it() {
    for owner in ["A", "B"] {
        let mut desk = parts_that_went_back(true);
        desk.bank(returned("2-2", "1", "60"));
        let word = super::split_returns::take_of("reversal:2-2", owner, &[(SETTLED, "")], None);
        desk.apply(word);
        assert_eq!(desk.payment_now("1").unallocated(), Ok(money("10.50")));
        sound(&desk);
    }
}
