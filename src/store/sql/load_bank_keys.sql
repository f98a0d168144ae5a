SELECT b.bank_account, b.bank_key, b.content_hash, b.disposition
FROM bank_transactions b
JOIN unnest($1::text[], $2::text[]) AS asked(bank_account, bank_key)
  ON b.bank_account = asked.bank_account AND b.bank_key = asked.bank_key
