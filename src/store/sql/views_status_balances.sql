-- Reads every balance: one row per account and currency.
SELECT currency, count(*) AS accounts, sum(amount)::text AS total,
       count(*) FILTER (WHERE amount < 0) AS negative
  FROM balances
 GROUP BY currency
 ORDER BY currency
