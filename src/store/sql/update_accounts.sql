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
