SELECT format('invoice %s', invoice_id) AS subject,
       format('it is voided with %s micros allocated, provisioned %s', allocated,
              provisioned_at) AS detail
  FROM invoices
 WHERE status = 'voided' AND (provisioned_at IS NOT NULL OR allocated <> 0)
