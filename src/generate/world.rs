//! A world of some customers with open invoices, fed to the model of the service.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use foldhash::{HashMap, HashMapExt as _};
use serde_json::{Value, json};

use super::record::{Line, TIME, bank_data};
use super::{Dice, NOW};
use crate::domain::bank::{BankTransaction, CreditDebit, EntryStatus};
use crate::domain::decide::bank::{bank_key, needs_ordinal, payment_id};
use crate::domain::effect::{Effect, Outcome};
use crate::domain::ids::{AccountId, BankAccountId, InvoiceId, PaymentId};
use crate::domain::input::Message;
use crate::domain::matching::{Policy, reference};
use crate::domain::model::Model;
use crate::domain::money::{Currency, Money};
use crate::wire::Topic;

const ADVICE: &str = "topup.remittance.advice.v1";
const BANK_TRANSACTION: &str = "topup.bank.transaction.v1";
const CUSTOMERS: usize = 60;
/// Open invoices that nobody pays on purpose: the book around the payments.
const BACKGROUND: usize = 240;
/// Topup amounts are round; one in ten is not.
const MENU: [i64; 10] = [20, 50, 100, 150, 200, 250, 300, 500, 1_000, 2_000];
const FIRST: [&str; 12] = [
    "Acme",
    "Globex",
    "Orchid",
    "Merlion",
    "Summit",
    "Harbour",
    "Pacific",
    "Lotus",
    "Zenith",
    "Straits",
    "Evergreen",
    "Nimbus",
];
const SECOND: [&str; 8] =
    ["Trading", "Logistics", "Foods", "Holdings", "Engineering", "Media", "Travel", "Retail"];
const FORMS: [&str; 4] = ["Pte Ltd", "Sdn Bhd", "Inc", "Limited"];
const MICROS: i64 = 1_000_000;
pub(super) const CENT: i64 = 10_000;

/// An invoice of this world.
#[derive(Debug, Clone)]
pub(super) struct Owed {
    pub customer: usize,
    pub id: InvoiceId,
    pub micros: i64,
    pub reference: String,
}

/// What a case leaves to be judged.
pub(super) struct Case {
    pub payments: Vec<PaymentId>,
    pub customer: usize,
    pub meant: BTreeSet<InvoiceId>,
    /// How many of those each payment is for.
    pub each: u32,
    pub miscounted: bool,
}

pub(super) struct World {
    pub dice: Dice,
    /// What the service would do; None where records are only written down.
    pub model: Option<Model>,
    /// The records so far, for whoever takes them.
    pub lines: Vec<Line>,
    /// Where generating went wrong: a bug.
    pub refused: Option<String>,
    /// What the next records say of when they were written.
    pub time: &'static str,
    seed: u64,
    customers: usize,
    now: DateTime<Utc>,
    /// The day on which the bank books.
    today: NaiveDate,
    currency: Currency,
    records: u64,
    invoices: u64,
    /// How many payments have the same print, where the bank gives no id.
    prints: HashMap<[u8; 32], u32>,
}

impl World {
    /// A world of the usual size, with a model that decides.
    pub(super) fn new(seed: u64, currency: Currency) -> Self {
        let mut world = Self::empty(seed, currency, CUSTOMERS);
        world.model = Some(Model::new(Policy::default()));
        for customer in 0..CUSTOMERS {
            world.register(customer);
        }
        for _ in 0..BACKGROUND {
            world.owe_anything();
        }
        world
    }

    /// Nothing in it yet; nothing is decided, and records are kept until they are taken.
    pub(super) fn empty(seed: u64, currency: Currency, customers: usize) -> Self {
        let now = DateTime::from_timestamp(NOW, 0).unwrap_or_default();
        let mut world = Self {
            dice: Dice::new(seed),
            model: None,
            lines: Vec::new(),
            refused: None,
            time: TIME,
            seed,
            customers,
            now,
            today: now.date_naive(),
            currency,
            records: 0,
            invoices: 0,
            prints: HashMap::new(),
        };
        world.invoices = u64::try_from(world.dice.below(80_000)).unwrap_or(0);
        world
    }

    pub(super) fn book_on(&mut self, day: NaiveDate) {
        self.today = day;
    }

    pub(super) fn register(&mut self, customer: usize) {
        let mut payers = vec![payer(customer)];
        if customer < 2 {
            // One agent pays for both of them, and is known to.
            payers.push("AGENT0001".to_owned());
        }
        let id = account(customer);
        let data = json!({
            "account_id": id.as_str(),
            "name": self.name(customer),
            "payer_accounts": payers,
        });
        self.command("topup.account.upsert.v1", &id, &data);
    }

    pub(super) fn customer(&mut self) -> usize {
        self.dice.below(self.customers)
    }

    /// A function of the seed, so that a world of any size need not keep them.
    pub(super) fn name(&self, customer: usize) -> Option<String> {
        let customer = u64::try_from(customer).unwrap_or(0);
        let mut dice = Dice::new(self.seed.rotate_left(32) ^ customer);
        let name =
            [dice.pick(&FIRST, "Acme"), dice.pick(&SECOND, "Trading"), dice.pick(&FORMS, "Inc")];
        Some(name.join(" "))
    }

    pub(super) fn amount(&mut self) -> i64 {
        let round = self.dice.pick(&MENU, 100).saturating_mul(MICROS);
        let cents = i64::try_from(self.dice.below(100)).unwrap_or(0);
        if self.dice.below(10) == 0 { round.saturating_add(cents * CENT) } else { round }
    }

    pub(super) fn owe_anything(&mut self) -> Owed {
        let (customer, micros) = (self.customer(), self.amount());
        self.owe(customer, micros, true)
    }

    pub(super) fn owe(&mut self, customer: usize, micros: i64, send: bool) -> Owed {
        self.invoices = self.invoices.saturating_add(1);
        let id = format!("INV-{:07}", self.invoices);
        self.owe_as(&id, customer, micros, send)
    }

    /// The same with a reference of upstream, by which it is quoted.
    pub(super) fn owe_quoting(&mut self, customer: usize, micros: i64, quoted: &str) -> Owed {
        self.invoices = self.invoices.saturating_add(1);
        let id = format!("INV-{:07}", self.invoices);
        let owed = self.owe_with(&id, customer, micros, true, &[quoted]);
        Owed { reference: quoted.to_owned(), ..owed }
    }

    /// The same under an id of the customer's own making.
    pub(super) fn owe_as(&mut self, id: &str, customer: usize, micros: i64, send: bool) -> Owed {
        self.owe_with(id, customer, micros, send, &[])
    }

    fn owe_with(
        &mut self,
        id: &str,
        customer: usize,
        micros: i64,
        send: bool,
        references: &[&str],
    ) -> Owed {
        let id = InvoiceId::trusted(id);
        let account_id = account(customer);
        let mut data = json!({
            "invoice_id": id.as_str(),
            "account_id": account_id.as_str(),
            "name": "top up",
            "amount": self.money(micros).number(),
            "currency": self.currency.code(),
            "send": send,
        });
        if let (false, Value::Object(fields)) = (references.is_empty(), &mut data) {
            fields.insert("references".to_owned(), json!(references));
        }
        let message = self.command("topup.invoice.create.v1", &account_id, &data);
        let reference = message.map(|message| reference::mint(&message.content_hash));
        Owed { customer, id, micros, reference: reference.unwrap_or_default() }
    }

    pub(super) fn send(&mut self, owed: &Owed) {
        let account_id = account(owed.customer);
        let data = json!({
            "invoice_id": owed.id.as_str(),
            "account_id": account_id.as_str(),
        });
        self.command("topup.invoice.mark-sent.v1", &account_id, &data);
    }

    /// A customer calls; a few cents.
    pub(super) fn charge(&mut self) {
        let account_id = account(self.customer());
        let cents = i64::try_from(self.dice.below(89)).unwrap_or(0).saturating_add(11);
        let data = json!({
            "usage_id": format!("U{}", self.records),
            "account_id": account_id.as_str(),
            "amount": self.money(cents.saturating_mul(CENT)).number(),
            "currency": self.currency.code(),
            "occurred_at": "2026-11-02T12:00:00Z",
            "kind": self.dice.pick(&["call", "sms"], "call"),
        });
        self.feed(Topic::Usage, account_id.as_str(), "topup.usage.charge.v1", &data);
    }

    pub(super) fn money(&self, micros: i64) -> Money {
        Money::from_micros(micros, self.currency)
    }

    /// A booked credit of today from nobody known.
    pub(super) fn credit(&mut self, micros: i64, text: Vec<String>) -> BankTransaction {
        let stranger = self.dice.roll();
        let today = self.today;
        BankTransaction {
            bank_account: BankAccountId::trusted("OURS-1"),
            bank_transaction_id: Some(format!("T{:016x}", self.dice.roll())),
            statement_id: None,
            entry_reference: None,
            end_to_end_id: None,
            credit_debit: CreditDebit::Credit,
            status: EntryStatus::Booked,
            reversal: false,
            amount: self.money(micros),
            charges: None,
            instructed: None,
            detail: None,
            booking_date: today,
            value_date: Some(today),
            debtor_name: None,
            debtor_account: Some(format!("XX{stranger:016x}")),
            virtual_account: None,
            creditor_reference: None,
            unstructured: text,
            return_of: None,
        }
    }

    pub(super) fn command(
        &mut self,
        kind: &str,
        owner: &AccountId,
        data: &Value,
    ) -> Option<Message> {
        let (message, _) = self.feed(Topic::Commands, owner.as_str(), kind, data)?;
        Some(message)
    }

    /// Hands in a bank record; the payment that it became, or would by right.
    pub(super) fn bank(&mut self, bank: &BankTransaction) -> (Outcome, Option<PaymentId>) {
        let key = bank.bank_account.as_str();
        let fed = self.feed(Topic::BankPayments, key, BANK_TRANSACTION, &bank_data(bank));
        let Some((message, outcome)) = fed else {
            return (Outcome::Applied { subject: None }, None);
        };
        let recorded = match &self.model {
            Some(model) => model.last_effects.iter().find_map(|effect| {
                let Effect::RecordPayment(payment) = effect else { return None };
                Some(payment.payment_id.clone())
            }),
            None => self.by_right(bank, message.bank_hash),
        };
        (outcome, recorded)
    }

    /// Hands in a remittance advice; whether it is kept.
    pub(super) fn advise(&mut self, bank_account: &str, data: &Value) -> bool {
        let fed = self.feed(Topic::BankPayments, bank_account, ADVICE, data);
        fed.is_some_and(|(_, outcome)| matches!(outcome, Outcome::Applied { .. }))
    }

    /// An advice that nobody keeps: if it were read, generating would be wrong.
    pub(super) fn refuse_advice(&mut self, data: &Value) {
        self.records = self.records.saturating_add(1);
        let id = format!("M{}", self.records);
        let line = Line::new(Topic::BankPayments, "OURS-1", (&id, self.time), ADVICE, data);
        if line.message().is_some() {
            self.refused = Some(line.value);
        }
    }

    /// How many records there were.
    pub(super) fn told(&self) -> u64 {
        self.records
    }

    /// Another customer than this one.
    pub(super) fn other_than(&mut self, customer: usize) -> usize {
        let step = self.dice.below(self.customers.saturating_sub(1)).saturating_add(1);
        customer.saturating_add(step).checked_rem(self.customers).unwrap_or(0)
    }

    /// The payment that a booked credit becomes.
    fn by_right(&mut self, bank: &BankTransaction, hash: [u8; 32]) -> Option<PaymentId> {
        let credit = bank.credit_debit == CreditDebit::Credit && !bank.reversal;
        if !credit || bank.status != EntryStatus::Booked {
            return None;
        }
        let mut ordinal = 1;
        if needs_ordinal(bank) {
            let count = self.prints.entry(hash).or_default();
            *count = count.saturating_add(1);
            ordinal = *count;
        }
        Some(payment_id(&bank_key(bank, &hash, ordinal)))
    }

    /// Writes a record down, and has it decided where somebody does.
    fn feed(
        &mut self,
        topic: Topic,
        key: &str,
        kind: &str,
        data: &Value,
    ) -> Option<(Message, Outcome)> {
        self.records = self.records.saturating_add(1);
        let id = format!("M{}", self.records);
        let line = Line::new(topic, key, (&id, self.time), kind, data);
        let Some(message) = line.message() else {
            self.refused = Some(line.value);
            return None;
        };
        let outcome = match &mut self.model {
            Some(model) => model.feed(&message, self.now),
            None => Outcome::Applied { subject: None },
        };
        self.lines.push(line);
        Some((message, outcome))
    }
}

pub(super) fn account(customer: usize) -> AccountId {
    AccountId::trusted(&format!("ACC-{customer:04}"))
}

pub(super) fn payer(customer: usize) -> String {
    format!("SG77PAYER{customer:04}")
}
