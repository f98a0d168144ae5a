-- Records of this id from any source. Index: inbox_pkey, once per source: the recursive part
-- jumps from one source to the next.
WITH RECURSIVE sources (source) AS (
    (SELECT source FROM inbox ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT i.source FROM inbox i WHERE i.source > s.source ORDER BY i.source LIMIT 1)
      FROM sources s
     WHERE s.source IS NOT NULL
)
SELECT i.source, i.message_id, message_type, outcome, code, topic, partition, record_offset,
       subject, processed_at
  FROM sources s
  JOIN inbox i ON i.source = s.source AND i.message_id = $1
 WHERE s.source IS NOT NULL
 ORDER BY i.source
 LIMIT 20
