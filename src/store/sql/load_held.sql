-- Payments that wait for a customer, those with the least left first, up to a limit; not what may
-- be another's money or none, nor what a person took off an invoice. Index: open_payments_amount.
SELECT asked.account_id, asked.currency, o.payment_id, o.free
FROM unnest($1::text[], $2::text[]) AS asked(account_id, currency)
CROSS JOIN LATERAL (
    SELECT payment_id, free FROM open_payments o
    WHERE o.account_id = asked.account_id AND o.currency = asked.currency
    ORDER BY o.free, o.payment_id LIMIT $3) o
JOIN payments p ON p.payment_id = o.payment_id
WHERE p.question IS NULL
  AND coalesce(p.reason, '') NOT IN ('identity_conflict', 'several_accounts', 'internal_transfer',
      'account_closed', 'undecided')
  AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.payment_id = o.payment_id)
