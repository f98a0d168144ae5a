SELECT account_id, candidate_since FROM invoices
WHERE invoice_id = $1 AND candidate_since IS NOT NULL
