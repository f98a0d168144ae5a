DELETE FROM parked_returns p USING unnest($1::text[], $2::text[]) AS n(bank_account, bank_key)
 WHERE p.bank_account = n.bank_account AND p.bank_key = n.bank_key
