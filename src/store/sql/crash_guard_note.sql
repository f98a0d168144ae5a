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
