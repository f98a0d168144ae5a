-- The first events of held keys that are due. Indexes: relay_holds_due, outbox_held.
SELECT n.outbox_id, n.key_kind, n.record_key, n.payload, false AS behind
FROM (SELECT o.outbox_id, h.key_kind, h.record_key, o.payload,
             sum(octet_length(o.payload)) OVER (ORDER BY h.next_try, h.key_kind, h.record_key,
                                                         o.outbox_id)
             - octet_length(o.payload) AS before
      FROM (SELECT key_kind, record_key, next_try FROM relay_holds
            WHERE next_try <= clock_timestamp() ORDER BY next_try LIMIT $1) h
      CROSS JOIN LATERAL (
            SELECT outbox_id, payload FROM outbox
            WHERE held AND published_at IS NULL AND key_kind = h.key_kind
              AND record_key = h.record_key
            ORDER BY outbox_id LIMIT 100) o) n
WHERE n.before < $2
ORDER BY n.outbox_id
