-- A moment later than it was parked, so that "never tried" is told apart. Why it still waits may be
-- another reason than before.
UPDATE parked_returns
   SET tried_at = greatest($3::timestamptz, parked_at + interval '1 microsecond'),
       why = coalesce($4, why)
 WHERE bank_account = $1 AND bank_key = $2
