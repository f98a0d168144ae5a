//! What the bank gives back of what it took: a return's fee by itself and in parts, several returns
//! at once, part of what several payments gave, and what a person says of it.

use super::split::{SETTLED, disposition, parts, refused, shared, sound};
use crate::bank::{BankTransaction, ReturnOf};
use crate::effect::{BankDisposition, Effect};
use crate::ids::{BankKey, PaymentId};
use crate::input::{Command, ResolveReturn, ReturnWord};
use crate::matching::policy::Policy;
use crate::money::Amount;
use crate::payment::PaymentState;
use crate::rejection::Rejection;
use crate::testkit::{
    Desk, account, assign, credit, credit_from, credit_saying, money, record, remove, returned,
    unreturned,
};

/// A person's `take` on the record of that key: payments with amounts, and a fee.
fn take(owner: &str, key: &str, from: &[(&str, &str)], fee: &str) -> Command {
    let amount = |text: &str| Amount::parse(text).expect("an amount");
    let some = |text: &str| (!text.is_empty()).then(|| amount(text));
    let payments = from.iter().map(|(id, text)| (PaymentId::trusted(id), some(text))).collect();
    let word = ReturnWord::Take { payments, fee: some(fee) };
    let key = BankKey { bank_account: "OURS".to_owned(), key: key.to_owned() };
    Command::ResolveReturn(ResolveReturn { account_id: account(owner), key, word, reason: None })
}

/// Why the last record is parked.
fn why(desk: &Desk) -> Option<&'static str> {
    desk.model.last_effects.iter().find_map(|effect| match effect {
        Effect::ParkReturn { why, .. } => Some(why.word()),
        _ => None,
    })
}

fn taken_with_fee(id: &str, amount: &str, charges: &str) -> BankTransaction {
    BankTransaction { charges: Some(money(charges)), ..returned(id, "1", amount) }
}

/// A payment of 100 for I1, of which the bank took 103: 3 are its fee.
fn with_fee() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("I1", "A", "100");
    let reference = desk.reference("I1");
    desk.bank(credit_saying("1", "100", &[&reference]));
    desk.bank(taken_with_fee("2", "103", "3"));
    assert_eq!(desk.model.ledger_of("fees"), money("3").negated());
    desk
}

#[test]
fn a_fee_comes_back_by_itself_in_any_order_and_in_parts() {
    // What comes back of the 103, and what the customer has and the house paid after each.
    let rows: &[&[(&str, &str, &str)]] = &[
        &[("100", "100", "3"), ("3", "100", "0")],
        &[("3", "0", "0"), ("100", "100", "0")],
        &[("103", "100", "0")],
        &[("100", "100", "3"), ("1", "100", "2"), ("2", "100", "0")],
        &[("1", "0", "2"), ("100", "100", "2"), ("2", "100", "0")],
        &[("1", "0", "2"), ("2", "0", "0"), ("60", "60", "0"), ("40", "100", "0")],
        &[("102", "100", "1"), ("1", "100", "0")],
        &[("60", "60", "3"), ("43", "100", "0")],
        &[("60", "60", "3"), ("3", "60", "0"), ("40", "100", "0")],
        &[("0.01", "0", "2.99"), ("102.99", "100", "0")],
    ];
    for row in rows {
        for by in ["2", "1"] {
            let mut desk = with_fee();
            for (number, (amount, has, fees)) in row.iter().enumerate() {
                let id = format!("U{number}");
                desk.bank(unreturned(&id, by, amount));
                let undone = BankDisposition::ReturnUndone;
                assert_eq!(disposition(&desk, &id), undone, "{row:?} {by} {number}");
                assert_eq!(desk.balance("A"), money(has), "{row:?} {by} {number}");
                let paid = desk.model.ledger_of("fees");
                assert_eq!(paid, money(fees).negated(), "{row:?} {by} {number}");
                let gone = money("100").sub(money(has)).expect("less");
                assert_eq!(desk.payment_now("1").returned, gone, "{row:?} {by} {number}");
                let here = money(has).sub(money(fees)).expect("less").negated();
                assert_eq!(desk.model.ledger_of("bank_clearing"), here, "{row:?} {by} {number}");
            }
            // Nothing is left: a person says what more is.
            desk.bank(unreturned("U9", by, "0.01"));
            assert_eq!(why(&desk), Some("exceeds_return"), "{row:?} {by}");
        }
    }
}

#[test]
fn more_than_the_fee_that_is_left_is_parked_and_told_of_the_fee_alone_is_nothing() {
    let mut desk = with_fee();
    desk.bank(unreturned("3", "2", "100"));
    desk.bank(unreturned("4", "2", "3.01"));
    assert_eq!(
        (disposition(&desk, "4"), why(&desk)),
        (BankDisposition::ReturnParked, Some("exceeds_return"))
    );
    assert_eq!(desk.model.ledger_of("fees"), money("3").negated());
    let before = desk.model.set.events.len();
    desk.bank(unreturned("5", "2", "3"));
    assert_eq!(desk.model.set.events.len(), before, "the payment has no news");
    assert_eq!(desk.model.ledger_of("fees"), money("0"));
}

#[test]
fn the_fee_of_a_removed_payment_comes_back_to_the_house() {
    for removed_first in [false, true] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.bank(credit("1", "100"));
        desk.apply(assign(SETTLED, "A"));
        desk.watermark();
        if removed_first {
            desk.apply(remove(SETTLED, "A"));
        }
        desk.bank(taken_with_fee("2", "103", "3"));
        desk.bank(unreturned("3", "2", "3"));
        assert_eq!(desk.model.ledger_of("fees"), money("0"));
        let state = if removed_first { PaymentState::Removed } else { PaymentState::Returned };
        assert_eq!(desk.state("1"), state);
        desk.bank(unreturned("4", "2", "100"));
        assert_eq!(disposition(&desk, "4"), BankDisposition::ReturnUndone);
        if !removed_first {
            sound(&desk);
        }
    }
}

/// Two payments by hand, of A (60) and B (40), bear a return of 103 with its fee of 3.
fn of_two() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    desk.apply(Command::RecordPayment(record("P1", Some("A"), "60")));
    desk.apply(Command::RecordPayment(record("P2", Some("B"), "40")));
    desk.bank(returned("2", "-", "103"));
    desk.apply(take("A", "reversal:2", &[("P1", "60"), ("P2", "40")], "3"));
    assert_eq!(desk.model.ledger_of("fees"), money("3").negated());
    desk
}

fn gone(desk: &Desk) -> [String; 2] {
    ["P1", "P2"].map(|id| {
        desk.model.set.payments_here()[&PaymentId::trusted(id)]
            .returned
            .to_string()
            .replace(" SGD", "")
    })
}

#[test]
fn all_that_several_payments_gave_comes_back_with_the_fee_or_without_it() {
    for row in [
        &[("103", ["0.00", "0.00"])][..],
        &[("100", ["0.00", "0.00"]), ("3", ["0.00", "0.00"])][..],
        &[("3", ["60.00", "40.00"]), ("100", ["0.00", "0.00"])][..],
        &[("40", ["60.00", "0.00"]), ("63", ["0.00", "0.00"])][..],
        &[("60", ["0.00", "40.00"]), ("2", ["0.00", "40.00"]), ("41", ["0.00", "0.00"])][..],
    ] {
        let mut desk = of_two();
        for (number, (amount, left)) in row.iter().enumerate() {
            let id = format!("U{number}");
            desk.bank(unreturned(&id, "2", amount));
            assert_eq!(disposition(&desk, &id), BankDisposition::ReturnUndone, "{row:?}");
            assert_eq!(&gone(&desk), left, "{row:?}");
        }
        assert_eq!(desk.model.ledger_of("fees"), money("0"), "{row:?}");
        sound(&desk);
    }
}

#[test]
fn part_of_what_several_payments_gave_is_whose_a_person_says() {
    let mut desk = of_two();
    desk.bank(unreturned("3", "2", "15"));
    assert_eq!(why(&desk), Some("several_payments"));
    let key = "undone:3";
    for (owner, from, fee, rejection) in [
        ("A", &[("P1", "10"), ("P2", "4")][..], "", Rejection::ReturnMismatch),
        ("A", &[("P1", "10"), ("P2", "6")][..], "", Rejection::ReturnMismatch),
        ("A", &[("P1", "61")][..], "", Rejection::ReturnMismatch),
        ("A", &[("P1", "10"), ("P2", "1.99")][..], "3.01", Rejection::ReturnMismatch),
        ("B", &[("P1", "15")][..], "", Rejection::AccountMismatch),
    ] {
        refused(&mut desk, take(owner, key, from, fee), rejection);
    }
    desk.apply(take("A", key, &[("P1", "10"), ("P2", "2")], "3"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone);
    assert_eq!(gone(&desk), ["50.00", "38.00"]);
    assert_eq!(desk.model.ledger_of("fees"), money("0"));
    sound(&desk);
    refused(&mut desk, take("A", key, &[("P1", "15")], ""), Rejection::ReturnNotParked);
    // One payment alone needs no amount; the rest comes back by itself.
    desk.bank(unreturned("4", "2", "8"));
    desk.apply(take("B", "undone:4", &[("P2", "")], ""));
    assert_eq!(gone(&desk), ["50.00", "30.00"]);
    desk.bank(unreturned("5", "2", "80"));
    assert_eq!(gone(&desk), ["0.00", "0.00"]);
    sound(&desk);
}

/// The bank names a return that nobody knows, or none: a person knows which payment gave.
#[test]
fn a_person_points_what_comes_back_at_a_payment_that_gave_so_much() {
    for of in ["NEVER", "2"] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.bank(credit("1", "100"));
        desk.bank(returned("2", "1", "70"));
        desk.bank(returned("4", "1", "10"));
        desk.bank(unreturned("3", of, "75"));
        assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnParked, "{of}");
        refused(
            &mut desk,
            take("A", "undone:3", &[(SETTLED, "75.01")], ""),
            Rejection::ReturnMismatch,
        );
        desk.apply(take("A", "undone:3", &[(SETTLED, "")], ""));
        assert_eq!(desk.payment_now("1").returned, money("5"), "{of}");
        sound(&desk);
    }
}

#[test]
fn several_returns_of_one_payment_come_back_at_once_or_in_any_part() {
    for (amounts, left) in [
        (&["100"][..], "0"),
        (&["30", "70"][..], "0"),
        (&["60", "40"][..], "0"),
        (&["99"][..], "1"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.bank(credit("1", "100"));
        desk.bank(returned("2", "1", "40"));
        desk.bank(returned("3", "1", "60"));
        for (number, amount) in amounts.iter().enumerate() {
            let id = format!("U{number}");
            desk.bank(unreturned(&id, "1", amount));
            assert_eq!(disposition(&desk, &id), BankDisposition::ReturnUndone, "{amounts:?}");
        }
        assert_eq!(desk.payment_now("1").returned, money(left), "{amounts:?}");
        sound(&desk);
    }
}

/// What was taken of a payment and its parts: the person names the part.
#[test]
fn part_of_what_a_split_payment_gave_goes_to_the_part_that_is_named() {
    let mut desk = shared();
    desk.bank(returned("2", "1", "70.50"));
    desk.apply(take("A", "reversal:2", &[(SETTLED, "")], ""));
    let [first, last] = [0, 1].map(|at| parts(&desk)[at].payment_id.clone());
    desk.bank(unreturned("3", "2", "20"));
    assert_eq!(why(&desk), Some("several_payments"));
    // The payment itself gave nothing, and 20 are not all that its parts gave.
    refused(&mut desk, take("A", "undone:3", &[(SETTLED, "")], ""), Rejection::ReturnMismatch);
    desk.apply(take("A", "undone:3", &[(first.as_str(), "15"), (last.as_str(), "5")], ""));
    sound(&desk);
    // All of the rest is both's.
    desk.bank(unreturned("4", "NEVER", "50.50"));
    desk.apply(take("A", "undone:4", &[(SETTLED, "")], ""));
    assert_eq!(parts(&desk).iter().map(|part| part.returned).collect::<Vec<_>>(), [money("0"); 2]);
    sound(&desk);
}

/// A part gave 10 by a person's word and the rest with the whole; the first is undone, so the part
/// has money that the payment does not count.
fn again() -> Desk {
    let mut desk = shared();
    desk.bank(returned("2", "1", "10"));
    let part = parts(&desk)[1].payment_id.clone();
    desk.apply(take("B", "reversal:2", &[(part.as_str(), "")], ""));
    desk.bank(returned("3", "1", "90.50"));
    desk.bank(unreturned("4", "2", "10"));
    assert_eq!(desk.balance("B"), money("10"));
    desk
}

#[test]
fn a_part_that_has_money_again_goes_back_with_the_whole() {
    // All that is there is what the part has.
    let mut desk = again();
    desk.bank(returned("5", "1", "10"));
    assert_eq!(disposition(&desk, "5"), BankDisposition::Returned, "{:?}", why(&desk));
    assert_eq!(desk.balance("B"), money("0"));
    sound(&desk);
    desk.bank(unreturned("6", "5", "10"));
    assert_eq!(desk.balance("B"), money("10"));
    sound(&desk);
    // The whole comes back too, is on the payment, and all of it goes again.
    desk.bank(unreturned("7", "3", "90.50"));
    assert_eq!(disposition(&desk, "7"), BankDisposition::ReturnUndone);
    desk.bank(returned("8", "1", "50"));
    assert_eq!(why(&desk), Some("split_payment"), "the bank does not say whose");
    desk.bank(BankTransaction { charges: Some(money("2")), ..returned("9", "1", "102.50") });
    assert_eq!(disposition(&desk, "9"), BankDisposition::Returned);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("0"), money("0")));
    assert_eq!(desk.model.ledger_of("fees"), money("2").negated());
    // And comes back at once, each with its own.
    desk.bank(unreturned("10", "9", "102.50"));
    assert_eq!((desk.balance("B"), desk.payment_now("1").returned), (money("10"), money("0")));
    assert_eq!(desk.model.ledger_of("fees"), money("0"));
}

#[test]
fn a_person_takes_of_a_part_that_has_money_again_by_its_payment() {
    let mut desk = again();
    desk.bank(returned("5", "1", "4"));
    assert_eq!(why(&desk), Some("split_payment"));
    desk.apply(take("B", "reversal:5", &[(SETTLED, "")], ""));
    assert_eq!(
        (disposition(&desk, "5"), desk.balance("B")),
        (BankDisposition::Returned, money("6"))
    );
    sound(&desk);
    desk.bank(returned("6", "1", "6.01"));
    assert_eq!(why(&desk), Some("exceeds_payment"));
}

/// What undoes a return may name neither: the end-to-end id of what was returned tells it, if the
/// payer does not say otherwise and it is the whole of it, or the payer is the same.
#[test]
fn what_names_no_id_of_the_bank_is_found_by_the_end_to_end_id() {
    let undone = |id: &str, end: &str, payer: Option<&str>, amount: &str| BankTransaction {
        end_to_end_id: None,
        debtor_account: payer.map(str::to_owned),
        return_of: Some(ReturnOf {
            bank_transaction_id: None,
            end_to_end_id: Some(end.to_owned()),
            reason: None,
        }),
        ..unreturned(id, "-", amount)
    };
    let (back, waits, ours) = (
        BankDisposition::ReturnUndone,
        BankDisposition::ReturnParked,
        BankDisposition::RefundBounced,
    );
    for (end, payer, amount, expected) in [
        ("E2E-4711-A", None, "80", back),
        ("E2E-4711-A", Some("DE62FIRST"), "80", back),
        ("E2E-4711-A", Some("DE62FIRST"), "30", back),
        ("E2E-4711-A", Some("OURS"), "80", back),
        ("E2E-4711-A", Some("DE62SECOND"), "80", waits),
        ("E2E-4711-A", None, "30", waits),
        ("E2E-4711-A", Some("DE62FIRST"), "80.01", waits),
        ("E2E-4712-B", None, "80", ours),
        ("TOPUP", None, "80", ours),
    ] {
        let mut desk = Desk::new();
        desk.bank(BankTransaction {
            end_to_end_id: Some("E2E-4711-A".to_owned()),
            ..credit_from("1", "80", "DE62FIRST")
        });
        desk.bank(returned("2", "1", "80"));
        desk.bank(undone("3", end, payer, amount));
        assert_eq!(disposition(&desk, "3"), expected, "{end} {payer:?} {amount}");
        let left = money("80").sub(money(amount)).expect("less");
        let returned = if expected == back { left } else { money("80") };
        assert_eq!(desk.payment_now("1").returned, returned, "{end} {payer:?} {amount}");
    }
    // It may come before the return.
    let mut desk = Desk::new();
    desk.bank(BankTransaction {
        end_to_end_id: Some("E2E-4711-A".to_owned()),
        ..credit_from("1", "80", "DE62FIRST")
    });
    desk.bank(undone("3", "E2E-4711-A", None, "80"));
    assert_eq!(disposition(&desk, "3"), waits);
    desk.bank(returned("2", "1", "80"));
    assert_eq!(disposition(&desk, "3"), back);
    assert_eq!(desk.payment_now("1").returned, money("0"));
}
