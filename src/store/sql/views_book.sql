-- name: views_book_patience
-- Nothing waits for this reading, and it holds up nobody for longer.
SELECT set_config('statement_timeout', '2s', true)

-- name: views_book
-- The book in numbers, for graphs and alerts: name, up to two labels, value. Money is in micros.
-- What waits to be published is counted up to 100,000. The rest is counted in full, by indexes of
-- what is open; a reading that takes more than two seconds is given up. Nothing of it names a
-- customer or an account. $1 is by how much clocks may differ.
WITH parked AS (
    SELECT coalesce(p.reason, '') AS reason, p.currency::text AS currency, count(*) AS payments,
           least(sum(o.free), 9223372036854775807)::bigint AS free, min(p.received_on) AS oldest
      FROM open_payments o
      -- From there on, whatever the tables were like when this was planned.
      CROSS JOIN LATERAL (SELECT * FROM payments WHERE payment_id = o.payment_id LIMIT 1) p
     WHERE p.state = 'parked'
     GROUP BY 1, 2
), waiting AS (
    SELECT split_part(needs, ':', 1) AS needs, count(*) AS commands, min(deadline) AS deadline
      FROM waiting_commands
     GROUP BY 1
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
SELECT 'suggestions_open', '', '', count(*) FROM suggestions WHERE status = 'open'
 UNION ALL
SELECT 'suggestions_oldest_seconds', '', '',
       coalesce(extract(epoch FROM clock_timestamp() - min(suggested_at)), 0)::bigint
  FROM suggestions WHERE status = 'open'
 UNION ALL
SELECT 'dead_letters_open', code, topic, count(*)
  FROM dead_letters WHERE status = 'open' GROUP BY code, topic
 UNION ALL
SELECT 'waiting_commands', needs, '', commands FROM waiting
 UNION ALL
SELECT 'waiting_next_deadline_timestamp_seconds', '', '', extract(epoch FROM min(deadline))::bigint
  FROM waiting HAVING count(*) > 0
 UNION ALL
SELECT 'outbox_unpublished', '', '',
       (SELECT count(*) FROM outbox_next(100000))
       + (SELECT count(*) FROM (SELECT FROM letter_copies WHERE published_at IS NULL
                                 LIMIT 100000) copies)
 UNION ALL
SELECT 'outbox_oldest_seconds', '', '',
       greatest(coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0), 0)::bigint
  FROM ((SELECT created_at FROM outbox_next(1))
        UNION ALL
        (SELECT created_at FROM letter_copies WHERE published_at IS NULL
          ORDER BY copy_id LIMIT 1)) first
 UNION ALL
SELECT 'outbox_held_keys', '', '', count(*) FROM relay_holds
 UNION ALL
SELECT 'job_last_success_timestamp_seconds', job, '', extract(epoch FROM finished_at)::bigint
  FROM last_runs
 UNION ALL
SELECT 'job_last_findings', job, '', findings FROM last_runs
 UNION ALL
SELECT 'failing_items', kind, '', count(*) FROM failing_items GROUP BY kind
 UNION ALL
SELECT 'log_changes_open', '', '', count(*) FROM log_changes WHERE settled_at IS NULL
 UNION ALL
SELECT 'workers', '', '', count(*) FROM worker_clocks
 WHERE told_at > clock_timestamp() - interval '90 seconds'
 UNION ALL
SELECT 'usage_watermark_timestamp_seconds', '', '',
       extract(epoch FROM min(complete_through))::bigint
  FROM usage_watermarks WHERE complete_through <= updated_at + $1::interval HAVING count(*) > 0
