-- The next events, as many as fit into so many bytes, and one row at least. Index: outbox_ready.
SELECT n.outbox_id, n.key_kind, n.record_key, n.payload, h.record_key IS NOT NULL AS behind
FROM (SELECT o.outbox_id, o.key_kind, o.record_key, o.payload,
             sum(octet_length(o.payload)) OVER (ORDER BY o.outbox_id)
             - octet_length(o.payload) AS before
      FROM (SELECT outbox_id, key_kind, record_key, payload FROM outbox
            WHERE published_at IS NULL AND topic = 'events' AND NOT held
            ORDER BY outbox_id LIMIT $1) o) n
LEFT JOIN relay_holds h ON h.key_kind = n.key_kind AND h.record_key = n.record_key
WHERE n.before < $2
ORDER BY n.outbox_id
