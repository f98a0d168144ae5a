-- How far the usage feed is known: in all of its partitions, or not at all.
SELECT CASE WHEN bool_and(w.complete_through IS NOT NULL) THEN min(w.complete_through) END
  FROM (SELECT partition FROM checkpoints WHERE consumer_group = $1 AND topic = $2
        UNION
        SELECT partition FROM usage_watermarks WHERE topic = $2) p
  LEFT JOIN usage_watermarks w ON w.topic = $2 AND w.partition = p.partition
