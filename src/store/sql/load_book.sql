SELECT asked.currency, asked.due, p.invoice_id, p.account_id, a.name
FROM unnest($1::text[], $2::bigint[]) AS asked(currency, due)
CROSS JOIN LATERAL (
    SELECT invoice_id, account_id FROM payable_invoices p
    WHERE p.currency = asked.currency AND p.due = asked.due LIMIT $3) p
JOIN accounts a ON a.account_id = p.account_id
