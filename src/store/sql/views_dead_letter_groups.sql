-- Open dead letters by code and topic. Index: dead_letters_open.
SELECT code, topic, count(*) AS letters, min(first_failed_at) AS oldest,
       max(last_failed_at) AS newest
  FROM dead_letters
 WHERE status = 'open'
 GROUP BY code, topic
 ORDER BY letters DESC, code, topic
