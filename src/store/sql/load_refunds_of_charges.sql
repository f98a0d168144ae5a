SELECT r.account_id, r.usage_id, sum(r.amount)::bigint AS refunded
FROM unnest($1::text[], $2::text[]) AS n(account_id, usage_id)
JOIN usage_refunds r ON r.account_id = n.account_id AND r.usage_id = n.usage_id
GROUP BY r.account_id, r.usage_id
