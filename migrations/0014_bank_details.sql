-- What else a bank states of a transaction: the amount that the payer ordered, and its place in an
-- entry that was booked as one sum. And: a pending record whose money was booked under another id.
ALTER TABLE bank_transactions
    ADD COLUMN instructed_currency currency_code,
    ADD COLUMN instructed_amount   bigint CHECK (instructed_amount > 0),
    -- Which of the entry's transactions this is, what the entry is in all, how many it has.
    ADD COLUMN detail_index        integer CHECK (detail_index BETWEEN 1 AND 100000),
    ADD COLUMN entry_amount        bigint CHECK (entry_amount > 0),
    ADD COLUMN entry_details       integer,
    -- The key of the booking, in the same bank account.
    ADD COLUMN superseded_by       text COLLATE "C",
    ADD CONSTRAINT bank_instructed_is_money
        CHECK ((instructed_currency IS NULL) = (instructed_amount IS NULL)),
    ADD CONSTRAINT bank_entry_has_details CHECK (detail_index IS NOT NULL
        OR (entry_amount IS NULL AND entry_details IS NULL)),
    ADD CONSTRAINT bank_detail_within_entry CHECK (detail_index <= entry_details
        AND entry_details <= 100000),
    -- What its details belong together by.
    ADD CONSTRAINT bank_entry_is_named CHECK (detail_index IS NULL
        OR bank_transaction_id IS NOT NULL
        OR (statement_id IS NOT NULL AND entry_reference IS NOT NULL)),
    ADD CONSTRAINT bank_superseded_was_pending CHECK (disposition <> 'superseded'
        OR (status = 'PDNG' AND superseded_by IS NOT NULL)),
    ADD CONSTRAINT bank_superseded_by_another CHECK (superseded_by IS NULL
        OR (disposition = 'superseded' AND superseded_by <> bank_key));

ALTER TABLE bank_transactions DROP CONSTRAINT bank_transactions_disposition_check;
ALTER TABLE bank_transactions ADD CONSTRAINT bank_transactions_disposition_check
    CHECK (disposition IN ('payment', 'not_booked', 'superseded', 'return_parked', 'returned',
           'return_undone', 'refund_bounced', 'outgoing'));

ALTER TABLE drifts DROP CONSTRAINT drifts_kind_check;
ALTER TABLE drifts ADD CONSTRAINT drifts_kind_check CHECK (kind IN ('statement_sum',
    'statement_entries', 'statement_gap', 'statement_missing', 'statement_double', 'bank_payments',
    'return_parked', 'entry_details', 'account_payments', 'account_invoices', 'account_ledger',
    'account_lots'));
