INSERT INTO lots (lot_id, account_id, currency, amount, remaining, opened_at)
SELECT n.*, $6 FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS n
