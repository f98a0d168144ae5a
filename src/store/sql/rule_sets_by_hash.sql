SELECT version FROM rule_sets WHERE content_hash = $1
