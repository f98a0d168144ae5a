-- What persons taught about payers' accounts; $1 is the last one of the page before. Indexes:
-- payer_aliases_pkey, payer_aliases_id.
SELECT a.alias_id, a.payer_account, a.account_id, a.confirmations, a.last_used_on, a.demoted_at,
       EXISTS (SELECT 1 FROM payer_aliases o WHERE o.payer_account = a.payer_account
                  AND o.account_id <> a.account_id AND o.confirmations > 0)
       OR EXISTS (SELECT 1 FROM payer_accounts o WHERE o.payer_account = a.payer_account
                     AND o.account_id <> a.account_id) AS shared
  FROM payer_aliases a
 WHERE ($1::bigint IS NULL OR (a.payer_account, a.account_id)
        > (SELECT l.payer_account, l.account_id FROM payer_aliases l WHERE l.alias_id = $1))
   AND ($2::text IS NULL OR a.account_id = $2)
 ORDER BY a.payer_account, a.account_id
 LIMIT $3
