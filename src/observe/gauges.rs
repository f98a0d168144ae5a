//! What is read off when somebody looks: partitions, connections, and the last reading of the book.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::board::Watched;
use crate::kafka::ConsumerStatus;
use crate::store::views::book::{BookRow, METRICS};

#[derive(Debug)]
pub(super) struct Gauges(pub(super) Arc<Watched>);

type Told = Result<(), std::fmt::Error>;
/// Names and values of labels.
type Named<'a> = Vec<(&'static str, &'a str)>;

fn tell<S: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    rows: impl IntoIterator<Item = (S, i64)>,
) -> Told {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn alone(value: i64) -> [(Named<'static>, i64); 1] {
    [(Named::new(), value)]
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Told {
        let encoder = &mut encoder;
        if let Some(status) = self.0.status() {
            self.partitions(encoder, &status)?;
        }
        self.brokers(encoder)?;
        self.database(encoder)?;
        self.book(encoder)
    }
}

impl Gauges {
    fn partitions(&self, encoder: &mut DescriptorEncoder<'_>, status: &ConsumerStatus) -> Told {
        let of = |topic: &String| {
            let ours = status.partitions.iter().filter(|p| p.topic.as_ref() == topic);
            count(ours.count())
        };
        let help = ("partitions_assigned", "Partitions that this worker has, by topic.");
        let topics = self.0.topics.iter();
        tell(encoder, help, topics.map(|topic| (vec![("topic", topic.as_str())], of(topic))))?;
        let states = self.0.signs.all_states();
        let help = ("partition_state", "1 for the state in which a partition stands.");
        tell(
            encoder,
            help,
            states.iter().map(|state| {
                let partition = state.partition.to_string();
                let labels = [
                    ("topic", state.topic.clone()),
                    ("partition", partition),
                    ("state", state.state.to_owned()),
                ];
                (labels, 1)
            }),
        )?;
        let lag = status.partitions.iter().filter_map(|partition| {
            let (topic, number) = (&partition.topic, partition.partition);
            let behind = self.0.meters.lag(topic, number, partition.next_offset?)?;
            Some((place(topic, number), behind))
        });
        let help = ("consumer_lag_records", "Offsets between the checkpoint and the log's end.");
        tell(encoder, help, lag)?;
        let (hand, now) = (self.0.meters.all_in_hand(), self.0.now());
        let behind = status.partitions.iter().map(|partition| {
            let since = hand.get(&(partition.topic.as_ref().to_owned(), partition.partition));
            let seconds = since.map_or(0, |since| (now - *since).num_seconds().max(0));
            (place(&partition.topic, partition.partition), seconds)
        });
        let help = (
            "consumer_behind_seconds",
            "Age of the oldest record of the batch in hand; 0 where none is.",
        );
        tell(encoder, help, behind)
    }

    fn brokers(&self, encoder: &mut DescriptorEncoder<'_>) -> Told {
        let help = "Errors that clients of Kafka were told of, by code.";
        let kind = MetricType::Counter;
        let mut metric = encoder.encode_descriptor("kafka_errors", help, None, kind)?;
        for (code, count) in self.0.brokers.errors() {
            let labels = [("code", code)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
        }
        Ok(())
    }

    fn database(&self, encoder: &mut DescriptorEncoder<'_>) -> Told {
        let pool = self.0.pool.driver();
        let (open, idle) = (i64::from(pool.size()), count(pool.num_idle()));
        let used = open.saturating_sub(idle).max(0);
        let help = ("db_pool_connections", "Connections to the database, by what they do.");
        tell(encoder, help, [([("state", "idle")], idle), ([("state", "used")], used)])?;
        let most = i64::from(pool.options().get_max_connections());
        let help = ("db_pool_connections_max", "Connections that there may be.");
        tell(encoder, help, alone(most))?;
        let up = self.0.signs.database_trouble(Instant::now()).is_none();
        let help = ("database_up", "1 while the database answers.");
        tell(encoder, help, alone(i64::from(up)))?;
        let help = ("clock_wrong", "1 while this machine's clock is off: no job runs here then.");
        tell(encoder, help, alone(i64::from(self.0.signs.clock_is_wrong())))
    }

    fn book(&self, encoder: &mut DescriptorEncoder<'_>) -> Told {
        let last = self.0.book.last();
        let up = i64::from(last.is_some());
        tell(encoder, ("book_up", "1 while the book could be read."), alone(up))?;
        let (rows, read) = last.unzip();
        let age = read.map(|read| i64::try_from(read.elapsed().as_secs()).unwrap_or(i64::MAX));
        let help = ("book_age_seconds", "How long ago the book was read.");
        tell(encoder, help, age.map(|age| (Named::new(), age)))?;
        let rows = rows.unwrap_or_default();
        let mut by_name: BTreeMap<&str, Vec<&BookRow>> = BTreeMap::new();
        for row in &rows {
            by_name.entry(row.metric.as_str()).or_default().push(row);
        }
        for metric in METRICS {
            let found = by_name.get(metric.name).map(Vec::as_slice).unwrap_or_default();
            // Labels twice would be two values of one thing: the whole look would be refused.
            let mut seen = BTreeSet::new();
            let told = found.iter().filter_map(|row| {
                let values = [&row.label, &row.further];
                let labels = metric.labels.iter().copied().zip(values.map(String::as_str));
                let labels: Named<'_> = labels.collect();
                seen.insert(labels.clone()).then_some((labels, row.value))
            });
            tell(encoder, (metric.name, metric.help), told)?;
        }
        Ok(())
    }
}

fn place(topic: &str, partition: i32) -> [(&'static str, String); 2] {
    [("topic", topic.to_owned()), ("partition", partition.to_string())]
}
