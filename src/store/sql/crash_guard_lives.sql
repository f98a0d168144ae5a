-- The owner $3 lives: nothing of its own is on trial, and no death of it counts.
UPDATE crash_guards
SET trial_first = CASE WHEN epoch = $3 THEN NULL ELSE trial_first END,
    trial_last = CASE WHEN epoch = $3 THEN NULL ELSE trial_last END,
    trial_alone = trial_alone AND epoch IS DISTINCT FROM $3,
    alone_deaths = CASE WHEN blamed_epoch = $3 THEN greatest(alone_deaths - 1, 0)
        ELSE alone_deaths END,
    blamed_epoch = nullif(blamed_epoch, $3),
    updated_at = $4
WHERE topic = $1 AND partition = $2 AND (epoch = $3 OR blamed_epoch = $3)
