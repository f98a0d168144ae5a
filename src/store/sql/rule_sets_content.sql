SELECT content FROM rule_sets WHERE version = $1
