-- Index: outbox_unpublished.
SELECT count(*) AS unpublished, min(created_at) AS oldest,
       extract(epoch FROM clock_timestamp() - min(created_at))::bigint AS oldest_seconds
  FROM outbox
 WHERE published_at IS NULL
