//! `records list|show`: what became of each record.

use chrono::Duration;
use clap::{Args, Subcommand};

use super::Place;
use super::args::{self, PageArgs, Since, since};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::output::Text;
use super::table::table;
use super::words::{code_words, needs_words};
use crate::clock::Clock;
use crate::store::views::Page;
use crate::store::views::records::{
    self, RecordCursor, RecordFilter, RecordName, RecordRow, RecordView, RepeatRow,
};

const OUTCOMES: [&str; 5] = ["applied", "duplicate", "rejected", "waiting", "dead_lettered"];

#[derive(Debug, Clone, Subcommand)]
pub(super) enum RecordsCommand {
    /// Records, the newest first; of the last day unless --since says otherwise
    #[command(after_help = "Examples:\n  topup records list --outcome rejected --since 2h\n  \
                            topup records list --source crm --since 2026-11-22\n  \
                            topup records list --topic topup.bank-payments.v1 --output ndjson")]
    List(ListArgs),
    /// One record by ID, SOURCE/ID or TOPIC:PARTITION:OFFSET
    #[command(after_help = "Examples:\n  topup records show cmd-1\n  \
                            topup records show crm/cmd-1\n  \
                            topup records show topup.bank-payments.v1:0:42")]
    Show {
        /// ID, SOURCE/ID or TOPIC:PARTITION:OFFSET
        record: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Only with this outcome
    #[arg(long, value_parser = OUTCOMES)]
    outcome: Option<String>,
    /// Only from this topic; commands, bank and usage stand for ours
    #[arg(long)]
    topic: Option<String>,
    /// Only from this source
    #[arg(long)]
    source: Option<String>,
    /// Only since: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(command: &RecordsCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    match command {
        RecordsCommand::List(args) => list(args, place).await?,
        RecordsCommand::Show { record } => {
            let mut found = records::find(pool, &RecordName::parse(record)).await?;
            if found.len() > 1 {
                let names = found.iter().map(|r| format!("{}/{}", r.source, r.message_id));
                let names: Vec<String> = names.collect();
                let problem = format!("several records are meant: {}", names.join(", "));
                return Err(CliError::Usage(problem));
            }
            let row = found.pop().ok_or_else(|| CliError::not_found("record", record))?;
            let view = records::show(pool, row).await?;
            printer.one(&view, |text| human(&view, text))?;
        }
    }
    Ok(Exit::Ok)
}

async fn list(args: &ListArgs, place: Place<'_>) -> Result<()> {
    let Place { pool, config, printer } = place;
    // A day bounds what is read; who wants more says so.
    let since = args.since.unwrap_or(Since::Ago(Duration::days(1)));
    let filter = RecordFilter {
        outcome: args.outcome.clone(),
        topic: args.topic.as_deref().map(|topic| args::topic(topic, &config.topics())),
        source: args.source.clone(),
        since: since.instant(Clock::System),
    };
    let of = async |page: Page| {
        let cursor = match &page.after {
            None => None,
            Some(after) => Some(RecordCursor::parse(after).ok_or_else(|| {
                let problem = "--after takes the cursor that the page before ended with";
                CliError::Usage(problem.to_owned())
            })?),
        };
        Ok(records::list(pool, &filter, cursor.as_ref(), &page).await?)
    };
    let nothing = printer.pages(&args.page, of).await?;
    let filters = Filters::default().with("--outcome", args.outcome.as_ref());
    let filters = filters
        .with("--topic", filter.topic.as_ref())
        .known("--topic", &args::topics_read(config.topics()));
    let filters = filters.with("--source", filter.source.as_ref()).with("--since", Some(since));
    filters.tell(nothing, "record");
    Ok(())
}

fn human(view: &RecordView, text: &mut Text) {
    let row = &view.row;
    text.heading(&format!("Record {}/{}: {}", row.source, row.message_id, row.outcome));
    text.fields(&[
        ("type", Some(row.message_type.clone())),
        ("code", row.code.as_deref().map(code_words)),
        ("about", row.subject.clone()),
        ("place", Some(format!("{}:{}:{}", row.topic, row.partition, row.offset))),
        ("processed", Some(row.processed_at.to_string())),
    ]);
    if let Some(waiting) = &view.waiting {
        text.heading("Waits");
        text.fields(&[
            ("for", Some(needs_words(&waiting.needs))),
            ("since", Some(waiting.since.to_string())),
            ("until", Some(waiting.deadline.to_string())),
        ]);
    }
    text.section_of_any("Dead letters", &view.dead_letters);
    text.section_of_any("Came again", &view.repeats);
    if !view.decisions.is_empty() {
        text.heading("Decisions that it caused");
        for decision in &view.decisions {
            text.line(&format!(
                "  payment {}: {} by {} (topup payments explain {})",
                decision.payment_id, decision.outcome, decision.rule, decision.payment_id
            ));
        }
    }
    text.section_of_any("Allocations of what it is about", &view.allocations);
}

table!(RecordRow:
    source message_id message_type outcome code topic partition offset subject processed_at;
    row => "processed": row.processed_at, "source": row.source, "id": row.message_id,
    "type": row.message_type, "outcome": row.outcome, "code": row.code, "about": row.subject);

table!(RepeatRow;
    row => "seen": row.seen_at, "topic": row.topic, "partition": row.partition,
    "offset": row.offset, "outcome": row.outcome, "code": row.code);
