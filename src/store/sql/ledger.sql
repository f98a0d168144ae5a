-- name: insert_ledger_transfers
INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, said, debit,
    debit_account, credit, credit_account, currency, amount, posted_at)
SELECT n.ledger_transaction_id, n.leg, n.kind::ledger_kind, n.payment_id, n.said,
       n.debit::ledger_account, n.debit_account, n.credit::ledger_account, n.credit_account,
       n.currency, n.amount, $12
  FROM (SELECT unnest($1::bigint[]) AS ledger_transaction_id, unnest($2::smallint[]) AS leg,
    unnest($3::text[]) AS kind, unnest($4::text[]) AS payment_id, unnest($5::text[]) AS said,
    unnest($6::text[]) AS debit, unnest($7::text[]) AS debit_account,
    unnest($8::text[]) AS credit, unnest($9::text[]) AS credit_account,
    unnest($10::text[]) AS currency, unnest($11::bigint[]) AS amount) AS n

-- name: load_balances
SELECT account_id, currency, amount FROM balances WHERE account_id = ANY($1::text[])

-- name: load_further_balances
SELECT account_id, currency, amount FROM further_balances WHERE account_id = ANY($1::text[])

-- name: change_further_balances
-- Balances in other currencies than the customer's first.
INSERT INTO further_balances AS b (account_id, currency, amount, updated_at)
SELECT n.*, $4 FROM (SELECT unnest($1::text[]) AS account_id, unnest($2::text[]) AS currency,
    unnest($3::bigint[]) AS amount) AS n
ON CONFLICT (account_id, currency)
DO UPDATE SET amount = b.amount + EXCLUDED.amount, updated_at = EXCLUDED.updated_at
RETURNING b.account_id, b.currency, b.amount

-- name: load_lots
-- The next lots that have money, the oldest first, behind the last that was read of each account.
-- Index: lots_open_order.
SELECT n.account_id, n.currency, l.lot_id, l.amount, l.remaining, l.debt_cleared, l.reversed,
       l.clawed_back, l.opened_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[])
     AS n(account_id, currency, after_at, after_id, rows)
CROSS JOIN LATERAL (
    SELECT lot_id, amount, remaining, debt_cleared, reversed, clawed_back, opened_at FROM lots
     WHERE account_id = n.account_id AND currency = n.currency AND is_open
       AND (opened_at, lot_id) > (coalesce(n.after_at, '-infinity'), n.after_id)
     ORDER BY opened_at, lot_id LIMIT n.rows) l
ORDER BY n.account_id, n.currency, l.opened_at, l.lot_id

-- name: load_lots_by_id
SELECT lot_id, account_id, currency, amount, remaining, debt_cleared, reversed, clawed_back,
       opened_at
FROM lots WHERE lot_id = ANY($1::bigint[])

-- name: load_lots_cleared
-- The next lots that cleared a debt, the newest first, before the last that was read of each
-- account. Index: lots_cleared_order.
SELECT n.account_id, n.currency, l.lot_id, l.amount, l.remaining, l.debt_cleared, l.reversed,
       l.clawed_back, l.opened_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[])
     AS n(account_id, currency, before_at, before_id, rows)
CROSS JOIN LATERAL (
    SELECT allocation_id AS lot_id, amount, remaining, debt_cleared, reversed,
           coalesce(clawed_back, 0) AS clawed_back, allocated_at AS opened_at
      FROM allocations
     WHERE account_id = n.account_id AND currency = n.currency AND debt_cleared IS NOT NULL
       AND (allocated_at, allocation_id) < (coalesce(n.before_at, 'infinity'), n.before_id)
     ORDER BY allocated_at DESC, allocation_id DESC LIMIT n.rows) l
ORDER BY n.account_id, n.currency, l.opened_at DESC, l.lot_id DESC

-- name: update_lots
UPDATE allocations a SET remaining = n.remaining, debt_cleared = nullif(n.debt_cleared, 0),
       reversed = n.reversed, clawed_back = nullif(n.clawed_back, 0),
       reversed_at = CASE WHEN n.reversed = a.amount
                          THEN coalesce(a.reversed_at, $8::timestamptz) END
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[])
     AS n(lot_id, was, was_reversed, remaining, debt_cleared, reversed, clawed_back)
WHERE a.allocation_id = n.lot_id AND a.remaining = n.was AND a.reversed = n.was_reversed

-- name: insert_consumptions
INSERT INTO lot_consumptions (cause_id, lot_id, kind, account_id, amount)
SELECT n.* FROM (SELECT unnest($1::bigint[]) AS cause_id, unnest($2::bigint[]) AS lot_id,
    unnest($3::text[]) AS kind, unnest($4::text[]) AS account_id,
    unnest($5::bigint[]) AS amount) AS n

-- name: load_consumptions
-- What charges burnt of several lots, in the order in which lots burn: a refund gives back in the
-- reverse of it.
SELECT c.cause_id, c.lot_id, c.amount FROM lot_consumptions c
JOIN lots l ON l.lot_id = c.lot_id
WHERE c.cause_id = ANY($1::bigint[]) AND c.kind = 'charge'
ORDER BY c.cause_id, l.opened_at, l.lot_id
