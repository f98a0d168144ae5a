//! Random but repeatable logs of records for a small world: few accounts, few invoices, few
//! amounts, so that collisions (the same amount, the same payer, the same id) are the rule.
//!
//! Everything is a function of the seed; a failing seed is the whole bug report.

mod advices;
mod levels;
mod persons;
mod references;
mod series;
mod splits;

use std::collections::VecDeque;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::bank::{BankTransaction, CreditDebit, EntryStatus, ReturnOf};
use super::ids::{
    AccountId, BankAccountId, ContentHash, InvoiceId, MessageId, PaymentId, RecordId, Source,
};
use super::input::{
    AllocatePayment, Command, CreateInvoice, Input, Message, RecordPayment, UpsertAccount,
};
use super::matching::reference;
use super::money::{Amount, Currency, Money};
use crate::allocation::AllocationPart;

/// Whole units; two of them add up to another, so that subsets rival single invoices.
const AMOUNTS: [i64; 5] = [50, 100, 100, 150, 250];
const MICROS_PER_UNIT: i64 = 1_000_000;
/// Four hours, so that some invoices are sent after the day on which money for them counts.
const MINUTES_PER_RECORD: i64 = 240;

/// A log of `length` records of three accounts that get in each other's way: shared payer
/// accounts, references to foreign invoices, duplicates, conflicts, commands that come too early.
pub fn random_log(seed: u64, length: usize) -> Vec<Message> {
    log(World::shared(), seed, length)
}

/// A log of one account that shares nothing with the logs of other groups: no payer, no text, no
/// amount, no bank account. Logs of different groups may be interleaved in any way.
pub fn independent_log(group: u8, seed: u64, length: usize) -> Vec<Message> {
    log(World::of_group(group), seed, length)
}

/// Xorshift64*: small, and the same on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Zero is a fixed point of the shifts; the multiplier spreads neighbouring seeds.
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
        Self(mixed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number from zero to one less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T], otherwise: T) -> T {
        let length = u64::try_from(from.len()).unwrap_or(0);
        let index = usize::try_from(self.below(length)).unwrap_or(0);
        from.get(index).copied().unwrap_or(otherwise)
    }
}

/// The names that a log may use.
struct World {
    /// Keeps the names of groups apart.
    tag: String,
    accounts: u64,
    /// Added to every amount: an amount is looked up in the whole book, so groups share none.
    cents: i64,
}

impl World {
    fn shared() -> Self {
        Self { tag: String::new(), accounts: 3, cents: 0 }
    }

    fn of_group(group: u8) -> Self {
        // No number of one group is a mistyped number of another.
        let tags = ["GKKK", "GPPP", "GWWW"];
        let tag = tags.get(usize::from(group)).copied().unwrap_or("G").to_owned();
        Self { tag, accounts: 1, cents: i64::from(group).saturating_add(1) }
    }
}

struct Generator {
    world: World,
    random: Random,
    currency: Currency,
    other_currency: Currency,
    /// The invoices whose creation is in the log, whose they are and the reference they get.
    invoices: Vec<(InvoiceId, AccountId, String)>,
    /// The payments in the log; a payment from the bank may still be anybody's.
    payments: Vec<(PaymentId, Option<AccountId>)>,
    /// Ids that the bank has given.
    bank_ids: u64,
    /// What is written next, now and then with other records between.
    planned: VecDeque<Input>,
    /// Pairs that a command put together, and for whom.
    pairs: Vec<(PaymentId, InvoiceId, AccountId)>,
    /// Payments that a command split, and for whom.
    splits: Vec<(PaymentId, AccountId)>,
    /// Ids of bank records that took something back.
    steps_back: Vec<String>,
    /// How many advices there are.
    advices: u64,
    /// References that upstream gave its invoices.
    given: Vec<String>,
    /// Ids of charges, refunds and holds that were given.
    usage_ids: [u64; 3],
    now: DateTime<Utc>,
    written: u64,
}

fn log(world: World, seed: u64, length: usize) -> Vec<Message> {
    let (Ok(currency), Ok(other_currency)) = (Currency::parse("SGD"), Currency::parse("USD"))
    else {
        return Vec::new();
    };
    let mut generator = Generator {
        world,
        random: Random::new(seed),
        currency,
        other_currency,
        invoices: Vec::new(),
        payments: Vec::new(),
        bank_ids: 0,
        planned: VecDeque::new(),
        pairs: Vec::new(),
        splits: Vec::new(),
        steps_back: Vec::new(),
        advices: 0,
        given: Vec::new(),
        usage_ids: [0; 3],
        now: first_instant(),
        written: 0,
    };
    let mut messages: Vec<Message> = Vec::with_capacity(length);
    while messages.len() < length {
        let repeated = generator.repeat(&messages);
        let message = match repeated {
            Some(message) => message,
            None => generator.record(),
        };
        messages.push(message);
    }
    messages
}

/// The first of November 2026, noon.
fn first_instant() -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_534_400, 0).unwrap_or_default()
}

impl Generator {
    /// Now and then a record comes again: as it was, or its id with other content.
    fn repeat(&mut self, before: &[Message]) -> Option<Message> {
        if !self.random.chance(8) {
            return None;
        }
        let length = u64::try_from(before.len()).unwrap_or(0);
        let index = usize::try_from(self.random.below(length)).unwrap_or(0);
        let mut message = before.get(index)?.clone();
        if self.random.chance(25) {
            let other = self.record();
            message.content_hash = other.content_hash;
            message.bank_hash = other.bank_hash;
            message.input = other.input;
        }
        Some(message)
    }

    fn record(&mut self) -> Message {
        self.written = self.written.saturating_add(1);
        let step = TimeDelta::minutes(MINUTES_PER_RECORD);
        self.now = self.now.checked_add_signed(step).unwrap_or(self.now);
        if self.random.chance(4) {
            self.plan();
        } else if self.random.chance(3) {
            self.plan_split();
        } else if self.random.chance(3) {
            self.plan_advice();
        } else if self.random.chance(4) {
            self.plan_persons();
        }
        let planned = if self.random.chance(70) { self.planned.pop_front() } else { None };
        if let Some(input) = planned {
            let hash = hash_of(&format!("{input:?}"));
            if let Input::Command(Command::CreateInvoice(create)) = &input {
                let (id, owner) = (create.invoice_id.clone(), create.account_id.clone());
                self.invoices.push((id, owner, reference::mint(&hash)));
            }
            self.note_parts(&input, &hash);
            return self.message(input, hash, hash);
        }
        if self.random.chance(2) {
            let advice = self.advice();
            let hash = hash_of(&format!("{advice:?}"));
            return self.message(Input::Advice(Box::new(advice)), hash, hash);
        }
        if self.random.chance(30) {
            let usage = self.usage();
            let hash = hash_of(&format!("{usage:?}"));
            return self.message(Input::Usage(usage), hash, hash);
        }
        if self.random.chance(40) {
            let bank = self.bank_transaction();
            let print = format!("{}{}", print_of(&bank), status_word(bank.status));
            let hash = hash_of(&print);
            let bank_hash = hash_of(&print_of(&bank));
            return self.message(Input::BankTransaction(Box::new(bank)), hash, bank_hash);
        }
        let command = self.command();
        let hash = hash_of(&format!("{command:?}"));
        if let Command::CreateInvoice(create) = &command {
            let minted = reference::mint(&hash);
            let (id, owner) = (create.invoice_id.clone(), create.account_id.clone());
            self.invoices.push((id, owner, minted));
        }
        let input = Input::Command(command);
        self.note_parts(&input, &hash);
        self.message(input, hash, hash)
    }

    fn message(&self, input: Input, content_hash: ContentHash, bank_hash: ContentHash) -> Message {
        let id = format!("{}M{}", self.world.tag, self.written);
        Message {
            record: RecordId { source: Source::trusted("generator"), id: MessageId::trusted(&id) },
            time: self.now,
            traceparent: None,
            content_hash,
            bank_hash,
            tokens: None,
            waited: None,
            input,
        }
    }

    fn command(&mut self) -> Command {
        match self.random.below(100) {
            0..12 => Command::UpsertAccount(self.upsert()),
            12..44 => Command::CreateInvoice(self.create()),
            44..47 => Command::SplitPayment(self.split()),
            47..57 => Command::RecordPayment(self.manual_payment()),
            57 => self.unsplit(),
            58..62 => {
                let (payment_id, owner) = self.payment();
                let account_id = self.owner_or_other(owner);
                Command::AssignPayment { payment_id, account_id }
            }
            62..77 => Command::AllocatePayment(self.allocate()),
            77..83 => {
                let (payment_id, invoice_id, account_id) = self.pair();
                Command::DeallocatePayment { payment_id, invoice_id, account_id, reason: None }
            }
            83..86 => {
                let (payment_id, owner) = self.payment();
                let account_id = self.owner_or_other(owner);
                Command::RemovePayment { payment_id, account_id, reason: None }
            }
            86 => self.resolve(),
            87 => self.release(),
            _ => self.invoice_command(),
        }
    }

    fn invoice_command(&mut self) -> Command {
        let (invoice_id, owner) = self.invoice();
        let account_id = self.owner_or_other(owner);
        match self.random.below(20) {
            0..4 => {
                Command::VoidInvoice { invoice_id, account_id, reason: None, candidate_since: None }
            }
            4..7 => Command::KeepInvoice { invoice_id, account_id, until: None },
            _ => Command::MarkInvoiceSent { invoice_id, account_id },
        }
    }

    fn create(&mut self) -> CreateInvoice {
        let number = u64::try_from(self.invoices.len()).unwrap_or(0);
        let number = self.old_or_new(number);
        CreateInvoice {
            invoice_id: self.invoice_id(number),
            account_id: self.account(),
            name: "top up".to_owned(),
            amount: self.amount(),
            due_date: self.random.chance(30).then(|| self.now.date_naive()),
            send: self.random.chance(60),
            references: self.references(),
        }
    }

    fn upsert(&mut self) -> UpsertAccount {
        let account_id = self.account();
        let payer = self.payer();
        let virtual_account = format!("VA{}{}", self.world.tag, account_id.as_str());
        UpsertAccount {
            name: format!("Customer {account_id}"),
            account_id,
            payer_accounts: Some(vec![payer]),
            virtual_accounts: self.random.chance(60).then(|| vec![key_of(&virtual_account)]),
            credit_limits: None,
            balance_levels: self.levels(),
            stale_after_days: None,
            time_zone: None,
        }
    }

    fn manual_payment(&mut self) -> RecordPayment {
        let number = u64::try_from(self.payments.len()).unwrap_or(0);
        let number = self.old_or_new(number);
        let payment_id = PaymentId::trusted(&format!("PAY{}-{number}", self.world.tag));
        let account_id = self.account();
        let account_id = self.random.chance(70).then_some(account_id);
        self.payments.push((payment_id.clone(), account_id.clone()));
        RecordPayment {
            payment_id,
            account_id,
            amount: self.amount(),
            received_on: self.now.date_naive(),
            method: "transfer".to_owned(),
            reference: None,
            remark: None,
        }
    }

    fn allocate(&mut self) -> AllocatePayment {
        let (mut payment_id, mut owner) = self.payment();
        for _ in 0..4 {
            // What nobody owns cannot be allocated; that is tried often enough all the same.
            if owner.is_some() {
                break;
            }
            (payment_id, owner) = self.payment();
        }
        let account_id = self.owner_or_other(owner);
        let mut names = vec![self.invoice_of(&account_id)];
        let second = self.invoice_of(&account_id);
        if self.random.chance(25) && names.first() != Some(&second) {
            names.push(second);
        }
        let mut allocations = Vec::with_capacity(names.len());
        for invoice_id in names {
            let half = self.random.chance(30);
            allocations.push(AllocationPart {
                invoice_id,
                amount: Amount::parse("50").ok().filter(|_| half),
            });
        }
        for part in &allocations {
            let pair = (payment_id.clone(), part.invoice_id.clone(), account_id.clone());
            self.pairs.push(pair);
        }
        AllocatePayment { payment_id, account_id, allocations }
    }

    /// Mostly a pair of the last few; now and then any payment and any invoice.
    fn pair(&mut self) -> (PaymentId, InvoiceId, AccountId) {
        let (payment_id, owner) = self.payment();
        let (invoice_id, billed) = self.invoice();
        let account_id = self.owner_or_other(owner.or(billed));
        let recent = self.recent(self.pairs.len());
        let pair = self.pairs.get(recent).cloned().filter(|_| self.random.chance(80));
        pair.unwrap_or((payment_id, invoice_id, account_id))
    }

    fn bank_transaction(&mut self) -> BankTransaction {
        let id = self.old_or_new(self.bank_ids);
        self.bank_ids = self.bank_ids.max(id.saturating_add(1));
        let named_by = format!("BANK:OURS{}:B{id}", self.world.tag);
        self.payments.push((PaymentId::trusted(&named_by), None));
        let today = self.now.date_naive();
        let value_date =
            if self.random.chance(25) { today.checked_sub_days(Days::new(1)) } else { Some(today) };
        let (credit_debit, reversal) = match self.random.below(20) {
            0..3 => (CreditDebit::Debit, true),
            3 => (CreditDebit::Debit, false),
            4 => (CreditDebit::Credit, true),
            _ => (CreditDebit::Credit, false),
        };
        let status = match self.random.below(10) {
            0 => EntryStatus::Pending,
            _ => EntryStatus::Booked,
        };
        let owner = self.account();
        let virtual_owner = format!("VA{}{owner}", self.world.tag);
        let payer = self.payer();
        // A return is looked for by its payer when a day has passed, whoever's day that is.
        let told_payer = !reversal || self.world.tag.is_empty();
        let return_of = self.return_of(credit_debit, reversal);
        let bank_id = self.random.chance(85).then(|| format!("B{id}"));
        if reversal {
            self.steps_back.extend(bank_id.clone());
        }
        let named = self.random.chance(45);
        let by_end_to_end = self.random.chance(15);
        let text = self.text();
        let end_to_end_id = self.any_reference().filter(|_| by_end_to_end);
        BankTransaction {
            bank_account: BankAccountId::trusted(&format!("OURS{}", self.world.tag)),
            bank_transaction_id: bank_id,
            statement_id: None,
            entry_reference: None,
            end_to_end_id,
            credit_debit,
            status,
            reversal,
            amount: self.amount(),
            charges: None,
            instructed: None,
            detail: None,
            booking_date: today,
            value_date,
            debtor_name: None,
            debtor_account: self.random.chance(65).then_some(payer).filter(|_| told_payer),
            virtual_account: self.random.chance(30).then_some(virtual_owner),
            creditor_reference: None,
            unstructured: if named { vec![text] } else { Vec::new() },
            return_of,
        }
    }

    /// A return names one of the last few bank records, a bounced one one of the last returns.
    fn return_of(&mut self, credit_debit: CreditDebit, reversal: bool) -> Option<ReturnOf> {
        let named = self.random.chance(70);
        let last = self.bank_ids.saturating_sub(self.random.below(8).saturating_add(1));
        let known = self.recent(self.steps_back.len());
        let id = match (credit_debit, reversal) {
            (CreditDebit::Debit, true) => Some(format!("B{last}")),
            (CreditDebit::Credit, true) => self.steps_back.get(known).cloned(),
            (_, false) => None,
        };
        let reason = Some("AC04".to_owned());
        id.filter(|_| named).map(|id| ReturnOf {
            bank_transaction_id: Some(id),
            end_to_end_id: None,
            reason,
        })
    }

    /// What a payer may write: one or two references or numbers, of whichever invoice.
    fn text(&mut self) -> String {
        let mut words = vec!["top up".to_owned()];
        let names = if self.random.chance(25) { 2 } else { 1 };
        for _ in 0..names {
            let (number, _) = self.invoice();
            let by_reference = self.random.chance(60);
            let reference = self.any_reference().filter(|_| by_reference);
            words.push(reference.unwrap_or(number.as_str().to_lowercase()));
        }
        words.join(" ")
    }

    fn account(&mut self) -> AccountId {
        let number = self.random.below(self.world.accounts);
        AccountId::trusted(&format!("ACC{}-{number}", self.world.tag))
    }

    /// Mostly whose it is; now and then somebody else's account.
    fn owner_or_other(&mut self, owner: Option<AccountId>) -> AccountId {
        let other = self.account();
        owner.filter(|_| self.random.chance(90)).unwrap_or(other)
    }

    /// A number that is new, or now and then one that was given before.
    fn old_or_new(&mut self, next: u64) -> u64 {
        if self.random.chance(10) { self.random.below(next) } else { next }
    }

    fn invoice_id(&self, number: u64) -> InvoiceId {
        InvoiceId::trusted(&format!("INV{}-10{number:02}", self.world.tag))
    }

    /// One of the last few, so that what a log begins with is also paid.
    fn recent(&mut self, count: usize) -> usize {
        let back = usize::try_from(self.random.below(6)).unwrap_or(0);
        count.saturating_sub(back.saturating_add(1))
    }

    /// An invoice and whose it is; now and then one that comes later or never.
    fn invoice(&mut self) -> (InvoiceId, Option<AccountId>) {
        let index = self.recent(self.invoices.len());
        match self.invoices.get(index) {
            Some((id, owner, _)) if !self.random.chance(3) => (id.clone(), Some(owner.clone())),
            _ => {
                let next = u64::try_from(self.invoices.len()).unwrap_or(0);
                (self.invoice_id(next), None)
            }
        }
    }

    /// An invoice, if possible of this account.
    fn invoice_of(&mut self, account_id: &AccountId) -> InvoiceId {
        let (mut invoice_id, mut owner) = self.invoice();
        for _ in 0..6 {
            if owner.as_ref() == Some(account_id) {
                break;
            }
            (invoice_id, owner) = self.invoice();
        }
        invoice_id
    }

    /// A payment and whose it is; now and then one that comes later or never.
    fn payment(&mut self) -> (PaymentId, Option<AccountId>) {
        let index = self.recent(self.payments.len());
        match self.payments.get(index) {
            Some((id, owner)) if !self.random.chance(5) => (id.clone(), owner.clone()),
            _ => {
                let next = self.payments.len();
                let name = format!("PAY{}-{next}", self.world.tag);
                (PaymentId::trusted(&name), None)
            }
        }
    }

    /// Four payers for three accounts: some pay for two of them, and then identify neither.
    fn payer(&mut self) -> String {
        let number = self.random.below(4);
        key_of(&format!("PAYER{}{number}", self.world.tag))
    }

    fn amount(&mut self) -> Money {
        let units = self.random.pick(&AMOUNTS, 100);
        let currency = if self.random.chance(8) { self.other_currency } else { self.currency };
        let cents = self.world.cents.saturating_mul(10_000);
        let micros = units.saturating_mul(MICROS_PER_UNIT).saturating_add(cents);
        Money::from_micros(micros, currency)
    }
}

fn key_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn status_word(status: EntryStatus) -> &'static str {
    match status {
        EntryStatus::Booked => "BOOK",
        EntryStatus::Pending => "PDNG",
        EntryStatus::Information => "INFO",
    }
}

/// What the bank says happened, without its status: the type's own `Debug` hides the texts.
fn print_of(bank: &BankTransaction) -> String {
    let dates: (NaiveDate, Option<NaiveDate>) = (bank.booking_date, bank.value_date);
    format!(
        "{bank_account}|{id:?}|{end:?}|{direction:?}|{amount}|{dates:?}|{payer:?}|{own:?}|{text:?}\
         |{of:?}",
        bank_account = bank.bank_account,
        id = bank.bank_transaction_id,
        end = bank.end_to_end_id,
        direction = bank.direction(),
        amount = bank.amount,
        payer = bank.debtor_account,
        own = bank.virtual_account,
        text = bank.unstructured,
        of = bank.return_of,
    )
}

/// A stand-in for SHA-256: four FNV-1a hashes with different starts.
fn hash_of(text: &str) -> ContentHash {
    let mut hash: ContentHash = [0; 32];
    for (start, chunk) in (1_u64..).zip(hash.chunks_exact_mut(8)) {
        let seed = start.wrapping_mul(0xcbf2_9ce4_8422_2325);
        let sum = text
            .bytes()
            .fold(seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        // The last multiplication leaves the high bytes well mixed; fold them into the low ones.
        chunk.copy_from_slice(&(sum ^ (sum >> 29)).to_le_bytes());
    }
    hash
}
