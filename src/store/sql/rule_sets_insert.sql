INSERT INTO rule_sets (version, content, content_hash, created_at, operator, comment)
SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5 FROM rule_sets
RETURNING version
