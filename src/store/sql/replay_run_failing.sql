-- Keys whose order a run that is resumed still keeps: what failed in it and is open.
SELECT DISTINCT d.topic || ':' || coalesce(encode(d.record_key, 'hex'), '#' || d.dead_letter_id)
FROM dead_letter_acts a JOIN dead_letters d USING (dead_letter_id)
WHERE a.run_id = $1 AND a.outcome = 'still_failing' AND d.status = 'open'
