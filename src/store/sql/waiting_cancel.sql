-- Ends the waiting of records that were cancelled; each is refused.
WITH ended AS (
    DELETE FROM waiting_commands w
     USING unnest($1::text[], $2::text[]) AS n(source, message_id)
     WHERE w.source = n.source AND w.message_id = n.message_id
    RETURNING w.source, w.message_id
)
UPDATE inbox i SET outcome = 'rejected', code = $3
  FROM ended e WHERE i.source = e.source AND i.message_id = e.message_id
