INSERT INTO drifts (kind, key_kind, record_key, subject, currency, difference, detail, opened_at)
SELECT n.kind, n.key_kind, n.record_key, n.subject, n.currency, n.difference, n.detail, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
    AS n(kind, key_kind, record_key, subject, currency, difference, detail)
