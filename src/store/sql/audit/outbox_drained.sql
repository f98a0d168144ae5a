SELECT 'outbox' AS subject,
       format('%s rows are not published, the oldest since %s', count(*),
              min(created_at)) AS detail
  FROM outbox
 WHERE published_at IS NULL
HAVING count(*) > 0
