-- Of the newest commands that wait those that have one of the words. Index: waiting_commands_pkey.
SELECT l.source, l.message_id, l.wait_key, l.needs, l.since, i.message_type, f.fits
  FROM (SELECT * FROM waiting_commands ORDER BY waiting_id DESC LIMIT $3) l
  JOIN inbox i ON i.source = l.source AND i.message_id = l.message_id
 CROSS JOIN LATERAL (
       SELECT array_agg(position(encode(convert_to(w.word, 'UTF8'), 'escape') IN s.said) > 0
                        OR position(w.plain IN s.said) > 0 ORDER BY w.place) AS fits
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (word, plain, place)
        CROSS JOIN (SELECT lower(concat_ws(' ', l.message_id, l.needs, l.wait_key,
                        encode(substr(l.record_value, 1, 20000), 'escape'))) AS said OFFSET 0) s) f
 WHERE true = ANY(f.fits)
 ORDER BY l.since DESC
 LIMIT 200
