-- What allocations put on the balance of one account, newest first. The live holds lie on the
-- oldest money that is left, as the charges that take their place will. Indexes:
-- invoices_account, allocations_invoice, lots_pkey, holds_live_of_account.
SELECT l.lot_id, a.invoice_id, a.payment_id, l.currency, l.amount, l.remaining,
       l.reversed, l.clawed_back,
       least(l.remaining, greatest(0, coalesce(h.held, 0) - (sum(l.remaining) OVER (
           PARTITION BY l.currency ORDER BY l.opened_at, l.lot_id) - l.remaining)))::bigint AS held,
       l.opened_at, l.closed_at
  FROM invoices i
  JOIN allocations a ON a.invoice_id = i.invoice_id
  JOIN lots l ON l.lot_id = a.allocation_id
  LEFT JOIN (SELECT currency, sum(amount - released) AS held FROM holds
              WHERE account_id = $1 AND state = 'live' GROUP BY currency) h
    ON h.currency = l.currency
 WHERE i.account_id = $1
 ORDER BY l.opened_at DESC, l.lot_id DESC
 LIMIT $2
