-- name: compare_state
-- How far the job came: the ledger is summed up to `through`, nothing can appear up to `horizon`;
-- and where its rounds through payments, invoices and details of entries are.
SELECT through, horizon, payment_id, invoice_id, details_through, details_round FROM compared
 WHERE only_row

-- name: compare_last_block
-- The last block of ids that was given out. Asked before `compare_writers`.
SELECT coalesce(pg_sequence_last_value('id_blocks'), 0)

-- name: compare_writers
-- Transactions that may still commit rows under ids of the blocks that were given out: a block is
-- given out under this lock, which is held until what bears its ids is visible to all. (Who asks
-- for the last one holds it too.)
SELECT l.virtualtransaction, l.pid IS NULL AS prepared
FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
WHERE l.locktype = 'relation' AND l.relation = 'id_blocks'::regclass
  AND l.mode = 'RowExclusiveLock' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()

-- name: compare_horizon
UPDATE compared SET horizon = $1 WHERE only_row AND horizon < $1

-- name: compare_from_the_start
SELECT compare_from_the_start()

-- name: compare_fold_end
-- The last id of the next $3 rows of the ledger behind $1; up to $2 where there are fewer.
SELECT CASE WHEN count(*) = $3::bigint THEN max(ledger_transaction_id) ELSE $2::bigint END
  FROM (SELECT ledger_transaction_id FROM ledger_transfers
         WHERE ledger_transaction_id > $1::bigint AND ledger_transaction_id <= $2::bigint
         ORDER BY ledger_transaction_id LIMIT $3::bigint) t

-- name: compare_fold
INSERT INTO ledger_sums AS s (account_id, currency, posted)
SELECT account_id, currency, sum(amount)
  FROM (SELECT credit_account AS account_id, currency, amount FROM ledger_transfers
         WHERE ledger_transaction_id > $1 AND ledger_transaction_id <= $2
           AND credit_account IS NOT NULL
         UNION ALL
        SELECT debit_account, currency, -amount FROM ledger_transfers
         WHERE ledger_transaction_id > $1 AND ledger_transaction_id <= $2
           AND debit_account IS NOT NULL) posted
 GROUP BY account_id, currency
ON CONFLICT (account_id, currency) DO UPDATE SET posted = s.posted + EXCLUDED.posted

-- name: compare_through
UPDATE compared SET through = $2 WHERE only_row AND through = $1

-- name: compare_touched
-- Whose allocations came, or went back, under the ids behind $1 up to $2.
SELECT payment_id, invoice_id FROM allocations
 WHERE allocation_id > $1 AND allocation_id <= $2
 UNION
SELECT a.payment_id, a.invoice_id FROM allocation_reversals r
  JOIN allocations a ON a.allocation_id = r.allocation_id
 WHERE r.reversal_id > $1 AND r.reversal_id <= $2

-- name: compare_taken_in
-- The payments of the bank that the ledger took in under the ids behind $1 up to $2, and whether it
-- did so elsewhere than where they were decided (see compare_received).
SELECT l.payment_id, l.ledger_transaction_id::text AS posting,
       (l.ledger_transaction_id > t.first_decision_id
           AND l.ledger_transaction_id <= t.first_decision_id + 8) IS NOT TRUE AS elsewhere
  FROM ledger_transfers l JOIN money_records t ON t.payment_id = l.payment_id
 WHERE l.ledger_transaction_id > $1 AND l.ledger_transaction_id <= $2
   AND l.kind IN ('payment_received', 'payment_provisioned') AND t.origin = 'bank'

-- name: compare_payments_page
SELECT payment_id FROM payments WHERE payment_id > $1 ORDER BY payment_id LIMIT $2

-- name: compare_invoices_page
SELECT invoice_id FROM invoices WHERE invoice_id > $1 ORDER BY invoice_id LIMIT $2

-- name: compare_listed
SELECT item FROM differences WHERE kind = ANY($1::text[]) AND item > $2 ORDER BY item LIMIT $3

-- name: compare_rounded
UPDATE compared SET payment_id = coalesce($1, payment_id), invoice_id = coalesce($2, invoice_id)
 WHERE only_row

-- name: compare_forget
DELETE FROM differences WHERE kind = ANY($1::text[]) AND item = ANY($2::text[])

-- name: compare_payments
-- What these payments say is allocated, and what their live allocations sum to, where it differs.
-- The index of live pairs leaves out what an undone return opened again: that is found by it.
INSERT INTO differences (kind, item, record_key, currency, found, should)
SELECT 'account_payments', p.payment_id, coalesce(p.account_id, a.account_id), p.currency,
       p.allocated, coalesce(a.total, 0)
  FROM payments p
 CROSS JOIN LATERAL (
    SELECT sum(live) AS total, max(account_id) AS account_id
      FROM (SELECT amount - reversed AS live, account_id FROM allocations
             WHERE payment_id = p.payment_id AND reversed_at IS NULL AND restores IS NULL
             UNION ALL
            SELECT b.amount - b.reversed, b.account_id
              FROM (SELECT return_id FROM payment_returns
                     WHERE payment_id = p.payment_id OFFSET 0) r
             CROSS JOIN LATERAL (SELECT * FROM allocations
                                  WHERE restores = r.return_id AND payment_id = p.payment_id
                                    AND reversed_at IS NULL OFFSET 0) b) l) a
 WHERE p.payment_id = ANY($1::text[]) AND p.allocated <> coalesce(a.total, 0)

-- name: compare_invoices
-- The same of invoices.
INSERT INTO differences (kind, item, record_key, currency, found, should)
SELECT 'account_invoices', i.invoice_id, i.account_id, i.currency, i.allocated,
       coalesce(a.total, 0)
  FROM invoice_states i
 CROSS JOIN LATERAL (SELECT sum(amount - reversed) AS total FROM allocations
                      WHERE invoice_id = i.invoice_id AND reversed_at IS NULL) a
 WHERE i.invoice_id = ANY($1::text[]) AND i.allocated <> coalesce(a.total, 0)

-- name: compare_received
-- What the bank booked as these payments, and what the ledger took in of it, where it differs. The
-- ledger has no index of payments: a payment is taken in by the ids that follow its decision's.
-- What is taken in elsewhere is counted by compare_postings, so that the sum of both is right
-- wherever it stands.
INSERT INTO differences (kind, item, record_key, currency, found, should, known_at)
SELECT 'bank_payments', t.payment_id, t.bank_account, t.currency, l.total, t.amount, t.recorded_at
  FROM money_records t
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS total FROM ledger_transfers
     WHERE ledger_transaction_id > t.first_decision_id
       AND ledger_transaction_id <= t.first_decision_id + 8
       AND payment_id = t.payment_id AND currency = t.currency
       AND kind IN ('payment_received', 'payment_provisioned')) l
 WHERE t.payment_id = ANY($1::text[]) AND t.origin = 'bank' AND l.total <> t.amount

-- name: compare_postings
-- What these ledger transactions took in of payments that were decided elsewhere.
INSERT INTO differences (kind, item, record_key, currency, found, should, known_at)
SELECT 'bank_postings', l.ledger_transaction_id::text, t.bank_account, t.currency, sum(l.amount),
       0, min(t.recorded_at)
  FROM ledger_transfers l
  JOIN money_records t ON t.payment_id = l.payment_id AND t.currency = l.currency
 WHERE l.ledger_transaction_id = ANY($1::text[]::bigint[]) AND t.origin = 'bank'
   AND l.kind IN ('payment_received', 'payment_provisioned')
   AND (l.ledger_transaction_id > t.first_decision_id
        AND l.ledger_transaction_id <= t.first_decision_id + 8) IS NOT TRUE
 GROUP BY l.ledger_transaction_id, t.bank_account, t.currency

-- name: compare_details_page
-- The entries of the next $2 details recorded behind $1, with all of the last instant.
-- Index: bank_details_recorded.
SELECT bank_account, currency,
       coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                key_part(bank_transaction_id)) AS entry, recorded_at
  FROM money_records
 WHERE detail_index IS NOT NULL AND status = 'BOOK' AND recorded_at > $1
 ORDER BY recorded_at FETCH FIRST $2 ROWS WITH TIES

-- name: compare_details_through
-- A worker whose clock is ahead does not hide what comes after its records.
UPDATE compared SET details_through = greatest(details_through, least($1, now())) WHERE only_row

-- name: compare_details_rounded
UPDATE compared SET details_round = $1 WHERE only_row

-- name: compare_listed_details
SELECT record_key, currency, item FROM differences
 WHERE kind = 'entry_details' AND (item, currency, record_key) > ($1::text, $2::text, $3::text)
 ORDER BY item, currency, record_key LIMIT $4

-- name: compare_forget_details
DELETE FROM differences d
 USING unnest($1::text[], $2::text[], $3::text[]) AS n(bank_account, currency, entry)
 WHERE d.kind = 'entry_details' AND d.item = n.entry AND d.currency = n.currency
   AND d.record_key = n.bank_account

-- name: compare_details
-- Entries that were booked as one sum, and whose details do not make it up. Index:
-- bank_details_entry.
INSERT INTO differences (kind, item, record_key, currency, found, should)
SELECT 'entry_details', n.entry, n.bank_account, n.currency, coalesce(s.total, 0),
       coalesce(s.amount, 0)
  FROM unnest($1::text[], $2::text[], $3::text[]) AS n(bank_account, currency, entry)
 CROSS JOIN LATERAL (
    SELECT count(*) AS found, max(entry_details) AS details, max(entry_amount) AS amount,
           abs(sum(CASE credit_debit WHEN 'CRDT' THEN amount ELSE -amount END)) AS total,
           min(entry_details) AS least_details, min(entry_amount) AS least_amount
      FROM money_records t
     WHERE t.detail_index IS NOT NULL AND t.status = 'BOOK' AND t.bank_account = n.bank_account
       AND t.currency = n.currency
       AND coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                    key_part(bank_transaction_id)) COLLATE "C" = n.entry) s
 WHERE s.total <> s.amount OR s.found <> s.details OR s.least_details <> s.details
    OR s.least_amount <> s.amount

-- name: compare_accounts_page
SELECT account_id FROM accounts WHERE account_id > $1 ORDER BY account_id LIMIT $2

-- name: compare_balances
-- The balances of these accounts, and what was posted to them: the sum up to $2, and what came
-- since.
WITH posted AS (
    SELECT account_id, currency, sum(amount) AS amount
      FROM (SELECT account_id, currency, posted AS amount FROM ledger_sums
             WHERE account_id = ANY($1::text[])
             UNION ALL
            SELECT credit_account, currency, amount FROM ledger_transfers
             WHERE ledger_transaction_id > $2 AND credit_account = ANY($1::text[])
             UNION ALL
            SELECT debit_account, currency, -amount FROM ledger_transfers
             WHERE ledger_transaction_id > $2 AND debit_account = ANY($1::text[])) e
     GROUP BY account_id, currency
), held AS (
    SELECT account_id, currency, amount FROM balances WHERE account_id = ANY($1::text[])
)
SELECT account_id, currency, coalesce(h.amount, 0)::text AS balance,
       coalesce(p.amount, 0)::text AS posted
  FROM held h FULL JOIN posted p USING (account_id, currency)

-- name: compare_lots
-- What is left in the next $6 lots behind those keys, up to the account $5: sums, how many they
-- are, and where each sum ends. Index: lots_open_order.
SELECT account_id, currency, sum(remaining)::text AS remaining, count(*) AS lots,
       max(allocated_at) AS until_at,
       (array_agg(allocation_id ORDER BY allocated_at DESC, allocation_id DESC))[1] AS until_id
  FROM (SELECT account_id, currency, remaining, allocated_at, allocation_id FROM allocations
         WHERE is_open AND account_id <= $5
           AND (account_id, currency, allocated_at, allocation_id)
               > ($1::text, $2::text, $3::timestamptz, $4::bigint)
         ORDER BY account_id, currency, allocated_at, allocation_id LIMIT $6) l
 GROUP BY account_id, currency
 ORDER BY account_id, currency

-- name: compare_forget_accounts
DELETE FROM differences
 WHERE kind = ANY(ARRAY['account_ledger', 'account_lots']) AND item > $1 AND item <= $2

-- name: compare_put
INSERT INTO differences (kind, item, record_key, currency, found, should)
SELECT n.kind, n.account_id, n.account_id, n.currency, n.found::numeric, n.should::numeric
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
       AS n(kind, account_id, currency, found, should)

-- name: compare_found
-- The differences of each account and currency, as one drift of each kind.
SELECT kind, 'account' AS key_kind, record_key, currency AS subject, currency,
       least(greatest(sum(found - should), -9e18), 9e18)::bigint AS difference,
       format(CASE kind
                  WHEN 'account_payments' THEN '%s payments say %s is allocated, allocations %s'
                  WHEN 'account_invoices' THEN '%s invoices say %s is allocated, allocations %s'
                  WHEN 'account_ledger'
                      THEN '%s balance: it is %s, its ledger entries sum to %s'
                  ELSE '%s balance: %s is left in lots, the balance is %s' END,
              count(*), to_char(sum(found) / 1e6, 'FM999999999999999999990.009999'),
              to_char(sum(should) / 1e6, 'FM999999999999999999990.009999')) AS detail
  FROM differences
 WHERE kind LIKE 'account%'
 GROUP BY kind, record_key, currency
 ORDER BY kind, record_key, currency LIMIT $1

-- name: compare_found_bank
-- The same of our bank accounts, for facts known at $1. Payments make one drift of each bank
-- account and currency, where they do not make up for each other, as reconcile_bank has it.
WITH listed AS (
    SELECT item, currency, record_key FROM differences WHERE kind = 'entry_details'
     ORDER BY item, currency, record_key LIMIT $2
), split AS (
    SELECT d.record_key, d.item, d.currency, s.*
      FROM listed d
     CROSS JOIN LATERAL (
        SELECT count(*) AS found, max(entry_details) AS details, max(entry_amount) AS amount,
               abs(sum(CASE credit_debit WHEN 'CRDT' THEN amount ELSE -amount END)) AS total,
               min(entry_details) AS least_details, min(entry_amount) AS least_amount
          FROM money_records t
         WHERE t.detail_index IS NOT NULL AND t.status = 'BOOK' AND t.bank_account = d.record_key
           AND t.currency = d.currency AND coalesce(told_at, recorded_at) <= $1
           AND coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                        key_part(bank_transaction_id)) COLLATE "C" = d.item) s
), drifts AS (
    SELECT 'entry_details' AS kind, record_key, item AS subject, currency,
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
    SELECT 'bank_payments', record_key, currency, currency, sum(found - should),
           format('booked credits that differ are %s, the ledger took in of them, or twice, %s',
                  to_char(sum(should) / 1e6, 'FM999999999999999999990.009999'),
                  to_char(sum(found) / 1e6, 'FM999999999999999999990.009999'))
      FROM differences
     WHERE kind IN ('bank_payments', 'bank_postings') AND known_at <= $1
     GROUP BY record_key, currency HAVING sum(found) <> sum(should)
)
SELECT kind, 'bank' AS key_kind, record_key, subject, currency,
       least(greatest(difference, -9e18), 9e18)::bigint AS difference, detail
  FROM drifts ORDER BY kind, record_key, subject, currency LIMIT $2
