SELECT format('account %s, %s', b.account_id, b.currency) AS subject,
       format('the balance is %s and the credit limit %s micros', b.amount,
              coalesce(l.amount, 0)) AS detail
  FROM balances b
  LEFT JOIN credit_limits l ON l.account_id = b.account_id AND l.currency = b.currency
 WHERE b.amount < -coalesce(l.amount, 0)
   -- Usage and returns are facts: what no lot covered and what was clawed back may go beyond, and
   -- nothing else.
   AND b.amount < -coalesce((SELECT sum(c.uncovered) FROM usage_charges c
                              WHERE c.account_id = b.account_id AND c.currency = b.currency), 0)
                  -coalesce((SELECT sum(r.clawed_back)
                               FROM allocation_reversals r JOIN allocations a USING (allocation_id)
                              WHERE r.clawed_back > 0 AND a.account_id = b.account_id
                                AND a.currency = b.currency), 0)
