DELETE FROM worker_clocks WHERE owner = $1
