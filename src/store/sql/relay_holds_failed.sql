-- Tried again after 2, 4, 8 … seconds, a minute at the most.
UPDATE relay_holds h
SET code = n.code, attempts = h.attempts + 1, tried_at = clock_timestamp(),
    next_try = clock_timestamp() + least(power(2, least(h.attempts, 10)), 60) * interval '1 second'
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(key_kind, record_key, code)
WHERE h.key_kind = n.key_kind AND h.record_key = n.record_key
