-- The payments that still have money to give, and nothing else: `rematch`, the guard of the void
-- candidates and `status` look here and not through all payments. A table and not a partial index,
-- so that what changes a payment stays a HOT update there. The database keeps it by itself.
CREATE TABLE open_payments (
    payment_id text COLLATE "C" PRIMARY KEY REFERENCES payments,
    -- Whether the bank reported it: only these are decided again.
    bank       boolean NOT NULL,
    account_id text COLLATE "C",
    currency   currency_code NOT NULL,
    free       bigint NOT NULL CHECK (free > 0)
) WITH (fillfactor = 70);
CREATE INDEX open_payments_bank ON open_payments (payment_id) WHERE bank;
CREATE INDEX open_payments_account ON open_payments (account_id, currency, free);

CREATE FUNCTION keep_open_payments() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM open_payments o USING changed n
         WHERE o.payment_id = n.payment_id
           AND (n.state IN ('allocated', 'returned', 'removed', 'ignored', 'split')
                OR n.amount = n.allocated + n.returned + n.refunded + n.split);
    END IF;
    INSERT INTO open_payments AS o (payment_id, bank, account_id, currency, free)
    SELECT payment_id, origin = 'bank', account_id, currency,
           amount - allocated - returned - refunded - split
      FROM changed
     WHERE state NOT IN ('allocated', 'returned', 'removed', 'ignored', 'split')
       AND amount > allocated + returned + refunded + split
    ON CONFLICT (payment_id) DO UPDATE
       SET account_id = EXCLUDED.account_id, free = EXCLUDED.free
     WHERE (o.account_id, o.free) IS DISTINCT FROM (EXCLUDED.account_id, EXCLUDED.free);
    RETURN NULL;
END $$;
CREATE TRIGGER open_payments_inserted AFTER INSERT ON payments
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_open_payments();
CREATE TRIGGER open_payments_updated AFTER UPDATE ON payments
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_open_payments();
INSERT INTO open_payments
SELECT payment_id, origin = 'bank', account_id, currency,
       amount - allocated - returned - refunded - split
  FROM payments
 WHERE state NOT IN ('allocated', 'returned', 'removed', 'ignored', 'split')
   AND amount > allocated + returned + refunded + split;
GRANT SELECT, INSERT, UPDATE, DELETE ON open_payments TO topup_worker;

CREATE OR REPLACE VIEW candidate_facts AS
SELECT i.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       i.candidate_since, i.allocated, i.payment_reference, i.number_key, a.stale_after_days,
       -- Money that may be meant for it: a payment that names it or for which it is suggested, …
       (EXISTS (SELECT 1 FROM watches w WHERE w.watch_key
                 IN ('ref:' || i.payment_reference, 'number:' || i.number_key))
        OR EXISTS (SELECT 1 FROM suggestion_invoices si
                     JOIN suggestions s ON s.suggestion_id = si.suggestion_id
                    WHERE si.invoice_id = i.invoice_id AND s.status = 'open')) AS named,
       -- … or that could pay it in full from the same account.
       EXISTS (SELECT 1 FROM open_payments m
                WHERE m.account_id = i.account_id AND m.currency = i.currency
                  AND m.free >= p.due) AS payable,
       a.time_zone
FROM payable_invoices p
JOIN invoices i ON i.invoice_id = p.invoice_id
JOIN accounts a ON a.account_id = i.account_id;

-- A statement is told apart by its currency, and by the year that it ends in: banks use the same
-- number for each currency of an account, and begin again each year.
ALTER TABLE bank_statements ADD COLUMN year smallint NOT NULL GENERATED ALWAYS AS
    (extract(year FROM (complete_through AT TIME ZONE 'UTC') - interval '1 microsecond')::smallint)
    STORED;
ALTER TABLE bank_statements DROP CONSTRAINT bank_statements_pkey;
ALTER TABLE bank_statements ADD PRIMARY KEY (bank_account, statement_id, currency, year);
