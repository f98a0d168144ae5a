-- One payment in one call: the same steps and rows as `pay` in rows.rs.
CREATE FUNCTION bench_pay(
    p_source text, p_message text, p_hash bytea, p_kind integer,
    p_offset bigint, p_subject text, p_reference text, p_bank_account text, p_bank_key text,
    p_bank_hash bytea, p_bank_id text, p_currency text, p_amount bigint, p_booked date,
    p_end_to_end text, p_debtor_name text, p_debtor_account text, p_text text, p_payment text,
    p_sequence bigint, p_ledger bigint, p_allocation bigint, p_decision bigint, p_rule text,
    p_outcome text, p_reason text, p_why_form smallint, p_why bytea, p_key_kind text,
    p_events smallint, p_form smallint, p_payload bytea, p_watches text[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_invoice text;
    v_account text;
    v_sequence bigint := 0;
    v_fits boolean;
BEGIN
    INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome, record_offset,
                               subject, processed_at, guards)
    VALUES (p_source, p_message, p_hash, p_kind, 'applied', p_offset, p_subject, now(), false)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN 'duplicate'; END IF;

    IF p_reference IS NOT NULL THEN
        SELECT account_id, invoice_id INTO v_account, v_invoice
          FROM invoices WHERE payment_reference = p_reference;
    END IF;
    IF v_account IS NULL THEN
        SELECT account_id INTO v_account
          FROM payer_accounts WHERE payer_account = p_debtor_account;
    END IF;
    IF v_account IS NOT NULL THEN
        SELECT event_sequence INTO v_sequence
          FROM accounts WHERE account_id = v_account FOR NO KEY UPDATE;
        IF v_invoice IS NOT NULL THEN
            SELECT coalesce((SELECT due = p_amount AND currency = p_currency
                               FROM payable_invoices WHERE invoice_id = v_invoice), false)
              INTO v_fits;
            IF NOT v_fits THEN v_invoice := NULL; END IF;
        ELSE
            SELECT invoice_id INTO v_invoice FROM payable_invoices
             WHERE account_id = v_account AND currency = p_currency AND due = p_amount
             ORDER BY due_date, sent_at, invoice_id LIMIT 1;
        END IF;
        IF v_invoice IS NULL THEN v_account := NULL; END IF;
    END IF;

    INSERT INTO money_records (payment_id, account_id, currency, amount, allocated, state,
        reason, origin, received_on, event_sequence, recorded_at,
        first_decision_id, first_rule_set_version, first_policy_version, first_form, first_rule,
        first_outcome, first_reason, first_explanation, first_caused_by_source, first_caused_by_id,
        bank_account, bank_key, content_hash, status, disposition, credit_debit, reversal,
        announced, booking_date, value_date, bank_transaction_id, end_to_end_id, debtor_name,
        debtor_account, unstructured)
    VALUES (p_payment, v_account, p_currency, p_amount,
        CASE WHEN v_account IS NULL THEN 0 ELSE p_amount END,
        CASE WHEN v_account IS NULL THEN 'parked' ELSE 'allocated' END, p_reason, 'bank',
        p_booked, nullif(p_sequence, 0), now(), p_decision, 1, 0, p_why_form, p_rule, p_outcome,
        p_reason, p_why, p_source, p_message, p_bank_account, p_bank_key, p_bank_hash, 'BOOK',
        'payment', 'CRDT', false, false, p_booked, p_booked, p_bank_id, p_end_to_end, p_debtor_name,
        p_debtor_account, p_text);
    INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, debit, credit,
                                  credit_account, currency, amount, posted_at)
    VALUES (p_ledger, 1, CASE WHEN v_account IS NULL THEN 'payment_received'
                              ELSE 'payment_provisioned' END::ledger_kind, p_payment,
            'bank_clearing', CASE WHEN v_account IS NULL THEN 'unallocated_cash'
                                  ELSE 'customer_balance' END::ledger_account,
            v_account, p_currency, p_amount, now());

    IF v_account IS NOT NULL THEN
        INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency,
                                 amount, remaining, rule, ledger_transaction_id, allocated_at)
        VALUES (p_allocation, p_payment, v_invoice, v_account, p_currency, p_amount, p_amount,
                p_rule, p_ledger, now());
        DELETE FROM payable_invoices WHERE invoice_id = v_invoice AND due = p_amount;
        IF NOT FOUND THEN RAISE EXCEPTION 'invoice % was not open', v_invoice; END IF;
        UPDATE accounts SET event_sequence = event_sequence + p_events, updated_at = now(),
                            balance_currency = p_currency, balance = balance + p_amount,
                            balance_at = now()
         WHERE account_id = v_account;
    ELSE
        INSERT INTO watches (watch_key, payment_id) SELECT k, p_payment FROM unnest(p_watches) k;
    END IF;

    INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
                        created_at)
    VALUES (p_key_kind, coalesce(v_account, p_payment), v_sequence + 1, p_events,
            p_form, p_payload, now());
    RETURN 'applied';
END $$
