//! Whether a record may be sent by who sent it. That is asked when it comes, and again when its
//! dead letter is replayed, by the rules of that day; what waits was let through already.
//!
//! Who is refused takes no id of another: the record is filed under its place.

use chrono::{DateTime, TimeDelta, Utc};

use super::batch::{Item, type_of};
use super::lane::{headers_from_json, kind_of};
use super::{Pipeline, Settings};
use crate::domain::authority::{Facts, Refusal, Sent, Table, Why, amounts, authorise};
use crate::domain::input::Message;
use crate::signature::{Keys, Signed};
use crate::wire::{DecodeCode, DecodeFailure, RawRecord, Topic, Unauthorised, is_binary};

/// Who may send what, and the keys that senders sign with.
#[derive(Debug, Clone, Default)]
pub struct Authority {
    /// None: everybody may send everything.
    pub table: Option<Table>,
    pub keys: Keys,
    /// How long it is known what came before.
    pub keep_days: i64,
}

impl Pipeline {
    /// `message`, if its sender may send it; `came` is when it came, on the topic of that name.
    ///
    /// # Errors
    /// Which rule refuses it, and why.
    pub(crate) fn if_authorised(
        &self,
        message: Message,
        topic: &str,
        read: &RawRecord<'_>,
        came: DateTime<Utc>,
    ) -> Result<Message, DecodeFailure> {
        let settings = self.settings();
        let Some(table) = &settings.authority.table else { return Ok(message) };
        let Err(refusal) = judge(settings, table, &message, (topic, read), came) else {
            return Ok(message);
        };
        Err(DecodeFailure {
            code: DecodeCode::NotAuthorised,
            detail: format!("authority {}, {refusal}", table.version),
            unauthorised: Some(Unauthorised {
                why: refusal.why,
                content_hash: message.content_hash,
            }),
            record: Some(message.record),
        })
    }

    /// The same of stored bytes; what we made ourselves has no place in any log.
    pub(crate) fn if_still_authorised(&self, item: Item, came: DateTime<Utc>) -> Item {
        let Item { raw, decoded, again } = item;
        let headers = headers_from_json(&raw.headers);
        let kind = kind_of(&self.settings().topics, &raw.topic).filter(|_| raw.partition >= 0);
        let Some(topic) = kind else { return Item { raw, decoded, again } };
        let (key, value) = (raw.key.as_deref(), raw.value.as_deref());
        let read = RawRecord { topic, key, value, headers: &headers };
        let decoded =
            decoded.and_then(|message| self.if_authorised(message, &raw.topic, &read, came));
        Item { raw, decoded, again }
    }
}

fn judge<'t>(
    settings: &Settings,
    table: &'t Table,
    message: &Message,
    (topic, read): (&str, &RawRecord<'_>),
    came: DateTime<Utc>,
) -> Result<(), Refusal<'t>> {
    let sent = Sent {
        source: message.record.source.as_str(),
        kind: type_of(&message.input),
        topic: match read.topic {
            Topic::Commands => "commands",
            Topic::BankPayments => "bank",
            Topic::Usage => "usage",
        },
    };
    let signed = || {
        let signed = Signed { topic, key: read.key, value: read.value };
        let key = signed.verify(read.headers, &settings.authority.keys)?;
        if is_binary(read) { Err(Why::InHeaders) } else { Ok(key) }
    };
    let asked = table.asks_for_signature(&sent);
    let amounts = amounts(&message.input);
    let facts = Facts {
        sent,
        amounts: amounts.as_deref(),
        time: message.time,
        believed: believed(settings, came),
        signed_by: if asked { signed() } else { Err(Why::Unsigned) },
    };
    authorise(table, &facts)
}

/// A signature can be sent again by anybody. What is signed and older than what is kept of records
/// would come as new then. A time may be ahead by as much as clocks differ, and counts less for it.
fn believed(settings: &Settings, came: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let keep = TimeDelta::try_days(settings.authority.keep_days).unwrap_or(TimeDelta::MAX);
    let oldest = came.checked_sub_signed(keep).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let later = |at: DateTime<Utc>| at.checked_add_signed(settings.clock_skew).unwrap_or(at);
    (later(oldest), later(came))
}
