-- How things stand that a command may change: payments $1, invoices $2 and those that the payments
-- pay, accounts $3 with their terms, numbers, limits, levels and balances; what is known of the
-- payments' payers. Numbers are shown by their end; `mark` tells those that end alike apart.
-- Indexes: primary keys, allocations_payment, payer_aliases_account, payer_accounts_account,
-- virtual_accounts_account.
SELECT 'account' AS kind, account_id AS id, '' AS mark, NULL AS currency,
       CASE WHEN closed_at IS NULL THEN 'open' ELSE 'closed' END AS state, name AS text,
       NULL::bigint AS amount
  FROM accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'terms', account_id, '', NULL, stale_after_days::text, time_zone, NULL
  FROM accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'payer account', '…' || right(payer_account, least(4, length(payer_account) / 3))
       || ' of ' || account_id, payer_account, NULL, 'yes', NULL, NULL
  FROM payer_accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'virtual account', '…' || right(virtual_account, least(4, length(virtual_account) / 3))
       || ' of ' || account_id, virtual_account, NULL, 'yes', NULL, NULL
  FROM virtual_accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'credit limit', account_id, '', currency, NULL, NULL, amount
  FROM credit_limits WHERE account_id = ANY($3)
UNION ALL
SELECT 'balance level', a.account_id || ' ' || l.currency,
       coalesce(l.amount::text, ''), l.currency, CASE WHEN l.amount IS NULL THEN 'none' END, NULL,
       l.amount
  FROM accounts a
 CROSS JOIN LATERAL unnest(a.level_currencies, a.level_amounts) AS l(currency, amount)
 WHERE a.account_id = ANY($3)
UNION ALL
SELECT 'balance', account_id, '', currency, NULL, NULL, amount
  FROM balances WHERE account_id = ANY($3)
UNION ALL
SELECT 'invoice', invoice_id, '', currency, status, NULL, amount - allocated
  FROM invoices
 WHERE invoice_id = ANY($2)
    OR invoice_id IN (SELECT invoice_id FROM allocations WHERE payment_id = ANY($1))
UNION ALL
SELECT 'payer', '…' || right(a.payer_account, least(4, length(a.payer_account) / 3)) || ' of '
       || a.account_id, a.payer_account, NULL, a.confirmations::text, NULL, NULL
  FROM payer_aliases a
 WHERE a.account_id = ANY($3)
   AND a.payer_account IN (SELECT upper(regexp_replace(debtor_account, '[^A-Za-z0-9]', '', 'g'))
                             FROM bank_transactions WHERE payment_id = ANY($1))
UNION ALL
SELECT 'payment', payment_id, '', currency, state || coalesce(' (' || reason || ')', ''),
       account_id, CASE state WHEN 'removed' THEN 0
                       ELSE amount - allocated - returned - refunded - split END
  FROM payments WHERE payment_id = ANY($1)
 ORDER BY 1, 2, 3, 4
