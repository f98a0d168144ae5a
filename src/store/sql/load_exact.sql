SELECT asked.account_id, asked.currency, asked.due, p.invoice_id
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
     AS asked(account_id, currency, due, most)
CROSS JOIN LATERAL (
    SELECT invoice_id FROM payable_invoices p
    WHERE p.account_id = asked.account_id AND p.currency = asked.currency AND p.due = asked.due
    ORDER BY p.due_date, p.sent_at, p.invoice_id LIMIT asked.most) p
