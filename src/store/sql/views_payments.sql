-- name: views_payment_show
-- One payment, with what it waits for: not what was paid or voided, which is never sent again; and
-- whether it was sent already. Indexes: money_records_payment, watches_payment,
-- invoices_folded_key, invoices_number_key, invoices_payment_reference_key.
SELECT payment_id, account_id, currency, amount, allocated, returned, refunded, split, state,
       reason, question, origin, received_on, method, reference, remark, recorded_at,
       coalesce(n.watches, '{}') AS watches, coalesce(n.sent, '{}') AS sent,
       (SELECT e.payment_id FROM told_again t
          JOIN money_records e
            ON e.bank_account = t.bank_account AND e.bank_key = t.earlier_key
         WHERE t.bank_account = p.bank_account AND t.bank_key = p.bank_key) AS looks_like
  FROM payments p
  LEFT JOIN LATERAL (
       SELECT array_agg(w.watch_key ORDER BY w.watch_key) AS watches,
              array_agg(coalesce(i.sent, false) ORDER BY w.watch_key) AS sent
         FROM watches w
        CROSS JOIN LATERAL (
              SELECT bool_and(k.status IN ('provisioned', 'voided')) AS is_over,
                     bool_or(k.status = 'awaiting_payment') AS sent
                FROM (SELECT status FROM invoice_states
                       WHERE folded_key = substring(w.watch_key FROM '^number:(.*)$')
                      UNION ALL
                      SELECT status FROM invoice_states
                       WHERE number_key = substring(w.watch_key FROM '^number:(.*)$')
                      UNION ALL
                      SELECT status FROM invoice_states
                       WHERE payment_reference = substring(w.watch_key FROM '^ref:(.*)$')) k) i
        WHERE w.payment_id = p.payment_id AND NOT coalesce(i.is_over, false)) n ON true
 WHERE payment_id = $1

-- name: views_bank_of_payment
-- What the bank said of one payment. Indexes: money_records_payment,
-- bank_transactions_superseded.
SELECT bank_account, bank_key, status, credit_debit, reversal, currency, amount, charges,
       booking_date, value_date, bank_transaction_id, statement_id, entry_reference,
       end_to_end_id, debtor_name, debtor_account, virtual_account, creditor_reference,
       unstructured, recorded_at, forgotten_at,
       (SELECT min(a.recorded_at) FROM bank_transactions a
         WHERE a.bank_account = t.bank_account AND a.superseded_by = t.bank_key) AS announced_at
  FROM bank_transactions t
 WHERE payment_id = $1

-- name: views_allocations_of_payment
-- Live allocations of one payment. Indexes: allocations_live_pair, which holds no reversed ones;
-- for those that an undone return opened again payment_returns_payment, allocations_restored.
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE payment_id = $1 AND reversed_at IS NULL AND restores IS NULL
 UNION ALL
SELECT allocation_id, payment_id, invoice_id, account_id, currency, amount, reversed, rule,
       allocated_at, reversed_at
  FROM allocations
 WHERE restores IN (SELECT return_id FROM payment_returns WHERE payment_id = $1)
   AND payment_id = $1 AND reversed_at IS NULL
 ORDER BY allocation_id
 LIMIT 200

-- name: views_suggestions_of_payment
-- What was suggested for one payment, or for others of which it is a part, and what became of it.
-- Indexes: suggestions_payment, suggestion_payments_payment, payable_invoices_pkey,
-- money_records_payment.
SELECT s.suggestion_id, s.account_id, s.currency, s.status, s.reason, s.resolved_at,
       array_agg(i.invoice_id ORDER BY i.invoice_id) AS invoices, sum(i.amount)::bigint AS amount,
       bool_and(y.invoice_id IS NOT NULL) AND sum(i.amount) <= min(p.amount - p.allocated
           - p.returned - p.refunded - p.split) AS payable,
       ARRAY(SELECT CASE w.payment_id WHEN $1 THEN s.payment_id ELSE w.payment_id END
               FROM suggestion_payments w WHERE w.suggestion_id = s.suggestion_id
              ORDER BY 1) AS with_payments
  FROM suggestions s JOIN suggestion_invoices i ON i.suggestion_id = s.suggestion_id
  JOIN payments p ON p.payment_id = s.payment_id
  LEFT JOIN payable_invoices y ON y.invoice_id = i.invoice_id
 WHERE s.suggestion_id IN (SELECT o.suggestion_id FROM suggestions o WHERE o.payment_id = $1
                           UNION SELECT w.suggestion_id FROM suggestion_payments w
                                  WHERE w.payment_id = $1)
 GROUP BY s.suggestion_id
 ORDER BY s.decision_id, s.suggestion_id

-- name: views_decisions_of_payment
-- The decisions on one payment, in the order in which each replaced
-- the one before. Indexes: money_records_payment, further_decisions_pkey.
SELECT decision_id, payment_id, rule, rule_set_version, policy_version, outcome, reason,
       explanation, form, caused_by_source, caused_by_id, decided_at
  FROM decisions
 WHERE payment_id = $1
 ORDER BY place NULLS FIRST, decision_id
 LIMIT 100

-- name: views_parts_of_payment
-- The parts of one payment, or the payment that it is a part of. Indexes: payment_splits_pkey, the
-- unique one of payment_id and part, money_records_payment, split_undos_pkey.
SELECT s.part_id, s.payment_id, s.part, s.account_id, s.currency, s.amount, p.state, s.reason,
       s.split_at, u.undone_at, u.return_id, u.reason AS undone_reason
  FROM (SELECT * FROM payment_splits WHERE payment_id = $1
         UNION ALL
        SELECT * FROM payment_splits WHERE part_id = $1) s
  JOIN payments p ON p.payment_id = s.part_id
  LEFT JOIN split_undos u ON u.part_id = s.part_id
 ORDER BY s.payment_id, s.part
 LIMIT 200

-- name: views_reversals_of_payment
-- What went back of the allocations of one payment. No index holds reversed allocations by their
-- payment: its tombstones lead to those that were taken off, its returns to those that were
-- returned, and the invoices of its customer to those of a removed one, or of a part that went
-- back. Indexes: tombstones_pkey, payment_returns_payment, allocation_reversals_return,
-- invoices_account, allocations_invoice, allocation_reversals_allocation.
WITH gone AS (
    SELECT r.reversal_id, a.allocation_id
      FROM tombstones t
      JOIN allocations a ON a.invoice_id = t.invoice_id
      JOIN allocation_reversals r ON r.allocation_id = a.allocation_id
     WHERE t.payment_id = $1 AND a.payment_id = $1
     UNION
    SELECT r.reversal_id, r.allocation_id
      FROM payment_returns b
      JOIN allocation_reversals r ON r.return_id = b.return_id
     WHERE b.payment_id = $1
     UNION
    SELECT r.reversal_id, a.allocation_id
      FROM payments p
      JOIN invoices i ON i.account_id = p.account_id
      JOIN allocations a ON a.invoice_id = i.invoice_id
      JOIN allocation_reversals r ON r.allocation_id = a.allocation_id
     WHERE p.payment_id = $1 AND a.payment_id = $1
       AND (p.state = 'removed' OR (p.origin = 'split' AND p.split > 0))
)
SELECT r.reversal_id, r.kind, a.payment_id, a.invoice_id, a.account_id, a.currency, r.amount,
       r.clawed_back, coalesce(b.reason, r.reason) AS reason, r.return_id, r.reversed_at
  FROM gone
  JOIN allocation_reversals r ON r.reversal_id = gone.reversal_id
  JOIN allocations a ON a.allocation_id = gone.allocation_id
  LEFT JOIN payment_returns b ON b.return_id = r.return_id
 ORDER BY r.reversal_id
 LIMIT 200

-- name: views_returns_of_payment
-- What the bank took back of one payment and of its parts, and what undid that.
-- Indexes: payment_returns_payment, the unique one of payment_id and part.
SELECT r.return_id, r.payment_id, r.bank_account, r.bank_key, r.undoes, r.currency, r.amount,
       r.fee, r.unallocated, r.unspent, r.clawed_back, r.reason, r.said, r.returned_at
  FROM (SELECT $1::text AS payment_id
         UNION ALL
        SELECT part_id FROM payment_splits WHERE payment_id = $1) n
  JOIN payment_returns r ON r.payment_id = n.payment_id
 ORDER BY r.return_id
 LIMIT 200

-- name: views_tombstones_of_payment
-- The invoices that a person took one payment off. Index: tombstones_pkey.
SELECT invoice_id, laid_at
  FROM tombstones
 WHERE payment_id = $1
 ORDER BY laid_at, invoice_id
 LIMIT 100

-- name: views_releases_of_payment
-- What left the books of one payment by a person's word, in that order. Index: ledger_releases.
SELECT kind::text AS kind, said, posted_at, currency, sum(amount)::bigint AS amount
  FROM ledger_transfers
 WHERE payment_id = $1
   AND kind IN ('payment_removed', 'payment_refunded', 'payment_dismissed')
 GROUP BY ledger_transaction_id, kind, said, posted_at, currency
 ORDER BY posted_at, ledger_transaction_id
 LIMIT 100

-- name: views_acts_on_payment
-- What persons asked for by the command line about one payment, and what became of it.
-- Index: operator_commands_subjects.
SELECT c.source, c.message_id, c.command_type, c.operator, c.reason, c.subjects, c.asked_at,
       i.outcome, i.code
  FROM operator_commands c
  LEFT JOIN inbox i ON i.source = c.source AND i.message_id = c.message_id
 WHERE c.subjects @> ARRAY['payment:' || $1]
 ORDER BY c.asked_at, c.message_id
 LIMIT 100

-- name: views_parked_returns
-- Parked returns, the longest parked first; after that instant, bank account and key. Indexes:
-- money_records_bank_key, told_again_pkey, told_again_earlier.
SELECT p.bank_account, p.bank_key, t.currency, t.amount, t.booking_date, t.return_of ->> 0 AS names,
       p.why, p.parked_at, p.tried_at,
       (SELECT a.earlier_key FROM told_again a WHERE a.bank_account = p.bank_account
           AND a.bank_key = p.bank_key) AS looks_like,
       -- What it names was told twice: a person ended that record, and this one was booked.
       (SELECT b.bank_key FROM bank_transactions e
          JOIN told_again a ON a.bank_account = e.bank_account
           AND e.bank_key IN (a.bank_key, a.earlier_key)
          JOIN bank_transactions b ON b.bank_account = e.bank_account
           AND b.bank_key IN (a.bank_key, a.earlier_key) AND b.disposition = 'returned'
         WHERE p.why = 'no_return' AND e.bank_account = p.bank_account
           AND e.bank_key = 'reversal:' || (t.return_of ->> 0)
           AND e.disposition = 'return_ended' LIMIT 1) AS booked_as
  FROM parked_returns p
  JOIN bank_transactions t USING (bank_account, bank_key)
 WHERE $1::timestamptz IS NULL
    OR (p.parked_at, p.bank_account, p.bank_key) > ($1, $2::text, $3::text)
 ORDER BY p.parked_at, p.bank_account, p.bank_key
 LIMIT $4

-- name: views_advices_list
-- Remittance advices, the newest first. NULL: of every state, of every bank account.
-- Index: remittance_advices_by_age.
SELECT a.bank_account, a.advice_id, a.payer_account, a.payment_reference, a.currency, a.amount,
       a.state, a.used_by_payment, a.end_reason, a.ended_about, a.received_at,
       a.expires_at, l.invoices
  FROM remittance_advices a
 CROSS JOIN LATERAL (
     SELECT array_agg(coalesce(l.invoice_id, l.reference) ORDER BY l.line) AS invoices
       FROM remittance_advice_lines l
      WHERE l.bank_account = a.bank_account AND l.advice_id = a.advice_id) l
 WHERE ($1::text IS NULL OR a.state = $1) AND ($2::text IS NULL OR a.bank_account = $2)
   AND ($3::timestamptz IS NULL OR a.received_at < $3 OR a.received_at = $3
        AND (a.bank_account, a.advice_id) > ($4::text, $5::text))
 ORDER BY a.received_at DESC, a.bank_account, a.advice_id
 LIMIT $6

-- name: views_advices_of_payment
-- The advice that belongs to the payment, and those of these ids of its bank account.
-- Index: remittance_advices_one_per_payment, remittance_advices_pkey, money_records_payment.
SELECT a.bank_account, a.advice_id, a.payer_account, a.payment_reference, a.currency, a.amount,
       a.state, a.used_by_payment, a.end_reason, a.ended_about, a.received_at,
       a.expires_at, l.invoices
  FROM (SELECT u.bank_account, u.advice_id
          FROM remittance_advices u WHERE u.used_by_payment = $1
        UNION
        SELECT n.bank_account, n.advice_id
          FROM bank_transactions b
          JOIN remittance_advices n ON n.bank_account = b.bank_account
           AND n.advice_id = ANY($2::text[])
         WHERE b.payment_id = $1) found
  JOIN remittance_advices a USING (bank_account, advice_id)
 CROSS JOIN LATERAL (
     SELECT array_agg(coalesce(l.invoice_id, l.reference) ORDER BY l.line) AS invoices
       FROM remittance_advice_lines l
      WHERE l.bank_account = a.bank_account AND l.advice_id = a.advice_id) l
 ORDER BY a.received_at, a.advice_id
