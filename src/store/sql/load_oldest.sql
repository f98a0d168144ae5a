SELECT asked.account_id, asked.currency, p.invoice_id, p.due, p.due_date, p.sent_at
FROM unnest($1::text[], $2::text[]) AS asked(account_id, currency)
CROSS JOIN LATERAL (
    SELECT invoice_id, due, due_date, sent_at FROM payable_invoices p
    WHERE p.account_id = asked.account_id AND p.currency = asked.currency
    ORDER BY p.due_date, p.sent_at, p.invoice_id LIMIT $3) p
