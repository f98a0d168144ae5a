SELECT format('invoice %s', coalesce(i.invoice_id, p.invoice_id)) AS subject,
       CASE WHEN i.invoice_id IS NULL THEN 'it is payable and does not await payment'
            WHEN p.invoice_id IS NULL THEN 'it awaits payment and is not payable'
            ELSE format('due %s for %s, of %s in %s for %s in %s', p.due, i.amount - i.allocated,
                        p.account_id, p.currency, i.account_id, i.currency)
       END AS detail
  FROM (SELECT * FROM invoices WHERE status = 'awaiting_payment') i
  FULL JOIN payable_invoices p ON p.invoice_id = i.invoice_id
 WHERE i.invoice_id IS NULL
    OR p.invoice_id IS NULL
    OR (p.due, p.currency, p.account_id, p.due_date, p.sent_at) IS DISTINCT FROM
       (i.amount - i.allocated, i.currency, i.account_id, i.due_date, i.sent_at)
