-- One dead letter, with the record as received. Index: dead_letters_pkey.
SELECT dead_letter_id, topic, partition, record_offset, code, message, attempts, source,
       named_source, named_id,
       message_id, first_failed_at, last_failed_at, status, resolved_at, resolution,
       record_timestamp, record_key, record_value, record_headers::text AS record_headers
  FROM dead_letters
 WHERE dead_letter_id = $1
