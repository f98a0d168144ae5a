INSERT INTO lots (lot_id, account_id, currency, amount, remaining, debt_cleared, opened_at)
SELECT n.*, n.amount - n.remaining, $6 FROM (
    SELECT unnest($1::bigint[]) AS lot_id, unnest($2::text[]) AS account_id,
    unnest($3::text[]) AS currency, unnest($4::bigint[]) AS amount,
    unnest($5::bigint[]) AS remaining) AS n
