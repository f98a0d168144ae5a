//! `find`: everything that fits the words of a line.

use clap::Args;

use super::args::{Since, since};
use super::error::{CliError, Exit, Result};
use super::output::{Output, Text};
use super::table::table;
use super::{Place, near};
use crate::clock::Clock;
use crate::store::PgPool;
use crate::store::views::find::{self, Hit, Results, Search, WORDS_MAX};
use crate::store::views::near::Kind;
use crate::store::views::readings;

#[derive(Debug, Clone, Args)]
pub(super) struct FindArgs {
    /// Amounts, names, ids, references, days, words of texts
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Look at texts of payments as far back as this
    #[arg(long, value_parser = since, value_name = "WHEN")]
    since: Option<Since>,
    /// How many are shown
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

pub(super) async fn run(args: &FindArgs, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let zone = &config.jobs.time_zone;
    let today = Since::At(Clock::System.now()).day(Clock::System, zone);
    let mut words = readings::of(&args.words.join(" "), today);
    if words.is_empty() {
        return Err(CliError::Usage(
            "nothing to look for: name an amount, a name, an id".to_owned(),
        ));
    }
    if words.len() > WORDS_MAX {
        let dropped: Vec<String> = words.split_off(WORDS_MAX).into_iter().map(|w| w.word).collect();
        eprintln!("Only {WORDS_MAX} words are read; left out: {}", dropped.join(" "));
    }
    let search = Search {
        words,
        since: args.since.map(|since| since.day(Clock::System, zone)),
        privacy: printer.privacy,
        limit: usize::from(args.limit),
    };
    let results = find::find(pool, &search).await?;
    if results.items.is_empty() {
        eprintln!("{}", super::escape::text(&nothing(&args.words, pool).await));
    }
    match printer.output {
        Output::Csv | Output::Ndjson => {
            printer.rows(&results.items)?;
            for line in sentences(&results) {
                eprintln!("{}", super::escape::text(&line));
            }
        }
        Output::Json | Output::Table => printer.one(&results, |text| human(&results, text))?,
    }
    Ok(Exit::Ok)
}

/// That nothing fits, with the ids that may be meant by a mistyped one.
async fn nothing(words: &[String], pool: &PgPool) -> String {
    let mut sentence = format!("Nothing fits '{}'.", words.join(" "));
    for word in words.iter().flat_map(|words| words.split_whitespace()).take(WORDS_MAX) {
        for kind in [Kind::Invoice, Kind::Payment, Kind::Account] {
            if let Some(near) = near::nearby(pool, kind, word).await.first() {
                let named = near::word(kind);
                sentence.push_str(&format!(" Did you mean {named} {near}?"));
            }
        }
    }
    sentence
}

fn human(results: &Results, text: &mut Text) {
    text.table(&results.items);
    text.line("");
    for line in sentences(results) {
        text.line(&line);
    }
}

/// How the words were read, and how far was looked.
fn sentences(results: &Results) -> Vec<String> {
    let mut lines = vec!["Read as:".to_owned()];
    for word in &results.words {
        lines.push(format!("  {}: {}", word.word, word.read_as.join(", ")));
    }
    if results.more > 0 {
        lines.push(format!("{} more fit less well: --limit shows them.", results.more));
    }
    if let Some(looked) = &results.looked {
        lines.push(format!(
            "Texts of the newest {} payments were looked at, back to {}; \
             `topup payments list --text WORD` goes on from there.",
            looked.rows, looked.as_far_as
        ));
    }
    lines
}

table!(Hit:
    kind id account_id currency amount state on masked what fits;
    row => "kind": row.kind, "id": row.id, "account": row.account_id, "amount": row.amount,
    "currency": row.currency, "state": row.state, "on": row.on, "fits": row.fits.join("; "),
    "what": row.what);
