//! Remittance advices, before the money that they are about and after it.

use super::{Generator, hash_of};
use crate::advice::{AdviceKey, AdviceLine, LineName, RemittanceAdvice};
use crate::bank::BankTransaction;
use crate::ids::{AdviceId, BankAccountId};
use crate::input::{Command, CreateInvoice, Input};
use crate::matching::reference;
use crate::money::Money;

impl Generator {
    /// Invoices, money for them and an advice that says so: in any order, now and then with a
    /// second advice or a second payment, or a text that says something else.
    pub(super) fn plan_advice(&mut self) {
        let first = CreateInvoice { send: self.random.chance(80), ..self.create() };
        let mut creates = vec![first];
        // Sums and halves of one group's amounts are amounts of another.
        let shared = self.world.tag.is_empty();
        if shared && self.random.chance(40) {
            let owner = creates.first().map(|create| create.account_id.clone());
            let other = CreateInvoice { send: true, ..self.create() };
            let same = self.random.chance(80);
            let account_id = owner.filter(|_| same).unwrap_or(other.account_id.clone());
            let alike = creates.iter().any(|create| {
                create.amount.currency() == other.amount.currency()
                    && create.invoice_id != other.invoice_id
            });
            if alike {
                creates.push(CreateInvoice { account_id, ..other });
            }
        }
        let lines = self.lines_for(&creates);
        let Some(amount) = sum_of(&lines) else { return };
        let stranger = self.random.chance(60);
        let number = self.advices;
        let payer = match stranger {
            true => format!("PAYEROF{}{number}", self.world.tag),
            false => self.payer(),
        };
        let advice = self.advice_of(&payer, amount, lines);
        let mut steps: Vec<Input> = creates.into_iter().map(create_of).collect();
        steps.push(Input::Advice(Box::new(advice)));
        for _ in 0..if self.random.chance(15) { 2 } else { 1 } {
            let text = if self.random.chance(15) { vec![self.text()] } else { Vec::new() };
            steps.push(Input::BankTransaction(Box::new(BankTransaction {
                amount,
                debtor_account: Some(payer.clone()),
                virtual_account: None,
                end_to_end_id: None,
                unstructured: text,
                ..self.credit()
            })));
        }
        if self.random.chance(15) {
            let other = self.some_lines(amount);
            let second = self.advice_of(&payer, amount, other);
            steps.push(Input::Advice(Box::new(second)));
        }
        while !steps.is_empty() {
            let left = u64::try_from(steps.len()).unwrap_or(1);
            let next = usize::try_from(self.random.below(left)).unwrap_or(0);
            // Mostly as planned.
            let next = if self.random.chance(60) { 0 } else { next };
            self.planned.push_back(steps.remove(next));
        }
    }

    /// An advice of anybody for anything.
    pub(super) fn advice(&mut self) -> RemittanceAdvice {
        let payer = self.payer();
        let amount = self.amount();
        let lines = self.some_lines(amount);
        self.advice_of(&payer, amount, lines)
    }

    fn advice_of(
        &mut self,
        payer: &str,
        amount: Money,
        lines: Vec<AdviceLine>,
    ) -> RemittanceAdvice {
        let number = self.old_or_new(self.advices);
        self.advices = self.advices.max(number.saturating_add(1));
        let reference = format!("REM{}2026-{}", self.world.tag, self.advices);
        let id = format!("ADV{}-{number}", self.world.tag);
        let account = format!("OURS{}", self.world.tag);
        RemittanceAdvice {
            key: AdviceKey {
                bank_account: BankAccountId::trusted(&account),
                advice_id: AdviceId::trusted(&id),
            },
            payer_account: Some(payer.to_owned()),
            payment_reference: self.random.chance(20).then_some(reference),
            amount,
            lines,
        }
    }

    /// What new invoices are, or now and then a part of that.
    fn lines_for(&mut self, creates: &[CreateInvoice]) -> Vec<AdviceLine> {
        let mut lines = Vec::with_capacity(creates.len());
        for create in creates {
            let minted = hash_of(&format!("{:?}", create_of(create.clone())));
            let by_reference = self.random.chance(30);
            let name = match by_reference {
                true => LineName::Reference(reference::mint(&minted)),
                false => LineName::Invoice(create.invoice_id.clone()),
            };
            let micros = create.amount.to_micros().unwrap_or(0);
            let half = Money::from_micros(micros / 2, create.amount.currency());
            let part = self.world.tag.is_empty() && self.random.chance(15);
            let amount = if part { half } else { create.amount };
            lines.push(AdviceLine { name, amount });
        }
        lines
    }

    /// One or two of the last invoices.
    fn some_lines(&mut self, amount: Money) -> Vec<AdviceLine> {
        let (first, _) = self.invoice();
        let (second, _) = self.invoice();
        let micros = amount.to_micros().unwrap_or(0);
        let half = Money::from_micros(micros / 2, amount.currency());
        let line = |invoice, amount| AdviceLine { name: LineName::Invoice(invoice), amount };
        let rest = amount.sub(half).unwrap_or(amount);
        let alone = !self.world.tag.is_empty() || self.random.chance(60);
        if first == second || alone {
            return vec![line(first, amount)];
        }
        vec![line(first, half), line(second, rest)]
    }
}

fn create_of(create: CreateInvoice) -> Input {
    Input::Command(Command::CreateInvoice(create))
}

fn sum_of(lines: &[AdviceLine]) -> Option<Money> {
    let (first, rest) = lines.split_first()?;
    rest.iter().try_fold(first.amount, |sum, line| sum.add(line.amount)).ok()
}
