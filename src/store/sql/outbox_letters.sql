-- The next copies of dead letters behind $3, as many as fit into so many bytes, and one at least.
SELECT n.outbox_id, d.dead_letter_id, d.topic, d.partition, d.record_offset, d.record_timestamp,
       d.record_key, d.record_value, d.record_headers::text AS record_headers, d.source,
       d.message_id, d.code, d.message, d.attempts, d.first_failed_at, d.last_failed_at, d.status,
       0 AS revision, '' AS order_key
FROM (SELECT s.outbox_id, s.dead_letter_id,
             sum(s.size) OVER (ORDER BY s.outbox_id) - s.size AS before
      FROM (SELECT o.outbox_id, o.dead_letter_id,
                   coalesce(octet_length(l.record_key), 0)
                   + coalesce(octet_length(l.record_value), 0)
                   + octet_length(l.record_headers::text) AS size
            FROM (SELECT outbox_id, dead_letter_id FROM outbox
                  WHERE published_at IS NULL AND topic = 'dead-letters' AND outbox_id > $3
                  ORDER BY outbox_id LIMIT $1) o
            JOIN dead_letters l ON l.dead_letter_id = o.dead_letter_id) s) n
JOIN dead_letters d ON d.dead_letter_id = n.dead_letter_id
WHERE n.before < $2
ORDER BY n.outbox_id
