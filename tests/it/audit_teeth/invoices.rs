//! Violations of what an invoice is: its status, what is allocated to it, and what is payable.

use super::{Plant, plant};

pub const PLANTS: &[Plant] = &[
    plant(
        "I7",
        "provisioned and not covered",
        "
        UPDATE allocations SET amount = 99000000 WHERE allocation_id = 1",
    ),
    plant(
        "I7",
        "covered and not provisioned",
        "
        UPDATE invoices SET amount = 30000000 WHERE invoice_id = 'INV-2'",
    ),
    plant(
        "I8",
        "provisioned without a time",
        "
        DELETE FROM allocations WHERE invoice_id = 'INV-1'",
    ),
    plant("I8", "a sent draft", "UPDATE invoices SET sent_at = now() WHERE invoice_id = 'INV-3'"),
    plant(
        "I8",
        "a draft that is payable",
        "
        INSERT INTO payable_invoices VALUES
            ('INV-3', 'ACC-1', 'SGD', 20000000, NULL, '2026-11-01Z')",
    ),
    plant(
        "I13",
        "a voided invoice that was paid",
        "
        UPDATE allocations SET invoice_id = 'INV-4' WHERE allocation_id = 3",
    ),
    plant(
        "I13",
        "a voided invoice that is payable",
        "
        INSERT INTO payable_invoices VALUES
            ('INV-4', 'ACC-2', 'JPY', 5000000000, NULL, '2026-11-01Z')",
    ),
    plant("A1", "an invoice that matching cannot see", "DELETE FROM payable_invoices"),
    plant(
        "A1",
        "a paid invoice that is payable",
        "
        INSERT INTO payable_invoices VALUES ('INV-1', 'ACC-1', 'SGD', 1, NULL, now())",
    ),
    plant(
        "A1",
        "the amount before a part was paid",
        "
        UPDATE payable_invoices SET due = 80000000",
    ),
    plant("A1", "another day", "UPDATE payable_invoices SET due_date = '2026-12-01'"),
    plant(
        "A1",
        "a flag of an invoice that is partly paid",
        "UPDATE payable_invoices SET candidate_since = now() WHERE invoice_id = 'INV-2'",
    ),
    plant(
        "A3",
        "an invoice that forgot",
        "
        UPDATE payable_invoices SET due = 60000000 WHERE invoice_id = 'INV-2'",
    ),
];
