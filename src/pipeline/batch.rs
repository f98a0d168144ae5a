//! One batch in one transaction: inbox, working set, decisions, rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};

use super::again::Returned;
use super::{Pipeline, Turn, again, sweep};
use crate::domain::decide::{Context, decide, guards, usage};
use crate::domain::effect::{Decided, Effect, Ending, Need, Outcome, wait_key};
use crate::domain::event::Event;
use crate::domain::ids::{ContentHash, IdBlock, MessageId, RecordId, Source, own_source};
use crate::domain::input::{Input, Message};
use crate::domain::matching::text::Tokens;
use crate::domain::matching::{self, RuleSet};
use crate::domain::rejection::DeadLetterReason;
use crate::domain::want::Want;
use crate::domain::working_set::{Stop, WorkingSet};
use crate::observe::{Decision, decision_of};
use crate::store::inbox::{self, KeptHash, Known};
use crate::store::load::{self, Locks, Needs};
use crate::store::outbox::{self, OutboxRow};
use crate::store::persist::{
    self, BatchWrite, DeadLetterRow, ExplainedDecision, InboxRow, RawRecordRow, RepeatRow, Stands,
    WaitingRow, WatermarkRow,
};
use crate::store::{StoreError, Tx, explanation, next_id_block};
use crate::wire::{DecodeFailure, encode_event, mask, own_id};

/// A record with what decoding made of it.
#[derive(Debug, Clone)]
pub struct Item {
    pub raw: RawRecordRow,
    pub decoded: Result<Message, DecodeFailure>,
    /// The record was in the inbox before, as waiting or dead-lettered: its row is updated.
    pub again: bool,
}

impl Item {
    /// The bank's fact with nothing of it looked at: recorded, and decided later. `bare` leaves
    /// out its texts as well. None for anything else than a fact of the bank.
    pub fn only_recorded(&self, bare: bool) -> Option<Self> {
        let Ok(Message { input: Input::BankTransaction(bank), .. }) = &self.decoded else {
            return None;
        };
        let mut item = self.clone();
        if let Ok(message) = &mut item.decoded {
            message.tokens = Some(Arc::new(Tokens::unread()));
            if bare {
                message.input = Input::BankTransaction(Box::new(bank.without_texts()));
            }
        }
        Some(item)
    }
}

/// How each record of a batch ended, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub outcome: Ending,
    pub code: Option<String>,
    /// What it changed, e.g. `payment:PAY-1`.
    pub subject: Option<String>,
    /// What a waiting command lacks, and what it holds up.
    pub waits: Option<Stands>,
}

impl Ended {
    pub(super) fn of(outcome: Ending, code: Option<String>) -> Self {
        Self { outcome, code, subject: None, waits: None }
    }
}

/// A decided batch, ready to be written.
#[derive(Debug)]
pub struct Written {
    pub ended: Vec<Ended>,
    /// Something was recorded that a waiting command may need.
    pub wakes_waiting: bool,
    /// Payments that were decided again and are not as they were.
    pub rematched: usize,
    /// Invoices that got money or were voided: others may have been suggested for them.
    pub touched: Vec<String>,
    /// How payments were decided.
    pub(crate) decisions: Vec<Decision>,
}

/// Decides and persists `items` within `tx`; the caller commits or rolls back. `locks` is when the
/// caller would have the accounts locked: commands and usage always lock first.
///
/// # Errors
/// [`StoreError`]; nothing is written then, once the caller has rolled back.
pub async fn run_in_tx(
    pipeline: &Pipeline,
    tx: &mut Tx<'_>,
    items: &[Item],
    id_block: i64,
    locks: Locks,
    at: DateTime<Utc>,
) -> Result<Written, StoreError> {
    run_in_turn_in_tx(pipeline, tx, items, (id_block, Turn::Queue), locks, at).await
}

/// As [`run_in_tx`], for what no lane brings: under an id block of its own, accounts locked first.
///
/// # Errors
/// As [`run_in_tx`].
pub async fn decide_in_tx(
    pipeline: &Pipeline,
    tx: &mut Tx<'_>,
    items: &[Item],
    at: DateTime<Utc>,
) -> Result<Written, StoreError> {
    let block = next_id_block(tx).await?;
    run_in_tx(pipeline, tx, items, block, Locks::First, at).await
}

/// As [`run_in_tx`], with or without respect to what waits.
///
/// # Errors
/// As [`run_in_tx`].
pub async fn run_in_turn_in_tx(
    pipeline: &Pipeline,
    tx: &mut Tx<'_>,
    items: &[Item],
    (id_block, turn): (i64, Turn),
    locks: Locks,
    at: DateTime<Utc>,
) -> Result<Written, StoreError> {
    let rules = pipeline.rules_in_tx(tx).await?;
    let mut work = Work::new(pipeline, &rules, items, at);
    work.sort_out(tx).await?;
    let mut needs = Needs::of(work.messages());
    needs.proof = pipeline.proof_feed(at);
    // It stands in the queue itself: what came later does not hold it up.
    let again =
        items.iter().filter(|item| item.again).filter_map(|item| item.decoded.as_ref().ok());
    needs.own_turn = again.map(|message| message.record.clone()).next();
    // Only lanes halve; what they bring is new and has a place in a log.
    needs.may_be_halved =
        items.len() > 1 && items.iter().all(|item| !item.again && item.raw.partition >= 0);
    if locks == Locks::Last {
        // Whoever would lock last tries again when it was wrong.
        needs.take_charges_as_new();
    }
    let first = work.messages().any(locks_first);
    let locks = if first { Locks::First } else { locks };
    let mut before = load::working_set(tx, &mut needs, locks, at).await?;
    before.advices.days = pipeline.settings().advice_days;
    before.default_levels = pipeline.settings().balance_levels.clone().into();
    before.payment_qr = pipeline.settings().payment_qr.clone().into();
    if turn == Turn::First {
        before.pass_queues();
    }
    let (before, mut after, decided) =
        work.decide_all(tx, before, (&needs, locks), id_block).await?;
    let only_usage = work.messages().all(|m| matches!(m.input, Input::Usage(_)));
    work.write.only_usage = only_usage;
    work.record(decided);
    work.write.effects.extend(usage::conclude(&mut after)?);
    persist::batch_in_tx(tx, &before, &mut after, &work.write, locks, at).await?;
    publish_in_tx(pipeline, tx, &after.events, at).await?;
    let wakes_waiting = work
        .write
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::CreateInvoice(_) | Effect::RecordPayment(_)));
    let touched = work.write.effects.iter().filter_map(sweep::touched).collect();
    let rematched = work.rematched;
    let decisions = work.write.decisions.iter().map(|d| decision_of(&d.decision)).collect();
    let missing = StoreError::Corrupt("a record without an outcome");
    let ended = work.ended.into_iter().collect::<Option<Vec<_>>>().ok_or(missing)?;
    Ok(Written { ended, wakes_waiting, rematched, touched, decisions })
}

/// Puts events on their way to Kafka: the one place that does so.
pub(super) async fn publish_in_tx(
    pipeline: &Pipeline,
    tx: &mut Tx<'_>,
    events: &[Event],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    outbox::insert_in_tx(tx, &outbox_rows(events, &pipeline.settings().event_source), at).await
}

/// Whether the record decides by what may change beside it, so that it must be locked before.
fn locks_first(message: &Message) -> bool {
    match &message.input {
        Input::Command(_) | Input::Usage(_) | Input::RetryReturn(_) | Input::Rematch(_) => true,
        // It decides payments again that were there before.
        Input::Advice(_) => true,
        Input::BankTransaction(bank) => bank.is_booked_step_back(),
        Input::BankStatement(_) => false,
    }
}

struct Work<'a> {
    pipeline: &'a Pipeline,
    /// All decisions of the batch go by it.
    rules: &'a RuleSet,
    items: &'a [Item],
    at: DateTime<Utc>,
    /// Indexes of the items that are decided.
    open: Vec<usize>,
    ended: Vec<Option<Ended>>,
    rematched: usize,
    write: BatchWrite,
}

impl<'a> Work<'a> {
    fn new(
        pipeline: &'a Pipeline,
        rules: &'a RuleSet,
        items: &'a [Item],
        at: DateTime<Utc>,
    ) -> Self {
        let ended = vec![None; items.len()];
        Self {
            pipeline,
            rules,
            items,
            at,
            open: Vec::new(),
            ended,
            rematched: 0,
            write: BatchWrite::default(),
        }
    }

    fn messages(&self) -> impl Iterator<Item = &'a Message> {
        let items = self.items;
        self.open.iter().filter_map(move |index| items.get(*index)?.decoded.as_ref().ok())
    }

    /// Puts aside what was not decoded and what came before: the idempotency check is first.
    async fn sort_out(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let items = self.items;
        let fresh = items.iter().filter(|item| !item.again);
        let ids: Vec<RecordId> = fresh
            .flat_map(|item| match &item.decoded {
                Ok(message) => vec![message.record.clone()],
                Err(failure) => again::ids_of(failure, &item.raw),
            })
            .collect();
        let known = inbox::probe_in_tx(tx, &ids.iter().collect::<Vec<_>>()).await?;
        let mut seen: HashMap<&RecordId, KeptHash> = HashMap::new();
        let mut returned: Vec<Returned<'_>> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match &item.decoded {
                Err(failure) => {
                    returned.extend(self.undecoded(index, item, failure, &known));
                }
                Ok(message) => {
                    let known = known.get(&message.record);
                    let earlier = known.map(|known| &known.content_hash);
                    let hash = KeptHash::of(&message.content_hash);
                    match earlier.or_else(|| seen.get(&message.record)) {
                        None => {
                            seen.insert(&message.record, hash);
                            self.open.push(index);
                        }
                        Some(earlier) if *earlier == hash => {
                            self.repeat(index, item, &message.record);
                            let letter = known.and_then(|known| known.dead_at.as_ref());
                            returned.extend(Returned::known(
                                index,
                                &item.raw,
                                &message.record,
                                letter,
                            ));
                        }
                        Some(_) => {
                            self.conflict(index, item, message);
                            returned.push(Returned::conflict(index, &item.raw, &message.record));
                        }
                    }
                }
            }
        }
        self.taken_up(&again::take_up_in_tx(tx, &returned, self.at).await?);
        Ok(())
    }

    /// What an operator gave up on came again, and its letter is open again.
    fn taken_up(&mut self, again: &[(usize, String)]) {
        for (index, code) in again {
            let Some(item) = self.items.get(*index) else { continue };
            let code = Some(code.clone());
            let here = |repeat: &&mut RepeatRow| {
                repeat.outcome == Ending::Duplicate
                    && (repeat.partition, repeat.offset) == (item.raw.partition, item.raw.offset)
            };
            if let Some(repeat) = self.write.repeats.iter_mut().find(here) {
                repeat.outcome = Ending::Reopened;
                repeat.code.clone_from(&code);
                self.end(*index, Ended::of(Ending::Reopened, code));
            }
        }
    }

    /// Decides all open items in order. What turns out to be missing is loaded, and all are
    /// decided again from the start: deciding is pure and costs little.
    async fn decide_all(
        &mut self,
        tx: &mut Tx<'_>,
        mut before: WorkingSet,
        (needs, locks): (&Needs, Locks),
        id_block: i64,
    ) -> Result<(WorkingSet, WorkingSet, Vec<Decided>), StoreError> {
        let mut loaded: BTreeSet<Want> = BTreeSet::new();
        for message in self.messages() {
            if let Input::BankTransaction(bank) = &message.input {
                loaded.extend(matching::foresee(&before, bank, &message.tokens_of(bank))?);
            }
        }
        if !loaded.is_empty() {
            let foreseen: Vec<Want> = loaded.iter().cloned().collect();
            load::load_misses(tx, needs, locks, &foreseen, &mut before).await?;
        }
        // Each round loads something new, so that there is an end, however much is looked for.
        loop {
            let mut after = before.clone();
            let mut ids = IdBlock::new(id_block);
            match self.decide_pass(&mut after, &mut ids) {
                Ok(decided) => return Ok((before, after, decided)),
                Err(Pass::Missing(missing)) => {
                    let fresh: Vec<Want> = missing.difference(&loaded).cloned().collect();
                    if fresh.is_empty() {
                        return Err(StoreError::Corrupt("what was loaded is asked for again"));
                    }
                    load::load_misses(tx, needs, locks, &fresh, &mut before).await?;
                    loaded.extend(fresh);
                }
                Err(Pass::Corrupt(what)) => return Err(StoreError::Corrupt(what)),
            }
        }
    }

    fn decide_pass(&self, set: &mut WorkingSet, ids: &mut IdBlock) -> Result<Vec<Decided>, Pass> {
        let claims_until = self.pipeline.claims_until(self.at);
        let context = Context { rules: self.rules, as_of: self.at, claims_until };
        let mut decided = Vec::with_capacity(self.open.len());
        let mut missing: BTreeSet<Want> = BTreeSet::new();
        for message in self.messages() {
            match decide(set, message, ids, context) {
                Ok(done) => decided.push(done),
                // The set is half changed now: go on only to learn what else is missing.
                Err(Stop::Miss(missed)) => missing.extend(missed),
                Err(Stop::Corrupt(what)) if missing.is_empty() => return Err(Pass::Corrupt(what)),
                Err(Stop::Corrupt(_)) => {}
            }
        }
        if missing.is_empty() { Ok(decided) } else { Err(Pass::Missing(missing)) }
    }

    /// Turns decisions into rows.
    fn record(&mut self, decided: Vec<Decided>) {
        let open = std::mem::take(&mut self.open);
        for (index, done) in open.into_iter().zip(decided) {
            let Some(item) = self.items.get(index) else {
                continue;
            };
            let Ok(message) = &item.decoded else { continue };
            self.record_one(index, item, message, done);
        }
    }

    fn record_one(&mut self, index: usize, item: &Item, message: &Message, done: Decided) {
        // A payment that was looked at again and stays as it is leaves no trace.
        let looked_at_again = matches!(message.input, Input::Rematch(_) | Input::RetryReturn(_));
        let idle = looked_at_again && done.effects.is_empty();
        self.rematched = self.rematched.saturating_add(usize::from(looked_at_again && !idle));
        for effect in done.effects {
            if let Effect::StoreDecision(decision) = effect {
                let explanation = explanation::to_json(&decision);
                let cause = message.record.clone();
                self.write.decisions.push(ExplainedDecision { decision, explanation, cause });
            } else if let Effect::Watermark(complete_through) = effect {
                let (topic, partition) = (item.raw.topic.clone(), item.raw.partition);
                let claims_until = self.pipeline.claims_until(self.at);
                let row = WatermarkRow { topic, partition, complete_through, claims_until };
                self.write.watermarks.push(row);
            } else {
                self.write.effects.push(effect);
            }
        }
        let code = done.outcome.code().map(str::to_owned);
        let mut subject = None;
        let mut waits = None;
        match &done.outcome {
            Outcome::Applied { subject: changed } => subject.clone_from(changed),
            Outcome::DeadLettered(reason) => self.dead_letter(item, message, *reason),
            Outcome::Waiting(need) => {
                let stands = Stands::of(need, done.queued.as_ref());
                if !item.again {
                    self.wait(item, message, need, stands.clone());
                }
                waits = Some(stands);
            }
            // Nothing else tells what a refused command was about.
            Outcome::Rejected(_) => subject = message.input.subject(),
            Outcome::Duplicate => {}
        }
        if !item.again && !idle {
            let (kind, ending) = (type_of(&message.input), done.outcome.ending());
            self.write.inbox.push(InboxRow {
                code: code.clone(),
                subject: subject.clone(),
                guards: guards(&message.input),
                ..InboxRow::new(&item.raw, &message.record, message.content_hash, kind, ending)
            });
        }
        self.end(index, Ended { outcome: done.outcome.ending(), code, subject, waits });
    }

    fn end(&mut self, index: usize, ended: Ended) {
        if let Some(slot) = self.ended.get_mut(index) {
            *slot = Some(ended);
        }
    }

    fn wait(&mut self, item: &Item, message: &Message, need: &Need, stands: Stands) {
        let settings = self.pipeline.settings();
        self.write.waiting.push(WaitingRow {
            raw: item.raw.clone(),
            record: message.record.clone(),
            wait_key: wait_key(&message.input, need),
            stands,
            patience: if matches!(need, Need::Proof(_)) {
                settings.proof_deadline
            } else {
                settings.waiting_deadline
            },
        });
    }

    fn dead_letter(&mut self, item: &Item, message: &Message, reason: DeadLetterReason) {
        if item.again {
            return;
        }
        self.write.dead_letters.push(DeadLetterRow {
            raw: item.raw.clone(),
            record: Some(message.record.clone()),
            named: (None, None),
            code: reason.code().to_owned(),
            message: reason.sentence().to_owned(),
        });
    }

    /// A record without an id of its own is known by its place, and by its bytes: the same place
    /// with other bytes is another record (the topic was created anew).
    fn undecoded<'b>(
        &mut self,
        index: usize,
        item: &'b Item,
        failure: &DecodeFailure,
        known: &'b HashMap<RecordId, Known>,
    ) -> Option<Returned<'b>> {
        if let Some((record, earlier)) = again::repeated(failure, known) {
            self.repeat(index, item, record);
            return Returned::known(index, &item.raw, record, earlier.dead_at.as_ref());
        }
        let hash = bytes_hash(&item.raw);
        let place = place_of(&item.raw);
        let exact = place_with_content(&item.raw);
        if let Some((record, earlier)) = again::seen(known, &place, &exact, &hash)
            && !item.again
        {
            self.repeat(index, item, &place);
            return Returned::known(index, &item.raw, record, earlier.dead_at.as_ref());
        }
        let record = if known.contains_key(&place) { exact } else { place };
        self.dead_letter_undecoded(index, item, failure, record, hash);
        None
    }

    fn dead_letter_undecoded(
        &mut self,
        index: usize,
        item: &Item,
        failure: &DecodeFailure,
        record: RecordId,
        content_hash: ContentHash,
    ) {
        let code = failure.code.code();
        self.end(index, Ended::of(Ending::DeadLettered, Some(code.to_owned())));
        if item.again {
            return;
        }
        let dead = Ending::DeadLettered;
        self.write.inbox.push(InboxRow {
            code: Some(code.to_owned()),
            ..InboxRow::new(&item.raw, &record, content_hash, "unknown", dead)
        });
        let mut text = format!("{} {}", failure.code.message(), mask(&failure.detail));
        text.truncate(text.floor_char_boundary(2_000));
        self.write.dead_letters.push(DeadLetterRow {
            raw: item.raw.clone(),
            record: Some(record),
            named: named(failure, &item.raw),
            code: code.to_owned(),
            message: text,
        });
    }

    /// Same id, same content: no effect.
    fn repeat(&mut self, index: usize, item: &Item, record: &RecordId) {
        self.write.repeats.push(RepeatRow::new(&item.raw, record, Ending::Duplicate, None));
        self.end(index, Ended::of(Ending::Duplicate, None));
    }

    /// Same id, other content: a dead letter; nothing moves.
    fn conflict(&mut self, index: usize, item: &Item, message: &Message) {
        let code = DeadLetterReason::Conflict.code().to_owned();
        let (dead, code) = (Ending::DeadLettered, Some(code));
        let repeat = RepeatRow::new(&item.raw, &message.record, dead, code.clone());
        self.write.repeats.push(repeat);
        self.dead_letter(item, message, DeadLetterReason::Conflict);
        self.end(index, Ended::of(dead, code));
    }
}

/// What a record calls itself that could not be read.
fn named(failure: &DecodeFailure, raw: &RawRecordRow) -> (Option<String>, Option<String>) {
    match &failure.record {
        Some(record) => (Some(record.source.to_string()), Some(record.id.to_string())),
        None => (None, raw.value.as_deref().and_then(own_id).map(|id| id.to_string())),
    }
}

enum Pass {
    Missing(BTreeSet<Want>),
    Corrupt(&'static str),
}

/// The identity of a record that could not be decoded: its place in the log.
pub fn place_of(raw: &RawRecordRow) -> RecordId {
    RecordId {
        source: Source::trusted(own_source::PLACE),
        id: MessageId::trusted(&format!("{}:{}:{}", raw.topic, raw.partition, raw.offset)),
    }
}

/// The same with the first bytes of its content's hash.
pub fn place_with_content(raw: &RawRecordRow) -> RecordId {
    let hash = bytes_hash(raw);
    let mut place = place_of(raw);
    let short = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    place.id = MessageId::trusted(&format!("{}~{short:08x}", place.id));
    place
}

/// The content hash of a record that could not be decoded.
pub fn bytes_hash(raw: &RawRecordRow) -> ContentHash {
    use sha2::Digest;
    sha2::Sha256::digest(raw.value.as_deref().unwrap_or_default()).into()
}

/// The public name of what was decoded.
pub fn type_of(input: &Input) -> &'static str {
    match input {
        Input::Command(command) => command.type_name(),
        Input::BankTransaction(_) => "topup.bank.transaction.v1",
        Input::BankStatement(_) => "topup.bank.statement.v1",
        Input::Advice(_) => "topup.remittance.advice.v1",
        Input::Rematch(_) => "topup.payment.rematch",
        Input::RetryReturn(_) => "topup.payment.retry-return",
        Input::Usage(usage) => usage.type_name(),
    }
}

/// One row for each run of events of one key: consecutive sequences, one JSON document a line.
pub fn outbox_rows(events: &[Event], source: &str) -> Vec<OutboxRow> {
    let mut rows: Vec<OutboxRow> = Vec::new();
    let mut last = None;
    for event in events {
        let run = (&event.key, std::sync::Arc::as_ptr(&event.cause));
        let json = encode_event(event, source);
        match rows.last_mut() {
            Some(row) if last == Some(run) => {
                row.payload.push('\n');
                row.payload.push_str(&json);
                row.events = row.events.saturating_add(1);
            }
            _ => rows.push(OutboxRow {
                key_kind: event.key.kind(),
                record_key: event.key.as_str().to_owned(),
                first_sequence: event.sequence,
                events: 1,
                payload: json,
            }),
        }
        last = Some(run);
    }
    rows
}
