-- Indexes: outbox_ready, outbox_held, outbox_letters.
SELECT count(*) AS unpublished, min(created_at) AS oldest,
       extract(epoch FROM clock_timestamp() - min(created_at))::bigint AS oldest_seconds,
       count(*) FILTER (WHERE kind = 'held') AS held,
       count(*) FILTER (WHERE kind = 'copy') AS copies
  FROM (SELECT 'ready' AS kind, created_at FROM outbox
         WHERE published_at IS NULL AND topic = 'events' AND NOT held
        UNION ALL
        SELECT 'held', created_at FROM outbox WHERE published_at IS NULL AND held
        UNION ALL
        SELECT 'copy', created_at FROM outbox
         WHERE published_at IS NULL AND topic = 'dead-letters') waiting
