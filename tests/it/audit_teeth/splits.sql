-- More of the sound book: a payment that was split for two customers, of which one part went back
-- by a command that undid another split; and one that the bank took back with its part.
BEGIN;

INSERT INTO accounts (account_id, name, event_sequence, created_at, updated_at) VALUES
    ('ACC-4', 'Lim Brothers', 0, '2026-11-01Z', '2026-11-02Z'),
    ('ACC-5', 'Tan and Sons', 0, '2026-11-01Z', '2026-11-02Z');

INSERT INTO invoices (invoice_id, account_id, name, currency, amount, payment_reference,
                      number_key, created_at, sent_at) VALUES
    ('INV-10', 'ACC-5', 'Topup', 'SGD', 30000000, 'RF11B1', 'INV-10', '2026-11-01Z',
     '2026-11-01Z'),
    ('INV-11', 'ACC-5', 'Topup', 'SGD', 10000000, 'RF11B2', 'INV-11', '2026-11-01Z',
     '2026-11-01Z');

INSERT INTO money_records (payment_id, account_id, currency, amount, allocated, split, state,
                           origin, received_on, recorded_at) VALUES
    ('PAY-8', 'ACC-4', 'SGD', 100000000, 0, 30000000, 'on_account', 'manual', '2026-11-02',
     '2026-11-02Z'),
    ('SPLIT:book:1', 'ACC-5', 'SGD', 30000000, 30000000, NULL, 'allocated', 'split', '2026-11-02',
     '2026-11-03Z'),
    ('SPLIT:book:2', 'ACC-4', 'SGD', 70000000, 0, 70000000, 'removed', 'split', '2026-11-02',
     '2026-11-03Z'),
    ('SPLIT:book:3', 'ACC-5', 'SGD', 10000000, 0, 10000000, 'returned', 'split', '2026-11-02',
     '2026-11-03Z');
INSERT INTO money_records (payment_id, currency, amount, allocated, returned, state, origin,
        received_on, bank_account, bank_key, content_hash, status,
        disposition, credit_debit, reversal, announced, booking_date, recorded_at) VALUES
    ('PAY-9', 'SGD', 10000000, 0, 10000000, 'returned', 'bank', '2026-11-02', 'OUR-1',
     'id:B6', sha256('B6'), 'BOOK', 'payment', 'CRDT', false, false, '2026-11-02', '2026-11-02Z'),
    (NULL, 'SGD', 10000000, NULL, NULL, NULL, NULL, NULL, 'OUR-1', 'reversal:B6',
     sha256('B6R'), 'BOOK', 'returned', 'DBIT', true, false, '2026-11-06', '2026-11-06Z');

INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, posted_at, debit,
        debit_account, credit, credit_account, currency, amount) VALUES
    (80, 1, 'payment_received', 'PAY-8', '2026-11-02Z',
     'bank_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 100000000),
    (81, 1, 'payment_split', 'PAY-8', '2026-11-03Z',
     'unallocated_cash', NULL, 'split_clearing', NULL, 'SGD', 100000000),
    (82, 1, 'payment_split', 'SPLIT:book:1', '2026-11-03Z',
     'split_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 30000000),
    (83, 1, 'provisioned', 'SPLIT:book:1', '2026-11-03Z',
     'unallocated_cash', NULL, 'customer_balance', 'ACC-5', 'SGD', 30000000),
    (84, 1, 'payment_split', 'SPLIT:book:2', '2026-11-03Z',
     'split_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 70000000),
    (85, 1, 'split_undone', 'PAY-8', '2026-11-04Z',
     'split_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 70000000),
    (86, 1, 'split_undone', 'SPLIT:book:2', '2026-11-04Z',
     'unallocated_cash', NULL, 'split_clearing', NULL, 'SGD', 70000000),
    (87, 1, 'payment_received', 'PAY-9', '2026-11-02Z',
     'bank_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 10000000),
    (88, 1, 'payment_split', 'PAY-9', '2026-11-03Z',
     'unallocated_cash', NULL, 'split_clearing', NULL, 'SGD', 10000000),
    (89, 1, 'payment_split', 'SPLIT:book:3', '2026-11-03Z',
     'split_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 10000000),
    (90, 1, 'provisioned', 'SPLIT:book:3', '2026-11-03Z',
     'unallocated_cash', NULL, 'customer_balance', 'ACC-5', 'SGD', 10000000),
    (91, 1, 'payment_returned', 'SPLIT:book:3', '2026-11-06Z',
     'customer_balance', 'ACC-5', 'split_clearing', NULL, 'SGD', 10000000),
    (92, 1, 'payment_returned', 'PAY-9', '2026-11-06Z',
     'split_clearing', NULL, 'bank_clearing', NULL, 'SGD', 10000000);
UPDATE accounts SET balance_currency = 'SGD', balance = 30000000, balance_at = '2026-11-06Z'
 WHERE account_id = 'ACC-5';

INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount, rule,
        ledger_transaction_id, allocated_at, reversed, reversed_at, remaining) VALUES
    (9, 'SPLIT:book:1', 'INV-10', 'ACC-5', 'SGD', 30000000, 'R1', 83, '2026-11-03Z', 0, NULL,
     30000000),
    (10, 'SPLIT:book:3', 'INV-11', 'ACC-5', 'SGD', 10000000, 'R1', 90, '2026-11-03Z', 10000000,
     '2026-11-06Z', 0);
INSERT INTO payable_invoices (invoice_id, account_id, currency, due, due_date, sent_at) VALUES
    ('INV-11', 'ACC-5', 'SGD', 10000000, NULL, '2026-11-01Z');
INSERT INTO lot_consumptions VALUES (68, 10, 'reversal', 'ACC-5', 10000000);

INSERT INTO payment_returns (return_id, bank_account, bank_key, payment_id, undoes, currency,
        amount, unallocated, unspent, clawed_back, reason, returned_at) VALUES
    (74, 'OUR-1', 'reversal:B6', 'PAY-9', NULL, 'SGD', 10000000, 0, 10000000, 0, 'AC04',
     '2026-11-06Z');
INSERT INTO allocation_reversals (reversal_id, allocation_id, kind, amount, clawed_back, return_id,
        reason, ledger_transaction_id, reversed_at) VALUES
    (68, 10, 'returned', 10000000, 0, 74, NULL, 91, '2026-11-06Z');
WITH made AS (
    INSERT INTO payment_splits VALUES
        ('SPLIT:book:1', 'PAY-8', 1, 'ACC-5', 'SGD', 30000000, 'shared', 82, '2026-11-03Z'),
        ('SPLIT:book:2', 'PAY-8', 2, 'ACC-4', 'SGD', 70000000, 'shared', 84, '2026-11-03Z'),
        ('SPLIT:book:3', 'PAY-9', 1, 'ACC-5', 'SGD', 10000000, NULL, 89, '2026-11-03Z')
)
INSERT INTO split_undos VALUES
    ('SPLIT:book:2', 70000000, NULL, 'other shares', 86, '2026-11-04Z'),
    ('SPLIT:book:3', 10000000, 74, NULL, 91, '2026-11-06Z');

COMMIT;
