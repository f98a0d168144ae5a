-- How many partitions a topic has, as Kafka said at $4. Topics do not shrink: who asked before the
-- topic grew does not undo it.
INSERT INTO feed_partitions AS f (consumer_group, topic, partitions, asked_at)
VALUES ($1, $2, $3, $4)
    ON CONFLICT (consumer_group, topic) DO UPDATE
   SET partitions = EXCLUDED.partitions, asked_at = EXCLUDED.asked_at
 WHERE f.asked_at < EXCLUDED.asked_at
