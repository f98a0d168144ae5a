-- Rule sets, the newest first, each with its latest activation. Index: rule_sets_pkey.
SELECT r.version, r.created_at, r.operator, r.comment, a.activated_at, a.operator AS activated_by,
       a.reason, coalesce(a.activation_id = (SELECT max(activation_id) FROM rule_set_activations),
                          r.version = 0 AND NOT EXISTS (SELECT 1 FROM rule_set_activations))
       AS active
  FROM rule_sets r
  LEFT JOIN LATERAL (SELECT activation_id, activated_at, operator, reason
                       FROM rule_set_activations a
                      WHERE a.version = r.version
                      ORDER BY activation_id DESC LIMIT 1) a ON true
 WHERE r.version < coalesce($1::integer, 2147483647)
 ORDER BY r.version DESC
 LIMIT $2
