-- The dead letter of this number, and of the newest open ones those that have one of the words.
-- Indexes: dead_letters_pkey, dead_letters_open_ids.
SELECT l.dead_letter_id, l.code, l.topic, l.source, l.message_id, l.status, l.last_failed_at, f.fits
  FROM ((SELECT * FROM dead_letters WHERE status = 'open' ORDER BY dead_letter_id DESC LIMIT $3)
        UNION ALL (SELECT * FROM dead_letters WHERE dead_letter_id = ANY($4))) l
 CROSS JOIN LATERAL (
       SELECT array_agg(position(encode(convert_to(w.word, 'UTF8'), 'escape') IN s.said) > 0
                        OR position(w.plain IN s.said) > 0 ORDER BY w.place) AS fits
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (word, plain, place)
        CROSS JOIN (SELECT lower(concat_ws(' ', l.message_id, l.code,
                        encode(l.record_key, 'escape'),
                        encode(substr(l.record_value, 1, 20000), 'escape'))) AS said OFFSET 0) s) f
 WHERE true = ANY(f.fits) OR l.dead_letter_id = ANY($4)
 ORDER BY l.dead_letter_id DESC
 LIMIT 200
