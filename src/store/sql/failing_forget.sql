-- What fails is tried again every five minutes: what was not, for a day, is not there any more.
DELETE FROM failing_items WHERE tried_at < $1::timestamptz - interval '1 day'
