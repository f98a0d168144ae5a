-- What people look for: payments by day, by amount and of one customer, invoices by amount,
-- customers by words of their names. None of these columns changes when something is paid, so
-- updates stay HOT. Equal values share an entry: a batch adds little at the end of each.
CREATE INDEX payments_days ON payments (received_on, recorded_at);
CREATE INDEX payments_amount ON payments (amount, received_on, recorded_at);
CREATE INDEX payments_account_days ON payments (account_id, received_on, recorded_at);
DROP INDEX payments_account;
CREATE INDEX invoices_amount ON invoices (amount, created_at);

CREATE FUNCTION name_words(name text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_split_to_array(lower(name), '[^[:alnum:]]+');
GRANT EXECUTE ON FUNCTION name_words(text) TO topup_worker;
CREATE INDEX accounts_name_words ON accounts USING gin (name_words(name));
