//! Payments that are split, taken back, and returned by the bank.

use super::Generator;
use crate::allocation::AllocationPart;
use crate::bank::{BankTransaction, CreditDebit, EntryStatus, ReturnOf};
use crate::ids::{AccountId, ContentHash, PaymentId};
use crate::input::{Command, Input};
use crate::money::{Amount, Money};
use crate::split::{Share, SplitPayment, part_id};
use crate::usage::Usage;

impl Generator {
    /// A credit that is shared out, and then perhaps taken back, by a command or by the bank.
    pub(super) fn plan_split(&mut self) {
        let credit = self.credit();
        let bank_id = credit.bank_transaction_id.clone().unwrap_or_default();
        let name = format!("BANK:OURS{}:{bank_id}", self.world.tag);
        let payment_id = PaymentId::trusted(&name);
        let split = self.split_of(payment_id.clone(), None);
        let account_id = split.account_id.clone();
        let back = self.return_of_credit(&credit);
        self.planned.push_back(Input::BankTransaction(Box::new(credit)));
        self.planned.push_back(Input::Command(Command::SplitPayment(split)));
        let shared = self.world.tag.is_empty();
        let known = self.now.checked_add_signed(chrono::TimeDelta::hours(12)).unwrap_or(self.now);
        if shared && self.random.chance(70) {
            self.planned.push_back(Input::Usage(Usage::Watermark(known)));
        }
        if self.random.chance(50) {
            self.planned.push_back(Input::BankTransaction(Box::new(back)));
        }
        if self.random.chance(60) {
            let undo = Command::UnsplitPayment { payment_id, account_id, reason: None };
            self.planned.push_back(Input::Command(undo));
        }
    }

    pub(super) fn credit(&mut self) -> BankTransaction {
        let id = self.bank_ids;
        self.bank_ids = id.saturating_add(1);
        // With the cents of its group: what stays of it is compared with the whole book.
        let cents = self.world.cents.saturating_mul(10_000);
        let hundred = Money::from_micros(cents.saturating_add(100_000_000), self.currency);
        BankTransaction {
            bank_transaction_id: Some(format!("B{id}")),
            credit_debit: CreditDebit::Credit,
            reversal: false,
            status: EntryStatus::Booked,
            amount: hundred,
            return_of: None,
            ..self.bank_transaction()
        }
    }

    /// Mostly of all that came, now and then of a part.
    fn return_of_credit(&mut self, credit: &BankTransaction) -> BankTransaction {
        let id = self.bank_ids;
        self.bank_ids = id.saturating_add(1);
        let half = Money::from_micros(50_000_000, self.currency);
        let whole = self.random.chance(70);
        let name = format!("B{id}");
        self.steps_back.push(name.clone());
        BankTransaction {
            bank_transaction_id: Some(name),
            credit_debit: CreditDebit::Debit,
            reversal: true,
            amount: if whole { credit.amount } else { half },
            booking_date: self.now.date_naive(),
            end_to_end_id: None,
            debtor_account: None,
            return_of: Some(ReturnOf {
                bank_transaction_id: credit.bank_transaction_id.clone(),
                end_to_end_id: None,
                reason: Some("AC04".to_owned()),
            }),
            ..credit.clone()
        }
    }

    pub(super) fn split(&mut self) -> SplitPayment {
        let (payment_id, owner) = self.payment();
        self.split_of(payment_id, owner)
    }

    /// Shares of 50 and 20, for one customer or two.
    pub(super) fn split_of(
        &mut self,
        payment_id: PaymentId,
        owner: Option<AccountId>,
    ) -> SplitPayment {
        let (first, second) = (self.account(), self.account());
        let mut parts: Vec<Share> = self.share(first.clone(), "50").into_iter().collect();
        if second != first {
            let amount = self.random.pick(&["50", "20"], "20");
            parts.extend(self.share(second, amount));
        }
        let mut seen = std::collections::BTreeSet::new();
        for part in &mut parts {
            part.allocations.retain(|pays| seen.insert(pays.invoice_id.clone()));
        }
        let account_id = self.owner_or_other(owner.or(Some(first)));
        self.splits.push((payment_id.clone(), account_id.clone()));
        SplitPayment { payment_id, account_id, parts, reason: None }
    }

    fn share(&mut self, account_id: AccountId, amount: &str) -> Option<Share> {
        let invoice_id = self.invoice_of(&account_id);
        let pays = AllocationPart { invoice_id, amount: None };
        let allocations = if self.random.chance(50) { vec![pays] } else { Vec::new() };
        let amount = Amount::parse(amount).ok()?;
        Some(Share { account_id, amount, allocations })
    }

    pub(super) fn unsplit(&mut self) -> Command {
        let recent = self.recent(self.splits.len());
        let known = self.splits.get(recent).cloned();
        let (payment_id, account_id) = known.unwrap_or_else(|| {
            let (payment_id, owner) = self.payment();
            (payment_id, self.owner_or_other(owner))
        });
        Command::UnsplitPayment { payment_id, account_id, reason: None }
    }

    /// The parts are payments that later records may name, if the split is applied.
    pub(super) fn note_parts(&mut self, input: &Input, hash: &ContentHash) {
        let Input::Command(Command::SplitPayment(split)) = input else {
            return;
        };
        for (number, share) in (1_u32..).zip(&split.parts) {
            let id = part_id(hash, number);
            for pays in &share.allocations {
                let owner = share.account_id.clone();
                self.pairs.push((id.clone(), pays.invoice_id.clone(), owner));
            }
            self.payments.push((id, Some(share.account_id.clone())));
        }
    }
}
