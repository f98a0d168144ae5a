//! A person's word on what is suggested at the end of a log. The numbers of decisions differ
//! between model and database, so each is told its own.

use chrono::{DateTime, Utc};
use serde_json::json;
use topup::domain::ids::SuggestionId;
use topup::domain::input::{Command, Input};
use topup::domain::model::Model;
use topup::domain::money::Money;
use topup::domain::review::{Suggestion, SuggestionStatus};

use crate::harness::Direct;

/// Confirms or rejects every suggestion that is open, in turn; what one word closes, the next
/// finds closed, on both sides.
pub async fn said(direct: &mut Direct, model: &mut Model, now: DateTime<Utc>, seed: u64) {
    let all = model.set.suggestions_here().values().flatten();
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

/// The number that the database gave it: of the newest decision that offers this, the same choice.
async fn stored(direct: &Direct, known: &Suggestion) -> String {
    let list = |amounts: &[(String, i64)]| {
        let mut lines: Vec<String> =
            amounts.iter().map(|(id, amount)| format!("'{id} {amount}'")).collect();
        lines.sort();
        lines.join(", ")
    };
    let micros = |money: Money| money.to_micros().expect("micros");
    let parts: Vec<_> = known.parts.iter().map(|p| (p.0.to_string(), micros(p.1))).collect();
    let with: Vec<_> = known.with.iter().map(|p| (p.0.to_string(), micros(p.1))).collect();
    let sql = format!(
        "SELECT s.suggestion_id FROM suggestions s
         WHERE s.payment_id = '{payment}' AND s.account_id = '{account}'
           AND ARRAY(SELECT i.invoice_id || ' ' || i.amount FROM suggestion_invoices i
                      WHERE i.suggestion_id = s.suggestion_id ORDER BY 1) = ARRAY[{parts}]::text[]
           AND ARRAY(SELECT w.payment_id || ' ' || w.amount FROM suggestion_payments w
                      WHERE w.suggestion_id = s.suggestion_id ORDER BY 1) = ARRAY[{with}]::text[]
         ORDER BY s.status = 'open' DESC, s.decision_id DESC,
                  s.suggestion_id LIKE '%-{choice}' DESC LIMIT 1",
        choice = known.id.as_str().rsplit('-').next().expect("which of its decision"),
        payment = known.payment_id,
        account = known.account_id,
        parts = list(&parts),
        with = list(&with),
    );
    direct.database.value(&sql).await
}
