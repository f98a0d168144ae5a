//! Cases 47, 48, 51, 52, 58, 59 and 61: lots, debt, and what a balance may not become.

use crate::effect::{Effect, Outcome};
use crate::event::Fact;
use crate::ids::{RefundId, UsageId};
use crate::input::{Command, Input};
use crate::matching::policy::Policy;
use crate::money::Money;
use crate::payment::{ParkReason, PaymentState};
use crate::rejection::Rejection;
use crate::testkit::*;
use crate::usage::{Charge, LotMove, MoveKind, Refund, Usage};

fn feed(desk: &mut Desk, usage: Usage) {
    let message = desk.message(Input::Usage(usage));
    let outcome = desk.feed(&message);
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
}

fn spend(desk: &mut Desk, id: &str, amount: &str) {
    let charge = Charge {
        usage_id: UsageId::trusted(id),
        account_id: account("A"),
        amount: money(amount),
        occurred_at: desk.now,
        kind: "call".to_owned(),
        hold_id: None,
    };
    feed(desk, Usage::Charge(charge));
}

fn refund(desk: &mut Desk, id: &str, of: &str, amount: &str) {
    let refund = Refund {
        refund_id: RefundId::trusted(id),
        usage_id: UsageId::trusted(of),
        account_id: account("A"),
        amount: money(amount),
    };
    feed(desk, Usage::Refund(refund));
}

/// Tops up A by an invoice and a payment of that number.
fn topup(desk: &mut Desk, number: u32, amount: &str) {
    let (invoice, payment) = (format!("I{number}"), format!("P{number}"));
    desk.invoice(&invoice, "A", amount);
    desk.apply(Command::RecordPayment(record(&payment, Some("A"), amount)));
    desk.apply(allocate(&payment, "A", &[(&invoice, "")]));
}

/// What is left of each lot of A, and whether all of it is there; the oldest first.
fn lots(desk: &Desk) -> Vec<(Money, bool)> {
    let lots = desk.model.set.usage.lots.get(&(account("A"), currency("SGD")));
    let lots = lots.into_iter().flatten();
    lots.map(|lot| (lot.remaining, lot.remaining == lot.amount)).collect()
}

/// Two topups of a hundred and fifty spent. The first is spent in part and the second is not,
/// although the balance of 150 is more than either.
#[test]
fn edge_47_unspent_is_asked_of_the_lot_and_not_of_the_balance() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "100");
    topup(&mut desk, 2, "100");
    spend(&mut desk, "U1", "50");
    assert_eq!(desk.balance("A"), money("150"));
    assert_eq!(lots(&desk), [(money("50"), false), (money("100"), true)]);
}

/// Fifty are spent and that call is refunded. The money goes back to the lot that it came from,
/// recorded as a move of its own, and the lot is unspent again.
#[test]
fn edge_48_a_refund_makes_its_lot_unspent_again() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "100");
    topup(&mut desk, 2, "100");
    spend(&mut desk, "U1", "50");
    refund(&mut desk, "R1", "U1", "50");
    assert_eq!(lots(&desk), [(money("100"), true), (money("100"), true)]);
    assert_eq!(desk.balance("A"), money("200"));
    let moves = desk.model.last_effects.iter().find_map(|effect| match effect {
        Effect::Refund(refunded) => Some(refunded.moves.clone()),
        _ => None,
    });
    let first = desk.model.set.usage.lots[&(account("A"), currency("SGD"))][0].id;
    let back = LotMove { lot_id: first, kind: MoveKind::Refund, amount: money("50") };
    assert_eq!(moves, Some(vec![back]));
}

/// A topup of a hundred into a balance of minus thirty clears the debt first: the balance is
/// seventy, and the lot counts as spent although nothing was charged since.
#[test]
fn edge_51_a_topup_into_debt_is_spent_by_the_debt() {
    let mut desk = Desk::new();
    let mut customer = upsert("A");
    customer.credit_limits = Some(vec![money("50")]);
    desk.apply(Command::UpsertAccount(customer));
    spend(&mut desk, "U1", "30");
    topup(&mut desk, 1, "100");
    let cleared = desk.model.last_effects.iter().find_map(|effect| match effect {
        Effect::ClearDebt { cleared, .. } => Some((cleared.kind, cleared.amount)),
        _ => None,
    });
    assert_eq!(cleared, Some((MoveKind::Debt, money("30"))));
    assert_eq!(desk.balance("A"), money("70"));
    assert_eq!(lots(&desk), [(money("70"), false)]);
}

/// A system that tops up by itself looks only at the balance while a payment is parked, and tops
/// up twice. We do not top up by ourselves, so we cannot count for it; but the parked money is told
/// with its customer and amount, it is not in the balance, and it gets there exactly once.
#[test]
fn edge_52_parked_money_is_told_and_is_in_the_balance_once() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.draft("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "100", &[&reference]));
    let told = desk.model.set.events.iter().filter_map(|event| match &event.fact {
        Fact::PaymentParked { account_id, unallocated, reason, .. } => {
            Some((account_id.clone(), *unallocated, *reason))
        }
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(Some(account("A")), money("100"), "not_sent")]);
    assert_eq!(desk.balance("A"), money("0"));
    desk.apply(mark_sent("INV-1", "A"));
    let changes = desk.model.set.events.iter().filter_map(|event| match &event.fact {
        Fact::BalanceChanged { delta, balance, .. } => Some((*delta, *balance)),
        _ => None,
    });
    assert_eq!(changes.collect::<Vec<_>>(), [(money("100"), money("100"))]);
}

/// A lot expires with money in it, and then somebody wants the payment removed. Lots have no
/// expiry here: years later all of it is there, and is burnt in the order in which it came.
#[test]
fn edge_58_a_lot_never_expires() {
    let mut desk = Desk::new();
    topup(&mut desk, 1, "100");
    desk.pass_days(4_000);
    topup(&mut desk, 2, "100");
    desk.model.expire(desk.now);
    assert_eq!(lots(&desk), [(money("100"), true), (money("100"), true)]);
    spend(&mut desk, "U1", "120");
    assert_eq!(lots(&desk), [(money("0"), false), (money("80"), false)]);
    assert_eq!(desk.balance("A"), money("80"));
}

/// The account is closed between the payment and the provisioning. Nothing is credited to it:
/// commands are refused, and new money for it is parked.
#[test]
fn edge_59_nothing_is_credited_to_a_closed_account() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.draft("INV-1", "A", "100");
    let reference = desk.reference("INV-1");
    desk.receive(credit_saying("1", "100", &[&reference]));
    desk.model.set.accounts_mut().get_mut(&account("A")).expect("A").closed = true;
    let closed = Outcome::Rejected(Rejection::AccountClosed);
    assert_eq!(desk.hand_in(mark_sent("INV-1", "A")), closed);
    assert_eq!(desk.hand_in(allocate("BANK:OURS:1", "A", &[("INV-1", "")])), closed);
    desk.receive(credit_into("2", "100", "VIRTUALA"));
    assert_eq!(desk.state("2"), parked(ParkReason::AccountClosed));
    assert_eq!(desk.state("1"), parked(ParkReason::NotSent));
    assert_eq!(desk.balance("A"), money("0"));
}

/// Somebody wants another amount or another customer on an invoice that was sent. There is no
/// version to edit: the number is taken, the invoice stays as it was sent, and a correction is a
/// void and a new invoice.
#[test]
fn edge_61_a_sent_invoice_is_never_edited() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice("INV-1", "A", "100");
    let before = desk.invoice_now("INV-1").clone();
    for (owner, amount) in [("A", "150"), ("B", "100")] {
        let outcome = desk.hand_in(Command::CreateInvoice(create("INV-1", owner, amount)));
        assert_eq!(outcome, Outcome::Rejected(Rejection::InvoiceExists), "{owner} {amount}");
        assert_eq!(desk.invoice_now("INV-1"), &before);
    }
    desk.receive(credit_saying("1", "100", &[&before.payment_reference]));
    assert_eq!(desk.state("1"), PaymentState::Allocated);
    assert_eq!(desk.balance("A"), money("100"));
}
