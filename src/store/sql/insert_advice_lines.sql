INSERT INTO remittance_advice_lines (bank_account, advice_id, line, invoice_id, reference, amount)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::bigint[])
