//! Splits: more of the sound book, and its violations.

use super::{Plant, plant};

pub const BOOK: &str = include_str!("splits.sql");

pub const PLANTS: &[Plant] = &[
    plant(
        "A40",
        "a payment that gave more than its parts have",
        "
        UPDATE money_records SET split = split + 1 WHERE payment_id = 'PAY-8'",
    ),
    plant(
        "A40",
        "a part that no payment was split for",
        "
        DELETE FROM payment_splits WHERE part_id = 'SPLIT:book:1'",
    ),
    plant(
        "A40",
        "a part that went back and nobody wrote down",
        "
        DELETE FROM split_undos WHERE part_id = 'SPLIT:book:2'",
    ),
    plant(
        "A40",
        "a part of another customer than it was made for",
        "
        UPDATE payment_splits SET account_id = 'ACC-3' WHERE part_id = 'SPLIT:book:1'",
    ),
    plant(
        "A40",
        "a part of a part",
        "
        UPDATE payment_splits SET payment_id = 'SPLIT:book:1' WHERE part_id = 'SPLIT:book:3'",
    ),
    plant(
        "A40",
        "a part that counts from another day",
        "
        UPDATE payments SET received_on = '2026-11-09' WHERE payment_id = 'SPLIT:book:1'",
    ),
    plant(
        "A41",
        "a part whose money came from nowhere",
        "
        UPDATE ledger_transfers SET debit = 'fees' WHERE ledger_transaction_id = 82",
    ),
    plant(
        "A41",
        "money of one payment that is posted as another's",
        "
        UPDATE ledger_transfers SET payment_id = 'PAY-9' WHERE ledger_transaction_id = 85",
    ),
    plant(
        "A42",
        "a return that took another payment's allocation",
        "
        UPDATE allocation_reversals SET allocation_id = 9 WHERE reversal_id = 68",
    ),
    plant(
        "A42",
        "a part that went back with another payment's return",
        "
        UPDATE split_undos SET return_id = 72 WHERE part_id = 'SPLIT:book:3'",
    ),
];
