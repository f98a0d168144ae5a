-- Asked once a second by each worker. Index: rule_set_activations_pkey, backwards.
SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1
