-- The next page behind $1. The first row that must stay is to be published, or was published
-- lately. All before it may go that is published, so that what is left of each key is an unbroken
-- end of it: held events stand behind what was published of their key, and copies of dead letters
-- have no key to keep. Behind it nothing is looked at: `until` is NULL then, and at the end.
WITH page AS MATERIALIZED (
    SELECT outbox_id, published_at,
           coalesce(published_at >= $3, topic = 'events' AND NOT held) AS stays
    FROM outbox WHERE outbox_id > $1 ORDER BY outbox_id LIMIT $2),
bound AS MATERIALIZED (SELECT min(outbox_id) AS first FROM page WHERE stays),
gone AS (
    DELETE FROM outbox WHERE published_at < $3 AND outbox_id IN (
        SELECT p.outbox_id FROM page p, bound b
        WHERE p.published_at < $3 AND (b.first IS NULL OR p.outbox_id < b.first))
    RETURNING 1)
SELECT CASE WHEN (SELECT first FROM bound) IS NULL
            THEN (SELECT max(outbox_id) FROM page) END AS until,
       (SELECT count(*) FROM gone) AS gone
