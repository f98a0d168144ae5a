-- Facts of the bank that come in more than one way.

-- The last of equal records without any id: the next one has the next ordinal, however many there
-- are. Length comes first: an ordinal of more digits is greater.
CREATE INDEX bank_transactions_equal
    ON bank_transactions (bank_account, left(bank_key, 71), length(bank_key), bank_key)
    WHERE bank_key LIKE 'print:%';

-- A payer's account as it is compared: letters and digits, upper case.
CREATE FUNCTION payer_key(account text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN upper(regexp_replace(account, '[^A-Za-z0-9]', '', 'g') COLLATE "C");
GRANT EXECUTE ON FUNCTION payer_key(text) TO topup_worker;

-- What only announces money, by what its booking will say too.
CREATE INDEX bank_transactions_pending_payer
    ON bank_transactions (bank_account, currency, amount, payer_key(debtor_account), bank_key)
    WHERE status = 'PDNG' AND disposition = 'not_booked';
CREATE INDEX bank_transactions_pending_order
    ON bank_transactions (bank_account, currency, amount, end_to_end_id, bank_key)
    WHERE status = 'PDNG' AND disposition = 'not_booked';
CREATE INDEX bank_transactions_superseded ON bank_transactions (bank_account, superseded_by)
    WHERE superseded_by IS NOT NULL;
-- For what is announced after it was booked. Written for next to nothing.
CREATE INDEX bank_transactions_days ON bank_transactions USING brin (booking_date)
    WITH (pages_per_range = 16);

-- A booking that took the place of its own pending record was announced by that.
ALTER TABLE bank_transactions ADD COLUMN announced boolean NOT NULL DEFAULT false;

-- Of equal money without an id only that of the same payer, or of nobody, may be the same. No
-- payer: nobody's account, or recorded before this was kept.
ALTER TABLE payments_without_bank_id ADD COLUMN payer text COLLATE "C" CHECK (payer <> '');
DROP INDEX payments_without_bank_id_same;
CREATE INDEX payments_without_bank_id_same ON payments_without_bank_id
    (bank_account, booking_date, currency, amount, payer, delivered_at);
