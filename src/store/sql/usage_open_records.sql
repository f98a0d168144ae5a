-- What of the usage feed has had no effect yet: as it came, and as persons changed it.
(SELECT record_value FROM dead_letters WHERE topic = $1 AND status = 'open' LIMIT $2)
UNION ALL
(SELECT r.record_value FROM dead_letters d
   JOIN dead_letter_revisions r ON r.dead_letter_id = d.dead_letter_id
  WHERE d.topic = $1 AND d.status = 'open' LIMIT $2)
UNION ALL
(SELECT record_value FROM waiting_commands WHERE topic = $1 LIMIT $2)
