-- What live holds set aside, as far as it can be counted. Index: holds_live_of_account.
SELECT account_id, currency, least(sum(amount - released), 9000000000000000000)::bigint AS held
FROM holds WHERE account_id = ANY($1::text[]) AND state = 'live'
GROUP BY account_id, currency
