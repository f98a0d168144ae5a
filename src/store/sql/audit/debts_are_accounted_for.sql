-- What charges and claw-backs ever owed, less what was given back of it, is owed still or was
-- cleared by a lot.
SELECT format('account %s, %s', account_id, currency) AS subject,
       format('%s micros of charges and %s of claw-backs were owed, %s are, lots cleared %s',
              coalesce(c.owed, 0), coalesce(l.clawed_back, 0),
              greatest(-coalesce(b.amount, 0), 0), coalesce(l.cleared, 0)) AS detail
  FROM (SELECT c.account_id, c.currency,
               sum(c.uncovered - least(c.uncovered, coalesce(r.refunded, 0))) AS owed
          FROM usage_charges c
          LEFT JOIN (SELECT account_id, usage_id, sum(amount) AS refunded FROM usage_refunds
                      GROUP BY account_id, usage_id) r USING (account_id, usage_id)
         GROUP BY c.account_id, c.currency) c
  FULL JOIN (SELECT account_id, currency, sum(clawed_back) AS clawed_back,
                    sum(debt_cleared) AS cleared
               FROM lots GROUP BY account_id, currency) l USING (account_id, currency)
  FULL JOIN balances b USING (account_id, currency)
 WHERE coalesce(c.owed, 0) + coalesce(l.clawed_back, 0)
    <> greatest(-coalesce(b.amount, 0), 0) + coalesce(l.cleared, 0)
