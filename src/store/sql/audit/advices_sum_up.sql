SELECT format('remittance advice %s of %s', a.advice_id, a.bank_account) AS subject,
       format('it says %s, its %s lines sum to %s', a.amount, coalesce(l.lines, 0),
              coalesce(l.sum, 0)) AS detail
  FROM remittance_advices a
  LEFT JOIN (SELECT bank_account, advice_id, count(*) AS lines, sum(amount) AS sum
               FROM remittance_advice_lines GROUP BY bank_account, advice_id) l
    USING (bank_account, advice_id)
 WHERE a.amount IS DISTINCT FROM l.sum
