-- Only what had its effect and was not repeated since. What waits or is dead stays for ever.
DELETE FROM inbox WHERE (source, message_id) IN (
    SELECT i.source, i.message_id FROM inbox i
    WHERE i.processed_at < $1 AND i.outcome IN ('applied', 'rejected', 'duplicate')
      AND NOT EXISTS (SELECT 1 FROM inbox_repeats r
                       WHERE r.source = i.source AND r.message_id = i.message_id)
      AND NOT EXISTS (SELECT 1 FROM dead_letters d
                       WHERE d.source = i.source AND d.message_id = i.message_id)
    LIMIT $2)
