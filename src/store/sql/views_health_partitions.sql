-- views_health_partitions
-- Partitions that do not flow and say why, and changes of a log that nobody has settled.
SELECT format('%s:%s is %s: %s', topic, partition, state, reason) AS found, true AS held
  FROM partition_states
 WHERE state IN ('held', 'unreadable', 'unauthorised')
   AND told_at > clock_timestamp() - interval '90 seconds'
 UNION ALL
SELECT format('%s:%s, change %s: %s', topic, partition, change_id,
              coalesce(lost || ' offsets unread', reason)), false
  FROM log_changes
 WHERE settled_at IS NULL
 LIMIT 100
