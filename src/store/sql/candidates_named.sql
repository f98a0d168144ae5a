-- The invoices that await payment and that these words name: by reference, by number, by what is
-- upstream's. Indexes: invoices_payment_reference_key, invoices_folded_key,
-- invoice_references_pkey.
SELECT p.invoice_id
FROM unnest($1::text[]) AS word(key)
JOIN invoices i ON i.payment_reference = word.key
JOIN payable_invoices p ON p.invoice_id = i.invoice_id
UNION
SELECT p.invoice_id
FROM unnest($2::text[]) AS word(key)
JOIN invoices i ON i.folded_key = word.key
JOIN payable_invoices p ON p.invoice_id = i.invoice_id
UNION
SELECT p.invoice_id
FROM unnest($1::text[] || $2::text[]) AS word(key)
JOIN invoice_references r ON r.reference = word.key
JOIN payable_invoices p ON p.invoice_id = r.invoice_id
