-- More of the sound book, of one customer: a payment that was taken off its invoice, one that was
-- removed, one that was returned after part of it was spent, and one whose return was undone.
BEGIN;

INSERT INTO accounts (account_id, name, event_sequence, created_at, updated_at) VALUES
    ('ACC-3', 'Orchard Foods', 0, '2026-11-01Z', '2026-11-02Z');

INSERT INTO invoices (invoice_id, account_id, name, currency, amount, payment_reference,
                      number_key, created_at, sent_at) VALUES
    ('INV-6', 'ACC-3', 'Topup', 'SGD', 50000000, 'RF11A6', 'INV-6', '2026-11-01Z', '2026-11-01Z'),
    ('INV-7', 'ACC-3', 'Topup', 'SGD', 20000000, 'RF11A7', 'INV-7', '2026-11-01Z', '2026-11-01Z'),
    ('INV-8', 'ACC-3', 'Topup', 'SGD', 40000000, 'RF11A8', 'INV-8', '2026-11-01Z', '2026-11-01Z'),
    ('INV-9', 'ACC-3', 'Topup', 'SGD', 60000000, 'RF11A9', 'INV-9', '2026-11-01Z', '2026-11-01Z');

INSERT INTO payments (payment_id, account_id, currency, amount, state, origin, received_on,
                      recorded_at) VALUES
    ('PAY-4', 'ACC-3', 'SGD', 50000000, 'on_account', 'manual', '2026-11-02', '2026-11-02Z'),
    ('PAY-5', 'ACC-3', 'SGD', 20000000, 'removed', 'manual', '2026-11-02', '2026-11-02Z');
INSERT INTO money_records (payment_id, account_id, currency, amount, allocated, returned, state,
        origin, received_on, bank_account, bank_key, content_hash,
        status, disposition, credit_debit, reversal, announced, booking_date, recorded_at) VALUES
    ('PAY-6', 'ACC-3', 'SGD', 40000000, 10000000, 30000000, 'allocated', 'bank',
     '2026-11-02', 'OUR-1', 'id:B4', sha256('B4'), 'BOOK', 'payment', 'CRDT', false, false,
     '2026-11-02', '2026-11-02Z'),
    ('PAY-7', 'ACC-3', 'SGD', 60000000, 60000000, NULL, 'allocated', 'bank',
     '2026-11-02', 'OUR-1', 'id:B5', sha256('B5'), 'BOOK', 'payment', 'CRDT', false, false,
     '2026-11-02', '2026-11-02Z');
INSERT INTO money_records (bank_account, bank_key, content_hash, status, disposition, credit_debit,
        reversal, announced, currency, amount, booking_date, recorded_at) VALUES
    ('OUR-1', 'reversal:B4', sha256('B4R'), 'BOOK', 'returned', 'DBIT', true, false, 'SGD',
     30000000, '2026-11-06', '2026-11-06Z'),
    ('OUR-1', 'reversal:B5', sha256('B5R'), 'BOOK', 'returned', 'DBIT', true, false, 'SGD',
     60000000, '2026-11-05', '2026-11-05Z'),
    ('OUR-1', 'undone:B5U', sha256('B5U'), 'BOOK', 'return_undone', 'CRDT', true, false, 'SGD',
     60000000, '2026-11-09', '2026-11-09Z');

INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, posted_at, debit,
        debit_account, credit, credit_account, currency, amount) VALUES
    (40, 1, 'payment_received', 'PAY-4', '2026-11-02Z',
     'bank_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 50000000),
    (41, 1, 'provisioned', 'PAY-4', '2026-11-02Z',
     'unallocated_cash', NULL, 'customer_balance', 'ACC-3', 'SGD', 50000000),
    (42, 1, 'deallocated', 'PAY-4', '2026-11-03Z',
     'customer_balance', 'ACC-3', 'unallocated_cash', NULL, 'SGD', 50000000),
    (43, 1, 'payment_received', 'PAY-5', '2026-11-02Z',
     'bank_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 20000000),
    (44, 1, 'provisioned', 'PAY-5', '2026-11-02Z',
     'unallocated_cash', NULL, 'customer_balance', 'ACC-3', 'SGD', 20000000),
    (45, 1, 'payment_removed', 'PAY-5', '2026-11-03Z',
     'customer_balance', 'ACC-3', 'bank_clearing', NULL, 'SGD', 20000000),
    (46, 1, 'payment_provisioned', 'PAY-7', '2026-11-04Z',
     'bank_clearing', NULL, 'customer_balance', 'ACC-3', 'SGD', 60000000),
    (47, 1, 'payment_returned', 'PAY-7', '2026-11-05Z',
     'customer_balance', 'ACC-3', 'bank_clearing', NULL, 'SGD', 60000000),
    (48, 1, 'payment_provisioned', 'PAY-6', '2026-11-04Z',
     'bank_clearing', NULL, 'customer_balance', 'ACC-3', 'SGD', 40000000),
    (49, 1, 'usage_charged', NULL, '2026-11-05Z',
     'customer_balance', 'ACC-3', 'usage_revenue', NULL, 'SGD', 15000000),
    (50, 1, 'payment_returned', 'PAY-6', '2026-11-06Z',
     'customer_balance', 'ACC-3', 'bank_clearing', NULL, 'SGD', 25000000),
    (50, 2, 'payment_returned', 'PAY-6', '2026-11-06Z',
     'claw_back_receivable', NULL, 'bank_clearing', NULL, 'SGD', 5000000),
    (51, 1, 'claw_back', 'PAY-6', '2026-11-06Z',
     'customer_balance', 'ACC-3', 'claw_back_receivable', NULL, 'SGD', 5000000),
    (52, 1, 'return_undone', 'PAY-7', '2026-11-09Z',
     'bank_clearing', NULL, 'customer_balance', 'ACC-3', 'SGD', 60000000);
-- 40 came, 15 were spent, 30 went back: 5 were owed, which the new lot of 60 cleared.
UPDATE accounts SET balance_currency = 'SGD', balance = 55000000, balance_at = '2026-11-09Z'
 WHERE account_id = 'ACC-3';

-- The return that was undone comes first: allocation 8 names what restored it.
INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount, rule,
        ledger_transaction_id, allocated_at, reversed, reversed_at, restores, remaining,
        debt_cleared, clawed_back) VALUES
    (4, 'PAY-4', 'INV-6', 'ACC-3', 'SGD', 50000000, 'R1', 41, '2026-11-02Z', 50000000,
     '2026-11-03Z', NULL, 0, NULL, NULL),
    (5, 'PAY-5', 'INV-7', 'ACC-3', 'SGD', 20000000, 'R1', 44, '2026-11-02Z', 20000000,
     '2026-11-03Z', NULL, 0, NULL, NULL),
    (6, 'PAY-6', 'INV-8', 'ACC-3', 'SGD', 40000000, 'R2', 48, '2026-11-04Z', 30000000, NULL, NULL,
     0, NULL, 5000000),
    (7, 'PAY-7', 'INV-9', 'ACC-3', 'SGD', 60000000, 'R2', 46, '2026-11-04Z', 60000000,
     '2026-11-05Z', NULL, 0, NULL, NULL),
    (8, 'PAY-7', 'INV-9', 'ACC-3', 'SGD', 60000000, 'R1r', 52, '2026-11-09Z', 0, NULL, 73,
     55000000, 5000000, NULL);
INSERT INTO payable_invoices (invoice_id, account_id, currency, due, due_date, sent_at) VALUES
    ('INV-6', 'ACC-3', 'SGD', 50000000, NULL, '2026-11-01Z'),
    ('INV-7', 'ACC-3', 'SGD', 20000000, NULL, '2026-11-01Z'),
    ('INV-8', 'ACC-3', 'SGD', 30000000, NULL, '2026-11-01Z');
INSERT INTO lot_consumptions VALUES
    (61, 4, 'reversal', 'ACC-3', 50000000), (62, 5, 'reversal', 'ACC-3', 20000000),
    (63, 7, 'reversal', 'ACC-3', 60000000), (64, 6, 'reversal', 'ACC-3', 25000000),
    (8, 8, 'debt', 'ACC-3', 5000000);
INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount, uncovered, kind,
        occurred_at, ledger_transaction_id, charged_at, lot_id) VALUES
    ('ACC-3', 'U-2', 66, 'SGD', 15000000, 0, 'call', '2026-11-05Z', 49, '2026-11-05Z', 6);

INSERT INTO payment_returns (return_id, bank_account, bank_key, payment_id, undoes, currency,
        amount, unallocated, unspent, clawed_back, reason, returned_at) VALUES
    (71, 'OUR-1', 'reversal:B4', 'PAY-6', NULL, 'SGD', 30000000, 0, 25000000, 5000000, 'AC04',
     '2026-11-06Z'),
    (72, 'OUR-1', 'reversal:B5', 'PAY-7', NULL, 'SGD', 60000000, 0, 60000000, 0, NULL,
     '2026-11-05Z'),
    (73, 'OUR-1', 'undone:B5U', 'PAY-7', 72, 'SGD', 60000000, 0, 60000000, 0, NULL,
     '2026-11-09Z');
INSERT INTO allocation_reversals (reversal_id, allocation_id, kind, amount, clawed_back, return_id,
        reason, ledger_transaction_id, reversed_at) VALUES
    (61, 4, 'deallocated', 50000000, 0, NULL, 'wrong invoice', 42, '2026-11-03Z'),
    (62, 5, 'removed', 20000000, 0, NULL, NULL, 45, '2026-11-03Z'),
    (63, 7, 'returned', 60000000, 0, 72, NULL, 47, '2026-11-05Z'),
    (64, 6, 'returned', 25000000, 0, 71, NULL, 50, '2026-11-06Z'),
    (65, 6, 'returned', 5000000, 5000000, 71, NULL, 51, '2026-11-06Z');
INSERT INTO tombstones VALUES ('PAY-4', 'INV-6', '2026-11-03Z');

COMMIT;
