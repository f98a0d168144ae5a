//! Returns of a payment beside which others with the same words have nothing left of their money.

use crate::bank::{BankTransaction, ReturnOf};
use crate::effect::BankDisposition;
use crate::ids::{BankKey, PaymentId};
use crate::input::{Command, ReleasePayment, ReleaseWord};
use crate::matching::policy::Policy;
use crate::money::{Amount, Money};
use crate::payment::{ParkReason, PaymentState};
use crate::testkit::{
    Desk, account, assign, banked, credit_from, money, parked, remove, returned, unreturned,
};

const ORDER: &str = "E2E-4711-A";

/// Money of a payer under an end-to-end id.
fn ordered(id: &str, payer: &str) -> BankTransaction {
    BankTransaction { end_to_end_id: Some(ORDER.to_owned()), ..credit_from(id, "100", payer) }
}

/// The bank takes money back, and names what it was by its end-to-end id alone.
fn back(id: &str, amount: &str) -> BankTransaction {
    BankTransaction {
        return_of: Some(ReturnOf {
            bank_transaction_id: None,
            end_to_end_id: Some(ORDER.to_owned()),
            reason: None,
        }),
        debtor_account: Some("PAYERA".to_owned()),
        ..returned(id, "-", amount)
    }
}

fn disposition(desk: &Desk, id: &str) -> BankDisposition {
    let key = BankKey { bank_account: "OURS".to_owned(), key: format!("reversal:{id}") };
    desk.model.set.bank_here()[&key].disposition
}

fn went_back(desk: &Desk, id: &PaymentId) -> Money {
    desk.model.set.payments_here()[id].returned
}

/// A customer's payment `1`, and what looks like it and came without an id.
fn twice() -> (Desk, PaymentId) {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    desk.bank(ordered("1", "PAYERA"));
    desk.bank(BankTransaction { bank_transaction_id: None, ..ordered("-", "PAYERA") });
    let all = desk.model.set.payments_here().values();
    let second = all.into_iter().find(|known| known.payment_id != banked("1"));
    let second = second.expect("another payment");
    assert_eq!(second.state, parked(ParkReason::PossibleDuplicate));
    let second = second.payment_id.clone();
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    (desk, second)
}

#[test]
fn a_removed_duplicate_leaves_no_doubt_which_payment_goes_back() {
    for by_payer in [false, true] {
        let (mut desk, second) = twice();
        desk.apply(remove(second.as_str(), "A"));
        let named = back("9", "100");
        let named = if by_payer { BankTransaction { return_of: None, ..named } } else { named };
        desk.bank(named);
        assert_eq!(disposition(&desk, "9"), BankDisposition::Returned, "{by_payer}");
        let all = [&banked("1"), &second].map(|id| went_back(&desk, id));
        assert_eq!(all, [money("100"), money("0")], "{by_payer}");
        assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Returned, money("0")));
    }
}

/// The bank names what a person removed as told twice: the money is with the other, which it was.
#[test]
fn a_return_that_names_a_removed_duplicate_takes_the_payment_that_it_was() {
    let nameless = || BankTransaction {
        bank_transaction_id: None,
        end_to_end_id: None,
        ..ordered("-", "PAYERA")
    };
    for enough in [true, false] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("I1", "A", "100");
        desk.bank(nameless());
        let first = desk.model.set.payments_here().keys().next().expect("a payment").clone();
        desk.bank(ordered("1", "PAYERA"));
        assert_eq!(desk.state("1"), parked(ParkReason::PossibleDuplicate));
        desk.apply(remove("BANK:OURS:1", "A"));
        assert_eq!(desk.balance("A"), money("100"));
        if !enough {
            desk.watermark();
            desk.apply(remove(first.as_str(), "A"));
        }
        desk.bank(returned("9", "1", "100"));
        assert_eq!(disposition(&desk, "9"), BankDisposition::Returned);
        let all = [&first, &banked("1")].map(|id| went_back(&desk, id));
        let expected = if enough { ["100", "0"] } else { ["0", "100"] };
        assert_eq!(all, sums(expected));
        assert_eq!(desk.balance("A"), money("0"));
        // The bank undoes it, and names the same: the money is where it was.
        desk.bank(unreturned("U9", "1", "100"));
        let all = [&first, &banked("1")].map(|id| went_back(&desk, id));
        assert_eq!(all, sums(["0", "0"]));
        assert_eq!(desk.balance("A"), money(if enough { "100" } else { "0" }));
    }
}

/// The customer says which of both is real: it may be the one that came second.
#[test]
fn whichever_of_both_was_removed_the_other_goes_back() {
    let (mut desk, second) = twice();
    desk.apply(assign(second.as_str(), "A"));
    desk.watermark();
    desk.apply(remove("BANK:OURS:1", "A"));
    desk.bank(back("8", "30"));
    desk.bank(back("9", "70"));
    let all = [&banked("1"), &second].map(|id| went_back(&desk, id));
    assert_eq!(all, [money("0"), money("100")]);
    // Nothing lives any more: no more is taken of any.
    desk.bank(back("10", "100"));
    assert_eq!(went_back(&desk, &second), money("100"));
}

#[test]
fn what_was_paid_out_leaves_no_doubt_which_payment_goes_back() {
    let (mut desk, second) = twice();
    desk.apply(assign(second.as_str(), "A"));
    let refund = |amount: Option<&str>| {
        Command::ReleasePayment(ReleasePayment {
            payment_id: second.clone(),
            account_id: Some(account("A")),
            word: ReleaseWord::Refund(amount.map(|amount| Amount::parse(amount).expect("amount"))),
            reason: "paid back by hand".to_owned(),
        })
    };
    desk.apply(refund(Some("40")));
    // Both have money still.
    desk.bank(back("8", "60"));
    assert_eq!(disposition(&desk, "8"), BankDisposition::ReturnParked);
    // What is left of one leaves: the one that waits is the other's, and so is what comes.
    desk.apply(refund(None));
    desk.bank(back("9", "40"));
    for id in ["8", "9"] {
        assert_eq!(disposition(&desk, id), BankDisposition::Returned, "{id}");
    }
    assert_eq!([&banked("1"), &second].map(|id| went_back(&desk, id)), sums(["100", "0"]));
}

fn sums(texts: [&str; 2]) -> [Money; 2] {
    texts.map(money)
}

/// The money of another customer is not taken because this one's is gone.
#[test]
fn what_ended_of_one_customer_says_nothing_of_anothers_money() {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner) in [("1", "A"), ("2", "B")] {
        desk.bank(ordered(id, "PAYERX"));
        desk.apply(assign(&format!("BANK:OURS:{id}"), owner));
    }
    desk.apply(remove("BANK:OURS:1", "A"));
    let unsaid = BankTransaction { debtor_account: None, ..back("9", "100") };
    desk.bank(unsaid);
    assert_eq!(disposition(&desk, "9"), BankDisposition::ReturnParked);
    assert_eq!(went_back(&desk, &banked("2")), money("0"));
}

/// More than the living one has left is not taken of it.
#[test]
fn what_lives_must_have_what_goes_back() {
    let (mut desk, second) = twice();
    desk.bank(returned("7", "1", "30"));
    desk.apply(remove(second.as_str(), "A"));
    desk.bank(back("8", "80"));
    assert_eq!(disposition(&desk, "8"), BankDisposition::ReturnParked);
    desk.bank(back("9", "70"));
    assert_eq!(disposition(&desk, "9"), BankDisposition::Returned);
    assert_eq!(went_back(&desk, &banked("1")), money("100"));
}

/// The bank undid its return, and takes the money back once more: it names what it undid by.
#[test]
fn a_return_that_names_the_banks_own_undoing_takes_what_came_back_by_it() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    desk.bank(ordered("1", "PAYERA"));
    desk.bank(returned("R1", "1", "100"));
    desk.bank(unreturned("U1", "R1", "100"));
    assert_eq!(desk.balance("A"), money("100"));
    // Another amount, and a return that was not undone by it, name no money that is here.
    desk.bank(returned("R2", "U1", "40"));
    assert_eq!(disposition(&desk, "R2"), BankDisposition::ReturnParked);
    desk.bank(BankTransaction {
        debtor_account: Some("PAYERB".into()),
        ..returned("R3", "U1", "100")
    });
    assert_eq!(disposition(&desk, "R3"), BankDisposition::ReturnParked);
    desk.bank(returned("R4", "U1", "100"));
    assert_eq!(disposition(&desk, "R4"), BankDisposition::Returned);
    assert_eq!((desk.state("1"), desk.balance("A")), (PaymentState::Returned, money("0")));
    desk.bank(unreturned("U4", "R4", "100"));
    assert_eq!(desk.balance("A"), money("100"));
    // Part of it goes, comes back and goes again.
    desk.bank(returned("R6", "1", "30"));
    desk.bank(unreturned("U6", "R6", "30"));
    desk.bank(returned("R7", "U6", "30"));
    assert_eq!(disposition(&desk, "R7"), BankDisposition::Returned);
    assert_eq!(desk.balance("A"), money("70"));
    // It is gone: the same again waits.
    desk.bank(returned("R8", "U1", "100"));
    assert_eq!(disposition(&desk, "R8"), BankDisposition::ReturnParked);
}
