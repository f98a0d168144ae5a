-- A key that is held already is touched, so that nobody releases it meanwhile.
INSERT INTO relay_holds AS h (key_kind, record_key, code, attempts, since, tried_at, next_try)
SELECT n.key_kind, n.record_key, n.code, 1, now(), now(), clock_timestamp() + interval '1 second'
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(key_kind, record_key, code)
ORDER BY n.key_kind, n.record_key
ON CONFLICT (key_kind, record_key) DO UPDATE SET code = h.code
