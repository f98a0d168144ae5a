-- When each of these holds that live was told last. Index: holds_pkey.
SELECT h.account_id, h.hold_id, h.told_at
  FROM unnest($1::text[], $2::text[]) AS n(account_id, hold_id)
  JOIN holds h ON h.account_id = n.account_id AND h.hold_id = n.hold_id
 WHERE h.state = 'live' AND h.told_at IS NOT NULL
