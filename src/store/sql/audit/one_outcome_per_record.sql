-- A place of the log is no identity: a topic that is read again, or created anew, repeats it.
SELECT format('record %s/%s', source, message_id) AS subject,
       format('it is in the inbox %s times', count(*)) AS detail
  FROM inbox
 GROUP BY source, message_id
HAVING count(*) > 1
UNION ALL
SELECT format('record %s/%s', r.source, r.message_id),
       format('it came again at %s:%s:%s and is not in the inbox', r.topic, r.partition,
              r.record_offset)
  FROM inbox_repeats r
 WHERE NOT EXISTS (SELECT FROM inbox i
                    WHERE i.source = r.source AND i.message_id = r.message_id)
