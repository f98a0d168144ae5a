UPDATE bank_transactions b SET disposition = 'superseded', superseded_by = n.by_key
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(bank_account, bank_key, by_key)
WHERE b.bank_account = n.bank_account AND b.bank_key = n.bank_key
  AND b.status = 'PDNG' AND b.disposition = 'not_booked'
