-- The entries of one statement ($2, or `ID@YEAR`, or `ID@DAY`) of a bank account, with what became
-- of each and why it counts, as reconcile_bank counts them; days are those of the zone $4.
-- Index: bank_transactions_pkey.
WITH said AS (
    SELECT s.*, (s.complete_through - interval '1 microsecond') AT TIME ZONE $4 AS at_end,
           ((SELECT max(p.complete_through) FROM bank_statements p
              WHERE p.bank_account = s.bank_account AND p.currency = s.currency
                AND p.complete_through < s.complete_through)
             - interval '1 microsecond') AT TIME ZONE $4 AS before_end,
           ((SELECT max(p.complete_through) FROM bank_statements p
              WHERE p.bank_account = s.bank_account AND p.currency = s.currency
                AND p.statement_id = s.statement_id AND p.complete_through < s.complete_through)
             - interval '1 microsecond') AT TIME ZONE $4 AS same_before,
           EXISTS (SELECT 1 FROM bank_statements p
              WHERE p.bank_account = s.bank_account AND p.currency = s.currency
                AND p.statement_id = s.statement_id AND p.complete_through > s.complete_through)
             AS same_after
      FROM bank_statements s
     WHERE s.bank_account = $1
       AND (s.statement_id = $2 OR s.statement_id || '@' || s.year = $2
            OR s.statement_id || '@' || s.day = $2)
)
SELECT t.bank_key, t.status, t.credit_debit, t.reversal, t.currency, t.amount, t.booking_date,
       t.disposition, t.payment_id, t.statement_id IS NOT NULL AS named,
       t.status = 'BOOK' AND NOT EXISTS (
           SELECT 1 FROM told_again d
            WHERE d.bank_account = t.bank_account AND d.bank_key = t.bank_key
              AND (t.disposition IN ('return_ended', 'refund_bounced') OR EXISTS (
                  SELECT 1 FROM payments p
                   WHERE p.payment_id = t.payment_id AND p.state = 'removed'))) AS counted
  FROM bank_transactions t
 WHERE t.bank_account = $1
   AND CASE WHEN t.statement_id IS NOT NULL THEN
            CASE WHEN EXISTS (SELECT 1 FROM said s WHERE s.currency = t.currency) THEN EXISTS (
                SELECT 1 FROM said s
                 WHERE s.currency = t.currency AND s.statement_id = t.statement_id
                   AND (s.same_before IS NULL OR t.booking_date > s.same_before::date)
                   AND (NOT s.same_after OR t.booking_date <= s.at_end::date))
            -- A statement that has not come yet, or in another currency.
            ELSE t.statement_id = $2 END
       ELSE EXISTS (
           SELECT 1 FROM said s
            WHERE s.currency = t.currency AND t.booking_date <= s.at_end::date
              AND (s.before_end IS NULL OR t.booking_date > s.before_end::date)) END
 ORDER BY t.booking_date, t.bank_key LIMIT $3
