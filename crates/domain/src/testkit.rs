//! Shorthand for tests: a desk at which records are handed in, one after the other.

mod loading;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::allocation::{AllocationPart, Rule};
use super::bank::{BankTransaction, CreditDebit, EntryStatus, ReturnOf};
use super::effect::Outcome;
use super::ids::{
    AccountId, BankAccountId, HoldId, InvoiceId, MessageId, PaymentId, RecordId, RefundId, Source,
    SuggestionId, UsageId,
};
use super::input::{
    AllocatePayment, Command, CreateInvoice, Input, MatchWord, Message, RecordPayment,
    UpsertAccount,
};
use super::invoice::Invoice;
use super::matching::upstream::GivenReference;
use super::model::Model;
use super::money::{Amount, Currency, Money};
use super::payment::{ParkReason, Payment, PaymentState};
use super::split::{Share, SplitPayment};
use super::usage::{Charge, HoldAmount, Refund, Usage};
use super::working_set::WorkingSet;
use crate::matching::decision::MatchDecision;
use crate::matching::policy::{Policy, RuleSet};
pub(crate) use loading::{load, until_loaded};

pub(crate) fn account(id: &str) -> AccountId {
    AccountId::parse(id).expect("account id")
}

pub(crate) fn invoice(id: &str) -> InvoiceId {
    InvoiceId::parse(id).expect("invoice id")
}

pub(crate) fn payment(id: &str) -> PaymentId {
    PaymentId::parse(id).expect("payment id")
}

/// The payment that the bank transaction `id` becomes.
pub(crate) fn banked(id: &str) -> PaymentId {
    payment(&format!("BANK:OURS:{id}"))
}

pub(crate) fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("currency")
}

/// `100`, `100.00` in SGD; `100 USD` in another currency.
pub(crate) fn money(text: &str) -> Money {
    let (amount, code) = text.split_once(' ').unwrap_or((text, "SGD"));
    Money::parse(amount, currency(code)).expect("amount")
}

pub(crate) fn day(text: &str) -> NaiveDate {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").expect("date")
}

/// The first day at the desk.
pub(crate) fn today() -> NaiveDate {
    day("2026-11-02")
}

pub(crate) fn create(id: &str, owner: &str, amount: &str) -> CreateInvoice {
    CreateInvoice {
        invoice_id: invoice(id),
        account_id: account(owner),
        name: "top up".to_owned(),
        amount: money(amount),
        due_date: None,
        send: true,
        references: Vec::new(),
    }
}

pub(crate) fn upsert(id: &str) -> UpsertAccount {
    UpsertAccount {
        account_id: account(id),
        name: format!("Customer {id}"),
        payer_accounts: None,
        virtual_accounts: None,
        credit_limits: None,
        balance_levels: None,
        stale_after_days: None,
        time_zone: None,
    }
}

pub(crate) fn record(id: &str, owner: Option<&str>, amount: &str) -> RecordPayment {
    RecordPayment {
        payment_id: payment(id),
        account_id: owner.map(account),
        amount: money(amount),
        received_on: today(),
        method: "cheque".to_owned(),
        reference: None,
        remark: None,
    }
}

/// An invoice of A to which upstream gave references.
pub(crate) fn quoted(id: &str, references: &[&str]) -> Command {
    let given = |text: &&str| GivenReference { text: (*text).to_owned(), scheme: None };
    let references = references.iter().map(given).collect();
    Command::CreateInvoice(CreateInvoice { references, ..create(id, "A", "5") })
}

pub(crate) fn mark_sent(id: &str, owner: &str) -> Command {
    Command::MarkInvoiceSent { invoice_id: invoice(id), account_id: account(owner) }
}

pub(crate) fn void(id: &str, owner: &str) -> Command {
    void_since(id, owner, None)
}

/// A void of the void candidate that was flagged for this instant.
pub(crate) fn void_since(id: &str, owner: &str, candidate_since: Option<DateTime<Utc>>) -> Command {
    let (invoice_id, account_id) = (invoice(id), account(owner));
    Command::VoidInvoice { invoice_id, account_id, reason: None, candidate_since }
}

pub(crate) fn keep(id: &str, owner: &str) -> Command {
    Command::KeepInvoice { invoice_id: invoice(id), account_id: account(owner), until: None }
}

pub(crate) fn assign(id: &str, owner: &str) -> Command {
    Command::AssignPayment { payment_id: payment(id), account_id: account(owner) }
}

/// Parts as `("INV-1", "50")`; an empty amount means "as much as fits".
pub(crate) fn allocate(id: &str, owner: &str, parts: &[(&str, &str)]) -> Command {
    let part = |(id, amount): &(&str, &str)| AllocationPart {
        invoice_id: invoice(id),
        amount: (!amount.is_empty()).then(|| Amount::parse(amount).expect("amount")),
    };
    Command::AllocatePayment(AllocatePayment {
        payment_id: payment(id),
        account_id: account(owner),
        allocations: parts.iter().map(part).collect(),
    })
}

pub(crate) fn deallocate(id: &str, from: &str, owner: &str) -> Command {
    Command::DeallocatePayment {
        payment_id: payment(id),
        invoice_id: invoice(from),
        account_id: account(owner),
        reason: None,
    }
}

pub(crate) fn remove(id: &str, owner: &str) -> Command {
    Command::RemovePayment { payment_id: payment(id), account_id: account(owner), reason: None }
}

/// Parts as `("A", "60.50", &["INV-1"])`; without invoices the money is held on the account.
pub(crate) fn split(id: &str, owner: &str, parts: &[(&str, &str, &[&str])]) -> Command {
    let pays = |id: &&str| AllocationPart { invoice_id: invoice(id), amount: None };
    let share = |(owner, amount, invoices): &(&str, &str, &[&str])| Share {
        account_id: account(owner),
        amount: Amount::parse(amount).expect("amount"),
        allocations: invoices.iter().map(pays).collect(),
    };
    Command::SplitPayment(SplitPayment {
        payment_id: payment(id),
        account_id: account(owner),
        parts: parts.iter().map(share).collect(),
        reason: Some("a terminal's settlement".to_owned()),
    })
}

pub(crate) fn unsplit(id: &str, owner: &str) -> Command {
    Command::UnsplitPayment { payment_id: payment(id), account_id: account(owner), reason: None }
}

pub(crate) fn confirm(id: &str, suggestion: &str, owner: &str) -> Command {
    Command::ConfirmMatch(word(id, suggestion, owner))
}

pub(crate) fn reject(id: &str, suggestion: &str, owner: &str) -> Command {
    Command::RejectMatch(word(id, suggestion, owner))
}

fn word(id: &str, suggestion: &str, owner: &str) -> MatchWord {
    MatchWord {
        payment_id: payment(id),
        suggestion_id: SuggestionId::parse(suggestion).expect("suggestion id"),
        account_id: account(owner),
        reason: None,
    }
}

/// Money that arrived today and names nobody.
pub(crate) fn credit(id: &str, amount: &str) -> BankTransaction {
    BankTransaction {
        bank_account: BankAccountId::trusted("OURS"),
        bank_transaction_id: Some(id.to_owned()),
        statement_id: None,
        entry_reference: None,
        end_to_end_id: None,
        credit_debit: CreditDebit::Credit,
        status: EntryStatus::Booked,
        reversal: false,
        amount: money(amount),
        charges: None,
        instructed: None,
        detail: None,
        booking_date: today(),
        value_date: None,
        debtor_name: None,
        debtor_account: None,
        virtual_account: None,
        creditor_reference: None,
        unstructured: Vec::new(),
        return_of: None,
    }
}

/// The bank takes back `amount` of its transaction `of`.
pub(crate) fn returned(id: &str, of: &str, amount: &str) -> BankTransaction {
    BankTransaction {
        credit_debit: CreditDebit::Debit,
        reversal: true,
        return_of: Some(ReturnOf {
            bank_transaction_id: Some(of.to_owned()),
            end_to_end_id: None,
            reason: Some("AC04".to_owned()),
        }),
        ..credit(id, amount)
    }
}

/// The bank undoes its return `of`.
pub(crate) fn unreturned(id: &str, of: &str, amount: &str) -> BankTransaction {
    BankTransaction { credit_debit: CreditDebit::Credit, ..returned(id, of, amount) }
}

/// As [`credit`], with the payer's lines of text.
pub(crate) fn credit_saying(id: &str, amount: &str, lines: &[&str]) -> BankTransaction {
    BankTransaction {
        unstructured: lines.iter().map(|line| (*line).to_owned()).collect(),
        ..credit(id, amount)
    }
}

/// As [`credit`], from a payer's account.
pub(crate) fn credit_from(id: &str, amount: &str, payer: &str) -> BankTransaction {
    BankTransaction { debtor_account: Some(payer.to_owned()), ..credit(id, amount) }
}

/// As [`credit`], paid into a virtual account.
pub(crate) fn credit_into(id: &str, amount: &str, virtual_account: &str) -> BankTransaction {
    BankTransaction { virtual_account: Some(virtual_account.to_owned()), ..credit(id, amount) }
}

/// Hands records to a model, each with an id of its own, and looks at what came of them.
#[derive(Clone)]
pub(crate) struct Desk {
    pub model: Model,
    pub now: DateTime<Utc>,
    handed_in: u32,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        Self::with_rules(policy.into())
    }

    pub(crate) fn with_rules(rules: RuleSet) -> Self {
        let noon = today().and_hms_opt(12, 0, 0).expect("noon");
        Self { model: Model::new(rules), now: noon.and_utc(), handed_in: 0 }
    }

    /// Two customers: A pays from `PAYERA` or into `VIRTUALA`, B likewise.
    pub(crate) fn with_customers(policy: Policy) -> Self {
        Self::customers_with(policy.into())
    }

    pub(crate) fn customers_with(rules: RuleSet) -> Self {
        let mut desk = Self::with_rules(rules);
        for name in ["A", "B"] {
            let mut customer = upsert(name);
            customer.payer_accounts = Some(vec![format!("PAYER{name}")]);
            customer.virtual_accounts = Some(vec![format!("VIRTUAL{name}")]);
            desk.apply(Command::UpsertAccount(customer));
        }
        desk
    }

    pub(crate) fn message(&mut self, input: Input) -> Message {
        self.handed_in += 1;
        // Spread over all bytes, because references are minted from them.
        let mut state = u64::from(self.handed_in) << 32 | 0x9e37_79b9;
        let hash = [0_u8; 32].map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).rotate_left(13);
            state.to_be_bytes()[0]
        });
        let bank_hash = match &input {
            Input::BankTransaction(bank) => print_of(bank),
            Input::Command(_)
            | Input::BankStatement(_)
            | Input::Advice(_)
            | Input::Usage(_)
            | Input::Rematch(_)
            | Input::RetryReturn(_) => hash,
        };
        Message {
            record: RecordId {
                source: Source::trusted("test"),
                id: MessageId::trusted(&format!("M{}", self.handed_in)),
            },
            time: self.now,
            traceparent: None,
            content_hash: hash,
            bank_hash,
            tokens: None,
            waited: None,
            input,
        }
    }

    pub(crate) fn feed(&mut self, message: &Message) -> Outcome {
        let outcome = self.model.feed(message, self.now);
        assert_eq!(self.model.stopped, None, "deciding stopped at {message:?}");
        outcome
    }

    pub(crate) fn hand_in(&mut self, command: Command) -> Outcome {
        let message = self.message(Input::Command(command));
        self.feed(&message)
    }

    pub(crate) fn apply(&mut self, command: Command) {
        let outcome = self.hand_in(command.clone());
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?} for {command:?}");
    }

    /// Creates and sends an invoice.
    pub(crate) fn invoice(&mut self, id: &str, owner: &str, amount: &str) {
        self.apply(Command::CreateInvoice(create(id, owner, amount)));
    }

    pub(crate) fn draft(&mut self, id: &str, owner: &str, amount: &str) {
        let mut draft = create(id, owner, amount);
        draft.send = false;
        self.apply(Command::CreateInvoice(draft));
    }

    pub(crate) fn bank(&mut self, bank: BankTransaction) -> Outcome {
        let message = self.message(Input::BankTransaction(Box::new(bank)));
        self.feed(&message)
    }

    /// Hands in a bank transaction that must become a payment; where it stands and by which rule.
    pub(crate) fn receive(&mut self, bank: BankTransaction) -> (Rule, PaymentState) {
        let id = bank.bank_transaction_id.clone().expect("an id");
        let outcome = self.bank(bank);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        (self.decision(&id).rule, self.state(&id))
    }

    pub(crate) fn usage(&mut self, usage: Usage) {
        let message = self.message(Input::Usage(usage.clone()));
        let outcome = self.feed(&message);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?} for {usage:?}");
    }

    pub(crate) fn charge(&mut self, id: &str, owner: &str, amount: &str) {
        let charge = Charge {
            usage_id: UsageId::trusted(id),
            account_id: account(owner),
            amount: money(amount),
            occurred_at: self.now,
            kind: "call".to_owned(),
            hold_id: None,
        };
        self.usage(Usage::Charge(charge));
    }

    /// As [`Self::charge`], with up to six decimals.
    pub(crate) fn charge_exactly(&mut self, id: &str, owner: &str, amount: &str) {
        let charge = Charge {
            usage_id: UsageId::trusted(id),
            account_id: account(owner),
            amount: Amount::parse(amount).expect("amount").with_all_decimals(currency("SGD")),
            occurred_at: self.now,
            kind: "call".to_owned(),
            hold_id: None,
        };
        self.usage(Usage::Charge(charge));
    }

    /// As [`Self::refund`], with up to six decimals.
    pub(crate) fn refund_exactly(&mut self, id: &str, of: &str, owner: &str, amount: &str) {
        let refund = Refund {
            refund_id: RefundId::trusted(id),
            usage_id: UsageId::trusted(of),
            account_id: account(owner),
            amount: Amount::parse(amount).expect("amount").with_all_decimals(currency("SGD")),
        };
        self.usage(Usage::Refund(refund));
    }

    pub(crate) fn refund(&mut self, id: &str, of: &str, owner: &str, amount: &str) {
        let refund = Refund {
            refund_id: RefundId::trusted(id),
            usage_id: UsageId::trusted(of),
            account_id: account(owner),
            amount: money(amount),
        };
        self.usage(Usage::Refund(refund));
    }

    pub(crate) fn hold(&mut self, id: &str, owner: &str, amount: &str) {
        let hold_id = HoldId::trusted(id);
        let (account_id, amount) = (account(owner), money(amount));
        self.usage(Usage::Hold(HoldAmount { hold_id, account_id, amount }));
    }

    pub(crate) fn release(&mut self, id: &str, owner: &str, amount: &str) {
        let hold_id = HoldId::trusted(id);
        let (account_id, amount) = (account(owner), money(amount));
        self.usage(Usage::Release(HoldAmount { hold_id, account_id, amount }));
    }

    /// The usage feed is complete up to now.
    pub(crate) fn watermark(&mut self) {
        self.usage(Usage::Watermark(self.now));
    }

    /// What is left in each lot of an account, the oldest first.
    pub(crate) fn lots(&self, owner: &str) -> Vec<String> {
        let lots = self.model.set.usage.lots.get(&(account(owner), currency("SGD")));
        lots.into_iter().flatten().map(|lot| lot.remaining.number()).collect()
    }

    /// The names of the events of the last record, without prefix and version.
    pub(crate) fn told(&self) -> Vec<&'static str> {
        let last = self.model.set.events.last().map(|event| event.cause.record.clone());
        let events = self.model.set.events.iter();
        let own = events.filter(|event| Some(&event.cause.record) == last.as_ref());
        let bare = |name: &'static str| name.trim_start_matches("topup.").trim_end_matches(".v1");
        own.map(|event| bare(event.fact.event_type())).collect()
    }

    pub(crate) fn pass_days(&mut self, days: u64) {
        self.now = self.now.checked_add_days(Days::new(days)).expect("in range");
    }

    pub(crate) fn pass_minute(&mut self) {
        self.now += TimeDelta::minutes(1);
    }

    pub(crate) fn reference(&self, id: &str) -> String {
        self.invoice_now(id).payment_reference.clone()
    }

    pub(crate) fn invoice_now(&self, id: &str) -> &Invoice {
        self.model.set.invoice(&invoice(id)).expect("a known invoice")
    }

    pub(crate) fn payment_now(&self, id: &str) -> &Payment {
        self.model.set.payments_here().get(&banked(id)).expect("a known payment")
    }

    pub(crate) fn state(&self, id: &str) -> PaymentState {
        self.payment_now(id).state
    }

    pub(crate) fn owner(&self, id: &str) -> Option<&str> {
        self.payment_now(id).account_id.as_ref().map(AccountId::as_str)
    }

    pub(crate) fn decision(&self, id: &str) -> &MatchDecision {
        self.model.last_decision(&banked(id)).expect("a decided payment")
    }

    pub(crate) fn suggested(&self, id: &str) -> Vec<&str> {
        let entries = self.decision(id).suggestions.iter();
        entries.map(|entry| entry.invoice_id.as_str()).collect()
    }

    /// What of each invoice the payment pays, as `INV-1 50.00 SGD`.
    pub(crate) fn pays(&self, id: &str) -> Vec<String> {
        let id = banked(id);
        let own = self.model.allocations().filter(|part| part.payment_id == id);
        own.map(|part| format!("{} {}", part.invoice_id, part.live().expect("live"))).collect()
    }

    pub(crate) fn balance(&self, owner: &str) -> Money {
        self.model.set.balance(&account(owner), currency("SGD"))
    }
}

pub(crate) fn parked(reason: ParkReason) -> PaymentState {
    PaymentState::Parked(reason)
}

/// What the bank says happened, folded: equal content gives an equal hash.
fn print_of(bank: &BankTransaction) -> [u8; 32] {
    let mut plain = bank.clone();
    plain.status = EntryStatus::Booked;
    let text = format!(
        "{plain:?}{:?}{:?}{:?}{:?}{:?}",
        plain.value_date,
        plain.debtor_account,
        plain.unstructured,
        plain.virtual_account,
        plain.end_to_end_id
    );
    let mut print = [0_u8; 32];
    for (index, byte) in text.bytes().enumerate() {
        let slot = &mut print[index % 32];
        *slot = slot.rotate_left(3) ^ byte;
    }
    print
}

/// What the next batch loads of this world without being asked: nothing that deciding can want as
/// a [`Want`](crate::want::Want) is among it.
pub(crate) fn reloaded(set: &WorkingSet) -> WorkingSet {
    let mut loaded = WorkingSet::default();
    loaded.locked.clone_from(&set.locked);
    loaded.advices.days = set.advices.days;
    loaded.usage.lots.clone_from(&set.usage.lots);
    loaded.usage.keeps_lots = set.usage.keeps_lots;
    loaded.usage.complete_through = set.usage.complete_through;
    loaded.usage.unproven.clone_from(&set.usage.unproven);
    loaded
}
