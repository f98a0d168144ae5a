-- What a person ends is no failing item any more either.
WITH ended AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS n(bank_account, bank_key)
), tried AS (
    DELETE FROM failing_items f USING ended n
     WHERE f.kind = 'return' AND f.item = key_joined(n.bank_account, n.bank_key)
)
DELETE FROM parked_returns p USING ended n
 WHERE p.bank_account = n.bank_account AND p.bank_key = n.bank_key
