-- The entries of the bank account $2 for facts known at $1, by day and by the statements that name
-- them: its own, or the one that booked it, and others.
WITH RECURSIVE told AS (
    -- What a person took for the same money as an earlier record is no entry of its own.
    SELECT d.bank_account, d.bank_key, d.earlier_key
      FROM told_again d JOIN bank_transactions t USING (bank_account, bank_key)
     WHERE d.bank_account = $2::text
       AND (t.disposition IN ('return_ended', 'refund_bounced') OR EXISTS (
               SELECT 1 FROM payments p
                WHERE p.payment_id = t.payment_id AND p.state = 'removed'))
), same AS (
    SELECT bank_account, bank_key, earlier_key AS kept FROM told
    UNION
    SELECT s.bank_account, s.bank_key, t.earlier_key
      FROM same s JOIN told t ON t.bank_account = s.bank_account AND t.bank_key = s.kept
), named AS (
    -- An entry is of every statement that names it, itself or as what is the same money.
    SELECT bank_account, bank_key, statement_id FROM entry_statements e
     WHERE e.bank_account = $2
       AND e.recorded_at <= coalesce($1::timestamptz, 'infinity')
    UNION
    SELECT s.bank_account, s.kept, t.statement_id
      FROM same s JOIN bank_transactions t USING (bank_account, bank_key)
     WHERE t.statement_id IS NOT NULL AND t.recorded_at <= coalesce($1::timestamptz, 'infinity')
    UNION
    SELECT s.bank_account, s.kept, e.statement_id
      FROM same s JOIN entry_statements e USING (bank_account, bank_key)
     WHERE e.recorded_at <= coalesce($1::timestamptz, 'infinity')
), more AS (
    SELECT bank_account, bank_key, array_agg(statement_id ORDER BY statement_id) AS names
      FROM named GROUP BY 1, 2
), booked AS (
    SELECT t.*, m.names, CASE t.credit_debit WHEN 'CRDT' THEN t.amount ELSE -t.amount END AS moved
      FROM bank_transactions t LEFT JOIN more m USING (bank_account, bank_key)
     WHERE t.status = 'BOOK' AND t.recorded_at <= coalesce($1::timestamptz, 'infinity')
       AND t.bank_account = $2
       AND NOT EXISTS (SELECT 1 FROM told d WHERE d.bank_account = t.bank_account
                          AND d.bank_key = t.bank_key)
), detailed AS (
    -- The details of an entry that was booked as one sum are one entry.
    SELECT bank_account, currency, booking_date, sum(moved) AS moved,
           min(statement_id) AS statement_id,
           (SELECT array_agg(DISTINCT name) FROM unnest(
               string_to_array(string_agg(array_to_string(names, E'\x01'), E'\x01'), E'\x01')
               || array_remove(array_agg(statement_id), NULL)) AS name) AS names
      FROM booked WHERE detail_index IS NOT NULL
     GROUP BY bank_account, currency, booking_date,
              coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                       key_part(bank_transaction_id))
)
SELECT bank_account, currency, booking_date, statement_id, names, count(*) AS entries,
       sum(moved)::text AS total
  FROM (SELECT bank_account, currency, booking_date, statement_id, names, moved FROM booked
         WHERE detail_index IS NULL
        UNION ALL
        SELECT bank_account, currency, booking_date, statement_id, names, moved FROM detailed) b
 GROUP BY 1, 2, 3, 4, 5
