SELECT next_offset, nextval('id_blocks')
FROM checkpoints
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4
FOR NO KEY UPDATE
