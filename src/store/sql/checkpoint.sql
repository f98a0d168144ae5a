-- name: checkpoint_lock
SELECT next_offset, nextval('id_blocks')
FROM checkpoints
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
FOR NO KEY UPDATE

-- name: checkpoint_take
INSERT INTO checkpoints AS c (consumer_group, topic, partition, owner, updated_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (consumer_group, topic, partition)
DO UPDATE SET epoch = c.epoch + 1, owner = EXCLUDED.owner, updated_at = EXCLUDED.updated_at
RETURNING epoch, next_offset, last_offset, last_hash, anchor_offset, anchor_hash

-- name: checkpoint_advance
-- The first record is the first anchor: there is never a row with records and nothing to compare.
UPDATE checkpoints SET next_offset = $5, updated_at = $6, last_offset = $7, last_hash = $8,
       anchor_offset = coalesce(anchor_offset, $7), anchor_hash = coalesce(anchor_hash, $8)
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
  AND (next_offset IS NULL OR next_offset <= $5)

-- name: checkpoint_anchor
UPDATE checkpoints SET anchor_offset = $5, anchor_hash = $6
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4

-- name: checkpoint_skip
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

-- name: checkpoint_log_changed
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

-- name: log_change_settle
UPDATE log_changes SET settled_at = $2, settled_by = $3, settlement = $4
 WHERE change_id = $1 AND settled_at IS NULL

-- name: partition_states_tell
INSERT INTO partition_states AS p (consumer_group, topic, partition, state, reason, owner, since,
                                   told_at)
SELECT $1::text, n.topic, n.partition, n.state, n.reason, $6::text, $7, $7
  FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[])
       AS n(topic, partition, state, reason)
    ON CONFLICT (consumer_group, topic, partition) DO UPDATE
   SET state = EXCLUDED.state, reason = EXCLUDED.reason, owner = EXCLUDED.owner,
       told_at = EXCLUDED.told_at,
       since = CASE WHEN p.state = EXCLUDED.state THEN p.since ELSE EXCLUDED.since END
 WHERE EXCLUDED.state <> 'left' OR p.owner = EXCLUDED.owner

-- name: feed_partitions_tell
-- How many partitions a topic has, as Kafka said at $4. Topics do not shrink: who asked before the
-- topic grew does not undo it.
INSERT INTO feed_partitions AS f (consumer_group, topic, partitions, asked_at)
VALUES ($1, $2, $3, $4)
    ON CONFLICT (consumer_group, topic) DO UPDATE
   SET partitions = EXCLUDED.partitions, asked_at = EXCLUDED.asked_at
 WHERE f.asked_at < EXCLUDED.asked_at
