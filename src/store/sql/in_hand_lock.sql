-- Two processes do not take the same item at once. The words before the colon are ours, and the
-- kind is one of a list: no other lock has this name.
SELECT pg_advisory_xact_lock(hashtextextended('in_hand:' || $1, 0))
