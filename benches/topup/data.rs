//! The data: invoices that await payment and the bank records that pay them. All of it follows
//! from the sizes; nothing is random.
//!
//! Of a hundred payments 90 carry the checked reference of an open invoice and its exact amount,
//! 8 have no reference but come from the known account of one customer with an amount that exactly
//! one of his invoices has, and 2 come from nobody we know.

use topup::domain::matching::reference::mint;

use crate::commands;

/// In cents. The first invoice of an account has an amount that its other invoices have not.
const MENU: [i64; 12] =
    [1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 25_000, 30_000, 50_000, 100_000];
/// Two keys for each of four partitions by the partitioner of Kafka's own clients.
const BANK_ACCOUNTS: [&str; 8] = [
    "SG-DBS-001",
    "SG-OCBC-003",
    "SG-DBS-003",
    "SG-DBS-004",
    "SG-DBS-002",
    "SG-OCBC-004",
    "SG-DBS-008",
    "SG-DBS-005",
];
/// The account of the hot variant.
const HOT: &str = "ACC-HOT";
pub const CURRENCY: &str = "SGD";
/// Behind it, so that no money is there before its invoice.
const BOOKED: &str = "2026-11-22";
pub const SENT_AT: &str = "2026-11-01 08:00:00+00";
pub const BANK_SOURCE: &str = "bank-gateway";

/// An invoice that awaits payment.
pub struct Invoice {
    pub id: String,
    pub account: String,
    pub cents: i64,
    pub reference: String,
}

/// A bank record.
pub struct Record {
    pub key: &'static str,
    pub value: String,
}

/// What becomes of so many payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub payments: usize,
    pub matched: usize,
}

/// How a payment names what it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the reference of this invoice.
    Reference(usize),
    /// By payer and amount of this invoice.
    Payer(usize),
    Unknown,
}

/// A payment as the bank tells it, and what it pays.
pub struct Fact {
    pub index: usize,
    pub bank_account: &'static str,
    pub way: Way,
    pub invoice: Option<Invoice>,
    pub debtor_account: String,
    pub text: String,
    pub cents: i64,
}

pub struct Book {
    pub accounts: usize,
    pub invoices: usize,
    /// Invoices of the hot account; they come after the others.
    pub hot: usize,
    /// Invoices that are paid by reference, in the order of the payments.
    by_reference: Vec<u32>,
    /// Invoices that are paid by payer and amount: the first of their accounts.
    by_payer: Vec<u32>,
    /// Where the reference of an invoice comes from: its number, or the command that creates it.
    of_commands: bool,
    /// The day on which all payments are booked.
    booked: String,
}

impl Book {
    /// A book with enough invoices for `payments`, and `hot` more of one account.
    pub fn new(accounts: usize, invoices: usize, payments: usize, hot: usize) -> Self {
        let by_payer_count = count(payments, Kind::Payer);
        assert!(accounts <= invoices, "fewer invoices than accounts");
        assert!(by_payer_count <= accounts, "too few accounts for {payments} payments");
        let mut firsts = shuffled(accounts, 1);
        let rest = firsts.split_off(by_payer_count);
        let others = shuffled(invoices - accounts, 2).into_iter().map(|i| i + cast(accounts));
        let mut by_reference: Vec<u32> = rest.into_iter().chain(others).collect();
        shuffle(&mut by_reference, 3);
        let needed = count(payments, Kind::Reference);
        assert!(needed <= by_reference.len(), "too few invoices for {payments} payments");
        let booked = BOOKED.to_owned();
        Self { accounts, invoices, hot, by_reference, by_payer: firsts, of_commands: false, booked }
    }

    /// The same book for a worker that is given its invoices by command: it mints the references
    /// itself, and the invoices are sent today.
    pub fn of_commands(self) -> Self {
        let booked = chrono::Utc::now().date_naive().to_string();
        Self { of_commands: true, booked, ..self }
    }

    /// The invoice with this number; the hot account's come last.
    pub fn invoice(&self, index: usize) -> Invoice {
        let id = format!("INV-{index:07}");
        if index >= self.invoices {
            // Every amount once, so that an amount names one of them as on any other account.
            let cents = 100_000 + i64::try_from(index - self.invoices).expect("small") * 10;
            let reference = mint(&seed(index));
            return Invoice { id, account: HOT.to_owned(), cents, reference };
        }
        let account = index % self.accounts;
        let slot = index / self.accounts;
        let first = account % MENU.len();
        let other = first + 1 + hash(index as u64, 7) as usize % (MENU.len() - 1);
        let cents = MENU[if slot == 0 { first } else { other % MENU.len() }];
        let reference = if self.of_commands { String::new() } else { mint(&seed(index)) };
        let mut invoice = Invoice { id, account: account_id(account), cents, reference };
        if self.of_commands {
            invoice.reference = commands::reference(&invoice);
        }
        invoice
    }

    pub fn account_ids(&self) -> impl Iterator<Item = String> {
        let hot = (self.hot > 0).then(|| HOT.to_owned());
        (0..self.accounts).map(account_id).chain(hot)
    }

    /// The first `count` payments.
    pub fn records(&self, count: usize) -> impl Iterator<Item = Record> {
        self.facts(count).map(|fact| self.record(&fact))
    }

    /// The same, before they are written as JSON.
    pub fn facts(&self, count: usize) -> impl Iterator<Item = Fact> {
        (0..count).map(|index| self.fact(index, self.way(index)))
    }

    /// As many payments, all of the hot account, in the same mix.
    pub fn hot_records(&self, count: usize) -> impl Iterator<Item = Record> {
        self.hot_records_from(0, count)
    }

    /// The same, their bank records numbered from `number`.
    pub fn hot_records_from(&self, number: usize, count: usize) -> impl Iterator<Item = Record> {
        assert!(count <= self.hot, "the hot account has only {} invoices", self.hot);
        (0..count).map(move |index| {
            let invoice = self.invoices + index;
            let way = match kind(index) {
                Kind::Reference => Way::Reference(invoice),
                Kind::Payer => Way::Payer(invoice),
                Kind::Unknown => Way::Unknown,
            };
            self.record(&self.fact(number + index, way))
        })
    }

    pub fn expected(count_of: usize) -> Expected {
        let matched = count_of - count(count_of, Kind::Unknown);
        Expected { payments: count_of, matched }
    }

    fn way(&self, index: usize) -> Way {
        let earlier = |kind| count(index, kind);
        match kind(index) {
            Kind::Reference => Way::Reference(self.by_reference[earlier(Kind::Reference)] as usize),
            Kind::Payer => Way::Payer(self.by_payer[earlier(Kind::Payer)] as usize),
            Kind::Unknown => Way::Unknown,
        }
    }

    fn fact(&self, index: usize, way: Way) -> Fact {
        let bank_account = BANK_ACCOUNTS[index % BANK_ACCOUNTS.len()];
        let invoice = match way {
            Way::Reference(invoice) | Way::Payer(invoice) => Some(self.invoice(invoice)),
            Way::Unknown => None,
        };
        let text = match (way, &invoice) {
            (Way::Reference(_), Some(invoice)) => format!("Topup {}", invoice.reference),
            (Way::Payer(_), _) => "Prepaid topup".to_owned(),
            (Way::Reference(_) | Way::Unknown, _) => "Transfer".to_owned(),
        };
        let (debtor_account, cents) = match &invoice {
            Some(invoice) => (payer_account(&invoice.account), invoice.cents),
            None => (format!("SG99NOBODY{index:08}"), MENU[index % MENU.len()]),
        };
        Fact { index, bank_account, way, invoice, debtor_account, text, cents }
    }

    fn record(&self, fact: &Fact) -> Record {
        let value = format!(
            concat!(
                r#"{{"specversion":"1.0","id":"bank-{0:08}","source":"{1}","#,
                r#""type":"topup.bank.transaction.v1","time":"2026-11-22T10:00:00Z","data":{{"#,
                r#""bank_account":"{2}","bank_transaction_id":"T{0:08}","#,
                r#""end_to_end_id":"NOTPROVIDED","credit_debit":"CRDT","status":"BOOK","#,
                r#""amount":"{3}","currency":"{4}","booking_date":"{7}","#,
                r#""value_date":"{7}","debtor":{{"name":"Customer {0}","account":"{5}"}},"#,
                r#""remittance":{{"unstructured":["{6}"]}}}}}}"#
            ),
            fact.index,
            BANK_SOURCE,
            fact.bank_account,
            decimal(fact.cents),
            CURRENCY,
            fact.debtor_account,
            fact.text,
            self.booked
        );
        Record { key: fact.bank_account, value }
    }
}

/// Cents as an amount of the contract.
pub fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn account_id(index: usize) -> String {
    format!("ACC-{index:06}")
}

/// The bank account from which a customer pays.
pub fn payer_account(account_id: &str) -> String {
    format!("SG77{}", account_id.replace('-', ""))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reference,
    Payer,
    Unknown,
}

/// 37 and 100 have no common factor: each hundred payments has every remainder once, mixed.
fn kind(index: usize) -> Kind {
    match index * 37 % 100 {
        0..90 => Kind::Reference,
        90..98 => Kind::Payer,
        _ => Kind::Unknown,
    }
}

/// How many of the first `payments` are of this kind.
fn count(payments: usize, wanted: Kind) -> usize {
    let in_hundred = |until| (0..until).filter(|index| kind(*index) == wanted).count();
    payments / 100 * in_hundred(100) + in_hundred(payments % 100)
}

fn shuffled(count: usize, salt: u64) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..cast(count)).collect();
    shuffle(&mut numbers, salt);
    numbers
}

fn shuffle(numbers: &mut [u32], salt: u64) {
    for last in (1..numbers.len()).rev() {
        let other = hash(last as u64, salt) as usize % (last + 1);
        numbers.swap(last, other);
    }
}

fn cast(number: usize) -> u32 {
    u32::try_from(number).expect("fewer than four billion")
}

fn seed(index: usize) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (salt, chunk) in (10..).zip(bytes.chunks_exact_mut(8)) {
        chunk.copy_from_slice(&hash(index as u64, salt).to_le_bytes());
    }
    bytes
}

/// splitmix64 of a number and a salt.
fn hash(number: u64, salt: u64) -> u64 {
    let mut z = number
        .wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
