-- Keys with waiting commands, the longest parked first: what the first one needs, and how many
-- stand behind it or another; how often it failed when it had its turn, and why. Indexes:
-- waiting_commands_key, dead_letters_key, failing_items_pkey.
SELECT f.wait_key AS key, f.source || '/' || f.message_id AS record, f.needs, f.since, f.deadline,
       k.behind,
       (SELECT count(*) FROM dead_letters d
         WHERE d.topic = f.topic AND md5(d.record_key) = md5(convert_to(f.wait_key, 'UTF8'))
           AND d.status = 'open') AS letters,
       coalesce(x.attempts, 0) AS attempts, x.code AS failure
  FROM (SELECT wait_key, min(waiting_id) AS first, count(behind) AS behind
          FROM waiting_commands GROUP BY wait_key) k
  JOIN waiting_commands f ON f.waiting_id = k.first
  LEFT JOIN failing_items x ON x.kind = 'command' AND x.item = f.waiting_id::text
 WHERE $1::timestamptz IS NULL OR (f.since, f.wait_key) > ($1, $2::text)
 ORDER BY f.since, f.wait_key
 LIMIT $3
