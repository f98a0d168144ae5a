-- checkpoint_log_changed
-- Reading goes on at another offset than the next one: the change and its row are one statement.
WITH moved AS (
    UPDATE checkpoints AS c
       SET next_offset = $7, updated_at = $8, last_offset = NULL, last_hash = NULL,
           anchor_offset = NULL, anchor_hash = NULL,
           incarnation = c.incarnation + CASE WHEN $5 = 'replaced' THEN 1 ELSE 0 END
     WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
    RETURNING consumer_group, topic, partition, incarnation
)
INSERT INTO log_changes (consumer_group, topic, partition, kind, reason, expected, went_on_at,
                         incarnation, lost, found_at)
SELECT consumer_group, topic, partition, $5::text, $6::text, $9::bigint, $7::bigint, incarnation,
       CASE WHEN $5 <> 'replaced' THEN $7::bigint - $9::bigint END, $8
  FROM moved
