-- What stands behind one dead letter. Indexes: dead_letters_key, waiting_commands_key.
SELECT (SELECT count(*) FROM dead_letters l
         WHERE l.topic = d.topic AND md5(l.record_key) = md5(d.record_key)
           AND l.dead_letter_id > d.dead_letter_id AND l.status = 'open') AS later_letters,
       (SELECT count(*) FROM waiting_commands w
         WHERE w.record_key = d.record_key AND w.topic = d.topic) AS waiting_commands
  FROM dead_letters d
 WHERE d.dead_letter_id = $1
