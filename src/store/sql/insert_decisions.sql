INSERT INTO decisions (decision_id, payment_id, rule, rule_set_version, outcome, reason,
    explanation, caused_by_source, caused_by_id, decided_at)
SELECT n.decision_id, n.payment_id, n.rule, $4, n.outcome, n.reason, n.explanation::json,
       n.source, n.id, n.decided_at
FROM unnest($1::bigint[], $2::text[], $3::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::timestamptz[])
     AS n(decision_id, payment_id, rule, outcome, reason, explanation, source, id, decided_at)
