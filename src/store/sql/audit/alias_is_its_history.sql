SELECT format('alias of %s', coalesce(a.account_id, h.account_id)) AS subject,
       format('it counts %s confirmations, its history says %s; last used on %s, not %s',
              coalesce(a.confirmations, 0), coalesce(h.confirmed, 0), a.last_used_on,
              h.last_used_on) AS detail
  FROM payer_aliases a
  FULL JOIN (SELECT u.payer_account, u.account_id, max(u.used_on) AS last_used_on,
                    count(*) FILTER (WHERE u.kind = 'confirmed'
                                       AND u.use_id > coalesce(d.last, 0)) AS confirmed
               FROM payer_alias_uses u
               LEFT JOIN (SELECT payer_account, account_id, max(use_id) AS last
                            FROM payer_alias_uses WHERE kind = 'demoted'
                           GROUP BY payer_account, account_id) d
                 ON d.payer_account = u.payer_account AND d.account_id = u.account_id
              GROUP BY u.payer_account, u.account_id) h
    ON h.payer_account = a.payer_account AND h.account_id = a.account_id
 WHERE a.confirmations IS DISTINCT FROM h.confirmed
    OR a.last_used_on IS DISTINCT FROM h.last_used_on
