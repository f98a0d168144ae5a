INSERT INTO parked_returns (bank_account, bank_key, original_key, why, parked_at, tried_at)
SELECT b.bank_account, b.bank_key, 'id:' || (b.return_of ->> 0), n.why, $4, $4
  FROM unnest($1::text[], $2::text[], $3::text[]) AS n(bank_account, bank_key, why)
  JOIN bank_transactions b ON b.bank_account = n.bank_account AND b.bank_key = n.bank_key
