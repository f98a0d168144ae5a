-- One row for each letter acted on, in the order of the arrays; `before` is what the row says now;
-- an import made the row, so there was nothing before.
INSERT INTO dead_letter_acts (dead_letter_id, act, operator, reason, outcome, code, acted_at,
    run_id, before, after)
SELECT n.id, $2, $3, $4, n.outcome, n.code, $5, $6,
       CASE WHEN $2 <> 'import' THEN
           jsonb_build_object('status', d.status, 'code', d.code, 'attempts', d.attempts,
                              'revision', n.revision_before) END,
       jsonb_build_object('status', n.status, 'code', coalesce(n.code, d.code),
                          'attempts', d.attempts + CASE $2 WHEN 'replay' THEN 1 ELSE 0 END,
                          'revision', n.revision)
FROM unnest($1::bigint[], $7::text[], $8::text[], $9::text[], $10::integer[], $11::integer[])
    AS n(id, outcome, code, status, revision_before, revision)
JOIN dead_letters d ON d.dead_letter_id = n.id
ORDER BY n.id
