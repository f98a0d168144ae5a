-- name: candidates_facts
-- What is known of these invoices, as far as they await payment. The rule of staleness is
-- `domain::void_candidate`. Who is kept for ever is kept for as long as a calendar of ours goes.
SELECT invoice_id, account_id, currency, due, allocated <> 0 AS part_paid, due_date,
       CASE WHEN keep_until = 'infinity' THEN DATE '9999-12-31' ELSE keep_until END AS keep_until,
       stale_since, stale_after_days, time_zone, named OR payable AS wanted, candidate_since
FROM candidate_facts WHERE invoice_id = ANY($1::text[])
ORDER BY account_id, invoice_id

-- name: candidates_zones
-- The time zones of customers that have one of their own. Index: accounts_time_zone.
SELECT DISTINCT time_zone FROM accounts WHERE time_zone IS NOT NULL ORDER BY 1

-- name: candidates_feed
-- The bank account whose feed is known for the shortest time, or not at all: no statement of it
-- counts. It blocks what needs to know that no money came. The accounts are found one after the
-- other, and of each the latest statement.
-- Indexes: money_records_bank_key, bank_statements_through.
WITH RECURSIVE booked (bank_account) AS (
    (SELECT bank_account FROM bank_transactions ORDER BY bank_account LIMIT 1)
    UNION ALL
    SELECT (SELECT t.bank_account FROM bank_transactions t WHERE t.bank_account > b.bank_account
            ORDER BY t.bank_account LIMIT 1)
    FROM booked b WHERE b.bank_account IS NOT NULL),
told (bank_account) AS (
    (SELECT bank_account FROM bank_statements ORDER BY bank_account LIMIT 1)
    UNION ALL
    SELECT (SELECT s.bank_account FROM bank_statements s WHERE s.bank_account > t.bank_account
            ORDER BY s.bank_account LIMIT 1)
    FROM told t WHERE t.bank_account IS NOT NULL),
feeds AS (SELECT bank_account FROM booked UNION SELECT bank_account FROM told)
SELECT f.bank_account, f.through,
       f.through IS NULL
       AND EXISTS (SELECT 1 FROM bank_statements s WHERE s.bank_account = f.bank_account
                      AND s.complete_through > s.recorded_at + $1) AS in_future
FROM (
    SELECT b.bank_account, (SELECT s.complete_through FROM bank_statements s
             WHERE s.bank_account = b.bank_account
               -- Who speaks of the future knows nothing.
               AND s.complete_through <= s.recorded_at + $1
             ORDER BY s.complete_through DESC LIMIT 1) AS through
    FROM feeds b WHERE b.bank_account IS NOT NULL) f
ORDER BY f.through NULLS FIRST, f.bank_account LIMIT 1

-- name: candidates_open
-- Why the bank's feed proves nothing now: records that had no effect, and logs that are not read.
SELECT CASE
    WHEN EXISTS (SELECT 1 FROM dead_letters WHERE topic = $2 AND status = 'open')
        THEN 'a record of the bank is an open dead letter'
    WHEN EXISTS (SELECT 1 FROM waiting_commands WHERE topic = $2)
        THEN 'a record of the bank waits for a later version of this program'
    WHEN EXISTS (SELECT 1 FROM log_changes c WHERE c.settled_at IS NULL
                  AND c.consumer_group = $1 AND c.topic = $2)
        THEN 'the log of the bank''s records changed, and nobody has settled it'
    WHEN EXISTS (SELECT 1 FROM partition_states s WHERE s.consumer_group = $1 AND s.topic = $2
                  AND s.state IN ('held', 'unreadable', 'unauthorised'))
        THEN 'a partition of the bank''s records is not read'
    WHEN (SELECT count(*) <> coalesce(max(p.partition) + 1, 0)
            FROM (SELECT partition FROM checkpoints WHERE consumer_group = $1 AND topic = $2
                  UNION
                  SELECT partition FROM partition_states
                   WHERE consumer_group = $1 AND topic = $2) p)
        THEN 'a partition of the bank''s records was never opened'
    END

-- name: candidates_page
-- Whose flag may have to change, on one page of the invoices that await payment: those that have
-- one, and those that are old enough and of which nothing is paid. That is a superset of what
-- `domain::void_candidate` changes; what may be meant for an invoice is not looked up here.
SELECT invoice_id FROM candidate_facts
-- No id has a letter that is behind this one.
WHERE invoice_id > $3 AND invoice_id <= coalesce($4::text, '~')
  AND (candidate_since IS NOT NULL
       OR allocated = 0
          AND stale_since + make_interval(days => coalesce(stale_after_days, $2)) <= $1)

-- name: candidates_page_end
SELECT invoice_id FROM payable_invoices WHERE invoice_id > $1 ORDER BY invoice_id
OFFSET $2 - 1 LIMIT 1

-- name: candidates_pending
SELECT bank_account, bank_key, content_hash, status, disposition, payment_id, credit_debit,
       reversal, currency, amount, charges, booking_date, value_date, bank_transaction_id,
       statement_id, entry_reference, end_to_end_id, debtor_name, debtor_account, virtual_account,
       creditor_reference, unstructured, return_of, instructed_currency, instructed_amount,
       detail_index, entry_amount, entry_details
FROM bank_transactions
WHERE status = 'PDNG' AND disposition = 'not_booked' AND (bank_account, bank_key) > ($1, $2)
ORDER BY bank_account, bank_key LIMIT $3

-- name: candidates_named
-- The invoices that await payment and that these words name: by reference, by number, by what is
-- upstream's. Indexes: invoices_payment_reference_key, invoices_folded_key,
-- invoice_references_pkey.
SELECT p.invoice_id
FROM unnest($1::text[]) AS word(key)
JOIN invoices i ON i.payment_reference = word.key
JOIN payable_invoices p ON p.invoice_id = i.invoice_id
UNION
SELECT p.invoice_id
FROM unnest($2::text[]) AS word(key)
JOIN invoices i ON i.folded_key = word.key
JOIN payable_invoices p ON p.invoice_id = i.invoice_id
UNION
SELECT p.invoice_id
FROM unnest($1::text[] || $2::text[]) AS word(key)
JOIN invoice_references r ON r.reference = word.key
JOIN payable_invoices p ON p.invoice_id = r.invoice_id

-- name: candidates_owners
SELECT DISTINCT account_id FROM invoices WHERE invoice_id = ANY($1::text[])

-- name: candidates_flag
WITH flagged AS (
    UPDATE payable_invoices p SET candidate_since = $6
    FROM unnest($1::text[], $2::bigint[]) AS n(invoice_id, due)
    WHERE p.invoice_id = n.invoice_id AND p.due = n.due AND p.candidate_since IS NULL
    RETURNING p.invoice_id, p.account_id, p.currency, p.due_date
)
INSERT INTO void_candidates (invoice_id, episode, account_id, currency, amount_due, due_date,
    stale_since, stale_after_days, feed_complete_through, flagged_at)
SELECT f.invoice_id,
       1 + coalesce((SELECT max(c.episode) FROM void_candidates c
                      WHERE c.invoice_id = f.invoice_id), 0),
       f.account_id, f.currency, n.due, f.due_date, n.stale_since, n.days, $5, $6
FROM flagged f
JOIN unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::integer[])
     AS n(invoice_id, due, stale_since, days) ON n.invoice_id = f.invoice_id

-- name: candidates_unflag
UPDATE payable_invoices SET candidate_since = NULL
WHERE invoice_id = ANY($1::text[]) AND candidate_since IS NOT NULL

-- name: clear_candidates
UPDATE void_candidates c SET cleared_at = $3, cleared_by = n.reason
FROM unnest($1::text[], $2::text[]) AS n(invoice_id, reason)
WHERE c.invoice_id = n.invoice_id AND c.cleared_at IS NULL
