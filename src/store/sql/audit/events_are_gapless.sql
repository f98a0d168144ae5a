-- Once the outbox was pruned, the beginning of a key may be gone, and all of a quiet one.
WITH cut AS (
    SELECT EXISTS (SELECT 1 FROM pruned WHERE table_name = 'outbox') AS short
), runs AS (
    SELECT key_kind, record_key, first_sequence, first_sequence + events AS next_sequence,
           lag(first_sequence + events, 1,
               CASE WHEN (SELECT short FROM cut) THEN first_sequence ELSE 1 END) OVER (
               PARTITION BY key_kind, record_key ORDER BY first_sequence) AS expected
      FROM outbox WHERE topic = 'events'
), counters AS (
    SELECT 'account' AS key_kind, account_id AS record_key, event_sequence FROM accounts
    UNION ALL
    SELECT 'payment', payment_id, event_sequence FROM payments
    UNION ALL
    SELECT 'bank', bank_account, event_sequence FROM bank_feeds
), ends AS (
    SELECT key_kind, record_key, max(next_sequence) - 1 AS last FROM runs GROUP BY 1, 2
)
SELECT format('%s %s', key_kind, record_key) AS subject,
       format('an event numbered %s stands where %s is due', first_sequence, expected) AS detail
  FROM runs
 WHERE first_sequence <> expected
UNION ALL
SELECT format('%s %s', coalesce(e.key_kind, c.key_kind), coalesce(e.record_key, c.record_key)),
       format('its last event is %s and its counter says %s', coalesce(e.last, 0),
              coalesce(c.event_sequence, 0))
  FROM ends e
  FULL JOIN counters c ON c.key_kind = e.key_kind AND c.record_key = e.record_key
 WHERE coalesce(e.last, 0) <> coalesce(c.event_sequence, 0)
   AND NOT (e.last IS NULL AND (SELECT short FROM cut))
