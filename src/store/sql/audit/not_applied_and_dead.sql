-- The inbox row of a letter has its place and its id.
-- A conflict has the id of the record that came first: its own row is the repeat at its place.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is open, and its record %s/%s is applied', i.source, i.message_id) AS detail
  FROM dead_letters d
  JOIN inbox i ON i.topic = d.topic AND i.partition = d.partition
              AND i.record_offset = d.record_offset
              AND i.source = d.source AND i.message_id = d.message_id
 WHERE d.status = 'open' AND i.outcome = 'applied'
   AND NOT EXISTS (SELECT FROM inbox_repeats r
                    WHERE r.topic = d.topic AND r.partition = d.partition
                      AND r.record_offset = d.record_offset
                      AND r.source = d.source AND r.message_id = d.message_id
                      AND r.outcome = 'dead_lettered')
