//! What upstream says of its customers: levels of balances.

use super::{Generator, MICROS_PER_UNIT};
use crate::allocation::AllocationPart;
use crate::input::{AllocatePayment, Command, CreateInvoice, Input, UpsertAccount};
use crate::money::Money;
use crate::threshold::Levels;
use crate::usage::{Charge, Usage};

impl Generator {
    /// Levels among the amounts that balances go through.
    pub(super) fn levels(&mut self) -> Option<Levels> {
        if !self.random.chance(40) {
            return None;
        }
        let level =
            |units: i64| Money::from_micros(units.saturating_mul(MICROS_PER_UNIT), self.currency);
        let own = [vec![], vec![level(0), level(100)], vec![level(60)]];
        let index = usize::try_from(self.random.below(3)).unwrap_or(0);
        let list = own.get(index).cloned().unwrap_or_default();
        Some(Levels::new([(self.currency, list)]))
    }

    /// A customer with levels is topped up, and spends what came.
    pub(super) fn plan_crossing(&mut self) {
        let create = CreateInvoice { send: true, ..self.create() };
        let (account_id, invoice_id) = (create.account_id.clone(), create.invoice_id.clone());
        let level = Money::from_micros(60 * MICROS_PER_UNIT, self.currency);
        let upsert = UpsertAccount {
            account_id: account_id.clone(),
            balance_levels: Some(Levels::new([(self.currency, vec![level])])),
            ..self.upsert()
        };
        let mut paid = self.manual_payment();
        paid.account_id = Some(account_id.clone());
        paid.amount = create.amount;
        let allocate = AllocatePayment {
            payment_id: paid.payment_id.clone(),
            account_id: account_id.clone(),
            allocations: vec![AllocationPart { invoice_id, amount: None }],
        };
        let charge = Charge {
            usage_id: self.new_usage_id(),
            account_id,
            amount: create.amount,
            occurred_at: self.now,
            kind: "call".to_owned(),
            hold_id: None,
        };
        let steps = [
            Command::UpsertAccount(upsert),
            Command::CreateInvoice(create),
            Command::RecordPayment(paid),
            Command::AllocatePayment(allocate),
        ];
        self.planned.extend(steps.map(Input::Command));
        self.planned.push_back(Input::Usage(Usage::Charge(charge)));
    }
}
