//! What is exported, read back by readers that know no more than the formats: every posting is
//! there, whole, and balanced.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A posting as it stands in a file: its id, its facts, and its entries by account and currency.
#[derive(Debug, Default, PartialEq)]
struct Read {
    id: String,
    facts: BTreeMap<String, String>,
    entries: Vec<(String, String, i128)>,
}

/// Millionths of `-12.345`.
fn micros(text: &str) -> i128 {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(rest.len() <= 6 && !whole.is_empty(), "{text}");
    let all = format!("{whole}{rest:0<6}").parse::<i128>().expect("digits");
    if digits == text { all } else { -all }
}

/// `Account:Name  -1.00 SGD`, and what stands behind it.
fn entry(line: &str) -> (String, String, i128) {
    let (name, amount) = line.split_once("  ").expect("an account and an amount");
    let (number, currency) = amount.split_once(' ').expect("a number and a currency");
    (name.to_owned(), currency.to_owned(), micros(number))
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("quotes");
    let mut out = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        assert_ne!(letter, '"', "{text}");
        out.push(if letter == '\\' { letters.next().expect("one more") } else { letter });
    }
    out
}

fn of_beancount(text: &str) -> Vec<Read> {
    let mut found = Vec::new();
    for block in text.split("\n\n").filter(|block| block.contains(" * \"")) {
        let mut read = Read::default();
        for line in block.lines().filter_map(|line| line.strip_prefix("  ")) {
            match line.split_once(": ") {
                Some((name, value)) => {
                    read.facts.insert(name.to_owned(), unquoted(value));
                }
                None => read.entries.push(entry(line)),
            }
        }
        read.id = read.facts.remove("posting").expect("its id");
        found.push(read);
    }
    found
}

fn of_hledger(text: &str) -> Vec<Read> {
    let mut found = Vec::new();
    for block in text.split("\n\n").filter(|block| block.contains(" * (")) {
        let id = block.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("a code");
        let mut read = Read { id: id.0.to_owned(), ..Read::default() };
        for line in block.lines().filter_map(|line| line.strip_prefix("    ")) {
            match line.strip_prefix("; ") {
                Some(tag) => {
                    let (name, value) = tag.split_once(':').expect("a tag");
                    assert!(!value.contains(','), "{line}");
                    let value = value.replace("%2C", ",").replace("%25", "%");
                    read.facts.insert(name.to_owned(), value);
                }
                None => read.entries.push(entry(line)),
            }
        }
        assert_eq!(read.facts.remove("posting"), Some(read.id.clone()));
        found.push(read);
    }
    found
}

/// The cells of each line, as RFC 4180 has them.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(letters.next(), Some('\n'));
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            other => cell.push(other),
        }
    }
    assert!(line.is_empty() && cell.is_empty(), "the last line ends");
    lines
}

fn of_csv(text: &str) -> Vec<Read> {
    let mut lines = cells(text).into_iter();
    let header = lines.next().expect("a header");
    let mut found: Vec<Read> = Vec::new();
    for line in lines {
        assert_eq!(line.len(), header.len());
        let cell = |name: &str| {
            let at = header.iter().position(|one| one == name).expect("a column");
            line[at].strip_prefix('\'').unwrap_or(&line[at]).to_owned()
        };
        if found.last().is_none_or(|last| last.id != cell("posting_id")) {
            found.push(Read { id: cell("posting_id"), ..Read::default() });
        }
        let read = found.last_mut().expect("a posting");
        let amount = match (cell("debit").as_str(), cell("credit").as_str()) {
            (debit, "") => micros(debit),
            ("", credit) => -micros(credit),
            both => panic!("{both:?}"),
        };
        let customer = Some(cell("account_id")).filter(|id| !id.is_empty());
        let account = names::account(&cell("ledger_account"), customer.as_deref());
        read.entries.push((account.expect("a name"), cell("currency"), amount));
        assert_eq!(cell("line"), read.entries.len().to_string());
    }
    found
}

fn file(format: Format, account_id: Option<&str>, parts: &[Part]) -> String {
    let account_id = account_id.map(str::to_owned);
    let wanted = Wanted { as_of: None, zone: "UTC".to_owned(), account_id };
    let mut file = File::new(format, &wanted, DateTime::UNIX_EPOCH);
    let mut out = String::new();
    file.head(&wanted, &mut out).expect("a head");
    for part in parts {
        file.part(part, &mut out).expect("a part");
    }
    out
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn one(ledger_account: &str, account_id: Option<&str>, currency: &str, micros: i128) -> Entry {
    Entry {
        ledger_account: ledger_account.to_owned(),
        account_id: account_id.map(str::to_owned),
        currency: currency.to_owned(),
        micros,
    }
}

/// A payment of SGD 10.00 of which all but a millionth went to a customer.
fn example() -> Vec<Part> {
    let account = |word: &str, id: Option<&str>| {
        Part::Account(Account {
            ledger_account: word.to_owned(),
            account_id: id.map(str::to_owned),
            day: day("2026-11-22"),
            currencies: vec!["SGD".to_owned()],
        })
    };
    vec![
        Part::Currency { code: "SGD".to_owned() },
        account("bank_clearing", None),
        account("customer_balance", Some("cus_7")),
        Part::Posting(Posting {
            posting_id: 17,
            day: day("2026-11-22"),
            posted_at: "2026-11-22T10:00:00.000000Z".to_owned(),
            kind: "payment_provisioned".to_owned(),
            payment_id: Some("BANK:DBS-1:TX-1".to_owned()),
            records: Some(vec!["bank b\"1,2".to_owned()]),
            invoices: Some(vec!["INV-1".to_owned(), "=INV-2".to_owned()]),
            charges: None,
            refunds: None,
            entries: vec![
                one("bank_clearing", None, "SGD", -10_000_000),
                one("customer_balance", Some("cus_7"), "SGD", 9_999_999),
                one("unallocated_cash", None, "SGD", 1),
            ],
        }),
        Part::Balance(Balance {
            account_id: "cus_7".to_owned(),
            currency: "SGD".to_owned(),
            micros: 9_999_999,
        }),
    ]
}

#[test]
fn a_file_for_beancount_has_accounts_postings_and_balances() {
    let expected = r#"
option "operating_currency" "SGD"

2026-11-22 open Assets:BankClearing SGD
2026-11-22 open Liabilities:Customers:Id-cus--5F-7 SGD
  customer: "cus_7"

2026-11-22 * "payment provisioned" ^payment/BANK/DBS-1/TX-1 ^invoice/INV-1 ^invoice///3D/INV-2
  posting: "17"
  kind: "payment_provisioned"
  posted: "2026-11-22T10:00:00.000000Z"
  payment: "BANK:DBS-1:TX-1"
  records: "bank b\"1,2"
  invoices: "INV-1 =INV-2"
  Assets:BankClearing  10.00 SGD
  Liabilities:Customers:Id-cus--5F-7  -9.999999 SGD
  Liabilities:Unallocated  -0.000001 SGD

2026-11-23 balance Liabilities:Customers:Id-cus--5F-7  -9.999999 ~ 0 SGD
"#;
    let text = file(Format::Beancount, None, &example());
    let (head, rest) = text.split_once("\n\n").expect("a head");
    assert!(head.ends_with("option \"tolerance_multiplier\" \"0\""), "{head}");
    assert_eq!(format!("\n{rest}"), expected);
}

#[test]
fn a_journal_for_hledger_has_the_same() {
    let expected = "
commodity 1000.000000 SGD

account Assets:BankClearing
account Liabilities:Customers:Id-cus--5F-7  ; customer:cus_7

2026-11-22 * (17) payment provisioned
    ; posting:17
    ; kind:payment_provisioned
    ; posted:2026-11-22T10:00:00.000000Z
    ; payment:BANK:DBS-1:TX-1
    ; records:bank b\"1%2C2
    ; invoices:INV-1 =INV-2
    Assets:BankClearing  10.00 SGD
    Liabilities:Customers:Id-cus--5F-7  -9.999999 SGD
    Liabilities:Unallocated  -0.000001 SGD

2026-11-23 * balance
    Liabilities:Customers:Id-cus--5F-7  0 SGD = -9.999999 SGD
";
    let text = file(Format::Hledger, Some("cus_7"), &example());
    let (head, rest) = text.split_once("\n\n").expect("a head");
    assert!(head.contains("; Of customer cus_7 only") && head.ends_with("decimal-mark ."));
    assert_eq!(format!("\n{rest}"), expected);
}

#[test]
fn a_line_of_csv_is_one_entry_and_no_formula() {
    let expected = "posting_id,line,date,posted_at,kind,ledger_account,account_id,currency,debit,\
        credit,payment_id,records,invoices,charges,refunds\r\n\
        17,1,2026-11-22,2026-11-22T10:00:00.000000Z,payment_provisioned,bank_clearing,,SGD,10.00,,\
        BANK:DBS-1:TX-1,\"bank b\"\"1,2\",INV-1 + =INV-2,,\r\n\
        17,2,2026-11-22,2026-11-22T10:00:00.000000Z,payment_provisioned,customer_balance,cus_7,SGD,\
        ,9.999999,BANK:DBS-1:TX-1,\"bank b\"\"1,2\",INV-1 + =INV-2,,\r\n\
        17,3,2026-11-22,2026-11-22T10:00:00.000000Z,payment_provisioned,unallocated_cash,,SGD,\
        ,0.000001,BANK:DBS-1:TX-1,\"bank b\"\"1,2\",INV-1 + =INV-2,,\r\n";
    assert_eq!(file(Format::Csv, None, &example()), expected);
    let mut hostile = example();
    if let Part::Posting(posting) = &mut hostile[3] {
        posting.invoices = Some(vec!["=1+1".to_owned()]);
        posting.payment_id = Some("-1+1".to_owned());
    }
    let text = file(Format::Csv, None, &hostile);
    assert!(text.contains(",'-1+1,") && text.contains(",'=1+1,"), "{text}");
}

#[test]
fn an_empty_book_is_a_whole_file() {
    assert_eq!(file(Format::Csv, None, &[]).lines().count(), 1);
    for format in [Format::Beancount, Format::Hledger] {
        let text = file(format, None, &[]);
        let plain = |line: &str| line.starts_with("; ") || line.starts_with("option ");
        assert!(text.lines().all(|line| plain(line) || line == "decimal-mark ."), "{text}");
    }
}

#[test]
fn what_this_version_does_not_know_is_no_file() {
    let wanted = Wanted { as_of: None, zone: "UTC".to_owned(), account_id: None };
    let mut parts = example();
    if let Part::Posting(posting) = &mut parts[3] {
        posting.entries[0].ledger_account = "goodwill".to_owned();
    }
    for format in [Format::Beancount, Format::Hledger] {
        let mut file = File::new(format, &wanted, DateTime::UNIX_EPOCH);
        let told = file.part(&parts[3], &mut String::new()).map_err(|error| error.to_string());
        assert!(told.is_err_and(|why| why.contains("`goodwill`")));
    }
}

const WORDS: [&str; 6] = [
    "bank_clearing",
    "unallocated_cash",
    "usage_revenue",
    "claw_back_receivable",
    "split_clearing",
    "fees",
];

/// Of payments and of what producers number.
fn ids() -> impl Strategy<Value = String> {
    "[-a-zA-Z0-9._:]{1,20}|[!-~]{1,20}"
}

/// More than the grammar lets in. None has the apostrophe in front that CSV puts there.
fn customers() -> impl Strategy<Value = String> {
    "[-a-zA-Z0-9._:]{1,20}|[-=+@a-z é漢]{1,20}"
}

/// Entries of one currency that balance: some, and what is left.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let account = prop_oneof![
        (0..WORDS.len()).prop_map(|at| (WORDS[at], None)),
        customers().prop_map(|id| ("customer_balance", Some(id))),
    ];
    let some = prop::collection::vec((account, 1_i128..1_000_000_000_000_000_000), 1..6);
    let code = prop_oneof![Just("SGD"), Just("JPY"), Just("KWD")];
    (some, code, any::<bool>()).prop_map(|(some, code, credit)| {
        let sign = |micros: i128| if credit { micros } else { -micros };
        let sum: i128 = some.iter().map(|(_, micros)| micros).sum();
        let some = some.iter().map(|((word, id), m)| one(word, id.as_deref(), code, sign(*m)));
        some.chain([one("bank_clearing", None, code, sign(-sum))]).collect()
    })
}

fn posting() -> impl Strategy<Value = Posting> {
    let list = || prop::option::of(prop::collection::vec(ids(), 1..4));
    let lists = (list(), list(), list(), list());
    let blocks = prop::collection::vec(entries(), 1..3);
    (0..i64::MAX, prop::option::of(ids()), lists, blocks).prop_map(
        |(posting_id, payment_id, (records, invoices, charges, refunds), blocks)| Posting {
            posting_id,
            day: NaiveDate::default(),
            posted_at: "2026-11-22T10:00:00.000000Z".to_owned(),
            kind: "provisioned".to_owned(),
            payment_id,
            records,
            invoices,
            charges,
            refunds,
            entries: blocks.into_iter().flatten().collect(),
        },
    )
}

/// What a file must say of a posting.
fn said(posting: &Posting) -> Read {
    let of = |entry: &Entry| {
        let name = names::account(&entry.ledger_account, entry.account_id.as_deref());
        (name.expect("a name"), entry.currency.clone(), -entry.micros)
    };
    let mut facts: BTreeMap<String, String> =
        facts(posting).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let id = facts.remove("posting").expect("its id");
    Read { id, facts, entries: posting.entries.iter().map(of).collect() }
}

fn balanced(read: &Read) -> bool {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (_, currency, micros) in &read.entries {
        *sums.entry(currency).or_default() += micros;
    }
    !sums.is_empty() && sums.values().all(|sum| *sum == 0)
}

proptest! {
    /// Whatever is posted, under whatever ids.
    #[test]
    fn what_is_exported_is_read_back_and_balances(
        mut postings in prop::collection::vec(posting(), 1..4)
    ) {
        postings.sort_by_key(|posting| posting.posting_id);
        postings.dedup_by_key(|posting| posting.posting_id);
        let expected: Vec<Read> = postings.iter().map(said).collect();
        let parts: Vec<Part> = postings.into_iter().map(Part::Posting).collect();
        let beancount = of_beancount(&file(Format::Beancount, None, &parts));
        prop_assert!(beancount.iter().all(balanced));
        prop_assert_eq!(&beancount, &expected);
        let hledger = of_hledger(&file(Format::Hledger, None, &parts));
        prop_assert_eq!(&hledger, &expected);
        let csv = of_csv(&file(Format::Csv, None, &parts));
        prop_assert!(csv.iter().all(balanced));
        for (read, expected) in csv.iter().zip(&expected) {
            prop_assert_eq!((&read.id, &read.entries), (&expected.id, &expected.entries));
        }
        prop_assert_eq!(csv.len(), expected.len());
    }
}
