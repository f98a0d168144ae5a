//! The books as they are exported, checked by programs that know nothing of ours: beancount and
//! hledger add up every entry by themselves and come to the same balances.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chrono::Utc;
use serde_json::{Value, json};
use topup::domain::money::Currency;
use topup::generate::operator::Operator;
use topup::generate::quality::sample;
use topup::wire::Topic;

use crate::harness::records::{
    BANK, about_payment, allocate, allocate_amount, bank, credit_saying, invoice, payment, with,
};
use crate::harness::{Database, Direct};
use crate::quality::play;
use crate::steps_back::taken_back;
use crate::usage::{charge, refund, usage};

/// Adds up a file of beancount, by beancount: customer, currency, balance. What it was taught of
/// names is what the file says of them.
const ADD_UP: &str = r#"
import sys
from beancount import loader
from beancount.core.data import Open, Transaction
entries, errors, _ = loader.load_file(sys.argv[1])
assert not errors, errors
customers, sums = {}, {}
for entry in entries:
    if isinstance(entry, Open) and "customer" in entry.meta:
        customers[entry.account] = entry.meta["customer"]
    if isinstance(entry, Transaction):
        for posting in entry.postings:
            if posting.account in customers:
                key = (customers[posting.account], posting.units.currency)
                sums[key] = sums.get(key, 0) - posting.units.number
for (customer, currency), number in sorted(sums.items()):
    print(customer, currency, format(number, "f"))
"#;

/// A program of `dev/install books`.
fn program(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".dev");
    let dev = std::env::var_os("TOPUP_DEV_DIR").map_or(own, PathBuf::from);
    let program = dev.join("books/bin").join(name);
    assert!(program.exists(), "{} is not there: run dev/install books", program.display());
    program
}

fn text(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(bytes).expect("UTF-8")
}

fn topup(database: &Database, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", &database.url).output().expect("it starts")
}

fn export(database: &Database, format: &str, more: &[&str]) -> String {
    let words = [&["ledger", "export", "--format", format], more].concat();
    let output = topup(database, &words);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output));
    text(&output)
}

/// A file of its own for a program, removed at the end.
struct Written(PathBuf);

impl Written {
    fn new(database: &Database, name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{}.{name}", database.name));
        std::fs::write(&path, content).expect("written");
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // A file that is left in a folder of temporary ones harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Customer and currency, and millionths.
type Sums = BTreeMap<(String, String), i128>;

fn micros(text: &str) -> i128 {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{rest:0<6}").parse::<i128>().expect("a number");
    if digits == text { all } else { -all }
}

fn bean_check(database: &Database, content: &str) -> Output {
    let file = Written::new(database, "beancount", content);
    let output = Command::new(program("bean-check")).arg(&file.0).output();
    output.expect("it starts")
}

fn hledger(database: &Database, content: &str, words: &[&str]) -> Output {
    let file = Written::new(database, "journal", content);
    let mut command = Command::new("hledger");
    // Ids of records may be of any script: it reads them only where text is UTF-8.
    command.args(words).arg("-f").arg(&file.0).env("LC_ALL", "C.UTF-8");
    command.output().expect("hledger is there: run dev/install books")
}

fn by_beancount(database: &Database, content: &str) -> Sums {
    let file = Written::new(database, "sums", content);
    let output =
        Command::new(program("python3")).args(["-c", ADD_UP]).arg(&file.0).output().expect("sums");
    assert!(output.status.success(), "{}", text(&output));
    let told = text(&output);
    let sum = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        ((words[0].to_owned(), words[1].to_owned()), micros(words[2]))
    };
    told.lines().map(sum).collect()
}

fn by_hledger(database: &Database, content: &str) -> Sums {
    let named = |line: &str| {
        let (name, id) = line.strip_prefix("account ")?.split_once("  ; customer:")?;
        Some((name.to_owned(), id.to_owned()))
    };
    let customers: BTreeMap<String, String> = content.lines().filter_map(named).collect();
    let words = ["balance", "--flat", "-N", "-O", "csv", "Liabilities:Customers"];
    let output = hledger(database, content, &words);
    assert!(output.status.success(), "{}", text(&output));
    let mut sums = Sums::new();
    for row in csv::Reader::from_reader(output.stdout.as_slice()).records() {
        let row = row.expect("CSV");
        for amount in row[1].split(", ").filter(|amount| *amount != "0") {
            let (number, currency) = amount.split_once(' ').expect("an amount");
            sums.insert((customers[&row[0]].clone(), currency.to_owned()), -micros(number));
        }
    }
    sums
}

fn by_csv(content: &str) -> Sums {
    let mut sums = Sums::new();
    for row in csv::Reader::from_reader(content.as_bytes()).deserialize() {
        let row: BTreeMap<String, String> = row.expect("CSV");
        if row["ledger_account"] == "customer_balance" {
            let side = |name: &str| if row[name].is_empty() { 0 } else { micros(&row[name]) };
            let key = (row["account_id"].clone(), row["currency"].clone());
            *sums.entry(key).or_default() += side("credit") - side("debit");
        }
    }
    sums
}

/// What we say ourselves.
fn ours(database: &Database) -> Sums {
    let output = topup(database, &["balances", "list", "--output", "ndjson"]);
    assert!(output.status.success(), "{}", text(&output));
    let listed = String::from_utf8(output.stdout).expect("UTF-8");
    let sum = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let of = |name: &str| row[name].as_str().expect("text").to_owned();
        ((of("account_id"), of("currency")), micros(&of("balance")))
    };
    listed.lines().map(sum).collect()
}

/// Both programs accept the books, and they and the lines of CSV add up to `expected`.
fn proven(database: &Database, more: &[&str], expected: &Sums) {
    let beancount = export(database, "beancount", more);
    let journal = export(database, "hledger", more);
    let checked = bean_check(database, &beancount);
    assert!(checked.status.success(), "{}", text(&checked));
    let checked = hledger(database, &journal, &["check", "--strict", "ordereddates"]);
    assert!(checked.status.success(), "{}", text(&checked));
    // A balance of nothing is left out by some.
    let there = |sums: Sums| sums.into_iter().filter(|(_, sum)| *sum != 0).collect::<Sums>();
    let expected = there(expected.clone());
    assert_eq!(there(by_beancount(database, &beancount)), expected);
    assert_eq!(there(by_hledger(database, &journal)), expected);
    assert_eq!(there(by_csv(&export(database, "csv", more))), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demos_books_are_right_for_beancount_and_hledger() {
    let database = Database::new("export_demo").await;
    let played = topup(&database, &["demo", "--database-url", &database.url]);
    assert!(played.status.success(), "{}", text(&played));
    let expected = ours(&database);
    assert!(expected.len() > 1, "{expected:?}");
    proven(&database, &[], &expected);
    database.finish().await;
}

/// Payments of every kind of mistake, in two currencies, and usage of what they brought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_worlds_books_are_right_for_beancount_and_hledger() {
    let currencies = ["SGD", "USD"].map(|code| Currency::parse(code).expect("a currency"));
    let sample = sample(7, 6 * Operator::ALL.len(), currencies).expect("decided");
    let mut direct = Direct::new("export_world").await;
    play(&mut direct, &sample).await;
    let mut items = Vec::new();
    for (n, (id, currency)) in ours(&direct.database).into_keys().enumerate() {
        let used =
            with(charge("U1", &id, &format!("0.{:06}", n + 1)), &json!({ "currency": currency }));
        let back = with(refund("R1", "U1", &id, "0.000001"), &json!({ "currency": currency }));
        items.push(usage(&mut direct, &format!("u-{n}"), "charge", &used));
        items.push(usage(&mut direct, &format!("r-{n}"), "refund", &back));
    }
    assert!(items.len() > 20, "{}", items.len());
    direct.run(&items).await;
    let expected = ours(&direct.database);
    assert!(expected.values().any(|sum| sum % 10_000 != 0), "{expected:?}");
    proven(&direct.database, &[], &expected);
    let postings = direct.database.value("SELECT count(*) FROM ledger_transactions").await;
    let exported = export(&direct.database, "beancount", &[]);
    assert_eq!(exported.matches(" * \"").count().to_string(), postings);
    direct.finish().await;
}

/// Customers whose ids are no names for beancount, in two currencies; a charge of less than a cent,
/// a refund, and a payment that the bank took back in part.
const ODD: [&str; 6] = ["cus_7", "7eleven", "eu:ACME.1", "Id-x", "x", "A--b-"];

async fn odd_world(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    for (n, id) in ODD.into_iter().enumerate() {
        let (billed, paid) = (format!("INV:{n}"), format!("PAY_{n}"));
        let money = json!({ "currency": if n % 2 == 0 { "SGD" } else { "JPY" } });
        for (kind, data) in [
            ("invoice.create", with(invoice(&billed, id, "100"), &money)),
            ("payment.record", with(payment(&paid, id, "150"), &money)),
            ("payment.allocate", allocate(&paid, id, &billed)),
        ] {
            let item = direct.command(&format!("{kind}-{n}"), kind, &data);
            direct.applied(item).await;
        }
    }
    // One customer with two currencies.
    let dollars = json!({ "currency": "USD" });
    let payer = json!({ "debtor": { "name": "Jane Roe", "account": "DE89370400440532013000" } });
    for (id, kind, data) in [
        ("d-1", "invoice.create", with(invoice("INV-D", "cus_7", "80.00"), &dollars)),
        ("d-2", "payment.record", with(payment("PAY-D", "cus_7", "80.00"), &dollars)),
        ("d-3", "payment.allocate", allocate_amount("PAY-D", "cus_7", "INV-D", "79.99")),
        ("d-4", "invoice.create", invoice("INV-B", "cus_7", "40.00")),
    ] {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    let data = with(credit_saying("TX-1", "40.00", "lunch with Jim"), &payer);
    let item = direct.item(Topic::BankPayments, Some(BANK), bank("b-1", &data).as_bytes());
    direct.applied(item).await;
    let id = format!("BANK:{BANK}:TX-1");
    for (kind, data) in [
        ("payment.assign", about_payment(&id, "cus_7")),
        ("payment.allocate", allocate(&id, "cus_7", "INV-B")),
    ] {
        let item = direct.command(&format!("{kind}-b"), kind, &data);
        direct.applied(item).await;
    }
    for (n, (id, amount)) in
        [("U", "0.000001"), ("U\\\"1,%;", "1.2345"), ("U-2", "99.99")].into_iter().enumerate()
    {
        let item = usage(&mut direct, &format!("u-{n}"), "charge", &charge(id, "cus_7", amount));
        direct.applied(item).await;
    }
    let item = usage(&mut direct, "r-0", "refund", &refund("R", "U", "cus_7", "0.000001"));
    direct.applied(item).await;
    let item = taken_back(&mut direct, "TX-2", "TX-1", "40.00");
    direct.applied(item).await;
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_ids_many_decimals_and_steps_back_are_right_for_beancount_and_hledger() {
    let direct = odd_world("export_odd").await;
    let database = &direct.database;
    let expected = ours(database);
    assert_eq!(expected.len(), ODD.len() + 1);
    proven(database, &[], &expected);
    let exported = export(database, "beancount", &[]);
    for said in [
        "  customer: \"eu:ACME.1\"",
        "open Liabilities:Customers:Id-cus--5F-7 SGD,USD",
        "* \"payment returned\" ^payment/BANK/SG-DBS-001/TX-1 ^invoice/INV-B",
        "* \"usage charged\"",
        "  charges: \"U\\\\\\\"1,%;\"",
        "  refunds: \"R\"",
        "  records: \"bank-gateway b-1\"",
        "option \"operating_currency\" \"JPY\"",
    ] {
        assert!(exported.contains(said), "{said}: {exported}");
    }
    let files = ["beancount", "hledger", "csv"].map(|format| export(database, format, &[]));
    for private in ["Jane", "DE89", "lunch", "Customer "] {
        assert!(files.iter().all(|file| !file.contains(private)), "{private}");
    }
    // Of one customer: its postings are whole, and no other's balance is stated.
    let own = ("eu:ACME.1".to_owned(), "SGD".to_owned());
    let only = Sums::from([(own.clone(), expected[&own])]);
    proven(database, &["--account", "eu:ACME.1"], &only);
    let few = export(database, "hledger", &["--account", "EU:acme.1"]);
    assert!(few.contains("Of customer eu:ACME.1 only"), "{few}");
    assert_eq!(few.matches("= -").count(), 1, "{few}");
    direct.finish().await;
}

/// A difference of a millionth is found: in an entry, and between a balance and its entries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_that_are_wrong_by_a_millionth_are_refused_by_both() {
    let direct = odd_world("export_wrong").await;
    let database = &direct.database;
    let refused = |beancount: &str, journal: &str, said: [&str; 2]| {
        let told = bean_check(database, beancount);
        assert!(!told.status.success() && text(&told).contains(said[0]), "{}", text(&told));
        let told = hledger(database, journal, &["check", "--strict"]);
        assert!(!told.status.success() && text(&told).contains(said[1]), "{}", text(&told));
    };
    let wrong = |format: &str| {
        let right = export(database, format, &[]);
        assert!(right.contains("  1.2345 SGD"), "{right}");
        right.replace("  1.2345 SGD", "  1.234501 SGD")
    };
    let said = ["does not balance", "could not balance"];
    refused(&wrong("beancount"), &wrong("hledger"), said);
    let by = "UPDATE accounts SET balance = balance + 1 WHERE account_id = 'x'";
    database.execute(by).await;
    let files = ["beancount", "hledger"].map(|format| export(database, format, &[]));
    refused(&files[0], &files[1], ["Balance failed", "balance assertion"]);
    database.execute(&by.replace('+', "-")).await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_of_the_past_have_the_balances_of_then() {
    let mut direct = odd_world("export_then").await;
    let expected = ours(&direct.database);
    let then = Utc::now().to_rfc3339();
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let before = export(&direct.database, "csv", &["--as-of", &then]);
    for (id, kind, data) in [
        ("l-1", "invoice.create", invoice("INV-L", "late", "5.00")),
        ("l-2", "payment.record", payment("PAY-L", "late", "5.00")),
        ("l-3", "payment.allocate", allocate("PAY-L", "late", "INV-L")),
    ] {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    let item = usage(&mut direct, "u-l", "charge", &charge("UL", "7eleven", "0.25"));
    direct.applied(item).await;
    assert_eq!(export(&direct.database, "csv", &["--as-of", &then]), before);
    proven(&direct.database, &["--as-of", &then], &expected);
    proven(&direct.database, &[], &ours(&direct.database));
    // Before anything came the books are empty, and whole files all the same.
    proven(&direct.database, &["--as-of", "2020-01-31"], &Sums::new());
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_books_are_whole_files_and_what_cannot_be_exported_is_refused() {
    let database = Database::new("export_empty").await;
    proven(&database, &[], &Sums::new());
    for (exit, words, said) in [
        (2, &["--format", "qif"][..], "beancount, hledger, csv"),
        (2, &[], "--format <FORMAT>"),
        (2, &["--format", "csv", "--as-of", "soon"], "expected an instant"),
        (2, &["--format", "csv", "--as-of", "2999-01-01"], "--as-of is after now"),
        (2, &["--format", "csv", "--output", "json"], "leave --output out"),
        (1, &["--format", "csv", "--account", "nobody"], "there is no account `nobody`"),
    ] {
        let told = topup(&database, &[&["ledger", "export"], words].concat());
        assert_eq!(told.status.code(), Some(exit), "{words:?}: {}", text(&told));
        assert!(told.stdout.is_empty() && text(&told).contains(said), "{}", text(&told));
    }
    let marked = export(&database, "csv", &["--output", "csv", "--bom"]);
    assert!(marked.starts_with("\u{feff}posting_id,line,"), "{marked}");
    database.finish().await;
}

const MANY: usize = 60_000;

/// Peak memory of a process, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// What is exported is never all in memory, and a reader who has seen enough ends it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_books_need_no_more_memory_and_may_be_left_at_any_time() {
    let database = Database::new("export_large").await;
    let fill = format!(
        "INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, debit, debit_account,
                                       credit, currency, amount, posted_at)
         SELECT n, 1, 'usage_charged', 'customer_balance', 'ACC-' || n % 10, 'usage_revenue',
                'SGD', n, now()
           FROM generate_series(1, {MANY}) n"
    );
    database.execute(&fill).await;
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
        command.args(["ledger", "export", "--format", "beancount"]);
        command.env("DATABASE_URL", &database.url).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let out = child.stdout.take().expect("its output");
        (child, out)
    };
    let (mut child, mut out) = start();
    let mut first = [0; 1_000];
    out.read_exact(&mut first).expect("its beginning");
    let before = peak(child.id());
    // Nearly all of it: the rest does not fit into a pipe, so it is still at work.
    let mut most = vec![0; MANY * 150];
    out.read_exact(&mut most).expect("most of it");
    let after = peak(child.id());
    assert!(after < before + 4_000, "{before} KiB, then {after} KiB");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("the rest");
    assert!(rest.len() > 500_000, "{}", rest.len());
    assert!(child.wait().expect("it ends").success());

    let (child, mut out) = start();
    out.read_exact(&mut first).expect("its beginning");
    drop(out);
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", text(&ended));
    database.abandon().await;
}
