//! Edit and replay, selections, runs that are cut off and resumed, order per key.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use topup::operator::dead_letters::edit::{Edited, edit};
use topup::operator::dead_letters::{
    Became, Control, End, ReplayArgs, ReplayReport, What, discard, replay_with,
};
use topup::store::dead_letters::Selection;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, allocate, command, draft, with};

const STATES: &str = "SELECT dead_letter_id, code, status FROM dead_letters ORDER BY 1";
const ACTS: &str = "SELECT dead_letter_id, act, outcome FROM dead_letter_acts ORDER BY act_id";

/// A command that cannot be decoded: its amount is no amount.
fn hostile(id: &str, invoice: &str, account: &str) -> String {
    let data = with(draft(invoice, account, "10.00"), &json!({ "amount": "1e9" }));
    command(id, "invoice.create", &data)
}

fn mended(id: &str, invoice: &str, account: &str) -> String {
    command(id, "invoice.create", &draft(invoice, account, "10.00"))
}

/// Dead letters of the keys in `keys`, one each, in this order: `c-1`, `c-2`…
async fn with_letters(test: &str, keys: &[&str]) -> Direct {
    let mut direct = Direct::new(test).await;
    for (number, key) in keys.iter().enumerate() {
        let id = number + 1;
        let value = hostile(&format!("c-{id}"), &format!("INV-{id}"), key);
        let item = direct.item(Topic::Commands, Some(key), value.as_bytes());
        let ended = direct.run(&[item]).await;
        assert_eq!(ended[0].outcome, "dead_lettered");
    }
    direct
}

async fn mend(direct: &Direct, number: i64, key: &str) {
    let value = mended(&format!("c-{number}"), &format!("INV-{number}"), key);
    let pool = direct.pipeline.pool();
    let edited = edit(pool, number, value.as_bytes(), "ann", "amount in words", false).await;
    assert!(matches!(edited, Ok(Edited::Revision { number: 1, .. })), "{edited:?}");
}

fn all() -> ReplayArgs {
    ReplayArgs {
        what: What::Selected(Selection::default()),
        rate: 0,
        stop_after: None,
        operator: "ann".to_owned(),
        reason: Some("mended".to_owned()),
        dry_run: false,
    }
}

async fn replay(direct: &Direct, args: &ReplayArgs) -> ReplayReport {
    let replayed = replay_with(&direct.pipeline, args, &Control::default()).await;
    replayed.expect("the database works")
}

fn words(report: &ReplayReport) -> Vec<&'static str> {
    report.letters.iter().map(|(_, replayed)| replayed.word()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_a_revision_and_its_replay_applies_once() {
    let direct = with_letters("dt_edit", &["ACC-1"]).await;
    let original = "SELECT md5(record_value) FROM dead_letters";
    let before = direct.database.value(original).await;
    let value = mended("c-1", "INV-1", "ACC-1");
    let all_before = direct.database.fingerprint(&[]).await;
    let pool = direct.pipeline.pool();
    let dry = edit(pool, 1, value.as_bytes(), "nobody", "look", true).await.expect("compared");
    assert!(matches!(dry, Edited::Revision { number: 1, .. }));
    assert_eq!(direct.database.fingerprint(&[]).await, all_before, "a dry run wrote");
    mend(&direct, 1, "ACC-1").await;
    let again = edit(pool, 1, value.as_bytes(), "ann", "again", false).await;
    assert_eq!(again.expect("compared"), Edited::Unchanged);
    assert_eq!(words(&replay(&direct, &all()).await), ["applied"]);
    assert_eq!(direct.database.value(original).await, before, "the original stays");
    assert_eq!(direct.database.value("SELECT amount FROM invoices").await, "10000000");
    assert_eq!(direct.database.lines(ACTS).await, ["1|edit|edited", "1|replay|applied"]);
    let states = "SELECT before ->> 'revision', after ->> 'revision', before ->> 'status',
                  after ->> 'status' FROM dead_letter_acts ORDER BY act_id";
    assert_eq!(direct.database.lines(states).await, ["0|1|open|open", "1|1|open|replayed"]);
    let closed = edit(pool, 1, b"{}", "ann", "late", false).await.expect("compared");
    assert_eq!(closed, Edited::AlreadyResolved);
    direct.finish().await;
}

/// What an operator did cannot be changed, neither by the worker's role nor by the owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_and_acts_are_append_only() {
    let direct = with_letters("dt_append", &["ACC-1"]).await;
    mend(&direct, 1, "ACC-1").await;
    for statement in [
        "UPDATE dead_letter_revisions SET reason = 'other'",
        "DELETE FROM dead_letter_revisions",
        "UPDATE dead_letter_acts SET operator = 'other'",
        "DELETE FROM dead_letter_acts",
        "DELETE FROM replay_runs",
    ] {
        for pool in [direct.pipeline.pool(), &direct.database.admin] {
            let refused = sqlx::query(statement).execute(pool).await.expect_err(statement);
            let code = refused.as_database_error().and_then(|error| error.code());
            assert_eq!(code.as_deref(), Some("42501"), "{statement}");
        }
    }
    direct.finish().await;
}

/// The first of ACC-1 fails: the second of it is left alone, although it could be applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_a_key_is_kept_behind_one_that_fails() {
    let direct = with_letters("dt_order", &["ACC-1", "ACC-2", "ACC-1"]).await;
    mend(&direct, 2, "ACC-2").await;
    mend(&direct, 3, "ACC-1").await;
    let before = direct.database.fingerprint(&[]).await;
    let dry = replay(&direct, &ReplayArgs { dry_run: true, ..all() }).await;
    assert_eq!(words(&dry), ["still_failing", "applied", "blocked"]);
    assert_eq!(direct.database.fingerprint(&[]).await, before, "a dry run wrote");
    let report = replay(&direct, &all()).await;
    assert_eq!(words(&report), ["still_failing", "applied", "blocked"]);
    let expected = ["1|amount_invalid|open", "2|amount_invalid|replayed", "3|amount_invalid|open"];
    assert_eq!(direct.database.lines(STATES).await, expected);
    mend(&direct, 1, "ACC-1").await;
    assert_eq!(words(&replay(&direct, &all()).await), ["applied", "applied"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_stops_after_so_many_failures_and_is_resumed_behind_them() {
    let keys = ["ACC-1", "ACC-2", "ACC-3", "ACC-1"];
    let direct = with_letters("dt_stop", &keys).await;
    for (number, key) in [(3, "ACC-3"), (4, "ACC-1")] {
        mend(&direct, number, key).await;
    }
    let report = replay(&direct, &ReplayArgs { stop_after: Some(2), ..all() }).await;
    assert_eq!(report.end, End::Stopped);
    assert_eq!(words(&report), ["still_failing", "still_failing"]);
    let what = What::Run(report.run.expect("a run"));
    let rest = replay(&direct, &ReplayArgs { what, ..all() }).await;
    assert_eq!(rest.end, End::Done);
    assert_eq!(words(&rest), ["applied", "blocked"], "a resumed run keeps the order of keys");
    let again = ReplayArgs { what: What::Run(rest.run.expect("a run")), ..all() };
    assert_eq!(replay(&direct, &again).await.end, End::NotResumed);
    let run = "SELECT state, looked_at, failed FROM replay_runs";
    assert_eq!(direct.database.lines(run).await, ["done|4|2"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_is_resumed_and_does_nothing_twice() {
    let keys = ["ACC-1", "ACC-2", "ACC-3"];
    let direct = with_letters("dt_cancel", &keys).await;
    for (number, key) in (1..).zip(keys) {
        mend(&direct, number, key).await;
    }
    let mut control = Control::default();
    let cancelled = control.cancelled.clone();
    control.progress = Some(Arc::new(move |done, total| {
        assert_eq!(total, 3);
        cancelled.store(done > 0, Ordering::Relaxed);
    }));
    // One letter a chunk.
    let slow = ReplayArgs { rate: 1, ..all() };
    let report = replay_with(&direct.pipeline, &slow, &control).await.expect("replayed");
    assert_eq!((report.end, words(&report)), (End::Cancelled, vec!["applied"]));
    let what = What::Run(report.run.expect("a run"));
    let rest = replay(&direct, &ReplayArgs { what, ..all() }).await;
    assert_eq!((rest.end, words(&rest)), (End::Done, vec!["applied", "applied"]));
    assert_eq!(direct.database.value("SELECT count(*) FROM invoices").await, "3");
    assert_eq!(direct.database.value("SELECT count(*) FROM dead_letter_acts").await, "6");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_at_the_same_letters_one_wins() {
    let keys = ["ACC-1", "ACC-2", "ACC-3"];
    let direct = with_letters("dt_two", &keys).await;
    for (number, key) in (1..).zip(keys) {
        mend(&direct, number, key).await;
    }
    let bob = ReplayArgs { operator: "bob".to_owned(), ..all() };
    let ann = all();
    let (one, two) = tokio::join!(replay(&direct, &ann), replay(&direct, &bob));
    let applied = [words(&one), words(&two)].concat();
    assert_eq!(applied.iter().filter(|word| **word == "applied").count(), 3, "{applied:?}");
    let acts = "SELECT count(*) FROM dead_letter_acts WHERE act = 'replay'";
    assert_eq!(direct.database.value(acts).await, "3");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_took_effect_meanwhile_makes_an_edit_obsolete() {
    let mut direct = with_letters("dt_obsolete", &["ACC-1"]).await;
    mend(&direct, 1, "ACC-1").await;
    let sent = direct.command("c-1", "account.upsert", &account("ACC-1"));
    direct.applied(sent).await;
    assert_eq!(words(&replay(&direct, &all()).await), ["obsolete"]);
    assert_eq!(direct.database.lines(STATES).await, ["1|amount_invalid|open"]);
    let pool = direct.pipeline.pool();
    let given_up = discard(pool, &Selection::default(), "ann", "sent again", false).await;
    assert_eq!(given_up.expect("discarded"), [(1, Became::Discarded)]);
    assert_eq!(direct.database.lines(STATES).await, ["1|amount_invalid|discarded"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_grouped_by_shape_and_selected_by_key_and_text() {
    let mut direct = with_letters("dt_shape", &["ACC-1", "ACC-2"]).await;
    let item = direct.item(Topic::Commands, Some("ACC-3"), b"name=Tan");
    direct.run(&[item]).await;
    let shapes = "SELECT shape, count(*) FROM dead_letters GROUP BY shape ORDER BY shape";
    let named = "topup.invoice.create.v1 {account_id,amount,currency,invoice_id,name}|2";
    assert_eq!(direct.database.lines(shapes).await, ["not JSON|1", named]);
    let by_key = Selection { key: Some("ACC-2".to_owned()), ..Selection::default() };
    let by_text = Selection { text: Some("INV-2".to_owned()), ..Selection::default() };
    for selection in [by_key, by_text] {
        let args = ReplayArgs { what: What::Selected(selection), dry_run: true, ..all() };
        let report = replay(&direct, &args).await;
        assert_eq!(report.letters.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2]);
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_keys_say_what_waits_behind_what() {
    let mut direct = with_letters("dt_parked", &["ACC-1"]).await;
    for id in ["w-1", "w-2"] {
        let value = command(id, "payment.allocate", &allocate("PAY-9", "ACC-1", "INV-9"));
        let item = direct.item(Topic::Commands, Some("ACC-1"), value.as_bytes());
        assert_eq!(direct.run(&[item]).await[0].outcome, "waiting");
    }
    let page = topup::store::views::Page { after: None, limit: 10 };
    let rows = topup::store::views::keys::parked(direct.pipeline.pool(), &page).await;
    let rows = rows.expect("read").items;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.key.as_str(), row.record.as_str()), ("ACC-1", "crm/w-1"));
    assert!(row.needs.ends_with("-9"), "{}", row.needs);
    assert_eq!((row.behind, row.letters), (1, 1));
    direct.finish().await;
}
