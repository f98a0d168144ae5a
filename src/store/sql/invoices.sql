-- name: insert_invoices
INSERT INTO invoices (invoice_id, account_id, name, currency, amount, payment_reference,
    number_key, due_date, created_at, sent_at, voided_at, void_reason, keep_until, stale_since)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
    $7::text[], $8::date[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
    $12::text[], $13::date[], $14::timestamptz[])

-- name: insert_invoice_references
INSERT INTO invoice_references (reference, invoice_id, scheme, given)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])

-- name: load_invoices
SELECT invoice_id, account_id, name, currency, amount, allocated, status, payment_reference,
       due_date, created_at, sent_at, voided_at, void_reason, keep_until, stale_since,
       candidate_since
FROM invoice_states WHERE invoice_id = ANY($1::text[])

-- name: update_invoices
-- What is done with an invoice but paying it, which is what is payable.
UPDATE invoices i SET sent_at = n.sent_at, voided_at = n.voided_at, void_reason = n.void_reason,
       keep_until = n.keep_until, stale_since = n.stale_since
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[],
            $5::timestamptz[], $6::text[], $7::date[], $8::timestamptz[])
     AS n(invoice_id, was_sent, was_voided, sent_at, voided_at, void_reason, keep_until,
          stale_since)
WHERE i.invoice_id = n.invoice_id AND i.sent_at IS NOT DISTINCT FROM n.was_sent
  AND i.voided_at IS NOT DISTINCT FROM n.was_voided

-- name: insert_payable
INSERT INTO payable_invoices (invoice_id, account_id, currency, due, due_date, sent_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::date[],
                     $6::timestamptz[])

-- name: update_payable
UPDATE payable_invoices p SET due = n.due, sent_at = n.sent_at,
       candidate_since = n.candidate_since
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
     AS n(invoice_id, was, due, sent_at, candidate_since)
WHERE p.invoice_id = n.invoice_id AND p.due = n.was

-- name: delete_payable
-- What is paid in full, or voided. Whoever was faster has changed what was due.
DELETE FROM payable_invoices p
USING unnest($1::text[], $2::bigint[]) AS n(invoice_id, was)
WHERE p.invoice_id = n.invoice_id AND p.due = n.was

-- name: lock_watch_keys
-- Exclusive for words that name no invoice yet, shared for invoices that may be sent: two
-- senders do not wait for each other. In the order of the hash, so that nobody deadlocks.
SELECT CASE WHEN wanted.exclusive THEN pg_advisory_xact_lock(wanted.hash)::text
            ELSE pg_advisory_xact_lock_shared(wanted.hash)::text END
FROM (SELECT hash, bool_or(exclusive) AS exclusive
      FROM (SELECT hashtextextended('watch:' || word, 0) AS hash, true AS exclusive
              FROM unnest($1::text[]) AS word
            UNION ALL
            SELECT hashtextextended('watch:' || word, 0), false FROM unnest($2::text[]) AS word) h
      GROUP BY hash ORDER BY hash OFFSET 0) wanted

-- name: load_send_keys
-- By what payments may watch for these invoices: the minted reference, and those of upstream.
SELECT payment_reference, account_id, currency, amount - allocated AS due,
       NULL::text AS named, NULL::text AS scheme
FROM invoice_states WHERE invoice_id = ANY($1::text[])
UNION ALL
SELECT r.reference, i.account_id, i.currency, i.amount - i.allocated, r.invoice_id, r.scheme
FROM invoice_references r JOIN invoice_states i ON i.invoice_id = r.invoice_id
WHERE r.invoice_id = ANY($1::text[])

-- name: resolve_references
-- The account in the same snapshot: its version must not be newer than what was read of its book.
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at, i.voided_at, i.void_reason,
       i.keep_until, i.stale_since, i.candidate_since, a.event_sequence, a.book_version,
       a.name AS account_name,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts, a.balance_currency,
       NULL::text AS upstream, NULL::text AS scheme
FROM invoice_states i JOIN accounts a ON a.account_id = i.account_id
WHERE i.payment_reference = ANY($1::text[])
UNION ALL
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at, i.voided_at, i.void_reason,
       i.keep_until, i.stale_since, i.candidate_since, a.event_sequence, a.book_version,
       a.name AS account_name,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts, a.balance_currency,
       r.reference, r.scheme
FROM invoice_references r JOIN invoice_states i ON i.invoice_id = r.invoice_id
JOIN accounts a ON a.account_id = i.account_id
WHERE r.reference = ANY($1::text[]) AND r.scheme IS NOT NULL

-- name: resolve_numbers
-- The account in the same snapshot: its version must not be newer than what was read of its book.
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at, i.voided_at, i.void_reason,
       i.keep_until, i.stale_since, i.candidate_since, a.event_sequence, a.book_version,
       a.name AS account_name,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts, a.balance_currency,
       NULL::text AS upstream, NULL::text AS scheme
FROM invoice_states i JOIN accounts a ON a.account_id = i.account_id
WHERE i.folded_key = ANY($1::text[])
UNION ALL
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount, i.allocated, i.status,
       i.payment_reference, i.due_date, i.created_at, i.sent_at, i.voided_at, i.void_reason,
       i.keep_until, i.stale_since, i.candidate_since, a.event_sequence, a.book_version,
       a.name AS account_name,
       a.closed_at IS NOT NULL AS closed, a.time_zone,
       a.level_currencies, a.level_amounts, a.balance_currency,
       r.reference, r.scheme
FROM invoice_references r JOIN invoice_states i ON i.invoice_id = r.invoice_id
JOIN accounts a ON a.account_id = i.account_id
WHERE r.reference = ANY($1::text[]) AND r.scheme IS NULL

-- name: load_exact
SELECT asked.account_id, asked.currency, asked.due, p.invoice_id
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
     AS asked(account_id, currency, due, most)
CROSS JOIN LATERAL (
    SELECT invoice_id FROM payable_invoices p
    WHERE p.account_id = asked.account_id AND p.currency = asked.currency AND p.due = asked.due
    ORDER BY p.due_date, p.sent_at, p.invoice_id LIMIT asked.most) p

-- name: load_oldest
SELECT asked.account_id, asked.currency, p.invoice_id, p.due, p.due_date, p.sent_at
FROM unnest($1::text[], $2::text[]) AS asked(account_id, currency)
CROSS JOIN LATERAL (
    SELECT invoice_id, due, due_date, sent_at FROM payable_invoices p
    WHERE p.account_id = asked.account_id AND p.currency = asked.currency
    ORDER BY p.due_date, p.sent_at, p.invoice_id LIMIT $3) p

-- name: load_near
-- By reference, by number and by digits apart, so that each look-up has its index. Of digits that
-- very many invoices have, only so many are read: they tell nobody apart.
WITH named AS (
    SELECT asked.variant, 1 AS kind, i.invoice_id
    FROM unnest($1::text[]) AS asked(variant)
    JOIN invoices i ON i.payment_reference = asked.variant
    UNION ALL
    SELECT asked.variant, 2, i.invoice_id
    FROM unnest($2::text[]) AS asked(variant)
    JOIN invoices i ON i.folded_key = asked.variant
    UNION ALL
    SELECT asked.variant, 2, r.invoice_id
    FROM unnest($2::text[]) AS asked(variant)
    JOIN invoice_references r ON r.reference = asked.variant
    UNION ALL
    SELECT asked.digits, 3, i.invoice_id
    FROM unnest($3::text[]) AS asked(digits)
    CROSS JOIN LATERAL (SELECT i.invoice_id FROM invoices i
          WHERE number_digits(i.folded_key) = asked.digits
          ORDER BY i.invoice_id DESC LIMIT 64) i)
SELECT named.variant, named.kind, p.invoice_id, p.account_id, p.currency, p.due, a.name
FROM named
JOIN payable_invoices p ON p.invoice_id = named.invoice_id
JOIN accounts a ON a.account_id = p.account_id

-- name: load_book
SELECT asked.currency, asked.due, p.invoice_id, p.account_id, a.name
FROM unnest($1::text[], $2::bigint[]) AS asked(currency, due)
CROSS JOIN LATERAL (
    SELECT invoice_id, account_id FROM payable_invoices p
    WHERE p.currency = asked.currency AND p.due = asked.due LIMIT $3) p
JOIN accounts a ON a.account_id = p.account_id
