-- name: server_writes
-- Whether this server takes writes: a standby does not, nor one that was told not to.
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writes

-- name: server_encoding
-- How the database keeps text.
SELECT current_setting('server_encoding')

-- name: settings_in_force
-- What this transaction goes by. The role is no setting that the catalogue lists.
SELECT s.name, s.setting FROM pg_settings s WHERE s.name = ANY($1::text[])
UNION ALL
SELECT n.name, current_setting(n.name)
  FROM unnest($1::text[]) AS n(name) WHERE n.name = 'role'

-- name: next_id_block
SELECT nextval('id_blocks')

-- name: check_constraints_now
-- All but what is due of invoices: that is written under the locks, and compared at the commit.
SET CONSTRAINTS payment_part_is_whole, allocations_are_advised, remittance_advices_sum_up IMMEDIATE

-- name: clock_now
SELECT clock_timestamp()

-- name: worker_clock_tell
WITH silent AS (
    DELETE FROM worker_clocks WHERE told_at < $8::timestamptz - interval '1 day' AND owner <> $1
)
INSERT INTO worker_clocks AS w
    (owner, consumer_group, parts, version, ahead_ms, wrong_since, started_at, told_at, authority)
VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN $8 END, $7, $8, $9)
ON CONFLICT (owner) DO UPDATE
SET consumer_group = EXCLUDED.consumer_group, parts = EXCLUDED.parts, version = EXCLUDED.version,
    ahead_ms = EXCLUDED.ahead_ms, started_at = EXCLUDED.started_at, told_at = EXCLUDED.told_at,
    wrong_since = CASE WHEN $6 THEN coalesce(w.wrong_since, EXCLUDED.wrong_since) END,
    authority = EXCLUDED.authority

-- name: authority_note
INSERT INTO authority_tables (version, content, first_used_at) VALUES ($1, $2, $3)
ON CONFLICT (version) DO NOTHING

-- name: worker_clock_gone
DELETE FROM worker_clocks WHERE owner = $1

-- name: crash_guard_announce
-- The owner $9 puts records on trial, alone. It says nothing of deaths: what was counted stays
-- while the suspects are the same.
UPDATE crash_guards g
SET first_offset = $3, last_offset = $4, trial_first = $5, trial_last = $6, trial_alone = true,
    alone_deaths = CASE WHEN (first_offset, last_offset) = ($3, $4) THEN alone_deaths ELSE 0 END,
    counted_epochs = CASE WHEN (first_offset, last_offset) = ($3, $4) THEN counted_epochs
        ELSE '{}' END,
    updated_at = $7
WHERE topic = $1 AND partition = $2 AND epoch = $9
    AND EXISTS (SELECT FROM checkpoints c WHERE c.consumer_group = $8 AND c.topic = $1
        AND c.partition = $2 AND c.epoch = $9)

-- name: crash_guard_note
-- The start of the owner $10, which counts deaths; nothing if another one has the partition.
INSERT INTO crash_guards AS g (topic, partition, first_offset, last_offset, trial_first,
    trial_last, trial_alone, alone_deaths, starts, updated_at, epoch, counted_epochs)
SELECT $1, $2, $3, $4, $5, $6, false, $7, 1, $8, $10, $11::bigint[]
 WHERE EXISTS (SELECT FROM checkpoints c WHERE c.consumer_group = $9 AND c.topic = $1
    AND c.partition = $2 AND c.epoch = $10)
ON CONFLICT (topic, partition) DO UPDATE
SET first_offset = EXCLUDED.first_offset, last_offset = EXCLUDED.last_offset,
    trial_first = EXCLUDED.trial_first, trial_last = EXCLUDED.trial_last,
    trial_alone = EXCLUDED.trial_alone, alone_deaths = EXCLUDED.alone_deaths,
    updated_at = EXCLUDED.updated_at, epoch = EXCLUDED.epoch,
    counted_epochs = EXCLUDED.counted_epochs

-- name: crash_guard_read
SELECT first_offset, last_offset, trial_first, trial_last, trial_alone, alone_deaths, epoch,
       counted_epochs
FROM crash_guards WHERE topic = $1 AND partition = $2
FOR UPDATE

-- name: crash_guard_deaths
SELECT alone_deaths FROM crash_guards WHERE topic = $1 AND partition = $2 AND epoch = $3

-- name: crash_guard_lives
-- The owner $3 lives: nothing of its own is on trial, and no death of it counts.
UPDATE crash_guards
SET trial_first = CASE WHEN epoch = $3 THEN NULL ELSE trial_first END,
    trial_last = CASE WHEN epoch = $3 THEN NULL ELSE trial_last END,
    trial_alone = trial_alone AND epoch IS DISTINCT FROM $3,
    alone_deaths = greatest(alone_deaths - cardinality(array_positions(counted_epochs, $3)), 0),
    counted_epochs = array_remove(counted_epochs, $3),
    updated_at = $4
WHERE topic = $1 AND partition = $2 AND (epoch = $3 OR $3 = ANY (counted_epochs))

-- name: crash_guard_clear
DELETE FROM crash_guards WHERE topic = $1 AND partition = $2 AND epoch = $3

-- name: in_hand_lock
-- Two processes do not take the same item at once. The words before the colon are ours, and the
-- kind is one of a list: no other lock has this name.
SELECT pg_advisory_xact_lock(hashtextextended('in_hand:' || $1, 0))

-- name: in_hand_note
INSERT INTO items_in_hand AS h (kind, owner, items, counted, lease_until)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 millisecond')
ON CONFLICT (kind, owner) DO UPDATE
SET items = EXCLUDED.items, counted = EXCLUDED.counted, lease_until = EXCLUDED.lease_until

-- name: in_hand_owner
SELECT nextval('guard_owners')

-- name: in_hand_states
-- What is to be known of these items before they are worked on; nothing is told of most.
SELECT n.item, coalesce(s.deaths, 0) AS deaths, coalesce(s.singly, false) AS singly,
       coalesce(s.counted, 0) AS counted,
       n.item IN (SELECT unnest(h.items) FROM items_in_hand h
                   WHERE h.kind = $1 AND h.owner <> $3) AS elsewhere,
       coalesce(next_try(f.tried_at, f.attempts, f.code) > $4, false) AS later
  FROM unnest($2::text[]) WITH ORDINALITY AS n (item, place)
  LEFT JOIN crash_suspects s ON s.kind = $1 AND s.item = n.item
  LEFT JOIN failing_items f ON f.kind = $1 AND f.item = n.item AND f.code = 'crash_loop'
 WHERE s.item IS NOT NULL OR f.item IS NOT NULL
    OR n.item IN (SELECT unnest(h.items) FROM items_in_hand h
                   WHERE h.kind = $1 AND h.owner <> $3)
 ORDER BY n.place

-- name: in_hand_renew
UPDATE items_in_hand SET lease_until = clock_timestamp() + $3::bigint * interval '1 millisecond'
 WHERE kind = $1 AND owner = $2

-- name: in_hand_end
-- The owner lives: what it had in hand did not kill it. Items that were on trial are free.
WITH ended AS (
    DELETE FROM items_in_hand WHERE kind = $1 AND owner = $2
)
DELETE FROM crash_suspects WHERE kind = $1 AND item = ANY($3::text[])

-- name: in_hand_bury
-- What was in hand at a death ($2: of that owner, who is known to be gone; else when its time is
-- over): its items are suspects. One that died twice while it was in hand alone is tried seldom
-- from now on: those are returned.
WITH dead AS (
    DELETE FROM items_in_hand
     WHERE kind = $1 AND (owner = $2 OR lease_until <= clock_timestamp())
    RETURNING items, counted
), died AS (
    SELECT item, bool_or(cardinality(items) = 1) AS singly, bool_or(counted) AS counted
      FROM dead CROSS JOIN LATERAL unnest(items) AS item
     GROUP BY item
), suspected AS (
    INSERT INTO crash_suspects AS s (kind, item, deaths, singly, counted, died_at)
    SELECT $1, item, 1, singly, counted::integer, clock_timestamp() FROM died
    ON CONFLICT (kind, item) DO UPDATE
    SET deaths = s.deaths + 1, singly = s.singly OR EXCLUDED.singly,
        counted = s.counted + EXCLUDED.counted, died_at = EXCLUDED.died_at
    RETURNING s.item, s.counted
)
INSERT INTO failing_items AS f (kind, item, attempts, code, failed_at, tried_at)
SELECT $1, item, 1, 'crash_loop', $3, $3 FROM suspected WHERE counted >= 2
ON CONFLICT (kind, item) DO UPDATE
SET attempts = f.attempts + 1, code = EXCLUDED.code, tried_at = greatest(f.tried_at, $3)
RETURNING f.item

-- name: crash_suspects_forget
-- Nobody came back to it for a week: it is not there any more.
DELETE FROM crash_suspects WHERE died_at < $1::timestamptz - interval '7 days'

-- name: failing_note
INSERT INTO failing_items AS f (kind, item, attempts, code, failed_at, tried_at)
VALUES ($1, $2, 1, $3, $4, $4)
ON CONFLICT (kind, item) DO UPDATE
SET attempts = f.attempts + 1, code = EXCLUDED.code, tried_at = greatest(f.tried_at, $4)
RETURNING attempts

-- name: failing_clear
DELETE FROM failing_items WHERE kind = $1 AND item = ANY($2::text[])

-- name: failing_forget
-- What fails is tried again every five minutes, and what kills its process twice a day: what was
-- not, for a day or a week, is not there any more.
DELETE FROM failing_items
 WHERE tried_at < $1::timestamptz
       - CASE code WHEN 'crash_loop' THEN interval '7 days' ELSE interval '1 day' END

-- name: operator_command_note
INSERT INTO operator_commands
    (source, message_id, command_type, operator, reason, subjects, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING

-- name: operator_command_unread
-- The first command of a kind about the same things that somebody sent since $4 and no worker has
-- read. Index: operator_commands_subjects, inbox_pkey.
SELECT o.message_id, o.operator, o.asked_at
  FROM operator_commands o
 WHERE o.subjects @> $2::text[] AND o.subjects <@ $2::text[] AND o.command_type = $1
   AND o.message_id <> $3 AND o.asked_at > $4
   AND NOT EXISTS (SELECT 1 FROM inbox i
                    WHERE i.source = o.source AND i.message_id = o.message_id)
 ORDER BY o.asked_at
 LIMIT 1
