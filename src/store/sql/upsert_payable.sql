INSERT INTO payable_invoices (invoice_id, account_id, currency, due, due_date, sent_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::date[],
                     $6::timestamptz[])
ON CONFLICT (invoice_id) DO UPDATE
SET due = EXCLUDED.due, due_date = EXCLUDED.due_date, sent_at = EXCLUDED.sent_at
