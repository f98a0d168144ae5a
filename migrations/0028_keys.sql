-- Keys that are made of several parts never collide: what separates the parts is escaped in them.

-- As domain::keys::part with a slash.
CREATE FUNCTION key_part(part text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN replace(replace(part, '%', '%25'), '/', '%2F');
GRANT EXECUTE ON FUNCTION key_part(text) TO topup_worker;

-- Two names of 128 characters of which each may be escaped to three.
ALTER TABLE bank_transactions DROP CONSTRAINT bank_transactions_bank_key_check;
ALTER TABLE bank_transactions ADD CONSTRAINT bank_transactions_bank_key_check
    CHECK (length(bank_key) BETWEEN 1 AND 800);

-- What was recorded under a key of the old form gets the new one, so that the same told again is
-- the same. What undoes a return has a prefix of its own: it may bear the id of the return.
CREATE TEMPORARY TABLE renamed_keys ON COMMIT DROP AS
SELECT bank_account, bank_key,
       CASE WHEN detail_index IS NULL THEN '' ELSE 'detail:' || detail_index || ':' END
       || CASE WHEN bank_transaction_id IS NULL
               THEN 'entry:' || key_part(statement_id) || '/' || key_part(entry_reference)
               ELSE 'undone:' || bank_transaction_id END AS new_key
  FROM bank_transactions
 WHERE (bank_transaction_id IS NULL AND statement_id || entry_reference ~ '[/%]')
    OR (bank_transaction_id IS NOT NULL AND credit_debit = 'CRDT' AND reversal);

ALTER TABLE payment_returns DROP CONSTRAINT payment_returns_bank_account_bank_key_fkey;
ALTER TABLE parked_returns DROP CONSTRAINT parked_returns_bank_account_bank_key_fkey;
ALTER TABLE payment_returns DISABLE TRIGGER payment_returns_append_only;
-- In two steps: the new key of one may be the old key of another.
UPDATE bank_transactions b SET bank_key = '%' || n.new_key FROM renamed_keys n
 WHERE b.bank_account = n.bank_account AND b.bank_key = n.bank_key;
UPDATE bank_transactions b SET bank_key = n.new_key FROM renamed_keys n
 WHERE b.bank_account = n.bank_account AND b.bank_key = '%' || n.new_key;
UPDATE bank_transactions b SET superseded_by = n.new_key FROM renamed_keys n
 WHERE b.bank_account = n.bank_account AND b.superseded_by = n.bank_key;
UPDATE payment_returns r SET bank_key = '%' || n.new_key FROM renamed_keys n
 WHERE r.bank_account = n.bank_account AND r.bank_key = n.bank_key;
UPDATE payment_returns r SET bank_key = n.new_key FROM renamed_keys n
 WHERE r.bank_account = n.bank_account AND r.bank_key = '%' || n.new_key;
UPDATE parked_returns r SET bank_key = '%' || n.new_key FROM renamed_keys n
 WHERE r.bank_account = n.bank_account AND r.bank_key = n.bank_key;
UPDATE parked_returns r SET bank_key = n.new_key FROM renamed_keys n
 WHERE r.bank_account = n.bank_account AND r.bank_key = '%' || n.new_key;
ALTER TABLE payment_returns ENABLE TRIGGER payment_returns_append_only;
ALTER TABLE payment_returns ADD FOREIGN KEY (bank_account, bank_key) REFERENCES bank_transactions;
ALTER TABLE parked_returns ADD FOREIGN KEY (bank_account, bank_key) REFERENCES bank_transactions;

-- 'account:ACC-1:SGD': the keys of one account begin as those of no other.
UPDATE watches SET watch_key = 'account:'
       || replace(left(substr(watch_key, 9), -4), ':', '%3A') || right(watch_key, 4)
 WHERE watch_key LIKE 'account:%' AND left(substr(watch_key, 9), -4) LIKE '%:%';
