//! Accounts and invoices by their ids.

use foldhash::HashMap;

use super::WorkingSet;
use crate::account::Account;
use crate::ids::{AccountId, InvoiceId};
use crate::invoice::{Invoice, folded_key};
use crate::want::Want;
use crate::working_set::miss::Stop;

impl WorkingSet {
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.one(&self.accounts, id, Want::Account)
    }

    /// An invoice that is not here is looked for by its number, which brings all that have it.
    pub fn invoice(&self, id: &InvoiceId) -> Option<&Invoice> {
        let here = self.invoices.here().get(id);
        if here.is_none() && !self.invoices.is_asked(id) {
            self.numbered(&folded_key(id));
        }
        here
    }

    /// The accounts that are here: for whoever loads, locks, writes or compares them.
    pub fn accounts_here(&self) -> &HashMap<AccountId, Account> {
        self.accounts.here()
    }

    /// As [`Self::accounts_here`]: the invoices.
    pub fn invoices_here(&self) -> &HashMap<InvoiceId, Invoice> {
        self.invoices.here()
    }

    /// The account as it is now.
    pub fn know_account(&mut self, account: Account) {
        self.accounts.here_mut().insert(account.account_id.clone(), account);
    }

    /// The account, unless an earlier look-up read it: that stays.
    pub fn keep_account(&mut self, account: Account) {
        self.accounts.here_mut().entry(account.account_id.clone()).or_insert(account);
    }

    /// Invoices that are read by their ids: those of them that are not here are not there.
    pub fn ask_invoices(&mut self, ids: impl IntoIterator<Item = InvoiceId>) {
        ids.into_iter().for_each(|id| self.invoices.ask(id));
    }

    pub(super) fn invoice_mut(&mut self, id: &InvoiceId) -> Result<&mut Invoice, Stop> {
        let missing = Stop::Corrupt("an invoice that is not loaded");
        if self.invoice(id).is_none() {
            return Err(missing);
        }
        self.invoices.here_mut().get_mut(id).ok_or(missing)
    }
}

#[cfg(test)]
mod for_tests {
    use super::*;

    impl WorkingSet {
        pub(crate) fn accounts_mut(&mut self) -> &mut HashMap<AccountId, Account> {
            self.accounts.here_mut()
        }

        pub(crate) fn invoices_mut(&mut self) -> &mut HashMap<InvoiceId, Invoice> {
            self.invoices.here_mut()
        }
    }
}
