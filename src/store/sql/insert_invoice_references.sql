INSERT INTO invoice_references (reference, invoice_id, scheme, given)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
