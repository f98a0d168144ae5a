INSERT INTO payer_alias_uses (payer_account, account_id, payment_id, kind, decision_id,
    suggestion_id, used_on, caused_by_source, caused_by_id, recorded_at)
SELECT n.payer_account, n.account_id, n.payment_id, n.kind, n.decision_id, n.suggestion_id,
       n.used_on, n.source, n.id, $10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
            $7::date[], $8::text[], $9::text[]) WITH ORDINALITY
    AS n(payer_account, account_id, payment_id, kind, decision_id, suggestion_id, used_on,
         source, id, place)
ORDER BY n.place
