-- Under the locks of the payments, so that of one payment the later place is the later decision,
-- whichever batch began first.
INSERT INTO decisions (decision_id, payment_id, rule, rule_set_version, outcome, reason,
    explanation, caused_by_source, caused_by_id, decided_at, policy_version, place)
SELECT n.decision_id, n.payment_id, n.rule, $4, n.outcome, n.reason, n.explanation,
       n.source, n.id, n.decided_at, n.policy_version, (SELECT nextval('decision_places'))
FROM (SELECT unnest($1::bigint[]) AS decision_id, unnest($2::text[]) AS payment_id,
    unnest($3::text[]) AS rule, unnest($5::text[]) AS outcome, unnest($6::text[]) AS reason,
    unnest($7::text[]) AS explanation, unnest($8::text[]) AS source, unnest($9::text[]) AS id,
    unnest($10::timestamptz[]) AS decided_at, unnest($11::integer[]) AS policy_version) AS n
