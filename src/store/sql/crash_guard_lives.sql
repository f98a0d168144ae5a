-- The owner $3 lives: nothing of its own is on trial, and no death of it counts.
UPDATE crash_guards
SET trial_first = CASE WHEN epoch = $3 THEN NULL ELSE trial_first END,
    trial_last = CASE WHEN epoch = $3 THEN NULL ELSE trial_last END,
    trial_alone = trial_alone AND epoch IS DISTINCT FROM $3,
    alone_deaths = greatest(alone_deaths - cardinality(array_positions(counted_epochs, $3)), 0),
    counted_epochs = array_remove(counted_epochs, $3),
    updated_at = $4
WHERE topic = $1 AND partition = $2 AND (epoch = $3 OR $3 = ANY (counted_epochs))
