-- What made aliases, what rested on them, what took them back. Index: payer_alias_uses_pkey.
SELECT use_id, payer_account, account_id, payment_id, kind, decision_id, suggestion_id, used_on,
       caused_by_source, caused_by_id, recorded_at
  FROM payer_alias_uses
 WHERE use_id > coalesce($1::bigint, 0)
   AND ($2::text IS NULL OR account_id = $2)
 ORDER BY use_id
 LIMIT $3
