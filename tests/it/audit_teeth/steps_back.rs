//! Steps back: more of the sound book, and its violations.

use super::{Plant, plant};

pub const BOOK: &str = include_str!("steps_back.sql");

pub const PLANTS: &[Plant] = &[
    plant(
        "A79",
        "a reference of upstream that was minted for another invoice",
        "
        INSERT INTO invoice_references (reference, invoice_id, scheme, given)
        SELECT payment_reference, 'INV-1', NULL, payment_reference FROM invoices
         WHERE invoice_id = 'INV-2'",
    ),
    plant(
        "A78",
        "a payment that was told without the bank's id as well",
        "
        UPDATE bank_transactions SET debtor_account = 'PAYER1' WHERE bank_key = 'id:B4';
        INSERT INTO money_records (bank_account, bank_key, content_hash, status, disposition,
            payment_id, credit_debit, reversal, currency, amount, booking_date, recorded_at,
            debtor_account)
        SELECT bank_account, 'print:1', content_hash, status, disposition, 'PAY-5', credit_debit,
               reversal, currency, amount, booking_date, recorded_at, 'payer-1'
          FROM bank_transactions WHERE bank_key = 'id:B4';
        UPDATE bank_transactions SET bank_transaction_id = 'B4' WHERE bank_key = 'id:B4';
        INSERT INTO payments_without_bank_id (payment_id, bank_account, booking_date, currency,
            amount, payer)
        SELECT 'PAY-5', bank_account, booking_date, currency, amount, 'PAYER1'
          FROM bank_transactions WHERE bank_key = 'id:B4'",
    ),
    plant(
        "A78",
        "a return that two statements tell of",
        r#"
        UPDATE bank_transactions SET return_of = '["B5", null, null]'
         WHERE bank_key = 'reversal:B5';
        INSERT INTO money_records (bank_account, bank_key, content_hash, status, disposition,
            credit_debit, reversal, currency, amount, booking_date, recorded_at, return_of)
        SELECT bank_account, 'entry:M/7', content_hash, status, disposition, credit_debit,
               reversal, currency, amount, booking_date, recorded_at, return_of
          FROM bank_transactions WHERE bank_key = 'reversal:B5'"#,
    ),
    plant(
        "A16",
        "a reversal that took nothing from the balance",
        "
        UPDATE allocation_reversals SET ledger_transaction_id = 41 WHERE reversal_id = 61",
    ),
    plant(
        "A16",
        "a step back that no reversal explains",
        "
        DELETE FROM allocation_reversals WHERE reversal_id = 62",
    ),
    plant(
        "A17",
        "an allocation that forgot what went back",
        "
        UPDATE allocations SET reversed = 29000000 WHERE allocation_id = 6",
    ),
    plant(
        "A17",
        "a lot that gave nothing back",
        "
        DELETE FROM lot_consumptions WHERE kind = 'reversal' AND lot_id = 5",
    ),
    plant(
        "A17",
        "reversed in full and still open",
        "
        UPDATE allocations SET reversed_at = NULL WHERE allocation_id = 4",
    ),
    plant(
        "A17",
        "closed and nothing reversed",
        "
        UPDATE allocations SET reversed_at = now() WHERE allocation_id = 3",
    ),
    plant(
        "A50",
        "an undone return of which a part was not posted",
        "
        UPDATE bank_transactions SET amount = 61000000 WHERE bank_key = 'undone:B5U'",
    ),
    plant(
        "A50",
        "a return that was taken from removed money and posted all the same",
        "
        UPDATE payment_returns SET removed = 5000000, unallocated = 5000000, unspent = 20000000
         WHERE return_id = 71",
    ),
    plant(
        "A18",
        "a payment that forgot its return",
        "
        UPDATE money_records SET returned = NULL WHERE payment_id = 'PAY-6'",
    ),
    plant(
        "A18",
        "a return that was taken from no invoice",
        "
        UPDATE payment_returns SET unspent = 0, unallocated = 60000000 WHERE return_id = 72",
    ),
    plant(
        "A18",
        "a return of whose fee more came back than it had",
        "
        UPDATE payment_returns SET fee = 1000000 WHERE return_id = 73",
    ),
    plant(
        "A18",
        "a bank transaction that is called returned and returned nothing",
        "
        UPDATE bank_transactions SET disposition = 'returned' WHERE bank_key = 'id:B3'",
    ),
    plant(
        "A18",
        "a parked return that nobody tries",
        "
        UPDATE bank_transactions SET disposition = 'return_parked' WHERE bank_key = 'id:B3'",
    ),
    plant(
        "A18",
        "a return that is applied and parked",
        "
        INSERT INTO parked_returns VALUES ('OUR-1', 'reversal:B4', NULL, 'no_original', now(),
            now())",
    ),
    plant(
        "A19",
        "a claw-back that nobody owes",
        "
        UPDATE allocations SET clawed_back = NULL WHERE allocation_id = 6",
    ),
    plant(
        "A19",
        "a debt that was cleared by nothing",
        "
        UPDATE allocations SET debt_cleared = NULL WHERE allocation_id = 8",
    ),
    plant(
        "A19",
        "a charge that nobody owes",
        "
        UPDATE usage_charges SET uncovered = 1 WHERE usage_id = 'U-2'",
    ),
    plant(
        "A12",
        "a charge that burnt another lot than it says",
        "
        UPDATE usage_charges SET lot_id = 4 WHERE usage_id = 'U-2'",
    ),
    plant(
        "A13",
        "a charge that does not say what it burnt",
        "
        UPDATE usage_charges SET lot_id = NULL WHERE usage_id = 'U-2'",
    ),
    plant(
        "A13",
        "a charge that burnt one lot alone, and another",
        "
        INSERT INTO lot_consumptions VALUES (66, 8, 'charge', 'ACC-3', 1)",
    ),
    plant("A20", "a pair that may be matched again", "DELETE FROM tombstones"),
    plant(
        "A20",
        "a rule that put together what a person took apart",
        "
        INSERT INTO tombstones VALUES ('PAY-1', 'INV-1', '2026-11-01Z')",
    ),
];
