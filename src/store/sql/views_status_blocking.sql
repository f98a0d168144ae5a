-- Sessions that hold locks for which others of this database have waited two seconds and more: a
-- batch that waits for another lane is none. What a session of another role does is not told
-- without the role pg_read_all_stats; who it is, always.
SELECT h.pid, coalesce(h.application_name, '') AS application, coalesce(h.usename, '') AS role,
       coalesce(h.state, 'unknown') AS state, h.xact_start AS since,
       count(DISTINCT w.pid) AS waiting,
       extract(epoch FROM clock_timestamp() - min(w.query_start))::bigint AS longest_seconds
  FROM pg_stat_activity w
  CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocking (pid)
  JOIN pg_stat_activity h ON h.pid = blocking.pid
 WHERE w.datname = current_database() AND w.wait_event_type = 'Lock'
   AND w.query_start < clock_timestamp() - interval '2 seconds'
 GROUP BY h.pid, h.application_name, h.usename, h.state, h.xact_start
 ORDER BY longest_seconds DESC, h.pid
 LIMIT 20
