-- Every row of what grows, $copies times more: other records, payments, invoices and lots of the
-- same customers. What one customer and the whole book have grows alike.
DO $$
DECLARE
    one record;
    names text;
    made text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN
        SELECT c.oid, c.relname FROM pg_class c
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND c.relnamespace = 'public'::regnamespace
           AND c.relname = ANY(ARRAY[{tables}])
    LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum),
               string_agg(CASE
                   WHEN attname = 'reference' AND one.relname = 'invoice_references'
                       THEN 'upper(md5(reference || k))'
                   WHEN attname = 'reference_key' THEN $x$reference_key || 'X' || k$x$
                   WHEN attname = 'same_hash' THEN 'sha256(same_hash || k::text::bytea)'
                   WHEN attname = 'payment_reference'
                       THEN $x$'RF10' || upper(substr(md5(payment_reference || k), 1, 18))$x$
                   WHEN atttypid = 'text'::regtype AND attname = ANY(ARRAY['payment_id',
                       'invoice_id', 'bank_key', 'bank_transaction_id', 'message_id', 'usage_id',
                       'hold_id', 'refund_id', 'wait_key', 'watch_key', 'needs', 'number_key',
                       'suggestion_id', 'original_key', 'statement_id', 'part_id', 'subject',
                       'superseded_by', 'end_to_end_id', 'caused_by_id', 'item', 'advice_id',
                       'first_caused_by_id', 'used_by_payment', 'ended_about'])
                       THEN attname || $x$ || '-x' || k$x$
                   WHEN atttypid = 'bigint'::regtype AND attname = ANY(ARRAY['lot_id',
                       'allocation_id', 'ledger_transaction_id', 'charge_id', 'cause_id',
                       'decision_id', 'first_decision_id', 'outbox_id', 'copy_id',
                       'dead_letter_id', 'waiting_id', 'refund_number',
                       'reversal_id', 'return_id', 'undoes', 'restores', 'use_id', 'act_id'])
                       THEN attname || ' + k * 10000000000000000'
                   WHEN attname = 'processed_at' THEN $x$processed_at + k * interval '1 hour'$x$
                   WHEN attname IN ('record_offset', 'first_sequence')
                       THEN attname || ' + k * 1000000000'
                   ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
          INTO names, made
          FROM pg_attribute
         WHERE attrelid = one.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format('INSERT INTO %I (%s) OVERRIDING SYSTEM VALUE
            SELECT %s FROM %I, generate_series(1::bigint, {copies}) k',
            one.relname, names, made, one.relname);
    END LOOP;
END $$
