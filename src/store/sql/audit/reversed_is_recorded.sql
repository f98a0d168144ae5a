SELECT format('allocation %s', a.allocation_id) AS subject,
       format('%s micros are reversed, of its lot %s (%s of them owed), its reversals are %s',
              a.reversed, l.reversed, l.clawed_back, coalesce(r.total, 0)) AS detail
  FROM allocations a
  JOIN lots l ON l.lot_id = a.allocation_id
  LEFT JOIN (SELECT allocation_id, sum(amount) AS total FROM allocation_reversals
              GROUP BY allocation_id) r ON r.allocation_id = a.allocation_id
  LEFT JOIN (SELECT lot_id, sum(amount) AS total FROM lot_consumptions WHERE kind = 'reversal'
              GROUP BY lot_id) c ON c.lot_id = l.lot_id
 WHERE a.reversed <> l.reversed OR a.reversed <> coalesce(r.total, 0)
    -- What was reversed and is not owed was taken out of the lot.
    OR l.reversed - l.clawed_back <> coalesce(c.total, 0)
    OR (a.reversed = a.amount) <> (a.reversed_at IS NOT NULL)
