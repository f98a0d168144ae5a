SELECT format('allocation %s', a.allocation_id) AS subject,
       format('payment %s is of %s in %s, invoice %s of %s in %s, the allocation of %s in %s',
              p.payment_id, p.account_id, p.currency, i.invoice_id, i.account_id, i.currency,
              a.account_id, a.currency) AS detail
  FROM allocations a
  LEFT JOIN payments p USING (payment_id)
  LEFT JOIN invoices i USING (invoice_id)
 WHERE (p.account_id, p.currency) IS DISTINCT FROM (a.account_id, a.currency)
    OR (i.account_id, i.currency) IS DISTINCT FROM (a.account_id, a.currency)
