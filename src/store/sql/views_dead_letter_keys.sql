-- Record keys of the newest open dead letters. Index: dead_letters_open_ids.
SELECT record_key
  FROM (SELECT record_key FROM dead_letters WHERE status = 'open'
         ORDER BY dead_letter_id DESC LIMIT 500) l
 WHERE record_key IS NOT NULL
