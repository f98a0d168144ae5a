-- Of payments that were decided or settled again. What names an account leaves that one's own.
UPDATE suggestions s SET status = 'superseded', resolved_at = $4
FROM unnest($1::text[], $2::text[]) AS n(payment_id, owner)
WHERE s.payment_id = n.payment_id AND s.status = 'open'
  AND (n.owner IS NULL OR s.account_id <> n.owner)
  AND s.suggestion_id <> ALL($3::text[])
