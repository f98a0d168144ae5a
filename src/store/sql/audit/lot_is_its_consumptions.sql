SELECT format('lot %s', coalesce(l.lot_id, c.lot_id)) AS subject,
       format('of %s micros it has %s and cleared %s of debt; its consumptions are %s and %s',
              l.amount, l.remaining, l.debt_cleared, coalesce(c.burnt, 0), coalesce(c.debt, 0))
           AS detail
  FROM lots l
  FULL JOIN (SELECT lot_id, sum(amount) AS burnt,
                    coalesce(sum(amount) FILTER (WHERE kind IN ('debt', 'debt_refund')), 0) AS debt
               FROM lot_consumptions GROUP BY lot_id) c ON c.lot_id = l.lot_id
 WHERE l.lot_id IS NULL
    OR l.amount - l.remaining <> coalesce(c.burnt, 0)
    OR l.debt_cleared <> coalesce(c.debt, 0)
