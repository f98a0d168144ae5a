-- partition_states_tell
INSERT INTO partition_states AS p (consumer_group, topic, partition, state, reason, owner, since,
                                   told_at)
SELECT $1::text, n.topic, n.partition, n.state, n.reason, $6::text, $7, $7
  FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[])
       AS n(topic, partition, state, reason)
    ON CONFLICT (consumer_group, topic, partition) DO UPDATE
   SET state = EXCLUDED.state, reason = EXCLUDED.reason, owner = EXCLUDED.owner,
       told_at = EXCLUDED.told_at,
       since = CASE WHEN p.state = EXCLUDED.state THEN p.since ELSE EXCLUDED.since END
 WHERE EXCLUDED.state <> 'left' OR p.owner = EXCLUDED.owner
