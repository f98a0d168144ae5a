INSERT INTO outbox (topic, key_kind, record_key, first_sequence, events, payload, created_at)
SELECT 'events', n.key_kind, n.record_key, n.first_sequence, n.events, n.payload, $6
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::text[])
     WITH ORDINALITY AS n(key_kind, record_key, first_sequence, events, payload, position)
ORDER BY n.position
