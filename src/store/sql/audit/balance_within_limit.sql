SELECT format('account %s, %s', b.account_id, b.currency) AS subject,
       format('the balance is %s and the credit limit %s micros', b.amount,
              coalesce(l.amount, 0)) AS detail
  FROM balances b
  LEFT JOIN credit_limits l ON l.account_id = b.account_id AND l.currency = b.currency
 WHERE b.amount < -coalesce(l.amount, 0)
   -- Usage is a fact: what no lot covered may go beyond, and nothing else.
   AND b.amount < -coalesce((SELECT sum(c.uncovered) FROM usage_charges c
                              WHERE c.account_id = b.account_id AND c.currency = b.currency), 0)
