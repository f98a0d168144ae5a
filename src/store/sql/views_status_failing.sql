-- What failed when its turn came and is tried again. Rows are few: who succeeds leaves.
SELECT kind, code, count(*) AS items, max(attempts) AS most_attempts, min(failed_at) AS since
  FROM failing_items
 GROUP BY kind, code
 ORDER BY kind, code
