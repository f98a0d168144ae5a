-- name: compare_state
-- How far the job came: the ledger is summed up to `through`, nothing can appear up to `horizon`;
-- and where its round through payments and invoices is.
SELECT through, horizon, payment_id, invoice_id FROM compared WHERE only_row

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

-- name: compare_payments_page
SELECT payment_id FROM payments WHERE payment_id > $1 ORDER BY payment_id LIMIT $2

-- name: compare_invoices_page
SELECT invoice_id FROM invoices WHERE invoice_id > $1 ORDER BY invoice_id LIMIT $2

-- name: compare_listed
SELECT item FROM differences WHERE kind = $1 AND item > $2 ORDER BY item LIMIT $3

-- name: compare_rounded
UPDATE compared SET payment_id = coalesce($1, payment_id), invoice_id = coalesce($2, invoice_id)
 WHERE only_row

-- name: compare_forget
DELETE FROM differences WHERE kind = $1 AND item = ANY($2::text[])

-- name: compare_payments
-- What these payments say is allocated, and what their live allocations sum to, where it differs.
-- The index of live pairs leaves out what an undone return opened again: that is found by it.
INSERT INTO differences (kind, item, account_id, currency, found, should)
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
INSERT INTO differences (kind, item, account_id, currency, found, should)
SELECT 'account_invoices', i.invoice_id, i.account_id, i.currency, i.allocated,
       coalesce(a.total, 0)
  FROM invoice_states i
 CROSS JOIN LATERAL (SELECT sum(amount - reversed) AS total FROM allocations
                      WHERE invoice_id = i.invoice_id AND reversed_at IS NULL) a
 WHERE i.invoice_id = ANY($1::text[]) AND i.allocated <> coalesce(a.total, 0)

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
INSERT INTO differences (kind, item, account_id, currency, found, should)
SELECT n.kind, n.account_id, n.account_id, n.currency, n.found::numeric, n.should::numeric
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
       AS n(kind, account_id, currency, found, should)

-- name: compare_found
-- The differences of each account and currency, as one drift of each kind.
SELECT kind, 'account' AS key_kind, account_id AS record_key, currency AS subject, currency,
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
 GROUP BY kind, account_id, currency
 ORDER BY kind, account_id, currency LIMIT $1
