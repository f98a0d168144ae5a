INSERT INTO inbox_repeats (topic, partition, record_offset, source, message_id, outcome, code,
    seen_at)
SELECT n.*, $8 FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[],
    $6::text[], $7::text[]) AS n
ON CONFLICT (topic, partition, record_offset) DO NOTHING
