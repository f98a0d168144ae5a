-- Open dead letters by code, topic and shape. Index: dead_letters_groups.
SELECT code, topic, shape, count(*) AS letters, min(first_failed_at) AS oldest,
       max(last_failed_at) AS newest
  FROM dead_letters
 WHERE status = 'open'
 GROUP BY code, topic, shape
 ORDER BY letters DESC, code, topic, shape
 LIMIT 1000
