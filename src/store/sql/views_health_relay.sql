-- views_health_relay
-- Events that are held, and what has waited for its publishing for more than a minute.
(SELECT format('events of %s %s are held since %s: %s', key_kind, record_key,
               to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), code) AS found,
        'held' AS kind
   FROM relay_holds ORDER BY since LIMIT 20)
 UNION ALL
SELECT format('events wait for %s s', round(extract(epoch FROM clock_timestamp() - created_at))),
       'events'
  FROM (SELECT created_at FROM outbox WHERE published_at IS NULL AND topic = 'events' AND NOT held
         ORDER BY outbox_id LIMIT 1) ready
 WHERE created_at < clock_timestamp() - interval '60 seconds'
 UNION ALL
SELECT format('copies of dead letters wait for %s s',
              round(extract(epoch FROM clock_timestamp() - created_at))), 'copies'
  FROM (SELECT created_at FROM outbox WHERE published_at IS NULL AND topic = 'dead-letters'
         ORDER BY outbox_id LIMIT 1) letters
 WHERE created_at < clock_timestamp() - interval '60 seconds'
