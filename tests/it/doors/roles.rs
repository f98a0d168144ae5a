//! Least rights at the database: who may do what, walked as real logins.

use std::process::{Command, Output};

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use topup::wire::Topic;

use crate::harness::records::{BANK, account, bank, credit_saying, invoice, with};
use crate::harness::{Database, Direct};

/// Parts of what only a payer's own people may know, as they are planted.
const PLANTED: [&str; 6] =
    ["Zephyrine", "SK4402XY1234567", "8840021176543", "remit-canary", "E2E-CANARY", "CRED-C"];

/// Each act, and whether the owner, the worker, an operator and a reader may do it. None of them
/// changes anything: the server looks at the rights first.
const ACTS: [(&str, [bool; 4]); 26] = [
    ("SELECT name FROM public.accounts", [true, true, true, false]),
    ("SELECT debtor_name FROM public.payments", [true, true, true, false]),
    ("SELECT debtor_account FROM public.bank_transactions", [true, true, true, false]),
    ("SELECT record_value FROM public.dead_letters", [true, true, true, false]),
    ("SELECT payload FROM public.outbox", [true, true, true, false]),
    ("SELECT explanation FROM public.decisions", [true, true, true, false]),
    ("SELECT name FROM masked.accounts", [true, false, false, true]),
    ("SELECT unstructured FROM masked.payments", [true, false, false, true]),
    ("SELECT amount FROM public.ledger_entries", [true, true, true, true]),
    ("SELECT outcome FROM public.inbox", [true, true, true, true]),
    (
        "INSERT INTO ledger_transfers SELECT * FROM ledger_transfers WHERE false",
        [true, true, false, false],
    ),
    ("UPDATE ledger_transfers SET leg = leg WHERE false", [false, false, false, false]),
    ("DELETE FROM ledger_transfers WHERE false", [false, false, false, false]),
    ("TRUNCATE ledger_transfers CASCADE", [false, false, false, false]),
    ("UPDATE further_balances SET amount = amount WHERE false", [true, true, false, false]),
    (
        "INSERT INTO money_records SELECT * FROM money_records WHERE false",
        [true, true, false, false],
    ),
    (
        "INSERT INTO inbox_records SELECT * FROM inbox_records WHERE false",
        [true, true, false, false],
    ),
    ("UPDATE checkpoints SET epoch = epoch WHERE false", [true, true, false, false]),
    (
        "INSERT INTO operator_commands SELECT * FROM operator_commands WHERE false",
        [true, true, true, false],
    ),
    ("UPDATE operator_commands SET reason = reason WHERE false", [false, false, false, false]),
    ("UPDATE dead_letters SET status = status WHERE false", [true, true, true, false]),
    ("DELETE FROM dead_letters WHERE false", [false, false, false, false]),
    ("INSERT INTO rule_sets SELECT * FROM rule_sets WHERE false", [true, true, true, false]),
    ("CREATE TABLE smuggled (a text)", [true, false, false, false]),
    ("SET ROLE topup_worker", [false, true, true, false]),
    ("SET ROLE topup_operator", [false, false, true, false]),
];

/// A database that belongs to somebody who may not even create roles, and its four logins.
struct Walked {
    database: Database,
    logins: [String; 4],
}

async fn server(database: &Database, sql: &str) {
    database.execute(sql).await;
}

fn url_of(database: &Database, login: &str) -> String {
    database.url.replacen("//topup@", &format!("//{login}@"), 1)
}

impl Walked {
    async fn new() -> Self {
        let first = Database::new("roles").await;
        let logins = ["owner", "worker", "operator", "reader"];
        let logins = logins.map(|who| format!("{}_{who}", &first.name));
        for login in &logins {
            server(&first, &format!("CREATE ROLE {login} LOGIN")).await;
        }
        for (login, role) in logins.iter().skip(1).zip(["worker", "operator", "reader"]) {
            server(&first, &format!("GRANT topup_{role} TO {login}")).await;
        }
        let (owner, name) = (&logins[0], format!("{}_o", first.name));
        server(&first, &format!("CREATE DATABASE {name} OWNER {owner}")).await;
        let url = first.url.replace(&first.name, &name);
        first.finish().await;
        let admin = sqlx::PgPool::connect(&url).await.expect("a pool").into();
        let database = Database { name, url, admin };
        let migrated = topup(&database, owner, None, &["migrate"]);
        assert!(migrated.status.success(), "{}", text(&migrated));
        Self { database, logins }
    }

    /// The role that the program is told to take on.
    fn role(who: usize) -> Option<&'static str> {
        [None, Some("topup_worker"), Some("topup_operator"), Some("topup_reader")][who]
    }

    fn topup(&self, who: usize, words: &[&str]) -> (Option<i32>, String) {
        let output = topup(&self.database, &self.logins[who], Self::role(who), words);
        (output.status.code(), text(&output))
    }

    async fn connection(&self, who: usize) -> PgConnection {
        let url = url_of(&self.database, &self.logins[who]);
        let url: PgConnectOptions = url.parse().expect("a URL");
        PgConnection::connect_with(&url).await.expect("let in")
    }

    async fn finish(self) {
        let (logins, rest) = (self.logins, self.database);
        let base = crate::harness::env("DATABASE_URL");
        rest.admin.close().await;
        let mut server = PgConnection::connect(&base).await.expect("the server");
        let mut last = vec![format!("DROP DATABASE {} WITH (FORCE)", rest.name)];
        last.extend(logins.iter().map(|login| format!("DROP ROLE {login}")));
        for statement in last {
            server.execute(AssertSqlSafe(statement)).await.expect("gone");
        }
    }
}

fn topup(database: &Database, login: &str, role: Option<&str>, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", url_of(database, login));
    command.env("TOPUP_OPERATOR", "alice").env("TOPUP__KAFKA__TOPIC_PREFIX", &database.name);
    command.env("KAFKA_BROKERS", crate::harness::env("KAFKA_BROKERS"));
    if let Some(role) = role {
        command.env("TOPUP__DATABASE__ROLE", role);
    }
    command.output().expect("it starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_login_may_do_what_it_must_and_no_more() {
    let walked = Walked::new().await;
    let mut wrong = Vec::new();
    for who in 0..4 {
        let mut connection = walked.connection(who).await;
        for (act, may) in ACTS {
            let done = connection.execute(AssertSqlSafe(format!("BEGIN; {act}"))).await;
            let code = done.err().map(|error| {
                let error = error.as_database_error().and_then(|error| error.code());
                error.unwrap_or_default().into_owned()
            });
            connection.execute("ROLLBACK; RESET ROLE").await.expect("back");
            let expected = (!may[who]).then(|| "42501".to_owned());
            if code != expected {
                wrong.push(format!("{}: {act}: {code:?}", walked.logins[who]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    walked.finish().await;
}

/// What is the payers', in all places that records reach.
async fn plant(walked: &Walked) -> Direct {
    let database = Database {
        name: walked.database.name.clone(),
        url: walked.database.url.clone(),
        admin: walked.database.admin.clone(),
    };
    let mut direct = Direct::on(database).await;
    let [name, iban, own, said, end_to_end, reference] = PLANTED;
    let owned = json!({ "name": name, "payer_accounts": [iban], "virtual_accounts": [own] });
    let known = direct.command("a-1", "account.upsert", &with(account("ACC-1"), &owned));
    let sent = direct.command("i-1", "invoice.create", &invoice("INV-1", "ACC-1", "5.00"));
    let known = direct.run(&[known, sent]).await;
    assert!(known.iter().all(|ended| ended.outcome == "applied"), "{known:?}");
    let payer = json!({
        "debtor": { "name": name, "account": iban }, "end_to_end_id": end_to_end,
        "remittance": { "unstructured": [format!("{said} {name}")],
                        "creditor_reference": reference },
    });
    for (id, more) in [
        ("T-1", json!({})),
        ("T-2", json!({ "amount": "1e9" })),
        ("T-3", json!({ "virtual_account": own })),
        ("T-4", json!({ "bank_transaction_id": null })),
    ] {
        let data = with(with(credit_saying(id, "7.00", said), &payer), &more);
        let value = bank(&format!("b-{id}"), &data);
        let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
        direct.run(&[item]).await;
    }
    let waits = direct.command(
        "w-1",
        "payment.allocate",
        &json!({ "payment_id": "P-9", "account_id": "ACC-1",
                 "allocations": [{ "invoice_id": "INV-1" }] }),
    );
    direct.run(&[waits]).await;
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_no_name_no_account_number_and_no_text() {
    let walked = Walked::new().await;
    let direct = plant(&walked).await;
    let all = "SELECT n.nspname || '.' || c.relname FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'masked') AND c.relkind IN ('r', 'p', 'v')";
    let seen = |planted: &str| {
        let hex: String = planted.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("(t::text ILIKE '%{planted}%' OR t::text ILIKE '%{hex}%')")
    };
    let any = PLANTED.map(seen).join(" OR ");
    let mut reader = walked.connection(3).await;
    let (mut looked, mut shown, mut there) = (0, Vec::new(), 0);
    for relation in walked.database.lines(all).await {
        let count = format!("SELECT count(*) FROM {relation} t WHERE {any}");
        there += walked.database.value(&count).await.parse::<i64>().expect("a number");
        match sqlx::query_scalar::<_, i64>(AssertSqlSafe(count)).fetch_one(&mut reader).await {
            Ok(0) => looked += 1,
            Ok(_) => shown.push(relation),
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                assert_eq!(code.as_deref(), Some("42501"), "{relation}: {error}");
            }
        }
    }
    assert!(there > 10, "they are planted: {there}");
    assert!(shown.is_empty(), "a reader sees them in {shown:?}");
    assert!(looked > 60, "a reader sees the rest: {looked}");
    for words in [
        &["payments", "list", "--unmasked", "--output", "json"][..],
        &["accounts", "list", "--unmasked", "--output", "json"],
        &["accounts", "show", "ACC-1", "--unmasked"],
        &["dead-letters", "list", "--unmasked", "--output", "json"],
        &["invoices", "list"],
        &["balances", "list"],
        &["jobs", "list"],
        &["status"],
    ] {
        let (exit, text) = walked.topup(3, words);
        assert_eq!(exit, Some(0), "{words:?}: {text}");
        assert!(!PLANTED.iter().any(|planted| text.contains(planted)), "{words:?}: {text}");
    }
    direct.pipeline.pool().close().await;
    walked.finish().await;
}

/// An operator's acts work with his rights, a reader's do not, and each refusal has its code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_acts_and_a_reader_does_not() {
    let walked = Walked::new().await;
    let direct = plant(&walked).await;
    let why = ["--reason", "a test"];
    let acts: [&[&str]; 5] = [
        &["jobs", "pause", "prune", why[0], why[1]],
        &["jobs", "run", "rematch"],
        &["dead-letters", "replay", "--all", "--yes", why[0], why[1]],
        &["invoices", "void", "INV-1", why[0], why[1]],
        &["dead-letters", "discard", "--id", "1", "--yes", "--yes-bank-facts", why[0], why[1]],
    ];
    for act in acts {
        let (exit, text) = walked.topup(3, act);
        assert!(exit == Some(1) && text.contains("database_denied"), "reader {act:?}: {text}");
    }
    for act in acts {
        let (exit, text) = walked.topup(2, act);
        assert!(!text.contains("database_denied"), "operator {act:?}: {text}");
        assert_ne!(exit, Some(2), "{act:?}: {text}");
    }
    let gone = "SELECT status FROM dead_letters WHERE dead_letter_id = 1";
    assert_eq!(walked.database.value(gone).await, "discarded");
    let reopened = ["dead-letters", "reopen", "1", "--yes", why[0], why[1]];
    let (exit, text) = walked.topup(2, &reopened);
    assert_eq!(exit, Some(0), "{text}");
    let (exit, text) = walked.topup(2, &["audit"]);
    assert_eq!(exit, Some(0), "{text}");
    direct.pipeline.pool().close().await;
    walked.finish().await;
}
