-- What became of a record that came again, by its place. Index: inbox_repeats_pkey.
SELECT outcome, code
  FROM inbox_repeats
 WHERE topic = $1 AND partition = $2 AND record_offset = $3
