//! Violations in the ledger: of what a transfer is, and of what it is posted for.

use super::{Plant, plant};

pub const PLANTS: &[Plant] = &[
    plant(
        "I1",
        "a transaction that lost its first leg",
        "
        DELETE FROM ledger_transfers WHERE ledger_transaction_id = 1 AND leg = 1",
    ),
    plant(
        "I1",
        "a leg that is there twice",
        "
        INSERT INTO ledger_transfers SELECT * FROM ledger_transfers
         WHERE ledger_transaction_id = 2",
    ),
    plant(
        "I1",
        "a leg of another payment than the one before it",
        "
        UPDATE ledger_transfers SET payment_id = 'PAY-2'
         WHERE ledger_transaction_id = 1 AND leg = 2",
    ),
    plant(
        "I2",
        "a transfer that goes backwards",
        "
        UPDATE ledger_transfers SET amount = -amount WHERE ledger_transaction_id = 2",
    ),
    plant(
        "I2",
        "one customer's money for another",
        "
        UPDATE ledger_transfers SET debit = 'customer_balance', debit_account = 'ACC-2'
         WHERE ledger_transaction_id = 1 AND leg = 2",
    ),
    plant(
        "I2",
        "a balance of nobody",
        "
        UPDATE ledger_transfers SET credit_account = NULL WHERE ledger_transaction_id = 4",
    ),
    plant(
        "I10",
        "more provisioned than allocated",
        "
        UPDATE ledger_transfers SET amount = 101000000
         WHERE ledger_transaction_id = 1 AND leg = 1",
    ),
    plant(
        "I10",
        "provisioned to another account",
        "
        UPDATE ledger_transfers SET credit_account = 'ACC-2' WHERE ledger_transaction_id = 1",
    ),
];
