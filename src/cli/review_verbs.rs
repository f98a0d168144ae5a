//! `review confirm|reject`: what a person says of suggestions. It is read back first: whose money,
//! how much, for what, what is due before and after, and what it teaches.

use clap::Args;
use serde::Serialize;

use super::error::{CliError, Exit};
use super::output::{Output, Tabular, Text, cell};
use super::verbs::{self, Ask, Fields, Place, Told};
use crate::store::views::suggestion::{self, SuggestedInvoice, SuggestionView};

#[derive(Debug, Clone, Args)]
pub struct Suggestions {
    #[arg(required = true, value_name = "SUGGESTION")]
    suggestions: Vec<String>,
    #[command(flatten)]
    ask: Ask,
}

/// What is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Confirm,
    Reject,
}

impl Word {
    fn kind(self) -> &'static str {
        match self {
            Self::Confirm => "topup.match.confirm.v1",
            Self::Reject => "topup.match.reject.v1",
        }
    }
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

/// # Errors
/// What the database or Kafka says, or that nobody acts.
pub async fn run(word: Word, which: &Suggestions, place: Place<'_>) -> Result<Exit, CliError> {
    let mut answers = Vec::with_capacity(which.suggestions.len());
    for id in &which.suggestions {
        answers.push(say(word, id, &which.ask, place).await?);
    }
    let done = answers.iter().all(|answer| answer.told.done);
    match place.printer.output {
        Output::Table => place.printer.one(&answers, |text| {
            answers.iter().for_each(|answer| human(answer, text));
        })?,
        Output::Json | Output::Ndjson | Output::Csv => place.printer.rows(&answers)?,
    }
    Ok(if done { Exit::Ok } else { Exit::Failed })
}

async fn say(word: Word, id: &str, ask: &Ask, place: Place<'_>) -> Result<Answer, CliError> {
    let shown = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
    let refused = |code: &str, shown: Option<SuggestionView>| Answer {
        suggestion_id: id.to_owned(),
        told: Told::refused(word.kind(), code),
        teaches: None,
        closed: shown.as_ref().and_then(closed),
        suggestion: shown,
        confirms: false,
    };
    let Some(shown) = shown else {
        return Ok(refused("suggestion_unknown", None));
    };
    if shown.status != "open" {
        return Ok(refused("suggestion_closed", Some(shown)));
    }
    let fields = Fields::default()
        .with("payment_id", shown.payment_id.as_str())
        .with("suggestion_id", id)
        .with("account_id", shown.account_id.as_str());
    let invoices: Vec<String> = shown.invoices.iter().map(|one| one.invoice_id.clone()).collect();
    let told = verbs::asked(place, ask, word.kind(), fields, &invoices).await?;
    let mut closed_before = None;
    if told.code.as_deref() == Some("suggestion_closed") {
        // Somebody was faster, between the look and the word.
        let now = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
        closed_before = now.as_ref().and_then(closed);
    }
    let teaches = (word == Word::Confirm).then(|| teaches(&told));
    Ok(Answer {
        suggestion_id: id.to_owned(),
        told,
        teaches,
        closed: closed_before,
        suggestion: Some(shown),
        confirms: word == Word::Confirm,
    })
}

/// Who closed it, when, and what they said.
fn closed(shown: &SuggestionView) -> Option<String> {
    let at = shown.closed_at?;
    let Some(who) = &shown.closed_by else {
        return Some(format!("The payment was decided again at {at}."));
    };
    let said = shown.said.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
    Some(format!("{who} {} it at {at}{said}", shown.status))
}

/// The payer's account that speaks for the customer from now on.
fn teaches(told: &Told) -> String {
    let learnt = told.changes.iter().find(|change| change.of.starts_with("payer "));
    match learnt {
        Some(change) => {
            let times = change.after.as_deref().unwrap_or("0");
            format!("{} pays for this customer (confirmed: {times})", change.of)
        }
        None => "nothing about the payer".to_owned(),
    }
}

fn human(answer: &Answer, text: &mut Text) {
    text.heading(&format!("Suggestion {}", answer.suggestion_id));
    if let Some(shown) = &answer.suggestion {
        let payer: Vec<&str> = [&shown.payer_name, &shown.payer_account]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let customer = match &shown.account_name {
            Some(name) => format!("{} ({name})", shown.account_id),
            None => shown.account_id.clone(),
        };
        let currency = &shown.currency;
        text.fields(&[
            ("payment", Some(shown.payment_id.clone())),
            ("received", Some(shown.received_on.to_string())),
            ("payer", Some(payer.join(", ")).filter(|payer| !payer.is_empty())),
            ("amount", Some(format!("{} {currency}", shown.amount))),
            ("unallocated", Some(format!("{} {currency}", shown.unallocated))),
            ("customer", Some(customer)),
            ("rule", Some(shown.rule.clone())),
            ("teaches", answer.teaches.clone()),
        ]);
        if answer.confirms && answer.told.done {
            text.heading("Invoices");
            text.table(&shown.invoices);
        }
    }
    if let Some(closed) = &answer.closed {
        text.line(closed);
    }
    verbs::human(&answer.told, text);
}

impl Tabular for SuggestedInvoice {
    const HEADERS: &'static [&'static str] =
        &["invoice", "currency", "amount", "due before", "due after"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.invoice_id.clone(),
            self.currency.clone(),
            self.amount.clone(),
            self.due.clone(),
            self.due_after.clone(),
        ]
    }
}

impl Tabular for Answer {
    const HEADERS: &'static [&'static str] =
        &["suggestion", "outcome", "code", "payment", "customer", "invoices", "teaches", "closed"];

    fn cells(&self) -> Vec<String> {
        let shown = self.suggestion.as_ref();
        let invoices = shown.map(|shown| {
            let ids = shown.invoices.iter().map(|one| one.invoice_id.as_str());
            ids.collect::<Vec<_>>().join(" + ")
        });
        vec![
            self.suggestion_id.clone(),
            self.told.outcome.clone(),
            cell(self.told.code.as_ref()),
            cell(shown.map(|shown| &shown.payment_id)),
            cell(shown.map(|shown| &shown.account_id)),
            cell(invoices.as_ref()),
            cell(self.teaches.as_ref()),
            cell(self.closed.as_ref()),
        ]
    }
}
