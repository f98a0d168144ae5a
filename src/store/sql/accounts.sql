-- name: accounts_make_known
-- Nearly all are known: to look costs a third less than an insert that finds a conflict.
INSERT INTO accounts (account_id, created_at, updated_at)
SELECT named.id, $2, $2 FROM unnest($1::text[]) AS named(id)
WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.account_id = named.id) ORDER BY named.id
ON CONFLICT (account_id) DO NOTHING

-- name: accounts_described
-- When each of these customers was described last. Index: accounts_pkey.
SELECT account_id, described_at FROM accounts
 WHERE account_id = ANY($1::text[]) AND described_at IS NOT NULL

-- name: lock_accounts
SELECT account_id, name AS account_name, event_sequence, book_version,
       closed_at IS NOT NULL AS closed, time_zone,
       level_currencies, level_amounts, balance_currency, balance
FROM accounts WHERE account_id = ANY($1::text[])
ORDER BY account_id FOR NO KEY UPDATE

-- name: load_accounts
SELECT account_id, name AS account_name, event_sequence, book_version,
       closed_at IS NOT NULL AS closed, time_zone,
       level_currencies, level_amounts, balance_currency
FROM accounts WHERE account_id = ANY($1::text[])

-- name: update_accounts
UPDATE accounts a SET name = n.name, updated_at = $4,
       stale_after_days = coalesce(n.stale_after_days, a.stale_after_days),
       time_zone = coalesce(n.time_zone, a.time_zone),
       level_currencies = coalesce(n.level_currencies::text[], a.level_currencies),
       level_amounts = CASE WHEN n.level_currencies IS NULL THEN a.level_amounts
                            ELSE n.level_amounts::bigint[] END,
       described_at = greatest(a.described_at, n.described_at)
FROM unnest($1::text[], $2::text[], $3::integer[], $5::text[], $6::timestamptz[], $7::text[],
            $8::text[])
    AS n(account_id, name, stale_after_days, time_zone, described_at, level_currencies,
         level_amounts)
WHERE a.account_id = n.account_id

-- name: move_accounts
-- Their event sequences, and where one changed the balance in the first currency ($6 to $8). The
-- first change makes the currency.
UPDATE accounts a SET event_sequence = n.now, book_version = a.book_version + $5, updated_at = $4,
       balance = coalesce(n.balance, a.balance),
       balance_currency = coalesce(a.balance_currency, n.currency),
       balance_at = CASE WHEN n.balance IS NULL THEN a.balance_at ELSE $4 END
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $6::text[], $7::bigint[], $8::bigint[])
     AS n(account_id, was, now, currency, balance_was, balance)
WHERE a.account_id = n.account_id AND a.event_sequence = n.was
  AND (n.balance IS NULL
       OR (a.balance = n.balance_was AND coalesce(a.balance_currency, n.currency) = n.currency))

-- name: close_accounts
UPDATE accounts a SET closed_at = CASE WHEN n.closed THEN $3::timestamptz END, updated_at = $3
FROM unnest($1::text[], $2::boolean[]) AS n(account_id, closed)
WHERE a.account_id = n.account_id

-- name: raise_books
-- What a payer's account says of them has changed. Their rows are locked.
UPDATE accounts SET book_version = book_version + 1 WHERE account_id = ANY($1::text[])

-- name: load_namesakes
-- Customers that share a name, a few of each: one beside its own is all that anybody asks for.
-- Index: accounts_name_key.
SELECT asked.name, a.account_id
FROM unnest($1::text[]) AS asked(name)
CROSS JOIN LATERAL (
    SELECT account_id FROM accounts a WHERE name_key(a.name) = asked.name LIMIT $2) a

-- name: load_debtors
-- Index: money_records_payment.
SELECT payment_id, bank_account, debtor_account FROM money_records
WHERE payment_id = ANY($1::text[]) AND disposition = 'payment'

-- name: insert_payers
INSERT INTO payer_accounts (payer_account, account_id)
SELECT * FROM unnest($1::text[], $2::text[])

-- name: delete_payers
-- The lists of these customers go. What is not on the new ones ($2 of $3) was theirs until now, and
-- what they had within the batch alone ($5 of $6).
WITH gone AS (
    DELETE FROM payer_accounts
     WHERE account_id = ANY($1::text[]) RETURNING payer_account AS number, account_id
)
INSERT INTO former_owners AS f (kind, number, account_id, until)
SELECT 'payer', g.number, g.account_id, $4::timestamptz FROM gone g
 WHERE NOT EXISTS (SELECT 1 FROM unnest($2::text[], $3::text[]) AS n(number, account_id)
                    WHERE n.number = g.number AND n.account_id = g.account_id)
 UNION
SELECT 'payer', p.number, p.account_id, $4::timestamptz
  FROM unnest($5::text[], $6::text[]) AS p(number, account_id)
ON CONFLICT (number, kind, account_id) DO UPDATE SET until = greatest(f.until, excluded.until)

-- name: resolve_payers
-- Verified owners, former ones, and what persons taught; each with its account in the same
-- snapshot.
SELECT o.payer_account, o.verified, o.confirmations, o.last_used_on, o.until, a.account_id,
       a.name AS account_name, a.event_sequence, a.book_version,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts, a.balance_currency
FROM (SELECT payer_account, account_id, true AS verified, NULL::integer AS confirmations,
             NULL::date AS last_used_on, NULL::timestamptz AS until
        FROM payer_accounts WHERE payer_account = ANY($1::text[])
      UNION ALL
      SELECT payer_account, account_id, false, confirmations, last_used_on, NULL
        FROM payer_aliases WHERE payer_account = ANY($1::text[]) AND confirmations > 0
      UNION ALL
      SELECT number, account_id, false, NULL, NULL, until
        FROM former_owners WHERE number = ANY($1::text[]) AND kind = 'payer') o
JOIN accounts a ON a.account_id = o.account_id

-- name: insert_virtuals
INSERT INTO virtual_accounts (virtual_account, account_id)
SELECT * FROM unnest($1::text[], $2::text[])

-- name: delete_virtuals
-- The lists of these customers go. What is not on the new ones ($2 of $3) was theirs until now, and
-- what they had within the batch alone ($5 of $6).
WITH gone AS (
    DELETE FROM virtual_accounts
     WHERE account_id = ANY($1::text[]) RETURNING virtual_account AS number, account_id
)
INSERT INTO former_owners AS f (kind, number, account_id, until)
SELECT 'virtual', g.number, g.account_id, $4::timestamptz FROM gone g
 WHERE NOT EXISTS (SELECT 1 FROM unnest($2::text[], $3::text[]) AS n(number, account_id)
                    WHERE n.number = g.number AND n.account_id = g.account_id)
 UNION
SELECT 'virtual', p.number, p.account_id, $4::timestamptz
  FROM unnest($5::text[], $6::text[]) AS p(number, account_id)
ON CONFLICT (number, kind, account_id) DO UPDATE SET until = greatest(f.until, excluded.until)

-- name: resolve_virtuals
-- Whose they are, and whose they were until when.
SELECT virtual_account, account_id, NULL::timestamptz AS until
  FROM virtual_accounts WHERE virtual_account = ANY($1::text[])
UNION ALL
SELECT number, account_id, until
  FROM former_owners WHERE number = ANY($1::text[]) AND kind = 'virtual'

-- name: insert_limits
INSERT INTO credit_limits (account_id, currency, amount)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])

-- name: delete_limits
DELETE FROM credit_limits WHERE account_id = ANY($1::text[])

-- name: load_limits
SELECT account_id, currency, amount FROM credit_limits WHERE account_id = ANY($1::text[])
