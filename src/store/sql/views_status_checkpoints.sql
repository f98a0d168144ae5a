-- views_status_checkpoints
-- One row per partition; the tables are as small as the topics are. A state is told every half
-- minute: one that is older is not known any more.
SELECT consumer_group, topic, partition, coalesce(c.epoch, 0) AS epoch, c.next_offset,
       coalesce(s.owner, c.owner) AS owner, coalesce(c.updated_at, s.told_at) AS updated_at,
       extract(epoch FROM clock_timestamp() - coalesce(c.updated_at, s.told_at))::bigint
           AS age_seconds,
       coalesce(c.incarnation, 1) AS incarnation,
       CASE WHEN s.told_at > clock_timestamp() - interval '90 seconds' THEN s.state
            ELSE 'unknown' END AS state,
       s.since,
       CASE WHEN s.told_at > clock_timestamp() - interval '90 seconds' THEN s.reason
            ELSE '' END AS reason
  FROM checkpoints c FULL JOIN partition_states s USING (consumer_group, topic, partition)
 ORDER BY consumer_group, topic, partition
 LIMIT 1000
