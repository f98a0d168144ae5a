//! Usage: which lots burn, what a refund gives back to which, and how holds end.

use crate::effect::{Need, Outcome};
use crate::event::Fact;
use crate::ids::{HoldId, RefundId, UsageId};
use crate::input::{Command, Input};
use crate::money::{Amount, Money};
use crate::rejection::DeadLetterReason;
use crate::testkit::{Desk, account, currency};
use crate::usage::{Charge, HoldAmount, HoldState, Refund, Usage};

fn sgd(text: &str) -> Money {
    Amount::parse(text).expect("an amount").with_all_decimals(currency("SGD"))
}

fn charge(desk: &Desk, id: &str, amount: &str, hold: Option<&str>) -> Usage {
    Usage::Charge(Charge {
        usage_id: UsageId::trusted(id),
        account_id: account("A"),
        amount: sgd(amount),
        occurred_at: desk.now,
        kind: "call".to_owned(),
        hold_id: hold.map(HoldId::trusted),
    })
}

fn refund(id: &str, of: &str, amount: &str) -> Usage {
    Usage::Refund(Refund {
        refund_id: RefundId::trusted(id),
        usage_id: UsageId::trusted(of),
        account_id: account("A"),
        amount: sgd(amount),
    })
}

fn held(id: &str, amount: &str) -> HoldAmount {
    HoldAmount { hold_id: HoldId::trusted(id), account_id: account("A"), amount: sgd(amount) }
}

fn feed(desk: &mut Desk, usage: Usage) -> Outcome {
    let message = desk.message(Input::Usage(usage));
    desk.feed(&message)
}

fn applied(desk: &mut Desk, usage: Usage) {
    let outcome = feed(desk, usage.clone());
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?} for {usage:?}");
}

fn charged(desk: &mut Desk, id: &str, amount: &str) {
    let usage = charge(desk, id, amount, None);
    applied(desk, usage);
}

/// Tops up by an invoice and a payment of that number.
fn topup(desk: &mut Desk, number: u32, amount: &str) {
    use crate::testkit::{allocate, record};
    let (invoice, payment) = (format!("I{number}"), format!("P{number}"));
    desk.invoice(&invoice, "A", amount);
    desk.apply(Command::RecordPayment(record(&payment, Some("A"), amount)));
    desk.apply(allocate(&payment, "A", &[(&invoice, "")]));
}

/// What is left in each lot, the oldest first.
fn lots(desk: &Desk) -> Vec<String> {
    let lots = desk.model.set.usage.lots.get(&(account("A"), currency("SGD")));
    lots.into_iter().flatten().map(|lot| lot.remaining.number()).collect()
}

fn balance(desk: &Desk) -> String {
    desk.model.set.balance(&account("A"), currency("SGD")).number()
}

#[test]
fn the_oldest_lot_burns_first_and_a_refund_goes_back_where_it_came_from() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "10");
    topup(&mut desk, 2, "10");
    charged(&mut desk, "U1", "4.000001");
    assert_eq!(lots(&desk), ["5.999999", "10.00"]);
    charged(&mut desk, "U2", "9");
    assert_eq!(lots(&desk), ["0.00", "6.999999"]);
    assert_eq!(balance(&desk), "6.999999");
    // Of the 9, 3.000001 came last, from the second lot: that goes back first.
    applied(&mut desk, refund("R1", "U2", "2"));
    assert_eq!(lots(&desk), ["0.00", "8.999999"]);
    applied(&mut desk, refund("R2", "U2", "7"));
    assert_eq!(lots(&desk), ["5.999999", "10.00"]);
    applied(&mut desk, refund("R3", "U1", "4.000001"));
    assert_eq!(lots(&desk), ["10.00", "10.00"]);
}

#[test]
fn a_topup_into_debt_clears_it_first_and_a_refund_of_the_debt_goes_to_who_cleared_it() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "10");
    charged(&mut desk, "U1", "25");
    assert_eq!((balance(&desk).as_str(), lots(&desk)), ("-15.00", vec!["0.00".to_owned()]));
    topup(&mut desk, 2, "5");
    assert_eq!((balance(&desk).as_str(), lots(&desk)), ("-10.00", vec!["0.00".to_owned(); 2]));
    // What is still debt becomes less before any lot gets something.
    applied(&mut desk, refund("R1", "U1", "4"));
    assert_eq!(balance(&desk), "-6.00");
    topup(&mut desk, 3, "20");
    assert_eq!((balance(&desk).as_str(), lots(&desk)[2].as_str()), ("14.00", "14.00"));
    // 15 were uncovered; 4 of them were relieved, 11 cleared: 6 by the third lot, 5 by the second.
    applied(&mut desk, refund("R2", "U1", "8"));
    assert_eq!(lots(&desk), ["0.00", "2.00", "20.00"]);
    applied(&mut desk, refund("R3", "U1", "13"));
    assert_eq!(lots(&desk), ["10.00", "5.00", "20.00"]);
    assert_eq!(balance(&desk), "35.00");
}

#[test]
fn a_refund_while_there_is_debt_burns_the_debt_with_what_came_back() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "10");
    charged(&mut desk, "U1", "10");
    charged(&mut desk, "U2", "3");
    applied(&mut desk, refund("R1", "U1", "10"));
    assert_eq!((balance(&desk).as_str(), lots(&desk)), ("7.00", vec!["7.00".to_owned()]));
    // The lot cleared the debt of U2, so that is where its refund goes.
    applied(&mut desk, refund("R2", "U2", "3"));
    assert_eq!(lots(&desk), ["10.00"]);
}

/// Of a charge whose month is gone nothing but its name is known.
#[test]
fn what_is_not_kept_any_more_is_neither_charged_again_nor_given_back() {
    let mut desk = Desk::new();
    let gone = Outcome::DeadLettered(DeadLetterReason::UsagePruned);
    desk.model.set.usage.pruned.insert((account("A"), UsageId::trusted("U1")));
    for amount in ["5", "0"] {
        let again = charge(&desk, "U1", amount, None);
        assert_eq!(feed(&mut desk, again), gone);
    }
    assert_eq!(feed(&mut desk, refund("R1", "U1", "1")), gone);
    charged(&mut desk, "U2", "3");
    assert_eq!(balance(&desk), "-3.00");
}

#[test]
fn facts_that_contradict_earlier_ones_are_dead_letters() {
    let mut desk = Desk::new();
    charged(&mut desk, "U1", "5");
    let again = charge(&desk, "U1", "5", None);
    assert_eq!(feed(&mut desk, again), Outcome::Duplicate);
    let other = charge(&desk, "U1", "6", None);
    let dead = Outcome::DeadLettered;
    assert_eq!(feed(&mut desk, other), dead(DeadLetterReason::UsageConflict));
    applied(&mut desk, refund("R1", "U1", "3"));
    assert_eq!(feed(&mut desk, refund("R1", "U1", "3")), Outcome::Duplicate);
    assert_eq!(feed(&mut desk, refund("R1", "U1", "2")), dead(DeadLetterReason::UsageConflict));
    let more = refund("R2", "U1", "2.000001");
    assert_eq!(feed(&mut desk, more), dead(DeadLetterReason::RefundExceedsCharge));
    applied(&mut desk, Usage::Hold(held("H1", "5")));
    assert_eq!(feed(&mut desk, Usage::Hold(held("H1", "5"))), Outcome::Duplicate);
    let mut other = held("H1", "6");
    other.amount = Money::zero(currency("USD"));
    let other = Usage::Hold(other);
    assert_eq!(feed(&mut desk, other), dead(DeadLetterReason::UsageConflict));
    assert_eq!(balance(&desk), "-2.00");
}

#[test]
fn what_came_too_early_waits_and_stops_nothing_else() {
    let mut desk = Desk::new();
    let early = desk.message(Input::Usage(refund("R1", "U1", "1")));
    let need = Need::Charge(account("A"), UsageId::trusted("U1"));
    assert_eq!(desk.feed(&early), Outcome::Waiting(need));
    let release = desk.message(Input::Usage(Usage::Release(held("H1", "1"))));
    let need = Need::Hold(account("A"), HoldId::trusted("H1"));
    assert_eq!(desk.feed(&release), Outcome::Waiting(need));
    charged(&mut desk, "U0", "2");
    desk.invoice("I1", "A", "10");
    charged(&mut desk, "U1", "3");
    assert_eq!(balance(&desk), "-4.00");
    applied(&mut desk, Usage::Hold(held("H1", "1")));
    let hold = &desk.model.set.usage.holds_here()[&(account("A"), HoldId::trusted("H1"))];
    assert_eq!(hold.state, HoldState::Released);
    assert!(desk.model.waiting.is_empty());
}

#[test]
fn a_hold_ends_once_captured_released_or_expired() {
    let mut desk = Desk::new();
    let state = |desk: &Desk, id: &str| {
        desk.model.set.usage.holds_here()[&(account("A"), HoldId::trusted(id))].state
    };
    for id in ["H1", "H2", "H3"] {
        applied(&mut desk, Usage::Hold(held(id, "5")));
    }
    let capture = charge(&desk, "U1", "7", Some("H1"));
    applied(&mut desk, capture);
    assert_eq!(state(&desk, "H1"), HoldState::Captured);
    applied(&mut desk, Usage::Release(held("H2", "2")));
    assert_eq!(state(&desk, "H2"), HoldState::Live);
    applied(&mut desk, Usage::Release(held("H2", "9")));
    assert_eq!(state(&desk, "H2"), HoldState::Released);
    applied(&mut desk, Usage::ExpireHold(held("H3", "5")));
    assert_eq!(state(&desk, "H3"), HoldState::Expired);
    for id in ["H1", "H2", "H3"] {
        applied(&mut desk, Usage::Release(held(id, "1")));
        assert_eq!(feed(&mut desk, Usage::ExpireHold(held(id, "5"))), Outcome::Duplicate);
    }
    // A charge that comes before its hold ends it in advance.
    let capture = charge(&desk, "U2", "1", Some("H4"));
    applied(&mut desk, capture);
    applied(&mut desk, Usage::Hold(held("H4", "5")));
    assert_eq!(state(&desk, "H4"), HoldState::Captured);
    let expired = desk.model.set.events.iter().filter(|event| match &event.fact {
        Fact::HoldExpired { hold_id, .. } => hold_id.as_str() == "H3",
        _ => false,
    });
    assert_eq!(expired.count(), 1);
}

#[test]
fn a_batch_tells_one_balance_and_one_overdraft_for_each_account() {
    let mut desk = Desk::new();
    let mut customer = crate::testkit::upsert("A");
    customer.credit_limits = Some(vec![sgd("5")]);
    desk.apply(Command::UpsertAccount(customer));
    let before = desk.model.set.events.len();
    for (id, amount) in [("U1", "4"), ("U2", "2"), ("U3", "1")] {
        let usage = charge(&desk, id, amount, None);
        let message = desk.message(Input::Usage(usage));
        desk.model.feed_in_batch(&message, desk.now);
    }
    desk.model.end_batch();
    let told: Vec<&Fact> = desk.model.set.events[before..].iter().map(|e| &e.fact).collect();
    let [Fact::BalanceChanged { delta, balance, .. }, over] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((delta.number(), balance.number()), ("-7.00".into(), "-7.00".into()));
    let Fact::BalanceOverdrawn { exceeded_by, .. } = over else { panic!("{over:?}") };
    assert_eq!(exceeded_by.number(), "2.00");
}

/// Free and failed calls: remembered, so that each counts once; no money moves and no event tells
/// of a balance.
#[test]
fn a_charge_of_nothing_is_remembered_and_ends_its_hold() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "10");
    applied(&mut desk, Usage::Hold(held("H1", "5")));
    let before = desk.model.set.events.len();
    let free = charge(&desk, "U1", "0", Some("H1"));
    applied(&mut desk, free.clone());
    assert_eq!(feed(&mut desk, free), Outcome::Duplicate);
    let hold = &desk.model.set.usage.holds_here()[&(account("A"), HoldId::trusted("H1"))];
    assert_eq!(hold.state, HoldState::Captured);
    let dead = Outcome::DeadLettered(DeadLetterReason::UsageConflict);
    let costs = charge(&desk, "U1", "0.01", Some("H1"));
    assert_eq!(feed(&mut desk, costs), dead);
    applied(&mut desk, refund("R1", "U1", "0"));
    assert_eq!(feed(&mut desk, refund("R1", "U1", "0")), Outcome::Duplicate);
    assert_eq!(desk.model.set.events.len(), before);
    assert_eq!((balance(&desk).as_str(), lots(&desk)), ("10.00", vec!["10.00".to_owned()]));
    // Beside one that costs, it is not counted among what changed the balance.
    for (id, amount) in [("U2", "0"), ("U3", "4"), ("U4", "0")] {
        let usage = charge(&desk, id, amount, None);
        let message = desk.message(Input::Usage(usage));
        desk.model.feed_in_batch(&message, desk.now);
    }
    desk.model.end_batch();
    let told: Vec<&Fact> = desk.model.set.events[before..].iter().map(|e| &e.fact).collect();
    let [Fact::BalanceChanged { balance, cause, .. }] = told[..] else { panic!("{told:?}") };
    assert_eq!(balance.number(), "6.00");
    assert_eq!(*cause, crate::event::BalanceCause::Usage { charges: 1, refunds: 0 });
}

/// Online charging asks for more, or gives some back, while the call goes on.
#[test]
fn a_hold_is_set_anew_under_its_id() {
    let mut desk = Desk::new();
    let of = |desk: &Desk, id: &str| {
        let hold = &desk.model.set.usage.holds_here()[&(account("A"), HoldId::trusted(id))];
        let open = hold.amount.sub(hold.released).expect("open");
        (open.number(), hold.state, hold.placed_at)
    };
    applied(&mut desk, Usage::Hold(held("H1", "2")));
    let placed = of(&desk, "H1").2;
    desk.now += chrono::TimeDelta::minutes(5);
    applied(&mut desk, Usage::Hold(held("H1", "5")));
    assert_eq!(of(&desk, "H1"), ("5.00".to_owned(), HoldState::Live, desk.now));
    assert!(of(&desk, "H1").2 > placed);
    assert_eq!(feed(&mut desk, Usage::Hold(held("H1", "5"))), Outcome::Duplicate);
    applied(&mut desk, Usage::Release(held("H1", "1")));
    applied(&mut desk, Usage::Hold(held("H1", "5")));
    assert_eq!(of(&desk, "H1").0, "5.00", "the same amount sets what was given back anew");
    applied(&mut desk, Usage::Hold(held("H1", "3")));
    assert_eq!(of(&desk, "H1").0, "3.00");
    applied(&mut desk, Usage::Release(held("H1", "0")));
    assert_eq!((of(&desk, "H1").0.as_str(), of(&desk, "H1").1), ("3.00", HoldState::Live));
    applied(&mut desk, Usage::Hold(held("H1", "0")));
    assert_eq!((of(&desk, "H1").0.as_str(), of(&desk, "H1").1), ("0.00", HoldState::Released));
    // What has ended stays so; a hold of nothing holds nothing.
    applied(&mut desk, Usage::Hold(held("H1", "9")));
    assert_eq!(of(&desk, "H1").1, HoldState::Released);
    applied(&mut desk, Usage::Hold(held("H2", "0")));
    assert!(
        !desk.model.set.usage.holds_here().contains_key(&(account("A"), HoldId::trusted("H2")))
    );
    let capture = charge(&desk, "U1", "1", Some("H3"));
    applied(&mut desk, Usage::Hold(held("H3", "2")));
    applied(&mut desk, capture);
    applied(&mut desk, Usage::Hold(held("H3", "4")));
    assert_eq!(of(&desk, "H3").1, HoldState::Captured);
}

/// There is nothing to wait for.
#[test]
fn nothing_is_given_back_of_what_is_not_known() {
    let mut desk = Desk::new();
    desk.refund("R-1", "NEVER", "A", "0");
    desk.release("NEVER", "A", "0");
    assert!(desk.model.waiting.is_empty());
    let set = &desk.model.set;
    assert!(set.refund(&(account("A"), RefundId::trusted("R-1"))).is_none());
    assert!(set.usage.holds_here().is_empty());
    assert!(desk.balance("A").is_zero());
}
