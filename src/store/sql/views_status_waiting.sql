-- Index: waiting_commands_deadline. Rows are few: each leaves at its deadline.
SELECT split_part(needs, ':', 1) AS needs, count(*) AS commands, min(since) AS oldest,
       min(deadline) AS next_deadline
  FROM waiting_commands
 GROUP BY 1
 ORDER BY 2 DESC, 1
