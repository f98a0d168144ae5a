-- Invoices of these customers, of these amounts if any. Index: invoices_account.
SELECT i.invoice_id
  FROM unnest($1::text[]) c (account_id)
 CROSS JOIN LATERAL (SELECT invoice_id FROM invoices
                      WHERE account_id = c.account_id
                        AND ($2::bigint[] IS NULL OR amount = ANY($2))
                      ORDER BY invoice_id DESC LIMIT 50) i
