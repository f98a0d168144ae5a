SELECT format('record %s/%s', source, message_id) AS subject,
       CASE WHEN w.waiting_id IS NULL THEN 'it is waiting and no command waits'
            ELSE format('a command waits for %s and its record is %s', w.needs,
                        coalesce(i.outcome, 'unknown'))
       END AS detail
  FROM waiting_commands w
  FULL JOIN (SELECT source, message_id, outcome, topic, partition, record_offset FROM inbox
              WHERE outcome = 'waiting') i USING (source, message_id)
 WHERE w.waiting_id IS NULL OR i.outcome IS NULL
 UNION ALL
SELECT format('record %s/%s', w.source, w.message_id),
       format('it stands behind %s/%s, which is no earlier command of its customer', b.source,
              b.message_id)
  FROM waiting_commands w
  JOIN waiting_commands b ON b.waiting_id = w.behind
 WHERE b.waiting_id >= w.waiting_id OR b.wait_key <> w.wait_key
