-- A record that could not be decoded stands under its place; a replay may decode it later.
SELECT format('record %s/%s', source, message_id) AS subject,
       format('it is in the inbox %s times', count(*)) AS detail
  FROM inbox
 GROUP BY source, message_id
HAVING count(*) > 1
UNION ALL
SELECT format('place %s:%s:%s', topic, partition, record_offset),
       format('%s outcomes: %s', count(*), string_agg(outcome, ', ' ORDER BY outcome))
  FROM (SELECT topic, partition, record_offset, outcome FROM inbox WHERE source <> 'kafka'
        UNION ALL
        SELECT topic, partition, record_offset, outcome FROM inbox_repeats) seen
 GROUP BY topic, partition, record_offset
HAVING count(*) > 1
