-- Keys of which nothing is held any more. Index: outbox_held.
DELETE FROM relay_holds h
USING unnest($1::text[], $2::text[]) AS n(key_kind, record_key)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key
  AND NOT EXISTS (SELECT 1 FROM outbox o
                  WHERE o.held AND o.published_at IS NULL AND o.key_kind = h.key_kind
                    AND o.record_key = h.record_key)
