//! A world of some customers with open invoices, fed to the model of the service.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::Dice;
use crate::domain::bank::{BankTransaction, CreditDebit, EntryStatus};
use crate::domain::effect::{Effect, Outcome};
use crate::domain::ids::{
    AccountId, BankAccountId, InvoiceId, MessageId, PaymentId, RecordId, Source,
};
use crate::domain::input::{Command, CreateInvoice, Input, Message, UpsertAccount};
use crate::domain::matching::Policy;
use crate::domain::model::Model;
use crate::domain::money::{Currency, Money};

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

pub(super) struct World {
    pub dice: Dice,
    pub model: Model,
    names: Vec<String>,
    now: DateTime<Utc>,
    currency: Currency,
    records: u64,
    invoices: u64,
}

impl World {
    pub(super) fn new(seed: u64, currency: Currency) -> Self {
        let now = NaiveDate::MIN.and_time(chrono::NaiveTime::MIN).and_utc();
        let now = DateTime::from_timestamp(1_793_620_800, 0).unwrap_or(now);
        let mut world = Self {
            dice: Dice::new(seed),
            model: Model::new(Policy::default()),
            names: Vec::new(),
            now,
            currency,
            records: 0,
            invoices: 0,
        };
        world.invoices = u64::try_from(world.dice.below(80_000)).unwrap_or(0);
        for customer in 0..CUSTOMERS {
            world.register(customer);
        }
        for _ in 0..BACKGROUND {
            world.owe_anything();
        }
        world
    }

    fn register(&mut self, customer: usize) {
        let name = [
            self.dice.pick(&FIRST, "Acme"),
            self.dice.pick(&SECOND, "Trading"),
            self.dice.pick(&FORMS, "Inc"),
        ];
        let name = name.join(" ");
        self.names.push(name.clone());
        let mut payers = vec![payer(customer)];
        if customer < 2 {
            // One agent pays for both of them, and is known to.
            payers.push("AGENT0001".to_owned());
        }
        self.command(Command::UpsertAccount(UpsertAccount {
            account_id: account(customer),
            name,
            payer_accounts: Some(payers),
            virtual_accounts: None,
            credit_limits: None,
            stale_after_days: None,
            time_zone: None,
        }));
    }

    pub(super) fn customer(&mut self) -> usize {
        self.dice.below(CUSTOMERS)
    }

    pub(super) fn name(&self, customer: usize) -> Option<String> {
        self.names.get(customer).cloned()
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
        let id = InvoiceId::trusted(&format!("INV-{:07}", self.invoices));
        self.command(Command::CreateInvoice(CreateInvoice {
            invoice_id: id.clone(),
            account_id: account(customer),
            name: "top up".to_owned(),
            amount: self.money(micros),
            due_date: None,
            send,
        }));
        let invoice = self.model.set.invoices.get(&id);
        let reference = invoice.map(|i| i.payment_reference.clone()).unwrap_or_default();
        Owed { customer, id, micros, reference }
    }

    pub(super) fn send(&mut self, owed: &Owed) {
        let account_id = account(owed.customer);
        self.command(Command::MarkInvoiceSent { invoice_id: owed.id.clone(), account_id });
    }

    pub(super) fn money(&self, micros: i64) -> Money {
        Money::from_micros(micros, self.currency)
    }

    /// A booked credit of today from nobody known.
    pub(super) fn credit(&mut self, micros: i64, text: Vec<String>) -> BankTransaction {
        let stranger = self.dice.roll();
        let today = self.now.date_naive();
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
            value_date: today.checked_add_days(Days::new(0)),
            debtor_name: None,
            debtor_account: Some(format!("XX{stranger:016x}")),
            virtual_account: None,
            creditor_reference: None,
            unstructured: text,
            return_of: None,
        }
    }

    fn command(&mut self, command: Command) {
        self.feed(Input::Command(command), None);
    }

    /// Hands in a bank record; the payment that it became.
    pub(super) fn bank(&mut self, bank: &BankTransaction) -> (Outcome, Option<PaymentId>) {
        let outcome = self.feed(Input::BankTransaction(Box::new(bank.clone())), Some(print(bank)));
        let recorded = self.model.last_effects.iter().find_map(|effect| match effect {
            Effect::RecordPayment(payment) => Some(payment.payment_id.clone()),
            _ => None,
        });
        (outcome, recorded)
    }

    fn feed(&mut self, input: Input, bank_hash: Option<[u8; 32]>) -> Outcome {
        self.records = self.records.saturating_add(1);
        let content_hash = self.dice.bytes();
        let id = MessageId::trusted(&format!("M{}", self.records));
        let message = Message {
            record: RecordId { source: Source::trusted("generated"), id },
            time: self.now,
            traceparent: None,
            content_hash,
            bank_hash: bank_hash.unwrap_or(content_hash),
            tokens: None,
            waited: None,
            input,
        };
        self.model.feed(&message, self.now)
    }
}

pub(super) fn account(customer: usize) -> AccountId {
    AccountId::trusted(&format!("ACC-{customer:04}"))
}

pub(super) fn payer(customer: usize) -> String {
    format!("SG77PAYER{customer:04}")
}

/// What the bank says happened, as 32 bytes: equal content gives equal bytes.
fn print(bank: &BankTransaction) -> [u8; 32] {
    let text = format!(
        "{:?}{}{:?}{:?}{:?}{:?}",
        bank.bank_transaction_id,
        bank.amount,
        bank.debtor_account,
        bank.unstructured,
        bank.credit_debit,
        bank.booking_date,
    );
    let basis = 0xcbf2_9ce4_8422_2325_u64;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    Dice::new(text.bytes().fold(basis, step)).bytes()
}
