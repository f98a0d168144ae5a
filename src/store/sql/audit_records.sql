-- name: audit_one_outcome_per_record
-- A place of the log is no identity: a topic that is read again, or created anew, repeats it.
SELECT format('record %s/%s', source, message_id) AS subject,
       format('it is in the inbox %s times', count(*)) AS detail
  FROM inbox_records
 GROUP BY source, message_id
HAVING count(*) > 1
UNION ALL
SELECT format('record %s/%s', i.source, i.message_id), 'nothing says what kind of record it is'
  FROM inbox_records i
 WHERE NOT EXISTS (SELECT FROM inbox_kinds k WHERE k.kind_id = i.kind_id)
UNION ALL
SELECT format('record %s/%s', r.source, r.message_id),
       format('it came again at %s:%s:%s and is not in the inbox', r.topic, r.partition,
              r.record_offset)
  FROM inbox_repeats r
 WHERE NOT EXISTS (SELECT FROM inbox_records i
                    WHERE i.source = r.source AND i.message_id = r.message_id)

-- name: audit_not_applied_and_dead
-- The inbox row of a letter has its place and its id.
-- A conflict has the id of the record that came first: its own row is the repeat at its place.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is open, and its record %s/%s is applied', i.source, i.message_id) AS detail
  FROM dead_letters d
  JOIN inbox i ON i.topic = d.topic AND i.partition = d.partition
              AND i.record_offset = d.record_offset
              AND i.source = d.source AND i.message_id = d.message_id
 WHERE d.status = 'open' AND i.outcome = 'applied'
   AND NOT EXISTS (SELECT FROM inbox_repeats r
                    WHERE r.topic = d.topic AND r.partition = d.partition
                      AND r.record_offset = d.record_offset
                      AND r.source = d.source AND r.message_id = d.message_id
                      AND r.outcome = 'dead_lettered')

-- name: audit_outbox_drained
SELECT 'outbox' AS subject,
       format('%s rows are not published, the oldest since %s', count(*),
              min(created_at)) AS detail
  FROM (SELECT created_at FROM outbox_next(NULL)
        UNION ALL
        SELECT created_at FROM outbox_held
        UNION ALL
        SELECT created_at FROM letter_copies WHERE published_at IS NULL) waiting
HAVING count(*) > 0

-- name: audit_advices_sum_up
SELECT format('remittance advice %s of %s', a.advice_id, a.bank_account) AS subject,
       format('it says %s, its %s lines sum to %s', a.amount, coalesce(l.lines, 0),
              coalesce(l.sum, 0)) AS detail
  FROM remittance_advices a
  LEFT JOIN (SELECT bank_account, advice_id, count(*) AS lines, sum(amount) AS sum
               FROM remittance_advice_lines GROUP BY bank_account, advice_id) l
    USING (bank_account, advice_id)
 WHERE a.amount IS DISTINCT FROM l.sum

-- name: audit_advices_are_used_once
-- An advice belongs to a payment of its own bank account, currency and amount, and what rule R2a
-- paid was paid by one that belongs to the payment.
SELECT format('remittance advice %s of %s', a.advice_id, a.bank_account) AS subject,
       CASE WHEN (a.state = 'used') <> (a.used_by_payment IS NOT NULL)
            THEN format('it is %s, its payment is %s', a.state, coalesce(a.used_by_payment, 'none'))
            WHEN a.payments > 1
            THEN format('payment %s has %s advices', a.used_by_payment, a.payments)
            ELSE format('payment %s is no money of its amount', a.used_by_payment) END AS detail
  FROM (SELECT r.*, count(*) OVER (PARTITION BY r.used_by_payment) AS payments
          FROM remittance_advices r) a
 WHERE (a.state = 'used') <> (a.used_by_payment IS NOT NULL)
    OR (a.used_by_payment IS NOT NULL
        AND (a.payments > 1
             OR NOT EXISTS (SELECT FROM bank_transactions b
                             WHERE b.payment_id = a.used_by_payment
                               AND b.bank_account = a.bank_account
                               AND b.currency = a.currency AND b.amount = a.amount)))
UNION ALL
SELECT format('allocation %s', x.allocation_id),
       format('rule R2a put payment %s on invoice %s without an advice', x.payment_id, x.invoice_id)
  FROM allocations x
 WHERE x.rule = 'R2a'
   AND NOT EXISTS (SELECT FROM remittance_advices a WHERE a.used_by_payment = x.payment_id)

-- name: audit_events_are_gapless
-- Once the outbox was pruned, the beginning of a key may be gone, and all of a quiet one. What was
-- written before that and is still there, beside what another key needs, may have lost what came
-- after it.
WITH cut AS (
    SELECT coalesce(max(before), '-infinity') AS before FROM pruned WHERE table_name = 'outbox'
), runs AS (
    SELECT key_kind, record_key, first_sequence, first_sequence + events AS next_sequence,
           created_at < (SELECT before FROM cut) AS old,
           lag(first_sequence + events) OVER of_key AS expected,
           coalesce(lag(created_at) OVER of_key, '-infinity') < (SELECT before FROM cut) AS short
      FROM outbox
    WINDOW of_key AS (PARTITION BY key_kind, record_key ORDER BY first_sequence)
), counters AS (
    SELECT 'account' AS key_kind, account_id AS record_key, event_sequence FROM accounts
    UNION ALL
    SELECT 'payment', payment_id, event_sequence FROM payments
    UNION ALL
    SELECT 'bank', bank_account, event_sequence FROM bank_feeds
), ends AS (
    SELECT key_kind, record_key, max(next_sequence) - 1 AS last, bool_and(old) AS old
      FROM runs GROUP BY 1, 2
)
SELECT format('%s %s', key_kind, record_key) AS subject,
       format('an event numbered %s stands where %s is due', first_sequence,
              coalesce(expected, 1)) AS detail
  FROM runs
 WHERE first_sequence <> coalesce(expected, 1)
   AND NOT (short AND first_sequence > coalesce(expected, 1))
UNION ALL
SELECT format('%s %s', coalesce(e.key_kind, c.key_kind), coalesce(e.record_key, c.record_key)),
       format('its last event is %s and its counter says %s', coalesce(e.last, 0),
              coalesce(c.event_sequence, 0))
  FROM ends e
  FULL JOIN counters c ON c.key_kind = e.key_kind AND c.record_key = e.record_key
 WHERE coalesce(e.last, 0) <> coalesce(c.event_sequence, 0)
   AND NOT (coalesce(e.last, 0) < c.event_sequence AND coalesce(e.old, true)
            AND EXISTS (SELECT FROM pruned WHERE table_name = 'outbox'))

-- name: audit_dead_letters_match_inbox
-- The inbox row of a letter has its place and its id.
-- A conflict has the id of the record that came first: its own row is the repeat at its place.
-- A discarded letter was never applied, so its row still says that it is dead-lettered.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is %s and its record %s/%s is %s', d.status, i.source, i.message_id,
              i.outcome) AS detail
  FROM dead_letters d
  JOIN inbox i ON i.topic = d.topic AND i.partition = d.partition
              AND i.record_offset = d.record_offset
              AND i.source = d.source AND i.message_id = d.message_id
 WHERE (d.status <> 'replayed') <> (i.outcome = 'dead_lettered')
   -- Replayed, it was decoded: the row of its own id tells the outcome, not that of its place.
   AND NOT (d.status = 'replayed' AND i.source = 'kafka')
   AND NOT EXISTS (SELECT FROM inbox_repeats r
                    WHERE r.topic = d.topic AND r.partition = d.partition
                      AND r.record_offset = d.record_offset
                      AND r.source = d.source AND r.message_id = d.message_id
                      AND r.outcome = 'dead_lettered')
UNION ALL
SELECT format('record %s/%s', r.source, r.message_id),
       format('it is dead-lettered at %s:%s:%s and there is no dead letter', r.topic, r.partition,
              r.record_offset)
  FROM (SELECT source, message_id, topic, partition, record_offset FROM inbox
         WHERE outcome = 'dead_lettered'
        UNION ALL
        SELECT source, message_id, topic, partition, record_offset FROM inbox_repeats
         WHERE outcome = 'dead_lettered') r
 WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.topic = r.topic
                      AND d.partition = r.partition AND d.record_offset = r.record_offset)

-- name: audit_dead_letters_are_as_acted
-- What an operator did last is what is so. Acts of the first versions do not say it.
SELECT format('dead letter %s', d.dead_letter_id) AS subject,
       format('it is %s and the last act on it left it %s', d.status,
              coalesce(a.status, 'open')) AS detail
  FROM dead_letters d
  LEFT JOIN LATERAL (SELECT a.after ->> 'status' AS status, a.after IS NULL AS silent
                       FROM dead_letter_acts a WHERE a.dead_letter_id = d.dead_letter_id
                      ORDER BY a.act_id DESC LIMIT 1) a ON true
 WHERE d.status <> coalesce(a.status, 'open') AND NOT coalesce(a.silent, false)
UNION ALL
SELECT format('record %s/%s', r.source, r.message_id),
       format('it came again at %s:%s:%s and no dead letter was opened for it', r.topic,
              r.partition, r.record_offset)
  FROM inbox_repeats r
 WHERE r.outcome = 'reopened'
   AND NOT EXISTS (SELECT FROM dead_letters d
                     JOIN dead_letter_acts a ON a.dead_letter_id = d.dead_letter_id
                    WHERE d.source = r.source AND d.message_id = r.message_id
                      AND a.act = 'reopen')

-- name: audit_waiting_matches_inbox
SELECT format('record %s/%s', source, message_id) AS subject,
       CASE WHEN w.waiting_id IS NULL THEN 'it is waiting and no command waits'
            ELSE format('a command waits for %s and its record is %s', w.needs,
                        coalesce(i.outcome, 'unknown'))
       END AS detail
  FROM waiting_commands w
  FULL JOIN (SELECT source, message_id, outcome, topic, partition, record_offset FROM inbox
              WHERE outcome = 'waiting') i USING (source, message_id)
 WHERE w.waiting_id IS NULL OR i.outcome IS NULL
 UNION ALL
SELECT format('record %s/%s', w.source, w.message_id),
       format('it stands behind %s/%s, which is no earlier command of its customer', b.source,
              b.message_id)
  FROM waiting_commands w
  JOIN waiting_commands b ON b.waiting_id = w.behind
 WHERE b.waiting_id >= w.waiting_id OR b.wait_key <> w.wait_key

-- name: audit_candidates_match_episodes
SELECT format('invoice %s', coalesce(i.invoice_id, c.invoice_id)) AS subject,
       CASE WHEN c.invoice_id IS NULL THEN 'it is flagged and has no open episode'
            WHEN i.invoice_id IS NULL THEN 'it has an open episode and is not flagged'
            ELSE format('flagged for %s, its episode says %s', i.candidate_since, c.flagged_at)
       END AS detail
  FROM (SELECT invoice_id, candidate_since FROM payable_invoices
         WHERE candidate_since IS NOT NULL) i
  FULL JOIN (SELECT invoice_id, flagged_at FROM void_candidates WHERE cleared_at IS NULL) c
    ON c.invoice_id = i.invoice_id
 WHERE i.candidate_since IS DISTINCT FROM c.flagged_at

-- name: audit_tombstones_are_respected
SELECT format('payment %s, invoice %s', a.payment_id, a.invoice_id) AS subject,
       'a person took them apart and there is no tombstone' AS detail
  FROM allocation_reversals r
  JOIN allocations a USING (allocation_id)
  LEFT JOIN tombstones t USING (payment_id, invoice_id)
 WHERE r.kind = 'deallocated' AND t.payment_id IS NULL
UNION ALL
SELECT format('payment %s, invoice %s', a.payment_id, a.invoice_id),
       format('a person took them apart at %s, rule %s put them together at %s', t.laid_at, a.rule,
              a.allocated_at)
  FROM tombstones t
  JOIN allocations a USING (payment_id, invoice_id)
 WHERE a.allocated_at > t.laid_at AND a.rule NOT IN ('R1', 'R1r')

-- name: audit_suggestions_can_be_chosen
SELECT format('suggestion %s', s.suggestion_id) AS subject,
       format('it is open; payment %s is %s of %s with %s unallocated', s.payment_id,
              coalesce(p.state, 'missing'), coalesce(p.account_id, 'nobody'),
              p.amount - p.allocated - p.returned - p.refunded - p.split) AS detail
  FROM suggestions s LEFT JOIN payments p ON p.payment_id = s.payment_id
 WHERE s.status = 'open'
   AND (p.payment_id IS NULL
        OR p.state NOT IN ('parked', 'on_account', 'partly_allocated')
        OR p.amount - p.allocated - p.returned - p.refunded - p.split <= 0
        OR p.account_id <> s.account_id
        OR EXISTS (SELECT 1 FROM suggestions o
                    WHERE o.payment_id = s.payment_id AND o.status = 'open'
                      AND o.decision_id <> s.decision_id))
UNION ALL
SELECT format('suggestion %s', s.suggestion_id),
       format('it is open; payment %s of it is %s of %s', w.payment_id,
              coalesce(p.state, 'missing'), coalesce(p.account_id, 'nobody'))
  FROM suggestions s
  JOIN suggestion_payments w ON w.suggestion_id = s.suggestion_id
  LEFT JOIN payments p ON p.payment_id = w.payment_id
 WHERE s.status = 'open'
   AND (p.payment_id IS NULL OR p.state NOT IN ('parked', 'on_account', 'partly_allocated')
        OR p.account_id <> s.account_id
        OR (SELECT count(*) FROM suggestion_invoices i
             WHERE i.suggestion_id = s.suggestion_id) <> 1)

-- name: audit_suggestions_are_of_one_customer
SELECT format('suggestion %s', s.suggestion_id) AS subject,
       CASE WHEN s.lines = 0 THEN 'it names no invoice'
            WHEN s.foreigners > 0 THEN 'it names an invoice of another customer or currency'
            ELSE format('it proposes %s of a payment of %s', s.proposed, s.amount) END AS detail
  FROM (SELECT s.suggestion_id, p.amount, count(x.invoice_id) AS lines,
               count(*) FILTER (WHERE x.invoice_id IS NOT NULL
                   AND (i.account_id, i.currency) IS DISTINCT FROM (s.account_id, s.currency))
                   AS foreigners,
               coalesce(sum(x.amount), 0) AS proposed
          FROM suggestions s
          LEFT JOIN suggestion_invoices x ON x.suggestion_id = s.suggestion_id
          LEFT JOIN invoices i ON i.invoice_id = x.invoice_id
          LEFT JOIN payments p ON p.payment_id = s.payment_id
         GROUP BY s.suggestion_id, p.amount) s
 WHERE s.lines = 0 OR s.foreigners > 0 OR s.amount IS NULL OR s.proposed > s.amount

-- name: audit_confirmed_was_allocated
SELECT format('suggestion %s', s.suggestion_id) AS subject,
       format('it was confirmed, and %s of payment %s was never allocated to invoice %s',
              s.amount, s.payment_id, s.invoice_id) AS detail
  FROM (SELECT o.suggestion_id, o.payment_id, o.account_id, o.status, o.resolved_at,
               i.invoice_id, i.amount
          FROM suggestions o JOIN suggestion_invoices i ON i.suggestion_id = o.suggestion_id
        UNION ALL
        SELECT o.suggestion_id, w.payment_id, o.account_id, o.status, o.resolved_at,
               i.invoice_id, w.amount
          FROM suggestions o JOIN suggestion_payments w ON w.suggestion_id = o.suggestion_id
          JOIN suggestion_invoices i ON i.suggestion_id = o.suggestion_id) s
 WHERE s.status = 'confirmed'
   AND NOT EXISTS (SELECT 1 FROM allocations a
                    WHERE a.payment_id = s.payment_id AND a.invoice_id = s.invoice_id
                      AND a.amount = s.amount AND a.account_id = s.account_id
                      AND a.rule = 'R1' AND a.allocated_at = s.resolved_at)

-- name: audit_alias_is_its_history
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

-- name: audit_decided_by_known_rules
SELECT d.payment_id || '/' || d.decision_id AS subject,
       CASE WHEN r.version IS NULL THEN format('rule set %s is not stored', d.policy_version)
            ELSE format('rule set %s was never activated', d.policy_version) END AS detail
  FROM decisions d
  LEFT JOIN rule_sets r ON r.version = d.policy_version
 WHERE d.policy_version > 0
   AND (r.version IS NULL OR NOT EXISTS (
        SELECT 1 FROM rule_set_activations a WHERE a.version = d.policy_version))

-- name: audit_watermarks_are_of_the_past
SELECT topic || ':' || partition AS subject, complete_through::text AS detail
  FROM usage_watermarks WHERE complete_through > clock_timestamp() + interval '1 day'

-- name: audit_references_name_one
SELECT format('reference %s', r.reference) AS subject,
       format('upstream gave it to invoice %s, and it was minted for %s', r.invoice_id,
              i.invoice_id) AS detail
  FROM invoice_references r
  JOIN invoices i ON i.payment_reference = r.reference

-- name: audit_same_money_is_decided
-- What is told twice in equal words, by one with the bank's id and by one without, or by entries of
-- two statements: unless a person was asked, the money counts twice.
SELECT format('payment %s', a.payment_id) AS subject,
       format('says the same as payment %s, and nobody was asked', b.payment_id) AS detail
  FROM payments_without_bank_id w
  JOIN bank_transactions a ON a.payment_id = w.payment_id
  JOIN bank_transactions b
    ON b.bank_account = w.bank_account AND b.booking_date = w.booking_date
   AND b.currency = w.currency AND b.amount = w.amount
   AND payer_key(b.debtor_account) = w.payer
   AND coalesce(b.unstructured, '') = coalesce(a.unstructured, '')
   AND coalesce(b.creditor_reference, '') = coalesce(a.creditor_reference, '')
   AND coalesce(b.end_to_end_id, '') = coalesce(a.end_to_end_id, '')
   AND coalesce(b.virtual_account, '') = coalesce(a.virtual_account, '')
   AND coalesce(b.detail_index, 0) = coalesce(a.detail_index, 0)
 WHERE b.disposition = 'payment' AND b.bank_transaction_id IS NOT NULL
   AND NOT coalesce(a.statement_id = b.statement_id AND a.entry_reference <> b.entry_reference,
                    false)
   AND NOT EXISTS (SELECT 1 FROM told_again t WHERE t.bank_account = a.bank_account
                      AND t.bank_key IN (a.bank_key, b.bank_key))
UNION ALL
SELECT format('return %s', a.bank_key),
       format('says the same as return %s, and nobody was asked', b.bank_key)
  FROM bank_transactions a
  JOIN bank_transactions b
    ON b.bank_account = a.bank_account AND b.booking_date = a.booking_date
   AND b.currency = a.currency AND b.amount = a.amount AND b.bank_key > a.bank_key
   AND b.return_of ->> 0 = a.return_of ->> 0
   AND coalesce(b.return_of ->> 1, '') = coalesce(a.return_of ->> 1, '')
   AND coalesce(b.detail_index, 0) = coalesce(a.detail_index, 0)
   AND coalesce(b.debtor_account, '') = coalesce(a.debtor_account, '')
 WHERE a.disposition = 'returned' AND b.disposition = 'returned'
   AND a.forgotten_at IS NULL AND b.forgotten_at IS NULL
   AND (a.bank_transaction_id IS NULL OR b.bank_transaction_id IS NULL)
   AND NOT coalesce(a.statement_id = b.statement_id AND a.entry_reference <> b.entry_reference,
                    false)
   AND NOT EXISTS (SELECT 1 FROM told_again t WHERE t.bank_account = a.bank_account
                      AND t.bank_key IN (a.bank_key, b.bank_key))
