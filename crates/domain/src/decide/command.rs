//! Commands: requests that may be refused.

use chrono::{DateTime, Utc};

use super::review::{self, Word};
use super::settle;
use super::{advice, release, resolve, reverse, split};
use crate::allocation::Rule;
use crate::decide::asked::{
    Result, applied_payment, asked_amounts, check_invoices, check_owner, check_usable,
    known_invoice, known_payment, open_account, parts_of,
};
use crate::decide::recording::Recording;
use crate::effect::{Effect, Need, Outcome};
use crate::event::{EventKey, Fact};
use crate::ids::{AccountId, InvoiceId, PaymentId};
use crate::input::{
    AllocatePayment, Command, CreateInvoice, MatchWord, RecordPayment, UpsertAccount,
};
use crate::invoice::{CandidateEnd, Invoice, InvoiceStatus};
use crate::matching::upstream::{self, UpstreamReference};
use crate::matching::{reference, weak};
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::queue;
use crate::rejection::Rejection;

pub(super) fn decide(recording: &mut Recording<'_>, command: &Command) -> Result {
    if let Some(earlier) = queue::behind(recording.set, command) {
        return Err(Need::Behind(earlier).into());
    }
    match command {
        Command::UpsertAccount(upsert) => upsert_account(recording, upsert),
        Command::CreateInvoice(create) => create_invoice(recording, create),
        Command::MarkInvoiceSent { invoice_id, account_id } => {
            mark_sent(recording, invoice_id, account_id)
        }
        Command::VoidInvoice { invoice_id, account_id, reason, candidate_since } => {
            void(recording, invoice_id, account_id, reason.clone(), *candidate_since)
        }
        Command::KeepInvoice { invoice_id, account_id, until } => {
            let invoice = own_invoice(recording, invoice_id, account_id)?;
            invoice.check_sendable()?;
            settle::clear_candidate(recording, invoice_id, CandidateEnd::Kept)?;
            recording.add(Effect::KeepInvoice { invoice_id: invoice_id.clone(), until: *until })?;
            Ok(applied_invoice(invoice_id))
        }
        Command::RecordPayment(record) => record_payment(recording, record),
        Command::AssignPayment { payment_id, account_id } => {
            assign(recording, payment_id, account_id)
        }
        Command::AllocatePayment(allocate) => allocate_payment(recording, allocate),
        Command::ConfirmMatch(word) => review::confirm(recording, &word_of(word)),
        Command::RejectMatch(word) => review::reject(recording, &word_of(word)),
        Command::DeallocatePayment { payment_id, invoice_id, account_id, reason } => {
            let payment = known_payment(recording, payment_id)?;
            let invoice = known_invoice(recording, invoice_id)?;
            check_owner(payment.account_id.as_ref(), account_id)?;
            check_owner(Some(&invoice.account_id), account_id)?;
            open_account(recording, account_id)?;
            check_usable(&payment)?;
            reverse::deallocate(recording, &payment, invoice_id, reason.clone())?;
            Ok(applied_payment(payment_id))
        }
        Command::RemovePayment { payment_id, account_id, reason } => {
            let payment = known_payment(recording, payment_id)?;
            check_owner(payment.account_id.as_ref(), account_id)?;
            open_account(recording, account_id)?;
            // Recorded twice: its removal says whose the money is not.
            let twice = payment.state.reason().is_some_and(ParkReason::is_doubt);
            let payment = match payment.account_id {
                None if twice => taken_for_twice(recording, payment, account_id)?,
                None => return Err(Rejection::PaymentNotAssigned.into()),
                Some(_) => payment,
            };
            check_usable(&payment)?;
            if recording.set.holds_parts(payment_id)? {
                return Err(Rejection::PaymentSplit.into());
            }
            reverse::remove(recording, &payment, reason.clone())?;
            Ok(applied_payment(payment_id))
        }
        Command::SplitPayment(command) => split::split(recording, command),
        Command::ReleasePayment(command) => release::payment(recording, command),
        Command::CloseAccount { account_id, closed, reason } => {
            release::close(recording, account_id, *closed, reason.as_ref())
        }
        Command::CancelCommand(command) => release::cancel(recording, command),
        Command::ResolveReturn(command) => resolve::resolve(recording, command),
        Command::UnsplitPayment { payment_id, account_id, reason } => {
            split::unsplit(recording, payment_id, account_id, reason.as_ref())
        }
    }
}

fn word_of(word: &MatchWord) -> Word<'_> {
    Word {
        payment_id: &word.payment_id,
        suggestion_id: &word.suggestion_id,
        account_id: &word.account_id,
        reason: word.reason.as_ref(),
    }
}

fn applied_invoice(invoice_id: &InvoiceId) -> Outcome {
    Outcome::Applied { subject: Some(format!("invoice:{invoice_id}")) }
}

/// The invoice, if it is known and belongs to the command's account, which must be open.
fn own_invoice(
    recording: &Recording<'_>,
    invoice_id: &InvoiceId,
    account_id: &AccountId,
) -> Result<Invoice> {
    let invoice = known_invoice(recording, invoice_id)?;
    check_owner(Some(&invoice.account_id), account_id)?;
    open_account(recording, account_id)?;
    Ok(invoice)
}

fn upsert_account(recording: &mut Recording<'_>, upsert: &UpsertAccount) -> Result {
    let taken = upsert.virtual_accounts.iter().flatten().any(|virtual_account| {
        let owner = recording.set.holder(virtual_account).and_then(|known| known.now.as_ref());
        owner.is_some_and(|owner| *owner != upsert.account_id)
    });
    open_account(recording, &upsert.account_id)?;
    if taken {
        return Err(Rejection::VirtualAccountTaken.into());
    }
    let numbers = upsert.payer_accounts.iter().chain(&upsert.virtual_accounts).flatten();
    if numbers.into_iter().any(|number| weak::is_placeholder_payer(number)) {
        // It would make this customer of everybody whose bank masks or leaves out the account.
        return Err(Rejection::AccountNumberPlaceholder.into());
    }
    // A clock that runs ahead must not make later words old.
    let written_at = recording.written_at.min(recording.context.as_of);
    recording.add(Effect::UpsertAccount(upsert.clone(), written_at))?;
    let account_id = upsert.account_id.clone();
    let fact = Fact::AccountUpserted { account_id: account_id.clone(), name: upsert.name.clone() };
    let subject = Some(format!("account:{account_id}"));
    recording.publish(EventKey::Account(account_id), fact)?;
    Ok(Outcome::Applied { subject })
}

fn create_invoice(recording: &mut Recording<'_>, create: &CreateInvoice) -> Result {
    open_account(recording, &create.account_id)?;
    if recording.set.invoice(&create.invoice_id).is_some() {
        return Err(Rejection::InvoiceExists.into());
    }
    let references = references(recording, create)?;
    let payment_reference = mint(recording, &references);
    let invoice = Invoice {
        invoice_id: create.invoice_id.clone(),
        account_id: create.account_id.clone(),
        name: create.name.clone(),
        amount: create.amount,
        allocated: Money::zero(create.amount.currency()),
        status: InvoiceStatus::Draft,
        payment_reference,
        due_date: create.due_date,
        created_at: recording.context.as_of,
        sent_at: None,
        voided_at: None,
        void_reason: None,
        keep_until: None,
        stale_since: None,
        candidate_since: None,
    };
    let fact = Fact::InvoiceCreated {
        invoice_id: invoice.invoice_id.clone(),
        account_id: invoice.account_id.clone(),
        name: invoice.name.clone(),
        amount: invoice.amount,
        due_date: invoice.due_date,
        payment_reference: invoice.payment_reference.clone(),
    };
    recording.add(Effect::CreateInvoice(Box::new(invoice)))?;
    if !references.is_empty() {
        let invoice_id = create.invoice_id.clone();
        recording.add(Effect::NameInvoice { invoice_id, references })?;
    }
    recording.publish(EventKey::Account(create.account_id.clone()), fact)?;
    if create.send {
        send(recording, &create.invoice_id)?;
    }
    Ok(applied_invoice(&create.invoice_id))
}

/// The first reference that names nothing yet: upstream may have given an invoice one that is equal
/// to what would be minted. There is always another one.
fn mint(recording: &Recording<'_>, given: &[UpstreamReference]) -> String {
    let taken = |minted: &String| {
        recording.set.referenced(minted).is_some()
            || given.iter().any(|reference| reference.key == *minted)
    };
    let mut number = 0_usize;
    loop {
        let minted = reference::mint_nth(&recording.content_hash, number);
        if !taken(&minted) {
            return minted;
        }
        number = number.saturating_add(1);
    }
}

/// The references that upstream gave: each is good and names no other invoice, for ever.
fn references(recording: &Recording<'_>, create: &CreateInvoice) -> Result<Vec<UpstreamReference>> {
    let (given, currency) = (&create.references, create.amount.currency());
    let mut references: Vec<UpstreamReference> = Vec::with_capacity(given.len());
    for given in given {
        let reference =
            upstream::parse(given, currency).map_err(|_| Rejection::ReferenceInvalid)?;
        if !references.iter().any(|other| other.key == reference.key) {
            references.push(reference);
        }
    }
    let set = &recording.set;
    let taken = |reference: &UpstreamReference| {
        reference.scheme.is_some() && set.referenced(&reference.key).is_some()
            || set.upstream(&reference.key).is_some()
    };
    if references.iter().any(taken) {
        return Err(Rejection::ReferenceTaken.into());
    }
    Ok(references)
}

fn mark_sent(
    recording: &mut Recording<'_>,
    invoice_id: &InvoiceId,
    account_id: &AccountId,
) -> Result {
    own_invoice(recording, invoice_id, account_id)?.check_sendable()?;
    send(recording, invoice_id)?;
    Ok(applied_invoice(invoice_id))
}

/// Sends the invoice, tells it, and decides again the payments that watched for it.
fn send(recording: &mut Recording<'_>, invoice_id: &InvoiceId) -> Result<()> {
    let at = recording.context.as_of;
    settle::clear_candidate(recording, invoice_id, CandidateEnd::Resent)?;
    recording.add(Effect::SendInvoice { invoice_id: invoice_id.clone(), at })?;
    let sent = recording.set.invoice(invoice_id).cloned();
    let invoice = sent.ok_or_else(|| Need::Invoice(invoice_id.clone()))?;
    let (amount_due, payment_reference) = (invoice.due()?, invoice.payment_reference.clone());
    let payment_qr = recording.set.payment_qr.of(amount_due, &payment_reference);
    let fact = Fact::InvoiceSent {
        invoice_id: invoice_id.clone(),
        account_id: invoice.account_id.clone(),
        amount_due,
        due_date: invoice.due_date,
        payment_reference,
        payment_qr,
    };
    recording.publish(EventKey::Account(invoice.account_id.clone()), fact)?;
    let waiting = recording.set.watchers_of(&invoice);
    settle::watchers(recording, &waiting)
}

fn void(
    recording: &mut Recording<'_>,
    invoice_id: &InvoiceId,
    account_id: &AccountId,
    reason: Option<String>,
    candidate_since: Option<DateTime<Utc>>,
) -> Result {
    let invoice = own_invoice(recording, invoice_id, account_id)?;
    invoice.check_voidable()?;
    // Whoever voids a void candidate has seen it unpaid: what came since speaks against it.
    let wanted = recording.set.wanted.contains(invoice_id);
    if candidate_since.is_some() && (wanted || candidate_since != invoice.candidate_since) {
        return Err(Rejection::NotACandidate.into());
    }
    settle::clear_candidate(recording, invoice_id, CandidateEnd::Voided)?;
    let at = recording.context.as_of;
    let effect = Effect::VoidInvoice { invoice_id: invoice_id.clone(), reason: reason.clone(), at };
    recording.add(effect)?;
    let fact = Fact::InvoiceVoided {
        invoice_id: invoice_id.clone(),
        account_id: account_id.clone(),
        amount: invoice.amount,
        reason,
    };
    recording.publish(EventKey::Account(account_id.clone()), fact)?;
    Ok(applied_invoice(invoice_id))
}

fn record_payment(recording: &mut Recording<'_>, record: &RecordPayment) -> Result {
    if let Some(account_id) = &record.account_id {
        open_account(recording, account_id)?;
    }
    if recording.set.payment(&record.payment_id).is_some() {
        return Err(Rejection::PaymentExists.into());
    }
    let state = match record.account_id {
        Some(_) => PaymentState::OnAccount,
        None => PaymentState::Parked(ParkReason::NoAccount),
    };
    let zero = Money::zero(record.amount.currency());
    let payment = Payment {
        payment_id: record.payment_id.clone(),
        account_id: record.account_id.clone(),
        amount: record.amount,
        allocated: zero,
        returned: zero,
        refunded: zero,
        split: zero,
        state,
        question: None,
        origin: PaymentOrigin::Manual,
        received_on: record.received_on,
        method: Some(record.method.clone()),
        reference: record.reference.clone(),
        remark: record.remark.clone(),
        event_sequence: 0,
        recorded_at: recording.context.as_of,
    };
    settle::record(recording, payment)?;
    settle::post_received(recording, &record.payment_id, &[])?;
    Ok(applied_payment(&record.payment_id))
}

fn assign(recording: &mut Recording<'_>, payment_id: &PaymentId, account_id: &AccountId) -> Result {
    let payment = known_payment(recording, payment_id)?;
    check_owner(payment.account_id.as_ref(), account_id)?;
    open_account(recording, account_id)?;
    if payment.account_id.is_some() {
        return Err(Rejection::PaymentAlreadyAssigned.into());
    }
    check_usable(&payment)?;
    let assigned =
        Effect::AssignPayment { payment_id: payment_id.clone(), account_id: account_id.clone() };
    recording.add(assigned)?;
    if payment.question.is_some() {
        recording.add(Effect::Ask { payment_id: payment_id.clone(), question: None })?;
    }
    review::learn(recording, payment_id, account_id, None)?;
    // A person has said whose money it is; allocating stays a step of its own.
    recording.add(Effect::SettlePayment {
        payment_id: payment_id.clone(),
        state: PaymentState::OnAccount,
        watches: Vec::new(),
    })?;
    Ok(applied_payment(payment_id))
}

/// The customer under whom a payment that was recorded twice is removed. Nothing is learnt of it.
fn taken_for_twice(
    recording: &mut Recording<'_>,
    payment: Payment,
    account_id: &AccountId,
) -> Result<Payment> {
    let (payment_id, account_id) = (payment.payment_id.clone(), account_id.clone());
    recording.add(Effect::AssignPayment { payment_id, account_id: account_id.clone() })?;
    Ok(Payment { account_id: Some(account_id), ..payment })
}

/// R1: a command names payment and invoices. All parts are done, or none.
fn allocate_payment(recording: &mut Recording<'_>, allocate: &AllocatePayment) -> Result {
    let payment = known_payment(recording, &allocate.payment_id)?;
    let mut invoices = Vec::with_capacity(allocate.allocations.len());
    for part in &allocate.allocations {
        invoices.push(known_invoice(recording, &part.invoice_id)?);
    }
    check_owner(payment.account_id.as_ref(), &allocate.account_id)?;
    for invoice in &invoices {
        check_owner(Some(&invoice.account_id), &allocate.account_id)?;
    }
    open_account(recording, &allocate.account_id)?;
    if payment.account_id.is_none() {
        return Err(Rejection::PaymentNotAssigned.into());
    }
    check_usable(&payment)?;
    check_invoices(&payment, &invoices)?;
    let amounts = asked_amounts(&payment, &allocate.allocations)?;
    let paired = allocate
        .allocations
        .iter()
        .any(|part| recording.set.pays(&payment.payment_id, &part.invoice_id));
    if paired {
        return Err(Rejection::AllocationExists.into());
    }
    let parts = parts_of(&payment, &invoices, &amounts)?;
    settle::check_balance_limit(recording, &allocate.account_id, &parts)?;
    review::learn(recording, &allocate.payment_id, &allocate.account_id, None)?;
    settle::post_provisioned(recording, &allocate.payment_id, Rule::NamedByCommand, &parts)?;
    advice::by_hand(recording, &allocate.payment_id)?;
    Ok(applied_payment(&allocate.payment_id))
}
