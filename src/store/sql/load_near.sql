-- By reference, by number and by digits apart, so that each look-up has its index. Of digits that
-- very many invoices have, only so many are read: they tell nobody apart.
WITH named AS (
    SELECT asked.variant, 1 AS kind, i.invoice_id
    FROM unnest($1::text[]) AS asked(variant)
    JOIN invoices i ON i.payment_reference = asked.variant
    UNION ALL
    SELECT asked.variant, 2, i.invoice_id
    FROM unnest($2::text[]) AS asked(variant)
    JOIN invoices i ON i.folded_key = asked.variant
    UNION ALL
    SELECT asked.variant, 2, r.invoice_id
    FROM unnest($2::text[]) AS asked(variant)
    JOIN invoice_references r ON r.reference = asked.variant
    UNION ALL
    SELECT asked.digits, 3, i.invoice_id
    FROM unnest($3::text[]) AS asked(digits)
    CROSS JOIN LATERAL (SELECT i.invoice_id FROM invoices i
          WHERE number_digits(i.folded_key) = asked.digits
          ORDER BY i.invoice_id DESC LIMIT 64) i)
SELECT named.variant, named.kind, p.invoice_id, p.account_id, p.currency, p.due, a.name
FROM named
JOIN payable_invoices p ON p.invoice_id = named.invoice_id
JOIN accounts a ON a.account_id = p.account_id
