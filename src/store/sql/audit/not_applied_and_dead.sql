SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is open, and record %s/%s at its place is applied', i.source,
              i.message_id) AS detail
  FROM dead_letters d
  JOIN inbox i USING (topic, partition, record_offset)
 WHERE d.status = 'open' AND i.outcome = 'applied'
