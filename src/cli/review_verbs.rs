//! `review confirm|reject`: what a person says of suggestions. It is read back first: whose money,
//! how much, for what, what is due before and after, and what it teaches.

use clap::Args;
use serde::Serialize;

use super::error::{CliError, Exit};
use super::output::Text;
use super::table::table;
use super::verbs::{self, Ask, Place, Told};
use crate::domain::rejection::Rejection;
use crate::operator::review::{self, Word, closed};
use crate::store::views::suggestion::{self, SuggestedInvoice, SuggestedPayment, SuggestionView};

#[derive(Debug, Clone, Args)]
pub(super) struct Suggestions {
    /// Which suggestions, by the ids of `topup review list`
    #[arg(required = true, value_name = "SUGGESTION")]
    suggestions: Vec<String>,
    #[command(flatten)]
    ask: Ask,
}

/// What became of the word on one suggestion, or would.
#[derive(Debug, Clone, Serialize)]
struct Answer {
    suggestion_id: String,
    #[serde(flatten)]
    told: Told,
    /// What it teaches about the payer.
    teaches: Option<String>,
    /// Who had closed it before, and when.
    closed: Option<String>,
    suggestion: Option<SuggestionView>,
    #[serde(skip)]
    confirms: bool,
}

pub(super) async fn run(
    word: Word,
    which: &Suggestions,
    place: Place<'_>,
) -> Result<Exit, CliError> {
    which.ask.check_for(which.suggestions.len())?;
    let mut answers = Vec::with_capacity(which.suggestions.len());
    for id in &which.suggestions {
        answers.push(say(word, id, &which.ask, place).await?);
    }
    place.printer.each(&answers, human)?;
    Ok(verbs::worst(answers.iter().map(|answer| &answer.told)))
}

async fn say(word: Word, id: &str, ask: &Ask, place: Place<'_>) -> Result<Answer, CliError> {
    let shown = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
    let (fields, about) = match review::command(shown.as_ref()) {
        Ok(command) => command,
        Err(why) => {
            return Ok(Answer {
                suggestion_id: id.to_owned(),
                told: Told::refused(word.kind(), why.code(), ask),
                teaches: None,
                closed: shown.as_ref().and_then(closed),
                suggestion: shown,
                confirms: false,
            });
        }
    };
    let told = verbs::asked(place, ask, word.kind(), fields, about).await?;
    let mut closed_before = None;
    if told.code.as_deref() == Some(Rejection::SuggestionClosed.code()) {
        // Somebody was faster, between the look and the word.
        let now = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
        closed_before = now.as_ref().and_then(closed);
    }
    let teaches = (word == Word::Confirm).then(|| review::teaches(&told.changes));
    Ok(Answer {
        suggestion_id: id.to_owned(),
        told,
        teaches,
        closed: closed_before,
        suggestion: shown,
        confirms: word == Word::Confirm,
    })
}

fn human(answer: &Answer, text: &mut Text) {
    text.heading(&format!("Suggestion {}", answer.suggestion_id));
    if let Some(shown) = &answer.suggestion {
        let one = shown.payments.len() < 2;
        let payer = payer(shown.payer_name.as_ref(), shown.payer_account.as_ref());
        let customer = match &shown.account_name {
            Some(name) => format!("{} ({name})", shown.account_id),
            None => shown.account_id.clone(),
        };
        let currency = &shown.currency;
        // With what is due before and after, where that changes.
        let told = answer.confirms && answer.told.done;
        text.fields(&[
            ("payment", Some(shown.payment_id.clone()).filter(|_| one)),
            ("received", Some(shown.received_on.to_string()).filter(|_| one)),
            ("payer", payer.filter(|_| one)),
            ("amount", Some(format!("{} {currency}", shown.amount)).filter(|_| one)),
            ("unallocated", Some(format!("{} {currency}", shown.unallocated)).filter(|_| one)),
            ("customer", Some(customer)),
            ("invoices", Some(invoices(shown)).filter(|_| !told)),
            ("rule", Some(shown.rule.clone())),
            ("teaches", answer.teaches.clone()),
        ]);
        if shown.payments.len() > 1 {
            text.section("Payments, taken together", &shown.payments);
        }
        if told {
            text.section("Invoices", &shown.invoices);
        }
    }
    if let Some(closed) = &answer.closed {
        text.line(closed);
    }
    verbs::human(&answer.told, text);
}

fn invoices(shown: &SuggestionView) -> String {
    let ids: Vec<&str> = shown.invoices.iter().map(|one| one.invoice_id.as_str()).collect();
    ids.join(" + ")
}

/// Name and number, as far as they are known.
fn payer(name: Option<&String>, number: Option<&String>) -> Option<String> {
    let known: Vec<&str> = name.into_iter().chain(number).map(String::as_str).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

table!(SuggestedPayment:
    payment_id currency amount gives unallocated unallocated_after received_on payer_name
    payer_account;
    row => "payment": row.payment_id, "received": row.received_on,
    "payer": payer(row.payer_name.as_ref(), row.payer_account.as_ref()),
    "currency": row.currency, "amount": row.amount, "gives": row.gives,
    "unallocated": row.unallocated, "unallocated after": row.unallocated_after);

table!(SuggestedInvoice:
    invoice_id currency state amount due due_after;
    row => "invoice": row.invoice_id, "currency": row.currency, "amount": row.amount,
    "due before": row.due, "due after": row.due_after);

table!(Answer:
    suggestion_id command type dry_run outcome code sentence waits_for helps changes teaches closed
    suggestion;
    row => {
        let shown = row.suggestion.as_ref();
        let payments = shown.map(|shown| {
            let ids = shown.payments.iter().map(|one| one.payment_id.as_str());
            ids.collect::<Vec<_>>().join(" + ")
        });
    }
    "suggestion": row.suggestion_id, "outcome": row.told.outcome, "code": row.told.code,
    "payment": payments, "customer": shown.map(|shown| &shown.account_id),
    "invoices": shown.map(invoices), "teaches": row.teaches, "closed": row.closed);
