-- The time zones of customers that have one of their own. Index: accounts_time_zone.
SELECT DISTINCT time_zone FROM accounts WHERE time_zone IS NOT NULL ORDER BY 1
