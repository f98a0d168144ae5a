-- What fails when its turn comes, for long or at its process's cost; what failed once or twice is
-- tried again within seconds.
SELECT format('%s %s of kind %s fail since %s: %s', count(*),
              CASE count(*) WHEN 1 THEN 'item' ELSE 'items' END, kind,
              to_char(min(failed_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), code)
           AS found,
       code = 'crash_loop' AS kills
  FROM failing_items WHERE attempts >= 5 OR code = 'crash_loop'
 GROUP BY kind, code ORDER BY kills DESC, kind, code LIMIT 20
