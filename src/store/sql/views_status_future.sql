-- views_status_future: statements that are complete up to a time that has not come, and said so
-- more than a day before it.
SELECT bank_account, statement_id, currency, complete_through
  FROM bank_statements
 WHERE complete_through > recorded_at + interval '1 day' AND complete_through > clock_timestamp()
 ORDER BY bank_account, statement_id, currency, complete_through LIMIT 100
