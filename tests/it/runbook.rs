//! Every command in the blocks of `docs/OPERATIONS.md` and `docs/RUNBOOK.md` is run as it is
//! written, and ends with the exit code that stands beside it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;
use topup::clock::Clock;

use crate::harness::World;
use crate::harness::records::{BANK, bank, command, credit, draft, envelope, invoice, with};

/// One command of the page, and how it has to end.
struct Line {
    words: Vec<String>,
    exit: i32,
}

/// The commands of all blocks for a shell, in the order of the pages.
fn commands() -> Vec<Line> {
    let mut language = None;
    let mut found = Vec::new();
    // A command may go on in the next line, as in a shell.
    let pages = [include_str!("../../docs/OPERATIONS.md"), include_str!("../../docs/RUNBOOK.md")];
    for line in pages.join("\n").replace("\\\n", " ").lines() {
        if let Some(fence) = line.strip_prefix("```") {
            language = if language.is_some() { None } else { Some(fence) };
            continue;
        }
        if !matches!(language, Some("sh" | "console")) || line.trim().is_empty() {
            continue;
        }
        // The name of the operator is in the environment of every command here.
        if line.starts_with("export TOPUP_OPERATOR=") {
            continue;
        }
        let (command, comment) = line.split_once('#').unwrap_or((line, ""));
        let stated = comment.trim().strip_prefix("exits ").map(str::trim);
        let exit = stated.and_then(|code| code.parse().ok()).unwrap_or(0);
        let command = command.trim().trim_start_matches("$ ");
        // Settings in front of a command are the test's own here.
        let command = if command.starts_with("DATABASE_URL=") {
            command.split_once(' ').map_or(command, |(_, rest)| rest)
        } else {
            command
        };
        found.push(Line { words: split(command), exit });
    }
    found
}

/// As a shell does: blanks separate, single quotes hold together, output goes nowhere.
fn split(command: &str) -> Vec<String> {
    let command = command.split('>').next().unwrap_or_default();
    let mut words = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn topup(world: &World, words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    let own = |word: &String| word.replace("topup.bank-payments", &world.topics.bank_payments);
    command
        .args(words.iter().map(own))
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .env("TOPUP_OPERATOR", "alice")
        .env("USER", "alice");
    command
}

fn run(world: &World, line: &Line) -> Output {
    let folder = std::env::temp_dir().join(&world.name);
    std::fs::create_dir_all(&folder).expect("a folder");
    // What an operator has written before they edit dead letter 17.
    let mended = command("cmd-2", "invoice.create", &draft("INV-1003", "ACC-1001", "1.00"));
    std::fs::write(folder.join("mended.json"), &mended).expect("a file");
    let patch = r#"[{"op": "replace", "path": "/data/amount", "value": "1.00"}]"#;
    std::fs::write(folder.join("patch.json"), patch).expect("a file");
    let record = json!({ "topic": "commands", "key": "ACC-1001", "value": mended }).to_string();
    std::fs::write(folder.join("mended.ndjson"), record).expect("a file");
    let rules = "[accounts.ACC-1001]\npartial = \"apply\"\n";
    std::fs::write(folder.join("rules.toml"), rules).expect("a file");
    let words = line.words.get(1..).unwrap_or_default();
    let output = topup(world, words).current_dir(&folder).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(line.exit), "{:?}: {said}{shown}", line.words);
    assert!(!said.contains("panicked"), "{:?}: {said}", line.words);
    output
}

/// What the ids of the page stand for: two stale invoices, a parked payment, a refused command, a
/// dead letter.
async fn seed(world: &World) {
    let numbers = "ALTER TABLE dead_letters ALTER dead_letter_id RESTART WITH 17";
    world.database.execute(numbers).await;
    // The page shares money out to a second customer, who is known.
    let second = json!({ "account_id": "ACC-1002", "name": "Globex" });
    world.applied("a-2", "account.upsert", "ACC-1002", second).await;
    for (id, number) in [("i-1", "INV-1001"), ("i-2", "INV-1002")] {
        world
            .applied(id, "invoice.create", "ACC-1001", invoice(number, "ACC-1001", "100.00"))
            .await;
    }
    world
        .command("cmd-1", "invoice.create", "ACC-1001", draft("INV-1001", "ACC-1001", "1.00"))
        .await;
    assert_eq!(world.outcome("cmd-1").await.0, "rejected");
    let entry = with(credit("TX-1", "7.77"), &json!({ "statement_id": "S-1" }));
    world.bank("b-1", entry).await;
    world.outcome("b-1").await;
    let statement = json!({
        "bank_account": BANK, "statement_id": "S-1", "currency": "SGD", "entries": 1,
        "opening_balance": "0.00", "closing_balance": "7.77",
        "complete_through": Clock::System.now().to_rfc3339(),
    });
    let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &statement);
    world.publish(&world.topics.bank_payments, BANK, &value).await;
    world.outcome("s-1").await;
    let bad = with(draft("INV-1003", "ACC-1001", "1.00"), &json!({ "amount": "1e9" }));
    world.command("cmd-2", "invoice.create", "ACC-1001", bad).await;
    world.until("SELECT dead_letter_id FROM dead_letters", "17").await;
    world.relayed().await;
    let aged = "UPDATE invoices SET stale_since = now() - interval '40 days'
                 WHERE stale_since IS NOT NULL";
    world.database.execute(aged).await;
    let flag = ["jobs", "run", "flag-void-candidates"].map(str::to_owned);
    topup(world, &flag).output().expect("it starts");
    assert_eq!(world.value("SELECT count(*) FROM void_candidates").await, "2");
    // A settlement of two customers, into another bank account.
    let account = "DBS-1";
    let fields = json!({ "bank_account": account, "statement_id": "ST-41" });
    let settlement = with(credit("TX-7", "100.50"), &fields);
    let value = bank("b-7", &settlement);
    world.publish(&world.topics.bank_payments, account, &value).await;
    assert_eq!(world.outcome("b-7").await.0, "applied");
    let fields =
        json!({ "bank_account": account, "statement_id": "ST-41", "closing_balance": "100.50" });
    let statement = with(statement, &fields);
    let value = envelope("s-7", "bank-gateway", "topup.bank.statement.v1", &statement);
    world.publish(&world.topics.bank_payments, account, &value).await;
    assert_eq!(world.outcome("s-7").await.0, "applied");
}

fn stop(mut worker: Child) {
    // SIGTERM by the shell's own command: unsafe code is forbidden here.
    let asked = Command::new("kill").arg(worker.id().to_string()).status();
    assert!(asked.is_ok_and(|status| status.success()), "the worker could not be stopped");
    assert!(worker.wait().expect("it ends").success(), "the worker did not end in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_runbook_does_what_the_page_says() {
    let lines = commands();
    let world = World::new("runbook").await;
    let foreign = lines.iter().find(|line| line.words.first().is_none_or(|word| word != "topup"));
    assert!(foreign.is_none(), "no command of topup: {:?}", foreign.map(|line| &line.words));
    assert!(lines.len() > 40, "only {} commands were found", lines.len());
    let (worker, rest): (Vec<&Line>, Vec<&Line>) =
        lines.iter().partition(|line| line.words.get(1).is_some_and(|word| word == "worker"));
    // The one command that runs until it is told to stop does the seeding.
    let worker = worker.first().expect("the page starts a worker");
    let child = topup(&world, &worker.words[1..]).spawn().expect("it starts");
    seed(&world).await;
    // Commands that people give are waited for: a worker does them.
    for line in rest {
        run(&world, line);
    }
    stop(child);
    std::fs::remove_dir_all(std::env::temp_dir().join(&world.name)).expect("removed");
    world.finish().await;
}

/// 0 ok, 1 error, 2 usage, 3 findings; who closes the pipe early is no failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_are_what_the_page_says() {
    let world = World::new("exit_codes").await;
    let lines = [
        ("topup status", 0),
        ("topup accounts list --output csv", 0),
        ("topup invoices show NONE", 1),
        ("topup status --output csv", 2),
        ("topup accounts list --limit 0", 2),
        ("topup --set worker.batch_record=1 status", 2),
    ];
    for (line, exit) in lines {
        run(&world, &Line { words: split(line), exit });
    }
    world
        .database
        .execute(
            "INSERT INTO accounts (account_id, created_at, updated_at)
         VALUES ('ACC-1001', now(), now())",
        )
        .await;
    let mistyped = Line { words: split("topup accounts show acc-100l"), exit: 1 };
    let said = String::from_utf8_lossy(&run(&world, &mistyped).stderr).into_owned();
    assert!(said.contains("did you mean `ACC-1001`?"), "{said}");
    // A balance that no ledger explains is a finding.
    let unexplained =
        "UPDATE accounts SET balance_currency = 'SGD', balance = 1000000, balance_at = now()
          WHERE account_id = 'ACC-1001'";
    world.database.execute(unexplained).await;
    for line in ["topup audit", "topup audit --output csv", "topup jobs run audit"] {
        run(&world, &Line { words: split(line), exit: 3 });
    }
    let mended = "UPDATE accounts SET balance = 0 WHERE account_id = 'ACC-1001'";
    world.database.execute(mended).await;
    let settings = run(&world, &Line { words: split("topup config show --output json"), exit: 0 });
    assert!(!settings.stdout.contains(&0x1b), "no escape codes in a pipe");
    let mut child = topup(&world, &split("config show --output ndjson"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    world.finish().await;
}

/// It goes on until Ctrl-C, one document after another where there is no terminal, and over an
/// error of the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_status_goes_on_until_it_is_told_to_stop() {
    let world = World::new("watch").await;
    world.database.execute("ALTER TABLE outbox RENAME TO away").await;
    let mut child = topup(&world, &split("status --watch 1 --output ndjson"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut told = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    told.read_line(&mut line).expect("an error is told");
    assert!(line.starts_with("the database does not answer"), "{line}");
    world.database.execute("ALTER TABLE away RENAME TO outbox").await;
    let mut shown = BufReader::new(child.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        let line = shown.next().expect("a line").expect("text");
        assert!(line.starts_with('{') && !line.contains('\u{1b}'), "{line}");
    }
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(asked.is_ok_and(|status| status.success()), "it could not be told");
    assert!(child.wait().expect("it ends").success());
    world.finish().await;
}
