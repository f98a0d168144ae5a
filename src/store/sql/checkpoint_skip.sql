-- checkpoint_skip
-- A person goes past what cannot be read. The epoch ends what a worker has in hand; it opens anew.
WITH moved AS (
    UPDATE checkpoints AS c
       SET next_offset = $4, epoch = c.epoch + 1, updated_at = $5, last_offset = NULL,
           last_hash = NULL, anchor_offset = NULL, anchor_hash = NULL
      FROM (SELECT consumer_group, topic, partition, next_offset FROM checkpoints
             WHERE consumer_group = $1 AND topic = $2 AND partition = $3
               FOR NO KEY UPDATE) AS old
     WHERE c.consumer_group = old.consumer_group AND c.topic = old.topic
       AND c.partition = old.partition AND coalesce(old.next_offset, $8) < $4
    RETURNING c.consumer_group, c.topic, c.partition, c.incarnation,
              coalesce(old.next_offset, $8) AS expected
)
INSERT INTO log_changes (consumer_group, topic, partition, kind, reason, expected, went_on_at,
                         incarnation, lost, found_at, operator)
SELECT consumer_group, topic, partition, 'skipped', $7::text, expected, $4::bigint, incarnation,
       $4::bigint - expected, $5, $6::text
  FROM moved
RETURNING change_id, lost
