//! The stored decisions on a payment, in words that a finance person understands.

use super::output::Text;
use super::words::state_words;
use super::{splits, steps_back};
use crate::domain::account::Strength;
use crate::domain::allocation::Rule;
use crate::domain::matching::payer::LEARNED;
use crate::domain::matching::policy::{
    Choice, EqualAmountPolicy, PartialPolicy, PolicyKind, ResidualPolicy,
};
use crate::domain::matching::verdict::Verdict;
use crate::domain::matching::{Matched, NamedBy};
use crate::domain::payment::{ParkReason, PaymentOrigin, PaymentState};
use crate::domain::review::SuggestionStatus;
use crate::store::explanation::{
    AddedView, CandidateView, ExplanationView, PolicyView, SuggestionView,
};
use crate::store::views::payments::{DecisionView, PaymentView, SuggestionRow};

/// Counting stops here: eleven stands for "more than ten".
const COUNT_MAX: u64 = 10;

pub(super) fn human(payment: &PaymentView, decisions: &[DecisionView], text: &mut Text) {
    let row = &payment.row;
    text.heading(&format!(
        "Payment {} of {} {}, received on {}: {}",
        row.payment_id,
        row.amount,
        row.currency,
        row.received_on,
        state_words(payment)
    ));
    text.heading("What happened");
    for step in &payment.story {
        let (at, who) = (step.at, &step.who);
        let old = if step.current { "" } else { " (not current any more)" };
        text.line(&format!("  {at}  {who}: {}{old}", step.what));
    }
    if decisions.is_empty() {
        let what = if row.origin == PaymentOrigin::Split.word() {
            "is part of a split"
        } else {
            "was recorded by hand"
        };
        text.line(&format!("No decision is stored: it {what}, and a person says what it pays."));
    }
    for (number, decision) in (1_usize..).zip(decisions) {
        let old = if number < decisions.len() { ", not current any more" } else { "" };
        text.heading(&format!("Decision {number} of {}{old}", decisions.len()));
        one(decision, text);
        choices(payment, decision, number == decisions.len(), text);
    }
    let spoken = |said: &&SuggestionRow| {
        use SuggestionStatus::{Confirmed, Rejected};
        matches!(SuggestionStatus::from_word(&said.status), Some(Confirmed | Rejected))
    };
    for said in payment.suggestions.iter().filter(spoken) {
        let invoices = said.invoices.join(" + ");
        let by = said.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let (id, status) = (&said.suggestion_id, &said.status);
        text.line(&format!("Suggestion {id}, invoice {invoices}: a person {status} it{by}."));
    }
    for apart in &payment.taken_off {
        text.line(&steps_back::taken_off(apart, &payment.allocations));
    }
    for told in splits::told(&payment.parts, &row.payment_id) {
        text.line(&told);
    }
    text.heading("What happens next");
    text.line(&format!("  {}", next(payment)));
    // Assigning ended the search.
    for (watch, sent) in payment.watches.iter().zip(&payment.sent).filter(|_| !payment.assigned) {
        let again = if *sent { " again" } else { "" };
        text.line(&format!("  It is decided again {}{again}.", watch_words(watch)));
    }
}

fn one(decision: &DecisionView, text: &mut Text) {
    let stored = &decision.explanation;
    let money = |amount: &str| format!("{amount} {}", stored.currency);
    text.fields(&[
        ("when", Some(when(decision))),
        (
            "because of",
            Some(format!("record {}/{}", decision.caused_by_source, decision.caused_by_id)),
        ),
        ("to place", Some(money(&stored.free))),
        ("bank states", stored.stated.as_ref().map(|s| format!("{} {}", s.amount, s.currency))),
        ("payer", Some(payer(stored))),
        ("rule", Some(format!("{}: {}", decision.rule, rule_of(&decision.rule, &stored.notes)))),
        ("outcome", Some(outcome(decision))),
        ("counts", counts(stored)),
    ]);
    if !stored.candidates.is_empty() {
        text.line("  Invoices that were looked at:");
    }
    for candidate in &stored.candidates {
        text.line(&format!("    - {}", candidate_words(candidate, stored)));
    }
    for allocated in &stored.allocations {
        text.line(&format!(
            "  {} went to invoice {}.",
            money(&allocated.amount),
            allocated.invoice_id
        ));
    }
    for note in &stored.notes {
        text.line(&format!("  Note: {note}."));
    }
    for policy in stored.policies.iter().flatten() {
        text.line(&format!("  Policy: {}.", policy_words(policy, decision.policy_version)));
    }
    if !stored.advices.is_empty() {
        let all = stored.advices.join(", ");
        text.line(&format!("  Remittance advices that fit the payment: {all}."));
    }
    if let Some(earlier) = &stored.looks_like {
        text.line(&format!("  It may be the same money as payment {earlier}."));
    }
}

/// What may be chosen; of what is past, what became of it.
fn choices(payment: &PaymentView, decision: &DecisionView, current: bool, text: &mut Text) {
    let stored = &decision.explanation;
    if !stored.suggestions.is_empty() {
        let heading = if current { "A person may choose:" } else { "A person could choose then:" };
        text.line(&format!("  {heading}"));
    }
    for suggestion in &stored.suggestions {
        let id = suggestion.suggestion_id.as_ref();
        let row = payment.suggestions.iter().find(|row| Some(&row.suggestion_id) == id);
        let now = match row {
            Some(row) if row.status != SuggestionStatus::Open.word() => {
                format!(" ({})", became(&row.status))
            }
            Some(row) if !row.payable => {
                " (not any more: its invoice is not open, or the money is not there)".to_owned()
            }
            Some(_) => String::new(),
            None => " (shown only: it cannot be confirmed)".to_owned(),
        };
        let gets = row.and_then(|row| gets_less(suggestion, row)).unwrap_or_default();
        text.line(&format!(
            "    - {}invoice {} of {}, {} due{gets}{}{now}",
            id.map(|id| format!("{id}: ")).unwrap_or_default(),
            suggestion.invoice_id,
            suggestion.account_id,
            in_currency(&suggestion.amount_due, suggestion.currency.as_ref(), stored),
            added(&suggestion.with)
        ));
    }
}

/// What of the payment the one invoice would get, where that is less than its due.
fn gets_less(suggested: &SuggestionView, row: &SuggestionRow) -> Option<String> {
    let alone = row.invoices.len() == 1 && row.with_payments.is_empty();
    let less = alone && row.amount != suggested.amount_due;
    less.then(|| format!(", of which it would get {} {}", row.amount, row.currency))
}

/// What became of a choice.
fn became(status: &str) -> &str {
    match SuggestionStatus::from_word(status) {
        Some(SuggestionStatus::Confirmed) => "a person confirmed it",
        Some(SuggestionStatus::Rejected) => "a person rejected it",
        Some(SuggestionStatus::Superseded) => "not any more: it was decided again",
        Some(SuggestionStatus::Open) | None => status,
    }
}

/// The payments that are allocated with this one.
fn added(with: &[AddedView]) -> String {
    let words = with.iter().map(|one| format!("{} ({})", one.payment_id, one.amount));
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(", together with {}", words.join(" and "))
    }
}

/// When, and by which versions of the engine and of the policies.
fn when(decision: &DecisionView) -> String {
    let policies = match decision.policy_version {
        0 => "policies of the configuration".to_owned(),
        version => format!("policies of rule set {version}"),
    };
    let (at, engine) = (decision.decided_at, decision.rule_set_version);
    format!("{at}, engine version {engine}, {policies}")
}

/// Which policy had a say, and whose it is.
fn policy_words(policy: &PolicyView, version: i32) -> String {
    let whose = if policy.own { "of this customer" } else { "of everybody" };
    let value = policy.value.as_str();
    let partial = |payments: String| {
        PartialPolicy::from_word(value).map(|choice| match choice {
            PartialPolicy::Apply => format!("{payments} are applied"),
            PartialPolicy::Suggest => format!("{payments} need a person"),
        })
    };
    let known = match PolicyKind::from_word(&policy.policy) {
        Some(PolicyKind::Partial) => partial(format!("partial payments {whose}")),
        Some(PolicyKind::Fee) => partial(format!("payments {whose} that are short by charges")),
        Some(PolicyKind::EqualAmount) => {
            EqualAmountPolicy::from_word(value).map(|choice| match choice {
                EqualAmountPolicy::Oldest => {
                    format!("of equal invoices {whose} the oldest is taken")
                }
                EqualAmountPolicy::Suggest => {
                    format!("of equal invoices {whose} a person takes one")
                }
            })
        }
        Some(PolicyKind::Residual) => ResidualPolicy::from_word(value).map(|choice| match choice {
            ResidualPolicy::Match => format!("the rest of a payment {whose} is tried again"),
            ResidualPolicy::Hold => format!("the rest of a payment {whose} is left on it"),
        }),
        Some(PolicyKind::MaxAutoAmount) => {
            Some(format!("above {value} payments {whose} need a person"))
        }
        None => None,
    };
    let what = known.unwrap_or_else(|| format!("{} {whose} is {value}", policy.policy));
    match version {
        0 => format!("{what} (the configuration)"),
        version => format!("{what} (rule set {version})"),
    }
}

fn payer(stored: &ExplanationView) -> String {
    let Some(identity) = &stored.identity else {
        let named = stored.candidates.iter().find(|found| found.named_by == NamedBy::Name.word());
        return match named {
            Some(found) => format!(
                "perhaps customer {}: only the payer's name says so, which is no proof",
                found.account_id
            ),
            None => "not known: nothing names a customer".to_owned(),
        };
    };
    let account = &identity.account_id;
    match Strength::from_word(&identity.strength) {
        Some(Strength::Certain) => format!(
            "customer {account}, for certain: by its own virtual account or a checked reference"
        ),
        Some(Strength::Strong) if stored.notes.iter().any(|note| note == LEARNED) => format!(
            "customer {account}, strongly: a person confirmed payments from the payer's account"
        ),
        Some(Strength::Weak) => {
            format!("perhaps customer {account}: a person confirmed the account once")
        }
        Some(Strength::Strong) => format!(
            "customer {account}, strongly: the payer's account is one of its verified ones and \
             nobody else's"
        ),
        None => format!("customer {account} ({})", identity.strength),
    }
}

/// A payer whom nobody verified is not called so.
fn rule_of(word: &str, notes: &[String]) -> &'static str {
    if word == Rule::KnownPayer.word() && notes.iter().any(|note| note == LEARNED) {
        return "a person confirmed payments of this payer for the customer, and one invoice fits";
    }
    rule_sentence(word)
}

fn rule_sentence(word: &str) -> &'static str {
    let rule = Rule::ALL.into_iter().find(|rule| rule.word() == word);
    rule.map_or("a rule that this version does not know", Rule::sentence)
}

fn outcome(decision: &DecisionView) -> String {
    let reason = decision.reason.as_deref();
    let why = reason.and_then(ParkReason::from_code).map(ParkReason::sentence);
    let why = why.or(reason).unwrap_or_default();
    match Matched::from_word(&decision.outcome) {
        Some(Matched::Allocated) => "allocated without a person".to_owned(),
        Some(Matched::Suggested) => format!("parked with a suggestion. {why}"),
        Some(Matched::Parked) => format!("parked. {why}"),
        Some(Matched::OnAccount) if decision.rule == Rule::EqualAmounts.word() => {
            "held on the customer's account: a person says which of the equal invoices it is"
                .to_owned()
        }
        Some(Matched::OnAccount) => {
            "held on the customer's account: no invoice has this amount".to_owned()
        }
        None => decision.outcome.clone(),
    }
}

fn counts(stored: &ExplanationView) -> Option<String> {
    let count = |number: u64| {
        if number > COUNT_MAX { format!("more than {COUNT_MAX}") } else { number.to_string() }
    };
    let of = |number: Option<u64>, whose: &str| {
        number.map(|number| match number {
            1 => format!("1 open invoice of {whose} has this amount"),
            _ => format!("{} open invoices of {whose} have this amount", count(number)),
        })
    };
    let parts = [
        of(stored.same_amount_account, "this customer"),
        of(stored.same_amount_book, "all customers"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn in_currency(amount: &str, other: Option<&String>, stored: &ExplanationView) -> String {
    format!("{amount} {}", other.unwrap_or(&stored.currency))
}

fn candidate_words(candidate: &CandidateView, stored: &ExplanationView) -> String {
    let by = match NamedBy::from_word(&candidate.named_by) {
        Some(NamedBy::Reference) => "named by its payment reference",
        Some(NamedBy::EndToEnd) => "named by the end-to-end id",
        Some(NamedBy::Number) => "named by its number",
        Some(NamedBy::Near) => "one typing mistake away from a word of the text",
        Some(NamedBy::Payer) => "its customer was paid from this account before",
        Some(NamedBy::Name) => "its customer has the payer's name",
        Some(NamedBy::Amount) => "found by its amount",
        Some(NamedBy::Account) => "an open one of the customer",
        Some(NamedBy::Advice) | None => &candidate.named_by,
    };
    let suggested = stored.suggestions.iter().any(|one| one.invoice_id == candidate.invoice_id);
    format!(
        "{} of {}, {} due, {by}: {}",
        candidate.invoice_id,
        candidate.account_id,
        in_currency(&candidate.amount_due, candidate.currency.as_ref(), stored),
        verdict(&candidate.verdict, suggested)
    )
}

/// Why an invoice was taken, suggested or refused.
fn verdict(word: &str, suggested: bool) -> String {
    let Some(verdict) = Verdict::from_word(word) else { return format!("{word}.") };
    let sentence = verdict.sentence();
    if matches!(verdict, Verdict::Parked(_)) {
        return format!("{}. {sentence}", if suggested { "Suggested" } else { "Refused" });
    }
    // What is offered below is not refused here.
    let refused = sentence.strip_prefix("Refused: ").filter(|_| suggested);
    refused.map_or_else(|| sentence.to_owned(), |why| format!("Suggested, though {why}"))
}

/// What the reader may expect or has to do.
fn next(payment: &PaymentView) -> &'static str {
    match PaymentState::from_words(&payment.row.state, payment.row.reason.as_deref()) {
        Some(PaymentState::Allocated) => "Nothing: all that is left of it is on invoices.",
        Some(PaymentState::PartlyAllocated) if payment.assigned => {
            "The rest stays on the payment until a person acts."
        }
        Some(PaymentState::PartlyAllocated) => {
            "The rest stays on the payment until an invoice fits or a person acts."
        }
        Some(PaymentState::OnAccount) if payment.question.is_some() => asked(payment),
        Some(PaymentState::OnAccount) if payment.assigned => {
            "It stays on the customer's account until a person acts."
        }
        Some(PaymentState::OnAccount) => {
            "It stays on the customer's account until an invoice fits or a person acts."
        }
        Some(PaymentState::Split) => {
            "Nothing: all of it is on its parts, which `topup payments show` lists."
        }
        Some(PaymentState::Returned | PaymentState::Removed) => "Nothing.",
        Some(PaymentState::Parked(_)) | None => asked(payment),
    }
}

/// What a person has to do about what waits for one.
fn asked(payment: &PaymentView) -> &'static str {
    let code = payment.row.reason.as_ref().or(payment.question.as_ref());
    match code.and_then(|code| ParkReason::from_code(code)) {
        Some(reason) if wants_word(reason) && !has_open(payment) => {
            "Nothing is suggested any more: allocate it by hand, refund it or dismiss it."
        }
        Some(reason) => next_of(reason),
        None => "A person has to look at it.",
    }
}

/// Whether a suggestion is still to be confirmed.
fn has_open(payment: &PaymentView) -> bool {
    let open = SuggestionStatus::Open.word();
    payment.suggestions.iter().any(|said| said.status == open && said.payable)
}

/// Whether a person is asked to confirm a suggestion.
fn wants_word(reason: ParkReason) -> bool {
    next_of(reason).starts_with("Confirm the suggestion")
}

fn next_of(reason: ParkReason) -> &'static str {
    match reason {
        ParkReason::NotSent => "It is paid as soon as the invoice is sent.",
        ParkReason::PossibleDuplicate | ParkReason::TooManyAlike => {
            "Compare both with the bank's statement. A second payment: assign it to its customer. \
             The same money: remove it, under the customer of the other."
        }
        ParkReason::InternalTransfer => "Nothing, if it is a transfer between our own accounts.",
        ParkReason::AccountClosed => "Refund it, or open the customer's account again.",
        ParkReason::IdentityConflict => {
            "Ask the payer whose money it is, then assign it to that customer."
        }
        ParkReason::SeveralAccounts | ParkReason::SplitUndone => {
            "Find out whose money it is, then share it out with `topup payments split`, or assign \
             it to one customer."
        }
        ParkReason::TakenOut => {
            "Find out whose money it is, then allocate it, or pay it back and say so with `topup \
             payments refund`."
        }
        ParkReason::AdviceAmbiguous => {
            "`topup advices list` has the advices. Find out which is for this payment, then \
             confirm or allocate what it names."
        }
        ParkReason::AmbiguousReference | ParkReason::SumMismatch | ParkReason::AdviceMismatch => {
            "Ask the payer what it is for, then allocate it."
        }
        ParkReason::CurrencyMismatch => "Agree on the amount with the customer, or refund it.",
        ParkReason::AlreadyPaid => {
            "Refund it, or allocate it to another invoice of the customer. `topup invoices show` \
             names the payment that came first."
        }
        ParkReason::PaidAfterVoid => "Issue the invoice again, or refund the money.",
        ParkReason::PartialPayment => "Allocate what arrived, or wait for the rest.",
        ParkReason::Uncorroborated
        | ParkReason::PaidBeforeSent
        | ParkReason::AboveAutoLimit
        | ParkReason::NearReference
        | ParkReason::PayerOnly
        | ParkReason::NameOnly
        | ParkReason::AmountOnly => "Confirm the suggestion, or allocate it otherwise.",
        ParkReason::BalanceLimit => "Allocate a part of it by hand, or refund it.",
        ParkReason::Undecided => {
            "Nothing: the rematch job decides it. If it stays so, look into the worker's log."
        }
        ParkReason::NoCandidate | ParkReason::NoAccount => {
            "Find out who paid, then assign it to a customer and allocate it."
        }
    }
}

/// When a payment is decided again that waits for something.
pub(super) fn watched(payment: &PaymentView) -> Option<String> {
    let words: Vec<String> = payment.watches.iter().map(|watch| watch_words(watch)).collect();
    (!words.is_empty() && !payment.assigned).then(|| words.join("; "))
}

fn watch_words(watch: &str) -> String {
    match watch.split_once(':') {
        Some(("ref", reference)) => format!("when an invoice with reference {reference} is sent"),
        Some(("number", number)) => format!("when invoice {number} is sent"),
        Some(("reopened", account)) => format!("when {account} is opened again"),
        Some(("account", account)) => match account.rsplit_once(':') {
            Some((account, currency)) => {
                format!("when an invoice of {account} in {currency} is sent")
            }
            None => format!("when an invoice of {account} is sent"),
        },
        _ => format!("on {watch}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_verdict_has_a_word_and_a_sentence() {
        let parked = ParkReason::ALL.into_iter().map(Verdict::Parked);
        let all: Vec<Verdict> = Verdict::OWN.into_iter().chain(parked).collect();
        let words: HashSet<&str> = all.iter().map(|verdict| verdict.word()).collect();
        assert_eq!(words.len(), all.len());
        for verdict in all {
            assert_eq!(Verdict::from_word(verdict.word()), Some(verdict));
            assert!(verdict.sentence().ends_with('.'), "{}", verdict.word());
        }
        for reason in ParkReason::ALL {
            assert!(verdict(reason.code(), false).starts_with("Refused. "));
            assert!(verdict(reason.code(), true).starts_with("Suggested. "));
        }
    }

    #[test]
    fn every_rule_has_a_sentence() {
        for rule in Rule::ALL {
            assert_eq!(rule_sentence(rule.word()), rule.sentence());
        }
        assert!(rule_sentence("R99").contains("does not know"));
        assert_eq!(rule_of("R7", &[]), Rule::KnownPayer.sentence());
        assert!(!rule_of("R7", &[LEARNED.to_owned()]).contains("verified"));
        assert_eq!(rule_of("R6", &[LEARNED.to_owned()]), Rule::VirtualAccount.sentence());
    }
}
