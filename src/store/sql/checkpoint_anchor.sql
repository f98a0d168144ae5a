-- checkpoint_anchor
UPDATE checkpoints SET anchor_offset = $5, anchor_hash = $6
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
