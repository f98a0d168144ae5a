-- By reference and by number apart, so that each look-up has its index.
WITH asked AS (SELECT place, variant FROM unnest($1::int[], $2::text[]) AS asked(place, variant)),
named AS (
    SELECT asked.place, i.invoice_id
    FROM asked JOIN invoices i ON i.payment_reference = asked.variant
    UNION
    SELECT asked.place, i.invoice_id
    FROM asked JOIN invoices i ON i.folded_key = asked.variant)
SELECT named.place, p.invoice_id, p.account_id, p.currency, p.due, a.name
FROM named
JOIN payable_invoices p ON p.invoice_id = named.invoice_id
JOIN accounts a ON a.account_id = p.account_id
