//! A return of less than all of a payment that is split: a person says whose part bears it, or
//! that it is taken from where any return is.

use super::split::{SETTLED, disposition, parts, refused, settlement, shared, sound};
use crate::effect::BankDisposition;
use crate::event::Fact;
use crate::ids::{BankKey, PaymentId};
use crate::input::{Command, ResolveReturn, ReturnWord};
use crate::invoice::InvoiceStatus;
use crate::money::Amount;
use crate::payment::PaymentState;
use crate::rejection::Rejection;
use crate::testkit::{
    Desk, account, deallocate, money, remove, returned, split, unreturned, unsplit,
};

/// Those payments, each with so much, or with all that the return still lacks.
pub(super) fn take(owner: &str, from: &[(&str, &str)], fee: Option<&str>) -> Command {
    take_of("reversal:2", owner, from, fee)
}

pub(super) fn take_of(of: &str, owner: &str, from: &[(&str, &str)], fee: Option<&str>) -> Command {
    let amount = |text: &str| Amount::parse(text).expect("an amount");
    let one = |(id, text): &(&str, &str)| {
        (PaymentId::trusted(id), Some(text).filter(|text| !text.is_empty()).map(|t| amount(t)))
    };
    let payments = from.iter().map(one).collect();
    let word = ReturnWord::Take { payments, fee: fee.map(amount) };
    let key = BankKey { bank_account: "OURS".to_owned(), key: of.to_owned() };
    Command::ResolveReturn(ResolveReturn { account_id: account(owner), key, word, reason: None })
}

/// What went back of the payment, and of each of its parts.
fn gone(desk: &Desk) -> Vec<String> {
    let settled = desk.payment_now("1").returned;
    let parts = parts(desk).into_iter().map(|part| part.returned);
    [settled]
        .into_iter()
        .chain(parts)
        .map(|amount| amount.to_string().replace(" SGD", ""))
        .collect()
}

/// The settlement is shared out, B has spent 15 of 40, and the bank takes `amount` back.
fn spent(amount: &str) -> Desk {
    let mut desk = shared();
    desk.charge("U1", "B", "15");
    desk.bank(returned("2", "1", amount));
    assert_eq!(disposition(&desk, "2"), BankDisposition::ReturnParked);
    desk
}

#[test]
fn a_spent_part_bears_the_return_that_a_person_says_is_its() {
    let mut desk = spent("40");
    // Undoing the split, the only other way, is closed: B has spent of it.
    refused(&mut desk, unsplit(SETTLED, "A"), Rejection::LotSpent);
    let part = parts(&desk)[1].payment_id.clone();
    desk.apply(take("B", &[(part.as_str(), "")], None));
    assert_eq!(gone(&desk), ["0.00", "0.00", "40.00"]);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("60.50"), money("15").negated()));
    assert_eq!(desk.invoice_now("I2").status, InvoiceStatus::AwaitingPayment);
    assert_eq!(desk.state("1"), PaymentState::Split);
    let told = desk.model.set.events.iter().rev().find_map(|event| match &event.fact {
        Fact::PaymentReturned { payment_id, from_unspent, clawed_back, .. } => {
            Some((payment_id.clone(), *from_unspent, *clawed_back))
        }
        _ => None,
    });
    assert_eq!(told, Some((part, money("25"), money("15"))));
    sound(&desk);
    // Undone by the bank, by the return's id: the same invoice is paid again.
    desk.bank(unreturned("3", "2", "40"));
    assert_eq!(gone(&desk), ["0.00", "0.00", "0.00"]);
    assert_eq!(desk.balance("B"), money("25"));
    assert_eq!(desk.invoice_now("I2").status, InvoiceStatus::Provisioned);
    sound(&desk);
}

#[test]
fn the_rule_takes_free_money_then_unspent_then_spent_the_last_part_first() {
    for (amount, expected, balances) in [
        ("5", ["5.00", "0.00", "0.00"], ["60.50", "20"]),
        ("30", ["10.00", "0.00", "20.00"], ["60.50", "0"]),
        ("31", ["10.00", "1.00", "20.00"], ["59.50", "0"]),
        ("90.50", ["10.00", "60.50", "20.00"], ["0", "0"]),
        ("91.50", ["10.00", "60.50", "21.00"], ["0", "-1"]),
    ] {
        // 10 of 100.50 are shared out to nobody; of B's 30, who spent 10, 20 are unspent.
        let mut desk = settlement();
        desk.apply(split(SETTLED, "A", &[("A", "60.50", &["I1"]), ("B", "30", &["I2"])]));
        desk.charge("U1", "B", "10");
        desk.bank(returned("2", "1", amount));
        desk.apply(take("B", &[(SETTLED, "")], None));
        assert_eq!(gone(&desk), expected, "{amount}");
        let minus = |text: &str| match text.strip_prefix('-') {
            Some(text) => money(text).negated(),
            None => money(text),
        };
        assert_eq!([desk.balance("A"), desk.balance("B")], balances.map(minus), "{amount}");
        sound(&desk);
        // By the id of what was returned as well: what was taken of its parts is meant too.
        desk.bank(unreturned("3", "1", amount));
        assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone, "{amount}");
        assert_eq!(gone(&desk), ["0.00", "0.00", "0.00"], "{amount}");
        assert_eq!([desk.balance("A"), desk.balance("B")], [money("60.50"), money("20")]);
        sound(&desk);
    }
}

#[test]
fn free_money_of_a_part_goes_before_what_another_part_has_spent() {
    let mut desk = spent("50");
    let first = parts(&desk)[0].payment_id.clone();
    desk.watermark();
    desk.apply(deallocate(first.as_str(), "I1", "A"));
    desk.apply(take("A", &[(SETTLED, "")], None));
    assert_eq!(gone(&desk), ["0.00", "50.00", "0.00"]);
    assert_eq!((desk.balance("A"), desk.balance("B")), (money("0"), money("25")));
    sound(&desk);
}

#[test]
fn a_part_that_is_named_gives_what_is_named_for_it_and_no_more() {
    let mut desk = spent("63");
    let last = parts(&desk)[1].payment_id.clone();
    let shares = |last_gives, whole_gives| {
        take("A", &[(SETTLED, whole_gives), (last.as_str(), last_gives)], Some("2"))
    };
    refused(&mut desk, shares("0.49", "60.51"), Rejection::ReturnMismatch);
    refused(&mut desk, shares("1", "61"), Rejection::ReturnMismatch);
    refused(&mut desk, shares("41", "20"), Rejection::ReturnMismatch);
    desk.apply(shares("1", "60"));
    assert_eq!(gone(&desk), ["0.00", "60.00", "1.00"]);
    assert_eq!(desk.model.ledger_of("fees"), money("2").negated());
}

#[test]
fn who_may_say_it_is_the_payments_customer_or_one_of_its_parts() {
    let mut desk = spent("40");
    let known = desk.model.set.account(&account("A")).expect("A").clone();
    desk.model.set.accounts_mut().insert(account("C"), known);
    refused(&mut desk, take("C", &[(SETTLED, "")], None), Rejection::AccountMismatch);
    let part = parts(&desk)[1].payment_id.clone();
    refused(&mut desk, take("A", &[(part.as_str(), "")], None), Rejection::AccountMismatch);
    refused(&mut desk, take("A", &[(SETTLED, "39")], None), Rejection::ReturnMismatch);
    desk.apply(take("A", &[(SETTLED, "40")], None));
    refused(&mut desk, take("A", &[(SETTLED, "40")], None), Rejection::ReturnNotParked);
}

#[test]
fn all_that_is_left_goes_back_as_one_and_comes_back_as_one() {
    let mut desk = spent("203.50");
    desk.apply(take("A", &[(SETTLED, "")], Some("103")));
    let settled = desk.payment_now("1");
    assert_eq!((settled.state, settled.returned), (PaymentState::Returned, money("100.50")));
    assert_eq!(desk.balance("B"), money("15").negated());
}

#[test]
fn a_part_that_was_removed_gives_last() {
    let mut desk = spent("70");
    let first = parts(&desk)[0].payment_id.clone();
    desk.watermark();
    desk.apply(remove(first.as_str(), "A"));
    desk.apply(take("B", &[(SETTLED, "")], None));
    assert_eq!(gone(&desk), ["0.00", "30.00", "40.00"]);
    assert_eq!(desk.balance("B"), money("15").negated());
    sound(&desk);
}

/// A part gave 10 of 40 by itself, and the rest with the whole. Then the bank undoes the first.
#[test]
fn a_part_that_went_back_has_money_again_when_its_own_return_is_undone() {
    let mut desk = spent("10");
    let part = parts(&desk)[1].payment_id.clone();
    desk.apply(take("B", &[(part.as_str(), "")], None));
    desk.bank(returned("4", "1", "90.50"));
    assert_eq!(disposition(&desk, "4"), BankDisposition::Returned);
    assert_eq!(parts(&desk)[1].state, PaymentState::Returned);
    desk.bank(unreturned("3", "2", "10"));
    assert_eq!(disposition(&desk, "3"), BankDisposition::ReturnUndone);
    assert_eq!(desk.balance("B"), money("5").negated());
    let now = parts(&desk)[1].clone();
    assert_eq!((now.state, now.left()), (PaymentState::Allocated, Ok(money("10"))));
    sound(&desk);
    desk.watermark();
    desk.bank(returned("5", "2", "10"));
    assert_eq!(disposition(&desk, "5"), BankDisposition::ReturnParked);
}
