//! What a person says of a suggestion. The act itself is the ordinary command.

use super::orders::Fields;
use crate::domain::rejection::Rejection;
use crate::domain::review::SuggestionStatus;
use crate::store::views::standing::{About, Difference};
use crate::store::views::suggestion::SuggestionView;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Confirm,
    Reject,
}

impl Word {
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Confirm => "topup.match.confirm.v1",
            Self::Reject => "topup.match.reject.v1",
        }
    }
}

/// The command's own fields, or why nothing can be said of the suggestion any more.
pub(crate) fn command(shown: Option<&SuggestionView>) -> Result<Fields, Rejection> {
    let shown = shown.ok_or(Rejection::SuggestionUnknown)?;
    if shown.status != SuggestionStatus::Open.word() {
        return Err(Rejection::SuggestionClosed);
    }
    let about = About {
        payments: shown.payments.iter().map(|one| one.payment_id.clone()).collect(),
        invoices: shown.invoices.iter().map(|one| one.invoice_id.clone()).collect(),
        ..About::default()
    };
    let fields = Fields::default()
        .with("payment_id", shown.payment_id.as_str())
        .with("suggestion_id", shown.suggestion_id.as_str())
        .with("account_id", shown.account_id.as_str());
    Ok(fields.about(&about))
}

/// Who closed it, when, and what they said.
pub(crate) fn closed(shown: &SuggestionView) -> Option<String> {
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
pub(crate) fn teaches(changes: &[Difference]) -> String {
    let of_payers = changes.iter().filter(|change| change.of.starts_with("payer …"));
    let learnt: Vec<String> = of_payers
        .map(|change| {
            let times = change.after.as_deref().unwrap_or("0");
            format!("{} pays for this customer (confirmed: {times})", change.of)
        })
        .collect();
    if learnt.is_empty() { "nothing about the payer".to_owned() } else { learnt.join("; ") }
}
