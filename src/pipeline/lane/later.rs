//! What meets a row that a later version wrote: kept, and done by a worker that can read it.

use super::{GroupEnd, Next, RETRY_FIRST, next_step, rest};
use crate::domain::decide::bank::bank_key;
use crate::domain::decide::guards;
use crate::domain::effect::{Ending, Need};
use crate::domain::input::{Input, Message};
use crate::domain::keys::joined;
use crate::domain::rejection::DeadLetterReason;
use crate::kafka::LaneCancel;
use crate::pipeline::batch::{Item, type_of};
use crate::pipeline::{Pipeline, log_place};
use crate::store::checkpoint::{self, Fence};
use crate::store::error::Disposition;
use crate::store::load::Locks;
use crate::store::persist::{self, BatchWrite, InboxRow, Stands, WaitingRow};
use crate::store::{StoreError, Tx};
use crate::telemetry;

impl Pipeline {
    /// A fact of the bank is recorded, to be decided by a later version. Anything else waits for a
    /// worker that can read what it meets, as does a fact of which even the bank's own row cannot
    /// be read. It is never a dead letter for that, and holds nothing but its own queue.
    pub(super) async fn keep(
        &self,
        fence: &Fence,
        group: &[Item],
        error: &StoreError,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        let Some(item) = group.first() else {
            return GroupEnd::Committed;
        };
        let (topic, partition, offset) = (&fence.topic, fence.partition, item.raw.offset);
        let error = telemetry::chain(error);
        if let Some(recorded) = item.only_recorded(false)
            && let Some(step) = self.only_record(fence, &recorded, cancel).await
        {
            let what = "a later version wrote what this record meets: it is kept, undecided";
            tracing::warn!(topic, partition, offset, error, "{what}");
            return step;
        }
        // What is no record of ours has nothing that could wait.
        let Ok(message) = &item.decoded else {
            let reason = DeadLetterReason::Unprocessable;
            return self.dead_letter_alone(fence, &item.raw, None, reason, cancel).await;
        };
        let what = "a later version wrote what this record meets: it waits for one that can read";
        tracing::warn!(topic, partition, offset, error, "{what}");
        let mut pause = RETRY_FIRST;
        loop {
            let Err(error) = self.wait_for_version(fence, item, message).await else {
                self.count_one(fence, &item.raw, Ending::Waiting, Need::Version.code());
                return GroupEnd::Committed;
            };
            if error.disposition() == Disposition::Abandon {
                return GroupEnd::Fenced;
            }
            self.tell_retry(&fence.topic, fence.partition, &error, pause);
            if rest(&mut pause, cancel).await {
                return GroupEnd::Cancelled;
            }
        }
    }

    /// Records one fact of the bank; None when the database refuses that too.
    pub(super) async fn only_record(
        &self,
        fence: &Fence,
        item: &Item,
        cancel: &LaneCancel,
    ) -> Option<GroupEnd> {
        let mut pause = RETRY_FIRST;
        let mut attempts = 0_u32;
        loop {
            let items = std::slice::from_ref(item);
            let turn = self.turn().await;
            let result = self.attempt(fence, items, Locks::First).await;
            drop(turn);
            let Err(error) = result else {
                return Some(GroupEnd::Committed);
            };
            attempts = attempts.saturating_add(1);
            match next_step(&error, attempts, 1, 1) {
                Next::Abandon => return Some(GroupEnd::Fenced),
                Next::GiveUp | Next::Keep => return None,
                Next::Again | Next::Halve => {}
            }
            self.tell_retry(&fence.topic, fence.partition, &error, pause);
            if rest(&mut pause, cancel).await {
                return Some(GroupEnd::Cancelled);
            }
        }
    }

    /// One transaction. What has an outcome by now is not written again.
    async fn wait_for_version(
        &self,
        fence: &Fence,
        item: &Item,
        message: &Message,
    ) -> Result<(), StoreError> {
        let at = self.clock().now();
        let mut tx = self.pool().begin().await?;
        let locked = checkpoint::lock_in_tx(&mut tx, fence).await?;
        if locked.next_offset.is_some_and(|next| next > item.raw.offset) {
            tx.rollback().await?;
            return Ok(());
        }
        self.wait_in_tx(&mut tx, item, message).await?;
        checkpoint::advance_in_tx(&mut tx, fence, log_place::mark_of(&item.raw), at).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn wait_in_tx(
        &self,
        tx: &mut Tx<'_>,
        item: &Item,
        message: &Message,
    ) -> Result<(), StoreError> {
        let (raw, record) = (item.raw.clone(), message.record.clone());
        let (hash, kind) = (message.content_hash, type_of(&message.input));
        let mut write = BatchWrite::default();
        write.inbox.push(InboxRow {
            code: Some(Need::Version.code().to_owned()),
            guards: guards(&message.input),
            ..InboxRow::new(&raw, &record, hash, kind, Ending::Waiting)
        });
        write.waiting.push(WaitingRow {
            raw,
            record,
            wait_key: queue_of(message),
            stands: Stands::of(&Need::Version, None),
            patience: self.settings().waiting_deadline,
        });
        persist::undecided_in_tx(tx, &write, self.clock().now()).await
    }
}

/// Where it waits. The commands of an account stay in order. What brings something new, and usage,
/// stand by themselves: something else may wait for them. Records of one bank entry stay in order.
fn queue_of(message: &Message) -> String {
    let alone = || joined(&message.record.source.to_string(), &message.record.id.to_string());
    match &message.input {
        Input::Command(command) => match command.account_id() {
            Some(account_id) if !command.introduces() => account_id.as_str().to_owned(),
            Some(_) | None => format!("version:{}", alone()),
        },
        Input::BankTransaction(bank) => {
            let key = bank_key(bank, &message.bank_hash, 1);
            format!("version:{}", joined(&key.bank_account, &key.key))
        }
        Input::Usage(_)
        | Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => format!("version:{}", alone()),
    }
}
