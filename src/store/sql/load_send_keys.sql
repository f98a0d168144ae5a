-- By what payments may watch for these invoices: the minted reference, and those of upstream.
SELECT payment_reference, false AS is_number, account_id, currency, amount - allocated AS due,
       NULL::text AS named, NULL::text AS scheme
FROM invoices WHERE invoice_id = ANY($1::text[])
UNION ALL
SELECT r.reference, r.scheme IS NULL, i.account_id, i.currency, i.amount - i.allocated,
       r.invoice_id, r.scheme
FROM invoice_references r JOIN invoices i ON i.invoice_id = r.invoice_id
WHERE r.invoice_id = ANY($1::text[])
