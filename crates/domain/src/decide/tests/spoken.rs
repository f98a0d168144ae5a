//! Whom a payment speaks for, said once more without the code that matches.

use std::collections::BTreeSet;

use crate::account::Strength;
use crate::advice::{AdviceLine, LineName};
use crate::allocation::{Allocation, Rule};
use crate::bank::BankTransaction;
use crate::ids::AccountId;
use crate::invoice::{Invoice, number_key};
use crate::matching::upstream::LENGTH;
use crate::matching::{fold, identity};
use crate::working_set::WorkingSet;

/// The account that gets the money is one that the payment itself speaks for.
pub(super) fn check_account(world: &WorkingSet, allocation: &Allocation) {
    let bank = &world.watched_here()[&allocation.payment_id].transaction;
    let text = bank.unstructured.concat().to_uppercase();
    let by_reference = by_reference(world, bank);
    let owners = |named: &dyn Fn(&Invoice) -> bool| owners(world, named);
    let by_number = owners(&|invoice| text.contains(&number_key(&invoice.invoice_id)));
    let by_advice = owners(&|invoice| is_advised(world, allocation, invoice));
    let known = identity(world, bank).expect("complete");
    let account_id = &allocation.account_id;
    if let Some(known) = known.as_ref().filter(|known| known.strength == Strength::Certain) {
        // Whoever owns the virtual account, the money never goes to another.
        assert_eq!(known.account_id, *account_id, "{allocation:?}");
    }
    let known = known.map(|known| known.account_id);
    let spoken_for = match allocation.rule {
        Rule::CheckedReference | Rule::EndToEndId => by_reference.contains(account_id),
        Rule::RemittanceAdvice => by_advice.contains(account_id),
        Rule::InvoiceNumber => by_number.union(&by_reference).any(|owner| owner == account_id),
        Rule::SeveralInvoices => by_reference.union(&by_number).any(|owner| owner == account_id),
        // A rest belongs to the customer whose invoice took the first part.
        _ => {
            known.as_ref() == Some(account_id)
                || by_reference.contains(account_id)
                || world.payments_here()[&allocation.payment_id].account_id.as_ref()
                    == Some(account_id)
        }
    };
    assert!(spoken_for, "{allocation:?} of {bank:?} saying {text}");
    // An advice is held back by what the text names beyond doubt: a plain number is not.
    let several = by_reference.len() > 1
        && allocation.rule != Rule::RemittanceAdvice
        && world.pairs_here().get(&allocation.payment_id).is_none_or(BTreeSet::is_empty);
    assert!(!several, "{by_reference:?} of {allocation:?} saying {text}");
}

/// Whose invoices they are.
fn owners(world: &WorkingSet, named: &dyn Fn(&Invoice) -> bool) -> BTreeSet<AccountId> {
    let invoices = world.invoices_here().values().filter(|invoice| named(invoice));
    invoices.map(|invoice| invoice.account_id.clone()).collect()
}

/// The customers of whose invoices the payment says a reference.
fn by_reference(world: &WorkingSet, bank: &BankTransaction) -> BTreeSet<AccountId> {
    let text = bank.unstructured.concat().to_uppercase();
    let end_to_end = bank.end_to_end_id.clone().unwrap_or_default();
    let words = |text: &str| text.split_whitespace().map(fold::fold).collect::<BTreeSet<String>>();
    let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let said = (words(&text), plain(&text), fold::fold(&plain(&text)));
    let given = |invoice: &Invoice| {
        let own = world.given_here().filter(|(_, id)| **id == invoice.invoice_id);
        // A reference is kept without its zeros: `Q0000000000X` is `Q0X`, which any text may hold.
        own.map(|(key, _)| key.replace('-', "")).any(|key| {
            let long = key.len() >= *LENGTH.start();
            said.0.contains(&key) || long && (said.1.contains(&key) || said.2.contains(&key))
        })
    };
    let checked = world.upstream(&end_to_end).filter(|_| end_to_end.starts_with("RF"));
    let ours = |invoice: &Invoice| {
        text.contains(&invoice.payment_reference)
            || end_to_end == invoice.payment_reference
            || checked == Some(&invoice.invoice_id)
    };
    let by_reference = owners(world, &|invoice| ours(invoice) || given(invoice));
    // A number without check digits is read in the end-to-end id where the text names nothing.
    let sent = fold::fold(&end_to_end);
    let sends = |invoice: &Invoice| world.upstream(&sent) == Some(&invoice.invoice_id);
    let by_end_to_end =
        if by_reference.is_empty() { owners(world, &sends) } else { BTreeSet::new() };
    by_reference.union(&by_end_to_end).cloned().collect()
}

/// Whether an advice about the payment names the invoice that it pays.
fn is_advised(world: &WorkingSet, paid: &Allocation, invoice: &Invoice) -> bool {
    let bank = &world.watched_here()[&paid.payment_id].transaction;
    let live = world.advices_fitting(bank, chrono::DateTime::UNIX_EPOCH);
    let mut advices = live.into_iter().chain(world.advice_of(&paid.payment_id));
    let names = |line: &AdviceLine| match &line.name {
        LineName::Invoice(id) => *id == invoice.invoice_id,
        LineName::Reference(text) => *text == invoice.payment_reference,
    };
    invoice.invoice_id == paid.invoice_id
        && advices.any(|advice| advice.told.lines.iter().any(names))
}
