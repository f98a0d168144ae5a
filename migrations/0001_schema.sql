-- topup: the whole schema. Each rule that the domain states in Rust stands here again.
--
-- Amounts are BIGINT micros (1e-6 of the currency's major unit). A NUMERIC view of each table
-- that an operator sums is below. No index key or predicate names a column that paying an
-- invoice changes: such an index would turn every HOT update into a full one. Patterns have no
-- bounded repetition ({1,64} makes PostgreSQL's matcher twenty times slower than a length check).

-- Three capital letters; checked for every amount that is written, so without a pattern.
CREATE DOMAIN currency_code AS text COLLATE "C"
    CHECK (length(VALUE) = 3 AND translate(VALUE, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') = '');

-- One number per batch; the batch derives its ids from it (domain::ids::IdBlock).
CREATE SEQUENCE id_blocks MINVALUE 1;

---------------------------------------------------------------------------------------------
-- Accounts. Locking order of the whole system: checkpoint, watch keys (advisory), accounts by
-- id, payments by id, invoices by id. The account's row lock is the one that serialises.

CREATE TABLE accounts (
    account_id       text COLLATE "C" PRIMARY KEY
        CHECK (account_id !~ '[^A-Za-z0-9._:-]' AND length(account_id) BETWEEN 1 AND 64),
    -- NULL while the account is known only because a record named it.
    name             text CHECK (char_length(name) BETWEEN 1 AND 200),
    stale_after_days integer CHECK (stale_after_days BETWEEN 1 AND 3650),
    -- Last sequence given to an event of this key; the next is one more, without gaps.
    event_sequence   bigint NOT NULL DEFAULT 0 CHECK (event_sequence >= 0),
    -- Raised by every transaction that changes what matching reads of this account, except by
    -- paying an invoice (each such update is guarded by itself). A batch of bank payments reads
    -- without locks and compares this at its end (ADR 0011).
    book_version     bigint NOT NULL DEFAULT 0 CHECK (book_version >= 0),
    closed_at        timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE credit_limits (
    account_id text COLLATE "C" NOT NULL REFERENCES accounts,
    currency   currency_code NOT NULL,
    amount     bigint NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (account_id, currency)
);

-- One payer account may pay for several customers (an agent): it then identifies none of them.
CREATE TABLE payer_accounts (
    payer_account text COLLATE "C" NOT NULL
                    CHECK (payer_account !~ '[^A-Z0-9]' AND length(payer_account) BETWEEN 1 AND 64),
    account_id    text COLLATE "C" NOT NULL REFERENCES accounts,
    PRIMARY KEY (payer_account, account_id)
);
CREATE INDEX payer_accounts_account ON payer_accounts (account_id);

-- A virtual account or proxy identifies exactly one customer.
CREATE TABLE virtual_accounts (
    virtual_account text COLLATE "C" PRIMARY KEY
        CHECK (virtual_account !~ '[^A-Z0-9]' AND length(virtual_account) BETWEEN 1 AND 64),
    account_id      text COLLATE "C" NOT NULL REFERENCES accounts
);
CREATE INDEX virtual_accounts_account ON virtual_accounts (account_id);

---------------------------------------------------------------------------------------------
-- Invoices.

CREATE TABLE invoices (
    invoice_id        text COLLATE "C" PRIMARY KEY
        CHECK (invoice_id !~ '[^A-Za-z0-9._:-]' AND length(invoice_id) BETWEEN 1 AND 64),
    account_id        text COLLATE "C" NOT NULL REFERENCES accounts,
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    currency          currency_code NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0 AND amount < 1000000000000000000),
    -- Sum of the live allocations; amount due = amount - allocated.
    allocated         bigint NOT NULL DEFAULT 0 CHECK (allocated BETWEEN 0 AND amount),
    status            text COLLATE "C" NOT NULL
                      CHECK (status IN ('draft', 'awaiting_payment', 'provisioned', 'voided')),
    payment_reference text COLLATE "C" NOT NULL UNIQUE
                      CHECK (payment_reference ~ '^RF[0-9][0-9][0-9A-Z]+$'
                             AND length(payment_reference) <= 25),
    -- The invoice id in the form in which references are compared (upper case).
    number_key        text COLLATE "C" NOT NULL,
    due_date          date,
    created_at        timestamptz NOT NULL,
    sent_at           timestamptz,
    provisioned_at    timestamptz,
    voided_at         timestamptz,
    void_reason       text CHECK (char_length(void_reason) <= 200),
    -- Keep: never a void candidate before that day ('infinity' = never at all).
    keep_until        date,
    -- The instant from which staleness counts: sent, re-sent, or de-allocated.
    stale_since       timestamptz,
    CONSTRAINT invoice_provisioned_iff_covered
        CHECK ((status = 'provisioned') = (allocated = amount)),
    CONSTRAINT invoice_provisioned_iff_stamped
        CHECK ((status = 'provisioned') = (provisioned_at IS NOT NULL)),
    CONSTRAINT invoice_voided_iff_stamped
        CHECK ((status = 'voided') = (voided_at IS NOT NULL)),
    CONSTRAINT invoice_allocation_needs_sent
        CHECK (status IN ('awaiting_payment', 'provisioned') OR allocated = 0),
    CONSTRAINT invoice_sent_is_stamped
        CHECK (status NOT IN ('awaiting_payment', 'provisioned') OR sent_at IS NOT NULL),
    CONSTRAINT invoice_draft_is_not_sent CHECK (status <> 'draft' OR sent_at IS NULL)
) WITH (fillfactor = 90);
CREATE INDEX invoices_account ON invoices (account_id, invoice_id);
CREATE INDEX invoices_number_key ON invoices (number_key);
CREATE INDEX invoices_sent_at ON invoices (sent_at);

CREATE FUNCTION refuse_invoice_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'invoice % may not go from % to %', OLD.invoice_id, OLD.status, NEW.status
        USING ERRCODE = '23514', CONSTRAINT = 'invoice_transition';
END $$;
-- A batch writes the net change, so a draft that is sent and paid in one batch goes from draft to
-- provisioned; that it was sent is what invoice_sent_is_stamped demands.
CREATE TRIGGER invoice_transition BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (
        (OLD.status IS DISTINCT FROM NEW.status AND (OLD.status, NEW.status) NOT IN (
            ('draft', 'awaiting_payment'), ('draft', 'provisioned'), ('draft', 'voided'),
            ('awaiting_payment', 'provisioned'), ('awaiting_payment', 'voided'),
            ('provisioned', 'awaiting_payment')))
        OR (OLD.invoice_id, OLD.amount, OLD.account_id, OLD.currency, OLD.payment_reference)
            IS DISTINCT FROM
           (NEW.invoice_id, NEW.amount, NEW.account_id, NEW.currency, NEW.payment_reference))
    EXECUTE FUNCTION refuse_invoice_transition();

-- Exactly the invoices that await payment, in the order in which matching takes them. A table
-- and not a partial index on invoices, so that paying stays a HOT update there.
CREATE TABLE payable_invoices (
    invoice_id text COLLATE "C" PRIMARY KEY REFERENCES invoices,
    account_id text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    due        bigint NOT NULL CHECK (due > 0),
    due_date   date,
    sent_at    timestamptz NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX payable_invoices_exact
    ON payable_invoices (account_id, currency, due, due_date, sent_at, invoice_id);
CREATE INDEX payable_invoices_book ON payable_invoices (currency, due);
CREATE INDEX payable_invoices_oldest
    ON payable_invoices (account_id, currency, due_date, sent_at, invoice_id);

---------------------------------------------------------------------------------------------
-- Ledger: append-only, double entry. Credits are positive, debits negative. A customer's
-- balance is a liability, so it rises with credits.

CREATE TABLE ledger_transactions (
    ledger_transaction_id bigint PRIMARY KEY,
    kind                  text COLLATE "C" NOT NULL
                         
                    CHECK (kind IN ('payment_received', 'payment_provisioned', 'provisioned')),
    payment_id            text COLLATE "C" NOT NULL,
    posted_at             timestamptz NOT NULL
);

CREATE TABLE ledger_entries (
    ledger_transaction_id bigint NOT NULL,
    line                  smallint NOT NULL CHECK (line > 0),
    ledger_account        text COLLATE "C" NOT NULL CHECK (ledger_account IN
        ('bank_clearing', 'unallocated_cash', 'customer_balance', 'usage_revenue',
         'claw_back_receivable', 'fees')),
    account_id            text COLLATE "C",
    currency              currency_code NOT NULL,
    amount                bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (ledger_transaction_id, line),
    CONSTRAINT ledger_customer_entry_names_account
        CHECK ((ledger_account = 'customer_balance') = (account_id IS NOT NULL))
);

-- First fence: entries are written in the database transaction that writes their ledger
-- transaction, never later: what was posted and checked stays as it was. (A savepoint between the
-- two makes them look apart; nothing here uses one.) A plan made while the tables were small must
-- not scan them when they are large: see check_allocations.
CREATE FUNCTION check_ledger_entries() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE stray bigint;
BEGIN
    SELECT n.ledger_transaction_id INTO stray FROM inserted n
     WHERE (SELECT true FROM ledger_transactions t
             WHERE t.ledger_transaction_id = n.ledger_transaction_id
               AND t.xmin = pg_current_xact_id()::xid LIMIT 1) IS NULL
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a ledger entry without a ledger transaction % written with it', stray
            USING ERRCODE = '23503', CONSTRAINT = 'ledger_entry_has_transaction';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_inserted AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_ledger_entries();

-- Second fence, at commit: a transaction has entries, at least two per currency, and they sum to
-- zero. It runs
-- once per transaction, so it pins no plan: the worker's sessions do that for themselves.
CREATE FUNCTION check_ledger_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE currencies integer; off integer; first text; last text; total numeric; lines integer;
BEGIN
    -- Nearly every transaction has one currency: then one pass without groups is enough.
    SELECT min(currency), max(currency), sum(amount), count(*) INTO first, last, total, lines
      FROM ledger_entries WHERE ledger_transaction_id = NEW.ledger_transaction_id;
    IF first = last AND total = 0 AND lines >= 2 THEN
        RETURN NULL;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE s.total <> 0 OR s.lines < 2) INTO currencies, off
      FROM (SELECT sum(amount) AS total, count(*) AS lines FROM ledger_entries
             WHERE ledger_transaction_id = NEW.ledger_transaction_id GROUP BY currency) s;
    IF currencies = 0 OR off > 0 THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', NEW.ledger_transaction_id
            USING ERRCODE = '23514', CONSTRAINT = 'ledger_transaction_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transaction_balances AFTER INSERT ON ledger_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_transaction();

-- Append-only also for those whom privileges do not stop.
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: corrections are reversing transactions'
        USING ERRCODE = '42501';
END $$;
CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ledger_transactions FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A derived sum: the audit recomputes it from the ledger.
CREATE TABLE balances (
    -- Refers to accounts: check_account_exists, below.
    account_id text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    amount     bigint NOT NULL CHECK (amount BETWEEN -9000000000000000000 AND 9000000000000000000),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, currency)
) WITH (fillfactor = 70);

---------------------------------------------------------------------------------------------
-- Payments.

CREATE TABLE payments (
    payment_id     text COLLATE "C" PRIMARY KEY
        CHECK (payment_id !~ '[^A-Za-z0-9._:-]' AND length(payment_id) BETWEEN 1 AND 64),
    -- Refers to accounts: check_account_exists, below.
    account_id     text COLLATE "C",
    currency       currency_code NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0 AND amount < 1000000000000000000),
    allocated      bigint NOT NULL DEFAULT 0 CHECK (allocated >= 0),
    returned       bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    refunded       bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    state          text COLLATE "C" NOT NULL CHECK (state IN ('allocated', 'partly_allocated',
                   'on_account', 'parked', 'returned', 'removed', 'ignored')),
    -- Why it is parked or ignored, a stable code (docs/ERRORS.md).
    reason         text COLLATE "C"
                    CHECK (reason !~ '[^a-z0-9_]' AND length(reason) BETWEEN 1 AND 40),
    origin         text COLLATE "C" NOT NULL CHECK (origin IN ('bank', 'manual')),
    received_on    date NOT NULL,
    method         text CHECK (char_length(method) <= 200),
    reference      text CHECK (char_length(reference) <= 200),
    remark         text CHECK (char_length(remark) <= 200),
    -- Last sequence of events keyed by this payment, while it had no account.
    event_sequence bigint NOT NULL DEFAULT 0 CHECK (event_sequence >= 0),
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT payment_never_gives_more_than_it_has
        CHECK (allocated + returned + refunded <= amount),
    CONSTRAINT payment_state_follows_amounts CHECK (CASE state
        WHEN 'allocated' THEN allocated + returned + refunded = amount AND allocated > 0
        WHEN 'partly_allocated' THEN allocated > 0 AND allocated + returned + refunded < amount
        WHEN 'on_account' THEN allocated = 0 AND account_id IS NOT NULL
        WHEN 'parked' THEN allocated = 0 AND reason IS NOT NULL
        WHEN 'returned' THEN returned + refunded = amount
        WHEN 'ignored' THEN allocated = 0 AND reason IS NOT NULL
        ELSE allocated = 0 END),
    CONSTRAINT payment_allocation_needs_account CHECK (allocated = 0 OR account_id IS NOT NULL)
) WITH (fillfactor = 90);
-- For lists and for the void-candidate guard. `account_id` changes only when a payment is assigned.
CREATE INDEX payments_account ON payments (account_id, payment_id);

-- Everything that a bank feed reported, also what moved no money.
CREATE TABLE bank_transactions (
    bank_account        text COLLATE "C" NOT NULL
        CHECK (bank_account !~ '[^A-Za-z0-9._:-]' AND length(bank_account) BETWEEN 1 AND 64),
    -- 'id:…' by the bank's own id, 'entry:…' by statement and entry, 'print:…' by content.
    bank_key            text COLLATE "C" NOT NULL CHECK (length(bank_key) BETWEEN 1 AND 300),
    content_hash        bytea NOT NULL CHECK (length(content_hash) = 32),
    status              text COLLATE "C" NOT NULL CHECK (status IN ('BOOK', 'PDNG', 'INFO')),
    -- What became of it: a payment, or why not.
    disposition         text COLLATE "C" NOT NULL CHECK (disposition IN ('payment', 'not_booked',
                        'return_parked', 'refund_bounced', 'outgoing')),
    payment_id          text COLLATE "C" UNIQUE,
    credit_debit        text COLLATE "C" NOT NULL CHECK (credit_debit IN ('CRDT', 'DBIT')),
    reversal            boolean NOT NULL,
    currency            currency_code NOT NULL,
    amount              bigint NOT NULL CHECK (amount > 0),
    charges             bigint CHECK (charges >= 0),
    booking_date        date NOT NULL,
    value_date          date,
    bank_transaction_id text,
    statement_id        text,
    entry_reference     text,
    end_to_end_id       text,
    debtor_name         text,
    debtor_account      text,
    virtual_account     text,
    creditor_reference  text,
    -- The payer's lines, one per line; backslash, line feed and NUL are kept as \\, \n and \0.
    unstructured        text,
    return_of           jsonb,
    recorded_at         timestamptz NOT NULL,
    PRIMARY KEY (bank_account, bank_key),
    CONSTRAINT bank_payment_iff_disposition
        CHECK ((disposition = 'payment') = (payment_id IS NOT NULL)),
    CONSTRAINT bank_payment_is_booked_credit CHECK (disposition <> 'payment'
        OR (status = 'BOOK' AND credit_debit = 'CRDT' AND NOT reversal))
);

CREATE TABLE bank_statements (
    bank_account     text COLLATE "C" NOT NULL,
    statement_id     text NOT NULL,
    currency         currency_code NOT NULL,
    opening_balance  bigint NOT NULL,
    closing_balance  bigint NOT NULL,
    entries          integer NOT NULL CHECK (entries >= 0),
    complete_through timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (bank_account, statement_id)
);

---------------------------------------------------------------------------------------------
-- Allocations and the lots they open. check_allocations is the fence that keeps one customer's
-- money from another: payment, invoice and allocation share account and currency.

CREATE TABLE allocations (
    allocation_id         bigint PRIMARY KEY,
    payment_id            text COLLATE "C" NOT NULL,
    invoice_id            text COLLATE "C" NOT NULL,
    account_id            text COLLATE "C" NOT NULL,
    currency              currency_code NOT NULL,
    amount                bigint NOT NULL CHECK (amount > 0),
    rule                  text COLLATE "C" NOT NULL CHECK (rule ~ '^R[0-9][0-9]?[a-z]?$'),
    ledger_transaction_id bigint NOT NULL,
    allocated_at          timestamptz NOT NULL,
    reversed_at           timestamptz
);
-- At most one live link between a payment and an invoice.
CREATE UNIQUE INDEX allocations_live_pair ON allocations (payment_id, invoice_id)
    WHERE reversed_at IS NULL;
CREATE INDEX allocations_invoice ON allocations (invoice_id);

CREATE TABLE lots (
    -- The allocation that opened it: one lot per allocation, for ever.
    lot_id     bigint PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    amount     bigint NOT NULL CHECK (amount > 0),
    remaining  bigint NOT NULL CHECK (remaining BETWEEN 0 AND amount),
    held       bigint NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND remaining),
    opened_at  timestamptz NOT NULL,
    closed_at  timestamptz
) WITH (fillfactor = 90);

-- What foreign keys would guard, for a whole statement at once (ADR 0005): an allocation has its
-- payment and its invoice, both of its account and currency, and its posting; a payment that has
-- an account, and a balance, have one that exists; a lot has its allocation (of the same account,
-- currency and amount), a bank transaction its payment. The rows referred to are never deleted
-- (refuse_delete), and what is compared never changes (invoice_transition,
-- payment_keeps_its_owner). Each look-up is a subquery with a LIMIT: that can only be done row by
-- row through an index, also by a plan that was made and kept while the table was empty.
CREATE FUNCTION check_allocations() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE broken record;
BEGIN
    SELECT * INTO broken FROM (
        SELECT (SELECT true FROM payments p WHERE p.payment_id = n.payment_id
                   AND p.account_id = n.account_id AND p.currency = n.currency LIMIT 1) AS payment,
               (SELECT true FROM invoices i WHERE i.invoice_id = n.invoice_id
                   AND i.account_id = n.account_id AND i.currency = n.currency LIMIT 1) AS invoice,
               (SELECT true FROM ledger_transactions t
                 WHERE t.ledger_transaction_id = n.ledger_transaction_id LIMIT 1) AS posting
          FROM changed n OFFSET 0) found
     WHERE (payment AND invoice AND posting) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an allocation without its payment, invoice or ledger transaction'
            USING ERRCODE = '23503', CONSTRAINT = CASE
                WHEN broken.payment IS NULL THEN 'allocation_has_its_payment'
                WHEN broken.invoice IS NULL THEN 'allocation_has_its_invoice'
                ELSE 'allocation_is_posted' END;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_inserted AFTER INSERT ON allocations
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_allocations();
CREATE TRIGGER allocations_updated AFTER UPDATE ON allocations
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_allocations();

CREATE FUNCTION check_account_exists() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed n WHERE n.account_id IS NOT NULL AND
                (SELECT true FROM accounts a WHERE a.account_id = n.account_id LIMIT 1) IS NULL)
    THEN
        RAISE EXCEPTION 'a row of % for an account that does not exist', TG_TABLE_NAME
            USING ERRCODE = '23503', CONSTRAINT = TG_TABLE_NAME || '_have_their_account';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_inserted AFTER INSERT ON payments
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_account_exists();
CREATE TRIGGER payments_updated AFTER UPDATE ON payments
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_account_exists();
CREATE TRIGGER balances_inserted AFTER INSERT ON balances
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_account_exists();

-- Money that was ever allocated stays with the account and the currency that it was allocated in.
CREATE FUNCTION refuse_new_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM allocations a WHERE a.payment_id = OLD.payment_id) THEN
        RAISE EXCEPTION 'payment % has allocations: it keeps its account', OLD.payment_id
            USING ERRCODE = '23503', CONSTRAINT = 'payment_keeps_its_owner';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_keeps_its_owner AFTER UPDATE ON payments FOR EACH ROW
    WHEN (OLD.account_id IS NOT NULL AND (OLD.payment_id, OLD.account_id, OLD.currency)
            IS DISTINCT FROM (NEW.payment_id, NEW.account_id, NEW.currency))
    EXECUTE FUNCTION refuse_new_owner();

CREATE FUNCTION check_lots_allocated() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM inserted n WHERE
                (SELECT true FROM allocations a WHERE a.allocation_id = n.lot_id
                    AND a.account_id = n.account_id AND a.currency = n.currency
                    AND a.amount = n.amount LIMIT 1) IS NULL) THEN
        RAISE EXCEPTION 'a lot without its allocation'
            USING ERRCODE = '23503', CONSTRAINT = 'lot_has_allocation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lots_allocated AFTER INSERT ON lots
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_lots_allocated();

CREATE FUNCTION check_bank_payments() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed n WHERE n.payment_id IS NOT NULL AND
                (SELECT true FROM payments p WHERE p.payment_id = n.payment_id LIMIT 1) IS NULL)
    THEN
        RAISE EXCEPTION 'a bank transaction without its payment'
            USING ERRCODE = '23503', CONSTRAINT = 'bank_transaction_has_payment';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bank_transactions_inserted AFTER INSERT ON bank_transactions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_bank_payments();
CREATE TRIGGER bank_transactions_updated AFTER UPDATE ON bank_transactions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_bank_payments();

CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was recorded is never deleted' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER payments_stay BEFORE DELETE OR TRUNCATE ON payments
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER allocations_stay BEFORE DELETE OR TRUNCATE ON allocations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER invoices_stay BEFORE DELETE OR TRUNCATE ON invoices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER accounts_stay BEFORE DELETE OR TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

---------------------------------------------------------------------------------------------
-- Matching: decisions and the durable watch.

CREATE TABLE decisions (
    decision_id      bigint NOT NULL,
    payment_id       text COLLATE "C" NOT NULL,
    rule             text COLLATE "C" NOT NULL CHECK (rule ~ '^(R[0-9][0-9]?[a-z]?|G[0-9])$'),
    rule_set_version integer NOT NULL,
    outcome          text COLLATE "C" NOT NULL
                     CHECK (outcome IN ('allocated', 'suggested', 'on_account', 'parked')),
    reason           text COLLATE "C",
    -- JSON: candidates, why each was refused, counts (domain::matching::Explanation). As text,
    -- because parsing it again costs as much as storing it.
    explanation      text NOT NULL,
    caused_by_source text COLLATE "C" NOT NULL,
    caused_by_id     text COLLATE "C" NOT NULL,
    decided_at       timestamptz NOT NULL,
    PRIMARY KEY (payment_id, decision_id)
);

-- What a parked payment waits for: 'ref:RF…', 'number:INV-1', 'account:ACC-1:SGD'.
CREATE TABLE watches (
    watch_key  text COLLATE "C" NOT NULL CHECK (length(watch_key) BETWEEN 1 AND 200),
    payment_id text COLLATE "C" NOT NULL REFERENCES payments,
    PRIMARY KEY (watch_key, payment_id)
);
CREATE INDEX watches_payment ON watches (payment_id);

---------------------------------------------------------------------------------------------
-- Records: checkpoint, inbox, repeats, waiting commands, dead letters, outbox.

CREATE TABLE checkpoints (
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    -- Raised at each assignment: a batch of an older epoch is a zombie's and rolls back.
    epoch          bigint NOT NULL DEFAULT 1,
    -- NULL until the first batch.
    next_offset    bigint CHECK (next_offset >= 0),
    owner          text NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

-- Each record once, by its idempotency id. A record that could not be decoded is here under
-- source 'kafka' and id 'topic:partition:offset'.
CREATE TABLE inbox (
    source         text COLLATE "C" NOT NULL,
    message_id     text COLLATE "C" NOT NULL,
    content_hash   bytea NOT NULL CHECK (length(content_hash) = 32),
    message_type   text COLLATE "C" NOT NULL,
    outcome        text COLLATE "C" NOT NULL
                  
        CHECK (outcome IN ('applied', 'duplicate', 'rejected', 'waiting', 'dead_lettered')),
    code           text COLLATE "C" CHECK (code !~ '[^a-z0-9_]' AND length(code) BETWEEN 1 AND 40),
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    record_offset  bigint NOT NULL,
    -- What it changed, for people: 'payment:PAY-1'.
    subject        text COLLATE "C",
    processed_at   timestamptz NOT NULL,
    PRIMARY KEY (source, message_id),
    CONSTRAINT inbox_refusals_have_codes
        CHECK (outcome NOT IN ('rejected', 'dead_lettered', 'waiting') OR code IS NOT NULL)
) WITH (fillfactor = 95);
CREATE INDEX inbox_processed ON inbox USING brin (processed_at);
-- The rows an operator looks for are few; applied ones are not in it.
CREATE INDEX inbox_not_applied ON inbox (outcome, processed_at) WHERE outcome <> 'applied';

-- A record whose id had been processed before: a duplicate, or a conflict (dead-lettered).
CREATE TABLE inbox_repeats (
    topic         text COLLATE "C" NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint NOT NULL,
    source        text COLLATE "C" NOT NULL,
    message_id    text COLLATE "C" NOT NULL,
    outcome       text COLLATE "C" NOT NULL CHECK (outcome IN ('duplicate', 'dead_lettered')),
    code          text COLLATE "C",
    seen_at       timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX inbox_repeats_record ON inbox_repeats (source, message_id);

-- Commands that name what is not known yet, in order per key, until a deadline.
CREATE TABLE waiting_commands (
    waiting_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wait_key      text COLLATE "C" NOT NULL,
    topic         text COLLATE "C" NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint NOT NULL,
    source        text COLLATE "C" NOT NULL,
    message_id    text COLLATE "C" NOT NULL,
    -- What is missing: 'invoice:INV-1', 'payment:PAY-1', or 'queue' behind an earlier one.
    needs         text COLLATE "C" NOT NULL,
    record_key    bytea,
    record_value  bytea NOT NULL,
    record_headers jsonb NOT NULL,
    record_timestamp timestamptz,
    since         timestamptz NOT NULL,
    deadline      timestamptz NOT NULL,
    UNIQUE (source, message_id)
);
CREATE INDEX waiting_commands_key ON waiting_commands (wait_key, waiting_id);
CREATE INDEX waiting_commands_deadline ON waiting_commands (deadline);

CREATE TABLE dead_letters (
    dead_letter_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    record_offset    bigint NOT NULL,
    record_timestamp timestamptz,
    record_key       bytea,
    record_value     bytea,
    -- [{"name": …, "value_hex": …}], as received.
    record_headers   jsonb NOT NULL,
    source           text COLLATE "C",
    message_id       text COLLATE "C",
    code             text COLLATE "C" NOT NULL
                    CHECK (code !~ '[^a-z0-9_]' AND length(code) BETWEEN 1 AND 40),
    message          text NOT NULL CHECK (length(message) <= 2048),
    attempts         integer NOT NULL DEFAULT 1 CHECK (attempts > 0),
    first_failed_at  timestamptz NOT NULL,
    last_failed_at   timestamptz NOT NULL,
    status           text COLLATE "C" NOT NULL DEFAULT 'open'
                     CHECK (status IN ('open', 'replayed', 'discarded')),
    resolved_at      timestamptz,
    resolution       text,
    CHECK ((status = 'open') = (resolved_at IS NULL))
);
-- The bytes belong to the identity: a topic that is created anew starts its offsets again.
CREATE UNIQUE INDEX dead_letters_place ON dead_letters
    (topic, partition, record_offset, md5(coalesce(record_value, '')));
CREATE INDEX dead_letters_open ON dead_letters (code, dead_letter_id) WHERE status = 'open';
CREATE INDEX dead_letters_key ON dead_letters (topic, record_key, dead_letter_id);

CREATE TRIGGER dead_letters_stay BEFORE DELETE OR TRUNCATE ON dead_letters
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- Every act of an operator on a dead letter; never updated.
CREATE TABLE dead_letter_acts (
    act_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_letter_id bigint NOT NULL REFERENCES dead_letters,
    act            text NOT NULL CHECK (act IN ('replay', 'discard')),
    operator       text NOT NULL,
    reason         text,
    outcome        text NOT NULL,
    code           text,
    acted_at       timestamptz NOT NULL
);
CREATE INDEX dead_letter_acts_letter ON dead_letter_acts (dead_letter_id);

-- A third start at the same record diverts it undecoded: something in it kills the process.
CREATE TABLE crash_guards (
    topic         text COLLATE "C" NOT NULL,
    partition     integer NOT NULL,
    first_offset  bigint NOT NULL,
    last_offset   bigint NOT NULL,
    starts        integer NOT NULL CHECK (starts > 0),
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- One row holds the consecutive events of one key that one record caused: newline-separated
-- JSON in `payload`. Rows are inserted under the key's lock, so outbox_id order is key order.
CREATE TABLE outbox (
    outbox_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic          text COLLATE "C" NOT NULL CHECK (topic IN ('events', 'dead-letters')),
    key_kind       text COLLATE "C" NOT NULL CHECK (key_kind IN ('account', 'payment', 'record')),
    record_key     text COLLATE "C",
    first_sequence bigint,
    events         smallint NOT NULL CHECK (events > 0),
    payload        text,
    -- Refers to dead_letters: outbox_dead_letter, below.
    dead_letter_id bigint,
    created_at     timestamptz NOT NULL,
    published_at   timestamptz,
    CHECK ((topic = 'events') = (payload IS NOT NULL AND first_sequence IS NOT NULL)),
    CHECK ((topic = 'dead-letters') = (dead_letter_id IS NOT NULL))
) WITH (fillfactor = 90);
-- A foreign key would queue a check for each event, none of which has a dead letter.
CREATE FUNCTION check_outbox_dead_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.dead_letter_id = NEW.dead_letter_id) THEN
        RAISE EXCEPTION 'an outbox row of a dead letter that does not exist'
            USING ERRCODE = '23503', CONSTRAINT = 'outbox_dead_letter';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_dead_letter AFTER INSERT OR UPDATE OF dead_letter_id ON outbox FOR EACH ROW
    WHEN (NEW.dead_letter_id IS NOT NULL) EXECUTE FUNCTION check_outbox_dead_letter();
CREATE UNIQUE INDEX outbox_gapless ON outbox (key_kind, record_key, first_sequence)
    WHERE topic = 'events';
CREATE INDEX outbox_unpublished ON outbox (outbox_id) WHERE published_at IS NULL;
-- A matched payment's events are just too long for a row that is not compressed, and pglz takes
-- ten times as long over them as lz4. A server that was built without lz4 keeps pglz.
DO $$
BEGIN
    ALTER TABLE outbox ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    NULL;
END $$;
