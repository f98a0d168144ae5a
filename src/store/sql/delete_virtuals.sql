-- The lists of these customers go. What is not on the new ones ($2 of $3) was theirs until now, and
-- what they had within the batch alone ($5 of $6).
WITH gone AS (
    DELETE FROM virtual_accounts
     WHERE account_id = ANY($1::text[]) RETURNING virtual_account AS number, account_id
)
INSERT INTO former_owners AS f (kind, number, account_id, until)
SELECT 'virtual', g.number, g.account_id, $4::timestamptz FROM gone g
 WHERE NOT EXISTS (SELECT 1 FROM unnest($2::text[], $3::text[]) AS n(number, account_id)
                    WHERE n.number = g.number AND n.account_id = g.account_id)
 UNION
SELECT 'virtual', p.number, p.account_id, $4::timestamptz
  FROM unnest($5::text[], $6::text[]) AS p(number, account_id)
ON CONFLICT (number, kind, account_id) DO UPDATE SET until = greatest(f.until, excluded.until)
