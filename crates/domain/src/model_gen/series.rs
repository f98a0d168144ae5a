//! Usage, and series of records that belong together.

use chrono::TimeDelta;

use super::Generator;
use crate::allocation::AllocationPart;
use crate::ids::{HoldId, RefundId, UsageId};
use crate::input::{AllocatePayment, Command, CreateInvoice, Input};
use crate::money::Money;
use crate::usage::{Charge, HoldAmount, Refund, Usage};

impl Generator {
    /// A topup from the invoice to the end: paid, perhaps spent in part, and taken off again.
    pub(super) fn plan(&mut self) {
        let create = CreateInvoice { send: true, ..self.create() };
        let (account_id, invoice_id) = (create.account_id.clone(), create.invoice_id.clone());
        let mut paid = self.manual_payment();
        paid.account_id = Some(account_id.clone());
        paid.amount = create.amount;
        let payment_id = paid.payment_id.clone();
        let part = AllocationPart { invoice_id: invoice_id.clone(), amount: None };
        let allocate = AllocatePayment {
            payment_id: payment_id.clone(),
            account_id: account_id.clone(),
            allocations: vec![part],
        };
        let steps = [
            Command::CreateInvoice(create),
            Command::RecordPayment(paid),
            Command::AllocatePayment(allocate),
        ];
        self.planned.extend(steps.map(Input::Command));
        let shared = self.world.tag.is_empty();
        let known = self.now.checked_add_signed(TimeDelta::hours(20)).unwrap_or(self.now);
        if shared && self.random.chance(70) {
            self.planned.push_back(Input::Usage(Usage::Watermark(known)));
        }
        let last = if self.random.chance(70) {
            Command::DeallocatePayment { payment_id, invoice_id, account_id, reason: None }
        } else {
            Command::RemovePayment { payment_id, account_id, reason: None }
        };
        self.planned.push_back(Input::Command(last));
    }

    /// Charges as large as topups, so that balances often fall below zero.
    pub(super) fn usage(&mut self) -> Usage {
        let account_id = self.account();
        let cents = self.random.below(4_000_000);
        let amount = Money::from_micros(
            self.amount().to_micros().unwrap_or(0).saturating_sub(cents.cast_signed()),
            self.currency,
        );
        // Watermarks are about everybody's usage, so independent logs have none.
        let shared = self.world.tag.is_empty();
        match self.random.below(12) {
            0 if shared => {
                let ahead = TimeDelta::hours(self.random.below(12).cast_signed());
                Usage::Watermark(self.now.checked_add_signed(ahead).unwrap_or(self.now))
            }
            1..6 => Usage::Charge(Charge {
                usage_id: UsageId::trusted(&self.numbered("U", 0, true)),
                account_id,
                amount,
                occurred_at: self.now,
                kind: "call".to_owned(),
                hold_id: self.some_hold(),
            }),
            6..8 => Usage::Refund(Refund {
                refund_id: RefundId::trusted(&self.numbered("R", 1, true)),
                usage_id: UsageId::trusted(&self.numbered("U", 0, false)),
                account_id,
                amount: Money::from_micros(amount.to_micros().unwrap_or(0) / 3, self.currency),
            }),
            8..10 => {
                let hold_id = HoldId::trusted(&self.numbered("H", 2, true));
                Usage::Hold(HoldAmount { hold_id, account_id, amount })
            }
            _ => {
                let hold_id = HoldId::trusted(&self.numbered("H", 2, false));
                Usage::Release(HoldAmount { hold_id, account_id, amount })
            }
        }
    }

    pub(super) fn new_usage_id(&mut self) -> UsageId {
        UsageId::trusted(&self.numbered("U", 0, true))
    }

    fn some_hold(&mut self) -> Option<HoldId> {
        let name = self.numbered("H", 2, false);
        self.random.chance(30).then(|| HoldId::trusted(&name))
    }

    /// A new id, or one of the last few; now and then one that comes later or never.
    fn numbered(&mut self, letter: &str, kind: usize, new: bool) -> String {
        let next = self.usage_ids.get(kind).copied().unwrap_or(0);
        let number =
            if new { self.old_or_new(next) } else { next.saturating_sub(self.random.below(4)) };
        if let Some(given) = self.usage_ids.get_mut(kind) {
            *given = next.max(number.saturating_add(u64::from(new)));
        }
        format!("{letter}{}-{number}", self.world.tag)
    }
}
