//! Whether anybody works: whoever looks from outside sees no worker that does not run.

use std::collections::BTreeMap;

use super::super::status::parts_missing;
use super::{Check, ok, warn};
use crate::store::views::status::WorkerRow;

pub(super) const CHECK: &str = "workers";

pub(super) fn judge(found: &[WorkerRow], group: &str) -> Check {
    let ours = found.iter().filter(|worker| worker.consumer_group == group);
    let (alive, silent): (Vec<_>, Vec<_>) = ours.partition(|worker| worker.alive);
    let how = "start `topup worker`, or look at its log";
    let missing = parts_missing(&alive);
    match (alive.len(), silent.first()) {
        (0, None) => warn(CHECK, format!("none of group {group} gives a sign of life"), how),
        (0, Some(last)) => {
            let found =
                format!("none gives a sign of life; {} did at {}", last.owner, last.told_at);
            warn(CHECK, found, how)
        }
        (_, _) if !missing.is_empty() => {
            let found = format!("none runs {}", missing.join(", "));
            warn(CHECK, found, "start a worker with these parts (`--only`)")
        }
        (_, _) if authorities(&alive).len() > 1 => {
            let told = authorities(&alive)
                .into_iter()
                .map(|(version, owner)| format!("{} at {owner}", version.unwrap_or("no table")));
            let told = told.collect::<Vec<_>>().join(", ");
            let found = format!("they differ in who may send what: {told}");
            warn(CHECK, found, "give all workers the same `authority` settings, and restart them")
        }
        (1, _) => ok(CHECK, "1 gives a sign of life"),
        (count, _) => ok(CHECK, format!("{count} give a sign of life")),
    }
}

/// The tables of authority in use, each with a worker that has it.
fn authorities<'w>(alive: &[&'w WorkerRow]) -> BTreeMap<Option<&'w str>, &'w str> {
    alive.iter().map(|worker| (worker.authority.as_deref(), worker.owner.as_str())).collect()
}
