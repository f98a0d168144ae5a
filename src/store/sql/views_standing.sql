-- How things stand that a command may change: payments $1 with their parts, invoices $2 and those
-- that the payments pay, accounts $3 with their terms, numbers, limits, levels and balances; what
-- is known of the payments' payers; the bank's transactions $4 $5; the commands $6 $7. Numbers are
-- shown by their end; `mark` tells those that end alike apart.
-- Indexes: primary keys, payment_splits_payment_id_part_key, allocations_payment,
-- payer_aliases_account, payer_accounts_account, virtual_accounts_account.
WITH meant AS (
    SELECT unnest($1::text[]) AS payment_id
     UNION
    SELECT part_id FROM payment_splits WHERE payment_id = ANY($1)
)
SELECT 'account' AS kind, account_id AS id, '' AS mark, NULL AS currency,
       CASE WHEN closed_at IS NULL THEN 'open' ELSE 'closed' END AS state, name AS text,
       NULL::bigint AS amount, NULL::timestamptz AS at
  FROM accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'terms', account_id, '', NULL, stale_after_days::text, time_zone, NULL, NULL
  FROM accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'payer account', '…' || right(payer_account, least(4, length(payer_account) / 3))
       || ' of ' || account_id, payer_account, NULL, 'yes', NULL, NULL, NULL
  FROM payer_accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'virtual account', '…' || right(virtual_account, least(4, length(virtual_account) / 3))
       || ' of ' || account_id, virtual_account, NULL, 'yes', NULL, NULL, NULL
  FROM virtual_accounts WHERE account_id = ANY($3)
UNION ALL
SELECT 'credit limit', account_id, '', currency, NULL, NULL, amount, NULL
  FROM credit_limits WHERE account_id = ANY($3)
UNION ALL
SELECT 'balance level', a.account_id || ' ' || l.currency,
       coalesce(l.amount::text, ''), l.currency, CASE WHEN l.amount IS NULL THEN 'none' END, NULL,
       l.amount, NULL
  FROM accounts a
 CROSS JOIN LATERAL unnest(a.level_currencies, a.level_amounts) AS l(currency, amount)
 WHERE a.account_id = ANY($3)
UNION ALL
SELECT 'balance', account_id, '', currency, NULL, NULL, amount, NULL
  FROM balances WHERE account_id = ANY($3)
UNION ALL
SELECT w.kind, i.invoice_id, '', i.currency, w.state, w.text, w.amount, w.at
  FROM invoices i
 CROSS JOIN LATERAL (
       VALUES ('invoice', i.status, i.account_id,
               CASE i.status WHEN 'voided' THEN 0 ELSE i.amount - i.allocated END, i.sent_at),
              ('invoice made', i.payment_reference, i.due_date::text, i.amount, i.stale_since),
              ('invoice kept',
               CASE WHEN i.keep_until >= '9999-12-31' THEN 'always'
                    ELSE i.keep_until::text END, i.void_reason, NULL, i.candidate_since)
       ) AS w(kind, state, text, amount, at)
 WHERE i.invoice_id = ANY($2)
    OR i.invoice_id IN (SELECT a.invoice_id FROM allocations a JOIN meant USING (payment_id))
UNION ALL
SELECT 'payer', '…' || right(a.payer_account, least(4, length(a.payer_account) / 3)) || ' of '
       || a.account_id, a.payer_account, NULL, a.confirmations::text, NULL, NULL, NULL
  FROM payer_aliases a
 WHERE a.account_id = ANY($3)
   AND a.payer_account IN (SELECT upper(regexp_replace(debtor_account, '[^A-Za-z0-9]', '', 'g'))
                             FROM bank_transactions WHERE payment_id = ANY($1))
UNION ALL
SELECT w.kind, p.payment_id, '', p.currency, w.state, w.text, w.amount, NULL
  FROM payments p
  JOIN meant USING (payment_id)
 CROSS JOIN LATERAL (
       VALUES ('payment', p.state || coalesce(' (' || p.reason || ')', ''), p.account_id,
               CASE p.state WHEN 'removed' THEN 0
                            ELSE p.amount - p.allocated - p.returned - p.refunded - p.split END),
              ('payment made', NULL, NULL, p.amount),
              ('payment returned', NULL, NULL, nullif(p.returned, 0)),
              ('payment refunded', NULL, NULL, nullif(p.refunded, 0))
       ) AS w(kind, state, text, amount)
UNION ALL
SELECT 'return', t.bank_account || ' ' || t.bank_key, '', NULL, t.disposition, p.why, NULL, NULL
  FROM unnest($4::text[], $5::text[]) AS n(bank_account, bank_key)
  JOIN bank_transactions t USING (bank_account, bank_key)
  LEFT JOIN parked_returns p USING (bank_account, bank_key)
UNION ALL
SELECT 'command', i.source || '/' || i.message_id, '', NULL, i.outcome, i.code, NULL, NULL
  FROM unnest($6::text[], $7::text[]) AS n(source, message_id)
  JOIN inbox i USING (source, message_id)
 ORDER BY 1, 2, 3, 4
