-- A moment later than it was parked, so that "never tried" is told apart.
UPDATE parked_returns SET tried_at = greatest($3::timestamptz, parked_at + interval '1 microsecond')
 WHERE bank_account = $1 AND bank_key = $2
