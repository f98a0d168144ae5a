-- name: upsert_holds
INSERT INTO holds (account_id, hold_id, currency, amount, released, state, placed_at, told_at,
    ended_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
ON CONFLICT (account_id, hold_id) DO UPDATE
SET amount = EXCLUDED.amount, released = EXCLUDED.released, state = EXCLUDED.state,
    placed_at = EXCLUDED.placed_at, told_at = EXCLUDED.told_at, ended_at = EXCLUDED.ended_at

-- name: load_holds
SELECT h.account_id, h.hold_id, h.currency, h.amount, h.released, h.state, h.placed_at,
       h.told_at, h.ended_at
FROM unnest($1::text[], $2::text[]) AS n(account_id, hold_id)
JOIN holds h ON h.account_id = n.account_id AND h.hold_id = n.hold_id

-- name: load_live_holds
-- What live holds set aside, as far as it can be counted. Index: holds_live_of_account.
SELECT account_id, currency, least(sum(amount - released), 9000000000000000000)::bigint AS held
FROM holds WHERE account_id = ANY($1::text[]) AND state = 'live'
GROUP BY account_id, currency

-- name: holds_due
-- Live holds that are to expire and never failed. Index: holds_live.
SELECT h.account_id, h.hold_id, h.currency, h.amount
  FROM holds h
 WHERE h.state = 'live' AND h.placed_at <= $1
   AND (SELECT true FROM failing_items f WHERE f.kind = 'hold'
           AND f.item = key_joined(h.account_id, h.hold_id) LIMIT 1) IS NULL
 ORDER BY h.placed_at LIMIT $2

-- name: holds_again
-- Live holds that failed when they were to expire and are to be tried again.
SELECT h.account_id, h.hold_id, h.currency, h.amount
  FROM failing_items f
  JOIN holds h ON h.account_id = key_whole(split_part(f.item, '/', 1))
   AND h.hold_id = key_whole(split_part(f.item, '/', 2))
 WHERE f.kind = 'hold' AND h.state = 'live' AND h.placed_at <= $1
   AND next_try(f.tried_at, f.attempts, f.code) <= $3
 ORDER BY f.tried_at, h.account_id, h.hold_id LIMIT $2

-- name: holds_told
-- When each of these holds that live was told last. Index: holds_pkey.
SELECT h.account_id, h.hold_id, h.told_at
  FROM unnest($1::text[], $2::text[]) AS n(account_id, hold_id)
  JOIN holds h ON h.account_id = n.account_id AND h.hold_id = n.hold_id
 WHERE h.state = 'live' AND h.told_at IS NOT NULL
