-- A letter that was given up is open again. Where its record came again, at $2, its copy goes to
-- Kafka once more; an operator's own act tells nobody anew.
WITH letters AS (
    UPDATE dead_letters
    SET status = 'open', resolved_at = NULL, resolution = NULL,
        last_failed_at = coalesce($2, last_failed_at)
    WHERE dead_letter_id = $1 AND status = 'discarded'
    RETURNING dead_letter_id, record_key
)
INSERT INTO outbox (topic, key_kind, record_key, events, dead_letter_id, created_at)
SELECT 'dead-letters', 'record', encode(record_key, 'hex'), 1, dead_letter_id, $2
FROM letters WHERE $2::timestamptz IS NOT NULL
