-- What an operator did last is what is so. Acts of the first versions do not say it.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is %s and the last act on it left it %s', d.status,
              coalesce(a.status, 'open')) AS detail
  FROM dead_letters d
  LEFT JOIN LATERAL (SELECT a.after ->> 'status' AS status, a.after IS NULL AS silent
                       FROM dead_letter_acts a WHERE a.dead_letter_id = d.dead_letter_id
                      ORDER BY a.act_id DESC LIMIT 1) a ON true
 WHERE d.status <> coalesce(a.status, 'open') AND NOT coalesce(a.silent, false)
UNION ALL
SELECT format('record %s/%s', r.source, r.message_id),
       format('it came again at %s:%s:%s and no dead letter was opened for it', r.topic,
              r.partition, r.record_offset)
  FROM inbox_repeats r
 WHERE r.outcome = 'reopened'
   AND NOT EXISTS (SELECT FROM dead_letters d
                     JOIN dead_letter_acts a ON a.dead_letter_id = d.dead_letter_id
                    WHERE d.source = r.source AND d.message_id = r.message_id
                      AND a.act = 'reopen')
