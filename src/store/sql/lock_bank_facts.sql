-- Two batches that bring money in two ways to one bank account must see each other: one of them
-- brings it without an id, or announces it, or advises of it, or takes some back. Those take their
-- bank accounts ($1) alone, whoever books money shares them ($2); 128 slots at the most, in the
-- order of the slot. Under the locks: whether an advice waits for what is booked, and whether money
-- without an id came there from $3 to $4.
WITH locked AS MATERIALIZED (
    SELECT count(CASE WHEN wanted.exclusive THEN pg_advisory_xact_lock(wanted.slot)::text
                      ELSE pg_advisory_xact_lock_shared(wanted.slot)::text END) AS locks
    FROM (SELECT slot, bool_or(exclusive) AS exclusive
          FROM (SELECT (hashtextextended(account, 0) & 127) + 7210553 AS slot, true AS exclusive
                  FROM unnest($1::text[]) AS account
                UNION ALL
                SELECT (hashtextextended(account, 0) & 127) + 7210553, false
                  FROM unnest($2::text[]) AS account) h
          GROUP BY slot ORDER BY slot OFFSET 0) wanted
)
SELECT advices_wait($2::text[]) AS advices,
       came_without_id($2::text[], $3::date, $4::date) AS nameless FROM locked
