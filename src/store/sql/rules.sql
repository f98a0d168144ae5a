-- name: rule_sets_lock
SELECT pg_advisory_xact_lock(hashtextextended('topup:rule_sets', 0))

-- name: rule_sets_active
-- Asked once a second by each worker. Index: rule_set_activations_pkey, backwards.
SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1

-- name: rule_sets_by_hash
SELECT version FROM rule_sets WHERE content_hash = $1

-- name: rule_sets_content
SELECT content FROM rule_sets WHERE version = $1

-- name: rule_sets_insert
INSERT INTO rule_sets (version, content, content_hash, created_at, operator, comment)
SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5 FROM rule_sets
RETURNING version

-- name: rule_sets_activate
INSERT INTO rule_set_activations (version, activated_at, operator, reason)
VALUES ($1, $2, $3, $4)

-- name: views_rule_sets
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
