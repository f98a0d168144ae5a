//! What persons say: of parked returns, of money that pays no invoice, of customers.

use super::Generator;
use crate::bank::{BankTransaction, CreditDebit, ReturnOf};
use crate::ids::{AccountId, BankKey, PaymentId};
use crate::input::{
    Command, CreateInvoice, Input, ReleasePayment, ReleaseWord, ResolveReturn, ReturnWord,
    UpsertAccount,
};
use crate::money::{Amount, Money};
use crate::usage::{Charge, Usage};

impl Generator {
    /// One of the stories below.
    pub(super) fn plan_persons(&mut self) {
        match self.random.below(15) {
            0..6 => self.plan_parked_return(),
            6..9 => self.plan_release(),
            9 => self.plan_closing(),
            10..12 => self.plan_equal(),
            12..14 => self.plan_typo(),
            _ => self.plan_crossing(),
        }
    }

    /// Two invoices of one amount, and money for one of them that names neither.
    fn plan_equal(&mut self) {
        let first = CreateInvoice { send: true, ..self.create() };
        let mut second = CreateInvoice { send: true, ..self.create() };
        second.amount = first.amount;
        second.account_id = first.account_id.clone();
        if first.invoice_id == second.invoice_id {
            return;
        }
        let payer = format!("EQUAL{}{}", self.world.tag, self.bank_ids);
        let account_id = first.account_id.clone();
        let payers = Some(vec![payer.clone()]);
        let upsert = UpsertAccount { account_id, payer_accounts: payers, ..self.upsert() };
        let paid = BankTransaction {
            amount: first.amount,
            debtor_account: Some(payer),
            virtual_account: None,
            end_to_end_id: None,
            unstructured: Vec::new(),
            ..self.credit()
        };
        let invoices = [first, second].map(Command::CreateInvoice);
        self.planned.push_back(Input::Command(Command::UpsertAccount(upsert)));
        self.planned.extend(invoices.map(Input::Command));
        self.planned.push_back(Input::BankTransaction(Box::new(paid)));
    }

    fn payment_of(&self, credit: &BankTransaction) -> PaymentId {
        let id = credit.bank_transaction_id.as_deref().unwrap_or_default();
        PaymentId::trusted(&format!("BANK:OURS{}:{id}", self.world.tag))
    }

    fn key_of_return(&self, id: &str) -> BankKey {
        BankKey { bank_account: format!("OURS{}", self.world.tag), key: format!("reversal:{id}") }
    }

    /// A return that is parked, since it names nothing known or some of a payment that is shared
    /// out; a person's word on it, and perhaps that the bank undoes it.
    fn plan_parked_return(&mut self) {
        let credit = self.credit();
        let payment_id = self.payment_of(&credit);
        let shared = self.random.chance(70);
        let owner = if shared { self.plan_shares(&payment_id, &credit) } else { self.account() };
        if !shared {
            self.planned.push_back(Input::BankTransaction(Box::new(credit.clone())));
            let (payment_id, account_id) = (payment_id.clone(), owner.clone());
            let assign = Command::AssignPayment { payment_id, account_id };
            self.planned.push_back(Input::Command(assign));
        }
        let named = if shared { credit.bank_transaction_id.clone() } else { None };
        let back = self.half_back(&credit, named);
        let id = back.bank_transaction_id.clone().unwrap_or_default();
        self.planned.push_back(Input::BankTransaction(Box::new(back.clone())));
        let word = self.word_on(&payment_id);
        let key = self.key_of_return(&id);
        let command = ResolveReturn { account_id: owner, key, word, reason: None };
        self.planned.push_back(Input::Command(Command::ResolveReturn(command)));
        if self.random.chance(50) {
            let undone = BankTransaction {
                bank_transaction_id: Some(format!("B{}", self.bank_ids)),
                credit_debit: CreditDebit::Credit,
                return_of: Some(return_of(id)),
                ..back
            };
            self.bank_ids = self.bank_ids.saturating_add(1);
            self.planned.push_back(Input::BankTransaction(Box::new(undone)));
        }
    }

    /// The bank takes half of it back; of `named`, or of something that never comes.
    fn half_back(&mut self, credit: &BankTransaction, named: Option<String>) -> BankTransaction {
        let id = format!("B{}", self.bank_ids);
        self.bank_ids = self.bank_ids.saturating_add(1);
        self.steps_back.push(id.clone());
        BankTransaction {
            return_of: Some(return_of(named.unwrap_or_else(|| format!("NEVER{id}")))),
            bank_transaction_id: Some(id),
            credit_debit: CreditDebit::Debit,
            reversal: true,
            amount: Money::from_micros(50_000_000, self.currency),
            booking_date: self.now.date_naive(),
            end_to_end_id: None,
            debtor_account: None,
            ..credit.clone()
        }
    }

    /// The credit is shared out, and one of the customers spends. Returns who may speak of it.
    fn plan_shares(&mut self, payment_id: &PaymentId, credit: &BankTransaction) -> AccountId {
        let split = self.split_of(payment_id.clone(), None);
        let owner = split.parts.first().map(|part| part.account_id.clone());
        let owner = owner.unwrap_or_else(|| self.account());
        self.planned.push_back(Input::BankTransaction(Box::new(credit.clone())));
        self.planned.push_back(Input::Command(Command::SplitPayment(split)));
        if self.random.chance(60) {
            let cents = self.random.below(6_000).cast_signed().saturating_add(1);
            let charge = Charge {
                usage_id: self.new_usage_id(),
                account_id: owner.clone(),
                amount: Money::from_micros(cents.saturating_mul(10_000), self.currency),
                occurred_at: self.now,
                kind: "call".to_owned(),
                hold_id: None,
            };
            self.planned.push_back(Input::Usage(Usage::Charge(charge)));
        }
        owner
    }

    /// It ends, or takes all of the payment, or of it and of another one.
    fn word_on(&mut self, payment_id: &PaymentId) -> ReturnWord {
        let part = |text: &str| Amount::parse(text).ok();
        let (other, _) = self.payment();
        let take = |payments, fee| ReturnWord::Take { payments, fee };
        match self.random.below(10) {
            0 => ReturnWord::End,
            1 if other != *payment_id => {
                take(vec![(payment_id.clone(), part("20")), (other, part("30"))], None)
            }
            2 => take(vec![(other, None)], None),
            3 => take(vec![(payment_id.clone(), None)], part("5")),
            4 => take(vec![(payment_id.clone(), part("49"))], None),
            _ => take(vec![(payment_id.clone(), None)], None),
        }
    }

    /// A word on one of the last returns, parked or not.
    pub(super) fn resolve(&mut self) -> Command {
        let recent = self.recent(self.steps_back.len());
        let id = self.steps_back.get(recent).cloned().unwrap_or_else(|| "NONE".to_owned());
        let (payment_id, owner) = self.payment();
        let account_id = self.owner_or_other(owner);
        let (key, word) = (self.key_of_return(&id), self.word_on(&payment_id));
        Command::ResolveReturn(ResolveReturn { account_id, key, word, reason: None })
    }

    /// Money by hand that is paid back, some of it or all; money of the bank that is nobody's.
    fn plan_release(&mut self) {
        if self.random.chance(40) {
            let credit = BankTransaction {
                unstructured: Vec::new(),
                debtor_account: None,
                virtual_account: None,
                end_to_end_id: None,
                ..self.credit()
            };
            let payment_id = self.payment_of(&credit);
            let back = self.half_back(&credit, credit.bank_transaction_id.clone());
            self.planned.push_back(Input::BankTransaction(Box::new(credit)));
            let word = ReleaseWord::Dismiss;
            self.planned.push_back(Input::Command(release(payment_id, None, word)));
            if self.random.chance(30) {
                self.planned.push_back(Input::BankTransaction(Box::new(back)));
            }
            return;
        }
        let paid = self.manual_payment();
        let (payment_id, owner) = (paid.payment_id.clone(), paid.account_id.clone());
        self.planned.push_back(Input::Command(Command::RecordPayment(paid)));
        for _ in 0..2 {
            let some = self.random.chance(50);
            let word = ReleaseWord::Refund(Amount::parse("50").ok().filter(|_| some));
            let again = release(payment_id.clone(), owner.clone(), word);
            self.planned.push_back(Input::Command(again));
        }
    }

    pub(super) fn release(&mut self) -> Command {
        let (payment_id, owner) = self.payment();
        let known = self.random.chance(80);
        let word = if owner.is_none() && known {
            ReleaseWord::Dismiss
        } else {
            ReleaseWord::Refund(Amount::parse("20").ok())
        };
        release(payment_id, owner, word)
    }

    /// A customer is closed, and opened again before long.
    fn plan_closing(&mut self) {
        let account_id = self.account();
        for closed in [true, false] {
            let account_id = account_id.clone();
            let command = Command::CloseAccount { account_id, closed, reason: None };
            self.planned.push_back(Input::Command(command));
        }
    }
}

fn return_of(bank_transaction_id: String) -> ReturnOf {
    let reason = Some("AC04".to_owned());
    let bank_transaction_id = Some(bank_transaction_id);
    ReturnOf { bank_transaction_id, end_to_end_id: None, reason }
}

fn release(payment_id: PaymentId, account_id: Option<AccountId>, word: ReleaseWord) -> Command {
    let account_id = account_id.filter(|_| word != ReleaseWord::Dismiss);
    let reason = "said".to_owned();
    Command::ReleasePayment(ReleasePayment { payment_id, account_id, word, reason })
}
