-- The statements of the bank account $3 for facts known at $1; days are those of the zone $2.
SELECT bank_account, currency, statement_id, opening_balance::text AS opening_balance,
       closing_balance::text AS closing_balance, entries, complete_through,
       ((complete_through - interval '1 microsecond') AT TIME ZONE $2)::date AS end_day, day,
       extract(year FROM day)::integer::text AS year
  FROM bank_statements
 WHERE recorded_at <= coalesce($1::timestamptz, 'infinity')
   AND bank_account = $3::text
