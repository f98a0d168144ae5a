SELECT format('invoice %s', coalesce(i.invoice_id, c.invoice_id)) AS subject,
       CASE WHEN c.invoice_id IS NULL THEN 'it is flagged and has no open episode'
            WHEN i.invoice_id IS NULL THEN 'it has an open episode and is not flagged'
            ELSE format('flagged for %s, its episode says %s', i.candidate_since, c.flagged_at)
       END AS detail
  FROM (SELECT invoice_id, candidate_since FROM invoices WHERE candidate_since IS NOT NULL) i
  FULL JOIN (SELECT invoice_id, flagged_at FROM void_candidates WHERE cleared_at IS NULL) c
    ON c.invoice_id = i.invoice_id
 WHERE i.candidate_since IS DISTINCT FROM c.flagged_at
