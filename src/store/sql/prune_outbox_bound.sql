-- The first row that must stay: unpublished, or published lately. All before it may go, so that
-- what is left of each key is an unbroken end of it.
SELECT min(outbox_id) FROM (
    (SELECT outbox_id FROM outbox WHERE published_at IS NULL ORDER BY outbox_id LIMIT 1)
    UNION ALL
    (SELECT outbox_id FROM outbox WHERE published_at >= $1 ORDER BY outbox_id LIMIT 1)
) kept
