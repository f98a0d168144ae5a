WITH tried AS (
    DELETE FROM failing_items
     WHERE kind = 'command' AND item = ANY(SELECT unnest($1::bigint[])::text)
)
DELETE FROM waiting_commands WHERE waiting_id = ANY($1::bigint[])
