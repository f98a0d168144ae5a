-- checkpoint_advance
-- The first record is the first anchor: there is never a row with records and nothing to compare.
UPDATE checkpoints SET next_offset = $5, updated_at = $6, last_offset = $7, last_hash = $8,
       anchor_offset = coalesce(anchor_offset, $7), anchor_hash = coalesce(anchor_hash, $8)
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
  AND (next_offset IS NULL OR next_offset <= $5)
