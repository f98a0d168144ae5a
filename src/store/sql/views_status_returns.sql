-- Returned bank payments that a person has to look at. Reads every bank transaction.
SELECT currency, count(*) AS returns, sum(amount)::text AS amount,
       min(booking_date) AS oldest
  FROM bank_transactions
 WHERE disposition = 'return_parked'
 GROUP BY currency
 ORDER BY currency
