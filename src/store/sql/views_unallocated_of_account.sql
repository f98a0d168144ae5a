-- A customer's money that lies on no invoice, by currency. Index: open_payments_amount (its first
-- column).
SELECT currency, count(*) AS payments, sum(free)::text AS unallocated
  FROM open_payments
 WHERE account_id = $1
 GROUP BY currency
 ORDER BY currency
