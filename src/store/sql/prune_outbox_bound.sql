-- The first row that must stay: to be published, or published lately. All before it may go that is
-- published, so that what is left of each key is an unbroken end of it: held events stand behind
-- what was published of their key, and copies of dead letters have no key to keep.
SELECT min(outbox_id) FROM (
    (SELECT outbox_id FROM outbox WHERE published_at IS NULL AND topic = 'events' AND NOT held
     ORDER BY outbox_id LIMIT 1)
    UNION ALL
    (SELECT outbox_id FROM outbox WHERE published_at >= $1 ORDER BY outbox_id LIMIT 1)
) kept
