-- Source and id of a repeat or a dead letter. Indexes: inbox_repeats_pkey,
-- dead_letters_place.
SELECT source, message_id
  FROM inbox_repeats
 WHERE topic = $1 AND partition = $2 AND record_offset = $3
UNION
SELECT coalesce(source, 'kafka'),
       coalesce(message_id, format('%s:%s:%s', topic, partition, record_offset))
  FROM dead_letters
 WHERE topic = $1 AND partition = $2 AND record_offset = $3
