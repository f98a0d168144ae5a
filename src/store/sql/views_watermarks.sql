-- views_watermarks: one row for each partition of usage that ever had one; $1 is the latest instant
-- that is believed.
SELECT topic, partition, complete_through, updated_at, complete_through > $1 AS in_future
  FROM usage_watermarks ORDER BY topic, partition
