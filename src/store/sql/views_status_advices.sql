-- Remittance advices that wait, or waited in vain. Index: remittance_advices_unused.
SELECT a.state, a.currency, count(*) AS advices, sum(a.amount)::text AS amount,
       min(a.received_at) AS oldest
  FROM remittance_advices a WHERE a.state IN ('open', 'ambiguous', 'expired')
 GROUP BY a.state, a.currency ORDER BY a.state, a.currency
