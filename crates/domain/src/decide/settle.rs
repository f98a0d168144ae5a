//! What commands and bank transactions share: recording, allocating, posting, deciding again.

use std::sync::Arc;

use super::{advised, choices};
use crate::account::{Account, Identity};
use crate::allocation::{Allocation, Rule};
use crate::bank::BankTransaction;
use crate::decide::choices::keep_own;
use crate::decide::recording::{Halt, Recording};
use crate::effect::{BankRecord, Effect};
use crate::event::{BalanceCause, EventKey, Fact, SuggestedInvoice};
use crate::ids::{AccountId, InvoiceId, LedgerTransactionId, PaymentId, ReturnId};
use crate::invoice::{BookEntry, CandidateEnd, InvoiceStatus};
use crate::keys::WatchKey;
use crate::ledger::LedgerTransaction;
use crate::matching::decision::{Explanation, MatchDecision, MatchOutcome, Subject};
use crate::matching::text::{self, Tokens};
use crate::matching::{decide_match, payer};
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::rejection::Rejection;
use crate::review::{self, ReviewEffect};
use crate::usage::{LotMove, MoveKind};
use crate::working_set::lookalikes::Doubt;
use crate::working_set::miss::Stop;

type Result<T> = std::result::Result<T, Halt>;

/// One invoice's share of a payment.
#[derive(Clone)]
pub(super) struct Part {
    pub invoice_id: InvoiceId,
    pub amount: Money,
}

/// Where the events of a payment go: to its account, or to itself while it has none.
pub(super) fn event_key(payment: &Payment) -> EventKey {
    match &payment.account_id {
        Some(account_id) => EventKey::Account(account_id.clone()),
        None => EventKey::Payment(payment.payment_id.clone()),
    }
}

/// Records a payment and tells it.
pub(super) fn record(recording: &mut Recording<'_>, payment: Payment) -> Result<()> {
    record_part(recording, payment, None)
}

/// Records a payment, which may be part of another one, and tells it.
pub(super) fn record_part(
    recording: &mut Recording<'_>,
    payment: Payment,
    split_from: Option<PaymentId>,
) -> Result<()> {
    let fact = Fact::PaymentRecorded {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount: payment.amount,
        received_on: payment.received_on,
        origin: payment.origin.word(),
        split_from,
    };
    let key = event_key(&payment);
    recording.add(Effect::RecordPayment(Box::new(payment)))?;
    recording.publish(key, fact)?;
    Ok(())
}

/// Posts a new payment, with the parts that are allocated at once.
pub(super) fn post_received(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    shares: &[(AccountId, Money)],
) -> Result<LedgerTransactionId> {
    let id = recording.ids.ledger_transaction();
    let payment = recording.set.payment(payment_id);
    let amount = payment.ok_or(Stop::Corrupt("a payment that was not recorded"))?.amount;
    let transaction = LedgerTransaction::receive(id, payment_id.clone(), amount, shares)?;
    recording.add(Effect::Post(transaction))?;
    Ok(id)
}

/// Refuses what would push the balance beyond what can be kept.
pub(super) fn check_balance_limit(
    recording: &Recording<'_>,
    account_id: &AccountId,
    parts: &[Part],
) -> Result<()> {
    let Some(first) = parts.first() else {
        return Ok(());
    };
    let mut balance = recording.set.balance(account_id, first.amount.currency());
    for part in parts {
        balance = balance.add(part.amount).map_err(|_| Rejection::BalanceLimit)?;
    }
    Ok(())
}

/// Allocates parts of a payment that was recorded before, and posts them.
pub(super) fn post_provisioned(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    rule: Rule,
    parts: &[Part],
) -> Result<()> {
    let id = recording.ids.ledger_transaction();
    let shares = shares_of(recording, parts)?;
    let transaction = LedgerTransaction::provision(id, payment_id.clone(), &shares)?;
    recording.add(Effect::Post(transaction))?;
    allocate_all(recording, payment_id, (rule, None), id, parts)?;
    let payment = payment_of(recording, payment_id)?;
    let state = payment.settled_state()?;
    // What is left may be for a later invoice of the customer.
    let waits = payment.origin == PaymentOrigin::Bank && state == PaymentState::PartlyAllocated;
    let owner = payment.account_id.as_ref().filter(|_| waits);
    let watches = owner.map(|id| WatchKey::account(id, payment.currency())).into_iter().collect();
    recording.add(Effect::SettlePayment { payment_id: payment_id.clone(), state, watches })?;
    Ok(())
}

fn payment_of<'a>(recording: &'a Recording<'_>, payment_id: &PaymentId) -> Result<&'a Payment> {
    let payment = recording.set.payment(payment_id);
    payment.ok_or(Halt::Stop(Stop::Corrupt("a payment that was not recorded")))
}

fn shares_of(recording: &Recording<'_>, parts: &[Part]) -> Result<Vec<(AccountId, Money)>> {
    let missing = || Halt::Stop(Stop::Corrupt("an invoice that is not loaded"));
    parts
        .iter()
        .map(|part| {
            let invoice = recording.set.invoice(&part.invoice_id).ok_or_else(missing)?;
            Ok((invoice.account_id.clone(), part.amount))
        })
        .collect()
}

/// Allocation, lot, balance, invoice state and their events, for each part.
pub(super) fn allocate_all(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    (rule, restores): (Rule, Option<ReturnId>),
    ledger_transaction_id: LedgerTransactionId,
    parts: &[Part],
) -> Result<()> {
    for part in parts {
        let invoice = recording.set.invoice(&part.invoice_id);
        let account_id =
            invoice.ok_or(Stop::Corrupt("an invoice that is not loaded"))?.account_id.clone();
        clear_candidate(recording, &part.invoice_id, CandidateEnd::Paid)?;
        let before = recording.set.balance(&account_id, part.amount.currency());
        let allocation = Allocation {
            id: recording.ids.allocation(),
            payment_id: payment_id.clone(),
            invoice_id: part.invoice_id.clone(),
            account_id: account_id.clone(),
            amount: part.amount,
            rule,
            ledger_transaction_id,
            lot_remaining: lot_remaining(before, part.amount)?,
            reversed: Money::zero(part.amount.currency()),
            restores,
        };
        let allocation_id = allocation.id;
        let cleared = allocation.amount.sub(allocation.lot_remaining)?;
        recording.add(Effect::Allocate(allocation))?;
        if cleared.is_positive() {
            let cleared = LotMove { lot_id: allocation_id, kind: MoveKind::Debt, amount: cleared };
            recording.add(Effect::ClearDebt { account_id: account_id.clone(), cleared })?;
        }
        publish_allocation(recording, payment_id, part, rule, &account_id, allocation_id)?;
    }
    Ok(())
}

/// Ends the episode of a void candidate, if the invoice is one, and tells it.
pub(super) fn clear_candidate(
    recording: &mut Recording<'_>,
    invoice_id: &InvoiceId,
    end: CandidateEnd,
) -> Result<()> {
    let invoice = recording.set.invoice(invoice_id);
    let Some(invoice) = invoice.filter(|invoice| invoice.candidate_since.is_some()) else {
        return Ok(());
    };
    let account_id = invoice.account_id.clone();
    recording.add(Effect::ClearCandidate { invoice_id: invoice_id.clone(), end })?;
    let fact = Fact::VoidCandidateCleared {
        invoice_id: invoice_id.clone(),
        account_id: account_id.clone(),
        reason: end.word(),
    };
    recording.publish(EventKey::Account(account_id), fact)?;
    Ok(())
}

/// A lot opened on a negative balance burns that debt first.
fn lot_remaining(balance_before: Money, amount: Money) -> Result<Money> {
    if !balance_before.is_negative() {
        return Ok(amount);
    }
    let after = balance_before.add(amount)?;
    let zero = Money::zero(amount.currency());
    Ok(if after.is_negative() { zero } else { after })
}

fn publish_allocation(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    part: &Part,
    rule: Rule,
    account_id: &AccountId,
    allocation_id: crate::ids::AllocationId,
) -> Result<()> {
    let key = EventKey::Account(account_id.clone());
    let payment_unallocated = payment_of(recording, payment_id)?.unallocated()?;
    let invoice = recording.set.invoice(&part.invoice_id);
    let invoice = invoice.ok_or(Stop::Corrupt("an invoice that is not loaded"))?;
    let provisioned = invoice.status == InvoiceStatus::Provisioned;
    let invoice_amount = invoice.amount;
    let allocated = Fact::PaymentAllocated {
        payment_id: payment_id.clone(),
        invoice_id: part.invoice_id.clone(),
        account_id: account_id.clone(),
        allocation_id,
        amount: part.amount,
        rule: rule.word(),
        invoice_amount_due: invoice.due()?,
        payment_unallocated,
    };
    recording.publish(key.clone(), allocated)?;
    if provisioned {
        let fact = Fact::InvoiceProvisioned {
            invoice_id: part.invoice_id.clone(),
            account_id: account_id.clone(),
            amount: invoice_amount,
        };
        recording.publish(key.clone(), fact)?;
    }
    let balance = recording.set.balance(account_id, part.amount.currency());
    let changed = Fact::BalanceChanged {
        account_id: account_id.clone(),
        delta: part.amount,
        balance,
        cause: BalanceCause::Allocation(allocation_id),
    };
    recording.publish(key, changed)?;
    Ok(())
}

/// Runs matching, and turns what may not be done now into a parked payment.
pub(super) fn matching(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    bank: &BankTransaction,
    tokens: Option<Arc<Tokens>>,
    free: Money,
) -> Result<MatchDecision> {
    let id = recording.ids.decision();
    let tokens = tokens.unwrap_or_else(|| Arc::new(text::tokens(bank)));
    let subject = Subject { payment_id, bank, tokens: &tokens, free };
    let context = recording.context;
    if subject.tokens.unread {
        return Ok(MatchDecision::put_off(subject, id, context.rules.version(), context.as_of));
    }
    let mut decision = decide_match(recording.set, context.rules, subject, id, context.as_of)?;
    if let MatchOutcome::Allocate(parts) = &decision.outcome
        && over_limit(recording, parts)
    {
        decision.outcome = MatchOutcome::Park(ParkReason::BalanceLimit);
        decision.explanation.notes.push("the balance would become larger than can be kept");
    }
    // Held for nobody, and decided again. What has a customer stays that customer's.
    let again = recording.set.payment(payment_id).filter(|held| held.account_id.is_none());
    if let Some(held) = again
        && !matches!(decision.outcome, MatchOutcome::Park(_))
        && payer::has_moved(recording.set, bank, held.recorded_at)
    {
        decision.outcome = MatchOutcome::Park(ParkReason::IdentityConflict);
        decision.account = None;
        decision.alias = None;
        decision.advice = None;
        decision.explanation.notes.push(payer::MOVED);
    }
    Ok(decision)
}

/// The decision that a person has to say whether this is money that `earlier` is already.
pub(super) fn in_doubt(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    bank: &BankTransaction,
    doubt: &Doubt,
) -> MatchDecision {
    MatchDecision {
        id: recording.ids.decision(),
        payment_id: payment_id.clone(),
        rule: Rule::Gate,
        policy_version: recording.context.rules.version(),
        free: bank.amount,
        outcome: MatchOutcome::Park(doubt.why),
        suggestions: Vec::new(),
        together: Vec::new(),
        explanation: Explanation {
            looks_like: Some(doubt.earlier.clone()),
            ..Explanation::default()
        },
        account: None,
        alias: None,
        advice: None,
        watches: Vec::new(),
        decided_at: recording.context.as_of,
    }
}

fn over_limit(recording: &Recording<'_>, parts: &[(InvoiceId, Money)]) -> bool {
    let Some(invoice) = parts.first().and_then(|part| recording.set.invoice(&part.0)) else {
        return false;
    };
    let balance = recording.set.balance(&invoice.account_id, invoice.currency());
    parts.iter().try_fold(balance, |balance, part| balance.add(part.1)).is_err()
}

/// The account that the decision gives the payment to, if it is sure enough.
fn account_of(decision: &MatchDecision) -> Option<&Identity> {
    match decision.outcome {
        MatchOutcome::Park(
            ParkReason::IdentityConflict
            | ParkReason::SeveralAccounts
            | ParkReason::InternalTransfer
            | ParkReason::AccountClosed
            | ParkReason::Undecided,
        ) => None,
        MatchOutcome::Allocate(_) | MatchOutcome::OnAccount | MatchOutcome::Park(_) => {
            decision.account.as_ref()
        }
    }
}

/// Whether all the money goes to accounts whose rows this batch has locked. For a new payment it
/// always does; a payment that is decided again may by now be due to an account that it does not.
fn within_locks(recording: &Recording<'_>, parts: &[Part]) -> bool {
    parts.iter().all(|part| {
        let invoice = recording.set.invoice(&part.invoice_id);
        invoice.is_some_and(|invoice| recording.set.locked.contains(&invoice.account_id))
    })
}

/// A new bank payment: recorded, decided, posted once with what was allocated.
pub(super) fn receive_matched(
    recording: &mut Recording<'_>,
    mut payment: Payment,
    record: BankRecord,
    decision: MatchDecision,
) -> Result<()> {
    let payment_id = payment.payment_id.clone();
    let parts = parts_of(&decision);
    let owner = match parts.first() {
        Some(part) => recording.set.invoice(&part.invoice_id).map(|i| i.account_id.clone()),
        None => account_of(&decision).map(|identity| identity.account_id.clone()),
    };
    if !within_locks(recording, &parts) {
        return Err(Halt::Stop(Stop::Corrupt("an allocation outside the locked accounts")));
    }
    payment.account_id = owner.filter(|id| recording.set.locked.contains(id));
    if let Some(account_id) = &payment.account_id {
        ensure_account(recording, account_id);
    }
    self::record(recording, payment)?;
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    let shares = shares_of(recording, &parts)?;
    let posted = post_received(recording, &payment_id, &shares)?;
    allocate_all(recording, &payment_id, (decision.rule, None), posted, &parts)?;
    conclude(recording, &payment_id, decision)
}

pub(super) fn ensure_account(recording: &mut Recording<'_>, account_id: &AccountId) {
    if recording.set.account(account_id).is_none() {
        recording.set.know_account(Account::named_by_a_record(account_id.clone()));
    }
}

fn parts_of(decision: &MatchDecision) -> Vec<Part> {
    match &decision.outcome {
        MatchOutcome::Allocate(parts) => parts
            .iter()
            .map(|(invoice_id, amount)| Part { invoice_id: invoice_id.clone(), amount: *amount })
            .collect(),
        MatchOutcome::OnAccount | MatchOutcome::Park(_) => Vec::new(),
    }
}

/// Stores the decision, the payment's state and its watches; tells what a person has to look at.
fn conclude(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    mut decision: MatchDecision,
) -> Result<()> {
    let payment = payment_of(recording, payment_id)?.clone();
    keep_own(&mut decision, payment.account_id.as_ref());
    let (state, reason) = match (&decision.outcome, payment.allocated.is_zero()) {
        (MatchOutcome::Allocate(_), _) | (_, false) => (payment.settled_state()?, None),
        (MatchOutcome::OnAccount, true) => (PaymentState::OnAccount, Some("on_account")),
        (MatchOutcome::Park(reason), true) => (PaymentState::Parked(*reason), Some(reason.code())),
    };
    let watches = decision.watches.clone();
    let choices = review::suggestions(&decision);
    let suggestions = suggested(&decision, &choices);
    advised::settle(recording, &decision)?;
    recording.add(Effect::StoreDecision(Box::new(decision)))?;
    recording.add(Effect::SettlePayment { payment_id: payment_id.clone(), state, watches })?;
    if !choices.is_empty() {
        recording.add(Effect::Review(Box::new(ReviewEffect::Suggest(choices))))?;
    }
    if let Some(reason) = reason {
        let fact = Fact::PaymentParked {
            payment_id: payment_id.clone(),
            account_id: payment.account_id.clone(),
            unallocated: payment.unallocated()?,
            reason,
            suggestions,
        };
        recording.publish(event_key(&payment), fact)?;
    }
    Ok(())
}

/// What is told of the choices: those of several payments first, as they are numbered.
fn suggested(decision: &MatchDecision, choices: &[review::Suggestion]) -> Vec<SuggestedInvoice> {
    let chosen_by = |id: &InvoiceId, with: &[(PaymentId, Money)]| {
        let of = |choice: &&review::Suggestion| {
            choice.with == with && choice.parts.iter().any(|part| part.0 == *id)
        };
        choices.iter().find(of).map(|choice| choice.id.clone())
    };
    let told = |entry: &BookEntry, with: &[(PaymentId, Money)]| SuggestedInvoice {
        suggestion_id: chosen_by(&entry.invoice_id, with),
        invoice_id: entry.invoice_id.clone(),
        account_id: entry.account_id.clone(),
        amount_due: entry.amount_due,
        with: with.to_vec(),
    };
    let together = decision.together.iter().map(|one| told(&one.invoice, &one.with));
    together.chain(decision.suggestions.iter().map(|entry| told(entry, &[]))).collect()
}

/// Decides again the payments that watched for what has come, in this order.
pub(super) fn watchers(recording: &mut Recording<'_>, waiting: &[PaymentId]) -> Result<()> {
    waiting.iter().try_for_each(|payment_id| rematch(recording, payment_id))
}

/// Decides one parked or held payment again. A decision that changes nothing is not stored.
pub(super) fn rematch(recording: &mut Recording<'_>, payment_id: &PaymentId) -> Result<()> {
    let Some(bank) = recording.set.bank_record(payment_id).map(|r| r.transaction.clone()) else {
        return Ok(());
    };
    let payment = payment_of(recording, payment_id)?.clone();
    let free = payment.unallocated()?;
    let asks = payment.question.is_some();
    let open = match payment.state {
        PaymentState::Parked(_) | PaymentState::OnAccount | PaymentState::PartlyAllocated => !asks,
        PaymentState::Allocated
        | PaymentState::Returned
        | PaymentState::Removed
        | PaymentState::Split => false,
    };
    if !open || !free.is_positive() {
        return Ok(());
    }
    let decision = matching(recording, payment_id, &bank, None, free)?;
    let parts = parts_of(&decision);
    let Some(owner) = parts.first().and_then(|p| recording.set.invoice(&p.invoice_id)) else {
        return restate(recording, &payment, decision);
    };
    let owner = owner.account_id.clone();
    let paired = parts.iter().any(|part| recording.set.pays(payment_id, &part.invoice_id));
    let foreign = payment.account_id.as_ref().is_some_and(|account| *account != owner);
    if paired || foreign || !within_locks(recording, &parts) {
        return Ok(());
    }
    if payment.account_id.is_none() {
        let payment_id = payment_id.clone();
        recording.add(Effect::AssignPayment { payment_id, account_id: owner })?;
    }
    let id = recording.ids.ledger_transaction();
    let shares = shares_of(recording, &parts)?;
    recording.add(Effect::Post(LedgerTransaction::provision(id, payment_id.clone(), &shares)?))?;
    allocate_all(recording, payment_id, (decision.rule, None), id, &parts)?;
    conclude(recording, payment_id, decision)
}

/// The payment still waits; its reason, watches or suggestions may have changed.
fn restate(
    recording: &mut Recording<'_>,
    payment: &Payment,
    mut decision: MatchDecision,
) -> Result<()> {
    let found = account_of(&decision).map(|identity| identity.account_id.clone());
    let conflict = matches!(decision.outcome, MatchOutcome::Park(ParkReason::IdentityConflict));
    let held = payment.state == PaymentState::OnAccount && found != payment.account_id;
    if conflict && held {
        // A person may have said whose it is: it stays held, and what it may be for is offered.
        decision.outcome = MatchOutcome::OnAccount;
        keep_own(&mut decision, payment.account_id.as_ref());
    }
    let adds = choices::adds_one(recording, payment, &decision)
        || conflict && held && choices::offers_anew(recording, payment, &decision);
    let same = !adds
        && match (&decision.outcome, payment.state) {
            (MatchOutcome::Park(now), PaymentState::Parked(before)) => *now == before,
            // Money held for a customer stays held, unless a person may now choose for them.
            (MatchOutcome::Park(_), PaymentState::OnAccount) => found != payment.account_id,
            (MatchOutcome::OnAccount, PaymentState::OnAccount)
            | (_, PaymentState::PartlyAllocated) => true,
            (MatchOutcome::OnAccount | MatchOutcome::Allocate(_), _)
            | (MatchOutcome::Park(_), _) => false,
        };
    let owner = payment.account_id.as_ref().or(found.as_ref());
    // The events of an account are numbered under its lock; without it, nothing can be told.
    let untold = owner.is_some_and(|owner| !recording.set.locked.contains(owner));
    let same = same && !advised::is_new(recording, &decision);
    if same || untold {
        return Ok(());
    }
    if let (None, Some(account_id)) = (&payment.account_id, found) {
        let payment_id = payment.payment_id.clone();
        recording.add(Effect::AssignPayment { payment_id, account_id })?;
    }
    conclude(recording, &payment.payment_id, decision)
}
