-- Why the bank's feed proves nothing now: records that had no effect, and logs that are not read.
SELECT CASE
    WHEN EXISTS (SELECT 1 FROM dead_letters WHERE topic = $2 AND status = 'open')
        THEN 'a record of the bank is an open dead letter'
    WHEN EXISTS (SELECT 1 FROM waiting_commands WHERE topic = $2)
        THEN 'a record of the bank waits for a later version of this program'
    WHEN EXISTS (SELECT 1 FROM log_changes c WHERE c.settled_at IS NULL
                  AND c.consumer_group = $1 AND c.topic = $2)
        THEN 'the log of the bank''s records changed, and nobody has settled it'
    WHEN EXISTS (SELECT 1 FROM partition_states s WHERE s.consumer_group = $1 AND s.topic = $2
                  AND s.state IN ('held', 'unreadable', 'unauthorised'))
        THEN 'a partition of the bank''s records is not read'
    WHEN (SELECT count(*) <> coalesce(max(p.partition) + 1, 0)
            FROM (SELECT partition FROM checkpoints WHERE consumer_group = $1 AND topic = $2
                  UNION
                  SELECT partition FROM partition_states
                   WHERE consumer_group = $1 AND topic = $2) p)
        THEN 'a partition of the bank''s records was never opened'
    END
