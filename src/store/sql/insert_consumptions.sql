INSERT INTO lot_consumptions (cause_id, lot_id, kind, account_id, amount)
SELECT n.* FROM (SELECT unnest($1::bigint[]) AS cause_id, unnest($2::bigint[]) AS lot_id,
    unnest($3::text[]) AS kind, unnest($4::text[]) AS account_id,
    unnest($5::bigint[]) AS amount) AS n
