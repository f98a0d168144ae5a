//! Which payments are decided again when an invoice is sent, or a closed customer opened.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::WorkingSet;
use super::known::{Answer, Known};
use crate::effect::BankRecord;
use crate::ids::{AccountId, PaymentId};
use crate::invoice::{Invoice, folded_key, number_key};
use crate::keys::WatchKey;
use crate::money::{Currency, Money};
use crate::payment::PaymentState;
use crate::want::Want;
use crate::working_set::miss::Stop;

/// How many payments an invoice that is sent has decided again at once: of those that name it, of
/// those whose money is exactly its amount, and of the others that are held for its customer. What
/// is beyond that the rematch job decides, so that a send costs the same whatever a customer holds.
/// Of those that wait for a customer to be opened as many are decided as of those that name it.
pub const WATCHERS_NAMED_MAX: usize = 64;
pub const WATCHERS_EXACT_MAX: usize = 8;
pub const WATCHERS_HELD_MAX: usize = 16;

/// Payments by what they watch for, and the other way round.
#[derive(Debug, Clone, Default)]
pub struct Watching {
    pub(super) payments: Known<WatchKey, BTreeSet<PaymentId>>,
    /// Only what was asked for: what was found is in `payments`, by the customer's key.
    pub(super) held: Known<(AccountId, Currency, i64), ()>,
    keys: HashMap<PaymentId, Vec<WatchKey>>,
}

impl WorkingSet {
    /// What the bank told of a payment; none if the payment is not the bank's.
    pub fn bank_record(&self, payment_id: &PaymentId) -> Option<&BankRecord> {
        self.of_payment(&self.watched, payment_id, Want::BankRecord)
    }

    /// What is here of that: for whoever loads, writes or compares it.
    pub fn watched_here(&self) -> &HashMap<PaymentId, BankRecord> {
        self.watched.here()
    }

    /// The payment may be decided again by this.
    pub fn know_watched(&mut self, payment_id: PaymentId, record: BankRecord) {
        self.watched.here_mut().insert(payment_id, record);
    }

    /// From now on the payment is decided again when what has this key happens.
    pub fn watch(&mut self, key: WatchKey, payment_id: &PaymentId) {
        self.watching.keys.entry(payment_id.clone()).or_default().push(key.clone());
        self.watching.payments.here_mut().entry(key).or_default().insert(payment_id.clone());
    }

    /// The payment stands so, and waits for these from now on.
    pub(super) fn apply_settled(
        &mut self,
        payment_id: &PaymentId,
        state: PaymentState,
        watches: &[WatchKey],
    ) -> Result<(), Stop> {
        let payment = self.payment_mut(payment_id)?;
        payment.state = state;
        payment.question = state.reason().filter(|r| r.is_question()).or(payment.question);
        self.note_settled(payment_id, state);
        self.watch_no_more(payment_id);
        for key in watches {
            self.watch(key.clone(), payment_id);
        }
        Ok(())
    }

    pub(super) fn watch_no_more(&mut self, payment_id: &PaymentId) {
        for key in self.watching.keys.remove(payment_id).unwrap_or_default() {
            if let Some(payments) = self.watching.payments.here_mut().get_mut(&key) {
                payments.remove(payment_id);
            }
        }
    }

    /// Everybody watches for what they watch for there.
    #[cfg(test)]
    pub fn watches_as(&mut self, other: &Self) {
        self.watching.clone_from(&other.watching);
    }

    /// The payments that watch for what has this key.
    pub(crate) fn watching(&self, key: &WatchKey) -> impl Iterator<Item = &PaymentId> {
        self.all(&self.watching.payments, key, Want::Watchers).found().into_iter().flatten()
    }

    /// Those that are held for the invoice's customer.
    fn holding(&self, invoice: &Invoice) -> impl Iterator<Item = &PaymentId> {
        let (account_id, currency) = (invoice.account_id.clone(), invoice.currency());
        let held = WatchKey::account(&account_id, currency);
        let due = invoice.due().and_then(Money::to_micros).ok();
        let asked = due.map(|due| {
            let want = |(account_id, currency, due)| Want::Holders(account_id, currency, due);
            self.all(&self.watching.held, &(account_id, currency, due), want)
        });
        let known = asked.is_some_and(|asked| !matches!(asked, Answer::NotLoaded));
        let here = self.watching.payments.here().get(&held).filter(|_| known);
        here.into_iter().flatten()
    }

    /// The payments that are to be decided again because `invoice` was sent, oldest first: a
    /// bounded number of them, the same that the store loads.
    pub fn watchers_of(&self, invoice: &Invoice) -> Vec<PaymentId> {
        let due = invoice.due().ok();
        let mut named = vec![
            WatchKey::reference(&invoice.payment_reference),
            WatchKey::number(&number_key(&invoice.invoice_id)),
            WatchKey::number(&folded_key(&invoice.invoice_id)),
        ];
        for (key, _) in self.given_here().filter(|(_, id)| **id == invoice.invoice_id) {
            named.extend([WatchKey::reference(key), WatchKey::number(key)]);
        }
        let fits = |id: &&PaymentId| {
            let payment = self.payment(id);
            payment.and_then(|payment| payment.unallocated().ok()) == due
        };
        let mut found: BTreeSet<&PaymentId> = BTreeSet::new();
        for key in &named {
            found.extend(self.watching(key).take(WATCHERS_NAMED_MAX));
        }
        found.extend(self.holding(invoice).filter(fits).take(WATCHERS_EXACT_MAX));
        found.extend(self.holding(invoice).take(WATCHERS_HELD_MAX));
        self.oldest_first(found)
    }

    /// The payments that are to be decided again because the account is open again, oldest first.
    pub fn watchers_of_reopened(&self, account_id: &AccountId) -> Vec<PaymentId> {
        let key = WatchKey::reopened(account_id);
        self.oldest_first(self.watching(&key).take(WATCHERS_NAMED_MAX))
    }

    fn oldest_first<'a>(&self, found: impl IntoIterator<Item = &'a PaymentId>) -> Vec<PaymentId> {
        let recorded = |id: &PaymentId| self.payment(id).map(|payment| payment.recorded_at);
        let mut found: Vec<PaymentId> = found.into_iter().cloned().collect();
        found.sort_by_cached_key(|id| (recorded(id), id.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::policy::Policy;
    use crate::payment::Payment;
    use crate::testkit::*;

    /// However much a customer holds, a send looks at a few: first of all at what fits.
    #[test]
    fn a_send_looks_at_what_fits_and_at_a_few_others() {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("INV-1", "A", "77.77");
        let invoice = desk.model.set.invoices_here()[&invoice("INV-1")].clone();
        let key = WatchKey::account(&account("A"), invoice.currency());
        desk.receive(credit_saying("T", "5.00", &["thanks"]));
        let held = desk.model.set.payments_here()[&banked("T")].clone();
        let mut set = desk.model.set.clone();
        for number in 0..500 {
            let amount = if number == 499 { "77.77" } else { "5.00" };
            let id = payment(&format!("P-{number:03}"));
            let (payment_id, amount) = (id.clone(), money(amount));
            let held = Payment { payment_id, amount, ..held.clone() };
            set.know_payment(held);
            set.watch(key.clone(), &id);
        }
        let found = set.watchers_of(&invoice);
        assert_eq!(found.len(), WATCHERS_HELD_MAX + 1);
        assert!(found.contains(&payment("P-499")), "what fits is among them");
        set.watch_no_more(&payment("P-499"));
        assert_eq!(set.watchers_of(&invoice).len(), WATCHERS_HELD_MAX);
    }

    /// Many payments name the same word: a bounded number of them is looked at.
    #[test]
    fn a_word_that_everybody_writes_costs_the_same() {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("INV-1", "A", "77.77");
        let invoice = desk.model.set.invoices_here()[&invoice("INV-1")].clone();
        let mut set = desk.model.set.clone();
        for number in 0..500 {
            let id = payment(&format!("P-{number:03}"));
            set.watch(WatchKey::number("INV-1"), &id);
        }
        assert_eq!(set.watchers_of(&invoice).len(), WATCHERS_NAMED_MAX);
    }
}
