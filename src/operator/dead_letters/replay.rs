//! Dead letters again: in place, under the original id, a chunk of letters in one transaction.
//!
//! A replay runs the stored bytes (of the latest revision) through decode, decide and persist
//! like new records. It never skips the idempotency check: what took effect meanwhile is
//! reported, not repeated. A dry run is the same transaction, rolled back.
//!
//! Order: by id. While a letter of a key fails, later letters of that key are `Blocked`.
//! Letters of a chunk are decided as one batch. Where one that fails could have changed what
//! became of another (same key, same account), or the database refuses, the transaction is rolled
//! back and the halves of the chunk have one each, down to a single letter. No savepoints: the
//! ledger's checks tell what this transaction wrote by its number, and a savepoint has another.
//! Locks: letters by id, then inbox rows by id, then what [`run_in_turn_in_tx`] locks. Two
//! operators at the same letters: the second waits, and finds them resolved.

mod described;
mod guarded;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use crate::domain::effect::{Ending, Need};
use crate::domain::ids::RecordId;
use crate::domain::input::{Input, Waited};
use crate::domain::rejection::DeadLetterReason;
use crate::pipeline::batch::{Ended, Item, place_of, run_in_turn_in_tx};
use crate::pipeline::{Pipeline, Turn, decode_again};
use crate::store::dead_letters::{self, Act, DeadLetter, LetterState, Who};
use crate::store::error::Disposition;
use crate::store::inbox::{self, KeptHash, Update};
use crate::store::load::Locks;
use crate::store::replay_runs::{self, ReplayRun};
use crate::store::{StoreError, Tx, next_id_block};
use crate::wire::DecodeCode;

/// What became, or would become, of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Replayed {
    /// It has its effect now.
    Applied {
        subject: Option<String>,
    },
    /// Its id, or its bank transaction, took effect before: nothing is done.
    AlreadyApplied,
    /// It was decoded and refused for a business reason; the requester was told.
    Rejected {
        code: String,
    },
    StillFailing {
        code: String,
    },
    /// Its id took effect, or was refused, with other content meanwhile, or the customer was
    /// described anew since, or the hold set anew: nothing is left to do.
    Obsolete,
    /// Replayed or discarded before.
    AlreadyResolved,
    /// An earlier dead letter of the same key still fails, and order is kept.
    Blocked,
    Unknown,
}

impl Replayed {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::AlreadyApplied => "already_applied",
            Self::Rejected { .. } => "rejected",
            Self::StillFailing { .. } => "still_failing",
            Self::Obsolete => "obsolete",
            Self::AlreadyResolved => "already_resolved",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
        }
    }

    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Rejected { code } | Self::StillFailing { code } => Some(code),
            Self::Applied { .. }
            | Self::AlreadyApplied
            | Self::Obsolete
            | Self::AlreadyResolved
            | Self::Blocked
            | Self::Unknown => None,
        }
    }

    /// Whether the dead letter is closed by it.
    pub fn resolves(&self) -> bool {
        match self {
            Self::Applied { .. } | Self::AlreadyApplied | Self::Rejected { .. } => true,
            Self::StillFailing { .. }
            | Self::Obsolete
            | Self::AlreadyResolved
            | Self::Blocked
            | Self::Unknown => false,
        }
    }
}

/// Codes of what a command still lacks: its letter is there because that did not come.
const LACKS: [&str; 5] =
    ["invoice_unknown", "payment_unknown", "usage_unknown", "hold_unknown", "behind_waiting"];

/// The code that a letter has after such a failure, and what that says; none if it keeps its own.
fn of_letter(code: &str) -> Option<(&'static str, &'static str)> {
    let decoded = DecodeCode::ALL.into_iter().find(|one| one.code() == code);
    let lacks = LACKS.contains(&code).then_some(DeadLetterReason::DependencyMissing);
    let decided = DeadLetterReason::ALL.into_iter().find(|one| one.code() == code).or(lacks);
    let decoded = decoded.map(|one| (one.code(), one.message()));
    decoded.or(decided.map(|one| (one.code(), one.sentence())))
}

/// A letter that was decoded and may be decided.
struct Ready<'a> {
    letter: &'a DeadLetter,
    item: Item,
    record: RecordId,
}

impl Ready<'_> {
    /// Whether what becomes of `self` may depend on what became of `other`.
    fn depends_on(&self, other: &Self) -> bool {
        let account = |ready: &Self| match ready.item.decoded.as_ref().map(|m| m.input.clone()) {
            Ok(Input::Command(command)) => command.account_id().cloned(),
            Ok(Input::Usage(usage)) => usage.account_id().cloned(),
            Ok(
                Input::BankTransaction(_)
                | Input::BankStatement(_)
                | Input::Advice(_)
                | Input::Rematch(_)
                | Input::RetryReturn(_),
            )
            | Err(_) => None,
        };
        let same = account(self).zip(account(other)).is_some_and(|(one, two)| one == two);
        same || self.letter.order_key == other.letter.order_key || self.record == other.record
    }
}

/// What a chunk of a replay is about.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    pub ids: &'a [i64],
    pub operator: &'a str,
    pub reason: Option<&'a str>,
    pub dry_run: bool,
    pub run: Option<&'a ReplayRun>,
}

impl Pipeline {
    /// Replays one dead letter; with `dry_run` says what would happen and changes nothing.
    pub async fn replay(
        &self,
        id: i64,
        operator: &str,
        reason: Option<&str>,
        dry_run: bool,
    ) -> Result<Replayed, StoreError> {
        let chunk = Chunk { ids: &[id], operator, reason, dry_run, run: None };
        let replayed = self.replay_chunk(chunk, &mut HashSet::new()).await?;
        Ok(replayed.into_iter().next().map_or(Replayed::Unknown, |(_, replayed)| replayed))
    }

    /// Replays letters in the order of their ids, in one transaction where that is possible.
    /// `failing` are the keys whose letters are blocked; those that fail here are added, once that
    /// is written. In a dry run letters that were decided apart do not see each other's effects.
    ///
    /// # Errors
    /// When the database fails; what was committed before, with the run's cursor, stays.
    pub async fn replay_chunk(
        &self,
        chunk: Chunk<'_>,
        failing: &mut HashSet<String>,
    ) -> Result<Vec<(i64, Replayed)>, StoreError> {
        let mut replayed = Vec::with_capacity(chunk.ids.len());
        let mut left = vec![chunk.ids];
        while let Some(ids) = left.pop() {
            let part = Chunk { ids, ..chunk };
            match self.replay_part(part, failing, None).await? {
                Attempt::Done(done) => replayed.extend(done),
                Attempt::Alone(result) => {
                    let done = self.replay_part(part, failing, Some(result)).await?;
                    if let Attempt::Done(done) = done {
                        replayed.extend(done);
                    }
                }
                Attempt::Apart => {
                    let (first, second) = ids.split_at(ids.len() / 2);
                    left.extend([second, first]);
                }
            }
        }
        Ok(replayed)
    }

    /// One transaction. `told` is what became of a single letter when it was last decided.
    async fn replay_part(
        &self,
        chunk: Chunk<'_>,
        failing: &mut HashSet<String>,
        told: Option<Replayed>,
    ) -> Result<Attempt, StoreError> {
        let mut tx = self.pool().begin_deciding().await?;
        let letters = dead_letters::lock_in_tx(&mut tx, chunk.ids).await?;
        let mut keys = failing.clone();
        let results = match self.replay_letters(&mut tx, &letters, &mut keys, told).await? {
            Ok(results) => results,
            Err(attempt) => {
                tx.rollback().await?;
                return Ok(attempt);
            }
        };
        let mut replayed: Vec<(i64, Replayed)> = Vec::with_capacity(chunk.ids.len());
        for id in chunk.ids {
            let result = results.get(id).cloned().unwrap_or(Replayed::Unknown);
            replayed.push((*id, result));
        }
        if chunk.dry_run {
            tx.rollback().await?;
        } else {
            self.write_acts(&mut tx, chunk, &letters, &replayed).await?;
            tx.commit().await?;
        }
        *failing = keys;
        Ok(Attempt::Done(replayed))
    }

    async fn write_acts(
        &self,
        tx: &mut Tx<'_>,
        chunk: Chunk<'_>,
        letters: &[DeadLetter],
        replayed: &[(i64, Replayed)],
    ) -> Result<(), StoreError> {
        let at = self.clock().now();
        let revisions: HashMap<i64, i32> = letters.iter().map(|l| (l.id, l.revision)).collect();
        let tried = replayed.iter().filter(|(_, result)| match result {
            Replayed::Applied { .. }
            | Replayed::AlreadyApplied
            | Replayed::Rejected { .. }
            | Replayed::StillFailing { .. }
            | Replayed::Obsolete => true,
            Replayed::AlreadyResolved | Replayed::Blocked | Replayed::Unknown => false,
        });
        let acts: Vec<Act> = tried
            .map(|(id, result)| {
                let revision = revisions.get(id).copied().unwrap_or_default();
                Act {
                    dead_letter_id: *id,
                    outcome: result.word(),
                    code: result.code().map(str::to_owned),
                    state: if result.resolves() {
                        LetterState::Replayed
                    } else {
                        LetterState::Open
                    },
                    revision_before: revision,
                    revision,
                }
            })
            .collect();
        let run = chunk.run;
        if !acts.is_empty() {
            let run = run.map(|run| run.id);
            let who = Who { operator: chunk.operator, reason: chunk.reason, run };
            dead_letters::act_in_tx(tx, "replay", who, &acts, at).await?;
            dead_letters::tried_in_tx(tx, chunk.operator, &acts, of_letter, at).await?;
        }
        if let (Some(run), Some(last)) = (run, chunk.ids.last()) {
            let looked_at = i64::try_from(chunk.ids.len()).unwrap_or(i64::MAX);
            let failing = |(_, told): &&(_, _)| matches!(told, Replayed::StillFailing { .. });
            let failed = replayed.iter().filter(failing).count();
            let failed = i64::try_from(failed).unwrap_or(i64::MAX);
            replay_runs::advance_in_tx(tx, run, *last, looked_at, failed, at).await?;
        }
        Ok(())
    }

    async fn replay_letters(
        &self,
        tx: &mut Tx<'_>,
        letters: &[DeadLetter],
        failing: &mut HashSet<String>,
        told: Option<Replayed>,
    ) -> Result<Result<HashMap<i64, Replayed>, Attempt>, StoreError> {
        let mut results = HashMap::with_capacity(letters.len());
        if let (Some(told), [one]) = (&told, letters) {
            told_of(one, told.clone(), &mut results, failing);
            return Ok(Ok(results));
        }
        let mut ready: Vec<Ready<'_>> = Vec::new();
        for letter in letters {
            if letter.state != LetterState::Open {
                results.insert(letter.id, Replayed::AlreadyResolved);
                continue;
            }
            let fails = |code: &str| Replayed::StillFailing { code: code.to_owned() };
            let decoded = decode_again(&self.settings().topics, &letter.raw);
            // What an operator wrote is the operator's own act.
            let as_it_came = |item| self.if_still_authorised(item, letter.first_failed_at);
            let decoded = if letter.revision == 0 { decoded.map(as_it_came) } else { decoded };
            match decoded {
                None => told_of(letter, fails("wrong_topic"), &mut results, failing),
                Some(mut item) => match &mut item.decoded {
                    Err(failure) => {
                        told_of(letter, fails(failure.code.code()), &mut results, failing);
                    }
                    Ok(message) => {
                        message.waited = asked_before(letter, &message.input);
                        let record = message.record.clone();
                        ready.push(Ready { letter, item, record });
                    }
                },
            }
        }
        // A letter that cannot be decoded blocks those behind it, never those before it.
        let undecoded: HashMap<&str, i64> = letters
            .iter()
            .filter(|l| matches!(results.get(&l.id), Some(Replayed::StillFailing { .. })))
            .rev()
            .map(|l| (l.order_key.as_str(), l.id))
            .collect();
        let earlier = |letter: &DeadLetter| {
            undecoded.get(letter.order_key.as_str()).is_some_and(|id| *id < letter.id)
        };
        let (blocked, mut free): (Vec<_>, Vec<_>) = ready.into_iter().partition(|ready| {
            let key = &ready.letter.order_key;
            // A key that failed in an earlier chunk has no letter that it could be earlier than.
            earlier(ready.letter)
                || (failing.contains(key) && !undecoded.contains_key(key.as_str()))
        });
        results.extend(blocked.iter().map(|ready| (ready.letter.id, Replayed::Blocked)));
        let decided = self.decide_together(tx, &mut free, &mut results, failing).await?;
        Ok(decided.map_or(Ok(results), Err))
    }

    /// What is to be done instead, after a rollback; none: the results are there.
    async fn decide_together(
        &self,
        tx: &mut Tx<'_>,
        ready: &mut [Ready<'_>],
        results: &mut HashMap<i64, Replayed>,
        failing: &mut HashSet<String>,
    ) -> Result<Option<Attempt>, StoreError> {
        let records: Vec<RecordId> = ready.iter().map(|ready| ready.record.clone()).collect();
        if records.iter().collect::<HashSet<_>>().len() < records.len() {
            return Ok(Some(Attempt::Apart));
        }
        let states = inbox::states_in_tx(tx, &records).await?;
        let mut found: Vec<Option<Replayed>> = Vec::with_capacity(ready.len());
        for one in ready.iter_mut() {
            let state = states.get(&one.record);
            one.item.again = state.is_some();
            found.push(state.and_then(|state| known(one, state)));
        }
        if described::mark(tx, ready, &mut found).await? {
            return Ok(Some(Attempt::Apart));
        }
        let open: Vec<usize> =
            (0..ready.len()).filter(|at| found.get(*at).is_some_and(Option::is_none)).collect();
        let items: Vec<Item> =
            open.iter().filter_map(|at| Some(ready.get(*at)?.item.clone())).collect();
        let alone = ready.len() <= 1;
        // A batch of records seen before does not wait behind the queue; new ones do.
        let mixed = items.iter().any(|item| item.again) && items.iter().any(|item| !item.again);
        if mixed && !alone {
            return Ok(Some(Attempt::Apart));
        }
        let ended = match self.decide_items(tx, &items).await {
            Ok(ended) => ended,
            Err(error) => return refused(error, alone).map(Some),
        };
        // A new record that fails would be written as another dead letter, or wait twice.
        let written = ended.iter().zip(&items).find(|(end, item)| !item.again && fails(end));
        for (at, ended) in open.iter().zip(&ended) {
            if let Some(slot) = found.get_mut(*at) {
                *slot = Some(replayed(ended.clone()));
            }
        }
        match written {
            Some((ended, _)) if alone => return Ok(Some(Attempt::Alone(replayed(ended.clone())))),
            Some(_) => return Ok(Some(Attempt::Apart)),
            None if entangled(ready, &found) => return Ok(Some(Attempt::Apart)),
            None => {}
        }
        inbox::update_in_tx(tx, &updates(ready, &open, &ended)).await?;
        settle(ready, found, results, failing);
        Ok(None)
    }

    async fn decide_items(
        &self,
        tx: &mut Tx<'_>,
        items: &[Item],
    ) -> Result<Vec<Ended>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let block = next_id_block(tx).await?;
        let at = self.clock().now();
        let turn = (block, Turn::First);
        let written = run_in_turn_in_tx(self, tx, items, turn, Locks::First, at).await?;
        Ok(written.ended)
    }
}

/// What became of a letter that is not decided again.
fn told_of(
    letter: &DeadLetter,
    told: Replayed,
    results: &mut HashMap<i64, Replayed>,
    failing: &mut HashSet<String>,
) {
    let told = if letter.state != LetterState::Open {
        Replayed::AlreadyResolved
    } else if failing.contains(&letter.order_key) {
        Replayed::Blocked
    } else {
        told
    };
    if matches!(told, Replayed::StillFailing { .. }) {
        failing.insert(letter.order_key.clone());
    }
    results.insert(letter.id, told);
}

/// A command was given when it failed for the first time at the latest: what it needs to be known
/// is what was so then. That a proof is missing is told to the operator, and to nobody else.
fn asked_before(letter: &DeadLetter, input: &Input) -> Option<Waited> {
    let since = letter.first_failed_at;
    matches!(input, Input::Command(_)).then_some(Waited { since, over: false, told: true })
}

/// How a transaction ended.
enum Attempt {
    Done(Vec<(i64, Replayed)>),
    /// Rolled back: the letters cannot be decided together.
    Apart,
    /// Rolled back: what became of the only letter. It is still to be written down.
    Alone(Replayed),
}

/// What the database refused is the fault of a letter, unless it would refuse any.
fn refused(error: StoreError, alone: bool) -> Result<Attempt, StoreError> {
    match error.disposition() {
        Disposition::Retry | Disposition::Abandon => Err(error),
        // It is neither the letter's fault nor for this version to say.
        Disposition::Unread if alone => {
            let code = Need::Version.code().to_owned();
            Ok(Attempt::Alone(Replayed::StillFailing { code }))
        }
        Disposition::Suspect | Disposition::Bisect if alone => {
            tracing::warn!(
                error = crate::telemetry::chain(&error),
                "a dead letter was refused by the database again"
            );
            let code = error.reason().code().to_owned();
            Ok(Attempt::Alone(Replayed::StillFailing { code }))
        }
        Disposition::Suspect | Disposition::Bisect | Disposition::Unread => Ok(Attempt::Apart),
    }
}

/// Whether its id is another record's.
fn is_conflict(letter: &DeadLetter) -> bool {
    letter.code == DeadLetterReason::Conflict.code()
}

/// What the inbox says already; none: it is to be decided.
fn known(ready: &Ready<'_>, state: &inbox::State) -> Option<Replayed> {
    let letter = ready.letter;
    let same = ready
        .item
        .decoded
        .as_ref()
        .is_ok_and(|m| KeptHash::of(&m.content_hash) == state.content_hash);
    let conflict = Replayed::StillFailing { code: DeadLetterReason::Conflict.code().to_owned() };
    match state.outcome {
        Ending::DeadLettered if same => None,
        // The letter's own id, which had no effect: its edited content may have it. A conflict
        // never owned its id.
        Ending::DeadLettered
            if letter.revision > 0
                && !is_conflict(letter)
                && letter.record.as_ref() == Some(&ready.record) =>
        {
            None
        }
        Ending::Waiting if same => {
            Some(Replayed::StillFailing { code: "behind_waiting".to_owned() })
        }
        Ending::Applied | Ending::Rejected | Ending::Duplicate | Ending::Reopened if same => {
            Some(Replayed::AlreadyApplied)
        }
        Ending::Applied | Ending::Rejected if !is_conflict(letter) => Some(Replayed::Obsolete),
        Ending::Applied
        | Ending::Rejected
        | Ending::Duplicate
        | Ending::Waiting
        | Ending::DeadLettered
        | Ending::Reopened => Some(conflict),
    }
}

fn fails(ended: &Ended) -> bool {
    matches!(ended.outcome, Ending::DeadLettered | Ending::Waiting)
}

/// Whether one that fails lies before one that depends on it.
fn entangled(ready: &[Ready<'_>], found: &[Option<Replayed>]) -> bool {
    let failed = |at: &usize| matches!(found.get(*at), Some(Some(Replayed::StillFailing { .. })));
    (0..ready.len()).filter(failed).any(|at| {
        let mut behind = ready.iter().skip(at.saturating_add(1));
        ready.get(at).is_some_and(|first| behind.any(|later| later.depends_on(first)))
    })
}

fn settle(
    ready: &[Ready<'_>],
    found: Vec<Option<Replayed>>,
    results: &mut HashMap<i64, Replayed>,
    failing: &mut HashSet<String>,
) {
    for (one, result) in ready.iter().zip(found) {
        let result = result.unwrap_or(Replayed::Unknown);
        if matches!(result, Replayed::StillFailing { .. }) {
            failing.insert(one.letter.order_key.clone());
        }
        results.insert(one.letter.id, result);
    }
}

fn updates(ready: &[Ready<'_>], open: &[usize], ended: &[Ended]) -> Vec<Update> {
    let mut updates = Vec::with_capacity(ended.len());
    for (one, ended) in open.iter().filter_map(|at| ready.get(*at)).zip(ended) {
        if fails(ended) {
            continue;
        }
        if one.item.again {
            updates.push(Update {
                record: one.record.clone(),
                outcome: ended.outcome,
                code: ended.code.clone(),
                subject: ended.subject.clone(),
            });
        }
        // Where it died it may have been known by its place, or by an id that an edit changed.
        let place = place_of(&one.letter.raw);
        let old = one.letter.record.as_ref().unwrap_or(&place);
        let owned = !is_conflict(one.letter);
        if *old != one.record && owned {
            let subject = Some(format!("record:{}", one.record));
            updates.push(Update {
                record: old.clone(),
                outcome: Ending::Applied,
                code: None,
                subject,
            });
        }
    }
    updates
}

fn replayed(ended: Ended) -> Replayed {
    let code = ended.code.unwrap_or_default();
    match ended.outcome {
        Ending::Applied => Replayed::Applied { subject: ended.subject },
        Ending::Duplicate | Ending::Reopened => Replayed::AlreadyApplied,
        Ending::Rejected => Replayed::Rejected { code },
        Ending::Waiting | Ending::DeadLettered => Replayed::StillFailing { code },
    }
}

#[cfg(test)]
mod tests;
