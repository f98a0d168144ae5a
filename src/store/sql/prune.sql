-- name: prune_inbox
-- Only what had its effect, was not repeated since, and is known again by a key of its own. What
-- was refused, waits or is dead stays for ever. The next page behind $3 in time: what stays of it
-- is read once a run. Index: inbox_prunable.
WITH page AS (
    SELECT i.processed_at FROM inbox_records i
    WHERE i.processed_at < $1 AND i.processed_at > coalesce($3::timestamptz, '-infinity')
      AND i.outcome IN ('applied', 'duplicate')
      AND NOT i.guards
    ORDER BY i.processed_at LIMIT $2),
gone AS (
    DELETE FROM inbox_records i
    WHERE i.processed_at <= (SELECT max(processed_at) FROM page)
      AND i.processed_at > coalesce($3::timestamptz, '-infinity')
      AND i.outcome IN ('applied', 'duplicate')
      AND NOT i.guards
      AND NOT EXISTS (SELECT 1 FROM inbox_repeats r
                       WHERE r.source = i.source AND r.message_id = i.message_id)
      AND NOT EXISTS (SELECT 1 FROM dead_letters d
                       WHERE d.source = i.source AND d.message_id = i.message_id)
    RETURNING 1)
SELECT (SELECT max(processed_at) FROM page) AS until, (SELECT count(*) FROM gone) AS gone

-- name: prune_repeats
-- Index: inbox_repeats_seen.
DELETE FROM inbox_repeats WHERE (topic, partition, record_offset) IN (
    SELECT topic, partition, record_offset FROM inbox_repeats
    WHERE seen_at < $1 AND outcome = 'duplicate' ORDER BY seen_at LIMIT $2)

-- name: prune_outbox
-- The next page behind $1. The first row that must stay is above the horizon of the relay, or new.
-- All before it may go that no hold needs, so that what is left of each key is an unbroken end of
-- it: a hold needs all of its key from one event on. Behind it nothing is looked at: `until` is
-- NULL then, and at the end.
WITH page AS MATERIALIZED (
    SELECT o.outbox_id, o.outbox_id > p.horizon OR o.created_at >= $3 AS stays,
           EXISTS (SELECT FROM relay_holds h
                   WHERE h.key_kind = o.key_kind AND h.record_key = o.record_key
                     AND h.from_sequence <= o.first_sequence) AS held
    FROM outbox o CROSS JOIN relay_progress p
    WHERE p.only_row AND o.outbox_id > $1 ORDER BY o.outbox_id LIMIT $2),
bound AS MATERIALIZED (SELECT min(outbox_id) AS first FROM page WHERE stays),
gone AS (
    DELETE FROM outbox WHERE outbox_id IN (
        SELECT p.outbox_id FROM page p, bound b
        WHERE NOT p.stays AND NOT p.held AND (b.first IS NULL OR p.outbox_id < b.first))
    RETURNING 1)
SELECT CASE WHEN (SELECT first FROM bound) IS NULL
            THEN (SELECT max(outbox_id) FROM page) END AS until,
       (SELECT count(*) FROM gone) AS gone

-- name: prune_letter_copies
-- The next page behind $1; the letters themselves stay.
WITH page AS MATERIALIZED (
    SELECT copy_id, published_at FROM letter_copies WHERE copy_id > $1 ORDER BY copy_id LIMIT $2),
gone AS (
    DELETE FROM letter_copies WHERE copy_id IN (SELECT copy_id FROM page WHERE published_at < $3)
    RETURNING 1)
SELECT (SELECT max(copy_id) FROM page) AS until, (SELECT count(*) FROM gone) AS gone

-- name: prune_job_runs
-- Index: job_runs_started.
DELETE FROM job_runs WHERE (job, scheduled_for) IN (
    SELECT job, scheduled_for FROM job_runs
    WHERE started_at < $1 AND state <> 'running' ORDER BY started_at LIMIT $2)

-- name: prune_mark
INSERT INTO pruned AS p (table_name, before) VALUES ($1, $2)
ON CONFLICT (table_name) DO UPDATE SET before = greatest(p.before, EXCLUDED.before)

-- name: usage_months_make
-- This month and those after it, unless they are there, by the clock of the database.
SELECT count(*) FILTER (WHERE make_usage_month(
           (date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month')::date))
  FROM generate_series(0, 3) AS ahead

-- name: usage_close
-- What is old, the clock of the database says too.
SELECT close_usage(least($1, now() - interval '180 days'))

-- name: usage_prune
SELECT prune_usage()

-- name: outbox_ranges
-- Where the ranges of the outbox are, and the last id that was given out.
SELECT coalesce(min(r.since), 1) AS oldest, l.last,
       coalesce(max(r.since) FILTER (WHERE r.since <= l.last), 1) AS current,
       coalesce(max(r.until), 1) AS made
  FROM (SELECT coalesce(pg_sequence_last_value('outbox_outbox_id_seq'), 0) AS last) l
  LEFT JOIN outbox_ranges r ON true
 GROUP BY l.last

-- name: outbox_range_make
SELECT make_outbox_range($1)

-- name: outbox_range_drop
SELECT drop_outbox_range($1)
