-- What fails is tried again every five minutes, and what kills its process twice a day: what was
-- not, for a day or a week, is not there any more.
DELETE FROM failing_items
 WHERE tried_at < $1::timestamptz
       - CASE code WHEN 'crash_loop' THEN interval '7 days' ELSE interval '1 day' END
