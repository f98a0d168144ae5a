SELECT r.account_id, r.refund_id, r.usage_id, r.currency, r.amount
FROM unnest($1::text[], $2::text[]) AS n(account_id, refund_id)
JOIN usage_refunds r ON r.account_id = n.account_id AND r.refund_id = n.refund_id
