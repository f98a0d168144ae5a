//! What rows become on their way, and what is done about an answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::packed::Unreadable;

use super::{
    DeadLetter, DeadLetterHeaders, Events, Header, Hold, Key, Letter, OutRecord, Relay, SendError,
    headers_from_json, traceparent_of,
};

/// Rows that are sent one by one in a round: each waits for its answer.
const ALONE_MAX: usize = 200;
/// Events are a few kilobytes. One that is longer than this may be more than its topic takes.
const LARGE: usize = 65_536;
/// A longer key is no part of a pointer, which must be small.
const POINTER_KEY_MAX: usize = 1_024;

/// What became of events.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) done: Vec<i64>,
    pub(super) refused: Vec<Refused>,
    /// Something was delivered: Kafka is there.
    pub(super) reached: bool,
}

/// A key whose next row was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// The key from that row on, with what Kafka or the client answered.
    pub(super) hold: Hold,
    pub(super) cause: Cause,
    /// The row and those behind it.
    pub(super) ids: Vec<i64>,
}

/// What a row was not taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The row itself, or that nothing gets through.
    Unsure,
    /// Kafka does not take the row itself.
    TooLarge,
    /// It was not sent: this program cannot read it.
    Unreadable,
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Done,
    Failed(SendError),
    NotSent,
    /// It cannot be read here; what is behind it waits.
    Unreadable(Unreadable),
}

/// Whether one of its events may be more than a topic takes.
fn is_large(payload: &str) -> bool {
    payload.len() > LARGE && payload.split('\n').any(|event| event.len() > LARGE)
}

impl Refused {
    /// `rest` is the row that was not taken and those of its key behind it.
    fn of(rest: &[&Events], code: &str, cause: Cause) -> Option<Self> {
        let first = rest.first()?;
        let (key, from_sequence) = (first.key.clone(), first.first_sequence);
        let hold = Hold { key, from_sequence, code: code.to_owned() };
        Some(Self { hold, cause, ids: rest.iter().map(|row| row.outbox_id).collect() })
    }
}

fn refuse(rest: &[&Events], error: &SendError, sent: &mut Sent) {
    // What was not sent because of another key is sent with the next round.
    if let SendError::Failed { .. } = error {
        let cause = if error.is_too_large() { Cause::TooLarge } else { Cause::Unsure };
        sent.refused.extend(Refused::of(rest, &error.word(), cause));
    }
}

/// How much of a dead letter its copy carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Full,
    /// Key and headers, no value.
    Headers,
    /// Only our headers, which name the letter.
    Pointer,
}

impl Form {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Headers => Some("headers"),
            Self::Pointer => Some("pointer"),
        }
    }
}

impl Relay {
    /// Sends events. Of a key only what is before its first failure counts as done, so that what
    /// is left of it is an unbroken end.
    pub(super) async fn send_events(&self, rows: &[Events]) -> Sent {
        let mut owners = Vec::new();
        let mut records = Vec::new();
        // What may be refused for its size is waited for, and what is behind it: else a later
        // event of the key, already on its way, would be before it in the log.
        let mut waited_for: BTreeSet<&Key> = BTreeSet::new();
        let mut states: Vec<State> = vec![State::Done; rows.len()];
        for ((index, row), state) in rows.iter().enumerate().zip(&mut states) {
            let payload = match &row.payload {
                Ok(payload) if !is_large(payload) && !waited_for.contains(&row.key) => payload,
                other => {
                    waited_for.insert(&row.key);
                    let unreadable = other.as_ref().err().copied();
                    *state = unreadable.map_or(State::NotSent, State::Unreadable);
                    continue;
                }
            };
            let of_row = self.event_records(&row.key, payload);
            owners.extend(of_row.iter().map(|_| index));
            records.extend(of_row);
        }
        let mut sent = Sent::default();
        for (index, result) in owners.into_iter().zip(self.producer.send_all(records).await) {
            match (result, states.get_mut(index)) {
                (Err(error), Some(state @ State::Done)) => *state = State::Failed(error),
                (Ok(_), _) => sent.reached = true,
                (Err(_), _) => {}
            }
        }
        let mut keys: BTreeMap<&Key, Vec<(&Events, State)>> = BTreeMap::new();
        for (row, state) in rows.iter().zip(states) {
            keys.entry(&row.key).or_default().push((row, state));
        }
        let mut alone = ALONE_MAX;
        for (key, of_key) in keys {
            let done = of_key.iter().take_while(|(_, state)| *state == State::Done).count();
            sent.done.extend(of_key.iter().take(done).map(|(row, _)| row.outbox_id));
            let rest: Vec<&Events> = of_key.iter().skip(done).map(|(row, _)| *row).collect();
            match of_key.into_iter().nth(done) {
                Some((_, State::Failed(error))) if !error.is_too_large() => {
                    refuse(&rest, &error, &mut sent);
                }
                Some((_, State::Unreadable(why))) => {
                    sent.refused.extend(Refused::of(&rest, why.word(), Cause::Unreadable));
                }
                // It may have been the batch: Kafka refuses a batch as a whole.
                Some(_) => self.send_alone(key, rest, &mut alone, &mut sent).await,
                None => {}
            }
        }
        sent.done.sort_unstable();
        sent
    }

    /// Sends record after record, until one is refused.
    async fn send_alone(&self, key: &Key, rest: Vec<&Events>, alone: &mut usize, sent: &mut Sent) {
        for (index, row) in rest.iter().enumerate() {
            if *alone == 0 {
                return;
            }
            *alone = alone.saturating_sub(1);
            let payload = match &row.payload {
                Ok(payload) => payload,
                Err(why) => {
                    let rest = rest.get(index..).unwrap_or_default();
                    let refused = Refused::of(rest, why.word(), Cause::Unreadable);
                    return sent.refused.extend(refused);
                }
            };
            for record in self.event_records(key, payload) {
                if let Err(error) = self.send_one(record).await {
                    return refuse(rest.get(index..).unwrap_or_default(), &error, sent);
                }
                sent.reached = true;
            }
            sent.done.push(row.outbox_id);
        }
    }

    async fn send_one(&self, record: OutRecord) -> Result<(), SendError> {
        let delivered = self.producer.send_all(vec![record]).await;
        delivered.into_iter().next().unwrap_or(Err(SendError::AfterFailure)).map(|_| ())
    }

    fn event_records(&self, key: &Key, payload: &str) -> Vec<OutRecord> {
        let header = |name: &str, value: &str| Header {
            name: name.to_owned(),
            value: Some(value.as_bytes().to_vec()),
        };
        let record = |json: &str| {
            let mut headers = vec![header("content-type", "application/cloudevents+json")];
            headers.extend(traceparent_of(json).map(|trace| header("traceparent", trace)));
            OutRecord {
                topic: self.topics.events.clone(),
                key: Some(key.key.clone().into_bytes()),
                value: Some(json.as_bytes().to_vec()),
                headers,
                timestamp_ms: None,
            }
        };
        payload.split('\n').map(record).collect()
    }

    /// Sends copies of dead letters. Returns the rows that were delivered in some form, and the
    /// first that was not, with why.
    pub(super) async fn send_letters(
        &self,
        rows: &[Letter],
    ) -> (Vec<i64>, Option<(String, String)>) {
        let full = rows.iter().map(|row| self.letter_record(&row.letter, Form::Full)).collect();
        let delivered = self.producer.send_all(full).await;
        let (mut done, mut failed, mut degraded) = (Vec::new(), None, 0_usize);
        for (row, result) in rows.iter().zip(delivered) {
            let result = match result {
                Err(error) if needs_less(&error) && failed.is_none() => {
                    self.send_degraded(&row.letter, &mut degraded).await
                }
                other => other.map(|_| ()),
            };
            match result {
                Ok(()) => done.push(row.copy_id),
                // Sent with the next round.
                Err(SendError::AfterFailure) => {}
                Err(error) if failed.is_none() => {
                    failed = Some((format!("dead letter {}", row.letter.id), error.word()));
                }
                Err(_) => {}
            }
        }
        if degraded > 0 {
            tracing::warn!(
                copies = degraded,
                "not taken whole by the topic of dead letters: copied without their values"
            );
        }
        (done, failed)
    }

    /// The whole once more, as it may have been the batch that was not taken; then less and less.
    async fn send_degraded(
        &self,
        letter: &DeadLetter,
        degraded: &mut usize,
    ) -> Result<(), SendError> {
        let mut last = Err(SendError::AfterFailure);
        for form in [Form::Full, Form::Headers, Form::Pointer] {
            last = self.send_one(self.letter_record(letter, form)).await;
            match &last {
                Err(error) if needs_less(error) => {}
                _ => {
                    *degraded = degraded.saturating_add(usize::from(form != Form::Full));
                    break;
                }
            }
        }
        last
    }

    /// Key, value and headers of the original unchanged, as far as the form has them, plus what we
    /// know of its death.
    fn letter_record(&self, letter: &DeadLetter, form: Form) -> OutRecord {
        let original = match form {
            Form::Pointer => Vec::new(),
            Form::Full | Form::Headers => headers_from_json(&letter.raw.headers),
        };
        let id = letter.id.to_string();
        let headers = DeadLetterHeaders {
            id: &id,
            original_topic: &letter.raw.topic,
            original_partition: letter.raw.partition,
            original_offset: letter.raw.offset,
            original_timestamp: letter.raw.timestamp.map(|at| at.timestamp_millis()),
            consumer_group: &self.group,
            error_code: &letter.code,
            error_message: &letter.message,
            attempts: u32::try_from(letter.attempts).unwrap_or(u32::MAX),
            first_failed_at: letter.first_failed_at,
            last_failed_at: letter.last_failed_at,
        };
        let mut headers = headers.merged(&original);
        if let Some(word) = form.word() {
            let value = Some(word.as_bytes().to_vec());
            headers.push(Header { name: "dlq.copy".to_owned(), value });
        }
        let short = |key: &Vec<u8>| form != Form::Pointer || key.len() <= POINTER_KEY_MAX;
        // A pointer has a key in any case: some topics take no record without one.
        let instead = (form == Form::Pointer).then(|| id.clone().into_bytes());
        OutRecord {
            topic: self.topics.dead_letters.clone(),
            key: letter.raw.key.clone().filter(short).or(instead),
            value: letter.raw.value.clone().filter(|_| form == Form::Full),
            headers,
            timestamp_ms: None,
        }
    }
}

/// Whether less of the letter may be taken.
fn needs_less(error: &SendError) -> bool {
    error.is_too_large() || error.is_not_taken()
}
