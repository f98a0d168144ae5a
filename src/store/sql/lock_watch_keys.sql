-- Exclusive for words that name no invoice yet, shared for invoices that may be sent: two
-- senders do not wait for each other. In the order of the hash, so that nobody deadlocks.
SELECT CASE WHEN wanted.exclusive THEN pg_advisory_xact_lock(wanted.hash)::text
            ELSE pg_advisory_xact_lock_shared(wanted.hash)::text END
FROM (SELECT hash, bool_or(exclusive) AS exclusive
      FROM (SELECT hashtextextended('watch:' || word, 0) AS hash, true AS exclusive
              FROM unnest($1::text[]) AS word
            UNION ALL
            SELECT hashtextextended('watch:' || word, 0), false FROM unnest($2::text[]) AS word) h
      GROUP BY hash ORDER BY hash OFFSET 0) wanted
