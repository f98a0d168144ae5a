-- A small book in which every invariant holds: paid by the bank, paid in two steps, overpaid,
-- parked, recorded by hand, and one record of each outcome. Amounts are micros.
BEGIN;

INSERT INTO accounts (account_id, name, event_sequence, created_at, updated_at) VALUES
    ('ACC-1', 'Harbour Trading', 3, '2026-11-01Z', '2026-11-02Z'),
    ('ACC-2', NULL, 2, '2026-11-01Z', '2026-11-02Z');
INSERT INTO credit_limits VALUES ('ACC-1', 'SGD', 50000000);

INSERT INTO invoices (invoice_id, account_id, name, currency, amount, payment_reference,
                      number_key, created_at, sent_at, voided_at) VALUES
    ('INV-1', 'ACC-1', 'Topup', 'SGD', 100000000, 'RF11A1', 'INV-1', '2026-11-01Z',
     '2026-11-01Z', NULL),
    ('INV-2', 'ACC-1', 'Topup', 'SGD', 80000000, 'RF11A2', 'INV-2', '2026-11-01Z',
     '2026-11-01Z', NULL),
    ('INV-3', 'ACC-1', 'Topup', 'SGD', 20000000, 'RF11A3', 'INV-3', '2026-11-01Z', NULL, NULL),
    ('INV-4', 'ACC-2', 'Topup', 'JPY', 5000000000, 'RF11A4', 'INV-4', '2026-11-01Z',
     '2026-11-01Z', '2026-11-02Z'),
    ('INV-5', 'ACC-2', 'Topup', 'JPY', 7000000000, 'RF11A5', 'INV-5', '2026-11-01Z',
     '2026-11-01Z', NULL);

INSERT INTO money_records (payment_id, account_id, currency, amount, allocated, state, reason,
        origin, received_on, event_sequence, recorded_at, first_decision_id,
        first_rule_set_version, first_policy_version, first_form, first_rule, first_outcome,
        first_reason, first_explanation, first_caused_by_source, first_caused_by_id, bank_account,
        bank_key, content_hash, status, disposition, credit_debit, reversal, announced,
        booking_date, unstructured) VALUES
    ('PAY-1', 'ACC-1', 'SGD', 130000000, 130000000, 'allocated', NULL, 'bank',
     '2026-11-02', NULL, '2026-11-02Z', 20, 3, 0, 0, 'R5', 'allocated', NULL, '{}', 'bank', 'B1',
     'OUR-1', 'id:B1', sha256('B1'), 'BOOK', 'payment', 'CRDT', false, false, '2026-11-02',
     'INV-1'),
    ('PAY-2', NULL, 'SGD', 60000000, 0, 'parked', 'no_candidate', 'bank', '2026-11-02', 1,
     '2026-11-02Z', 21, 3, 0, 0, 'R14', 'suggested', 'amount_only', '{}', 'bank', 'B2',
     'OUR-1', 'id:B2', sha256('B2'), 'BOOK', 'payment', 'CRDT', false, false, '2026-11-02',
     'hello'),
    ('PAY-3', 'ACC-2', 'JPY', 9000000000, 7000000000, 'partly_allocated', NULL, 'manual',
     '2026-11-02', NULL, '2026-11-02Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, NULL, 'SGD', 1000000, NULL, NULL, NULL, NULL, NULL, NULL,
     '2026-11-02Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     'OUR-1', 'id:B3', sha256('B3'), 'BOOK', 'outgoing', 'DBIT', false, false, '2026-11-02', NULL);

INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, posted_at, debit,
        debit_account, credit, credit_account, currency, amount) VALUES
    (5, 1, 'usage_charged', NULL, '2026-11-04Z',
     'customer_balance', 'ACC-1', 'usage_revenue', NULL, 'SGD', 10000000),
    (6, 1, 'usage_refunded', NULL, '2026-11-04Z',
     'usage_revenue', NULL, 'customer_balance', 'ACC-1', 'SGD', 4000000),
    (1, 1, 'payment_provisioned', 'PAY-1', '2026-11-02Z',
     'bank_clearing', NULL, 'customer_balance', 'ACC-1', 'SGD', 100000000),
    (1, 2, 'payment_provisioned', 'PAY-1', '2026-11-02Z',
     'bank_clearing', NULL, 'customer_balance', 'ACC-1', 'SGD', 30000000),
    (2, 1, 'payment_received', 'PAY-2', '2026-11-02Z',
     'bank_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 60000000),
    (3, 1, 'payment_received', 'PAY-3', '2026-11-02Z',
     'bank_clearing', NULL, 'unallocated_cash', NULL, 'JPY', 9000000000),
    (4, 1, 'provisioned', 'PAY-3', '2026-11-03Z',
     'unallocated_cash', NULL, 'customer_balance', 'ACC-2', 'JPY', 7000000000);
UPDATE accounts SET balance_currency = 'SGD', balance = 124000000, balance_at = '2026-11-04Z'
 WHERE account_id = 'ACC-1';
UPDATE accounts SET balance_currency = 'JPY', balance = 7000000000, balance_at = '2026-11-03Z'
 WHERE account_id = 'ACC-2';
INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency, amount, rule,
                         ledger_transaction_id, allocated_at, remaining) VALUES
    (1, 'PAY-1', 'INV-1', 'ACC-1', 'SGD', 100000000, 'R5', 1, '2026-11-02Z', 94000000),
    (2, 'PAY-1', 'INV-2', 'ACC-1', 'SGD', 30000000, 'R5', 1, '2026-11-02Z', 30000000),
    (3, 'PAY-3', 'INV-5', 'ACC-2', 'JPY', 7000000000, 'R1', 4, '2026-11-03Z', 7000000000);
INSERT INTO payable_invoices (invoice_id, account_id, currency, due, due_date, sent_at) VALUES
    ('INV-2', 'ACC-1', 'SGD', 50000000, NULL, '2026-11-01Z');

INSERT INTO lot_consumptions VALUES
    (11, 1, 'charge', 'ACC-1', 10000000), (12, 1, 'refund', 'ACC-1', -4000000);
INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount, uncovered, kind,
        occurred_at, ledger_transaction_id, charged_at) VALUES
    ('ACC-1', 'U-1', 11, 'SGD', 10000000, 0, 'call', '2026-11-04Z', 5, '2026-11-04Z');
INSERT INTO usage_refunds VALUES
    ('ACC-1', 'R-1', 12, 'U-1', 'SGD', 4000000, 6, '2026-11-04Z');

-- A parked payment with a suggestion, and a payer that a person confirmed once.
INSERT INTO suggestions (suggestion_id, payment_id, decision_id, account_id, currency, suggested_at)
VALUES ('21-1', 'PAY-2', 21, 'ACC-1', 'SGD', '2026-11-02Z');
INSERT INTO suggestion_invoices VALUES ('21-1', 'INV-2', 50000000);
INSERT INTO payer_aliases VALUES ('DBS123', 'ACC-1', 1, '2026-11-02', NULL);
INSERT INTO payer_alias_uses (payer_account, account_id, payment_id, kind, used_on,
        caused_by_source, caused_by_id, recorded_at) VALUES
    ('DBS123', 'ACC-1', 'PAY-1', 'confirmed', '2026-11-02', 'crm', 'C1', '2026-11-02Z');

INSERT INTO inbox_kinds (topic, partition, message_type) VALUES
    ('c', 0, 'topup.invoice.create.v1'), ('c', 0, 'topup.invoice.void.v1'), ('c', 0, 'unknown');
INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome, code, record_offset,
                           subject, processed_at, guards)
SELECT n.source, n.message_id, substr(n.hash, 1, 16), k.kind_id, n.outcome, n.code, n.record_offset,
       n.subject, n.processed_at, n.guards FROM (VALUES
    ('crm', 'C1', sha256('1'), 'topup.invoice.create.v1', 'applied', NULL, 'c', 0, 0,
     'invoice:INV-1', timestamptz '2026-11-01Z', true),
    ('crm', 'C2', sha256('2'), 'topup.invoice.void.v1', 'rejected', 'invoice_voided', 'c', 0, 1,
     NULL, '2026-11-01Z', true),
    ('crm', 'C3', sha256('3'), 'topup.invoice.void.v1', 'waiting', 'invoice_unknown', 'c', 0, 2,
     NULL, '2026-11-01Z', true),
    ('crm', 'C4', sha256('4'), 'topup.invoice.void.v1', 'dead_lettered', 'dependency_missing', 'c',
     0, 3, NULL, '2026-11-01Z', true),
    ('kafka', 'c:0:6', sha256('six'), 'unknown', 'dead_lettered', 'malformed', 'c', 0, 6, NULL,
     '2026-11-01Z', true),
    -- The topic was created anew: other bytes, and a sound record, at the places of letters.
    ('kafka', 'c:0:6~00000000', sha256('new'), 'unknown', 'dead_lettered', 'malformed', 'c', 0, 6,
     NULL, '2026-11-01Z', true),
    ('crm', 'C5', sha256('5'), 'topup.invoice.void.v1', 'applied', NULL, 'c', 0, 3, NULL,
     '2026-11-01Z', true))
    AS n(source, message_id, hash, message_type, outcome, code, topic, partition, record_offset,
         subject, processed_at, guards)
  JOIN inbox_kinds k USING (topic, partition, message_type);
INSERT INTO inbox_repeats VALUES
    -- The whole topic was read again: the place of the record itself.
    ('c', 0, 0, 'crm', 'C1', 'duplicate', NULL, '2026-11-01Z'),
    ('c', 0, 4, 'crm', 'C1', 'duplicate', NULL, '2026-11-01Z'),
    ('c', 0, 5, 'crm', 'C1', 'dead_lettered', 'conflict', '2026-11-01Z');
INSERT INTO waiting_commands (wait_key, topic, partition, record_offset, source, message_id, needs,
        record_value, record_headers, since, deadline) VALUES
    ('account:ACC-1', 'c', 0, 2, 'crm', 'C3', 'invoice:INV-9', '{}', '[]', '2026-11-01Z',
     '2026-11-02Z');
INSERT INTO dead_letters (topic, partition, record_offset, record_headers, record_value, source,
        message_id, code, message, first_failed_at, last_failed_at, status, resolved_at) VALUES
    ('c', 0, 3, '[]', '4', 'crm', 'C4', 'dependency_missing', 'm', '2026-11-01Z', '2026-11-01Z',
     'open', NULL),
    ('c', 0, 5, '[]', '1b', 'crm', 'C1', 'conflict', 'm', '2026-11-01Z', '2026-11-01Z',
     'discarded', '2026-11-02Z'),
    ('c', 0, 6, '[]', 'six', 'kafka', 'c:0:6', 'malformed', 'm', '2026-11-01Z', '2026-11-01Z',
     'open', NULL),
    ('c', 0, 6, '[]', 'new', 'kafka', 'c:0:6~00000000', 'malformed', 'm', '2026-11-01Z',
     '2026-11-01Z', 'open', NULL);
INSERT INTO dead_letter_acts (dead_letter_id, act, operator, reason, outcome, acted_at, before,
        after)
SELECT dead_letter_id, 'discard', 'alice', 'twice', 'discarded', '2026-11-02Z',
       '{"status": "open"}', '{"status": "discarded"}'
  FROM dead_letters WHERE status = 'discarded';
INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload, created_at) VALUES
    ('account', 'ACC-1', 1, 2, 0, '{}', '2026-11-01Z'),
    ('account', 'ACC-1', 3, 1, 0, '{}', '2026-11-01Z'),
    ('account', 'ACC-2', 1, 2, 0, '{}', '2026-11-01Z'),
    ('payment', 'PAY-2', 1, 1, 0, '{}', '2026-11-01Z');
UPDATE relay_progress SET horizon = 4;
-- One belongs to a payment, one waits.
INSERT INTO remittance_advices (bank_account, advice_id, content_hash, payer_account, payer_key,
        currency, amount, state, used_by_payment, received_at, expires_at, source, message_id)
VALUES
    ('OUR-1', 'ADV-1', sha256('A1'), 'NL1', 'NL1', 'SGD', 130000000, 'used', 'PAY-1', '2026-11-01Z',
     '2026-12-01Z', 'lockbox', 'A1'),
    ('OUR-1', 'ADV-2', sha256('A2'), 'NL1', 'NL1', 'SGD', 60000000, 'open', NULL, '2026-11-01Z',
     '2026-12-01Z', 'lockbox', 'A2');
INSERT INTO remittance_advice_lines VALUES
    ('OUR-1', 'ADV-1', 1, 'INV-1', NULL, 100000000),
    ('OUR-1', 'ADV-1', 2, NULL, 'RF18X1', 30000000),
    ('OUR-1', 'ADV-2', 1, 'INV-2', NULL, 60000000);

COMMIT;
