SELECT format('reference %s', r.reference) AS subject,
       format('upstream gave it to invoice %s, and it was minted for %s', r.invoice_id,
              i.invoice_id) AS detail
  FROM invoice_references r
  JOIN invoices i ON i.payment_reference = r.reference
