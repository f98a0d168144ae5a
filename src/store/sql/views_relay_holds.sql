-- Keys whose events are held, the longest first.
SELECT h.key_kind, h.record_key, h.code, h.attempts, h.since, h.next_try,
       (SELECT count(*) FROM outbox o
         WHERE o.held AND o.published_at IS NULL AND o.key_kind = h.key_kind
           AND o.record_key = h.record_key) AS rows
  FROM relay_holds h
 WHERE EXISTS (SELECT 1 FROM outbox o
                WHERE o.held AND o.published_at IS NULL AND o.key_kind = h.key_kind
                  AND o.record_key = h.record_key)
 ORDER BY h.since, h.key_kind, h.record_key
 LIMIT 100
