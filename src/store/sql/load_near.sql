-- By reference and by number apart, so that each look-up has its index.
WITH named AS (
    SELECT asked.variant, true AS by_reference, i.invoice_id
    FROM unnest($1::text[]) AS asked(variant)
    JOIN invoices i ON i.payment_reference = asked.variant
    UNION ALL
    SELECT asked.variant, false, i.invoice_id
    FROM unnest($2::text[]) AS asked(variant)
    JOIN invoices i ON i.folded_key = asked.variant)
SELECT named.variant, named.by_reference, p.invoice_id, p.account_id, p.currency, p.due, a.name
FROM named
JOIN payable_invoices p ON p.invoice_id = named.invoice_id
JOIN accounts a ON a.account_id = p.account_id
