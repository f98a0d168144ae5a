//! What the sequences were made of: a generator that no longer makes something proves less, and
//! nobody would see it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use topup::domain::effect::{Effect, Outcome};
use topup::domain::event::Fact;
use topup::domain::ids::RecordId;
use topup::domain::input::Message;
use topup::domain::model::Model;
use topup::pipeline::batch::type_of;

const OUTCOMES: [&str; 5] = ["applied", "duplicate", "rejected", "waiting", "dead_lettered"];
const CODES: [&str; 30] = [
    "account_closed",
    "account_mismatch",
    "advice_conflict",
    "allocation_exists",
    "allocation_not_found",
    "bank_conflict",
    "behind_waiting",
    "conflict",
    "currency_mismatch",
    "hold_unknown",
    "invoice_already_provisioned",
    "invoice_already_voided",
    "invoice_exists",
    "invoice_not_sent",
    "invoice_unknown",
    "invoice_voided",
    "lot_held",
    "lot_spent",
    "nothing_unallocated",
    "payment_already_assigned",
    "payment_exists",
    "payment_not_assigned",
    "payment_unknown",
    "reference_taken",
    "refund_exceeds_charge",
    "return_mismatch",
    "return_not_parked",
    "usage_conflict",
    "usage_proof_pending",
    "usage_unknown",
];
const EFFECTS: [&str; 27] = [
    "Allocate",
    "AssignPayment",
    "Charge",
    "ClearDebt",
    "CloseAccount",
    "CreateInvoice",
    "KeepInvoice",
    "LayTombstone",
    "ParkReturn",
    "PayOut",
    "Post",
    "Publish",
    "RecordAdvice",
    "RecordBankTransaction",
    "RecordPayment",
    "Refund",
    "Return",
    "Reverse",
    "SendInvoice",
    "SetHold",
    "SettleAdvice",
    "SettlePayment",
    "Split",
    "StoreDecision",
    "TakeBack",
    "UpsertAccount",
    "VoidInvoice",
];
const RULES: [&str; 9] = ["R1", "R2", "R2a", "R3", "R4", "R5", "R6", "R7", "R8"];
/// How payments end.
const PAYMENTS: [&str; 23] = [
    "allocated",
    "on_account",
    "partly_allocated",
    "removed",
    "returned",
    "split",
    "parked: advice_ambiguous",
    "parked: advice_mismatch",
    "parked: already_paid",
    "parked: amount_only",
    "parked: currency_mismatch",
    "parked: identity_conflict",
    "parked: near_reference",
    "parked: no_account",
    "parked: no_candidate",
    "parked: not_sent",
    "parked: paid_after_void",
    "parked: paid_before_sent",
    "parked: partial_payment",
    "parked: several_accounts",
    "parked: split_undone",
    "parked: sum_mismatch",
    "parked: uncorroborated",
];

#[derive(Debug, Default)]
pub struct Coverage {
    sequences: usize,
    /// Type of record and outcome when it came.
    outcomes: BTreeMap<(String, &'static str), usize>,
    /// The same of records that waited, when the sequence ended.
    late: BTreeMap<(String, &'static str), usize>,
    /// What waited in this sequence, with its type.
    waited: Vec<(String, RecordId)>,
    /// Outcome and code.
    codes: BTreeMap<(&'static str, &'static str), usize>,
    effects: BTreeMap<String, usize>,
    rules: BTreeMap<String, usize>,
    /// How the payments stood at the end.
    payments: BTreeMap<String, usize>,
    /// Levels that balances crossed, by the direction.
    crossings: BTreeMap<String, usize>,
}

impl Coverage {
    pub fn record(&mut self, message: &Message, outcome: &Outcome, effects: &[Effect]) {
        let kind = type_of(&message.input).to_owned();
        if matches!(outcome, Outcome::Waiting(_)) {
            self.waited.push((kind.clone(), message.record.clone()));
        }
        *self.outcomes.entry((kind, outcome.word())).or_default() += 1;
        if let Some(code) = outcome.code() {
            *self.codes.entry((outcome.word(), code)).or_default() += 1;
        }
        self.effects(effects);
    }

    pub fn effects(&mut self, effects: &[Effect]) {
        for effect in effects {
            *self.effects.entry(name_of(effect)).or_default() += 1;
        }
    }

    /// A sequence has ended.
    pub fn sequence(&mut self, model: &Model) {
        self.sequences += 1;
        for (kind, record) in self.waited.drain(..) {
            let outcome = model.outcome_of(&record).expect("it came");
            *self.late.entry((kind, outcome.word())).or_default() += 1;
        }
        let summary = model.summary();
        for event in &model.set.events {
            if let Fact::BalanceThreshold { direction, .. } = &event.fact {
                *self.crossings.entry(direction.word().to_owned()).or_default() += 1;
            }
        }
        for allocation in summary.allocations.values() {
            *self.rules.entry(allocation.rule.to_owned()).or_default() += 1;
        }
        for payment in summary.payments.values() {
            let how = payment
                .reason
                .map_or(payment.state.to_owned(), |reason| format!("{}: {reason}", payment.state));
            *self.payments.entry(how).or_default() += 1;
        }
    }

    pub fn add(&mut self, other: Self) {
        fn add<K: Ord>(to: &mut BTreeMap<K, usize>, from: BTreeMap<K, usize>) {
            for (key, count) in from {
                *to.entry(key).or_default() += count;
            }
        }
        self.sequences += other.sequences;
        add(&mut self.outcomes, other.outcomes);
        add(&mut self.late, other.late);
        add(&mut self.codes, other.codes);
        add(&mut self.effects, other.effects);
        add(&mut self.rules, other.rules);
        add(&mut self.payments, other.payments);
        add(&mut self.crossings, other.crossings);
    }

    /// Everything that the generator is for has happened, and not by a single lucky seed.
    pub fn check(&self) {
        let kinds: BTreeSet<&str> = self.outcomes.keys().map(|(kind, _)| kind.as_str()).collect();
        assert!(kinds.len() >= 21, "kinds of records: only {kinds:?}");
        let never = kinds.iter().filter(|kind| self.count(kind, "applied") < 50);
        let never: Vec<&str> = never.copied().collect();
        assert!(never.is_empty(), "never applied: {never:?}");
        at_least(500, &sums(&self.outcomes, |(_, outcome)| outcome), &OUTCOMES);
        at_least(5, &sums(&self.codes, |(_, code)| code), &CODES);
        at_least(100, &self.effects, &EFFECTS);
        at_least(2, &self.rules, &RULES);
        at_least(5, &self.payments, &PAYMENTS);
        at_least(100, &self.crossings, &["down", "up"]);
    }

    /// At once or after a wait: what takes money back waits for the proof of usage first.
    fn count(&self, kind: &str, outcome: &'static str) -> usize {
        let key = (kind.to_owned(), outcome);
        let of = |counts: &BTreeMap<_, usize>| counts.get(&key).copied().unwrap_or(0);
        of(&self.outcomes) + of(&self.late)
    }
}

fn sums<K>(
    counts: &BTreeMap<K, usize>,
    by: impl Fn(&K) -> &'static str,
) -> BTreeMap<String, usize> {
    let mut sums = BTreeMap::new();
    for (key, count) in counts {
        *sums.entry(by(key).to_owned()).or_default() += count;
    }
    sums
}

fn at_least(least: usize, counts: &BTreeMap<String, usize>, wanted: &[&str]) {
    for name in wanted {
        let found = counts.get(*name).copied().unwrap_or(0);
        assert!(found >= least, "only {found} times, not {least}: {name}");
    }
}

/// The variant's name.
fn name_of(effect: &Effect) -> String {
    let text = format!("{effect:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model: {} sequences", self.sequences)?;
        for ((kind, outcome), count) in &self.outcomes {
            writeln!(f, "  {kind} {outcome}: {count}")?;
        }
        for ((kind, outcome), count) in &self.late {
            writeln!(f, "  {kind} waited, then {outcome}: {count}")?;
        }
        for ((outcome, code), count) in &self.codes {
            writeln!(f, "  {outcome}: {code}: {count}")?;
        }
        for (what, counts) in [
            ("effect", &self.effects),
            ("allocated by", &self.rules),
            ("payment", &self.payments),
            ("crossed", &self.crossings),
        ] {
            for (name, count) in counts {
                writeln!(f, "  {what} {name}: {count}")?;
            }
        }
        Ok(())
    }
}
