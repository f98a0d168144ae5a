-- One account. Indexes: accounts_pkey, payer_accounts_account, virtual_accounts_account,
-- payable_invoices_oldest (its first column).
SELECT a.account_id, a.name, a.stale_after_days, a.time_zone, a.closed_at,
       a.created_at, a.updated_at,
       ARRAY(SELECT p.payer_account FROM payer_accounts p
              WHERE p.account_id = a.account_id ORDER BY 1 LIMIT 100) AS payer_accounts,
       ARRAY(SELECT v.virtual_account FROM virtual_accounts v
              WHERE v.account_id = a.account_id ORDER BY 1 LIMIT 100) AS virtual_accounts,
       (SELECT count(*) FROM payable_invoices i
         WHERE i.account_id = a.account_id) AS awaiting_payment
  FROM accounts a
 WHERE a.account_id = $1
