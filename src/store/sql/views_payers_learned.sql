-- Accounts of payers whose payments a person confirmed for this customer. Index:
-- payer_aliases_account.
SELECT payer_account, confirmations, last_used_on
  FROM payer_aliases
 WHERE account_id = $1 AND confirmations > 0
 ORDER BY payer_account
 LIMIT 100
