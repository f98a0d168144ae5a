-- name: views_book_patience
-- Nothing waits for this reading, and it holds up nobody for longer.
SELECT set_config('statement_timeout', '2s', true)

-- name: views_book
-- The book in numbers, for graphs and alerts: name, up to two labels, value. Money is in micros.
-- Of each kind at most $2 rows are read, by indexes of what is open: `book_at_least` says of which
-- numbers there is more, and then the others of their kind are of what was read. Dead letters are
-- read up to $2 of each code and topic, so that many of one code do not hide another. Nothing of it
-- names a customer or an account. $1 is by how much clocks may differ.
WITH RECURSIVE parked_read AS MATERIALIZED (
    SELECT coalesce(p.reason, '') AS reason, p.currency::text AS currency, o.free, p.received_on,
           p.state
      FROM (SELECT payment_id, free FROM open_payments ORDER BY payment_id LIMIT $2) o
      -- From there on, whatever the tables were like when this was planned.
      CROSS JOIN LATERAL (SELECT * FROM payments WHERE payment_id = o.payment_id LIMIT 1) p
), parked AS (
    SELECT reason, currency, count(*) AS payments,
           least(sum(free), 9223372036854775807)::bigint AS free, min(received_on) AS oldest
      FROM parked_read
     WHERE state = 'parked'
     GROUP BY 1, 2
), suggested AS MATERIALIZED (
    SELECT suggested_at FROM suggestions WHERE status = 'open' ORDER BY account_id LIMIT $2
), kinds AS (
    (SELECT code, topic FROM dead_letters WHERE status = 'open' ORDER BY code, topic LIMIT 1)
     UNION ALL
    SELECT n.code, n.topic
      FROM kinds k
      CROSS JOIN LATERAL (SELECT d.code, d.topic FROM dead_letters d
                           WHERE d.status = 'open' AND (d.code, d.topic) > (k.code, k.topic)
                           ORDER BY d.code, d.topic LIMIT 1) n
), letters AS MATERIALIZED (
    SELECT k.code, k.topic, c.letters
      FROM kinds k
      CROSS JOIN LATERAL (SELECT count(*) AS letters
                            FROM (SELECT FROM dead_letters d
                                   WHERE d.status = 'open' AND d.code = k.code
                                     AND d.topic = k.topic
                                   LIMIT $2) found) c
), waiting_read AS MATERIALIZED (
    SELECT split_part(needs, ':', 1) AS needs, deadline
      FROM waiting_commands ORDER BY deadline LIMIT $2
), failing AS MATERIALIZED (
    SELECT kind FROM failing_items ORDER BY kind, item LIMIT $2
), unpublished AS MATERIALIZED (
    SELECT (SELECT count(*) FROM outbox_next($2)) AS events,
           (SELECT count(*) FROM (SELECT FROM letter_copies WHERE published_at IS NULL
                                   LIMIT $2) copies) AS copies
), held AS MATERIALIZED (
    SELECT count(*) AS holds FROM (SELECT FROM holds WHERE state = 'live' LIMIT $2) live
), last_runs AS (
    SELECT j.job, d.finished_at, d.findings
      FROM jobs j
      CROSS JOIN LATERAL (SELECT r.finished_at, r.findings FROM job_runs r
                           WHERE r.job = j.job AND r.state = 'done'
                           ORDER BY r.scheduled_for DESC LIMIT 1) d
)
SELECT 'parked_payments' AS metric, reason AS label, currency AS further, payments AS value
  FROM parked
 UNION ALL
SELECT 'parked_amount_micros', reason, currency, free FROM parked
 UNION ALL
SELECT 'parked_oldest_seconds', reason, '',
       greatest(extract(epoch FROM clock_timestamp() - min(oldest)::timestamptz), 0)::bigint
  FROM parked GROUP BY reason
 UNION ALL
SELECT 'suggestions_open', '', '', count(*) FROM suggested
 UNION ALL
SELECT 'suggestions_oldest_seconds', '', '',
       coalesce(extract(epoch FROM clock_timestamp() - min(suggested_at)), 0)::bigint
  FROM suggested
 UNION ALL
SELECT 'dead_letters_open', code, topic, letters FROM letters
 UNION ALL
SELECT 'waiting_commands', needs, '', count(*) FROM waiting_read GROUP BY needs
 UNION ALL
SELECT 'waiting_next_deadline_timestamp_seconds', '', '', extract(epoch FROM min(deadline))::bigint
  FROM waiting_read HAVING count(*) > 0
 UNION ALL
SELECT 'holds_open', '', '', holds FROM held
 UNION ALL
SELECT 'outbox_unpublished', '', '', events + copies FROM unpublished
 UNION ALL
SELECT 'outbox_oldest_seconds', '', '',
       greatest(coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0), 0)::bigint
  FROM ((SELECT created_at FROM outbox_next(1))
        UNION ALL
        (SELECT created_at FROM letter_copies WHERE published_at IS NULL
          ORDER BY copy_id LIMIT 1)) first
 UNION ALL
SELECT 'outbox_held_keys', '', '', count(*) FROM (SELECT FROM relay_holds LIMIT $2) held_keys
 UNION ALL
SELECT 'job_last_success_timestamp_seconds', job, '', extract(epoch FROM finished_at)::bigint
  FROM last_runs
 UNION ALL
SELECT 'job_last_findings', job, '', findings FROM last_runs
 UNION ALL
SELECT 'failing_items', kind, '', count(*) FROM failing GROUP BY kind
 UNION ALL
SELECT 'log_changes_open', '', '', count(*) FROM log_changes WHERE settled_at IS NULL
 UNION ALL
SELECT 'workers', '', '', count(*) FROM worker_clocks
 WHERE told_at > clock_timestamp() - interval '90 seconds'
 UNION ALL
SELECT 'usage_watermark_timestamp_seconds', '', '',
       extract(epoch FROM min(complete_through))::bigint
  FROM usage_watermarks WHERE complete_through <= updated_at + $1::interval HAVING count(*) > 0
 UNION ALL
SELECT 'book_at_least', metric, '', (rows_read >= $2)::integer::bigint
  FROM (VALUES ('parked_payments', (SELECT count(*) FROM parked_read)),
               ('suggestions_open', (SELECT count(*) FROM suggested)),
               ('dead_letters_open', (SELECT coalesce(max(letters), 0) FROM letters)),
               ('waiting_commands', (SELECT count(*) FROM waiting_read)),
               ('holds_open', (SELECT holds FROM held)),
               ('outbox_unpublished', (SELECT greatest(events, copies) FROM unpublished)),
               ('failing_items', (SELECT count(*) FROM failing))) AS bounds (metric, rows_read)
