-- What allocations put on the balance of one account, newest first. Indexes: invoices_account,
-- allocations_invoice, lots_pkey.
SELECT l.lot_id, a.invoice_id, a.payment_id, l.currency, l.amount, l.remaining, l.held,
       l.opened_at, l.closed_at
  FROM invoices i
  JOIN allocations a ON a.invoice_id = i.invoice_id
  JOIN lots l ON l.lot_id = a.allocation_id
 WHERE i.account_id = $1
 ORDER BY l.opened_at DESC, l.lot_id DESC
 LIMIT $2
