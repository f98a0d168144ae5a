SELECT format('allocation %s', coalesce(a.allocation_id, l.lot_id)) AS subject,
       CASE WHEN l.lot_id IS NULL THEN 'it has no lot'
            WHEN a.allocation_id IS NULL THEN 'its lot has no allocation'
            ELSE format('its lot is %s of %s micros for %s in %s', l.remaining, l.amount,
                        l.account_id, l.currency)
       END AS detail
  FROM allocations a
  FULL JOIN lots l ON l.lot_id = a.allocation_id
 WHERE l.lot_id IS NULL
    OR a.allocation_id IS NULL
    OR (l.amount, l.account_id, l.currency) <> (a.amount, a.account_id, a.currency)
    OR l.remaining NOT BETWEEN 0 AND l.amount
