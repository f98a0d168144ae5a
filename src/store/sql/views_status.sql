-- name: views_status_checkpoints
-- One row per partition; the tables are as small as the topics are. A state is told every half
-- minute: one that is older is not known any more.
SELECT consumer_group, topic, partition, coalesce(c.epoch, 0) AS epoch, c.next_offset,
       coalesce(s.owner, c.owner) AS owner, coalesce(c.updated_at, s.told_at) AS updated_at,
       extract(epoch FROM clock_timestamp() - coalesce(c.updated_at, s.told_at))::bigint
           AS age_seconds,
       coalesce(c.incarnation, 1) AS incarnation,
       CASE WHEN s.told_at > clock_timestamp() - interval '90 seconds' THEN s.state
            ELSE 'unknown' END AS state,
       s.since,
       CASE WHEN s.told_at > clock_timestamp() - interval '90 seconds' THEN s.reason
            ELSE '' END AS reason
  FROM checkpoints c FULL JOIN partition_states s USING (consumer_group, topic, partition)
 ORDER BY consumer_group, topic, partition
 LIMIT 1000

-- name: views_status_outbox
-- Indexes: outbox_pkey, outbox_gapless, letter_copies_waiting.
SELECT count(*) AS unpublished, min(created_at) AS oldest,
       extract(epoch FROM clock_timestamp() - min(created_at))::bigint AS oldest_seconds,
       count(*) FILTER (WHERE kind = 'held') AS held,
       count(*) FILTER (WHERE kind = 'copy') AS copies
  FROM (SELECT 'ready' AS kind, created_at FROM outbox_next(NULL)
        UNION ALL
        SELECT 'held', created_at FROM outbox_held
        UNION ALL
        SELECT 'copy', created_at FROM letter_copies WHERE published_at IS NULL) waiting

-- name: views_relay_holds
-- Keys whose events are held, the longest first.
SELECT h.key_kind, h.record_key, h.code, h.attempts, h.since, h.next_try,
       (SELECT count(*) FROM outbox_held o
         WHERE o.key_kind = h.key_kind AND o.record_key = h.record_key) AS rows
  FROM relay_holds h
 WHERE EXISTS (SELECT FROM outbox_held o
                WHERE o.key_kind = h.key_kind AND o.record_key = h.record_key)
 ORDER BY h.since, h.key_kind, h.record_key
 LIMIT 100

-- name: views_status_waiting
-- Index: waiting_commands_deadline. Rows are few: each leaves at its deadline.
SELECT split_part(needs, ':', 1) AS needs, count(*) AS commands, min(since) AS oldest,
       min(deadline) AS next_deadline
  FROM waiting_commands
 GROUP BY 1
 ORDER BY 2 DESC, 1

-- name: views_status_parked
-- Reads the payments that still have money to give.
SELECT p.reason, p.currency, count(*) AS payments, sum(o.free)::text AS unallocated,
       min(p.received_on) AS oldest
  FROM open_payments o
  JOIN payments p ON p.payment_id = o.payment_id
 WHERE p.state = 'parked'
 GROUP BY p.reason, p.currency
 ORDER BY p.reason, p.currency

-- name: views_status_returns
-- Returns of the bank that wait for what they return. Indexes: parked_returns_pkey,
-- money_records_bank_key. Rows are few: each leaves when it is applied.
SELECT p.why, b.currency, count(*) AS returns, sum(b.amount)::text AS amount,
       min(p.parked_at) AS oldest,
       extract(epoch FROM clock_timestamp() - min(p.parked_at))::bigint AS oldest_seconds
  FROM parked_returns p
  JOIN bank_transactions b ON b.bank_account = p.bank_account AND b.bank_key = p.bank_key
 GROUP BY p.why, b.currency
 ORDER BY p.why, b.currency

-- name: views_status_advices
-- Remittance advices that wait, or waited in vain. Index: remittance_advices_unused.
SELECT a.state, a.currency, count(*) AS advices, sum(a.amount)::text AS amount,
       min(a.received_at) AS oldest
  FROM remittance_advices a WHERE a.state IN ('open', 'ambiguous', 'expired')
 GROUP BY a.state, a.currency ORDER BY a.state, a.currency

-- name: views_status_failing
-- What failed when its turn came and is tried again. Rows are few: who succeeds leaves.
SELECT kind, code, count(*) AS items, max(attempts) AS most_attempts, min(failed_at) AS since
  FROM failing_items
 GROUP BY kind, code
 ORDER BY kind, code

-- name: views_status_candidates
SELECT count(*) FROM void_candidates WHERE cleared_at IS NULL

-- name: views_status_future
-- Statements that are complete up to a time that has not come, and said so
-- more than a day before it.
SELECT bank_account, statement_id, currency, complete_through
  FROM bank_statements
 WHERE complete_through > recorded_at + interval '1 day' AND complete_through > clock_timestamp()
 ORDER BY bank_account, statement_id, currency, complete_through LIMIT 100

-- name: views_status_blocking
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

-- name: views_status_workers
-- One row for each worker that told of itself within the last day; one that is silent for 90 s may
-- be gone.
SELECT owner, consumer_group, parts, version, started_at, told_at,
       greatest(extract(epoch FROM clock_timestamp() - told_at), 0)::bigint AS silent_seconds,
       told_at > clock_timestamp() - interval '90 seconds' AS alive, ahead_ms, wrong_since,
       authority
  FROM worker_clocks ORDER BY alive DESC, owner LIMIT 1000

-- name: views_status_balances
-- Reads every balance: one row per account and currency.
SELECT currency, count(*) AS accounts, sum(amount)::text AS total,
       count(*) FILTER (WHERE amount < 0) AS negative
  FROM balances
 GROUP BY currency
 ORDER BY currency

-- name: views_health_server
-- What doctor wants to know about the server. No table is read.
SELECT current_setting('server_version_num')::integer AS version_number,
       current_setting('server_version') AS version,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS in_recovery,
       clock_timestamp() AS now

-- name: views_health_encryption
-- What encrypts this very connection.
SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl

-- name: views_health_privileges
-- What a role may do with the tables that are append-only, and with one that is not.
SELECT t.name AS table_name,
       to_regclass(t.name) IS NOT NULL AS exists,
       CASE WHEN r.oid IS NULL OR to_regclass(t.name) IS NULL THEN NULL
            ELSE has_table_privilege(r.oid, to_regclass(t.name), 'SELECT')
             AND has_table_privilege(r.oid, to_regclass(t.name), 'INSERT') END AS may_write,
       CASE WHEN r.oid IS NULL OR to_regclass(t.name) IS NULL THEN NULL
            ELSE has_table_privilege(r.oid, to_regclass(t.name), 'UPDATE')
              OR has_table_privilege(r.oid, to_regclass(t.name), 'DELETE')
              OR has_table_privilege(r.oid, to_regclass(t.name), 'TRUNCATE')
              -- The first decision on a payment stands in its row.
              OR t.name = 'further_decisions' AND EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = to_regclass('money_records') AND a.attname LIKE 'first\_%'
                    AND has_column_privilege(r.oid, a.attrelid, a.attnum, 'UPDATE'))
            END AS may_change,
       r.oid IS NOT NULL AS role_exists,
       coalesce(r.rolsuper, false) AS role_is_superuser,
       coalesce(pg_has_role(current_user, r.oid, 'MEMBER'), false) AS may_become
  FROM unnest(ARRAY['ledger_transfers', 'further_decisions', 'dead_letter_acts'])
       AS t (name)
  LEFT JOIN pg_roles r ON r.rolname = $1
 ORDER BY t.name

-- name: views_health_has_migrations
-- Whether any migration ever ran here.
SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS present

-- name: views_health_migrations
-- The migrations that ran here, as sqlx keeps them.
SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version

-- name: views_health_usage_months
-- Months, this one and the next, of which the charges would have no partition of their own.
SELECT to_char(m.month, 'YYYY-MM') AS month
  FROM generate_series(0, 1) AS ahead
 CROSS JOIN LATERAL (SELECT (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')
                             + ahead * interval '1 month')::date) AS m (month)
 WHERE NOT EXISTS (SELECT FROM usage_months u WHERE u.month = m.month)
 ORDER BY m.month

-- name: views_health_outbox_ranges
-- How many ids of the outbox have a range and were not given out; below zero where events came
-- without one.
SELECT coalesce(max(r.until), 1) - 1
       - coalesce((SELECT pg_sequence_last_value('outbox_outbox_id_seq')), 0) AS ahead
  FROM outbox_ranges r

-- name: views_health_failing
-- What fails when its turn comes, for long or at its process's cost; what failed once or twice is
-- tried again within seconds.
SELECT format('%s %s of kind %s fail since %s: %s', count(*),
              CASE count(*) WHEN 1 THEN 'item' ELSE 'items' END, kind,
              to_char(min(failed_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), code)
           AS found,
       code = 'crash_loop' AS kills
  FROM failing_items WHERE attempts >= 5 OR code = 'crash_loop'
 GROUP BY kind, code ORDER BY kills DESC, kind, code LIMIT 20

-- name: views_health_relay
-- Events that are held, and what has waited for its publishing for more than a minute.
(SELECT format('events of %s %s are held since %s: %s', key_kind, record_key,
               to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), code) AS found,
        'held' AS kind
   FROM relay_holds ORDER BY since LIMIT 20)
 UNION ALL
SELECT format('events wait for %s s', round(extract(epoch FROM clock_timestamp() - created_at))),
       'events'
  FROM outbox_next(1)
 WHERE created_at < clock_timestamp() - interval '60 seconds'
 UNION ALL
SELECT format('copies of dead letters wait for %s s',
              round(extract(epoch FROM clock_timestamp() - created_at))), 'copies'
  FROM (SELECT created_at FROM letter_copies WHERE published_at IS NULL
         ORDER BY copy_id LIMIT 1) letters
 WHERE created_at < clock_timestamp() - interval '60 seconds'

-- name: views_health_partitions
-- Partitions that do not flow and say why, and changes of a log that nobody has settled.
SELECT format('%s:%s is %s: %s', topic, partition, state, reason) AS found, true AS held
  FROM partition_states
 WHERE state IN ('held', 'unreadable', 'unauthorised')
   AND told_at > clock_timestamp() - interval '90 seconds'
 UNION ALL
SELECT format('%s:%s, change %s: %s', topic, partition, change_id,
              coalesce(lost || ' offsets unread', reason)), false
  FROM log_changes
 WHERE settled_at IS NULL
 LIMIT 100

-- name: views_log_changes
-- What logs did under their readers; the table grows by accidents only.
SELECT change_id, consumer_group, topic, partition, kind, reason, expected, went_on_at, lost,
       found_at, operator, settled_at, settled_by, settlement
  FROM log_changes
 WHERE settled_at IS NULL OR $1
 ORDER BY change_id DESC
 LIMIT 1000

-- name: views_jobs
-- Those of this version ($1), and others that ran here.
SELECT j.job, j.paused_at, j.paused_by, j.pause_reason, r.scheduled_for, r.cause, r.operator,
       r.as_of, r.state, r.owner, r.started_at, r.finished_at, r.findings, r.summary,
       extract(epoch FROM r.finished_at - r.started_at)::bigint AS seconds
FROM (SELECT coalesce(known.job, s.job) AS job, s.paused_at, s.paused_by, s.pause_reason
        FROM unnest($1::text[]) AS known(job) FULL JOIN jobs s ON s.job = known.job) j
LEFT JOIN LATERAL (SELECT * FROM job_runs r WHERE r.job = j.job
                    ORDER BY r.started_at DESC, r.scheduled_for DESC LIMIT 1) r ON true
ORDER BY j.job

-- name: views_job_runs
SELECT job, scheduled_for, cause, operator, as_of, state, owner, started_at, finished_at, findings,
       summary, extract(epoch FROM finished_at - started_at)::bigint AS seconds
FROM job_runs
WHERE job = $1
  AND ($2::timestamptz IS NULL OR (started_at, scheduled_for) < ($2, $3::timestamptz))
ORDER BY started_at DESC, scheduled_for DESC LIMIT $4

-- name: views_statements
-- The latest statements of each bank account and currency; $1 is what clocks may
-- differ by, $2 one bank account or all.
SELECT bank_account, statement_id, currency, opening_balance::text AS opening_balance,
       closing_balance::text AS closing_balance, entries, complete_through, recorded_at,
       complete_through > recorded_at + $1::interval AS in_future
  FROM (SELECT s.*, row_number() OVER (PARTITION BY bank_account, currency
                                       ORDER BY complete_through DESC, statement_id) AS place
          FROM bank_statements s WHERE $2::text IS NULL OR bank_account = $2) s
 WHERE place <= $3
 ORDER BY bank_account, currency, place

-- name: views_watermarks
-- One row for each partition of usage that ever had one; $1 is the latest instant
-- that is believed.
SELECT topic, partition, complete_through, updated_at, complete_through > $1 AS in_future
  FROM usage_watermarks ORDER BY topic, partition

-- name: views_proof_ever
-- Whether the usage feed of topic $1 has ever said how far it is known.
SELECT EXISTS (SELECT 1 FROM usage_watermarks WHERE topic = $1) AS ever
