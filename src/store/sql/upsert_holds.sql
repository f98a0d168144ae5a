INSERT INTO holds (account_id, hold_id, currency, amount, released, state, placed_at, told_at,
    ended_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
ON CONFLICT (account_id, hold_id) DO UPDATE
SET amount = EXCLUDED.amount, released = EXCLUDED.released, state = EXCLUDED.state,
    placed_at = EXCLUDED.placed_at, told_at = EXCLUDED.told_at, ended_at = EXCLUDED.ended_at
