-- Workers whose clock is wrong, as they told within the last two minutes.
SELECT owner, ahead_ms, since FROM worker_clocks
 WHERE told_at > clock_timestamp() - interval '2 minutes' ORDER BY owner
