-- One that stands behind no other.
SELECT waiting_id, topic, partition, record_offset, record_timestamp, record_key, record_value,
       record_headers::text AS record_headers, source, message_id, needs, since, deadline
  FROM waiting_commands WHERE waiting_id = $1 AND behind IS NULL
