-- Returns of removed payments, with the bank's fee in them, of details of an entry, and before what
-- they undo.

ALTER TABLE payment_returns
    -- The part of `unallocated` that was removed before: recorded and not posted.
    ADD COLUMN removed bigint NOT NULL DEFAULT 0,
    -- What the bank took beside it for itself, in the same booking.
    ADD COLUMN fee     bigint NOT NULL DEFAULT 0 CHECK (fee >= 0),
    ADD COLUMN bank_transaction_id text,
    -- NULL where nothing of it was in the books; and of returns older than this column.
    ADD COLUMN ledger_transaction_id bigint,
    ADD CONSTRAINT return_removed_is_unallocated CHECK (removed BETWEEN 0 AND unallocated);

ALTER TABLE payment_returns DISABLE TRIGGER payment_returns_append_only;
UPDATE payment_returns r SET bank_transaction_id = b.bank_transaction_id
  FROM bank_transactions b
 WHERE b.bank_account = r.bank_account AND b.bank_key = r.bank_key;
-- What was returned of a payment after it was removed was not posted, nor was what undid that.
UPDATE payment_returns r SET removed = r.unallocated
  FROM ledger_transactions t
 WHERE t.payment_id = r.payment_id AND t.kind = 'payment_removed' AND r.returned_at > t.posted_at
   AND r.undoes IS NULL;
UPDATE payment_returns u SET removed = u.unallocated
  FROM payment_returns r WHERE r.return_id = u.undoes AND r.removed > 0;
ALTER TABLE payment_returns ENABLE TRIGGER payment_returns_append_only;

CREATE INDEX payment_returns_bank_id ON payment_returns (bank_account, bank_transaction_id)
    WHERE bank_transaction_id IS NOT NULL;
-- A return may name the entry that its original is a detail of.
CREATE INDEX bank_transactions_detail_id
    ON bank_transactions (bank_account, bank_transaction_id, currency, amount)
    WHERE detail_index IS NOT NULL AND bank_transaction_id IS NOT NULL;

ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_why_check;
ALTER TABLE parked_returns ADD CONSTRAINT parked_returns_why_check
    CHECK (why IN ('no_original', 'exceeds_payment', 'contradicted', 'no_return',
                   'fee_above_limit', 'split_payment'));
