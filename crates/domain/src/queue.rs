//! What a command that waits holds up: the later commands of its customer that depend on it, and
//! no others.
//!
//! Each command touches something. A later command waits behind an earlier one when both touch the
//! same, so the order of what depends on each other is kept exactly; all others go on.
//!
//! | Command | It touches |
//! |---|---|
//! | send an invoice | the invoice; *matching*: any money that is held may pay it |
//! | void an invoice | the invoice; *open* invoices, if it may be paid now |
//! | keep an invoice | the invoice |
//! | assign, refund, dismiss a payment, reject a suggestion | the payment; *held* money |
//! | allocate, split | the payment, the invoices that are named; *held* money |
//! | confirm a suggestion | all its payments and invoices; *held* money |
//! | de-allocate | the payment, the invoice; the customer's *lots* |
//! | remove | the payment, the invoices that it pays; *lots* if any; *held* money if some is left |
//! | undo a split | the same for the payment and all its parts; *lots*, *held* money |
//! | resolve a return | the return, its payments and their parts as above; *lots*, *held* money |
//! | close, reopen a customer; a suggestion that is not known | everything |
//! | a word about a payment without a customer; a later version's row; a charge | everything |
//!
//! | Two commands depend on each other when | else the second one would |
//! |---|---|
//! | both touch one invoice, payment or return | find it in another state |
//! | one takes a payment back, the other is about an invoice that it pays | the same |
//! | both touch *lots*: both lower the balance | be refused by what the first one lowers |
//! | both are *matching* | take the money that the first one would take |
//! | one is *matching*, the other moves *held* money | find more money, or less |
//! | one is *matching*, the other voids an *open* invoice | let money pay it before it is voided |
//! | one touches everything | |
//!
//! All else goes on: the order of such two changes no amount, no balance and no refusal. What
//! raises a balance does not wait for what lowers it: no refusal rests on a balance too low.
//! What introduces something (an account, an invoice, a payment) touches nothing, nor does a
//! cancellation: they may be what others wait for. Money that a de-allocation frees later is not
//! waited for: it is matched when the next invoice is sent, or by the next `rematch`.

use std::collections::BTreeSet;

use super::ids::{InvoiceId, PaymentId, RecordId};
use super::keys::joined;
use super::working_set::WorkingSet;
use crate::input::{Command, ReturnWord, WHOLE};

pub use super::input::Queued;

/// All that there is of the customer.
pub const EVERYTHING: &str = "*";
const LOTS: &str = "lots";
const HELD: &str = "held";
const OPEN: &str = "open";
const MATCHING: &str = "matching";
const PAYMENT: &str = "payment:";
const INVOICE: &str = "invoice:";

/// What the command touches, by what is known now.
pub fn touches(set: &WorkingSet, command: &Command) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = command.invoice_ids().into_iter().map(of_invoice).collect();
    all.extend(command.payment_id().map(of_payment));
    match command {
        Command::UpsertAccount(_)
        | Command::CreateInvoice(_)
        | Command::RecordPayment(_)
        | Command::CancelCommand(_) => all.clear(),
        Command::KeepInvoice { .. } => {}
        Command::VoidInvoice { invoice_id, .. } => {
            if set.invoice(invoice_id).is_some_and(|known| known.check_payable().is_ok()) {
                add(&mut all, OPEN);
            }
        }
        Command::MarkInvoiceSent { .. } => add(&mut all, MATCHING),
        Command::AssignPayment { .. }
        | Command::ReleasePayment(_)
        | Command::RejectMatch(_)
        | Command::AllocatePayment(_)
        | Command::SplitPayment(_) => add(&mut all, HELD),
        Command::ConfirmMatch(word) => {
            match set.suggestion(&word.payment_id, &word.suggestion_id) {
                Some(known) => {
                    all.extend(known.invoices().iter().map(of_invoice));
                    all.extend(known.payments().iter().map(of_payment));
                }
                None => add(&mut all, EVERYTHING),
            }
            add(&mut all, HELD);
        }
        Command::DeallocatePayment { .. } => add(&mut all, LOTS),
        Command::RemovePayment { payment_id, .. } => {
            let known = set.payment(payment_id);
            if known.is_none_or(|known| known.allocated.is_positive()) {
                add(&mut all, LOTS);
            }
            // What nothing is paid with may be matched meanwhile, and spent.
            if known.is_none_or(|known| !known.unallocated().is_ok_and(|free| free.is_zero())) {
                add(&mut all, HELD);
            }
            whole(set, payment_id, &mut all);
        }
        Command::UnsplitPayment { payment_id, .. } => {
            all.extend([LOTS, HELD].map(str::to_owned));
            whole(set, payment_id, &mut all);
        }
        Command::ResolveReturn(command) => {
            let key = joined(&command.key.bank_account, &command.key.key);
            all.insert(format!("return:{key}"));
            if let ReturnWord::Take { payments, .. } = &command.word {
                all.extend([LOTS, HELD].map(str::to_owned));
                payments.iter().for_each(|(id, _)| whole(set, id, &mut all));
            }
        }
        Command::CloseAccount { .. } => add(&mut all, EVERYTHING),
    }
    // The words on a payment without a customer are few, and keep their order by the payment.
    if command.account_id().is_none() && !all.is_empty() {
        add(&mut all, EVERYTHING);
    }
    all
}

/// The payment and its parts, with all that they pay.
fn whole(set: &WorkingSet, payment_id: &PaymentId, all: &mut BTreeSet<String>) {
    for id in set.parts_ever(payment_id).iter().chain([payment_id]) {
        all.extend([of_payment(id), format!("{WHOLE}{id}")]);
    }
}

/// The last of the commands that wait of which this one depends.
pub fn behind(set: &WorkingSet, command: &Command) -> Option<RecordId> {
    let queue = set.queue(command.account_id()?);
    if queue.is_empty() {
        return None;
    }
    let touched = touches(set, command);
    let before = queue.iter().rev().find(|queued| depend(set, &queued.touches, &touched));
    before.map(|queued| queued.record.clone())
}

/// Whether the order of two commands that touch this counts.
fn depend(set: &WorkingSet, left: &BTreeSet<String>, right: &BTreeSet<String>) -> bool {
    let either = |one: &str, other: &str| {
        left.contains(one) && right.contains(other) || left.contains(other) && right.contains(one)
    };
    !(left.is_empty() || right.is_empty())
        && (left.contains(EVERYTHING)
            || right.contains(EVERYTHING)
            || left.intersection(right).any(|touch| touch != HELD && touch != OPEN)
            || either(MATCHING, HELD)
            || either(MATCHING, OPEN)
            || pays(set, left, right)
            || pays(set, right, left))
}

/// Whether a payment that one touches as a whole pays an invoice that the other touches.
fn pays(set: &WorkingSet, whole: &BTreeSet<String>, invoices: &BTreeSet<String>) -> bool {
    let all = whole.iter().filter_map(|touch| touch.strip_prefix(WHOLE));
    all.map(PaymentId::trusted).any(|payment_id| {
        let mut named = invoices.iter().filter_map(|touch| touch.strip_prefix(INVOICE));
        named.any(|id| set.pays(&payment_id, &InvoiceId::trusted(id)))
    })
}

fn of_invoice(id: &InvoiceId) -> String {
    format!("{INVOICE}{id}")
}

fn of_payment(id: &PaymentId) -> String {
    format!("{PAYMENT}{id}")
}

fn add(all: &mut BTreeSet<String>, what: &str) {
    all.insert(what.to_owned());
}
