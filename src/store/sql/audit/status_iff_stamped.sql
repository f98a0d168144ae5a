SELECT format('invoice %s', invoice_id) AS subject,
       format('it is %s; sent %s, provisioned %s, voided %s', status, sent_at, provisioned_at,
              voided_at) AS detail
  FROM invoices
 WHERE (status = 'provisioned') <> (provisioned_at IS NOT NULL)
    OR (status = 'voided') <> (voided_at IS NOT NULL)
    OR (status IN ('awaiting_payment', 'provisioned') AND sent_at IS NULL)
    OR (status = 'draft' AND sent_at IS NOT NULL)
