-- Verified owners, and what persons taught; each with its account in the same snapshot.
SELECT o.payer_account, o.verified, o.confirmations, o.last_used_on, a.account_id,
       a.name AS account_name, a.event_sequence, a.book_version,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts
FROM (SELECT payer_account, account_id, true AS verified, NULL::integer AS confirmations,
             NULL::date AS last_used_on
        FROM payer_accounts WHERE payer_account = ANY($1::text[])
      UNION ALL
      SELECT payer_account, account_id, false, confirmations, last_used_on
        FROM payer_aliases WHERE payer_account = ANY($1::text[]) AND confirmations > 0) o
JOIN accounts a ON a.account_id = o.account_id
