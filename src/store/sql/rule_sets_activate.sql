INSERT INTO rule_set_activations (version, activated_at, operator, reason)
VALUES ($1, $2, $3, $4)
