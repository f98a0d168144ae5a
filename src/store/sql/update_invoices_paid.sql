UPDATE invoices i SET allocated = n.now, status = n.status, provisioned_at = n.provisioned_at
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[])
     AS n(invoice_id, was, now, status, provisioned_at)
WHERE i.invoice_id = n.invoice_id AND i.allocated = n.was AND i.status = 'awaiting_payment'
