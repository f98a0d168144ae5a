INSERT INTO payer_aliases (payer_account, account_id, confirmations, last_used_on, demoted_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::date[], $5::timestamptz[])
ON CONFLICT (payer_account, account_id) DO UPDATE
SET confirmations = excluded.confirmations, demoted_at = excluded.demoted_at,
    last_used_on = greatest(payer_aliases.last_used_on, excluded.last_used_on)
