//! Waiting commands: released when what they name has come, ended at their deadline.

use super::Pipeline;
use super::batch::{Ended, Item, run_in_tx};
use super::lane::decode_again;
use chrono::{DateTime, Utc};

use crate::domain::effect::BankKey;
use crate::domain::ids::{MessageId, RecordId, Source, own_source};
use crate::domain::input::{ContentHash, Input, Message, Waited};
use crate::domain::rejection::DeadLetterReason;
use crate::domain::usage::{HoldAmount, Usage};
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::store::usage;
use crate::store::waiting::{self, Waiting};
use crate::store::{StoreError, Tx, dead_letters, next_id_block, returns};

/// Keys looked at in one sweep, and commands of one key before the next key has its turn.
const KEYS_MAX: i64 = 200;
const COMMANDS_MAX: u32 = 500;
/// Holds expired in one sweep.
const HOLDS_MAX: i64 = 500;
/// Parked returns tried in one sweep.
const RETURNS_MAX: i64 = 200;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub released: usize,
    pub expired: usize,
    pub holds_expired: usize,
    /// Parked returns that were applied.
    pub returns_applied: usize,
}

impl Pipeline {
    /// Releases and expires what is due. Safe to run in several workers at the same time.
    ///
    /// # Errors
    /// When the database fails; what was done for other keys stays done.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let mut total = Swept::default();
        let at = self.clock().now();
        let known = usage::known_through(self.pool(), self.proof_feed(at).as_ref()).await?;
        let keys = waiting::due_keys(self.pool(), at, KEYS_MAX, known).await?;
        for key in keys {
            let swept = self.sweep_key(&key).await?;
            total.released = total.released.saturating_add(swept.released);
            total.expired = total.expired.saturating_add(swept.expired);
        }
        total.returns_applied = self.retry_returns().await?;
        total.holds_expired = self.expire_holds().await?;
        Ok(total)
    }

    /// Tries parked returns again, each in a transaction of its own. Somebody else may do the same
    /// at this moment: who comes second finds it parked no more.
    async fn retry_returns(&self) -> Result<usize, StoreError> {
        let at = self.clock().now();
        let due = returns::due(self.pool(), at, RETURNS_MAX).await?;
        let mut count = 0_usize;
        for (key, since) in due {
            let item = self.return_again(&key, since, at);
            let _turn = self.turn().await;
            let mut tx = self.pool().begin().await?;
            let block = next_id_block(&mut tx).await?;
            let batch = std::slice::from_ref(&item);
            match run_in_tx(self, &mut tx, batch, block, Locks::First, at).await {
                Ok(written) if written.rematched > 0 => {
                    tx.commit().await?;
                    count = count.saturating_add(1);
                }
                Ok(_) => {
                    tx.rollback().await?;
                    returns::tried(self.pool(), &key, at).await?;
                }
                Err(error) if error.is_race() => tx.rollback().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// A return is applied once, for ever: the same again is a duplicate.
    fn return_again(&self, key: &BankKey, since: DateTime<Utc>, at: DateTime<Utc>) -> Item {
        let named = format!("return:{}/{}", key.bank_account, key.key);
        let waited = Some(Waited { since, over: false, told: false });
        let topic = self.settings().topics.bank_payments.clone();
        let message = Message {
            waited,
            ..own_message(
                own_source::RETURNS,
                "return",
                &named,
                Input::RetryReturn(key.clone()),
                at,
            )
        };
        own_item(topic, message, at)
    }

    /// Ends the holds that have come to the configured age, each in a transaction of its own and
    /// as a record of ours: somebody else may do the same at this moment.
    async fn expire_holds(&self) -> Result<usize, StoreError> {
        let at = self.clock().now();
        let before = at.checked_sub_signed(self.settings().hold_max_age).unwrap_or(at);
        let due = usage::holds_due(self.pool(), before, HOLDS_MAX).await?;
        let mut count = 0_usize;
        for hold in due {
            let item = self.expiry(hold, at);
            let _turn = self.turn().await;
            let mut tx = self.pool().begin().await?;
            let block = next_id_block(&mut tx).await?;
            let batch = std::slice::from_ref(&item);
            match run_in_tx(self, &mut tx, batch, block, Locks::First, at).await {
                Ok(_) => {
                    tx.commit().await?;
                    count = count.saturating_add(1);
                }
                Err(error) if error.is_race() => tx.rollback().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// One expiry of a hold, for ever: the same again is a duplicate.
    fn expiry(&self, hold: HoldAmount, at: DateTime<Utc>) -> Item {
        let named = format!("expire:{}/{}", hold.account_id, hold.hold_id);
        let input = Input::Usage(Usage::ExpireHold(hold));
        let message = own_message(own_source::HOLDS, "expire", &named, input, at);
        own_item(self.settings().topics.usage.clone(), message, at)
    }

    /// Works through the commands of one key in order, until one must go on waiting. Each has a
    /// transaction of its own, so that locks are taken in the order that all writers keep.
    async fn sweep_key(&self, key: &str) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for _ in 0..COMMANDS_MAX {
            let _turn = self.turn().await;
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
        let mut item: Item = decode_again(&self.settings().topics, &command.raw)
            .ok_or(StoreError::Corrupt("a waiting command of another topic"))?;
        if let Ok(message) = &mut item.decoded {
            message.waited = Some(Waited {
                since: command.since,
                over: command.deadline <= at,
                told: command.needs.starts_with("proof:"),
            });
        }
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

/// A wish of our own as a record: its id is made of what it names.
fn own_message(source: &str, kind: &str, named: &str, input: Input, at: DateTime<Utc>) -> Message {
    use sha2::Digest;
    let content_hash: ContentHash = sha2::Sha256::digest(named.as_bytes()).into();
    let hex: String = content_hash.iter().take(24).map(|b| format!("{b:02x}")).collect();
    Message {
        record: RecordId {
            source: Source::trusted(source),
            id: MessageId::trusted(&format!("{kind}:{hex}")),
        },
        time: at,
        traceparent: None,
        content_hash,
        bank_hash: content_hash,
        tokens: None,
        waited: None,
        input,
    }
}

/// Partition −1 is no place in any log.
fn own_item(topic: String, message: Message, at: DateTime<Utc>) -> Item {
    let raw = RawRecordRow {
        topic,
        partition: -1,
        offset: 0,
        timestamp: Some(at),
        key: None,
        value: None,
        headers: "[]".to_owned(),
    };
    Item { raw, decoded: Ok(message), again: false }
}

fn sentence(code: &str) -> &'static str {
    let known = DeadLetterReason::ALL.into_iter().find(|reason| reason.code() == code);
    known.map_or("The record could not be processed.", DeadLetterReason::sentence)
}
