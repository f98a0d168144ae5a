//! A working set in which an allocation was not made: for deciding a payment once more.

use super::WorkingSet;
use crate::ids::InvoiceId;
use crate::invoice::{Invoice, InvoiceStatus};
use crate::money::Money;
use crate::working_set::miss::Stop;

impl WorkingSet {
    /// As if this much had never been allocated to the invoice: it is due again. Returns the
    /// invoice as it was, for [`Self::put_back`].
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when the invoice is not loaded or had less allocated.
    pub fn take_back(&mut self, id: &InvoiceId, amount: Money) -> Result<Invoice, Stop> {
        let invoice = self.invoice_mut(id)?;
        let before = invoice.clone();
        let allocated = invoice.allocated.sub(amount)?;
        if allocated.is_negative() {
            return Err(Stop::Corrupt("less was allocated than is taken back"));
        }
        invoice.allocated = allocated;
        if invoice.status == InvoiceStatus::Provisioned {
            invoice.status = InvoiceStatus::AwaitingPayment;
        }
        // The lists of payable invoices were loaded when it was not due.
        let account = before.account_id.clone();
        self.fresh.entry(account).or_default().insert(id.clone());
        Ok(before)
    }

    /// Undoes [`Self::take_back`].
    pub fn put_back(&mut self, invoice: Invoice) {
        self.invoices.here_mut().insert(invoice.invoice_id.clone(), invoice);
    }
}

#[cfg(test)]
mod tests {
    use crate::ids::{IdBlock, PaymentId};
    use crate::input::Input;
    use crate::matching::decision::MatchDecision;
    use crate::matching::decision::Subject;
    use crate::matching::policy::PartialPolicy;
    use crate::matching::policy::Policy;
    use crate::matching::{decide_match, text};
    use crate::model::Model;
    use crate::model_gen::random_log;
    use crate::testkit::*;
    use crate::want::Want;

    /// Decides the payment again as if it had not been allocated.
    fn again(model: &Model, id: &PaymentId) -> MatchDecision {
        let mut set = model.set.clone();
        set.forget_what_it_pays(id);
        let payment = set.payments_mut().remove(id).expect("recorded");
        for part in model.allocations().filter(|part| part.payment_id == *id) {
            // Some may have gone back at once, by a return that was there before.
            set.take_back(&part.invoice_id, part.live().expect("sums up")).expect("allocated");
        }
        let bank = &model.set.watched_here()[id].transaction;
        let tokens = text::tokens(bank);
        let subject = Subject { payment_id: id, bank, tokens: &tokens, free: payment.amount };
        let decision = IdBlock::new(0).decision();
        decide_match(&set, &model.rules, subject, decision, payment.recorded_at).expect("decided")
    }

    fn waiting(model: &Model) -> usize {
        model.waiting.values().map(|queue| queue.len()).sum()
    }

    #[test]
    fn as_if_it_had_not_been_allocated_the_same_is_decided() {
        let mut compared = 0;
        for seed in 0_u64..150 {
            let partial =
                if seed.is_multiple_of(2) { PartialPolicy::Apply } else { PartialPolicy::Suggest };
            let mut model = Model::new(Policy { partial, ..Policy::default() });
            for message in random_log(seed, 60) {
                let known = model.set.payments_here().len();
                let waited = waiting(&model);
                model.feed(&message, message.time);
                let received = matches!(message.input, Input::BankTransaction(_));
                // A command that waited for the payment may have changed the book after it.
                let alone = waiting(&model) == waited;
                if !received || !alone || model.set.payments_here().len() == known {
                    continue;
                }
                let fresh = model.decisions.iter().filter(|(_, all)| all.len() == 1);
                for (id, all) in fresh.filter(|(_, all)| all[0].decided_at == message.time) {
                    if all[0].explanation.looks_like.is_some() {
                        // Decided without matching.
                        continue;
                    }
                    let decided = again(&model, id);
                    let (now, then) =
                        ((decided.rule, &decided.outcome), (all[0].rule, &all[0].outcome));
                    assert_eq!(now, then, "seed {seed}: {decided:?} {:?} {message:?}", all[0]);
                    compared += usize::from(!model.set.payments_here()[id].allocated.is_zero());
                }
            }
        }
        assert!(compared > 100, "only {compared} were allocated");
    }

    #[test]
    fn what_is_taken_back_is_due_again_wherever_it_is_looked_for() {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("INV-1001", "A", "100.00");
        let reference = desk.reference("INV-1001");
        desk.receive(credit_saying("T1", "100.00", &[&reference]));
        let mut set = reloaded(&desk.model.set);
        set.know_invoice(desk.invoice_now("INV-1001").clone());
        let (a, due) = (account("A"), money("100.00"));
        let micros = due.to_micros().expect("micros");
        let currency = due.currency();
        set.ask([
            Want::Exact(a.clone(), currency, micros),
            Want::Oldest(a.clone(), currency),
            Want::Book(currency, micros),
        ]);
        assert_eq!(set.exact(&a, due), Ok(Vec::new()));
        let before = set.take_back(&invoice("INV-1001"), due).expect("it was paid");
        assert_eq!(set.exact(&a, due).expect("loaded").len(), 1);
        assert_eq!(set.oldest(&a, due.currency()).expect("loaded").len(), 1);
        assert_eq!(set.book(due).expect("loaded").len(), 1);
        assert!(set.take_back(&invoice("INV-1001"), due).is_err(), "nothing is left of it");
        set.put_back(before);
        assert_eq!(set.exact(&a, due), Ok(Vec::new()));
        assert_eq!(set.book(due), Ok(Vec::new()));
        assert_eq!(set.invoices_here(), desk.model.set.invoices_here());
    }
}
