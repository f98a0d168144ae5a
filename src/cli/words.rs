//! Codes and states in words, as several commands say them.

use crate::domain::effect::NeedKind;
use crate::domain::payment::{ParkReason, PaymentState};
use crate::domain::rejection::{DeadLetterReason, Rejection};
use crate::store::views::payments::PaymentView;
use crate::wire::DecodeCode;

/// What a code means, where the domain says so.
pub(super) fn sentence(code: &str) -> Option<&'static str> {
    let unauthorised = DecodeCode::NotAuthorised;
    let rejection = Rejection::from_code(code);
    let letter = DeadLetterReason::ALL.into_iter().find(|r| r.code() == code);
    rejection
        .map(Rejection::sentence)
        .or(letter.map(DeadLetterReason::sentence))
        .or(ParkReason::from_code(code).map(ParkReason::sentence))
        .or((code == unauthorised.code()).then_some(unauthorised.message()))
}

/// The code, and what it means.
pub(super) fn code_words(code: &str) -> String {
    sentence(code).map_or_else(|| code.to_owned(), |sentence| format!("{code}: {sentence}"))
}

/// What a command waits for, in words.
pub(super) fn needs_words(needs: &str) -> String {
    match NeedKind::of(needs) {
        Some((NeedKind::Invoice, id)) => format!("invoice {id}, which is not known yet"),
        Some((NeedKind::Payment, id)) => format!("payment {id}, which is not known yet"),
        Some((NeedKind::Proof, _)) => {
            "the usage feed: it must be known up to the command".to_owned()
        }
        Some((NeedKind::Behind, record)) => format!("command {record}, which waits"),
        Some((NeedKind::Charge | NeedKind::Hold | NeedKind::Version, _)) | None => needs.to_owned(),
    }
}

pub(super) fn is_zero(amount: &str) -> bool {
    amount.chars().all(|c| matches!(c, '0' | '.'))
}

/// Where it stands. What went back of it is not "in full" on an invoice.
pub(super) fn state_words(view: &PaymentView) -> &str {
    let less = [&view.returned, &view.refunded, &view.split];
    let state = view.row.state.as_str();
    let whole = less.iter().all(|amount| is_zero(amount));
    if state == PaymentState::Allocated.word() && !whole {
        "allocated, all that is left of it"
    } else {
        words(state)
    }
}

pub(super) fn words(state: &str) -> &str {
    // Why it is parked is told beside it: any reason will do.
    match PaymentState::from_words(state, Some(ParkReason::Undecided.code())) {
        Some(PaymentState::Allocated) => "allocated in full",
        Some(PaymentState::PartlyAllocated) => "allocated in part",
        Some(PaymentState::OnAccount) => "held on the customer's account",
        Some(PaymentState::Parked(_)) => "parked, a person has to look at it",
        Some(PaymentState::Returned) => "returned",
        Some(PaymentState::Removed) => "removed",
        Some(PaymentState::Split) => "shared out to several customers",
        None => state,
    }
}
