SELECT format('record %s/%s', source, message_id) AS subject,
       CASE WHEN w.waiting_id IS NULL THEN 'it is waiting and no command waits'
            ELSE format('a command waits for %s and its record is %s', w.needs,
                        coalesce(i.outcome, 'unknown'))
       END AS detail
  FROM waiting_commands w
  FULL JOIN (SELECT source, message_id, outcome, topic, partition, record_offset FROM inbox
              WHERE outcome = 'waiting') i USING (source, message_id)
 WHERE w.waiting_id IS NULL OR i.outcome IS NULL
