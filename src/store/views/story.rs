//! The whole life of a payment in one line of time: the bank, rules, persons, returns.

use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::advices::{self, AdviceRow};
use super::invoices::AllocationRow;
use super::payments::{DecisionView, PartRow, PaymentView, SuggestionRow};
use super::steps_back::ReturnRow;
use super::time::At;
use super::{Result, amount, rows_of};
use crate::domain::allocation::Rule;
use crate::domain::effect::Ending;
use crate::domain::ledger::LedgerKind;
use crate::domain::matching::Matched;
use crate::domain::payment::ParkReason;
use crate::domain::review::SuggestionStatus;
use crate::store::PgPool;
use crate::store::explanation::ExplanationView;
use crate::store::sql;

const RELEASES: &str = sql!("views_releases_of_payment");
const ACTS: &str = sql!("views_acts_on_payment");

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The money came.
    Came,
    Decision,
    /// A person's word on a suggestion.
    Word,
    /// A suggestion that does not hold any more.
    Superseded,
    /// A command that took effect.
    Command,
    /// A command that has no effect, or none yet.
    Request,
    /// Money that moved by a command.
    Moved,
    /// Money that went back, or came again.
    Back,
    /// A remittance advice that names invoices for it.
    Advice,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoryStep {
    pub at: At,
    pub kind: StepKind,
    /// `the bank`, `rule R2`, the name of a person.
    pub who: String,
    pub what: String,
    /// Whether it still holds; a later step may have overtaken it.
    pub current: bool,
}

row! {
    /// What a person asked for by the command line.
    #[derive(Debug, Clone)]
    struct AskedCommand {
        record: String = record,
        command_type: String,
        operator: String,
        reason: Option<String>,
        /// `invoice:I`, `account:A`.
        subjects: Vec<String>,
        asked_at: At,
        outcome: Option<String>,
        code: Option<String>,
    }
}

/// Where no name is kept.
const SOMEBODY: &str = "a person";

/// The steps in their order.
pub async fn of(
    pool: &PgPool,
    payment: &PaymentView,
    decisions: &[DecisionView],
) -> Result<Vec<StoryStep>> {
    let acts = rows_of::<AskedCommand>(pool, ACTS, &payment.row.payment_id).await?;
    let released = rows_of::<Release>(pool, RELEASES, &payment.row.payment_id).await?;
    let mut steps = vec![came(payment)];
    steps.extend(all_decided(payment, decisions));
    steps.extend(payment.suggestions.iter().filter_map(spoken));
    let shown = |act: &&AskedCommand| !is_told(act, payment) && !is_released(act, &released);
    steps.extend(acts.iter().filter(shown).map(asked));
    steps.extend(by_hand(payment, &acts));
    steps.extend(released.iter().map(|release| gone(release, &acts)));
    steps.extend(went_back(payment));
    let named: Vec<String> =
        decisions.iter().flat_map(|decision| decision.explanation.advices.clone()).collect();
    let advices = advices::of_payment(pool, &payment.row.payment_id, &named).await?;
    steps.extend(advices.iter().map(|advice| told(payment, advice)));
    // A stable sort: what happened in one instant stays in the order of cause and effect.
    // Nothing that was decided or moved comes before the money: a batch that waited for it began
    // earlier.
    let recorded = payment.row.recorded_at;
    let not_before = |step: &StoryStep| match step.kind {
        StepKind::Advice | StepKind::Request => step.at,
        StepKind::Came
        | StepKind::Decision
        | StepKind::Word
        | StepKind::Superseded
        | StepKind::Command
        | StepKind::Moved
        | StepKind::Back => step.at.max(recorded),
    };
    steps.sort_by_key(not_before);
    overtaken(&mut steps);
    Ok(steps)
}

fn record(row: &PgRow, _column: &str) -> Result<String> {
    let (source, id): (&str, &str) = (row.try_get("source")?, row.try_get("message_id")?);
    Ok(format!("{source}/{id}"))
}

fn step(at: At, kind: StepKind, who: impl Into<String>, what: String) -> StoryStep {
    StoryStep { at, kind, who: who.into(), what, current: true }
}

/// In the order in which each replaced the one before; the last one holds. One that replaced
/// another is not told before it, though its batch began earlier.
fn all_decided(payment: &PaymentView, decisions: &[DecisionView]) -> Vec<StoryStep> {
    let last = decisions.last().map(|decision| decision.decision_id);
    let mut at = payment.row.recorded_at;
    let mut steps = Vec::with_capacity(decisions.len());
    for decision in decisions {
        let told = decided(decision, last == Some(decision.decision_id));
        at = at.max(told.at);
        steps.push(StoryStep { at, ..told });
    }
    steps
}

/// How money leaves the books by a person's word.
#[derive(Debug, Clone, Copy)]
enum ReleaseVerb {
    Remove,
    Refund,
    Dismiss,
}

impl ReleaseVerb {
    /// As the command has it.
    fn word(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Refund => "refund",
            Self::Dismiss => "dismiss",
        }
    }
}

row! {
    /// Money that left the books by a person's word.
    #[derive(Debug, Clone)]
    struct Release {
        verb: ReleaseVerb = verb,
        money: String = money,
        said: Option<String>,
        at: At = |row, _| row.try_get("posted_at"),
    }
}

fn verb(row: &PgRow, _column: &str) -> Result<ReleaseVerb> {
    let kind: &str = row.try_get("kind")?;
    Ok(if kind == LedgerKind::PaymentRefunded.word() {
        ReleaseVerb::Refund
    } else if kind == LedgerKind::PaymentDismissed.word() {
        ReleaseVerb::Dismiss
    } else {
        ReleaseVerb::Remove
    })
}

fn money(row: &PgRow, _column: &str) -> Result<String> {
    Ok(format!("{} {}", amount(row, "amount")?, row.try_get::<&str, _>("currency")?))
}

fn is_released(act: &AskedCommand, released: &[Release]) -> bool {
    act.is_applied() && released.iter().any(|release| act.is(release.verb.word()))
}

/// Who ended it, why, and how much went.
fn gone(release: &Release, acts: &[AskedCommand]) -> StoryStep {
    let asked = |act: &&AskedCommand| {
        act.is_applied() && act.is(release.verb.word()) && act.asked_at <= release.at
    };
    let (who, why) = match acts.iter().rfind(asked) {
        Some(act) => (act.operator.clone(), act.reason.clone()),
        None => by_whom(release.said.as_deref()),
    };
    let (money, why) = (&release.money, in_brackets(why));
    let what = match release.verb {
        ReleaseVerb::Refund => format!("refunded {money}{why}"),
        ReleaseVerb::Dismiss => format!("dismissed {money} as no customer's money{why}"),
        ReleaseVerb::Remove => format!("removed it: {money} left the books{why}"),
    };
    step(release.at, StepKind::Back, who, what)
}

/// How the money came. Names and texts are masked as everywhere.
fn came(payment: &PaymentView) -> StoryStep {
    let row = &payment.row;
    let money = format!("{} {}", row.amount, row.currency);
    let Some(bank) = &payment.bank else {
        let part = payment.parts.iter().find(|part| part.part_id == row.payment_id);
        if let Some(part) = part {
            let (who, why) = by_whom(part.reason.as_deref());
            let what = format!(
                "gave {money} of payment {} to this one{}",
                part.payment_id,
                in_brackets(why)
            );
            return step(row.recorded_at, StepKind::Came, who, what);
        }
        let how = payment.method.as_deref().unwrap_or("by hand");
        let what = format!("{money} recorded by hand ({how}), received on {}", row.received_on);
        return step(row.recorded_at, StepKind::Came, SOMEBODY, what);
    };
    let payer = bank.debtor_name.as_deref().or(bank.debtor_account.as_deref());
    let nobody = match bank.forgotten_at {
        Some(_) => "a payer who is forgotten",
        None => "a payer without a name",
    };
    let payer = payer.unwrap_or(nobody);
    let reference = bank.creditor_reference.as_ref().map(|text| format!("reference: {text}"));
    let written = bank.unstructured.join(" | ");
    let written = (!written.is_empty()).then(|| format!("text: {written}"));
    let text: Vec<String> = reference.into_iter().chain(written).collect();
    let without = match bank.forgotten_at {
        Some(at) => format!("text forgotten at {at}"),
        None => "without a text".to_owned(),
    };
    let text = if text.is_empty() { without } else { text.join(", ") };
    let before = bank.announced_at.map(|at| format!(", announced at {at}")).unwrap_or_default();
    let what = format!("{money} booked on {}{before} from {payer}, {text}", bank.booking_date);
    step(row.recorded_at, StepKind::Came, "the bank", what)
}

fn in_brackets(why: Option<String>) -> String {
    why.map(|why| format!(" ({why})")).unwrap_or_default()
}

/// The reason says more than the rule, where there is one.
fn decided(decision: &DecisionView, latest: bool) -> StoryStep {
    let rule = Rule::ALL.into_iter().find(|rule| rule.word() == decision.rule);
    let rule = rule.map_or("a rule that this version does not know", Rule::sentence);
    let reason = decision.reason.as_deref();
    let why = reason.and_then(ParkReason::from_code).map(ParkReason::sentence);
    let stored = &decision.explanation;
    let paid: Vec<String> = stored
        .allocations
        .iter()
        .map(|part| format!("{} {} on invoice {}", part.amount, stored.currency, part.invoice_id))
        .collect();
    let (lead, outcome) = match Matched::from_word(&decision.outcome) {
        Some(Matched::Allocated) => (rule, paid.join(", ")),
        Some(Matched::Suggested) => (why.unwrap_or(rule), suggested(stored)),
        Some(Matched::OnAccount) => {
            (why.unwrap_or(rule), "held on the customer's account".to_owned())
        }
        Some(Matched::Parked) | None => (why.unwrap_or(rule), "a person has to look".to_owned()),
    };
    let what = format!("{}: {outcome}", lead.trim_end_matches('.'));
    let who = format!("rule {}", decision.rule);
    StoryStep { current: latest, ..step(decision.decided_at, StepKind::Decision, who, what) }
}

/// Each choice, with all its invoices.
fn suggested(stored: &ExplanationView) -> String {
    let mut choices: Vec<(Option<&String>, Vec<&str>)> = Vec::new();
    for one in &stored.suggestions {
        let id = one.suggestion_id.as_ref();
        match choices.last_mut() {
            Some((last, invoices)) if id.is_some() && *last == id => invoices.push(&one.invoice_id),
            _ => choices.push((id, vec![&one.invoice_id])),
        }
    }
    let told: Vec<String> = choices
        .iter()
        .map(|(id, invoices)| {
            let id = id.map(|id| format!(" (suggestion {id})")).unwrap_or_default();
            format!("invoice {}{id}", invoices.join(" + "))
        })
        .collect();
    format!("suggested {}", told.join(" or "))
}

/// What a person said of a suggestion, or what took it away.
fn spoken(said: &SuggestionRow) -> Option<StoryStep> {
    let at = said.resolved_at?;
    let invoices = said.invoices.join(" + ");
    let id = &said.suggestion_id;
    let (who, why) = by_whom(said.reason.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Some(match SuggestionStatus::from_word(&said.status) {
        Some(word @ (SuggestionStatus::Confirmed | SuggestionStatus::Rejected)) => {
            let word = word.word();
            let what = format!("{word} suggestion {id}, invoice {invoices}{why}");
            step(at, StepKind::Word, who, what)
        }
        Some(SuggestionStatus::Open | SuggestionStatus::Superseded) | None => {
            let what = format!("suggestion {id}, invoice {invoices}, does not hold any more");
            step(at, StepKind::Superseded, "topup", what)
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

impl AskedCommand {
    fn is(&self, kind: &str) -> bool {
        self.command_type == format!("topup.payment.{kind}.v1")
    }

    fn is_applied(&self) -> bool {
        self.outcome.as_deref() == Some(Ending::Applied.word())
    }

    fn names(&self, subject: &str) -> bool {
        self.subjects.iter().any(|one| one == subject)
    }

    /// The ids of one kind that it names.
    fn ids(&self, kind: &str) -> Option<String> {
        let ids: Vec<&str> =
            self.subjects.iter().filter_map(|one| one.strip_prefix(kind)).collect();
        (!ids.is_empty()).then(|| ids.join(", "))
    }

    /// What was done, and what was asked for.
    fn words(&self) -> (String, String) {
        let customer =
            self.ids("account:").map_or("a customer".to_owned(), |id| format!("customer {id}"));
        let invoice =
            self.ids("invoice:").map_or("an invoice".to_owned(), |id| format!("invoice {id}"));
        let both =
            |done: &str, ask: &str, rest: &str| (format!("{done}{rest}"), format!("{ask}{rest}"));
        let kind = self.command_type.trim_start_matches("topup.").trim_end_matches(".v1");
        match kind {
            "payment.record" => both("recorded it", "record it", ""),
            "payment.assign" => both("assigned", "assign", &format!(" it to {customer}")),
            "payment.allocate" => both("put", "put", &format!(" it on {invoice}")),
            "payment.deallocate" => both("took", "take", &format!(" it off {invoice}")),
            "payment.remove" => both("removed it", "remove it", ""),
            "payment.refund" => both("refunded", "refund", " what was left of it"),
            "payment.dismiss" => both("dismissed", "dismiss", " it as no customer's money"),
            "payment.split" => both("shared", "share", " it out"),
            "payment.unsplit" => both("took", "take", " its parts back"),
            other => both("did ", "do ", other),
        }
    }
}

/// Whether what came of it is told by itself, with its amounts.
fn is_told(act: &AskedCommand, payment: &PaymentView) -> bool {
    act.is_applied()
        && (act.is("deallocate") && payment.reversals.iter().any(|row| !row.is_returned())
            || (act.is("split") || act.is("unsplit")) && !payment.parts.is_empty()
            || act.is("allocate") && by_command(payment).any(|row| is_of(act, row))
            || is_word(act, payment))
}

/// A word on a suggestion, which is told with the suggestion.
fn is_word(act: &AskedCommand, payment: &PaymentView) -> bool {
    let status = match act.command_type.as_str() {
        "topup.match.confirm.v1" => SuggestionStatus::Confirmed.word(),
        "topup.match.reject.v1" => SuggestionStatus::Rejected.word(),
        _ => return false,
    };
    payment
        .suggestions
        .iter()
        .any(|said| said.status == status && by_whom(said.reason.as_deref()).0 == act.operator)
}

fn asked(act: &AskedCommand) -> StoryStep {
    let why = in_brackets(act.reason.clone());
    let (done, ask) = act.words();
    let record = &act.record;
    let who = act.operator.clone();
    if act.is_applied() {
        let what = format!("{done}{why}, command {record}");
        // What was put on an invoice and is told here was taken off since.
        let current = !act.is("allocate");
        return StoryStep { current, ..step(act.asked_at, StepKind::Command, who, what) };
    }
    let became = match (&act.outcome, &act.code) {
        (None, _) => "not read yet".to_owned(),
        (Some(outcome), None) => outcome.clone(),
        (Some(outcome), Some(code)) => format!("{outcome}, {code}"),
    };
    let what = format!("asked to {ask}{why}: {became}, command {record}");
    step(act.asked_at, StepKind::Request, who, what)
}

/// What lies on invoices by a command or a person's word.
fn by_command(payment: &PaymentView) -> impl Iterator<Item = &AllocationRow> {
    payment.allocations.iter().filter(|row| row.rule == Rule::NamedByCommand.word())
}

fn is_of(act: &AskedCommand, row: &AllocationRow) -> bool {
    act.is("allocate")
        && act.asked_at <= row.allocated_at
        && act.names(&format!("invoice:{}", row.invoice_id))
}

/// Who put it there, and why: by a command of his own, or by his word on a suggestion.
fn whose(
    row: &AllocationRow,
    payment: &PaymentView,
    acts: &[AskedCommand],
) -> (String, Option<String>) {
    let act = acts.iter().rfind(|act| act.is_applied() && is_of(act, row));
    if let Some(act) = act {
        return (act.operator.clone(), act.reason.clone());
    }
    let said = payment.suggestions.iter().find(|said| {
        said.status == SuggestionStatus::Confirmed.word()
            && said.resolved_at == Some(row.allocated_at)
            && said.invoices.contains(&row.invoice_id)
    });
    said.map_or(("a command".to_owned(), None), |said| (by_whom(said.reason.as_deref()).0, None))
}

/// What a remittance advice says of the payment.
fn told(payment: &PaymentView, advice: &AdviceRow) -> StoryStep {
    let own = advice.used_by_payment.as_ref() == Some(&payment.row.payment_id);
    let whose = match (own, advice.used_by_payment.as_deref()) {
        (true, _) => "it belongs to this payment".to_owned(),
        (false, Some(other)) => format!("it belongs to payment {other}"),
        (false, None) => match (advice.end_reason.as_deref(), &advice.ended_about) {
            (Some("money_elsewhere"), Some(id)) => {
                format!("it ended, because its money pays something else: payment {id}")
            }
            (Some("by_hand"), Some(id)) => {
                format!("it ended, because a person allocated its money: payment {id}")
            }
            (Some("told_twice"), Some(id)) => {
                format!("it ended, because advice {id} said the same")
            }
            _ => format!("it is {}: it belongs to no payment", advice.state),
        },
    };
    let what = format!(
        "remittance advice {} of {} {} for invoice {}: {whose}",
        advice.advice_id,
        advice.amount,
        advice.currency,
        advice.invoices.join(" + ")
    );
    StoryStep { current: own, ..step(advice.received_at, StepKind::Advice, "the payer", what) }
}

/// What a command put on invoices, and what it shared out.
fn by_hand(payment: &PaymentView, acts: &[AskedCommand]) -> Vec<StoryStep> {
    let mut steps = Vec::new();
    for row in by_command(payment) {
        let (who, why) = whose(row, payment, acts);
        let (amount, currency, invoice) = (&row.amount, &row.currency, &row.invoice_id);
        let what = format!("{amount} {currency} put on invoice {invoice}{}", in_brackets(why));
        steps.push(step(row.allocated_at, StepKind::Moved, who, what));
    }
    for part in payment.parts.iter().filter(|part| part.payment_id == payment.row.payment_id) {
        let (who, why) = by_whom(part.reason.as_deref());
        let why = in_brackets(why);
        let what =
            format!("gave {} {} of it to {}{why}", part.amount, part.currency, part.account_id);
        let given = step(part.split_at, StepKind::Moved, who, what);
        let there = !matches!(part.state.as_str(), "returned" | "removed");
        steps.push(StoryStep { current: part.undone_at.is_none() && there, ..given });
        if let Some(at) = part.undone_at {
            let (who, why) = taker(part);
            let what = format!("took the part of {} back{}", part.account_id, in_brackets(why));
            steps.push(step(at, StepKind::Back, who, what));
        }
    }
    // Of a part, that it went back to what it was split from.
    let own = payment.parts.iter().find(|part| part.part_id == payment.row.payment_id);
    if let Some((part, at)) = own.and_then(|part| part.undone_at.map(|at| (part, at))) {
        let (who, why) = taker(part);
        let what = format!("took it back to payment {}{}", part.payment_id, in_brackets(why));
        steps.push(step(at, StepKind::Back, who, what));
    }
    steps
}

/// Who took a part back, and why.
fn taker(part: &PartRow) -> (String, Option<String>) {
    match part.return_id {
        Some(_) => ("the bank".to_owned(), None),
        None => by_whom(part.undone_reason.as_deref()),
    }
}

fn went_back(payment: &PaymentView) -> Vec<StoryStep> {
    let mut steps = Vec::new();
    for row in payment.reversals.iter().filter(|row| !row.is_returned()) {
        let (who, why) = by_whom(row.reason.as_deref());
        let money = format!("{} {}", row.amount, row.currency);
        let what = format!("took {money} off invoice {}{}", row.invoice_id, in_brackets(why));
        steps.push(step(row.reversed_at, StepKind::Back, who, what));
    }
    for row in &payment.returns {
        let part = (row.payment_id != payment.row.payment_id).then_some(&row.payment_id);
        let part = part.map(|part| format!(" of part {part}")).unwrap_or_default();
        let why = row.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let (bank, person) = returned(row, &part);
        steps.push(step(row.returned_at, StepKind::Back, "the bank", format!("{bank}{why}")));
        if let Some(said) = row.said.as_deref() {
            let (who, why) = by_whom(Some(said));
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            steps.push(step(row.returned_at, StepKind::Back, who, format!("{person}{why}")));
        }
    }
    steps
}

/// What the bank did by a return, or by undoing one, and what a person said of it.
fn returned(row: &ReturnRow, part: &str) -> (String, String) {
    let is_zero = |text: &str| text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let money = format!("{} {}{part}", row.amount, row.currency);
    let fee = format!("{} {}", row.fee, row.currency);
    let with_fee = if is_zero(&row.fee) { String::new() } else { format!(", with {fee} of fee") };
    // Of what is undone that is what lies on invoices again.
    let again = match row.unspent.as_str() {
        none if is_zero(none) => String::new(),
        some => format!("; {some} {} of it are on invoices again, by rule R1r", row.currency),
    };
    match row.undoes {
        Some(_) if is_zero(&row.amount) => {
            (format!("gave {fee} of its fee back"), format!("said that {fee} of it are the fee"))
        }
        Some(_) => (
            format!("undid the return: {money} are here again{with_fee}{again}"),
            format!("said that {money} of it come back here{with_fee}"),
        ),
        None => (
            format!("took {money} back{with_fee}"),
            format!("said that this return takes {money}{with_fee}"),
        ),
    }
}

/// A decision does not hold any more once somebody did something after it.
fn overtaken(steps: &mut [StoryStep]) {
    let Some(last) = steps.iter().rposition(|step| changes(step.kind)) else { return };
    for step in steps.iter_mut().take(last).filter(|step| step.kind == StepKind::Decision) {
        step.current = false;
    }
}

/// What came first is no change, nor is what was only asked for.
fn changes(kind: StepKind) -> bool {
    match kind {
        StepKind::Word | StepKind::Command | StepKind::Moved | StepKind::Back => true,
        StepKind::Came
        | StepKind::Decision
        | StepKind::Superseded
        | StepKind::Request
        | StepKind::Advice => false,
    }
}

#[cfg(test)]
mod tests;
