//! What a person asks for by the command line: the ordinary command under an id of its own. It is
//! tried out first, in a transaction that is rolled back, so that the person reads what it does.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::domain::effect::Ending;
use crate::domain::ids::{MessageId, RecordId, Source};
use crate::domain::input::{Command, Input};
use crate::masked;
use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, decide_in_tx};
use crate::store::PgPool;
use crate::store::orders::{self as stored, Asked, Unread};
use crate::store::persist::RawRecordRow;
use crate::store::views::records::{self, RecordName, RecordRow};
use crate::store::views::standing::{self, About, Difference};
use crate::store::{DatabaseError, StoreError};
use crate::wire::{DecodeFailure, RawRecord, Topic, decode};

/// The `source` of commands that persons wrote here. They come back by the topic, so it is none of
/// ours.
pub(crate) const SOURCE: &str = "operators";
/// A reason in a command has at most so many characters (contract §2).
const REASON_MAX: usize = 200;

/// The fields of a command; what is absent is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    data: Map<String, Value>,
    /// What it changes and does not name: that is looked at before and after it, too.
    also: About,
}

impl Fields {
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Where it holds our mask, which stands for what a person did not see.
    pub(crate) fn masked(&self) -> Option<String> {
        let data = Value::Object(self.data.clone()).to_string();
        masked::held(data.as_bytes(), None).map(|place| format!("/data{place}"))
    }

    pub(crate) fn about(mut self, also: &About) -> Self {
        self.also.add(also);
        self
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub kind: &'static str,
    pub fields: Fields,
    pub operator: String,
    pub reason: Option<String>,
    /// The command's own id; without one it is made of content, person and time.
    pub id: Option<String>,
}

/// A command, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub record: RecordId,
    pub kind: &'static str,
    pub value: Vec<u8>,
    pub key: Option<String>,
    pub about: About,
    item: Item,
}

/// What it would do.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub outcome: Ending,
    pub code: Option<String>,
    pub needs: Option<String>,
    pub changes: Vec<Difference>,
}

/// The order as a record of the topic of commands. Where the command has a reason, person and
/// reason are in it.
///
/// # Errors
/// What makes it no command: the field, and what is expected there.
pub(crate) fn write(
    pipeline: &Pipeline,
    order: &Order,
    at: DateTime<Utc>,
) -> Result<Written, DecodeFailure> {
    use sha2::Digest;
    let mut data = order.fields.data.clone();
    if takes_reason(order.kind) {
        let said = match &order.reason {
            Some(reason) => format!("by {}: {reason}", order.operator),
            None => format!("by {}", order.operator),
        };
        let said: String = said.chars().take(REASON_MAX).collect();
        data.insert("reason".to_owned(), Value::String(said));
    }
    let data = Value::Object(data);
    let id = order.id.clone().unwrap_or_else(|| {
        let mark = format!("{}|{data}|{}|{}", order.kind, order.operator, at.timestamp_micros());
        let digest = sha2::Sha256::digest(mark.as_bytes());
        let mut hex = hex::encode(digest);
        hex.truncate(24);
        format!("op-{hex}")
    });
    let value = serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": order.kind,
        "time": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": data,
    });
    let value = value.to_string().into_bytes();
    let topic = Topic::Commands;
    let decoded = decode(&RawRecord { topic, key: None, value: Some(&value), headers: &[] });
    let message = decoded.clone()?;
    let (key, about) = if let Input::Command(command) = &message.input {
        // Of a payment without a customer the words keep their order by the payment.
        let account = command.account_id().map(ToString::to_string);
        let payment = || command.payment_id().map(ToString::to_string);
        let mut about = about(command);
        about.add(&order.fields.also);
        (account.or_else(payment), about)
    } else {
        (None, About::default())
    };
    let raw = RawRecordRow {
        topic: pipeline.settings().topics.commands.clone(),
        partition: -1,
        offset: 0,
        timestamp: Some(at),
        key: None,
        value: Some(value.clone()),
        headers: "[]".to_owned(),
    };
    let record = RecordId { source: Source::trusted(SOURCE), id: MessageId::trusted(&id) };
    let item = Item { raw, decoded, again: false };
    Ok(Written { record, kind: order.kind, value, key, about, item })
}

/// A reason is asked for where something is taken away.
pub(crate) fn needs_reason(kind: &str) -> bool {
    !matches!(
        kind,
        "topup.account.upsert.v1"
            | "topup.account.reopen.v1"
            | "topup.invoice.create.v1"
            | "topup.invoice.mark-sent.v1"
            | "topup.invoice.keep.v1"
            | "topup.payment.record.v1"
            | "topup.payment.assign.v1"
            | "topup.payment.allocate.v1"
            | "topup.match.confirm.v1"
            | "topup.match.reject.v1"
    )
}

fn takes_reason(kind: &str) -> bool {
    matches!(
        kind,
        "topup.invoice.void.v1"
            | "topup.payment.deallocate.v1"
            | "topup.payment.remove.v1"
            | "topup.payment.refund.v1"
            | "topup.payment.dismiss.v1"
            | "topup.account.close.v1"
            | "topup.account.reopen.v1"
            | "topup.command.cancel.v1"
            | "topup.match.confirm.v1"
            | "topup.match.reject.v1"
            | "topup.payment.split.v1"
            | "topup.payment.unsplit.v1"
            | "topup.return.resolve.v1"
    )
}

fn about(command: &Command) -> About {
    About {
        payments: command.payment_id().into_iter().map(ToString::to_string).collect(),
        invoices: command.invoice_ids().into_iter().map(ToString::to_string).collect(),
        accounts: command.account_ids().into_iter().map(ToString::to_string).collect(),
        ..About::default()
    }
}

impl Written {
    /// What it names, as it is kept beside person and reason.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let named = |kind: &str, ids: &[String]| {
            ids.iter().map(|id| format!("{kind}:{id}")).collect::<Vec<_>>()
        };
        let mut all = named("payment", &self.about.payments);
        all.extend(named("invoice", &self.about.invoices));
        all.extend(named("account", &self.about.accounts));
        // What it ends may name nobody.
        if let Ok(Input::Command(Command::CancelCommand(cancel))) =
            self.item.decoded.as_ref().map(|message| &message.input)
        {
            all.push(format!("command:{}", cancel.record));
        }
        all
    }
}

/// Decides the command as a worker would, and takes it back.
pub(crate) async fn try_out(
    pipeline: &Pipeline,
    written: &Written,
    at: DateTime<Utc>,
) -> Result<Tried, StoreError> {
    if let Some(failure) = refused(pipeline, written, at) {
        let (outcome, code) = (Ending::DeadLettered, Some(failure.code.code().to_owned()));
        return Ok(Tried { outcome, code, needs: None, changes: Vec::new() });
    }
    let mut tx = pipeline.pool().begin_deciding().await?;
    let before = standing::within(&mut tx, &written.about).await?;
    let ran = decide_in_tx(pipeline, &mut tx, std::slice::from_ref(&written.item), at).await?;
    let after = standing::within(&mut tx, &written.about).await?;
    tx.rollback().await?;
    let ended = ran.ended.into_iter().next();
    let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
    Ok(Tried {
        outcome: ended.outcome,
        code: ended.code,
        needs: ended.waits.map(|stands| stands.needs),
        changes: before.differences(&after),
    })
}

/// Why a worker would not take it from the command line.
fn refused(pipeline: &Pipeline, written: &Written, at: DateTime<Utc>) -> Option<DecodeFailure> {
    let key = written.key.as_deref().map(str::as_bytes);
    let value = Some(written.value.as_slice());
    let read = RawRecord { topic: Topic::Commands, key, value, headers: &[] };
    let message = written.item.decoded.clone().ok()?;
    pipeline.if_authorised(message, &pipeline.settings().topics.commands, &read, at).err()
}

/// Keeps who asks for it, and why.
pub(crate) async fn note(
    pool: &PgPool,
    order: &Order,
    written: &Written,
) -> Result<(), StoreError> {
    let subjects = written.subjects();
    stored::note(pool, asked(order, written, &subjects), Clock::System.now()).await
}

/// Another command of the same kind about the same things that was sent within a day and that no
/// worker has read.
pub(crate) async fn unread(
    pool: &PgPool,
    order: &Order,
    written: &Written,
) -> Result<Option<Unread>, StoreError> {
    let subjects = written.subjects();
    let since = Clock::System.now() - TimeDelta::days(1);
    stored::unread(pool, asked(order, written, &subjects), since).await
}

fn asked<'a>(order: &'a Order, written: &'a Written, subjects: &'a [String]) -> Asked<'a> {
    Asked {
        record: &written.record,
        command_type: written.kind,
        operator: &order.operator,
        reason: order.reason.as_deref(),
        subjects,
    }
}

/// How often is looked for the outcome.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What became of a record, once something did.
pub(crate) async fn outcome_of(
    pool: &PgPool,
    name: &RecordName,
    patience: Duration,
) -> Result<Option<RecordRow>, DatabaseError> {
    let mut left = patience;
    loop {
        if let Some(row) = records::find(pool, name).await?.into_iter().next() {
            return Ok(Some(row));
        }
        if left.is_zero() {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY.min(left)).await;
        left = left.saturating_sub(LOOK_EVERY);
    }
}
