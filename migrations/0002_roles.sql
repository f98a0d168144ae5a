-- The worker's role: it may do what the worker does and nothing else. The ledger is
-- append-only for it by privilege, the triggers are the second fence.
-- Roles belong to the whole server, so another database's migration may be creating it now.
DO $$
BEGIN
    CREATE ROLE topup_worker NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
DO $$
BEGIN
    EXECUTE format('GRANT topup_worker TO %I', current_user);
EXCEPTION WHEN OTHERS THEN
    -- Already granted, or granted at this moment by another migration: both are what we want.
    IF NOT pg_has_role(current_user, 'topup_worker', 'MEMBER') THEN
        RAISE;
    END IF;
END $$;

GRANT USAGE ON SCHEMA public TO topup_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO topup_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO topup_worker;
GRANT INSERT ON ALL TABLES IN SCHEMA public TO topup_worker;
GRANT UPDATE ON accounts, credit_limits, invoices, payable_invoices, balances, payments,
    bank_transactions, bank_statements, allocations, lots, checkpoints, inbox, waiting_commands,
    dead_letters, crash_guards, outbox TO topup_worker;
GRANT DELETE ON payer_accounts, virtual_accounts, credit_limits, payable_invoices, watches,
    waiting_commands, crash_guards TO topup_worker;
-- Append-only by privilege.
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_transactions, ledger_entries, decisions,
    dead_letter_acts FROM topup_worker;
REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM topup_worker;
