//! `review confirm|reject`: what a person says of suggestions. It is read back first: whose money,
//! how much, for what, what is due before and after, and what it teaches.

use clap::Args;
use serde::Serialize;

use super::error::{CliError, Exit};
use super::output::{Output, Tabular, Text, cell};
use super::verbs::{self, Ask, Fields, Place, Told};
use crate::domain::rejection::Rejection;
use crate::domain::review::SuggestionStatus;
use crate::store::views::standing::About;
use crate::store::views::suggestion::{self, SuggestedInvoice, SuggestedPayment, SuggestionView};

#[derive(Debug, Clone, Args)]
pub struct Suggestions {
    /// Which suggestions, by the ids of `topup review list`
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
    which.ask.check_for(which.suggestions.len())?;
    let mut answers = Vec::with_capacity(which.suggestions.len());
    for id in &which.suggestions {
        answers.push(say(word, id, &which.ask, place).await?);
    }
    match place.printer.output {
        Output::Table => place.printer.one(&answers, |text| {
            answers.iter().for_each(|answer| human(answer, text));
        })?,
        Output::Json | Output::Ndjson | Output::Csv => place.printer.rows(&answers)?,
    }
    Ok(verbs::worst(answers.iter().map(|answer| &answer.told)))
}

async fn say(word: Word, id: &str, ask: &Ask, place: Place<'_>) -> Result<Answer, CliError> {
    let shown = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
    let refused = |why: Rejection, shown: Option<SuggestionView>| Answer {
        suggestion_id: id.to_owned(),
        told: Told::refused(word.kind(), why.code(), ask),
        teaches: None,
        closed: shown.as_ref().and_then(closed),
        suggestion: shown,
        confirms: false,
    };
    let Some(shown) = shown else {
        return Ok(refused(Rejection::SuggestionUnknown, None));
    };
    if shown.status != SuggestionStatus::Open.word() {
        return Ok(refused(Rejection::SuggestionClosed, Some(shown)));
    }
    let fields = Fields::default()
        .with("payment_id", shown.payment_id.as_str())
        .with("suggestion_id", id)
        .with("account_id", shown.account_id.as_str());
    let about = About {
        payments: shown.payments.iter().map(|one| one.payment_id.clone()).collect(),
        invoices: shown.invoices.iter().map(|one| one.invoice_id.clone()).collect(),
        ..About::default()
    };
    let told = verbs::asked(place, ask, word.kind(), fields, about).await?;
    let mut closed_before = None;
    if told.code.as_deref() == Some(Rejection::SuggestionClosed.code()) {
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
    // The name stands in front of what was said, and is told already.
    let said =
        shown.said.as_deref().map(|said| said.strip_prefix(&format!("by {who}")).unwrap_or(said));
    let said = said.map(|said| said.trim_start_matches(": ")).filter(|said| !said.is_empty());
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    Some(format!("{who} {} it at {at}{said}", shown.status))
}

/// The payer's account that speaks for the customer from now on.
fn teaches(told: &Told) -> String {
    let of_payers = told.changes.iter().filter(|change| change.of.starts_with("payer …"));
    let learnt: Vec<String> = of_payers
        .map(|change| {
            let times = change.after.as_deref().unwrap_or("0");
            format!("{} pays for this customer (confirmed: {times})", change.of)
        })
        .collect();
    if learnt.is_empty() { "nothing about the payer".to_owned() } else { learnt.join("; ") }
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
        text.fields(&[
            ("payment", Some(shown.payment_id.clone()).filter(|_| one)),
            ("received", Some(shown.received_on.to_string()).filter(|_| one)),
            ("payer", payer.filter(|_| one)),
            ("amount", Some(format!("{} {currency}", shown.amount)).filter(|_| one)),
            ("unallocated", Some(format!("{} {currency}", shown.unallocated)).filter(|_| one)),
            ("customer", Some(customer)),
            ("rule", Some(shown.rule.clone())),
            ("teaches", answer.teaches.clone()),
        ]);
        if shown.payments.len() > 1 {
            text.heading("Payments, taken together");
            text.table(&shown.payments);
        }
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

/// Name and number, as far as they are known.
fn payer(name: Option<&String>, number: Option<&String>) -> Option<String> {
    let known: Vec<&str> = name.into_iter().chain(number).map(String::as_str).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

impl Tabular for SuggestedPayment {
    const HEADERS: &'static [&'static str] = &[
        "payment",
        "received",
        "payer",
        "currency",
        "amount",
        "gives",
        "unallocated",
        "unallocated after",
    ];
    const FIELDS: &'static [&'static str] = &[
        "payment_id",
        "currency",
        "amount",
        "gives",
        "unallocated",
        "unallocated_after",
        "received_on",
        "payer_name",
        "payer_account",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.payment_id.clone(),
            self.received_on.to_string(),
            cell(payer(self.payer_name.as_ref(), self.payer_account.as_ref()).as_ref()),
            self.currency.clone(),
            self.amount.clone(),
            self.gives.clone(),
            self.unallocated.clone(),
            self.unallocated_after.clone(),
        ]
    }
}

impl Tabular for SuggestedInvoice {
    const HEADERS: &'static [&'static str] =
        &["invoice", "currency", "amount", "due before", "due after"];
    const FIELDS: &'static [&'static str] =
        &["invoice_id", "currency", "state", "amount", "due", "due_after"];

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
    const FIELDS: &'static [&'static str] = &[
        "suggestion_id",
        "command",
        "type",
        "dry_run",
        "outcome",
        "code",
        "sentence",
        "waits_for",
        "helps",
        "changes",
        "teaches",
        "closed",
        "suggestion",
    ];

    fn cells(&self) -> Vec<String> {
        let shown = self.suggestion.as_ref();
        let invoices = shown.map(|shown| {
            let ids = shown.invoices.iter().map(|one| one.invoice_id.as_str());
            ids.collect::<Vec<_>>().join(" + ")
        });
        let payments = shown.map(|shown| {
            let ids = shown.payments.iter().map(|one| one.payment_id.as_str());
            ids.collect::<Vec<_>>().join(" + ")
        });
        vec![
            self.suggestion_id.clone(),
            self.told.outcome.clone(),
            cell(self.told.code.as_ref()),
            cell(payments.as_ref()),
            cell(shown.map(|shown| &shown.account_id)),
            cell(invoices.as_ref()),
            cell(self.teaches.as_ref()),
            cell(self.closed.as_ref()),
        ]
    }
}
