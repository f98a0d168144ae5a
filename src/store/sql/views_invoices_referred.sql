-- Invoices that this reference names: the one that was minted, one of upstream's, or a number in
-- any form, also its digits without the letters ($4). Indexes: invoices_payment_reference_key,
-- invoice_references_pkey, invoices_number_key, invoices_folded_key, invoices_number_digits.
SELECT invoice_id FROM invoices WHERE payment_reference = $1
UNION SELECT invoice_id FROM invoice_references WHERE reference IN ($1, $2)
UNION SELECT invoice_id FROM invoices WHERE number_key = $3
UNION (SELECT invoice_id FROM invoices WHERE folded_key = $2 AND $2 <> '' LIMIT 50)
UNION (SELECT invoice_id FROM invoices WHERE number_digits(folded_key) = $4
        ORDER BY invoice_id DESC LIMIT 50)
