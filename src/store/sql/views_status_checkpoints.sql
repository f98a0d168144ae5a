-- One row per partition; the table is as small as the topics are.
SELECT consumer_group, topic, partition, epoch, next_offset, owner, updated_at,
       extract(epoch FROM clock_timestamp() - updated_at)::bigint AS age_seconds
  FROM checkpoints
 ORDER BY consumer_group, topic, partition
 LIMIT 1000
