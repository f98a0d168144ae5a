//! Waiting commands: released when what they name has come, ended at their deadline.

mod renewed;
mod rounds;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};

use super::Pipeline;
use super::batch::{Ended, Item, decide_in_tx};
use super::decode_again;
use super::own::{self, Own, Submitted, Wish};
use crate::domain::effect::{Ending, NeedKind};
use crate::domain::ids::{BankKey, own_source};
use crate::domain::input::{Input, Waited};
use crate::domain::keys::joined;
use crate::domain::rejection::DeadLetterReason;
use crate::domain::usage::{HoldAmount, Usage};
use crate::store::error::Disposition;
use crate::store::failing::{self, Kind};
use crate::store::inbox::{self, Update};
use crate::store::persist::Stands;
use crate::store::usage;
use crate::store::waiting::{self, Turn, Waiting};
use crate::store::{StoreError, Tx, in_hand, returns};

pub(super) use renewed::{Touched, touched};
pub(super) use rounds::Rounds;

/// Commands that failed before and have their turn again in one sweep: beside those that did not,
/// so that neither stands in the way of the other.
const AGAIN_MAX: i64 = 200;
/// Commands that stood behind one that had its turn, and have theirs before the next one has.
const FREED_MAX: u32 = 100;
/// Holds expired in one sweep.
const HOLDS_MAX: i64 = 500;
/// Parked returns that failed before and are tried again in one sweep.
const RETURNS_MAX: i64 = 200;
/// A waiting command that is itself the cause of its failure is a dead letter after so many
/// attempts: about four minutes, in which those behind it wait.
const GIVE_UP_AFTER: i32 = 8;

/// Those that failed before, and are due again by that instant; none: all others.
type Again = Option<DateTime<Utc>>;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub released: usize,
    pub expired: usize,
    pub holds_expired: usize,
    /// Parked returns that were applied.
    pub returns_applied: usize,
    /// Items that failed: each is tried again by itself, later each time.
    pub failed: usize,
    /// It came to the end of the commands that wait; where there are many, others have their turn
    /// in the sweeps that follow.
    pub came_round: bool,
}

impl Swept {
    fn add(&mut self, more: Self) {
        self.released = self.released.saturating_add(more.released);
        self.expired = self.expired.saturating_add(more.expired);
        self.holds_expired = self.holds_expired.saturating_add(more.holds_expired);
        self.returns_applied = self.returns_applied.saturating_add(more.returns_applied);
        self.failed = self.failed.saturating_add(more.failed);
        self.came_round |= more.came_round;
    }
}

impl Pipeline {
    /// Releases and expires what is due: what never failed first, then what failed before and has
    /// its turn again. Safe to run in several workers at the same time: what one has in hand, no
    /// other takes. What was in hand at a death is tried apart (`store::in_hand`).
    ///
    /// # Errors
    /// When the database cannot be reached. What one item does to itself is no error: it is noted,
    /// and the next one goes on.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut sweeping = self.sweeping.lock().await;
        let owner = match *sweeping {
            Some(owner) => owner,
            None => *sweeping.insert(in_hand::new_owner(self.pool()).await?),
        };
        let mut total = Swept::default();
        // What fails in this sweep is not due again in it, however long it takes.
        let started = self.clock().now();
        for again in [None, Some(started)] {
            let at = self.clock().now();
            total.add(self.retry_returns(owner, at, again).await?);
            total.add(self.expire_holds(owner, at, again).await?);
            total.add(self.sweep_commands(owner, at, again).await?);
        }
        Ok(total)
    }

    /// Tries parked returns again, each in a transaction of its own. Somebody else may do the same
    /// at this moment: who comes second finds it parked no more.
    async fn retry_returns(
        &self,
        owner: i64,
        at: DateTime<Utc>,
        again: Again,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let due = match again {
            Some(by) => returns::again(self.pool(), by, RETURNS_MAX).await?,
            None => self.due_returns(at).await?.due,
        };
        let (names, mut due) =
            by_name(due, |(key, _): &(BankKey, _)| joined(&key.bank_account, &key.key));
        let mut hand = self.take_in_hand(Kind::Return, owner, &names).await?;
        while let Some(group) = hand.next().await? {
            for name in &group.items {
                let Some((key, since)) = due.remove(name) else { continue };
                let wish = || return_again(&key, since);
                let by = (own_source::RETURNS, "return");
                let one = One { kind: Kind::Return, name, by, again: again.is_some() };
                match self.alone(one, wish, group.alone(), at).await? {
                    None => swept.failed = swept.failed.saturating_add(1),
                    Some(done) if done.changed > 0 => {
                        swept.returns_applied = swept.returns_applied.saturating_add(1);
                    }
                    Some(done) => {
                        let ended = done.ended.first();
                        let subject = ended.and_then(|ended| ended.subject.as_deref());
                        let why = subject.and_then(|subject| subject.strip_prefix("waits:"));
                        returns::tried(self.pool(), &key, why, at).await?;
                    }
                }
                hand.renew().await?;
            }
        }
        Ok(swept)
    }

    /// One item in a transaction of its own; None when it failed, which is noted. What changes
    /// nothing leaves no trace.
    async fn alone(
        &self,
        one: One<'_>,
        wish: impl Fn() -> Wish,
        on_trial: bool,
        at: DateTime<Utc>,
    ) -> Result<Option<Submitted>, StoreError> {
        let turn = self.turn_unless(on_trial).await;
        let mut tried = self.try_one(one.by, wish(), at).await;
        if tried.as_ref().is_err_and(StoreError::is_race) {
            // A person's command, or another worker, did it meanwhile: seen anew, it may be gone.
            tried = self.try_one(one.by, wish(), at).await;
        }
        drop(turn);
        match tried {
            Ok(done) => {
                if one.again {
                    failing::clear(self.pool(), one.kind, &[one.name.to_owned()]).await?;
                }
                Ok(Some(done))
            }
            Err(error) if error.is_everyones() => Err(error),
            Err(error) => {
                failing::note(self.pool(), one.kind, one.name, &error, at).await?;
                Ok(None)
            }
        }
    }

    async fn try_one(
        &self,
        by: (&str, &str),
        wish: Wish,
        at: DateTime<Utc>,
    ) -> Result<Submitted, StoreError> {
        let mut tx = self.pool().begin().await?;
        let retried = matches!(wish.input, Input::RetryReturn(_));
        let done = own::submit(self, &mut tx, by, Own::Wishes(vec![wish]), at).await?;
        if retried && done.changed == 0 {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(done)
    }

    /// Ends the holds that have come to the configured age, each in a transaction of its own and
    /// as a record of ours: somebody else may do the same at this moment.
    async fn expire_holds(
        &self,
        owner: i64,
        at: DateTime<Utc>,
        again: Again,
    ) -> Result<Swept, StoreError> {
        let before = at.checked_sub_signed(self.settings().hold_max_age).unwrap_or(at);
        let mut swept = Swept::default();
        let due = usage::holds_due(self.pool(), before, HOLDS_MAX, again).await?;
        let (names, mut due) = by_name(due, |hold: &HoldAmount| {
            joined(hold.account_id.as_str(), hold.hold_id.as_str())
        });
        let mut hand = self.take_in_hand(Kind::Hold, owner, &names).await?;
        while let Some(group) = hand.next().await? {
            for name in &group.items {
                let Some(hold) = due.remove(name) else { continue };
                let wish = || expiry(hold.clone());
                let by = (own_source::HOLDS, "expire");
                let one = One { kind: Kind::Hold, name, by, again: again.is_some() };
                match self.alone(one, wish, group.alone(), at).await? {
                    None => swept.failed = swept.failed.saturating_add(1),
                    Some(_) => swept.holds_expired = swept.holds_expired.saturating_add(1),
                }
                hand.renew().await?;
            }
        }
        Ok(swept)
    }

    /// Gives each waiting command that is due its turn, and then those that stood behind it.
    async fn sweep_commands(
        &self,
        owner: i64,
        at: DateTime<Utc>,
        again: Again,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let due = if let Some(by) = again {
            waiting::again(self.pool(), by, AGAIN_MAX).await?
        } else {
            let feed = self.proof_feed(at);
            let known = usage::known_through(self.pool(), feed.as_ref()).await?;
            let looked = self.due_commands(at, known).await?;
            swept.came_round = looked.came_round;
            looked.due
        };
        let mut of_key: HashMap<String, BTreeSet<i64>> = HashMap::new();
        for (key, id) in &due {
            of_key.entry(key.clone()).or_default().insert(*id);
        }
        let (names, due) = by_name(due, |(_, id): &(String, i64)| id.to_string());
        let mut hand = self.take_in_hand(Kind::Command, owner, &names).await?;
        for killer in hand.killers() {
            if self.put_aside(killer).await? {
                swept.expired = swept.expired.saturating_add(1);
            }
        }
        while let Some(group) = hand.next().await? {
            for name in &group.items {
                let Some((key, id)) = due.get(name) else { continue };
                // The commands of a key keep their order.
                let later = of_key.get(key).map(|ids| ids.range(id.saturating_add(1)..));
                let until = later.and_then(|mut later| later.next().copied());
                // On trial is this one, and none behind it.
                let freed = if group.alone() { 0 } else { FREED_MAX };
                let stretch = Stretch { id: *id, until, freed, again: again.is_some() };
                swept.add(self.sweep_from(key, stretch).await?);
                hand.renew().await?;
            }
        }
        Ok(swept)
    }

    /// One command has its turn, and then those of its key up to `until` that stood behind it, in
    /// their order. Each has a transaction of its own, so that locks are taken in the order that
    /// all writers keep. One that must go on waiting, or fails, holds up what stands behind it.
    async fn sweep_from(
        &self,
        key: &str,
        Stretch { id, until, freed, mut again }: Stretch,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut next = Turn::Of(id);
        for _ in 0..=freed {
            let mut at_hand = None;
            let turn = self.turn_unless(freed == 0).await;
            match self.turn_of(key, next, &mut at_hand, again).await {
                Ok(None) => {}
                Ok(Some(Ending::DeadLettered)) => swept.expired = swept.expired.saturating_add(1),
                Ok(Some(_)) => swept.released = swept.released.saturating_add(1),
                Err(error) => {
                    swept.failed = swept.failed.saturating_add(1);
                    self.turn_failed(at_hand.as_ref(), error).await?;
                }
            }
            drop(turn);
            let Some(command) = at_hand else { break };
            (next, again) = (Turn::Freed { after: command.id, until }, false);
        }
        Ok(swept)
    }

    /// A command of a key has its turn, and is left in `at_hand`. None: it goes on waiting.
    async fn turn_of(
        &self,
        key: &str,
        turn: Turn,
        at_hand: &mut Option<Waiting>,
        again: bool,
    ) -> Result<Option<Ending>, StoreError> {
        let mut tx = self.pool().begin().await?;
        let Some(command) = waiting::lock_in_tx(&mut tx, key, turn).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let command = at_hand.insert(command);
        let ended = self.sweep_one(&mut tx, command).await?;
        tx.commit().await?;
        if again {
            failing::clear(self.pool(), Kind::Command, &[command.id.to_string()]).await?;
        }
        Ok(ended.map(|ended| ended.outcome))
    }

    /// A waiting command at which the process died twice, alone, is a dead letter, so that those
    /// behind it go on; it is not decided again. A fact of the bank is no such thing: it is tried
    /// on, seldom. True if it is a dead letter now.
    async fn put_aside(&self, item: &str) -> Result<bool, StoreError> {
        let Ok(id) = item.parse::<i64>() else { return Ok(false) };
        let Some(key) = waiting::key_of(self.pool(), id).await? else { return Ok(false) };
        let mut tx = self.pool().begin().await?;
        let there = waiting::lock_in_tx(&mut tx, &key, Turn::Of(id)).await?;
        let bank = &self.settings().topics.bank_payments;
        let Some(command) = there.filter(|there| there.raw.topic != *bank) else {
            tx.rollback().await?;
            return Ok(false);
        };
        tracing::error!(record = %command.record,
            "the process died twice at this waiting command alone: dead-lettered");
        self.dead_letter_waiting(tx, &command, DeadLetterReason::CrashLoop).await?;
        Ok(true)
    }

    async fn dead_letter_waiting(
        &self,
        mut tx: Tx<'_>,
        command: &Waiting,
        reason: DeadLetterReason,
    ) -> Result<(), StoreError> {
        let (code, at) = (reason.code(), self.clock().now());
        if waiting::end_in_tx(&mut tx, &[command.id]).await? {
            waiting::dead_letter_in_tx(&mut tx, command, code, reason.sentence(), at).await?;
            inbox::update_in_tx(&mut tx, &[Update::dead_lettered(&command.record, code)]).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// What stands behind it waits for the next attempt, and nothing else. One that is itself the
    /// cause becomes a dead letter in the end, so that those behind it go on.
    async fn turn_failed(
        &self,
        command: Option<&Waiting>,
        error: StoreError,
    ) -> Result<(), StoreError> {
        let Some(command) = command.filter(|_| !error.is_everyones()) else {
            let others_go_on = error.is_answered() && !error.is_everyones();
            return if others_go_on { Ok(()) } else { Err(error) };
        };
        let at = self.clock().now();
        let item = command.id.to_string();
        let attempts = failing::note(self.pool(), Kind::Command, &item, &error, at).await?;
        let own_fault = matches!(error.disposition(), Disposition::Bisect | Disposition::Suspect);
        // A fact of the bank is tried on: what it meets is not its fault.
        let fact = command.raw.topic == self.settings().topics.bank_payments;
        if !own_fault || fact || attempts < GIVE_UP_AFTER {
            return Ok(());
        }
        let tx = self.pool().begin().await?;
        self.dead_letter_waiting(tx, command, error.reason()).await?;
        tracing::error!(record = %command.record, code = error.code(),
            "a waiting command fails by itself: dead-lettered");
        failing::clear(self.pool(), Kind::Command, &[item]).await
    }

    /// None: it goes on waiting, and so does all that stands behind it.
    async fn sweep_one(
        &self,
        tx: &mut Tx<'_>,
        command: &Waiting,
    ) -> Result<Option<Ended>, StoreError> {
        let at = self.clock().now();
        let mut item: Item = decode_again(&self.settings().topics, &command.raw)
            .ok_or(StoreError::Corrupt("a waiting command of another topic"))?;
        // It stood behind another: its own time begins with its turn.
        let kind = NeedKind::of(&command.needs).map(|(kind, _)| kind);
        let first = kind == Some(NeedKind::Behind);
        let over = !first && command.deadline <= at;
        if let Ok(message) = &mut item.decoded {
            message.waited =
                Some(Waited { since: command.since, over, told: kind == Some(NeedKind::Proof) });
        }
        let written = decide_in_tx(self, tx, std::slice::from_ref(&item), at).await?;
        self.touched.note(written.touched);
        let ended = written.ended.into_iter().next();
        let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
        if let Some(stands) = &ended.waits
            // What stands behind another waits for its turn, also beyond its deadline.
            && (!over || stands.behind.is_some())
        {
            let code = ended.code.as_deref().unwrap_or("behind_waiting");
            let turn = first && stands.behind.is_none();
            let until = turn.then(|| self.until(stands, at)).flatten();
            waiting::set_needs_in_tx(tx, command.id, &command.record, stands, (code, until))
                .await?;
            return Ok(None);
        }
        // A person cancelled it meanwhile: then what was decided here is taken back.
        if !waiting::end_in_tx(tx, &[command.id]).await? {
            return Err(StoreError::Raced("a command that waits"));
        }
        if ended.outcome == Ending::Waiting {
            return self.expire(tx, command).await.map(Some);
        }
        let code = ended.code.as_deref();
        if ended.outcome == Ending::DeadLettered {
            let code = code.unwrap_or("unprocessable");
            waiting::dead_letter_in_tx(tx, command, code, sentence(code), at).await?;
        }
        let update = Update {
            record: command.record.clone(),
            outcome: ended.outcome,
            code: ended.code.clone(),
            subject: ended.subject.clone(),
        };
        inbox::update_in_tx(tx, &[update]).await?;
        Ok(Some(ended))
    }

    /// How long a command waits whose turn it is.
    fn until(&self, stands: &Stands, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let settings = self.settings();
        let proof = matches!(NeedKind::of(&stands.needs), Some((NeedKind::Proof, _)));
        let patience = if proof { settings.proof_deadline } else { settings.waiting_deadline };
        at.checked_add_signed(patience)
    }

    async fn expire(&self, tx: &mut Tx<'_>, command: &Waiting) -> Result<Ended, StoreError> {
        let reason = DeadLetterReason::DependencyMissing;
        let at = self.clock().now();
        waiting::dead_letter_in_tx(tx, command, reason.code(), reason.sentence(), at).await?;
        let update = Update::dead_lettered(&command.record, reason.code());
        inbox::update_in_tx(tx, &[update]).await?;
        tracing::warn!(
            record = %command.record,
            needs = command.needs,
            "a command waited until its deadline: dead-lettered"
        );
        Ok(Ended::of(Ending::DeadLettered, Some(reason.code().to_owned())))
    }
}

/// One item that is due, with its name in `failing_items`.
struct One<'a> {
    kind: Kind,
    name: &'a str,
    /// Who submits it, and under which key.
    by: (&'static str, &'static str),
    /// It failed before.
    again: bool,
}

/// A waiting command that has its turn, and up to where and how many have theirs that it frees.
struct Stretch {
    id: i64,
    until: Option<i64>,
    freed: u32,
    /// It failed before.
    again: bool,
}

/// What is due by its names, which keep the order.
fn by_name<T>(due: Vec<T>, name: impl Fn(&T) -> String) -> (Vec<String>, HashMap<String, T>) {
    let names: Vec<String> = due.iter().map(name).collect();
    let due = names.iter().cloned().zip(due).collect();
    (names, due)
}

/// A return is applied once, for ever: the same again is a duplicate.
fn return_again(key: &BankKey, since: DateTime<Utc>) -> Wish {
    Wish {
        // The first part has no slash (`bank_account` is an id of ours), so this names one return.
        named: format!("return:{}/{}", key.bank_account, key.key),
        letters: 48,
        input: Input::RetryReturn(key.clone()),
        waited: Some(Waited { since, over: false, told: false }),
    }
}

/// One expiry of a hold, for ever: the same again is a duplicate.
fn expiry(hold: HoldAmount) -> Wish {
    // As above: an account's id has no slash.
    let named = format!("expire:{}/{}", hold.account_id, hold.hold_id);
    Wish { named, letters: 48, input: Input::Usage(Usage::ExpireHold(hold)), waited: None }
}

fn sentence(code: &str) -> &'static str {
    let known = DeadLetterReason::ALL.into_iter().find(|reason| reason.code() == code);
    known.map_or("The record could not be processed.", DeadLetterReason::sentence)
}
