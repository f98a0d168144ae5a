INSERT INTO pruned AS p (table_name, before) VALUES ($1, $2)
ON CONFLICT (table_name) DO UPDATE SET before = greatest(p.before, EXCLUDED.before)
