-- views_log_changes
-- What logs did under their readers; the table grows by accidents only.
SELECT change_id, consumer_group, topic, partition, kind, reason, expected, went_on_at, lost,
       found_at, operator, settled_at, settled_by, settlement
  FROM log_changes
 WHERE settled_at IS NULL OR $1
 ORDER BY change_id DESC
 LIMIT 1000
