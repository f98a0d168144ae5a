SELECT format('charge %s of account %s', c.usage_id, c.account_id) AS subject,
       format('of %s micros it burnt %s and %s were uncovered', c.amount, coalesce(b.burnt, 0),
              c.uncovered) AS detail
  FROM usage_charges c
  LEFT JOIN (SELECT cause_id, sum(amount) AS burnt FROM lot_consumptions
              WHERE kind = 'charge' GROUP BY cause_id) b ON b.cause_id = c.charge_id
 WHERE c.amount <> coalesce(b.burnt, 0) + c.uncovered
