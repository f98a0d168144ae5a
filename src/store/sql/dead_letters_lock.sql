-- In the order of their ids: two operators at the same letters wait, and never for each other.
SELECT d.dead_letter_id, d.topic, d.partition, d.record_offset, d.record_timestamp,
       CASE WHEN r.revision IS NULL THEN d.record_key ELSE r.record_key END AS record_key,
       CASE WHEN r.revision IS NULL THEN d.record_value ELSE r.record_value END AS record_value,
       coalesce(r.record_headers, d.record_headers)::text AS record_headers,
       d.source, d.message_id, d.code, d.message, d.attempts, d.first_failed_at,
       d.last_failed_at, d.status, coalesce(r.revision, 0) AS revision,
       d.topic || ':' || coalesce(encode(d.record_key, 'hex'), '#' || d.dead_letter_id) AS order_key
FROM dead_letters d
LEFT JOIN LATERAL (SELECT * FROM dead_letter_revisions v
                   WHERE v.dead_letter_id = d.dead_letter_id
                   ORDER BY v.revision DESC LIMIT 1) r ON true
WHERE d.dead_letter_id = ANY($1::bigint[])
ORDER BY d.dead_letter_id
FOR NO KEY UPDATE OF d
