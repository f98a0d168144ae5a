-- Remittance advices without a payment. Index: remittance_advices_unused.
SELECT a.state, a.currency, count(*) AS advices, sum(a.amount)::text AS amount,
       min(a.received_at) AS oldest
  FROM remittance_advices a WHERE a.state <> 'used'
 GROUP BY a.state, a.currency ORDER BY a.state, a.currency
