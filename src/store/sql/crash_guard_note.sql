-- Written by the owner of the partition alone. $12: a start, which counts deaths; else what was
-- counted is what is there, unless somebody was found to live.
INSERT INTO crash_guards AS g (topic, partition, first_offset, last_offset, trial_first,
    trial_last, trial_alone, alone_deaths, starts, updated_at, epoch, blamed_epoch)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $11, $13
WHERE EXISTS (SELECT FROM checkpoints c WHERE c.consumer_group = $10 AND c.topic = $1
    AND c.partition = $2 AND c.epoch = $11)
ON CONFLICT (topic, partition) DO UPDATE
SET first_offset = EXCLUDED.first_offset, last_offset = EXCLUDED.last_offset,
    trial_first = EXCLUDED.trial_first, trial_last = EXCLUDED.trial_last,
    trial_alone = EXCLUDED.trial_alone,
    alone_deaths = CASE WHEN $12 THEN EXCLUDED.alone_deaths
        ELSE least(g.alone_deaths, EXCLUDED.alone_deaths) END,
    updated_at = EXCLUDED.updated_at, epoch = EXCLUDED.epoch,
    blamed_epoch = CASE WHEN $12 THEN EXCLUDED.blamed_epoch ELSE g.blamed_epoch END
