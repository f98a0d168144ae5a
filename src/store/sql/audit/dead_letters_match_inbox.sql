-- The inbox row of a letter has its place and its id.
-- A conflict has the id of the record that came first: its own row is the repeat at its place.
-- A discarded letter was never applied, so its row still says that it is dead-lettered.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is %s and its record %s/%s is %s', d.status, i.source, i.message_id,
              i.outcome) AS detail
  FROM dead_letters d
  JOIN inbox i ON i.topic = d.topic AND i.partition = d.partition
              AND i.record_offset = d.record_offset
              AND i.source = d.source AND i.message_id = d.message_id
 WHERE (d.status <> 'replayed') <> (i.outcome = 'dead_lettered')
   -- Replayed, it was decoded: the row of its own id tells the outcome, not that of its place.
   AND NOT (d.status = 'replayed' AND i.source = 'kafka')
   AND NOT EXISTS (SELECT FROM inbox_repeats r
                    WHERE r.topic = d.topic AND r.partition = d.partition
                      AND r.record_offset = d.record_offset
                      AND r.source = d.source AND r.message_id = d.message_id
                      AND r.outcome = 'dead_lettered')
UNION ALL
SELECT format('record %s/%s', r.source, r.message_id),
       format('it is dead-lettered at %s:%s:%s and there is no dead letter', r.topic, r.partition,
              r.record_offset)
  FROM (SELECT source, message_id, topic, partition, record_offset FROM inbox
         WHERE outcome = 'dead_lettered'
        UNION ALL
        SELECT source, message_id, topic, partition, record_offset FROM inbox_repeats
         WHERE outcome = 'dead_lettered') r
 WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.topic = r.topic
                      AND d.partition = r.partition AND d.record_offset = r.record_offset)
