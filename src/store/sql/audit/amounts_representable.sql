-- Minor units that are not two, by ISO 4217; a test compares them with the domain's table.
SELECT format('%s %s', a.kind, a.id) AS subject,
       format('its amount is %s micros of %s', a.amount, a.currency) AS detail
  FROM (SELECT 'payment' AS kind, payment_id AS id, amount, currency FROM payments
        UNION ALL
        SELECT 'invoice', invoice_id, amount, currency FROM invoices
        UNION ALL
        SELECT 'allocation', allocation_id::text, amount, currency FROM allocations
        UNION ALL
        -- A lot has six decimals: of what goes back at once, the part that was spent and the part
        -- that was not may each have as many, and together they are what can be paid again.
        SELECT 'reversals of allocation', r.allocation_id::text, sum(r.amount)::bigint, a.currency
          FROM allocation_reversals r JOIN allocations a USING (allocation_id)
         GROUP BY r.allocation_id, r.return_id, a.currency) a
 WHERE a.amount <= 0
    OR a.amount % CASE
       WHEN a.currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG',
                               'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF')
           THEN 1000000
       WHEN a.currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
           THEN 1000
       WHEN a.currency IN ('CLF', 'UYW')
           THEN 100
       ELSE 10000 END <> 0
