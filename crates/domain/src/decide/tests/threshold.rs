//! Levels of balances against a naive model: a list of numbers and one loop.

use proptest::prelude::*;

use crate::event::{Direction, Fact};
use crate::ids::{HoldId, RefundId, UsageId};
use crate::input::{Command, Input};
use crate::money::Money;
use crate::testkit::{Desk, account, currency, deallocate, money, upsert};
use crate::threshold::Levels;
use crate::usage::{Charge, Refund, Usage};

fn units(number: i64) -> Money {
    Money::from_micros(number * 1_000_000, currency("SGD"))
}

fn with_levels(levels: &[i64]) -> Desk {
    let mut desk = Desk::new();
    let mut customer = upsert("A");
    let levels = levels.iter().map(|level| units(*level)).collect();
    customer.balance_levels = Some(Levels::new([(currency("SGD"), levels)]));
    desk.apply(Command::UpsertAccount(customer));
    desk
}

fn charge(desk: &Desk, id: usize, amount: i64) -> Usage {
    Usage::Charge(Charge {
        usage_id: UsageId::trusted(&format!("U{id}")),
        account_id: account("A"),
        amount: units(amount),
        occurred_at: desk.now,
        kind: "call".to_owned(),
        hold_id: None::<HoldId>,
    })
}

fn refund(of: usize, amount: i64) -> Usage {
    Usage::Refund(Refund {
        refund_id: RefundId::trusted(&format!("R{of}")),
        usage_id: UsageId::trusted(&format!("U{of}")),
        account_id: account("A"),
        amount: units(amount),
    })
}

/// What was told: the level, the balance, the direction.
fn told(desk: &Desk) -> Vec<(i64, i64, Direction)> {
    let whole = |money: Money| money.to_micros().expect("kept") / 1_000_000;
    let events = desk.model.set.events.iter();
    let crossings = events.filter_map(|event| match &event.fact {
        Fact::BalanceThreshold { level, balance, direction, .. } => {
            Some((whole(*level), whole(*balance), *direction))
        }
        _ => None,
    });
    crossings.collect()
}

/// One step at a time, all levels each time.
fn naive(levels: &[i64], deltas: &[i64]) -> Vec<(i64, i64, Direction)> {
    let (mut balance, mut crossed) = (0, Vec::new());
    for delta in deltas {
        let before = balance;
        balance += delta;
        let mut now: Vec<i64> = levels
            .iter()
            .copied()
            .filter(|level| (before < *level) != (balance < *level))
            .collect();
        now.sort_unstable();
        now.dedup();
        if *delta < 0 {
            now.reverse();
        }
        let direction = if *delta < 0 { Direction::Down } else { Direction::Up };
        crossed.extend(now.into_iter().map(|level| (level, balance, direction)));
    }
    crossed
}

/// What one record of the property does.
#[derive(Debug, Clone, Copy)]
enum RecordAction {
    Topup(i64),
    TakeOff,
    Charge(i64),
    Refund,
    /// The same record again.
    Again,
    EndBatch,
}

fn act() -> impl Strategy<Value = RecordAction> {
    prop_oneof![
        (1..40_i64).prop_map(RecordAction::Topup),
        Just(RecordAction::TakeOff),
        (0..25_i64).prop_map(RecordAction::Charge),
        Just(RecordAction::Refund),
        Just(RecordAction::Again),
        Just(RecordAction::EndBatch),
    ]
}

/// Runs the acts; what each did to the balance.
fn play(desk: &mut Desk, acts: &[RecordAction]) -> Vec<i64> {
    let (mut deltas, mut charges, mut topups) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for (number, act) in acts.iter().enumerate() {
        let (usage, delta) = match *act {
            RecordAction::EndBatch => {
                desk.model.end_batch();
                continue;
            }
            RecordAction::Again => {
                if let Some(message) = &last {
                    desk.model.feed_in_batch(message, desk.now);
                }
                continue;
            }
            RecordAction::Topup(amount) => {
                desk.model.end_batch();
                let (invoice, payment) = (format!("I{number}"), format!("P{number}"));
                desk.invoice(&invoice, "A", &amount.to_string());
                let paid = crate::testkit::record(&payment, Some("A"), &amount.to_string());
                desk.apply(Command::RecordPayment(paid));
                let all = crate::testkit::allocate(&payment, "A", &[(&invoice, "")]);
                desk.apply(all);
                topups.push((invoice, payment, amount));
                deltas.push(amount);
                continue;
            }
            RecordAction::TakeOff => {
                desk.model.end_batch();
                desk.watermark();
                let Some((invoice, payment, amount)) = topups.pop() else { continue };
                let before = desk.model.set.balance(&account("A"), currency("SGD"));
                desk.hand_in(deallocate(&payment, &invoice, "A"));
                let after = desk.model.set.balance(&account("A"), currency("SGD"));
                deltas.extend((before != after).then_some(-amount));
                continue;
            }
            RecordAction::Charge(amount) => {
                charges.push((number, amount));
                (charge(desk, number, amount), -amount)
            }
            RecordAction::Refund => {
                let Some((of, amount)) = charges.pop() else { continue };
                (refund(of, amount), amount)
            }
        };
        let message = desk.message(Input::Usage(usage));
        desk.model.feed_in_batch(&message, desk.now);
        last = Some(message);
        deltas.push(delta);
    }
    desk.model.end_batch();
    deltas
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_crossing_is_told_once_and_in_order(
        levels in proptest::collection::vec(0..60_i64, 1..5),
        acts in proptest::collection::vec(act(), 1..40),
    ) {
        let mut desk = with_levels(&levels);
        let deltas = play(&mut desk, &acts);
        prop_assert!(desk.model.stopped.is_none(), "{:?}", desk.model.stopped);
        prop_assert_eq!(told(&desk), naive(&levels, &deltas), "{:?}", deltas);
        // The same acts where nobody has levels tell nothing of them.
        let mut other = Desk::new();
        play(&mut other, &acts);
        prop_assert_eq!(told(&other), Vec::new());
        let sequences = |desk: &Desk| desk.model.set.events.iter().filter(|event| {
            event.key.as_str() == "A"
        }).map(|event| event.sequence).collect::<Vec<_>>();
        let expected: Vec<i64> = (1..).take(sequences(&desk).len()).collect();
        prop_assert_eq!(sequences(&desk), expected);
    }
}

#[test]
fn a_batch_that_goes_down_and_up_again_tells_both() {
    let mut desk = with_levels(&[5, 20]);
    let amount = play(&mut desk, &[RecordAction::Topup(30)]);
    assert_eq!(amount, [30]);
    assert_eq!(told(&desk), [(5, 30, Direction::Up), (20, 30, Direction::Up)]);
    play(
        &mut desk,
        &[
            RecordAction::EndBatch,
            RecordAction::Charge(27),
            RecordAction::Refund,
            RecordAction::Again,
        ],
    );
    let both = [
        (20, 3, Direction::Down),
        (5, 3, Direction::Down),
        (5, 30, Direction::Up),
        (20, 30, Direction::Up),
    ];
    assert_eq!(told(&desk)[2..], both);
}

#[test]
fn own_levels_stand_in_the_place_of_everybodys() {
    let mut desk = Desk::new();
    let everybodys = Levels::new([(currency("SGD"), vec![money("10"), money("5")])]);
    desk.model.set.default_levels = everybodys.into();
    desk.apply(Command::UpsertAccount(upsert("A")));
    play(&mut desk, &[RecordAction::Topup(7)]);
    assert_eq!(told(&desk), [(5, 7, Direction::Up)]);
    let mut customer = upsert("A");
    customer.balance_levels = Some(Levels::new([(currency("SGD"), Vec::new())]));
    desk.apply(Command::UpsertAccount(customer.clone()));
    play(&mut desk, &[RecordAction::EndBatch, RecordAction::Charge(3), RecordAction::Refund]);
    assert_eq!(told(&desk).len(), 1, "none are wanted");
    // Other currencies than those that are named stay with everybody's.
    customer.balance_levels = Some(Levels::new([(currency("USD"), vec![money("1")])]));
    desk.apply(Command::UpsertAccount(customer));
    let mut usage = charge(&desk, 100, 3);
    if let Usage::Charge(charge) = &mut usage {
        charge.kind = "sms".to_owned();
    }
    desk.usage(usage);
    assert_eq!(told(&desk)[1..], [(5, 4, Direction::Down)]);
}

/// Levels that are set, cleared and set again in one batch: what is told is what was crossed while
/// they were there, with the balances that there were.
#[test]
fn levels_that_change_in_a_batch_are_those_of_their_moment() {
    let mut desk = with_levels(&[5]);
    play(&mut desk, &[RecordAction::Topup(30)]);
    let levels = |desk: &mut Desk, of: &[i64]| {
        let mut customer = upsert("A");
        let of = of.iter().map(|level| units(*level)).collect();
        customer.balance_levels = Some(Levels::new([(currency("SGD"), of)]));
        let message = desk.message(Input::Command(Command::UpsertAccount(customer)));
        desk.model.feed_in_batch(&message, desk.now);
    };
    let usage = |desk: &mut Desk, usage: Usage| {
        let message = desk.message(Input::Usage(usage));
        desk.model.feed_in_batch(&message, desk.now);
    };
    let (one, two) = (charge(&desk, 101, 20), charge(&desk, 102, 8));
    usage(&mut desk, one);
    levels(&mut desk, &[]);
    usage(&mut desk, two);
    levels(&mut desk, &[5]);
    usage(&mut desk, refund(102, 8));
    let three = charge(&desk, 103, 9);
    usage(&mut desk, three);
    levels(&mut desk, &[]);
    desk.model.end_batch();
    let crossed = [(5, 30, Direction::Up), (5, 10, Direction::Up), (5, 1, Direction::Down)];
    assert_eq!(told(&desk), crossed);
    assert!(desk.model.stopped.is_none(), "{:?}", desk.model.stopped);
}
