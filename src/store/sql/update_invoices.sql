UPDATE invoices i SET allocated = n.allocated, status = n.status, sent_at = n.sent_at,
       provisioned_at = n.provisioned_at, voided_at = n.voided_at, void_reason = n.void_reason,
       keep_until = n.keep_until, stale_since = n.stale_since,
       candidate_since = n.candidate_since
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::text[], $10::date[], $11::timestamptz[],
            $12::timestamptz[])
     AS n(invoice_id, was_allocated, was_status, allocated, status, sent_at, provisioned_at,
          voided_at, void_reason, keep_until, stale_since, candidate_since)
WHERE i.invoice_id = n.invoice_id AND i.allocated = n.was_allocated AND i.status = n.was_status
