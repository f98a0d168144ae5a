-- How far the usage feed is known: in all of its partitions, or not at all. A watermark beyond $3
-- proves nothing, nor does a feed with a partition that was never opened, or cannot be read, or
-- whose log changed and nobody has seen to it. What a partition holds that was not there when Kafka
-- was asked how many there are, is not known: nothing is after that instant.
SELECT CASE WHEN bool_and(w.complete_through IS NOT NULL AND w.complete_through <= $3)
             AND count(*) = max(p.partition) + 1
             AND count(*) >= coalesce((SELECT f.partitions FROM feed_partitions f
                                        WHERE f.consumer_group = $1 AND f.topic = $2), 0)
             AND NOT EXISTS (SELECT 1 FROM log_changes c WHERE c.settled_at IS NULL
                              AND c.consumer_group = $1 AND c.topic = $2)
             AND NOT EXISTS (SELECT 1 FROM partition_states s
                              WHERE s.consumer_group = $1 AND s.topic = $2
                                AND s.state IN ('held', 'unreadable', 'unauthorised'))
            THEN least(min(w.complete_through), (SELECT f.asked_at FROM feed_partitions f
                                        WHERE f.consumer_group = $1 AND f.topic = $2)) END
  FROM (SELECT partition FROM checkpoints WHERE consumer_group = $1 AND topic = $2
        UNION
        SELECT partition FROM partition_states WHERE consumer_group = $1 AND topic = $2
        UNION
        SELECT partition FROM usage_watermarks WHERE topic = $2) p
  LEFT JOIN usage_watermarks w ON w.topic = $2 AND w.partition = p.partition
