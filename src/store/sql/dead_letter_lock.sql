SELECT dead_letter_id, topic, partition, record_offset, record_timestamp, record_key,
       record_value, record_headers::text AS record_headers, source, message_id, code, message,
       attempts, first_failed_at, last_failed_at, status
FROM dead_letters WHERE dead_letter_id = $1
FOR NO KEY UPDATE
