-- Dead letters of one record: at its own place, and at those of its repeats. Indexes:
-- inbox_repeats_record, dead_letters_place.
SELECT d.dead_letter_id, d.topic, d.partition, d.record_offset, d.code, d.message, d.attempts,
       d.source, d.message_id, d.named_source, d.named_id, d.first_failed_at, d.last_failed_at,
       d.status, d.resolved_at,
       d.resolution
  FROM (SELECT $3::text AS topic, $4::integer AS partition, $5::bigint AS record_offset
        UNION
        SELECT r.topic, r.partition, r.record_offset FROM inbox_repeats r
         WHERE r.source = $1 AND r.message_id = $2) place
  JOIN dead_letters d ON d.topic = place.topic AND d.partition = place.partition
                     AND d.record_offset = place.record_offset
                     -- A topic that was created anew has other records at the same places.
                     AND coalesce(d.source, 'kafka') = $1
                     AND coalesce(d.message_id, $2) = $2
 ORDER BY d.dead_letter_id
 LIMIT 100
