-- The entries of a statement of the bank account $1: those that it, or one that it covers, names
-- (in the currencies $2, by the ids $3, after the days $4 and up to the days $5), and those that no
-- statement names (in the currencies $6, after the days $7 and up to the days $8). $9 is the id of
-- one that has not come, or not in that currency. What became of each, and whether it counts, as
-- domain::chain counts them. Index: bank_transactions_pkey.
WITH RECURSIVE told AS (
    -- What a person took for the same money as an earlier record is no entry of its own.
    SELECT d.bank_account, d.bank_key, d.earlier_key
      FROM told_again d JOIN bank_transactions t USING (bank_account, bank_key)
     WHERE d.bank_account = $1 AND (t.disposition IN ('return_ended', 'refund_bounced') OR EXISTS (
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
     WHERE e.bank_account = $1
    UNION
    SELECT s.bank_account, s.kept, t.statement_id
      FROM same s JOIN bank_transactions t USING (bank_account, bank_key)
     WHERE t.statement_id IS NOT NULL
    UNION
    SELECT s.bank_account, s.kept, e.statement_id
      FROM same s JOIN entry_statements e USING (bank_account, bank_key)
), more AS (
    SELECT bank_account, bank_key, array_agg(statement_id ORDER BY statement_id) AS names
      FROM named GROUP BY 1, 2
), asked AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::date[], $5::date[])
                      AS a (currency, statement_id, after, until)
), days AS (
    SELECT * FROM unnest($6::text[], $7::date[], $8::date[]) AS d (currency, after, until)
), found AS (
    -- One that only what told of it again names is of its day while no such statement came.
    SELECT t.*, n.names, t.statement_id IS NULL AND NOT EXISTS (
               SELECT 1 FROM bank_statements s
                WHERE s.bank_account = t.bank_account AND s.currency = t.currency
                  AND s.statement_id = ANY (n.names)) AS of_its_day
      FROM bank_transactions t LEFT JOIN more m USING (bank_account, bank_key)
     CROSS JOIN LATERAL (SELECT array_remove(ARRAY[t.statement_id], NULL)
                                || coalesce(m.names, '{}') AS names) n
     WHERE t.bank_account = $1
)
SELECT t.bank_key, t.status, t.credit_debit, t.reversal, t.currency, t.amount, t.booking_date,
       t.disposition, t.payment_id, NOT t.of_its_day AS named,
       t.status = 'BOOK' AND NOT EXISTS (
           SELECT 1 FROM told d WHERE d.bank_account = t.bank_account
              AND d.bank_key = t.bank_key) AS counted
  FROM found t
 WHERE CASE WHEN t.of_its_day THEN EXISTS (
           SELECT 1 FROM days d
            WHERE d.currency = t.currency AND (d.after IS NULL OR t.booking_date > d.after)
              AND t.booking_date <= d.until)
       WHEN EXISTS (SELECT 1 FROM asked a WHERE a.currency = t.currency) THEN EXISTS (
           SELECT 1 FROM asked a
            WHERE a.currency = t.currency AND a.statement_id = ANY (t.names)
              AND (a.after IS NULL OR t.booking_date > a.after)
              AND (a.until IS NULL OR t.booking_date <= a.until))
       ELSE $9 = ANY (t.names) END
 ORDER BY t.booking_date, t.bank_key LIMIT $10
