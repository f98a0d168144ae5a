-- A discarded one was never applied, so its row still says so.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is %s and record %s/%s at its place is %s', d.status, i.source, i.message_id,
              i.outcome) AS detail
  FROM dead_letters d
  JOIN inbox i USING (topic, partition, record_offset)
 WHERE (d.status <> 'replayed') <> (i.outcome = 'dead_lettered')
   -- Replayed, it was decoded: its row under the place has given way to that of its own id.
   AND NOT (d.status = 'replayed' AND i.source = 'kafka')
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
