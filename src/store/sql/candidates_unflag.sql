UPDATE invoices SET candidate_since = NULL
WHERE invoice_id = ANY($1::text[]) AND candidate_since IS NOT NULL
