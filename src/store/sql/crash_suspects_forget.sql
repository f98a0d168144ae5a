-- Nobody came back to it for a week: it is not there any more.
DELETE FROM crash_suspects WHERE died_at < $1::timestamptz - interval '7 days'
