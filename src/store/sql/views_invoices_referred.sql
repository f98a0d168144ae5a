-- Invoices that this reference names: the one that was minted, one of upstream's, or a number in
-- any form. Indexes: invoices_payment_reference_key, invoice_references_pkey,
-- invoices_number_key, invoices_folded_key.
SELECT invoice_id FROM invoices WHERE payment_reference = $1
UNION SELECT invoice_id FROM invoice_references WHERE reference IN ($1, $2)
UNION SELECT invoice_id FROM invoices WHERE number_key = $3
UNION (SELECT invoice_id FROM invoices WHERE folded_key = $2 AND $2 <> '' LIMIT 50)
