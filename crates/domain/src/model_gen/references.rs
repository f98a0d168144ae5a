//! References that upstream gives its invoices, beside the one that we mint.

use super::{Generator, hash_of};
use crate::bank::BankTransaction;
use crate::input::{Command, CreateInvoice, Input};
use crate::matching::reference;
use crate::matching::upstream::{GivenReference, Scheme};

impl Generator {
    /// Mostly none; a plain number, one with check digits, or a random id; now and then one that
    /// another invoice has.
    pub(super) fn references(&mut self) -> Vec<GivenReference> {
        let mut all = Vec::new();
        while all.len() < 3 && self.random.chance(25) {
            let given = self.reference();
            if all.iter().all(|known: &GivenReference| known.text != given.text) {
                self.given.push(given.text.clone());
                all.push(given);
            }
        }
        all
    }

    fn reference(&mut self) -> GivenReference {
        let recent = self.recent(self.given.len());
        let known = self.given.get(recent).cloned();
        if let Some(text) = known.filter(|_| self.random.chance(10)) {
            return GivenReference { text, scheme: None };
        }
        let (tag, number) = (&self.world.tag, self.given.len());
        let entropy = hash_of(&format!("given{tag}{number}"));
        match self.random.below(4) {
            0 => {
                let mut text = hex::encode(entropy);
                text.truncate(30);
                GivenReference { text, scheme: Some(Scheme::Txid) }
            }
            1 => GivenReference { text: reference::mint(&entropy), scheme: Some(Scheme::Rf) },
            _ => GivenReference { text: self.plain_number(), scheme: None },
        }
    }

    /// Ours or upstream's, of one of the last invoices.
    pub(super) fn any_reference(&mut self) -> Option<String> {
        let given = self.recent(self.given.len());
        let given = self.given.get(given).cloned();
        let known = self.recent(self.invoices.len());
        let (_, _, minted) = self.invoices.get(known)?;
        let minted = minted.clone();
        Some(given.filter(|_| self.random.chance(30)).unwrap_or(minted))
    }

    /// An invoice with a number of upstream's, and money for it whose payer mistyped one digit.
    pub(super) fn plan_typo(&mut self) {
        let text = self.plain_number();
        let Some(last) = text.rfind(|letter: char| letter.is_ascii_digit()) else { return };
        // Off by one: the number nearest to another of ours lies millions away.
        let mut mistyped = text.clone();
        let other = if text.get(last..=last) == Some("0") { "1" } else { "0" };
        mistyped.replace_range(last..=last, other);
        self.given.push(text.clone());
        let references = vec![GivenReference { text, scheme: None }];
        let invoice = CreateInvoice { send: true, references, ..self.create() };
        let paid = BankTransaction {
            amount: invoice.amount,
            debtor_account: None,
            virtual_account: None,
            end_to_end_id: None,
            unstructured: vec![mistyped],
            ..self.credit()
        };
        self.planned.push_back(Input::Command(Command::CreateInvoice(invoice)));
        self.planned.push_back(Input::BankTransaction(Box::new(paid)));
    }

    /// Numbers that lie far from each other, of groups and of one: none is another mistyped.
    fn plain_number(&self) -> String {
        let far = self.given.len().saturating_mul(7_654_321);
        format!("{tag}Q{far:010}X", tag = self.world.tag)
    }
}
