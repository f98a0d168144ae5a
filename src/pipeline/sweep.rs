//! Waiting commands: released when what they name has come, ended at their deadline.

use super::Pipeline;
use super::batch::{Ended, Item, run_in_tx};
use super::lane::decode_again;
use crate::domain::rejection::DeadLetterReason;
use crate::store::load::Locks;
use crate::store::waiting::{self, Waiting};
use crate::store::{StoreError, Tx, dead_letters, next_id_block};

/// Keys looked at in one sweep, and commands of one key before the next key has its turn.
const KEYS_MAX: i64 = 200;
const COMMANDS_MAX: u32 = 500;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub released: usize,
    pub expired: usize,
}

impl Pipeline {
    /// Releases and expires what is due. Safe to run in several workers at the same time.
    ///
    /// # Errors
    /// When the database fails; what was done for other keys stays done.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut total = Swept::default();
        let keys = waiting::due_keys(self.pool(), self.clock().now(), KEYS_MAX).await?;
        for key in keys {
            let swept = self.sweep_key(&key).await?;
            total.released = total.released.saturating_add(swept.released);
            total.expired = total.expired.saturating_add(swept.expired);
        }
        Ok(total)
    }

    /// Works through the commands of one key in order, until one must go on waiting. Each has a
    /// transaction of its own, so that locks are taken in the order that all writers keep.
    async fn sweep_key(&self, key: &str) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for _ in 0..COMMANDS_MAX {
            let mut tx = self.pool().begin().await?;
            let Some(command) = waiting::lock_first_in_tx(&mut tx, key).await? else {
                tx.rollback().await?;
                break;
            };
            let ended = self.sweep_one(&mut tx, &command).await?;
            tx.commit().await?;
            match ended.map(|ended| ended.outcome) {
                None => break,
                Some("dead_lettered") => swept.expired = swept.expired.saturating_add(1),
                Some(_) => swept.released = swept.released.saturating_add(1),
            }
        }
        Ok(swept)
    }

    /// None: it goes on waiting, and so does all behind it.
    async fn sweep_one(
        &self,
        tx: &mut Tx<'_>,
        command: &Waiting,
    ) -> Result<Option<Ended>, StoreError> {
        let at = self.clock().now();
        let item: Item = decode_again(&self.settings().topics, &command.raw)
            .ok_or(StoreError::Corrupt("a waiting command of another topic"))?;
        let block = next_id_block(tx).await?;
        let written =
            run_in_tx(self, tx, std::slice::from_ref(&item), block, Locks::First, at).await?;
        let ended = written.ended.into_iter().next();
        let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
        if ended.outcome == "waiting" && command.deadline > at {
            let needs = ended.needs.as_deref().unwrap_or("queue");
            let code = ended.code.as_deref().unwrap_or("behind_waiting");
            waiting::set_needs_in_tx(tx, command.id, &command.record, needs, code).await?;
            return Ok(None);
        }
        waiting::end_in_tx(tx, &[command.id]).await?;
        if ended.outcome == "waiting" {
            return self.expire(tx, command).await.map(Some);
        }
        let code = ended.code.as_deref();
        if ended.outcome == "dead_lettered" {
            let code = code.unwrap_or("unprocessable");
            waiting::dead_letter_in_tx(tx, command, code, sentence(code), at).await?;
        }
        let subject = ended.subject.as_deref();
        dead_letters::update_inbox_in_tx(tx, &command.record, ended.outcome, code, subject).await?;
        Ok(Some(ended))
    }

    async fn expire(&self, tx: &mut Tx<'_>, command: &Waiting) -> Result<Ended, StoreError> {
        let reason = DeadLetterReason::DependencyMissing;
        let at = self.clock().now();
        waiting::dead_letter_in_tx(tx, command, reason.code(), reason.sentence(), at).await?;
        let code = Some(reason.code());
        dead_letters::update_inbox_in_tx(tx, &command.record, "dead_lettered", code, None).await?;
        tracing::warn!(
            record = %command.record,
            needs = command.needs,
            "a command waited until its deadline: dead-lettered"
        );
        Ok(Ended {
            outcome: "dead_lettered",
            code: code.map(str::to_owned),
            subject: None,
            needs: None,
        })
    }
}

fn sentence(code: &str) -> &'static str {
    let known = DeadLetterReason::ALL.into_iter().find(|reason| reason.code() == code);
    known.map_or("The record could not be processed.", DeadLetterReason::sentence)
}
