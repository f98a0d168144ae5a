-- What the bank's statements say against what was recorded, for facts known at $1; days are those
-- of the zone $2. An entry belongs to the statement that it names; one that names none belongs to
-- the statement whose days hold its booking date.
WITH listed AS (
    SELECT s.*, row_number() OVER (PARTITION BY bank_account, currency, complete_through,
               opening_balance, closing_balance, entries ORDER BY statement_id) AS copy,
           first_value(statement_id) OVER (PARTITION BY bank_account, currency, complete_through,
               opening_balance, closing_balance, entries ORDER BY statement_id) AS first_id
      FROM bank_statements s WHERE recorded_at <= $1
), named AS (
    -- A number that the bank used again: which of the statements an entry means is by its day.
    SELECT k.*, (lag(complete_through) OVER w - interval '1 microsecond') AT TIME ZONE $2
                AS same_before,
           (complete_through - interval '1 microsecond') AT TIME ZONE $2 AS same_end,
           lead(complete_through) OVER w IS NOT NULL AS same_after,
           statement_id || CASE
               WHEN count(*) OVER (PARTITION BY bank_account, currency, statement_id, year) > 1
               THEN '@' || day
               WHEN count(*) OVER (PARTITION BY bank_account, currency, statement_id) > 1
               THEN '@' || year ELSE '' END AS subject
      FROM listed k
    WINDOW w AS (PARTITION BY bank_account, currency, statement_id ORDER BY complete_through)
), booked AS (
    -- The details of an entry that was booked as one sum are one entry.
    SELECT bank_account, currency, statement_id, booking_date,
           count(*) FILTER (WHERE detail_index IS NULL)
           + count(DISTINCT coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                                     key_part(bank_transaction_id)))
               FILTER (WHERE detail_index IS NOT NULL) AS entries,
           sum(CASE credit_debit WHEN 'CRDT' THEN amount ELSE -amount END) AS total
      FROM bank_transactions t WHERE status = 'BOOK' AND recorded_at <= $1
       -- What a person took for the same money as an earlier record is no entry of its own.
       AND NOT EXISTS (SELECT 1 FROM told_again d
                        WHERE d.bank_account = t.bank_account AND d.bank_key = t.bank_key
                          AND (t.disposition IN ('return_ended', 'refund_bounced') OR EXISTS (
                              SELECT 1 FROM payments p
                               WHERE p.payment_id = t.payment_id AND p.state = 'removed')))
     GROUP BY bank_account, currency, statement_id, booking_date
), known AS (
    -- One over the same entries as several shorter ones before it counts nothing of its own.
    SELECT n.*, copy = 1 AND entries > 0
           AND NOT EXISTS (SELECT 1 FROM booked b WHERE b.bank_account = n.bank_account
                              AND b.currency = n.currency AND b.statement_id = n.statement_id)
           AND EXISTS (
        SELECT 1 FROM named f
         WHERE f.copy = 1 AND f.bank_account = n.bank_account AND f.currency = n.currency
           AND f.opening_balance = n.opening_balance
           AND f.complete_through < n.complete_through
           AND f.complete_through > n.complete_through - interval '400 days'
           AND (SELECT count(*) > 1 AND sum(t.entries) = n.entries
                       AND sum(t.closing_balance - t.opening_balance)
                           = n.closing_balance - n.opening_balance
                  FROM named t
                 WHERE t.copy = 1 AND t.bank_account = n.bank_account AND t.currency = n.currency
                   AND (t.statement_id, t.day) <> (n.statement_id, n.day)
                   AND t.complete_through >= f.complete_through
                   AND t.complete_through <= n.complete_through)) AS overview
      FROM named n
), chain AS (
    SELECT k.*, lag(subject) OVER w AS before_id,
           lag(closing_balance) OVER w AS before_closing,
           (lag(complete_through) OVER w - interval '1 microsecond') AT TIME ZONE $2 AS before_end,
           (complete_through - interval '1 microsecond') AT TIME ZONE $2 AS at_end
      FROM known k WHERE copy = 1 AND NOT overview
    WINDOW w AS (PARTITION BY bank_account, currency ORDER BY complete_through, statement_id)
), split AS (
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
), sums AS (
    SELECT c.bank_account, c.currency, c.subject AS statement_id, c.opening_balance,
           c.closing_balance, c.entries, c.before_id, c.before_closing,
           coalesce(sum(b.entries), 0) AS found, coalesce(sum(b.total), 0) AS total
      FROM chain c
      LEFT JOIN booked b ON b.bank_account = c.bank_account AND b.currency = c.currency
       AND CASE WHEN b.statement_id IS NOT NULL THEN b.statement_id = c.statement_id
                     AND (c.same_before IS NULL OR b.booking_date > c.same_before::date)
                     AND (NOT c.same_after OR b.booking_date <= c.same_end::date)
                ELSE b.booking_date <= c.at_end::date
                     AND (c.before_end IS NULL OR b.booking_date > c.before_end::date) END
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
), drifts AS (
    SELECT 'statement_sum' AS kind, bank_account, statement_id AS subject, currency,
           opening_balance + total - closing_balance AS difference,
           format('opens with %s, its %s recorded entries sum to %s, it closes with %s',
                  to_char(opening_balance / 1e6, 'FM999999999999999999990.009999'), found,
                  to_char(total / 1e6, 'FM999999999999999999990.009999'),
                  to_char(closing_balance / 1e6, 'FM999999999999999999990.009999')) AS detail
      FROM sums WHERE opening_balance + total <> closing_balance
    UNION ALL
    SELECT 'statement_entries', bank_account, statement_id, currency, found - entries,
           format('has %s entries, %s are recorded', entries, found)
      FROM sums WHERE entries <> found
    UNION ALL
    SELECT 'statement_gap', bank_account, statement_id, currency,
           opening_balance - before_closing,
           format('opens with %s, but statement %s before it closes with %s: one between them is '
                  'missing, or one of them was issued again',
                  to_char(opening_balance / 1e6, 'FM999999999999999999990.009999'), before_id,
                  to_char(before_closing / 1e6, 'FM999999999999999999990.009999'))
      FROM sums WHERE before_closing <> opening_balance
    UNION ALL
    SELECT 'statement_double', bank_account, subject, currency, 0,
           format('says the same as statement %s', first_id)
      FROM known WHERE copy > 1
    UNION ALL
    SELECT 'statement_missing', b.bank_account, b.statement_id, b.currency, sum(b.total),
           format('%s entries booked from %s name it, a later statement came, it did not',
                  sum(b.entries), min(b.booking_date))
      FROM booked b
     WHERE b.statement_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM known k WHERE k.bank_account = b.bank_account
                          AND k.currency = b.currency AND k.statement_id = b.statement_id)
       AND EXISTS (SELECT 1 FROM chain c WHERE c.bank_account = b.bank_account
                      AND c.currency = b.currency AND c.at_end::date > b.booking_date)
     GROUP BY 2, 3, 4
    UNION ALL
    -- A return that found no original within two days is not in flight any more.
    SELECT 'return_parked', p.bank_account, p.bank_key, t.currency, t.amount,
           format('the bank took back %s on %s and what it means is not known (%s)',
                  to_char(t.amount / 1e6, 'FM999999999999999999990.009999'), t.booking_date, p.why)
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
  FROM drifts ORDER BY kind, bank_account, subject, currency LIMIT $3
