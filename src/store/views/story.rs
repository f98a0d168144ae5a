//! The whole life of a payment in one line of time: the bank, rules, persons, returns.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::advices::{self, AdviceRow};
use super::payments::{DecisionView, PaymentView, SuggestionRow};
use super::time::At;
use super::{Result, rows_of};
use crate::domain::allocation::Rule;
use crate::domain::payment::ParkReason;

const ACTS: &str = include_str!("../sql/views_acts_on_payment.sql");

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoryStep {
    pub at: At,
    /// `the bank`, `rule R2`, the name of a person.
    pub who: String,
    pub what: String,
    /// Whether it still holds; a later step may have overtaken it.
    pub current: bool,
}

/// What a person asked for by the command line.
#[derive(Debug, Clone)]
struct Act {
    record: String,
    command_type: String,
    operator: String,
    reason: Option<String>,
    asked_at: At,
    outcome: Option<String>,
    code: Option<String>,
}

/// Where no name is kept.
const SOMEBODY: &str = "a person";

/// The steps in their order.
///
/// # Errors
/// What the database says.
pub async fn of(
    pool: &PgPool,
    payment: &PaymentView,
    decisions: &[DecisionView],
) -> Result<Vec<StoryStep>> {
    let acts = rows_of(pool, ACTS, &payment.row.payment_id, act).await?;
    let mut steps = vec![came(payment)];
    let last = decisions.last().map(|decision| decision.decision_id);
    for decision in decisions {
        steps.push(decided(decision, last == Some(decision.decision_id)));
    }
    steps.extend(payment.suggestions.iter().filter_map(spoken));
    steps.extend(acts.iter().map(asked));
    steps.extend(by_hand(payment));
    steps.extend(went_back(payment));
    let named: Vec<String> =
        decisions.iter().flat_map(|decision| decision.explanation.advices.clone()).collect();
    let advices = advices::of_payment(pool, &payment.row.payment_id, &named).await?;
    steps.extend(advices.iter().map(|advice| told(payment, advice)));
    // A stable sort: what happened in one instant stays in the order of cause and effect.
    steps.sort_by_key(|step| step.at);
    overtaken(&mut steps);
    Ok(steps)
}

fn act(row: &PgRow) -> Result<Act> {
    let (source, id): (String, String) = (row.try_get("source")?, row.try_get("message_id")?);
    Ok(Act {
        record: format!("{source}/{id}"),
        command_type: row.try_get("command_type")?,
        operator: row.try_get("operator")?,
        reason: row.try_get("reason")?,
        asked_at: row.try_get("asked_at")?,
        outcome: row.try_get("outcome")?,
        code: row.try_get("code")?,
    })
}

fn step(at: At, who: impl Into<String>, what: String) -> StoryStep {
    StoryStep { at, who: who.into(), what, current: true }
}

/// How the money came. Names and texts are masked as everywhere.
fn came(payment: &PaymentView) -> StoryStep {
    let row = &payment.row;
    let money = format!("{} {}", row.amount, row.currency);
    let Some(bank) = &payment.bank else {
        let what = match row.origin.as_str() {
            "split" => format!("{money} became this payment, as part of another"),
            _ => {
                let how = payment.method.as_deref().unwrap_or("by hand");
                format!("{money} recorded by hand ({how}), received on {}", row.received_on)
            }
        };
        return step(row.recorded_at, SOMEBODY, what);
    };
    let payer = bank.debtor_name.as_deref().or(bank.debtor_account.as_deref());
    let payer = payer.map_or_else(|| "a payer without a name".to_owned(), str::to_owned);
    let text = if bank.unstructured.is_empty() {
        "without a text".to_owned()
    } else {
        format!("text: {}", bank.unstructured.join(" | "))
    };
    let what = format!("{money} booked on {} from {payer}, {text}", bank.booking_date);
    step(row.recorded_at, "the bank", what)
}

fn decided(decision: &DecisionView, latest: bool) -> StoryStep {
    let rule = Rule::ALL.into_iter().find(|rule| rule.word() == decision.rule);
    let sentence = rule.map_or("a rule that this version does not know", Rule::sentence);
    let reason = decision.reason.as_deref();
    let why = reason.and_then(ParkReason::from_code).map(ParkReason::sentence);
    let money = &decision.explanation.currency;
    let paid: Vec<String> = decision
        .explanation
        .allocations
        .iter()
        .map(|part| format!("{} {money} on invoice {}", part.amount, part.invoice_id))
        .collect();
    let outcome = match decision.outcome.as_str() {
        "allocated" => paid.join(", "),
        "suggested" => "a person is asked to confirm what it suggests".to_owned(),
        "on_account" => "held on the customer's account".to_owned(),
        _ => "a person has to look".to_owned(),
    };
    let why = why.map(|why| format!(" {why}")).unwrap_or_default();
    let what = format!("{}: {outcome}.{why}", sentence.trim_end_matches('.'));
    StoryStep {
        current: latest,
        ..step(decision.decided_at, format!("rule {}", decision.rule), what)
    }
}

/// What a person said of a suggestion, or what took it away.
fn spoken(said: &SuggestionRow) -> Option<StoryStep> {
    let at = said.resolved_at?;
    let invoices = said.invoices.join(" + ");
    let id = &said.suggestion_id;
    let (who, why) = by_whom(said.reason.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Some(match said.status.as_str() {
        "confirmed" => step(at, who, format!("confirmed suggestion {id}, invoice {invoices}{why}")),
        "rejected" => step(at, who, format!("rejected suggestion {id}, invoice {invoices}{why}")),
        _ => {
            let what = format!("suggestion {id}, invoice {invoices}, does not hold any more");
            step(at, "topup", what)
        }
    })
}

/// `by alice: meant for another` is kept where persons act.
fn by_whom(reason: Option<&str>) -> (String, Option<String>) {
    let Some(reason) = reason else {
        return (SOMEBODY.to_owned(), None);
    };
    let Some(named) = reason.strip_prefix("by ") else {
        return (SOMEBODY.to_owned(), Some(reason.to_owned()));
    };
    match named.split_once(": ") {
        Some((who, why)) => (who.to_owned(), Some(why.to_owned())),
        None => (named.to_owned(), None),
    }
}

fn asked(act: &Act) -> StoryStep {
    let kind = act.command_type.trim_start_matches("topup.").trim_end_matches(".v1");
    let why = act.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let became = match (&act.outcome, &act.code) {
        (None, _) => "not read yet".to_owned(),
        (Some(outcome), None) => outcome.clone(),
        (Some(outcome), Some(code)) => format!("{outcome}, {code}"),
    };
    let what = format!("asked for {kind}{why}: {became}, command {}", act.record);
    step(act.asked_at, act.operator.clone(), what)
}

/// What a remittance advice says of the payment.
fn told(payment: &PaymentView, advice: &AdviceRow) -> StoryStep {
    let own = advice.used_by_payment.as_ref() == Some(&payment.row.payment_id);
    let whose = match (own, advice.used_by_payment.as_deref()) {
        (true, _) => "it belongs to this payment".to_owned(),
        (false, Some(other)) => format!("it belongs to payment {other}"),
        (false, None) => format!("it is {}: it belongs to no payment", advice.state),
    };
    let what = format!(
        "remittance advice {} of {} {} for invoice {}: {whose}",
        advice.advice_id,
        advice.amount,
        advice.currency,
        advice.invoices.join(" + ")
    );
    StoryStep { current: own, ..step(advice.received_at, "the payer", what) }
}

/// What a command put on invoices, and what it shared out.
fn by_hand(payment: &PaymentView) -> Vec<StoryStep> {
    let word = Rule::R1.word();
    let mut steps = Vec::new();
    for row in payment.allocations.iter().filter(|row| row.rule == word) {
        let what = format!("{} {} put on invoice {}", row.amount, row.currency, row.invoice_id);
        steps.push(step(row.allocated_at, "a command", what));
    }
    for part in payment.parts.iter().filter(|part| part.payment_id == payment.row.payment_id) {
        let (who, why) = by_whom(part.reason.as_deref());
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        let what =
            format!("gave {} {} of it to {}{why}", part.amount, part.currency, part.account_id);
        steps.push(step(part.split_at, who, what));
        if let Some(at) = part.undone_at {
            let (who, why) = by_whom(part.undone_reason.as_deref());
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            steps.push(step(at, who, format!("took the part of {} back{why}", part.account_id)));
        }
    }
    steps
}

fn went_back(payment: &PaymentView) -> Vec<StoryStep> {
    let mut steps = Vec::new();
    for row in payment.reversals.iter().filter(|row| row.kind != "returned") {
        let (who, why) = by_whom(row.reason.as_deref());
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        let money = format!("{} {}", row.amount, row.currency);
        let what = format!("took {money} off invoice {}{why}", row.invoice_id);
        steps.push(step(row.reversed_at, who, what));
    }
    for row in &payment.returns {
        let money = format!("{} {}", row.amount, row.currency);
        let why = row.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let part = (row.payment_id != payment.row.payment_id).then_some(&row.payment_id);
        let part = part.map(|part| format!(" of part {part}")).unwrap_or_default();
        let what = match row.undoes {
            Some(_) => format!("undid the return: {money}{part} are here again{why}"),
            None => format!("took {money}{part} back{why}"),
        };
        steps.push(step(row.returned_at, "the bank", what));
        if let Some(said) = row.said.as_deref() {
            let (who, why) = by_whom(Some(said));
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            let what = format!("said that this return takes {money}{part}{why}");
            steps.push(step(row.returned_at, who, what));
        }
    }
    steps
}

/// A decision does not hold any more once somebody did something after it.
fn overtaken(steps: &mut [StoryStep]) {
    let last = steps.iter().rposition(|step| !is_decision(step) && changes(step));
    let Some(last) = last else { return };
    for step in steps.iter_mut().take(last).filter(|step| is_decision(step)) {
        step.current = false;
    }
}

fn is_decision(step: &StoryStep) -> bool {
    step.who.starts_with("rule ")
}

/// What came first is no change, nor is what was only asked for.
fn changes(step: &StoryStep) -> bool {
    !(step.what.contains("booked on")
        || step.what.contains("recorded by hand")
        || step.what.starts_with("remittance advice ")
        || step.what.contains("does not hold any more")
        || (step.what.starts_with("asked for ") && !step.what.contains(": applied")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_and_why_are_read_from_what_is_kept() {
        let of = |text: Option<&str>| by_whom(text);
        assert_eq!(of(Some("by alice: other")), ("alice".to_owned(), Some("other".to_owned())));
        assert_eq!(of(Some("by alice")), ("alice".to_owned(), None));
        assert_eq!(of(Some("AC04")), (SOMEBODY.to_owned(), Some("AC04".to_owned())));
        assert_eq!(of(None), (SOMEBODY.to_owned(), None));
    }

    #[test]
    fn a_decision_before_a_persons_act_does_not_hold() {
        let at = |second| At(chrono::DateTime::from_timestamp(second, 0).expect("instant"));
        let mut steps = vec![
            step(at(1), "the bank", "5.00 SGD booked on 2026-11-22".to_owned()),
            step(at(1), "rule R15", "nothing".to_owned()),
            step(at(2), "bob", "asked for payment.assign: rejected, x".to_owned()),
        ];
        overtaken(&mut steps);
        assert!(steps.iter().all(|step| step.current));
        steps.push(step(at(3), "bob", "asked for payment.assign: applied, y".to_owned()));
        overtaken(&mut steps);
        assert!(!steps[1].current && steps[0].current);
    }
}
