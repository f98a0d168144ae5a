-- Verified owners, former ones, and what persons taught; each with its account in the same
-- snapshot.
SELECT o.payer_account, o.verified, o.confirmations, o.last_used_on, o.until, a.account_id,
       a.name AS account_name, a.event_sequence, a.book_version,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts
FROM (SELECT payer_account, account_id, true AS verified, NULL::integer AS confirmations,
             NULL::date AS last_used_on, NULL::timestamptz AS until
        FROM payer_accounts WHERE payer_account = ANY($1::text[])
      UNION ALL
      SELECT payer_account, account_id, false, confirmations, last_used_on, NULL
        FROM payer_aliases WHERE payer_account = ANY($1::text[]) AND confirmations > 0
      UNION ALL
      SELECT number, account_id, false, NULL, NULL, until
        FROM former_owners WHERE number = ANY($1::text[]) AND kind = 'payer') o
JOIN accounts a ON a.account_id = o.account_id
