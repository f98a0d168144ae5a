UPDATE bank_feeds f SET event_sequence = n.now
FROM unnest($1::text[], $2::bigint[]) AS n(bank_account, now)
WHERE f.bank_account = n.bank_account
