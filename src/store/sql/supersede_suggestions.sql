-- Of payments that were decided or settled again: what names an account leaves that one's own. And
-- those of other payments whose money was to be part of it, where it went elsewhere.
UPDATE suggestions s SET status = 'superseded', resolved_at = $4
FROM (SELECT o.suggestion_id
        FROM unnest($1::text[], $2::text[]) AS n(payment_id, owner)
        JOIN suggestions o ON o.payment_id = n.payment_id AND o.status = 'open'
       WHERE n.owner IS NULL OR o.account_id <> n.owner
      UNION
      SELECT w.suggestion_id FROM suggestion_payments w WHERE w.payment_id = ANY($5::text[])) c
WHERE s.suggestion_id = c.suggestion_id AND s.status = 'open'
  AND s.suggestion_id <> ALL($3::text[])
