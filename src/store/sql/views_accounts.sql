-- name: views_accounts_list
-- Accounts in the order of their ids. Index: accounts_pkey.
SELECT account_id, name, closed_at, created_at, updated_at
  FROM accounts
 WHERE account_id > coalesce($1::text, '')
 ORDER BY account_id
 LIMIT $2

-- name: views_account_show
-- One account. Indexes: accounts_pkey, payer_accounts_account, virtual_accounts_account,
-- payable_invoices_oldest (its first column).
SELECT a.account_id, a.name, a.stale_after_days, a.time_zone, a.closed_at,
       a.created_at, a.updated_at,
       ARRAY(SELECT p.payer_account FROM payer_accounts p
              WHERE p.account_id = a.account_id ORDER BY 1 LIMIT 100) AS payer_accounts,
       ARRAY(SELECT v.virtual_account FROM virtual_accounts v
              WHERE v.account_id = a.account_id ORDER BY 1 LIMIT 100) AS virtual_accounts,
       (SELECT count(*) FROM payable_invoices i
         WHERE i.account_id = a.account_id) AS awaiting_payment
  FROM accounts a
 WHERE a.account_id = $1

-- name: views_balances_list
-- Balances in the order of account and currency. Indexes: balances_pkey, holds_live_of_account.
SELECT b.account_id, b.currency, b.amount, l.amount AS credit_limit, h.held,
       least(greatest(b.amount::numeric - h.held + coalesce(l.amount, 0), -9e18), 9e18)::bigint
           AS usable, b.updated_at
  FROM balances b
  LEFT JOIN credit_limits l ON l.account_id = b.account_id AND l.currency = b.currency
  CROSS JOIN LATERAL (
       SELECT least(coalesce(sum(amount - released), 0), 9e18)::bigint AS held FROM holds
        WHERE account_id = b.account_id AND currency = b.currency AND state = 'live') h
 WHERE (b.account_id, b.currency) > (coalesce($1::text, ''), coalesce($2::text, ''))
   AND ($3::text IS NULL OR b.currency = $3)
 ORDER BY b.account_id, b.currency
 LIMIT $4

-- name: views_balances_of_account
-- Balances, live holds and credit limits of one account. Indexes: balances_pkey,
-- holds_live_of_account, credit_limits_pkey.
SELECT $1::text AS account_id, currency, coalesce(b.amount, 0) AS amount,
       l.amount AS credit_limit, coalesce(h.held, 0) AS held,
       least(greatest(coalesce(b.amount, 0)::numeric - coalesce(h.held, 0)
           + coalesce(l.amount, 0), -9e18), 9e18)::bigint AS usable, b.updated_at
  FROM (SELECT currency, amount, updated_at FROM balances WHERE account_id = $1) b
  FULL JOIN (SELECT currency, amount FROM credit_limits WHERE account_id = $1) l USING (currency)
  FULL JOIN (SELECT currency, least(sum(amount - released), 9e18)::bigint AS held FROM holds
              WHERE account_id = $1 AND state = 'live' GROUP BY currency) h USING (currency)
 ORDER BY currency

-- name: views_holds_of_account
-- Live holds of one account, the oldest first. Index: holds_live_of_account.
SELECT hold_id, currency, amount - released AS held, placed_at FROM holds
 WHERE account_id = $1 AND state = 'live' ORDER BY placed_at, hold_id LIMIT $2

-- name: views_lots_of_account
-- What allocations put on the balance of one account, newest first. The live holds lie on the
-- oldest money that is left, as the charges that take their place will. Indexes:
-- invoices_account, allocations_invoice, holds_live_of_account.
SELECT l.allocation_id AS lot_id, l.invoice_id, l.payment_id, l.currency, l.amount, l.remaining,
       l.reversed, coalesce(l.clawed_back, 0) AS clawed_back,
       least(l.remaining, greatest(0, coalesce(h.held, 0) - (sum(l.remaining) OVER older
           - l.remaining)))::bigint AS held,
       l.allocated_at AS opened_at, l.reversed_at AS closed_at
  FROM invoices i
  JOIN allocations l ON l.invoice_id = i.invoice_id
  LEFT JOIN (SELECT currency, sum(amount - released) AS held FROM holds
              WHERE account_id = $1 AND state = 'live' GROUP BY currency) h
    ON h.currency = l.currency
 WHERE i.account_id = $1
WINDOW older AS (PARTITION BY l.currency ORDER BY l.allocated_at, l.allocation_id)
 ORDER BY l.allocated_at DESC, l.allocation_id DESC
 LIMIT $2

-- name: views_payers_learned
-- Accounts of payers whose payments a person confirmed for this customer. Index:
-- payer_aliases_account.
SELECT payer_account, confirmations, last_used_on
  FROM payer_aliases
 WHERE account_id = $1 AND confirmations > 0
 ORDER BY payer_account
 LIMIT 100

-- name: views_unallocated_of_account
-- A customer's money that lies on no invoice, by currency. Index: open_payments_amount (its first
-- column).
SELECT currency, count(*) AS payments, sum(free)::text AS unallocated
  FROM open_payments
 WHERE account_id = $1
 GROUP BY currency
 ORDER BY currency

-- name: views_unallocated
-- Money of each payment that lay unallocated at $1: what is open now, less what came and went
-- since. Age by the days of zone $2. A report of a month's end: it reads the ledger since $1.
WITH since AS (
    SELECT payment_id, sum(amount)::bigint AS moved
      FROM ledger_entries
     WHERE posted_at > $1 AND ledger_account = 'unallocated_cash'
     GROUP BY payment_id),
held AS (
    SELECT coalesce(o.payment_id, s.payment_id) AS payment_id, coalesce(s.moved, 0) <> 0 AS moved,
           coalesce(o.free, 0) - coalesce(s.moved, 0) AS free
      FROM open_payments o FULL JOIN since s ON s.payment_id = o.payment_id)
SELECT h.payment_id, p.account_id, p.currency, h.free::text AS unallocated, p.received_on, p.reason,
       (($1::timestamptz AT TIME ZONE $2)::date - p.received_on)::bigint AS age_days,
       CASE WHEN NOT h.moved AND p.state = 'partly_allocated' THEN 'rest'
            WHEN NOT h.moved THEN p.state
            -- It has gone somewhere since: what was decided of it by then.
            WHEN h.free < p.amount AND EXISTS (SELECT 1 FROM allocations a
                  WHERE a.payment_id = h.payment_id AND a.allocated_at <= $1) THEN 'rest'
            WHEN (SELECT d.outcome FROM decisions d
                   WHERE d.payment_id = h.payment_id AND d.decided_at <= $1
                   ORDER BY d.place DESC NULLS LAST, d.decision_id DESC LIMIT 1)
                 IN ('parked', 'suggested') THEN 'parked'
            ELSE 'on_account' END AS kind
  FROM held h
  JOIN payments p ON p.payment_id = h.payment_id
 WHERE h.free <> 0
 ORDER BY p.currency, p.account_id NULLS FIRST, p.received_on, h.payment_id

-- name: views_unallocated_ledger
-- What the ledger held as unallocated cash at $1, by currency: what the report must add up to.
SELECT currency, sum(amount)::text AS unallocated
  FROM ledger_entries
 WHERE ledger_account = 'unallocated_cash' AND posted_at <= $1
 GROUP BY currency
 ORDER BY currency

-- name: views_standing
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
  FROM invoice_states i
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
