-- Claims of one job come one after the other.
SELECT paused_at IS NOT NULL FROM jobs WHERE job = $1 FOR NO KEY UPDATE
