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
