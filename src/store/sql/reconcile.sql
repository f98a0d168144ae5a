-- name: reconcile_bank
-- What was recorded of bank accounts that does not fit together, for facts known at $1: all of it,
-- for a person who asks. The job asks compare_found_bank. What their statements say is held against
-- it by domain::chain.
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
    SELECT 'entry_details' AS kind, bank_account, entry AS subject, currency,
           coalesce(total - amount, 0) AS difference,
           format('the entry of %s has %s details; %s are recorded and sum to %s',
                  coalesce(to_char(amount / 1e6, 'FM999999999999999999990.009999'),
                           'unknown amount'),
                  coalesce(details::text, 'unknown'), found,
                  to_char(total / 1e6, 'FM999999999999999999990.009999')) AS detail
      FROM split
     WHERE total <> amount OR found <> details OR least_details <> details
        OR least_amount <> amount
    UNION ALL
    SELECT 'bank_payments', t.bank_account, t.currency, t.currency,
           sum(coalesce(l.amount, 0)) - sum(t.amount),
           format('booked credits are %s, what the ledger took in of them %s',
                  to_char(sum(t.amount) / 1e6, 'FM999999999999999999990.009999'),
                  to_char(sum(coalesce(l.amount, 0)) / 1e6, 'FM999999999999999999990.009999'))
      FROM money_records t
      LEFT JOIN (SELECT payment_id, currency, sum(amount) AS amount FROM ledger_transfers
                  WHERE kind IN ('payment_received', 'payment_provisioned')
                  GROUP BY payment_id, currency) l USING (payment_id, currency)
     WHERE t.payment_id IS NOT NULL AND t.bank_key IS NOT NULL AND t.recorded_at <= $1
     GROUP BY 2, 3 HAVING sum(t.amount) <> sum(coalesce(l.amount, 0))
)
SELECT kind, 'bank' AS key_kind, bank_account AS record_key, subject, currency,
       -- One sum beyond what money can be here must not hide the differences of all others.
       least(greatest(difference, -9e18), 9e18)::bigint AS difference, detail
  FROM drifts ORDER BY kind, bank_account, subject, currency LIMIT $2

-- name: reconcile_parked
-- A return that found no original within two days is not in flight any more.
SELECT 'return_parked' AS kind, 'bank' AS key_kind, p.bank_account AS record_key,
       p.bank_key AS subject, t.currency, t.amount AS difference,
       format('the bank took back %s on %s and what it means is not known (%s)',
              to_char(t.amount / 1e6, 'FM999999999999999999990.009999'), t.booking_date,
              p.why) AS detail
  FROM parked_returns p
  JOIN bank_transactions t USING (bank_account, bank_key)
 WHERE p.parked_at <= $1::timestamptz - interval '2 days'
 ORDER BY p.bank_account, p.bank_key LIMIT $2

-- name: reconcile_entries
-- The entries of a statement of the bank account $1: those that it, or one that it covers, names
-- (in the currencies $2, by the ids $3, after the days $4 and up to the days $5), and those that no
-- statement names (in the currencies $6, after the days $7 and up to the days $8). $9 is the id of
-- one that has not come, or not in that currency. What became of each, and whether it counts, as
-- domain::chain counts them. Index: money_records_bank_key.
WITH RECURSIVE told AS (
    -- What a person took for the same money as an earlier record is no entry of its own.
    SELECT d.bank_account, d.bank_key, d.earlier_key
      FROM told_again d JOIN money_records t USING (bank_account, bank_key)
     WHERE d.bank_account = $1
       AND (t.disposition IN ('return_ended', 'refund_bounced') OR t.state = 'removed')
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

-- name: reconcile_accounts
-- What the tables of each account and currency say against each other, as they are now: all of
-- them, for a person who asks. The job asks compare_found.
WITH live AS (
    SELECT account_id, currency, sum(amount - reversed) AS total FROM allocations
     WHERE reversed_at IS NULL GROUP BY 1, 2
), paid AS (
    SELECT account_id, currency, sum(allocated) AS total FROM payments
     WHERE allocated > 0 GROUP BY 1, 2
), covered AS (
    SELECT account_id, currency, sum(allocated) AS total FROM invoice_states
     WHERE allocated > 0 GROUP BY 1, 2
), posted AS (
    SELECT account_id, currency, sum(amount) AS total FROM ledger_entries
     WHERE ledger_account = 'customer_balance' GROUP BY 1, 2
), left_over AS (
    SELECT account_id, currency, sum(remaining) AS total FROM lots
     WHERE remaining > 0 GROUP BY 1, 2
), pairs AS (
    SELECT 'account_payments' AS kind, account_id, currency, coalesce(p.total, 0) AS "is",
           coalesce(l.total, 0) AS should, 'payments say %s is allocated, allocations %s' AS words
      FROM paid p FULL JOIN live l USING (account_id, currency)
    UNION ALL
    SELECT 'account_invoices', account_id, currency, coalesce(c.total, 0), coalesce(l.total, 0),
           'invoices say %s is allocated, allocations %s'
      FROM covered c FULL JOIN live l USING (account_id, currency)
    UNION ALL
    SELECT 'account_ledger', account_id, currency, coalesce(b.amount, 0), coalesce(p.total, 0),
           'the balance is %s, its ledger entries sum to %s'
      FROM balances b FULL JOIN posted p USING (account_id, currency)
    UNION ALL
    SELECT 'account_lots', account_id, currency, coalesce(r.total, 0),
           greatest(coalesce(b.amount, 0), 0), '%s is left in lots, the balance is %s'
      FROM left_over r FULL JOIN balances b USING (account_id, currency)
)
SELECT kind, 'account' AS key_kind, account_id AS record_key, currency AS subject, currency,
       least(greatest(is_ - should, -9e18), 9e18)::bigint AS difference,
       format(words, to_char(is_ / 1e6, 'FM999999999999999999990.009999'),
              to_char(should / 1e6, 'FM999999999999999999990.009999')) AS detail
  FROM (SELECT kind, account_id, currency, "is" AS is_, should, words FROM pairs) p
 WHERE is_ <> should
 ORDER BY kind, account_id, currency LIMIT $1

-- name: reconcile_next_account
-- The bank account after $1 that has entries or statements; none after the last.
-- Indexes: money_records_bank_key, bank_statements_pkey.
SELECT least(
    (SELECT t.bank_account FROM bank_transactions t WHERE t.bank_account > $1::text
      ORDER BY t.bank_account LIMIT 1),
    (SELECT s.bank_account FROM bank_statements s WHERE s.bank_account > $1::text
      ORDER BY s.bank_account LIMIT 1))

-- name: reconcile_statements
-- The statements of the bank account $3 for facts known at $1; days are those of the zone $2.
SELECT bank_account, currency, statement_id, opening_balance::text AS opening_balance,
       closing_balance::text AS closing_balance, entries, complete_through,
       ((complete_through - interval '1 microsecond') AT TIME ZONE $2)::date AS end_day, day,
       extract(year FROM day)::integer::text AS year
  FROM bank_statements
 WHERE recorded_at <= coalesce($1::timestamptz, 'infinity')
   AND bank_account = $3::text

-- name: reconcile_booked
-- The entries of the bank account $2 for facts known at $1, by day and by the statements that name
-- them: its own, or the one that booked it, and others.
WITH RECURSIVE told AS (
    -- What a person took for the same money as an earlier record is no entry of its own.
    SELECT d.bank_account, d.bank_key, d.earlier_key
      FROM told_again d JOIN money_records t USING (bank_account, bank_key)
     WHERE d.bank_account = $2::text
       AND (t.disposition IN ('return_ended', 'refund_bounced') OR t.state = 'removed')
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

-- name: bank_feeds_known
INSERT INTO bank_feeds (bank_account) SELECT unnest($1::text[]) ORDER BY 1
ON CONFLICT (bank_account) DO NOTHING

-- name: bank_feeds_lock
SELECT bank_account, event_sequence FROM bank_feeds WHERE bank_account = ANY($1::text[])
ORDER BY bank_account FOR NO KEY UPDATE

-- name: bank_feeds_number
UPDATE bank_feeds f SET event_sequence = n.now
FROM unnest($1::text[], $2::bigint[]) AS n(bank_account, now)
WHERE f.bank_account = n.bank_account

-- name: drifts_latest
SELECT max(coalesce(cleared_at, opened_at)) FROM drifts

-- name: drifts_lock_open
SELECT drift_id, kind, key_kind, record_key, subject, currency FROM drifts
WHERE cleared_at IS NULL ORDER BY drift_id FOR UPDATE

-- name: drifts_open
INSERT INTO drifts (kind, key_kind, record_key, subject, currency, difference, detail, opened_at)
SELECT n.kind, n.key_kind, n.record_key, n.subject, n.currency, n.difference, n.detail, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
    AS n(kind, key_kind, record_key, subject, currency, difference, detail)

-- name: drifts_clear
UPDATE drifts SET cleared_at = $2 WHERE drift_id = ANY($1::bigint[]) AND cleared_at IS NULL
