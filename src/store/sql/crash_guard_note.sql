INSERT INTO crash_guards AS g (topic, partition, first_offset, last_offset, trial_first,
    trial_last, trial_alone, alone_deaths, starts, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)
ON CONFLICT (topic, partition) DO UPDATE
SET first_offset = EXCLUDED.first_offset, last_offset = EXCLUDED.last_offset,
    trial_first = EXCLUDED.trial_first, trial_last = EXCLUDED.trial_last,
    trial_alone = EXCLUDED.trial_alone, alone_deaths = EXCLUDED.alone_deaths,
    updated_at = EXCLUDED.updated_at
