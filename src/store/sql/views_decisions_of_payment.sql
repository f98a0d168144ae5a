-- The decisions on one payment, in the order in which each replaced
-- the one before. Index: decisions_payment.
SELECT decision_id, payment_id, rule, rule_set_version, policy_version, outcome, reason,
       explanation, caused_by_source, caused_by_id, decided_at
  FROM decisions
 WHERE payment_id = $1
 ORDER BY place NULLS FIRST, decision_id
 LIMIT 100
