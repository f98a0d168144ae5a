//! A person's word on what is suggested at the end of a log. The numbers of decisions differ
//! between model and database, so each is told its own.

use chrono::{DateTime, Utc};
use serde_json::json;
use topup::domain::ids::SuggestionId;
use topup::domain::input::{Command, Input};
use topup::domain::model::Model;
use topup::domain::review::{Suggestion, SuggestionStatus};

use crate::harness::Direct;

/// Confirms or rejects every suggestion that is open, in turn; what one word closes, the next
/// finds closed, on both sides.
pub async fn said(direct: &mut Direct, model: &mut Model, now: DateTime<Utc>, seed: u64) {
    let all = model.set.review.suggestions.values().flatten();
    let open = all.filter(|known| known.status == SuggestionStatus::Open);
    let mut open: Vec<Suggestion> = open.cloned().collect();
    open.sort_by_key(|known| (known.payment_id.clone(), known.payments(), known.invoices()));
    for (number, known) in open.iter().enumerate() {
        let refuse = (seed as usize + number).is_multiple_of(3);
        let kind = if refuse { "match.reject" } else { "match.confirm" };
        let stored = stored(direct, known).await;
        let data = json!({
            "payment_id": known.payment_id.as_str(),
            "suggestion_id": stored,
            "account_id": known.account_id.as_str(),
        });
        let item = direct.command(&format!("word-{seed}-{number}"), kind, &data);
        let mut message = item.decoded.clone().expect("decoded");
        if let Input::Command(Command::ConfirmMatch(word) | Command::RejectMatch(word)) =
            &mut message.input
        {
            word.suggestion_id = SuggestionId::trusted(known.id.as_str());
        }
        let outcome = model.feed(&message, now);
        let ended = super::process(direct, &[item], now).await;
        assert_eq!(ended, [outcome.word()], "seed {seed}, {kind} of {known:?}");
    }
}

/// The number that the database gave it.
async fn stored(direct: &Direct, known: &Suggestion) -> String {
    let invoices: Vec<String> =
        known.invoices().iter().map(|id| format!("'{}'", id.as_str())).collect();
    let mut with: Vec<String> =
        known.with.iter().map(|other| format!("'{}'", other.0.as_str())).collect();
    with.sort();
    let sql = format!(
        "SELECT s.suggestion_id FROM suggestions s
         JOIN suggestion_invoices i USING (suggestion_id)
         WHERE s.payment_id = '{}' AND s.decision_id = (SELECT max(decision_id) FROM suggestions
               WHERE payment_id = s.payment_id)
         GROUP BY s.suggestion_id
         HAVING array_agg(i.invoice_id ORDER BY i.invoice_id) = ARRAY[{}]
            AND ARRAY(SELECT w.payment_id FROM suggestion_payments w
                       WHERE w.suggestion_id = s.suggestion_id ORDER BY 1) = ARRAY[{}]::text[]",
        known.payment_id,
        invoices.join(", "),
        with.join(", ")
    );
    direct.database.value(&sql).await
}
