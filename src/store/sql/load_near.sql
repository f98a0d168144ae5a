-- By reference and by number apart, so that each look-up has its index.
WITH asked AS (SELECT word, variant FROM unnest($1::text[], $2::text[]) AS asked(word, variant)),
named AS (
    SELECT asked.word, i.invoice_id
    FROM asked JOIN invoices i ON i.payment_reference = asked.variant
    UNION
    SELECT asked.word, i.invoice_id
    FROM asked JOIN invoices i ON i.number_key = asked.variant)
SELECT named.word, p.invoice_id, p.account_id, p.currency, p.due, a.name
FROM named
JOIN payable_invoices p ON p.invoice_id = named.invoice_id
JOIN accounts a ON a.account_id = p.account_id
