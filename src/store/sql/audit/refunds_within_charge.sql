SELECT format('charge %s of account %s', r.usage_id, r.account_id) AS subject,
       format('%s micros were refunded of %s', r.refunded, coalesce(c.amount, 0)) AS detail
  FROM (SELECT account_id, usage_id, currency, sum(amount) AS refunded FROM usage_refunds
         GROUP BY account_id, usage_id, currency) r
  LEFT JOIN usage_charges c USING (account_id, usage_id, currency)
 WHERE c.amount IS NULL OR r.refunded > c.amount
