SELECT d.payment_id || '/' || d.decision_id AS subject,
       CASE WHEN r.version IS NULL THEN format('rule set %s is not stored', d.policy_version)
            ELSE format('rule set %s was never activated', d.policy_version) END AS detail
  FROM decisions d
  LEFT JOIN rule_sets r ON r.version = d.policy_version
 WHERE d.policy_version > 0
   AND (r.version IS NULL OR NOT EXISTS (
        SELECT 1 FROM rule_set_activations a WHERE a.version = d.policy_version))
