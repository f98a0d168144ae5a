//! Lists as programs and spreadsheets read them: all rows, the names of JSON, exact sums.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::Direct;
use crate::harness::records::draft;

/// More than one page that is read at once.
const INVOICES: usize = 1_250;

fn command(direct: &Direct, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", &direct.database.url).env("NO_COLOR", "1");
    command
}

fn topup(direct: &Direct, words: &[&str]) -> Output {
    command(direct, words).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

async fn invoices(direct: &mut Direct) {
    let commands: Vec<_> = (0..INVOICES)
        .map(|number| {
            let id = format!("INV-{number:04}");
            let mut data = draft(&id, "ACME", "0.10");
            data["name"] = "=HYPERLINK(\"x\")".into();
            direct.command(&id, "invoice.create", &data)
        })
        .collect();
    for batch in commands.chunks(250) {
        direct.run(batch).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_and_ndjson_have_all_rows_the_names_of_json_and_exact_sums() {
    let mut direct = Direct::new("lists").await;
    invoices(&mut direct).await;
    let csv = topup(&direct, &["invoices", "list", "--output", "csv"]);
    let rows = text(&csv.stdout);
    assert_eq!(rows.lines().count(), INVOICES + 1);
    assert_eq!(
        text(&csv.stderr),
        format!("Total SGD: amount 125.00, amount_due 125.00 ({INVOICES} rows)\n")
    );
    assert!(rows.contains("\"'=HYPERLINK(\"\"x\"\")\""), "a formula: {}", &rows[..400]);
    let ids: BTreeSet<&str> =
        rows.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(ids.len(), INVOICES);
    let lines = topup(&direct, &["invoices", "list", "--output", "ndjson"]);
    let lines = text(&lines.stdout);
    assert_eq!(lines.lines().count(), INVOICES);
    let first = lines.lines().next().expect("a line");
    let document: Value = serde_json::from_str(first).expect("JSON");
    let header: BTreeSet<&str> = rows.lines().next().expect("a header").split(',').collect();
    let names: BTreeSet<&str> =
        document.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(header, names);
    // The mark is there on request, and only there.
    let marked = topup(&direct, &["invoices", "list", "--output", "csv", "--bom"]);
    assert_eq!(text(&marked.stdout), format!("\u{feff}{rows}"));
    let wrong = topup(&direct, &["invoices", "list", "--bom"]);
    assert_eq!(wrong.status.code(), Some(2));
    // A page is a page where somebody says so, and JSON has pages.
    let page = topup(&direct, &["invoices", "list", "--output", "csv", "--limit", "7"]);
    assert_eq!(text(&page.stdout).lines().count(), 8);
    assert!(text(&page.stderr).contains("there are more: --after 'INV-0006'"));
    let json = topup(&direct, &["invoices", "list", "--output", "json"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["items"].as_array().map(Vec::len), Some(50));
    assert_eq!(json["totals"][0]["total"], "5.00");
    let table = text(&topup(&direct, &["invoices", "list", "--limit", "3"]).stdout);
    assert!(
        table.contains("Total SGD: amount 0.30, amount_due 0.30 (these 3 rows, there are more)")
    );
    // A reader that goes away is no failure.
    let mut reader = command(&direct, &["invoices", "list", "--output", "ndjson"]);
    let mut reader = reader.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut some = [0_u8; 100];
    reader.stdout.take().expect("a pipe").read_exact(&mut some).expect("the start");
    assert_eq!(reader.wait().expect("it ends").code(), Some(0));
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_shown_in_the_configured_zone_and_programs_read_utc() {
    let mut direct = Direct::new("lists_zone").await;
    let made = direct.command("i-1", "invoice.create", &draft("INV-1", "ACME", "1.00"));
    direct.applied(made).await;
    let zone = ["--set", "jobs.time_zone=Asia/Kolkata"];
    let shown = |words: &[&str]| {
        let all = [["records", "list", "--since", "1h"].as_slice(), words].concat();
        text(&topup(&direct, &all).stdout)
    };
    assert!(shown(&zone).contains("+05:30"), "{}", shown(&zone));
    assert!(!shown(&[zone.as_slice(), &["--utc"]].concat()).contains("+05:30"));
    assert!(!shown(&[zone.as_slice(), &["--output", "json"]].concat()).contains("+05:30"));
    direct.finish().await;
}

/// A list of payers is paged without their numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_holds_no_account_number() {
    let direct = Direct::new("lists_cursor").await;
    direct
        .database
        .execute(
            "INSERT INTO accounts (account_id, created_at, updated_at)
             VALUES ('ACME', now(), now());
             INSERT INTO payer_aliases (payer_account, account_id, confirmations, last_used_on)
             VALUES ('DE89370400440532013000', 'ACME', 1, '2026-11-22'),
                    ('GB33BUKB20201555555555', 'ACME', 1, '2026-11-22')",
        )
        .await;
    let list = ["review", "aliases", "--limit", "1", "--output", "json"];
    let first: Value = serde_json::from_slice(&topup(&direct, &list).stdout).expect("JSON");
    let cursor = first["next"].as_str().expect("more");
    assert!(cursor.chars().all(|c| c.is_ascii_digit()), "{cursor}");
    assert_eq!(first["items"][0]["payer_account"], "…3000");
    let next = topup(&direct, &[list.as_slice(), &["--after", cursor]].concat());
    let next: Value = serde_json::from_slice(&next.stdout).expect("JSON");
    assert_eq!(next["items"][0]["payer_account"], "…5555");
    let wrong = topup(&direct, &[list.as_slice(), &["--after", "DE89/ACME"]].concat());
    assert_eq!(wrong.status.code(), Some(2));
    direct.database.abandon().await;
}

/// Short lists have the form of the others, and programs get all of their rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_lists_are_whole_for_programs_and_have_the_form_of_the_others() {
    let direct = Direct::new("lists_short").await;
    for words in [
        ["commands", "waiting"],
        ["keys", "parked"],
        ["dead-letters", "groups"],
        ["returns", "list"],
        ["advices", "list"],
        ["rules", "list"],
    ] {
        let told = topup(&direct, &[words.as_slice(), &["--output", "json"]].concat());
        let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
        assert!(told["items"].is_array(), "{words:?}: {told}");
    }
    direct
        .database
        .execute(
            "INSERT INTO waiting_commands (source, message_id, topic, partition, record_offset,
                 record_value, record_headers, wait_key, needs, since, deadline)
             SELECT 'crm', 'w-' || n, 't', 0, n, '', '[]', 'K-' || n, 'version', now(), now()
               FROM generate_series(1, 60) n",
        )
        .await;
    let lines = |words: &[&str]| {
        text(&topup(&direct, &[["keys", "parked", "--output"].as_slice(), words].concat()).stdout)
            .lines()
            .count()
    };
    assert_eq!(lines(&["ndjson"]), 60);
    assert_eq!(lines(&["csv"]), 61);
    assert_eq!(lines(&["ndjson", "--limit", "7"]), 7);
    direct.database.abandon().await;
}
