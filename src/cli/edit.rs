//! `dead-letters edit`: the whole new value, a JSON patch, or the real bytes in an editor.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{self, Acting, Because};
use super::error::{CliError, Result};
use super::selection::{Acted, Done, SelectionOptions};
use super::{Place, escape, letter, reshape};
use crate::clock::Clock;
use crate::config::Topics;
use crate::masked;
use crate::operator::dead_letters::edit::{
    Change, Edited, NewKey, NewValue, current, revise, revise_all,
};
use crate::store::PgPool;
use crate::store::dead_letters::Selection;
use crate::store::views::Privacy;

pub(super) const HELP: &str = "Examples:
  topup dead-letters edit 17 --unmasked --reason 'amount in cents'
  topup dead-letters edit 17 --file mended.json --reason 'amount in cents' --yes
  topup dead-letters edit --code amount_invalid --reason 'their fault of 3 May' \\
    --patch '[{\"op\": \"replace\", \"path\": \"/data/amount\", \"value\": \"10.00\"}]'

Without --file, --patch or --record-key the value is opened in $VISUAL or $EDITOR; that shows names
and numbers of payers, so it needs --unmasked. A patch is RFC 6902, given itself, as a file, or
as -.";

#[derive(Debug, Clone, Args)]
pub(super) struct EditOptions {
    /// This dead letter; several are named by --id, --code and so on, and only patched
    #[arg(value_parser = args::letter)]
    letter: Option<i64>,
    #[command(flatten)]
    selection: SelectionOptions,
    /// The whole new value; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "patch")]
    file: Option<String>,
    /// A JSON patch: itself, or a file that holds it; - reads standard input
    #[arg(long, value_name = "PATCH")]
    patch: Option<String>,
    /// The record's new key
    #[arg(long = "record-key", value_name = "KEY")]
    record_key: Option<String>,
    /// Takes the record's key away
    #[arg(long, conflicts_with = "record_key")]
    no_record_key: bool,
    #[command(flatten)]
    reason: Because,
    #[command(flatten)]
    operator: Acting,
}

enum Which {
    One(i64),
    Selected(Selection),
}

impl EditOptions {
    fn which(&self, clock: Clock, topics: &Topics) -> Result<Which> {
        match self.letter {
            Some(id) if self.selection.names_nothing() => Ok(Which::One(id)),
            Some(_) => {
                let problem = "give one dead letter, or a selection, not both";
                Err(CliError::Usage(problem.to_owned()))
            }
            None => Ok(Which::Selected(self.selection.narrowed(clock, topics)?)),
        }
    }

    fn key(&self) -> NewKey {
        match (&self.record_key, self.no_record_key) {
            (Some(key), _) => NewKey::Bytes(key.clone().into_bytes()),
            (None, true) => NewKey::None,
            (None, false) => NewKey::Same,
        }
    }
}

pub(super) async fn run(options: &EditOptions, place: Place<'_>) -> Result<Done> {
    let Place { pool, config, .. } = place;
    let privacy = place.printer.privacy;
    let which = options.which(Clock::System, &config.topics())?;
    let key = options.key();
    let whole = options.file.is_some() || options.patch.is_none() && key == NewKey::Same;
    if whole && matches!(which, Which::Selected(_)) {
        let problem = "several dead letters take a --patch or a --record-key: one value for all \
                       of them would make them one record";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let operator = options.operator.checked()?;
    let value = match (&options.file, &options.patch, &which) {
        (Some(file), _, _) => NewValue::Whole(trimmed(read(file)?)),
        (None, Some(patch), _) => NewValue::Patched(read_patch(patch)?),
        (None, None, Which::One(id)) if whole => NewValue::Whole(edited(*id, pool, privacy).await?),
        (None, None, Which::One(_) | Which::Selected(_)) => NewValue::Same,
    };
    let change = Change { value, key };
    let said = (operator.as_str(), options.reason.reason.as_str());
    let dry_run = options.operator.dry_run();
    match which {
        Which::One(id) => {
            let edited = vec![(id, revise(pool, id, &change, said, dry_run).await?)];
            told((true, dry_run), &change.key, edited, privacy)
        }
        Which::Selected(selection) => {
            let edited = revise_all(pool, &selection, &change, said, dry_run).await?;
            if edited.is_empty() {
                return Done::nothing(&selection, place).await;
            }
            told((false, dry_run), &change.key, edited, privacy)
        }
    }
}

/// Rows to print, and the first difference: those of a group are alike.
fn told(
    (named, dry_run): (bool, bool),
    key: &NewKey,
    edited: Vec<(i64, Edited)>,
    privacy: Privacy,
) -> Result<Done> {
    let mut note = None;
    let mut rows = Vec::with_capacity(edited.len());
    let (mut fit, mut whole) = (0_usize, true);
    for (id, edited) in edited {
        let (word, code) = match edited {
            Edited::Unknown => {
                return Err(CliError::not_found("dead letter", &id.to_string()));
            }
            Edited::Masked(place) if named => {
                return Err(CliError::Failed(masked::refusal(&place)));
            }
            Edited::Masked(_) => ("refused".to_owned(), Some(masked::CODE.to_owned())),
            Edited::NoRecord(why) if named => {
                return Err(CliError::Failed(format!(
                    "no_record: what would be written is no record: {why}. Give what `topup \
                     --unmasked dead-letters show` prints as the value, mended"
                )));
            }
            Edited::NoRecord(why) => (format!("refused: {why}"), Some("no_record".to_owned())),
            Edited::Unfit(why) => (format!("refused: {why}"), Some("patch_unfit".to_owned())),
            Edited::AlreadyResolved => ("already_resolved".to_owned(), None),
            Edited::Unchanged => ("unchanged".to_owned(), None),
            Edited::Revision { number, before, after, key_before } => {
                fit = fit.saturating_add(1);
                note.get_or_insert_with(|| {
                    let key = key_change(key, key_before.as_deref());
                    // That the value is the same is no news where only the key was to change.
                    let differ = || letter::diff(&before, &after, privacy);
                    let value = (before != after || key.is_none())
                        .then(|| differ().unwrap_or_else(|| letter::HIDDEN.to_owned()));
                    value.into_iter().chain(key).collect::<Vec<_>>().join("\n")
                });
                (format!("revision {number}"), None)
            }
        };
        whole &= code.is_none();
        let done = word.starts_with("revision");
        let outcome = if dry_run && done { format!("would be {word}") } else { word };
        rows.push(Acted { dead_letter_id: id, outcome, code });
    }
    let (all, left) = (rows.len(), rows.len().saturating_sub(fit));
    if all != 1 {
        let word = if dry_run { "that would be edited" } else { "edited" };
        let counts = format!("Letters that fit: {all}. Letters {word}: {fit}. Left alone: {left}.");
        note = Some(note.map_or_else(|| counts.clone(), |diff| format!("{counts}\n{diff}")));
    }
    Ok(Done { rows, note, whole })
}

/// What becomes of the record's key, if anything.
fn key_change(key: &NewKey, before: Option<&[u8]>) -> Option<String> {
    let text = |bytes: &[u8]| format!("`{}`", escape::text(&String::from_utf8_lossy(bytes)));
    let was =
        before.map_or_else(|| "it had none".to_owned(), |key| format!("it was {}", text(key)));
    match key {
        NewKey::Same => None,
        NewKey::None => Some(format!("The record's key is taken away; {was}.")),
        NewKey::Bytes(now) => Some(format!("The record's key becomes {}; {was}.", text(now))),
    }
}

fn read(file: &str) -> Result<Vec<u8>> {
    let read = if file == "-" {
        std::io::read_to_string(std::io::stdin().lock()).map(String::into_bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| CliError::failed(&error))
}

/// Editors end a file with a line end that no record has.
fn trimmed(mut value: Vec<u8>) -> Vec<u8> {
    while value.last().is_some_and(u8::is_ascii_whitespace) {
        value.pop();
    }
    value
}

fn read_patch(given: &str) -> Result<json_patch::Patch> {
    let expected = "expected a JSON patch (RFC 6902), such as [{\"op\": \"replace\", \"path\": \
                    \"/data/amount\", \"value\": \"10.00\"}], or a file that holds one";
    let wrong = |why: String| CliError::Usage(format!("{expected}: {why}"));
    let bytes = if given.trim_start().starts_with(['[', '{']) {
        given.as_bytes().to_vec()
    } else {
        read(given).map_err(|error| wrong(format!("{}: {error}", escape::text(given))))?
    };
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

/// What a person makes of the bytes that count now. They are shown in full, so the right to see
/// them must be asked for; the file is the user's alone and is removed.
async fn edited(id: i64, pool: &PgPool, privacy: Privacy) -> Result<Vec<u8>> {
    if privacy == Privacy::Masked {
        let problem = "an editor shows names and numbers of payers in full: say --unmasked, or \
                       give --file or --patch";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let now = current(pool, id).await?;
    let now = now.ok_or_else(|| CliError::not_found("dead letter", &id.to_string()))?;
    let spread = std::str::from_utf8(&now).ok().map(reshape::spread);
    let shown = spread.map_or_else(|| now.clone(), String::into_bytes);
    let path = std::env::temp_dir().join(format!("topup-{id}-{}.json", std::process::id()));
    let written = in_editor(&path, &shown);
    // What cannot be removed is told below by what could not be read.
    let _ = std::fs::remove_file(&path);
    let written = trimmed(written?);
    if trimmed(shown) == written {
        return Ok(now);
    }
    Ok(match std::str::from_utf8(&written) {
        Ok(text) if text.starts_with('{') => reshape::compact(text).into_bytes(),
        _ => written,
    })
}

fn in_editor(path: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let failed = |error: std::io::Error| CliError::failed(&error);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    drop(file);
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR"));
    let editor = editor.ok().filter(|editor| !editor.trim().is_empty());
    let editor = editor.ok_or_else(|| {
        CliError::Usage("set VISUAL or EDITOR, or give --file or --patch".to_owned())
    })?;
    // As a shell: an editor is often set with options.
    let path: PathBuf = path.to_owned();
    let ended = std::process::Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(&path)
        .status()
        .map_err(failed)?;
    if !ended.success() {
        return Err(CliError::Failed(format!("the editor ended with {ended}: nothing is changed")));
    }
    std::fs::read(&path).map_err(failed)
}
