//! **decide**: what a decoded record does, as a function of the working set. No I/O, no clock, no
//! randomness; ids and the instant come in as arguments.
//!
//! Order of the checks of a command, which is the order of precedence of its refusals:
//! what it names must be known (else it waits), must belong to its account, the account must be
//! open, then states, then currencies, then amounts.

mod advice;
mod advised;
mod asked;
pub mod bank;
mod choices;
mod command;
mod given_back;
mod originals;
mod recording;
mod release;
mod resolve;
mod returns;
mod reverse;
mod review;
mod settle;
mod split;
mod split_returns;
mod taking;
#[cfg(test)]
mod tests;
mod undo;
pub mod usage;

use std::sync::Arc;

use super::effect::{Decided, Effect, Outcome};
use super::event::{Cause, EventKey, Fact};
use super::ids::IdBlock;
use super::input::{Command, Input, Message, Queued};
use super::rejection::Rejection;
use super::working_set::WorkingSet;
use crate::working_set::miss::Stop;
use recording::{Halt, Recording};

pub use given_back::named_records;
pub use recording::Context;

/// Whether only its id tells the same record, sent again, from a new one. Such an outcome is kept
/// for ever. All else has a key of its own: the invoice, the payment, the charge, the refund or
/// the hold that it brings, or the bank's name for the entry.
pub fn guards(input: &Input) -> bool {
    match input {
        Input::Command(command) => match command {
            Command::CreateInvoice(_) | Command::RecordPayment(_) => false,
            Command::UpsertAccount(_)
            | Command::MarkInvoiceSent { .. }
            | Command::VoidInvoice { .. }
            | Command::KeepInvoice { .. }
            | Command::AssignPayment { .. }
            | Command::AllocatePayment(_)
            | Command::DeallocatePayment { .. }
            | Command::RemovePayment { .. }
            | Command::ConfirmMatch(_)
            | Command::RejectMatch(_)
            | Command::SplitPayment(_)
            | Command::UnsplitPayment { .. }
            | Command::ResolveReturn(_)
            | Command::ReleasePayment(_)
            | Command::CloseAccount { .. }
            | Command::CancelCommand(_) => true,
        },
        // Two equal credits without any name are two payments.
        Input::BankTransaction(bank) => bank::needs_ordinal(bank),
        // The latest statement of a name counts: an earlier one must not come back.
        Input::BankStatement(_) => true,
        // An advice is known by its own id, and is never forgotten.
        Input::Advice(_) | Input::Usage(_) | Input::Rematch(_) | Input::RetryReturn(_) => false,
    }
}

/// Decides one message and applies its effects to `set`.
///
/// # Errors
/// [`Stop::Miss`] when `set` lacks something (load it and decide the batch again from a fresh
/// copy), [`Stop::Corrupt`] when the data contradicts its own rules. After an error `set` is
/// half changed and must be thrown away.
pub fn decide(
    set: &mut WorkingSet,
    message: &Message,
    ids: &mut IdBlock,
    context: Context<'_>,
) -> Result<Decided, Stop> {
    let decided = decide_on(set, message, ids, context);
    set.unless_missed(decided)
}

fn decide_on(
    set: &mut WorkingSet,
    message: &Message,
    ids: &mut IdBlock,
    context: Context<'_>,
) -> Result<Decided, Stop> {
    let cause = Arc::new(Cause {
        record: message.record.clone(),
        traceparent: message.traceparent.clone(),
        as_of: context.as_of,
    });
    let content_hash = message.content_hash;
    let bank_hash = message.bank_hash;
    let effects = Vec::new();
    let tokens = message.tokens.clone();
    let waited = message.waited;
    let asked_at = message.time.max(waited.map_or(context.as_of, |waited| waited.since));
    let mut recording = Recording {
        set,
        ids,
        context,
        cause,
        content_hash,
        bank_hash,
        tokens,
        waited,
        written_at: message.time,
        asked_at,
        effects,
    };
    let result = match &message.input {
        Input::Command(command) => command::decide(&mut recording, command),
        Input::BankTransaction(transaction) => bank::decide(&mut recording, transaction),
        Input::BankStatement(statement) => {
            recording.add(Effect::RecordStatement(statement.clone()))?;
            Ok(Outcome::Applied { subject: Some(format!("statement:{}", statement.statement_id)) })
        }
        Input::Advice(told) => advice::decide(&mut recording, told),
        Input::Rematch(payment_id) => settle::rematch(&mut recording, payment_id)
            .map(|()| Outcome::Applied { subject: Some(format!("payment:{payment_id}")) }),
        Input::RetryReturn(key) => returns::retry(&mut recording, key),
        Input::Usage(usage) => self::usage::decide(&mut recording, usage),
    };
    let outcome = match result {
        Ok(outcome) | Err(Halt::Outcome(outcome)) => outcome,
        Err(Halt::Stop(stop)) => return Err(stop),
    };
    if let (Outcome::Rejected(rejection), Input::Command(command)) = (&outcome, &message.input) {
        reject(&mut recording, command, *rejection)?;
    }
    if let (Outcome::DeadLettered(_) | Outcome::Waiting(_), Input::Usage(usage)) =
        (&outcome, &message.input)
    {
        // It may be a charge: what is behind it in the batch must not count on the rest.
        recording.set.usage.unproven.extend(usage.account_id().cloned());
    }
    let queued = if let (Outcome::Waiting(_), Input::Command(command)) = (&outcome, &message.input)
    {
        Some(queue(&mut recording, command))
    } else {
        None
    };
    Ok(Decided { outcome, effects: recording.effects, queued })
}

/// What depends on it from now on waits behind it.
fn queue(recording: &mut Recording<'_>, command: &Command) -> Queued {
    let touches = super::queue::touches(recording.set, command);
    let queued = Queued { record: recording.cause.record.clone(), touches };
    if let Some(account_id) = command.account_id() {
        recording.set.queue_mut(account_id.clone()).push(queued.clone());
    }
    queued
}

/// Tells the requester. A refusal is decided before the first effect, so nothing is undone.
fn reject(
    recording: &mut Recording<'_>,
    command: &Command,
    rejection: Rejection,
) -> Result<(), Stop> {
    debug_assert!(recording.effects.is_empty(), "a refused command must have no effect");
    let key = match (command.account_id(), command.payment_id()) {
        (Some(account_id), _) => EventKey::Account(account_id.clone()),
        (None, Some(payment_id)) => EventKey::Payment(payment_id.clone()),
        // The end of what waits and names nobody: its outcome says it.
        (None, None) => return Ok(()),
    };
    recording.publish(
        key,
        Fact::CommandRejected {
            command_type: command.type_name(),
            account_id: command.account_id().cloned(),
            code: rejection.code(),
            message: rejection.sentence().to_owned(),
        },
    )
}
