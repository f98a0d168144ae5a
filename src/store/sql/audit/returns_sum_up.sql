SELECT format('payment %s', p.payment_id) AS subject,
       format('%s micros are returned, its returns are %s, of which %s were taken from invoices '
              'and %s reversed for it', p.returned, coalesce(r.total, 0), coalesce(r.taken, 0),
              coalesce(v.total, 0)) AS detail
  FROM payments p
  LEFT JOIN (SELECT payment_id, sum(CASE WHEN undoes IS NULL THEN amount ELSE -amount END) AS total,
                    sum(CASE WHEN undoes IS NULL THEN unspent + clawed_back ELSE 0 END) AS taken
               FROM payment_returns GROUP BY payment_id) r USING (payment_id)
  -- Of a payment that is split, the allocations of its parts too.
  LEFT JOIN (SELECT k.payment_id, sum(v.amount) AS total
               FROM allocation_reversals v JOIN payment_returns k USING (return_id)
              WHERE v.kind = 'returned' GROUP BY k.payment_id) v USING (payment_id)
 WHERE p.returned <> coalesce(r.total, 0) OR coalesce(r.taken, 0) <> coalesce(v.total, 0)
UNION ALL
SELECT format('bank transaction %s of %s', b.bank_key, b.bank_account),
       format('it is %s and has %s returns, parked %s', b.disposition, count(r.return_id),
              count(k.bank_key))
  FROM bank_transactions b
  LEFT JOIN payment_returns r ON r.bank_account = b.bank_account AND r.bank_key = b.bank_key
  LEFT JOIN parked_returns k ON k.bank_account = b.bank_account AND k.bank_key = b.bank_key
 WHERE b.disposition IN ('returned', 'return_undone', 'return_parked')
    OR r.return_id IS NOT NULL OR k.bank_key IS NOT NULL
 GROUP BY b.bank_account, b.bank_key, b.disposition
HAVING (count(DISTINCT r.return_id) > 0) <> (b.disposition IN ('returned', 'return_undone'))
    OR (count(k.bank_key) > 0) <> (b.disposition = 'return_parked')
UNION ALL
SELECT format('return %s of payment %s', r.return_id, r.payment_id),
       format('of %s micros, %s of them removed, and a fee of %s there came back %s, %s and %s',
              r.amount, r.removed, r.fee, u.amount, u.removed, u.fee)
  FROM payment_returns r
  JOIN (SELECT undoes, sum(amount) AS amount, sum(removed) AS removed, sum(fee) AS fee
          FROM payment_returns WHERE undoes IS NOT NULL GROUP BY undoes) u
    ON u.undoes = r.return_id
 WHERE u.amount > r.amount OR u.removed > r.removed OR u.fee > r.fee
