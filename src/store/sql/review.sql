-- name: insert_suggestions
-- A suggestion has one row, and one for each of its invoices and of its other payments, all in one
-- statement.
WITH added AS (
    INSERT INTO suggestions (suggestion_id, payment_id, decision_id, account_id, currency,
        suggested_at)
    SELECT n.*, $6 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) n
), lines AS (
    INSERT INTO suggestion_invoices (suggestion_id, invoice_id, amount)
    SELECT * FROM unnest($7::text[], $8::text[], $9::bigint[])
)
INSERT INTO suggestion_payments (suggestion_id, payment_id, amount)
SELECT * FROM unnest($10::text[], $11::text[], $12::bigint[])

-- name: load_suggestions
-- Also those of other payments that these are part of.
SELECT s.suggestion_id, s.payment_id, s.decision_id, s.account_id, s.currency, s.status,
       i.invoice_id, i.amount,
       ARRAY(SELECT w.payment_id FROM suggestion_payments w
              WHERE w.suggestion_id = s.suggestion_id ORDER BY w.payment_id) AS with_payments,
       ARRAY(SELECT w.amount FROM suggestion_payments w
              WHERE w.suggestion_id = s.suggestion_id ORDER BY w.payment_id) AS with_amounts
FROM (SELECT o.suggestion_id FROM suggestions o WHERE o.payment_id = ANY($1::text[])
      UNION SELECT w.suggestion_id FROM suggestion_payments w WHERE w.payment_id = ANY($1::text[])
     ) n
JOIN suggestions s ON s.suggestion_id = n.suggestion_id
JOIN suggestion_invoices i ON i.suggestion_id = s.suggestion_id
ORDER BY s.payment_id, s.decision_id, s.suggestion_id, i.invoice_id

-- name: load_suggested_payments
SELECT DISTINCT payment_id FROM suggestion_payments WHERE suggestion_id = ANY($1::text[])

-- name: supersede_suggestions
-- Of payments that were decided or settled again: what names an account leaves that one's own. And
-- those of other payments whose money was to be part of it, where it went elsewhere.
UPDATE suggestions s SET status = 'superseded', resolved_at = $4
FROM (SELECT o.suggestion_id
        FROM unnest($1::text[], $2::text[]) AS n(payment_id, owner)
        JOIN suggestions o ON o.payment_id = n.payment_id AND o.status = 'open'
       WHERE n.owner IS NULL OR o.account_id <> n.owner
      UNION
      SELECT w.suggestion_id FROM suggestion_payments w WHERE w.payment_id = ANY($5::text[])) c
WHERE s.suggestion_id = c.suggestion_id AND s.status = 'open'
  AND s.suggestion_id <> ALL($3::text[])

-- name: resolve_suggestions
UPDATE suggestions s SET status = n.status, resolved_at = $6, resolved_by_source = n.source,
       resolved_by_id = n.id, reason = n.reason
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS n(suggestion_id, status, source, id, reason)
WHERE s.suggestion_id = n.suggestion_id AND s.status = 'open'

-- name: upsert_aliases
INSERT INTO payer_aliases (payer_account, account_id, confirmations, last_used_on, demoted_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::date[], $5::timestamptz[])
ON CONFLICT (payer_account, account_id) DO UPDATE
SET confirmations = excluded.confirmations, demoted_at = excluded.demoted_at,
    last_used_on = greatest(payer_aliases.last_used_on, excluded.last_used_on)

-- name: insert_alias_uses
INSERT INTO payer_alias_uses (payer_account, account_id, payment_id, kind, decision_id,
    suggestion_id, used_on, caused_by_source, caused_by_id, recorded_at)
SELECT n.payer_account, n.account_id, n.payment_id, n.kind, n.decision_id, n.suggestion_id,
       n.used_on, n.source, n.id, $10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
            $7::date[], $8::text[], $9::text[]) WITH ORDINALITY
    AS n(payer_account, account_id, payment_id, kind, decision_id, suggestion_id, used_on,
         source, id, place)
ORDER BY n.place

-- name: load_alias_uses
SELECT payment_id, payer_account, account_id FROM payer_alias_uses
WHERE payment_id = ANY($1::text[])

-- name: rematch_page
-- Index: open_payments_bank.
SELECT o.payment_id FROM open_payments o JOIN payments p ON p.payment_id = o.payment_id
WHERE o.bank AND o.payment_id > $1 AND p.recorded_at <= $3
ORDER BY o.payment_id LIMIT $2

-- name: rematch_suggested
-- Payments with an open choice of these invoices. Index: suggestion_invoices_invoice.
SELECT DISTINCT o.payment_id
FROM unnest($1::text[]) AS touched(invoice_id)
CROSS JOIN LATERAL (
    SELECT s.payment_id FROM suggestion_invoices i
      JOIN suggestions s ON s.suggestion_id = i.suggestion_id
     WHERE i.invoice_id = touched.invoice_id AND s.status = 'open' LIMIT $2) o
ORDER BY o.payment_id LIMIT $2

-- name: load_rematched
SELECT b.account_id AS owner, b.bank_account, b.bank_key, b.content_hash, b.status, b.disposition,
       b.payment_id, b.credit_debit, b.reversal, b.currency, b.amount, b.charges, b.booking_date,
       b.value_date, b.bank_transaction_id, b.statement_id, b.entry_reference, b.end_to_end_id,
       b.debtor_name, b.debtor_account, b.virtual_account, b.creditor_reference, b.unstructured,
       b.return_of, b.instructed_currency, b.instructed_amount, b.detail_index,
       b.entry_amount, b.entry_details
FROM money_records b
WHERE b.disposition = 'payment' AND b.payment_id = ANY($1::text[])
