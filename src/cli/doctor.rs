//! `doctor`: is everything in place? Each check says what to do; exit 1 if any fails.

mod doors;
mod workers;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::error::{Exit, Result};
use super::output::Printer;
use super::status;
use super::table::table;
use crate::app;
use crate::clock::Clock;
use crate::config::{Config, KafkaConfig, Proof};
use crate::domain::money::{Currency, Money};
use crate::reach::reach;
use crate::store::ConnectOptions;
use crate::store::in_force::{self, Difference};
use crate::store::reach::Unreachable;
use crate::store::views::health::{
    Examined, MigrationFacts, PartitionFact, ServerFacts, TablePrivileges,
};
use crate::store::views::status::BlockingSession;
use crate::telemetry::chain;

/// PostgreSQL 14 is the oldest that is supported upstream.
const VERSION_MIN: i32 = 140_000;
/// Deadlines are compared with the clock of this host: a second is usual, half a minute is not.
const SKEW_WARN_MS: i64 = 1_000;
const SKEW_FAIL_MS: i64 = 30_000;
const PARTITIONS: &str = "partitions";
const RELAY: &str = "events published";
const PROOF: &str = "usage proof";
const FAILING: &str = "failing items";
const LOCKS: &str = "locks";
/// Who has made others wait for longer than this is gone, or should be.
const LOCKS_FAIL_SECONDS: i64 = 30;
const STATEMENTS: &str = "bank statements";
const MONTHS: &str = "months of charges";
const RANGES: &str = "ranges of events";
/// Fewer are no reserve.
const IDS_AHEAD: i64 = 1_000_000;
const ROLE: &str = "worker role";
const SETTINGS: &str = "settings in force";
const CODES: &str = "payment codes";
/// A reference has this many characters: the longest that a code has to hold.
const REFERENCE: &str = "RF00XXXXXXXXXXXXX";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub verdict: Verdict,
    pub check: &'static str,
    pub found: String,
    pub what_to_do: String,
}

fn ok(check: &'static str, found: impl Into<String>) -> Check {
    verdict(Verdict::Ok, check, found, "")
}

fn warn(check: &'static str, found: impl Into<String>, what_to_do: impl Into<String>) -> Check {
    verdict(Verdict::Warn, check, found, what_to_do)
}

fn fail(check: &'static str, found: impl Into<String>, what_to_do: impl Into<String>) -> Check {
    verdict(Verdict::Fail, check, found, what_to_do)
}

fn verdict(
    verdict: Verdict,
    check: &'static str,
    found: impl Into<String>,
    what_to_do: impl Into<String>,
) -> Check {
    Check { verdict, check, found: found.into(), what_to_do: what_to_do.into() }
}

pub(super) async fn run(config: &Config, printer: Printer) -> Result<Exit> {
    let mut checks = database(config).await;
    checks.extend(doors::kafka(&config.kafka).await);
    checks.extend(judge_codes(config));
    printer.rows(&checks)?;
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}

async fn database(config: &Config) -> Vec<Check> {
    const REACHABLE: &str = "database reachable";
    let url = config.database.url.reveal();
    if url.is_empty() {
        let how = "set DATABASE_URL or TOPUP__DATABASE__URL";
        return vec![fail(REACHABLE, "no URL is set", how)];
    }
    let how = "check database.url, the network, and that PostgreSQL runs";
    let asked = app::connect_options(config, "topup doctor");
    let asked = ConnectOptions { role: None, by_index: false, ..asked };
    let reached = reach(&asked, false).await;
    match reached {
        // What else is wrong is a check of its own.
        Ok(())
        | Err(
            Unreachable::ReadOnly { .. }
            | Unreachable::NotMigrated { .. }
            | Unreachable::Behind { .. },
        ) => {}
        Err(why) => return vec![fail(REACHABLE, why.to_string(), how)],
    }
    let mut examined = match Examined::connect(&asked).await {
        Ok(examined) => examined,
        Err(error) => return vec![fail(REACHABLE, chain(&error), how)],
    };
    let before = Clock::System.now();
    let mut checks = judged(REACHABLE, examined.server().await, |server| {
        let reachable = ok(REACHABLE, format!("PostgreSQL {}", server.version));
        let clock = judge_clock(before, Clock::System.now(), server.now);
        [reachable].into_iter().chain(judge_server(&server)).chain([clock]).collect()
    });
    let settings = in_force::differences(&in_force_for(config)).await;
    checks.extend(judged(SETTINGS, settings, |missing| vec![judge_settings(&missing)]));
    let encryption = examined.encryption().await;
    checks.extend(judged(doors::DATABASE, encryption, |(version, trust)| {
        vec![doors::judge_database(version.as_deref(), &trust)]
    }));
    let migrations = examined.migrations().await;
    let migrated = migrations.as_ref().is_ok_and(|facts| facts.missing.is_empty());
    checks.extend(judged("migrations", migrations, |facts| vec![judge_migrations(&facts)]));
    if migrated {
        let facts = examined.partitions().await;
        checks.extend(judged(PARTITIONS, facts, |facts| judge_partitions(&facts)));
        let found = examined.workers().await;
        let group = &config.kafka.group_id;
        checks.extend(judged(workers::CHECK, found, |found| vec![workers::judge(&found, group)]));
        let found = examined.future_statements().await;
        checks.extend(judged(STATEMENTS, found, |found| vec![judge_statements(&found)]));
        checks.extend(proof(config, &mut examined).await);
        checks.extend(judged(RELAY, examined.relay().await, |facts| judge_relay(&facts)));
        checks.extend(judged(FAILING, examined.failing().await, |facts| judge_failing(&facts)));
        let missing = examined.missing_months().await;
        checks.extend(judged(MONTHS, missing, |missing| vec![judge_months(&missing)]));
        let ahead = examined.ids_ahead().await;
        checks.extend(judged(RANGES, ahead, |ahead| vec![judge_ranges(ahead)]));
        checks.extend(unread(&mut examined, &config.kafka).await);
    }
    checks.extend(judged(LOCKS, examined.blocking().await, |sessions| judge_locks(&sessions)));
    let Some(role) = &config.database.role else {
        let how = "set database.role to topup_worker, so that the worker cannot change the ledger";
        checks.push(warn(ROLE, "no role is set", how));
        return checks;
    };
    let tables = examined.privileges(role).await;
    checks.extend(judged(ROLE, tables, |tables| vec![judge_role(role, &tables)]));
    checks
}

/// What was found, as it is judged; that the database does not answer is a finding as well.
fn judged<T, E: std::error::Error>(
    check: &'static str,
    found: Result<T, E>,
    judge: impl FnOnce(T) -> Vec<Check>,
) -> Vec<Check> {
    let how = "look at the log of the database";
    found.map_or_else(|error| vec![fail(check, chain(&error), how)], judge)
}

/// Partitions whose records no worker reads. That Kafka does not answer is a check of its own.
async fn unread(examined: &mut Examined, kafka: &KafkaConfig) -> Vec<Check> {
    let mut rows = match examined.checkpoints().await {
        Ok(rows) => rows,
        failed => return judged(PARTITIONS, failed, |_| Vec::new()),
    };
    if kafka.brokers.is_empty() || status::add_lag(&mut rows, kafka).await.is_err() {
        return Vec::new();
    }
    let told = rows.iter().filter_map(|row| row.unread(&kafka.group_id));
    let how = "start a worker, or look at its log: see `Held partitions` in the runbook";
    told.map(|found| fail(PARTITIONS, found, how)).collect()
}

/// What a worker has in force; its role has a check of its own.
fn in_force_for(config: &Config) -> ConnectOptions {
    ConnectOptions { role: None, ..app::worker_options(config) }
}

fn judge_settings(missing: &[Difference]) -> Check {
    if missing.is_empty() {
        return ok(SETTINGS, "time limits and plans are in force as they are set");
    }
    let how = "set database.pooler to what stands between us and PostgreSQL";
    fail(SETTINGS, in_force::told(missing), how)
}

fn judge_server(server: &ServerFacts) -> Vec<Check> {
    let must = |holds: bool, check: &'static str, found: &str, how: &str| {
        if holds { ok(check, found) } else { fail(check, found, how) }
    };
    let (new, utf8) = (server.version_number >= VERSION_MIN, server.encoding == "UTF8");
    let script = "create the database with ENCODING 'UTF8': names are kept in any script";
    let mut checks = vec![
        must(new, "database version", &server.version, "upgrade to PostgreSQL 14 or newer"),
        must(utf8, "database encoding", &server.encoding, script),
    ];
    if server.fsync == "off" || server.full_page_writes == "off" {
        let found = format!("fsync {}, full_page_writes {}", server.fsync, server.full_page_writes);
        let how = "turn both on; off is only for test databases";
        checks.push(warn("crash safety", found, how));
    }
    if server.in_recovery {
        checks.push(fail("primary", "this is a standby", "connect to the primary"));
    }
    checks
}

/// The database read its clock between the two instants of ours.
fn judge_clock(before: DateTime<Utc>, after: DateTime<Utc>, database: DateTime<Utc>) -> Check {
    let early = (before - database).num_milliseconds();
    let late = (database - after).num_milliseconds();
    let skew = early.max(late).max(0);
    let found = format!("{skew} ms apart");
    let how = "let both hosts follow the same time servers";
    let judged = match skew {
        SKEW_FAIL_MS.. => Verdict::Fail,
        SKEW_WARN_MS.. => Verdict::Warn,
        _ => return ok("clocks", found),
    };
    verdict(judged, "clocks", found, how)
}

fn judge_migrations(facts: &MigrationFacts) -> Check {
    const CHECK: &str = "migrations";
    let other = "use the release that the database was migrated with";
    let found = [
        (&facts.failed, Verdict::Fail, "not finished", "repair it by hand, then `topup migrate`"),
        (&facts.changed, Verdict::Fail, "applied with another text", other),
        (&facts.missing, Verdict::Fail, "missing", "run `topup migrate`"),
        (&facts.unknown, Verdict::Warn, "newer than this program", "use the newer release"),
    ];
    let Some((versions, judged, what, how)) = found.into_iter().find(|one| !one.0.is_empty())
    else {
        return ok(CHECK, format!("{} applied, none missing", facts.applied));
    };
    let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
    verdict(judged, CHECK, format!("{what}: {}", versions.join(", ")), how)
}

async fn proof(config: &Config, examined: &mut Examined) -> Vec<Check> {
    if config.usage.proof != Proof::Watermark {
        return Vec::new();
    }
    let ever = examined.watermark_ever(&config.topics().usage).await;
    judged(PROOF, ever, |ever| vec![judge_proof(ever, config.usage.proof_deadline_seconds)])
}

/// Without any watermark nothing is ever proven to be unspent.
fn judge_proof(ever: bool, deadline_seconds: u64) -> Check {
    if ever {
        return ok(PROOF, "the usage feed says how far it is known");
    }
    let found = format!(
        "no watermark was ever seen: what takes money off an invoice waits {deadline_seconds} s \
         and is refused then"
    );
    let how = "have the rating system write watermarks, or set usage.proof = \"none\" if there is \
               no usage feed";
    warn(PROOF, found, how)
}

/// One finding for each, so that each says where it is.
fn judge_each(
    check: &'static str,
    none: &str,
    facts: &[PartitionFact],
    [held, other]: [(Verdict, &str); 2],
) -> Vec<Check> {
    if facts.is_empty() {
        return vec![ok(check, none)];
    }
    let judged = |fact: &PartitionFact| {
        let (judged, how) = if fact.held { held } else { other };
        verdict(judged, check, fact.found.clone(), how)
    };
    facts.iter().map(judged).collect()
}

fn judge_partitions(facts: &[PartitionFact]) -> Vec<Check> {
    let none = "no partition is held, and each change of a log is settled";
    let held = "see `Held partitions` in the runbook; records behind it wait";
    let other = "find what went unread, then `topup partitions settle`";
    judge_each(PARTITIONS, none, facts, [(Verdict::Fail, held), (Verdict::Fail, other)])
}

fn judge_statements(found: &[String]) -> Check {
    let Some(first) = found.first() else {
        return ok(STATEMENTS, "none speaks of the future");
    };
    let more = match found.len() {
        1 => String::new(),
        count => format!(", and {} more", count.saturating_sub(1)),
    };
    let how = "it proves nothing (statement_in_future): `topup statements reset`";
    warn(STATEMENTS, format!("{first}{more}"), how)
}

/// What has no month of its own is kept all the same, and cannot be pruned.
fn judge_months(missing: &[String]) -> Check {
    if missing.is_empty() {
        return ok(MONTHS, "this month and the next are there");
    }
    let how = "`topup jobs run prune` makes them; look why it did not run by itself";
    warn(MONTHS, format!("missing: {}", missing.join(", ")), how)
}

/// As of months: events that come before their range are kept and published all the same.
fn judge_ranges(ahead: i64) -> Check {
    let how = "`topup jobs run prune` makes them; look why it did not run by itself";
    match ahead {
        IDS_AHEAD.. => ok(RANGES, format!("there for {ahead} more")),
        0.. => warn(RANGES, format!("there for only {ahead} more"), how),
        _ => {
            let without = ahead.saturating_neg();
            warn(RANGES, format!("the last {without} events came without one"), how)
        }
    }
}

fn judge_relay(facts: &[PartitionFact]) -> Vec<Check> {
    let held = "see `Held events` in the runbook; other keys go on";
    let other = "look whether a worker with the relay runs, and at its log";
    let judged = [(Verdict::Fail, held), (Verdict::Warn, other)];
    judge_each(RELAY, "nothing is held, and nothing waits for long", facts, judged)
}

fn judge_failing(facts: &[PartitionFact]) -> Vec<Check> {
    let held = "its process died twice: look at the log and the core file, update topup";
    let other = "look up the code in the log; the others go on";
    let judged = [(Verdict::Fail, held), (Verdict::Warn, other)];
    judge_each(FAILING, "nothing fails again and again", facts, judged)
}

/// Each session by the number that ends it. What it says is not told: that may be data.
fn judge_locks(sessions: &[BlockingSession]) -> Vec<Check> {
    if sessions.is_empty() {
        return vec![ok(LOCKS, "no session makes others wait")];
    }
    let judged = |session: &BlockingSession| {
        let BlockingSession { pid, application, role, state, waiting, longest_seconds, .. } =
            session;
        let since = session.since.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let found = format!(
            "session {pid} of {application} ({role}, {state}) since {since}: {waiting} wait for \
             it, the longest for {longest_seconds} s"
        );
        let judged =
            if *longest_seconds >= LOCKS_FAIL_SECONDS { Verdict::Fail } else { Verdict::Warn };
        let how = format!("end its transaction, or: SELECT pg_terminate_backend({pid})");
        verdict(judged, LOCKS, found, how)
    };
    sessions.iter().map(judged).collect()
}

fn judge_role(role: &str, tables: &[TablePrivileges]) -> Check {
    let fail = |found: String, how: &str| fail(ROLE, found, how);
    let Some(first) = tables.first() else {
        return fail("no table was looked at".to_owned(), "run `topup migrate`");
    };
    let named = |right: fn(&TablePrivileges) -> bool| {
        let names: Vec<&str> =
            tables.iter().filter(|table| right(table)).map(|table| table.table.as_str()).collect();
        names.join(", ")
    };
    if !first.role_exists {
        return fail(format!("there is no role {role}"), "run `topup migrate`");
    }
    let missing = named(|table| !table.exists);
    if !missing.is_empty() {
        return fail(format!("no such table: {missing}"), "run `topup migrate`");
    }
    if first.role_is_superuser {
        let how = "take SUPERUSER from it: privileges do not bind a superuser";
        return fail(format!("{role} is a superuser"), how);
    }
    let writable = named(|table| table.may_change != Some(false));
    if !writable.is_empty() {
        let found = format!("{role} may change {writable}");
        return fail(found, "REVOKE UPDATE, DELETE, TRUNCATE on them: they are append-only");
    }
    let closed = named(|table| table.may_write != Some(true));
    if !closed.is_empty() {
        let how = "GRANT SELECT, INSERT on them";
        return fail(format!("{role} may not write {closed}"), how);
    }
    if !first.may_become {
        let how = format!("GRANT {role} to the user of database.url");
        return fail(format!("the user may not become {role}"), &how);
    }
    ok(ROLE, format!("{role} may append to the ledger and not change it"))
}

/// Whether invoices get the QR codes that the settings mean them to have. Nothing is said where no
/// code is wanted.
fn judge_codes(config: &Config) -> Vec<Check> {
    let set = &config.payment_qr;
    let codes = config.payment_qr();
    let drawn = |code: &str| {
        let currency = Currency::parse(code).ok()?;
        codes.of(Money::from_micros(999_999_999_990_000, currency), REFERENCE)
    };
    let some = |value: &Option<String>| value.as_ref().is_some_and(|v| !v.trim().is_empty());
    let euro = [
        ("payment_qr.eur_name", some(&set.eur_name)),
        ("payment_qr.eur_iban", some(&set.eur_iban)),
    ];
    let paynow =
        [("payment_qr.sgd_name", some(&set.sgd_name)), ("payment_qr.sgd_uen", some(&set.sgd_uen))];
    let of_euro = judge_code("EUR", &euro, some(&set.eur_bic), drawn("EUR").is_some());
    let of_paynow = judge_code("SGD", &paynow, false, drawn("SGD").is_some());
    of_euro.into_iter().chain(of_paynow).collect()
}

fn judge_code(
    currency: &str,
    settings: &[(&'static str, bool)],
    wanted: bool,
    drawn: bool,
) -> Option<Check> {
    let missing: Vec<&str> =
        settings.iter().filter(|(_, set)| !set).map(|(name, _)| *name).collect();
    let wanted = wanted || missing.len() < settings.len();
    match (wanted, missing.is_empty(), drawn) {
        (false, _, _) => None,
        (true, true, true) => Some(ok(CODES, format!("invoices in {currency} have one"))),
        (true, true, false) => {
            let found = format!("invoices in {currency} have none: the name is too long for it");
            let how = format!("shorten {}", settings.first().map_or("", |first| first.0));
            Some(warn(CODES, found, how))
        }
        (true, false, _) => {
            let found = format!("invoices in {currency} have none: a setting is missing");
            let how = format!("set {}, or none of {currency}", missing.join(" and "));
            Some(warn(CODES, found, how))
        }
    }
}

table!(Check:
    verdict check found what_to_do;
    row => {
        let verdict = match row.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
    }
    "": verdict, "check": row.check, "found": row.found, "what to do": row.what_to_do);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_judged_by_what_the_round_trip_cannot_explain() {
        let at =
            |ms: i64| DateTime::from_timestamp_millis(1_700_000_000_000 + ms).expect("instant");
        let judged = |database| judge_clock(at(0), at(500), at(database)).verdict;
        assert_eq!(judged(250), Verdict::Ok);
        assert_eq!(judged(1_400), Verdict::Ok);
        assert_eq!(judged(1_600), Verdict::Warn);
        assert_eq!(judged(-40_000), Verdict::Fail);
    }

    #[test]
    fn a_setting_that_is_not_in_force_is_named() {
        assert_eq!(judge_settings(&[]).verdict, Verdict::Ok);
        let dropped = Difference {
            name: "lock_timeout".to_owned(),
            wanted: "5000".to_owned(),
            found: "0".to_owned(),
        };
        let judged = judge_settings(&[dropped]);
        assert_eq!(judged.verdict, Verdict::Fail);
        assert!(judged.found.ends_with("lock_timeout is 0 and not 5000"), "{}", judged.found);
    }

    #[test]
    fn a_role_that_can_change_the_ledger_fails() {
        let table = |may_change| TablePrivileges {
            table: "ledger_transfers".to_owned(),
            exists: true,
            may_write: Some(true),
            may_change: Some(may_change),
            role_exists: true,
            role_is_superuser: false,
            may_become: true,
        };
        assert_eq!(judge_role("r", &[table(false)]).verdict, Verdict::Ok);
        assert_eq!(judge_role("r", &[table(true)]).verdict, Verdict::Fail);
        assert_eq!(judge_role("r", &[]).verdict, Verdict::Fail);
    }

    #[test]
    fn a_feed_that_never_proves_anything_is_told() {
        assert_eq!(judge_proof(true, 3_600).verdict, Verdict::Ok);
        let never = judge_proof(false, 3_600);
        assert_eq!(never.verdict, Verdict::Warn);
        assert!(never.found.contains("3600 s"), "{}", never.found);
    }

    #[test]
    fn ranges_of_events_that_are_missing_are_told() {
        assert_eq!(judge_ranges(IDS_AHEAD).verdict, Verdict::Ok);
        for (ahead, told) in [(999_999, "for only 999999"), (0, "for only 0"), (-3, "last 3 ev")] {
            let check = judge_ranges(ahead);
            assert_eq!(check.verdict, Verdict::Warn);
            assert!(check.found.contains(told), "{check:?}");
        }
    }

    #[test]
    fn a_month_of_charges_that_is_missing_is_told() {
        assert_eq!(judge_months(&[]).verdict, Verdict::Ok);
        let missing = judge_months(&["2026-12".to_owned()]);
        assert_eq!(missing.verdict, Verdict::Warn);
        assert!(missing.found.contains("2026-12"), "{}", missing.found);
    }

    #[test]
    fn what_is_held_or_lost_fails() {
        assert_eq!(judge_partitions(&[])[0].verdict, Verdict::Ok);
        for held in [true, false] {
            let fact = PartitionFact { found: "t:0".to_owned(), held };
            let judged = judge_partitions(&[fact.clone(), fact]);
            assert_eq!(judged.len(), 2);
            assert!(judged.iter().all(|check| check.verdict == Verdict::Fail));
        }
    }

    #[test]
    fn what_kills_its_process_fails_and_what_fails_often_warns() {
        assert_eq!(judge_failing(&[])[0].verdict, Verdict::Ok);
        let fact = |held| PartitionFact { found: "1 item".to_owned(), held };
        let judged = judge_failing(&[fact(true), fact(false)]);
        let verdicts: Vec<Verdict> = judged.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Warn]);
    }

    #[test]
    fn who_makes_others_wait_is_named() {
        assert_eq!(judge_locks(&[])[0].verdict, Verdict::Ok);
        let session = |longest_seconds| BlockingSession {
            pid: 4_711,
            application: "month-end sheet".to_owned(),
            role: "finance".to_owned(),
            state: "idle in transaction".to_owned(),
            since: None,
            waiting: 3,
            longest_seconds,
        };
        let judged = judge_locks(&[session(30), session(29)]);
        let verdicts: Vec<Verdict> = judged.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Warn]);
        assert!(judged[0].found.contains("session 4711 of month-end sheet"), "{judged:?}");
        assert!(judged[0].what_to_do.contains("pg_terminate_backend(4711)"), "{judged:?}");
    }

    #[test]
    fn each_state_of_the_migrations_has_its_verdict() {
        let facts = MigrationFacts::default();
        assert_eq!(judge_migrations(&facts).verdict, Verdict::Ok);
        let missing = MigrationFacts { missing: vec![2], ..facts.clone() };
        assert_eq!(judge_migrations(&missing).verdict, Verdict::Fail);
        let unknown = MigrationFacts { unknown: vec![9], ..facts };
        assert_eq!(judge_migrations(&unknown).verdict, Verdict::Warn);
    }

    #[test]
    fn a_code_that_lacks_a_setting_is_told() {
        let told = |name: bool, iban: bool, bic: bool, drawn: bool| {
            let euro = [("payment_qr.eur_name", name), ("payment_qr.eur_iban", iban)];
            judge_code("EUR", &euro, bic, drawn).map(|check| (check.verdict, check.what_to_do))
        };
        assert_eq!(told(false, false, false, false), None);
        assert_eq!(told(true, true, false, true), Some((Verdict::Ok, String::new())));
        let how = "set payment_qr.eur_name, or none of EUR".to_owned();
        assert_eq!(told(false, true, false, false), Some((Verdict::Warn, how)));
        let how = "set payment_qr.eur_name and payment_qr.eur_iban, or none of EUR".to_owned();
        assert_eq!(told(false, false, true, false), Some((Verdict::Warn, how)));
        let how = "shorten payment_qr.eur_name".to_owned();
        assert_eq!(told(true, true, true, false), Some((Verdict::Warn, how)));
    }
}
