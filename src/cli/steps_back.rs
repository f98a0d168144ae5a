//! What went back of payments: how the commands show it.

use super::table::table;
use crate::domain::allocation::Rule;
use crate::store::views::invoices::AllocationRow;
use crate::store::views::steps_back::{ReturnRow, ReversalRow, TombstoneRow};

/// The one rule that passes a tombstone is told with it.
pub(super) fn taken_off(apart: &TombstoneRow, live: &[AllocationRow]) -> String {
    let (invoice, at) = (&apart.invoice_id, apart.laid_at);
    let again = live.iter().find(|row| {
        row.rule == Rule::ReturnUndone.word()
            && row.invoice_id == *invoice
            && row.allocated_at.0 >= at.0
    });
    let since = match again {
        Some(row) => format!(
            "the bank undid a return at {}, and so {} {} of it are there again (R1r)",
            row.allocated_at, row.amount, row.currency
        ),
        None => "only a person puts it there again, or a return that the bank undoes".to_owned(),
    };
    format!("A person took it off invoice {invoice} at {at}: {since}.")
}

table!(ReversalRow;
    row => "at": row.reversed_at, "what": row.kind, "payment": row.payment_id,
    "invoice": row.invoice_id, "amount": row.amount, "currency": row.currency,
    "clawed back": row.clawed_back, "reason": row.reason);

table!(ReturnRow;
    row => {
        let what = if row.undoes.is_some() { "undone" } else { "returned" };
    }
    "at": row.returned_at, "what": what, "payment": row.payment_id, "amount": row.amount,
    "currency": row.currency, "fee": row.fee, "unallocated": row.unallocated,
    "unspent": row.unspent, "clawed back": row.clawed_back, "reason": row.reason,
    "bank's key": row.bank_key, "said": row.said);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::Tabular;
    use crate::store::views::time::At;

    #[test]
    fn every_row_has_a_cell_for_each_heading() {
        let word = || "5.00".to_owned();
        let reversal = ReversalRow {
            reversal_id: 1,
            kind: "returned".to_owned(),
            payment_id: word(),
            invoice_id: word(),
            account_id: word(),
            currency: word(),
            amount: word(),
            clawed_back: word(),
            reason: None,
            return_id: Some(2),
            reversed_at: At(chrono::DateTime::default()),
        };
        assert_eq!(reversal.cells().len(), ReversalRow::HEADERS.len());
        let mut returned = ReturnRow {
            return_id: 2,
            payment_id: word(),
            bank_account: word(),
            bank_key: word(),
            undoes: None,
            currency: word(),
            amount: word(),
            fee: word(),
            unallocated: word(),
            unspent: word(),
            clawed_back: word(),
            reason: Some("AC04".to_owned()),
            said: Some("by alice: the bank named it".to_owned()),
            returned_at: At(chrono::DateTime::default()),
        };
        assert_eq!(returned.cells().len(), ReturnRow::HEADERS.len());
        assert_eq!(returned.cells()[1], "returned");
        returned.undoes = Some(1);
        assert_eq!(returned.cells()[1], "undone");
        let apart =
            TombstoneRow { invoice_id: "I7".to_owned(), laid_at: At(chrono::DateTime::default()) };
        let told = taken_off(&apart, &[]);
        assert!(told.starts_with("A person took it off invoice I7 at "), "{told}");
        assert!(told.contains("only a person puts it there again"), "{told}");
    }
}
