-- checkpoint_take
INSERT INTO checkpoints AS c (consumer_group, topic, partition, owner, updated_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (consumer_group, topic, partition)
DO UPDATE SET epoch = c.epoch + 1, owner = EXCLUDED.owner, updated_at = EXCLUDED.updated_at
RETURNING epoch, next_offset, last_offset, last_hash, anchor_offset, anchor_hash
