-- Two batches that bring money without an id to one bank account, or one that announces money or
-- advises of it and one that books some, must see each other. Exclusive for $1 (money without an
-- id) and $2 (announced, advised), shared for $3 (booked); 256 slots at the most, in the order of
-- the slot. Under the locks: whether an advice waits for what is booked.
WITH locked AS MATERIALIZED (
    SELECT count(CASE WHEN wanted.exclusive THEN pg_advisory_xact_lock(wanted.slot)::text
                      ELSE pg_advisory_xact_lock_shared(wanted.slot)::text END) AS locks
    FROM (SELECT slot, bool_or(exclusive) AS exclusive
          FROM (SELECT (hashtextextended(account, 0) & 127) + 7210681 AS slot, true AS exclusive
                  FROM unnest($1::text[]) AS account
                UNION ALL
                SELECT (hashtextextended(account, 0) & 127) + 7210553, true
                  FROM unnest($2::text[]) AS account
                UNION ALL
                SELECT (hashtextextended(account, 0) & 127) + 7210553, false
                  FROM unnest($3::text[]) AS account) h
          GROUP BY slot ORDER BY slot OFFSET 0) wanted
)
SELECT advices_wait($3::text[]) AS advices FROM locked
