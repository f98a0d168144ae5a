-- name: views_invoices_list
-- Invoices in the order of their ids. Index: invoices_pkey.
SELECT invoice_id, account_id, name, currency, amount, allocated, status,
       payment_reference, due_date, created_at, sent_at
  FROM invoice_states
 WHERE invoice_id > coalesce($1::text, '')
   AND ($2::text IS NULL OR status = $2)
 ORDER BY invoice_id
 LIMIT $3

-- name: views_invoices_by_account
-- Invoices of one account in the order of their ids. Index: invoices_account.
SELECT invoice_id, account_id, name, currency, amount, allocated, status,
       payment_reference, due_date, created_at, sent_at
  FROM invoice_states
 WHERE account_id = $4
   AND invoice_id > coalesce($1::text, '')
   AND ($2::text IS NULL OR status = $2)
 ORDER BY invoice_id
 LIMIT $3

-- name: views_invoice_show
-- One invoice. Indexes: invoices_pkey, invoice_references_invoice.
SELECT invoice_id, account_id, name, currency, amount, allocated, status, payment_reference,
       due_date, created_at, sent_at, provisioned_at, voided_at, void_reason,
       CASE WHEN keep_until >= '9999-12-31' THEN 'always' ELSE keep_until::text END AS keep_until,
       stale_since,
       ARRAY(SELECT r.given FROM invoice_references r WHERE r.invoice_id = invoice_states.invoice_id
              ORDER BY r.reference) AS given
  FROM invoice_states
 WHERE invoice_id = $1

-- name: views_invoices_referred
-- Invoices that this reference names: the one that was minted, one of upstream's, or a number in
-- any form, also its digits without the letters ($4). Indexes: invoices_payment_reference_key,
-- invoice_references_pkey, invoices_number_key, invoices_folded_key, invoices_number_digits.
SELECT invoice_id FROM invoices WHERE payment_reference = $1
UNION SELECT invoice_id FROM invoice_references WHERE reference IN ($1, $2)
UNION SELECT invoice_id FROM invoices WHERE number_key = $3
UNION (SELECT invoice_id FROM invoices WHERE folded_key = $2 AND $2 <> '' LIMIT 50)
UNION (SELECT invoice_id FROM invoices WHERE number_digits(folded_key) = $4
        ORDER BY invoice_id DESC LIMIT 50)

-- name: views_invoices_of
-- These invoices, in the order of their ids. Index: invoices_pkey.
SELECT invoice_id, account_id, name, currency, amount, allocated, status,
       payment_reference, due_date, created_at, sent_at
  FROM invoice_states
 WHERE invoice_id = ANY($1) AND invoice_id > coalesce($2::text, '')
   AND ($3::text IS NULL OR status = $3)
   AND ($5::text IS NULL OR account_id = $5)
 ORDER BY invoice_id
 LIMIT $4

-- name: views_open_invoices
-- A customer's invoices that await payment, the oldest first. Indexes: payable_invoices_oldest (its
-- first column), invoices_pkey.
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at
  FROM payable_invoices p
  JOIN invoice_states i ON i.invoice_id = p.invoice_id
 WHERE p.account_id = $1
 ORDER BY p.account_id, p.currency, p.due_date, p.sent_at, p.invoice_id
 LIMIT $2

-- name: views_allocations_of_invoice
-- All allocations of one invoice, reversed ones too. Index: allocations_invoice.
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE invoice_id = $1
 ORDER BY allocation_id
 LIMIT 200

-- name: views_reversals_of_invoice
-- What went back of the allocations of one invoice. Indexes: allocations_invoice,
-- allocation_reversals_allocation, payment_returns_pkey.
SELECT r.reversal_id, r.kind, a.payment_id, a.invoice_id, a.account_id, a.currency, r.amount,
       r.clawed_back, coalesce(b.reason, r.reason) AS reason, r.return_id, r.reversed_at
  FROM allocations a
  JOIN allocation_reversals r ON r.allocation_id = a.allocation_id
  LEFT JOIN payment_returns b ON b.return_id = r.return_id
 WHERE a.invoice_id = $1
 ORDER BY r.reversal_id
 LIMIT 200

-- name: views_void_candidates
-- By the partial index on live episodes.
SELECT c.invoice_id, c.account_id, c.currency, c.amount_due, c.due_date, c.stale_since,
       c.stale_after_days, c.feed_complete_through, c.flagged_at, c.episode
FROM void_candidates c
WHERE c.cleared_at IS NULL AND c.invoice_id > $1 AND ($2::text IS NULL OR c.account_id = $2)
ORDER BY c.invoice_id LIMIT $3
