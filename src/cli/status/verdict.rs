//! The first line of `status`: what is wrong, what is to be looked at, or that all is well.

use crate::store::views::status::{CheckpointRow, StatusView, Verdict, WorkerRow};

/// Events that wait longer than this are late.
const LATE_SECONDS: i64 = 60;
/// What must run somewhere, whoever does the rest.
const PARTS: [&str; 5] = ["commands", "bank", "usage", "relay", "jobs"];

/// What none of these workers does; nothing where there is no worker at all.
pub(in crate::cli) fn parts_missing(alive: &[&WorkerRow]) -> Vec<&'static str> {
    let runs = |part: &str| alive.iter().any(|worker| worker.parts.split(',').any(|p| p == part));
    PARTS.into_iter().filter(|part| !alive.is_empty() && !runs(part)).collect()
}

fn counted(count: usize, one: &str, more: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {more}")),
    }
}

/// `unread` are the partitions that no worker reads while records wait in them.
pub(super) fn of(view: &StatusView, unread: &[String], group: &str) -> Verdict {
    let held = view.checkpoints.iter().filter(|row| CheckpointRow::is_held(row)).count();
    let clocks = view.workers.iter().filter(|row| row.alive && row.wrong_since.is_some()).count();
    let wrong = [
        counted(unread.len(), "partition is read by no worker", "partitions are read by no worker"),
        counted(held, "partition does not flow", "partitions do not flow"),
        counted(view.log_changes.len(), "log has changed", "changes of logs are not settled"),
        counted(clocks, "worker has a wrong clock", "workers have wrong clocks"),
        counted(
            view.outbox.held_keys.len(),
            "key has events that Kafka refuses",
            "keys have events that Kafka refuses",
        ),
        counted(
            view.future_statements.len(),
            "bank statement speaks of the future",
            "bank statements speak of the future",
        ),
        counted(view.blocking.len(), "session makes others wait", "sessions make others wait"),
    ];
    let (alive, silent): (Vec<_>, Vec<_>) = view
        .workers
        .iter()
        .filter(|worker| worker.consumer_group == group)
        .partition(|worker| worker.alive);
    let mut look = Vec::new();
    if alive.is_empty() {
        look.push("no worker gives a sign of life".to_owned());
    }
    let missing = parts_missing(&alive);
    if !missing.is_empty() {
        look.push(format!("no worker runs {}", missing.join(", ")));
    }
    look.extend(counted(silent.len(), "worker is silent", "workers are silent"));
    let late = view.outbox.oldest_seconds.filter(|seconds| *seconds > LATE_SECONDS);
    look.extend(late.map(|seconds| format!("events have waited for {seconds} s")));
    for job in &view.jobs {
        let Some(last) = &job.last else { continue };
        if last.findings > 0 && matches!(job.job.as_str(), "audit" | "reconcile") {
            look.push(format!("{} has {} findings", job.job, last.findings));
        }
        if last.state == "failed" {
            look.push(format!("{} failed", job.job));
        }
    }
    let letters = view.dead_letters.iter().map(|group| group.letters).sum::<i64>();
    let letters = usize::try_from(letters).unwrap_or_default();
    look.extend(counted(letters, "dead letter is open", "dead letters are open"));
    let failing = view.failing.iter().map(|group| group.items).sum::<i64>();
    let failing = usize::try_from(failing).unwrap_or_default();
    look.extend(counted(failing, "item fails again and again", "items fail again and again"));
    Verdict { wrong: wrong.into_iter().flatten().collect(), look }
}

/// One line, whatever is the matter.
pub(super) fn line(verdict: &Verdict, workers: &[WorkerRow]) -> String {
    let alive = workers.iter().filter(|worker| worker.alive).count();
    match (verdict.wrong.is_empty(), verdict.look.is_empty()) {
        (true, true) => match alive {
            1 => "All is well: 1 worker runs.".to_owned(),
            alive => format!("All is well: {alive} workers run."),
        },
        (true, false) => format!("Look: {}.", verdict.look.join("; ")),
        (false, true) => format!("Wrong: {}.", verdict.wrong.join("; ")),
        (false, false) => {
            format!("Wrong: {}. Look: {}.", verdict.wrong.join("; "), verdict.look.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_is_the_matter() {
        let verdict = |wrong: &[&str], look: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            line(&Verdict { wrong: owned(wrong), look: owned(look) }, &[])
        };
        assert_eq!(verdict(&[], &[]), "All is well: 0 workers run.");
        assert_eq!(verdict(&[], &["a", "b"]), "Look: a; b.");
        assert_eq!(verdict(&["c"], &[]), "Wrong: c.");
        assert_eq!(verdict(&["c", "d"], &["a"]), "Wrong: c; d. Look: a.");
        assert_eq!(counted(1, "is", "are").as_deref(), Some("1 is"));
        assert_eq!(counted(2, "is", "are").as_deref(), Some("2 are"));
        assert_eq!(counted(0, "is", "are"), None);
    }
}
