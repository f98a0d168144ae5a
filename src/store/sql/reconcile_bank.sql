-- What was recorded of bank accounts that does not fit together, for facts known at $1; what their
-- statements say is held against it by domain::chain.
WITH split AS (
    -- Entries that were booked as one sum, with what was delivered of them.
    SELECT bank_account, currency,
           coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                    key_part(bank_transaction_id)) AS entry,
           count(*) AS found, abs(sum(CASE credit_debit WHEN 'CRDT' THEN amount ELSE -amount END))
               AS total,
           max(entry_details) AS details, max(entry_amount) AS amount,
           min(entry_details) AS least_details, min(entry_amount) AS least_amount
      FROM bank_transactions
     WHERE status = 'BOOK' AND detail_index IS NOT NULL AND recorded_at <= $1
     GROUP BY 1, 2, 3
), drifts AS (
    -- A return that found no original within two days is not in flight any more.
    SELECT 'return_parked' AS kind, p.bank_account, p.bank_key AS subject, t.currency,
           t.amount AS difference,
           format('the bank took back %s on %s and what it means is not known (%s)',
                  to_char(t.amount / 1e6, 'FM999999999999999999990.009999'), t.booking_date,
                  p.why) AS detail
      FROM parked_returns p
      JOIN bank_transactions t USING (bank_account, bank_key)
     WHERE p.parked_at <= $1 - interval '2 days'
    UNION ALL
    SELECT 'entry_details', bank_account, entry, currency, coalesce(total - amount, 0),
           format('the entry of %s has %s details; %s are recorded and sum to %s',
                  coalesce(to_char(amount / 1e6, 'FM999999999999999999990.009999'),
                           'unknown amount'),
                  coalesce(details::text, 'unknown'), found,
                  to_char(total / 1e6, 'FM999999999999999999990.009999'))
      FROM split
     WHERE total <> amount OR found <> details OR least_details <> details
        OR least_amount <> amount
    UNION ALL
    SELECT 'bank_payments', t.bank_account, t.currency, t.currency,
           sum(coalesce(p.amount, 0)) - sum(t.amount),
           format('booked credits are %s, the payments made of them %s',
                  to_char(sum(t.amount) / 1e6, 'FM999999999999999999990.009999'),
                  to_char(sum(coalesce(p.amount, 0)) / 1e6, 'FM999999999999999999990.009999'))
      FROM bank_transactions t LEFT JOIN payments p ON p.payment_id = t.payment_id
     WHERE t.disposition = 'payment' AND t.recorded_at <= $1
     GROUP BY 2, 3 HAVING sum(t.amount) <> sum(coalesce(p.amount, 0))
)
SELECT kind, 'bank' AS key_kind, bank_account AS record_key, subject, currency,
       -- One sum beyond what money can be here must not hide the differences of all others.
       least(greatest(difference, -9e18), 9e18)::bigint AS difference, detail
  FROM drifts ORDER BY kind, bank_account, subject, currency LIMIT $2
