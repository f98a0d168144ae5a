-- Which of these keys are recorded. On the way it takes the shared locks of lock_bank_facts for
-- $3: they wait only for a batch that announces money of these bank accounts, or advises of some;
-- and it tells whether an advice waits for them, and whether money without a bank id came to them
-- from $4 to $5. One row is empty where nothing is recorded.
WITH locked AS MATERIALIZED (
    SELECT count(pg_advisory_xact_lock_shared(slot)::text) AS locks
      FROM (SELECT DISTINCT (hashtextextended(account, 0) & 127) + 7210553 AS slot
              FROM unnest($3::text[]) AS account ORDER BY slot OFFSET 0) h
), seen AS MATERIALIZED (
    SELECT advices_wait($3::text[]) AS advices,
           came_without_id($3::text[], $4::date, $5::date) AS nameless FROM locked
)
SELECT found.bank_account, found.bank_key, found.content_hash, found.disposition,
       found.payment_id, found.currency, found.amount, found.credit_debit, found.reversal,
       found.booking_date, found.value_date, found.debtor_account, found.end_to_end_id,
       found.returns, found.statement_id, found.entry_reference, found.virtual_account,
       found.debtor_name, found.creditor_reference, found.unstructured, seen.advices, seen.nameless
FROM seen LEFT JOIN (
    SELECT b.bank_account, b.bank_key, b.content_hash, b.disposition, b.payment_id, b.currency,
           b.amount, b.credit_debit, b.reversal, b.booking_date, b.value_date, b.debtor_account,
           b.end_to_end_id, b.return_of ->> 0 AS returns, b.statement_id, b.entry_reference,
           b.virtual_account, b.debtor_name, b.creditor_reference, b.unstructured
      FROM bank_transactions b
      JOIN unnest($1::text[], $2::text[]) AS asked(bank_account, bank_key)
        ON b.bank_account = asked.bank_account AND b.bank_key = asked.bank_key) found ON true
