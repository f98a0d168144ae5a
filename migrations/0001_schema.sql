-- topup: the whole schema. Each rule that the domain states in Rust stands here again.
--
-- It is ordered by what it is about, and each table has its constraints, indexes and triggers
-- beside it: accounts, invoices, payments, records of the bank, statements, ledger, allocations and
-- lots, returns and splits, usage, matching, review, remittance advices, void candidates, records
-- of Kafka (checkpoint, inbox, waiting commands), dead letters, outbox, jobs, operators, the
-- worker's role.
--
-- Amounts are BIGINT micros (1e-6 of the currency's major unit). No index key or predicate names a
-- column that paying an invoice changes, but that of what is due, which nearly always goes with its
-- row: such an index would turn every HOT update into a full one.
-- Patterns have no bounded repetition ({1,64} makes PostgreSQL's matcher twenty times slower than a
-- length check).
--
-- Locking order of the whole system: checkpoint, watch keys (advisory), accounts by id, payments by
-- id, invoices by id. The account's row lock is the one that serialises.
--
-- References are checked in three ways. A foreign key, where rows are few. A trigger for a whole
-- statement, where a batch writes many (ADR 0005): each look-up is a subquery with a LIMIT, which
-- can only be done row by row through an index, also by a plan that was made and kept while the
-- table was empty. And the audit alone, where each payment would lock one row that all share. The
-- rows referred to are never deleted, and what is compared never changes.

---------------------------------------------------------------------------------------------
-- Words that all tables share.

-- Three capital letters; checked for every amount that is written, so without a pattern.
CREATE DOMAIN currency_code AS text COLLATE "C"
    CHECK (length(VALUE) = 3 AND translate(VALUE, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') = '');

-- One number per batch; the batch derives its ids from it (domain::ids::IdBlock).
CREATE SEQUENCE id_blocks MINVALUE 1;

CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was recorded is never deleted' USING ERRCODE = '42501';
END $$;

-- Append-only also for those whom privileges do not stop.
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: corrections are reversing transactions'
        USING ERRCODE = '42501';
END $$;

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what operators did is append-only' USING ERRCODE = '42501';
END $$;

CREATE FUNCTION refuse_change_of_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'how a payment was delivered is never changed' USING ERRCODE = '42501';
END $$;

-- Who had texts of whom forgotten, when, and how many rows that was. What is append-only loses its
-- texts by a transaction that wrote here, and by none else. Of a payer's number the end is kept, as
-- it is shown everywhere.
CREATE TABLE forgettings (
    forgetting_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- age: of everybody whose payments were settled long ago (the job prune).
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('account', 'payer', 'age')),
    subject       text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 64),
    operator      text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason        text CHECK (char_length(reason) BETWEEN 1 AND 2000),
    as_of         timestamptz NOT NULL,
    -- NULL while it goes on, or where it was cut off: the same again does the rest.
    finished_at   timestamptz,
    -- Rows by table: {"money_records": 12}.
    changed       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(changed) = 'object'),
    CONSTRAINT forgetting_of_a_payer_shows_its_end
        CHECK (kind <> 'payer' OR (subject LIKE '…%' AND char_length(subject) <= 5))
);
CREATE INDEX forgettings_subject ON forgettings (kind, subject, forgetting_id);
CREATE INDEX forgettings_open ON forgettings (forgetting_id) WHERE finished_at IS NULL;
CREATE TRIGGER forgettings_append_only BEFORE DELETE OR TRUNCATE ON forgettings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER forgettings_stay BEFORE UPDATE ON forgettings FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL
        OR (OLD.forgetting_id, OLD.kind, OLD.subject, OLD.operator, OLD.reason, OLD.as_of)
            IS DISTINCT FROM
           (NEW.forgetting_id, NEW.kind, NEW.subject, NEW.operator, NEW.reason, NEW.as_of))
    EXECUTE FUNCTION refuse_change_of_audit();

-- Whether this transaction forgets. (Nothing here uses a savepoint, which would make it look like
-- another.)
CREATE FUNCTION is_forgetting() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM forgettings f
                    WHERE f.finished_at IS NULL AND f.xmin = pg_current_xact_id()::xid)
$$;
CREATE FUNCTION refuse_unless_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND is_forgetting() THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'what was recorded stays as it is: only texts may be forgotten'
        USING ERRCODE = '42501';
END $$;
-- Only these columns lose what they had.
CREATE FUNCTION refuse_other_than_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - TG_ARGV::text[] IS DISTINCT FROM to_jsonb(NEW) - TG_ARGV::text[] THEN
        RAISE EXCEPTION 'only texts are forgotten'
            USING ERRCODE = '42501', CONSTRAINT = 'only_texts_are_forgotten';
    END IF;
    RETURN NULL;
END $$;

-- A row that names an account names one that exists. For a whole statement at once.
CREATE FUNCTION check_account_exists() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed n WHERE n.account_id IS NOT NULL AND
                (SELECT true FROM accounts a WHERE a.account_id = n.account_id LIMIT 1) IS NULL)
    THEN
        RAISE EXCEPTION 'a row of % for an account that does not exist', TG_TABLE_NAME
            USING ERRCODE = '23503',
                  CONSTRAINT = coalesce(TG_ARGV[0], TG_TABLE_NAME) || '_have_their_account';
    END IF;
    RETURN NULL;
END $$;

-- Keys that are made of several parts never collide: what separates the parts is escaped in them.
-- As domain::keys::part with a slash.
CREATE FUNCTION key_part(part text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN replace(replace(part, '%', '%25'), '/', '%2F');

-- A part of a key as it was before it was escaped: the reverse of `key_part` for a slash.
CREATE FUNCTION key_whole(part text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN replace(replace(part, '%2F', '/'), '%25', '%');

-- Two names with a slash between them, escaped within the names: one key has one pair. The program
-- makes it as `domain::keys::joined`.
CREATE FUNCTION key_joined(first text, second text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN key_part(first) || '/' || key_part(second);

-- A payer's account as it is compared: letters and digits, upper case.
CREATE FUNCTION payer_key(account text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN upper(regexp_replace(account, '[^A-Za-z0-9]', '', 'g') COLLATE "C");

---------------------------------------------------------------------------------------------
-- Accounts.

CREATE FUNCTION name_words(name text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_split_to_array(lower(name), '[^[:alnum:]]+');

-- The name of a customer as it is compared with others': two customers that share it are told
-- apart by no payer's name. Words in any order, without accents, marks and kinds of companies; the
-- worker has the same function (`matching::names::key`), and a test holds the two together.
CREATE FUNCTION name_key(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT coalesce(string_agg(word, ' ' ORDER BY word COLLATE "C"), '')
          FROM (SELECT DISTINCT word
                  FROM regexp_split_to_table(
                           replace(replace(replace(
                               regexp_replace(upper(normalize(name, NFKD)),
                                              '[\u0300-\u036f.''"\u2018\u2019]', '', 'g'),
                               'UE', 'U'), 'OE', 'O'), 'AE', 'A'),
                           '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f]+')
                       AS word) AS words
         WHERE word <> '' AND word <> ALL (ARRAY[
            'PTE', 'LTD', 'LIMITED', 'SDN', 'BHD', 'SENDIRIAN', 'BERHAD', 'INC', 'INCORPORATED',
            'LLC', 'LLP', 'LP', 'CO', 'CORP', 'CORPORATION', 'PLC', 'COMPANY', 'PT', 'TBK',
            'PVT', 'PRIVATE', 'PTY', 'CV', 'GMBH', 'MBH', 'AG', 'KG', 'KGAA', 'OHG', 'GBR',
            'UG', 'EV', 'EK', 'SE', 'GESELLSCHAFT', 'AKTIENGESELLSCHAFT', 'SA', 'SAS', 'SASU',
            'SARL', 'EURL', 'SNC', 'SCA', 'SCS', 'SCI', 'SOCIETE', 'ANONYME', 'SL', 'SLU',
            'SLL', 'SC', 'SAPI', 'SAU', 'SOCIEDAD', 'ANONIMA', 'LIMITADA', 'LTDA', 'EIRELI',
            'CIA', 'SRL', 'SRLS', 'SPA', 'SAPA', 'SOCIETA', 'SS', 'BV', 'NV', 'VOF', 'BVBA',
            'SRO', 'AB', 'HB', 'KB', 'AS', 'ASA', 'ANS', 'APS', 'IS', 'OY', 'OYJ', 'KY',
            'AKTIEBOLAG', 'OSAKEYHTIO', 'EHF', 'HF', 'ZOO', 'SP', 'KFT', 'ZRT', 'BT', 'DOO',
            'AD', 'EOOD', 'OOD', 'UAB', 'SIA', 'OU', 'ООО', 'ОАО', 'ЗАО', 'ПАО', 'АО', 'ИП',
            'ТОВ', 'ТОО', 'ФОП', 'ЧП', 'НКО', 'WLL', 'FZE', 'FZCO', 'FZLLC', 'FZC', 'JSC',
            'PJSC', 'OJSC', 'ذمم', 'شمم', 'شذمم', 'شمع', 'OOO', 'ZAO', 'OAO', 'PAO', 'AO', 'IP',
            'TOV', 'ΑΕ', 'ΕΠΕ', 'ΟΕ', 'ΙΚΕ', 'בעמ', 'STI', 'STE', 'ETS', 'SOC', 'UNIPERSONALE',
            'PUBL', 'STICHTING', 'STIFTUNG', 'SPOLKA', 'LDA', 'ME', 'EPP', 'GMBHCO',
            'PERSEROAN', 'TERBATAS', 'BHDSDN', 'АД', 'ДОО', 'شركه', 'موسسه', 'المحدوده',
            'محدوده', 'THE', 'AND', 'UND', 'ET', 'Y', 'DE', 'MR', 'MRS', 'MS', 'MISS', 'MDM',
            'MME', 'MLLE', 'HERR', 'FRAU', 'DR', 'PROF', 'SR', 'SRA', 'SIG', 'SIGRA', 'DOTT',
            'ING', 'MEVR', 'DHR', 'FRU', 'ENCIK']));

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
    -- The balance in the first currency that the customer had one in: nearly all have no other. It
    -- changes in the update that moves the sequence. See further_balances and the view balances.
    balance          bigint NOT NULL DEFAULT 0
        CHECK (balance BETWEEN -9000000000000000000 AND 9000000000000000000),
    closed_at        timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    balance_at       timestamptz,
    balance_currency currency_code,
    -- The customer's own zone: the day of its due dates and the business day that the bank's feed
    -- may be behind are that zone's.
    time_zone        text COLLATE "C"
        CHECK (time_zone !~ '[^A-Za-z0-9/_+-]' AND length(time_zone) BETWEEN 1 AND 64),
    -- When the record was written that described the customer last, as its source says. A record
    -- that is older and comes again by hand would take the customer back to what was known before.
    described_at     timestamptz,
    -- Levels of balances that were set for this customer: a currency and an amount each, by their
    -- places; a currency whose amount is NULL has none. NULL: everybody's levels.
    level_currencies text[],
    level_amounts    bigint[],
    CONSTRAINT accounts_levels_are_pairs CHECK (
        (level_currencies IS NULL) = (level_amounts IS NULL)
        AND cardinality(level_currencies) = cardinality(level_amounts)
        AND cardinality(level_currencies) <= 200
        AND array_position(level_currencies, NULL) IS NULL),
    CONSTRAINT accounts_levels_are_amounts CHECK (0 <= ALL (array_remove(level_amounts, NULL))),
    CONSTRAINT accounts_balance_is_whole CHECK (
        (balance_currency IS NULL) = (balance_at IS NULL)
        AND (balance_currency IS NOT NULL OR balance = 0))
) WITH (fillfactor = 70);
CREATE INDEX accounts_time_zone ON accounts (time_zone) WHERE time_zone IS NOT NULL;
-- Customers are looked for by words of their names, and compared by their whole names.
CREATE INDEX accounts_name_words ON accounts USING gin (name_words(name));
CREATE INDEX accounts_name_key ON accounts (name_key(name));
CREATE TRIGGER accounts_stay BEFORE DELETE OR TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- A balance never becomes one of another currency.
CREATE FUNCTION refuse_new_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the balance of % is one in %', OLD.account_id, OLD.balance_currency
        USING ERRCODE = '23514', CONSTRAINT = 'balance_keeps_its_currency';
END $$;
CREATE TRIGGER balance_keeps_its_currency AFTER UPDATE ON accounts FOR EACH ROW
    WHEN (OLD.balance_currency IS NOT NULL
            AND OLD.balance_currency IS DISTINCT FROM NEW.balance_currency)
    EXECUTE FUNCTION refuse_new_currency();

-- The counters of events never go back, so no number is given to two events of a key.
CREATE FUNCTION refuse_earlier_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events of a key are numbered on, never back'
        USING ERRCODE = '23514', CONSTRAINT = 'event_sequence_goes_on';
END $$;
CREATE TRIGGER event_sequence_goes_on AFTER UPDATE ON accounts FOR EACH ROW
    WHEN (NEW.event_sequence < OLD.event_sequence) EXECUTE FUNCTION refuse_earlier_event();

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

-- Whose a payer's or a virtual account was before. A number that the next customer gets does not
-- bring that customer what came while it was another's: a person says whose that is.
CREATE TABLE former_owners (
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('payer', 'virtual')),
    number     text COLLATE "C" NOT NULL
        CHECK (number !~ '[^A-Z0-9]' AND length(number) BETWEEN 1 AND 64),
    account_id text COLLATE "C" NOT NULL REFERENCES accounts,
    until      timestamptz NOT NULL,
    PRIMARY KEY (number, kind, account_id)
);

---------------------------------------------------------------------------------------------
-- Invoices.

-- People and software write invoice numbers in many ways: INV/2026/00013, INV 2026-13. Each id has
-- one form by which it is looked up: upper case; marks between digits are one hyphen, all others
-- are nothing; a group of digits has no zeros before it. The worker folds what texts say in the
-- same way.
CREATE FUNCTION folded_number(id text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(regexp_replace(regexp_replace(
    upper(id COLLATE "C"), '[^A-Z0-9]+', '-', 'g'),
    '(?<![0-9])0+(?=[0-9])', '', 'g'),
    '(?<![0-9])-|-(?![0-9])', '', 'g');

-- People quote the digits of a number without its letters: `Rechnung 71014` for INV-71014. What has
-- the digits is only ever suggested.
CREATE FUNCTION number_digits(folded text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ltrim(folded, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') COLLATE "C";

-- What an invoice is and what was done with it: written when it is created, sent, voided, kept or
-- taken off its payment, and not when it is paid. What is due of it is in payable_invoices; the
-- view invoice_states has both, with the status that follows.
CREATE TABLE invoices (
    invoice_id        text COLLATE "C" PRIMARY KEY
        CHECK (invoice_id !~ '[^A-Za-z0-9._:-]' AND length(invoice_id) BETWEEN 1 AND 64),
    account_id        text COLLATE "C" NOT NULL REFERENCES accounts,
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    currency          currency_code NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0 AND amount < 1000000000000000000),
    payment_reference text COLLATE "C" NOT NULL UNIQUE
                      CHECK (payment_reference ~ '^RF[0-9][0-9][0-9A-Z]+$'
                             AND length(payment_reference) <= 25),
    -- The invoice id in the form in which references are compared (upper case).
    number_key        text COLLATE "C" NOT NULL,
    due_date          date,
    created_at        timestamptz NOT NULL,
    sent_at           timestamptz,
    voided_at         timestamptz,
    void_reason       text CHECK (char_length(void_reason) <= 200),
    -- Keep: never a void candidate before that day ('infinity' = never at all).
    keep_until        date,
    -- The instant from which staleness counts: sent, re-sent, or de-allocated.
    stale_since       timestamptz,
    folded_key        text COLLATE "C" NOT NULL
                      GENERATED ALWAYS AS (folded_number(invoice_id)) STORED
) WITH (fillfactor = 90);
CREATE INDEX invoices_account ON invoices (account_id, invoice_id);
CREATE INDEX invoices_number_key ON invoices (number_key);
-- Not unique: two ids may be alike, and then a person says which is meant.
CREATE INDEX invoices_folded_key ON invoices (folded_key);
CREATE INDEX invoices_number_digits ON invoices (number_digits(folded_key), invoice_id);
CREATE INDEX invoices_sent_at ON invoices (sent_at);
-- People look for invoices by amount.
CREATE INDEX invoices_amount ON invoices (amount, created_at);
CREATE TRIGGER invoices_stay BEFORE DELETE OR TRUNCATE ON invoices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- What is voided stays voided, what was sent stays sent, and what an invoice is of never changes.
-- All other ways between draft, awaiting payment, provisioned and voided are open, for a batch
-- writes the net change: it may send and pay a draft, or unpay and void what was provisioned. Where
-- it leads follows from what is allocated, which invoice_due_follows compares.
CREATE FUNCTION refuse_invoice_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'invoice % may not go back, and stays what it is', OLD.invoice_id
        USING ERRCODE = '23514', CONSTRAINT = 'invoice_transition';
END $$;
CREATE TRIGGER invoice_transition BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN ((OLD.sent_at IS NOT NULL AND NEW.sent_at IS NULL)
        OR (OLD.voided_at IS NOT NULL
            AND (OLD.voided_at, OLD.sent_at) IS DISTINCT FROM (NEW.voided_at, NEW.sent_at))
        OR (OLD.invoice_id, OLD.amount, OLD.account_id, OLD.currency, OLD.payment_reference)
            IS DISTINCT FROM
           (NEW.invoice_id, NEW.amount, NEW.account_id, NEW.currency, NEW.payment_reference))
    EXECUTE FUNCTION refuse_invoice_transition();
CREATE FUNCTION check_unpaid_before_void() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM allocations a
                WHERE a.invoice_id = NEW.invoice_id AND a.reversed < a.amount) THEN
        RAISE EXCEPTION 'invoice % has allocations and may not be voided', NEW.invoice_id
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_unpaid_before_void';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_unpaid_before_void BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (OLD.voided_at IS NULL AND NEW.voided_at IS NOT NULL)
    EXECUTE FUNCTION check_unpaid_before_void();

CREATE TABLE invoice_references (
    -- As texts are compared with it: letters and digits, or the folded form of a plain number,
    -- which is long enough as it is written (`S00042` is compared as `S42`).
    reference  text COLLATE "C" PRIMARY KEY,
    invoice_id text COLLATE "C" NOT NULL REFERENCES invoices,
    -- NULL: a plain number without check digits.
    scheme     text COLLATE "C"
        CHECK (scheme IN ('rf', 'qrr', 'ogm', 'kid', 'ocr', 'viite', 'txid')),
    given      text NOT NULL CHECK (char_length(given) BETWEEN 1 AND 64),
    CONSTRAINT invoice_references_reference_check CHECK (
        reference !~ '[^A-Z0-9-]'
        AND length(reference) BETWEEN CASE WHEN scheme IS NULL THEN 2 ELSE 4 END AND 35),
    CONSTRAINT invoice_references_are_of_their_scheme CHECK (CASE scheme
        WHEN 'rf' THEN reference ~ '^RF[0-9][0-9][A-Z0-9]+$'
        WHEN 'qrr' THEN reference !~ '[^0-9]' AND length(reference) = 27
        WHEN 'ogm' THEN reference !~ '[^0-9]' AND length(reference) = 12
        WHEN 'txid' THEN reference !~ '-' AND length(reference) >= 26
        WHEN 'kid' THEN reference !~ '[^0-9]'
        WHEN 'ocr' THEN reference !~ '[^0-9]'
        WHEN 'viite' THEN reference !~ '[^0-9]' AND length(reference) <= 20
        ELSE true END)
);
CREATE INDEX invoice_references_invoice ON invoice_references (invoice_id);

CREATE FUNCTION refuse_reference_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the references of an invoice stay as they were given'
        USING ERRCODE = '23514', CONSTRAINT = 'invoice_references_stay';
END $$;
CREATE TRIGGER invoice_references_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_references
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_reference_change();

-- The reference that we mint, and those that upstream gave, are one space of names: what is given
-- is none that we minted, …
CREATE FUNCTION check_reference_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM invoices i WHERE i.payment_reference = NEW.reference) THEN
        RAISE EXCEPTION 'the reference is the minted one of an invoice'
            USING ERRCODE = '23505', CONSTRAINT = 'invoice_references_pkey';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_references_are_free BEFORE INSERT ON invoice_references
    FOR EACH ROW WHEN (NEW.scheme = 'rf') EXECUTE FUNCTION check_reference_is_free();
-- … and what we mint is none that upstream gave another invoice before: a payment that quotes it
-- would be paid on one of the two, and nobody could say which is meant. Both under the constraint's
-- name by which a reference that is taken is known.
CREATE FUNCTION check_minted_is_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM minted m
                 JOIN invoice_references r ON r.reference = m.payment_reference) THEN
        RAISE EXCEPTION 'the minted reference is one that upstream gave an invoice'
            USING ERRCODE = '23505', CONSTRAINT = 'invoice_references_pkey';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_minted_is_free AFTER INSERT ON invoices
    REFERENCING NEW TABLE AS minted FOR EACH STATEMENT EXECUTE FUNCTION check_minted_is_free();

-- The half of an invoice that paying changes: exactly the invoices that await payment, with what is
-- still due, in the order in which matching takes them. Paying in full deletes the row, in part
-- lowers what is due; what a payment is taken off comes back (ADR 0004).
CREATE TABLE payable_invoices (
    invoice_id      text COLLATE "C" PRIMARY KEY REFERENCES invoices,
    account_id      text COLLATE "C" NOT NULL,
    currency        currency_code NOT NULL,
    -- amount - live allocations: invoice_due_follows.
    due             bigint NOT NULL CHECK (due > 0),
    due_date        date,
    sent_at         timestamptz NOT NULL,
    -- Since when it is a void candidate: a flag and no status, the invoice stays payable. It goes
    -- with the row, and of what is partly paid there is none.
    candidate_since timestamptz
) WITH (fillfactor = 90);
CREATE INDEX payable_invoices_exact
    ON payable_invoices (account_id, currency, due, due_date, sent_at, invoice_id);
CREATE INDEX payable_invoices_book ON payable_invoices (currency, due);
-- The oldest invoices of a customer are read in their order up to a limit, and not all of them from
-- the index that has their amounts.
CREATE INDEX payable_invoices_oldest
    ON payable_invoices (account_id, currency, due_date, sent_at, invoice_id) INCLUDE (due);

CREATE FUNCTION refuse_payable_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is payable changes by what is due'
        USING ERRCODE = '23514', CONSTRAINT = 'payable_stays';
END $$;
CREATE TRIGGER payable_stays BEFORE UPDATE ON payable_invoices FOR EACH ROW
    WHEN ((OLD.invoice_id, OLD.account_id, OLD.currency)
        IS DISTINCT FROM (NEW.invoice_id, NEW.account_id, NEW.currency))
    EXECUTE FUNCTION refuse_payable_change();
CREATE TRIGGER payable_invoices_stay BEFORE TRUNCATE ON payable_invoices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_payable_change();

-- due = amount - live allocations, whatever the program does: both ways, since each of the two may
-- be forgotten. What changes in the book of payable invoices is compared at once, for it is written
-- last. Allocations come before it, and so does what is done with an invoice: these are noted here,
-- and the commit needs that each was compared since. One row for a database transaction, which no
-- other ever sees, so none is ever restored. Only the triggers write it: they act for its owner,
-- and the worker may not.
CREATE UNLOGGED TABLE unsettled_invoices (
    transaction_id xid8 PRIMARY KEY,
    invoices       text[] COLLATE "C" NOT NULL,
    -- The sum of their hashes, less that of those which were compared since: zero when that were
    -- exactly these. NULL: more was noted after the first was compared. What is not zero has all of
    -- them compared at the commit; so nearly always nothing is looked up twice.
    owed           numeric,
    settles        boolean NOT NULL
);
CREATE FUNCTION note_unsettled(noted text[], sum_of_hashes numeric) RETURNS void LANGUAGE sql AS $$
    INSERT INTO unsettled_invoices AS u (transaction_id, invoices, owed, settles)
    SELECT pg_current_xact_id(), noted, sum_of_hashes, false WHERE noted IS NOT NULL
    ON CONFLICT (transaction_id) DO UPDATE
       SET invoices = u.invoices || EXCLUDED.invoices,
           owed = CASE WHEN NOT u.settles THEN u.owed + EXCLUDED.owed END
$$;
CREATE FUNCTION note_settled(sum_of_hashes numeric) RETURNS void LANGUAGE sql AS $$
    UPDATE unsettled_invoices SET owed = owed - sum_of_hashes, settles = true
     WHERE transaction_id = pg_current_xact_id() AND sum_of_hashes IS NOT NULL
$$;
REVOKE EXECUTE ON FUNCTION note_unsettled(text[], numeric), note_settled(numeric) FROM PUBLIC;

-- What enters the book of payable invoices or changes there has exactly what is still due, of an
-- invoice that is sent and not voided, and says the same of it.
CREATE FUNCTION check_payable() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    us xid := pg_current_xact_id()::xid;
    broken text;
    settled numeric;
BEGIN
    SELECT min(n.invoice_id) FILTER (WHERE n.follows IS NOT TRUE),
           sum(hashtextextended(n.invoice_id, 0)) FILTER (WHERE n.was_noted)
      INTO broken, settled
      FROM (SELECT c.invoice_id, live.is_ours OR i.xmin = us AS was_noted,
                   i.voided_at IS NULL AND c.due = i.amount - live.total
                   AND (c.account_id, c.currency, c.sent_at)
                       = (i.account_id, i.currency, i.sent_at)
                   AND c.due_date IS NOT DISTINCT FROM i.due_date
                   AND (c.candidate_since IS NULL OR c.due = i.amount) AS follows
              FROM changed c
             CROSS JOIN LATERAL (SELECT coalesce(sum(a.amount - a.reversed), 0) AS total,
                                        coalesce(bool_or(a.xmin = us), false) AS is_ours
                                   FROM allocations a WHERE a.invoice_id = c.invoice_id) live
             CROSS JOIN LATERAL (SELECT x.*, x.xmin FROM invoices x
                                  WHERE x.invoice_id = c.invoice_id LIMIT 1) i) n;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'invoice % is payable by another amount, or by none', broken
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_due_follows';
    END IF;
    PERFORM note_settled(settled);
    RETURN NULL;
END $$;
CREATE TRIGGER payable_added AFTER INSERT ON payable_invoices
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_payable();
CREATE TRIGGER payable_changed AFTER UPDATE ON payable_invoices
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_payable();
-- What leaves it is covered, or voided with nothing allocated.
CREATE FUNCTION check_payable_gone() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    us xid := pg_current_xact_id()::xid;
    broken text;
    settled numeric;
BEGIN
    SELECT min(n.invoice_id) FILTER (WHERE n.follows IS NOT TRUE),
           sum(hashtextextended(n.invoice_id, 0)) FILTER (WHERE n.was_noted)
      INTO broken, settled
      FROM (SELECT g.invoice_id, live.is_ours OR i.xmin = us AS was_noted,
                   live.total = CASE WHEN i.voided_at IS NULL THEN i.amount ELSE 0 END AS follows
              FROM gone g
             CROSS JOIN LATERAL (SELECT coalesce(sum(a.amount - a.reversed), 0) AS total,
                                        coalesce(bool_or(a.xmin = us), false) AS is_ours
                                   FROM allocations a WHERE a.invoice_id = g.invoice_id) live
             CROSS JOIN LATERAL (SELECT x.amount, x.voided_at, x.xmin FROM invoices x
                                  WHERE x.invoice_id = g.invoice_id LIMIT 1) i) n;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'invoice % is no longer payable and was not paid', broken
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_provisioned_iff_covered';
    END IF;
    PERFORM note_settled(settled);
    RETURN NULL;
END $$;
CREATE TRIGGER payable_gone AFTER DELETE ON payable_invoices
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION check_payable_gone();

-- Compares these invoices as they are at the commit.
CREATE FUNCTION refuse_other_due(asked text[]) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE broken text;
BEGIN
    SELECT n.invoice_id INTO broken
      FROM (SELECT i.invoice_id, CASE
                   WHEN i.sent_at IS NULL OR i.voided_at IS NOT NULL
                       THEN p.invoice_id IS NULL AND live.total = 0
                   WHEN p.invoice_id IS NULL THEN live.total = i.amount
                   ELSE p.due = i.amount - live.total AND p.sent_at = i.sent_at
                        AND p.due_date IS NOT DISTINCT FROM i.due_date
                        AND (p.candidate_since IS NULL OR live.total = 0)
                   END AS follows
              FROM unnest(asked) AS one(id)
             CROSS JOIN LATERAL (SELECT x.* FROM invoices x
                                  WHERE x.invoice_id = one.id LIMIT 1) i
             CROSS JOIN LATERAL (SELECT coalesce(sum(a.amount - a.reversed), 0) AS total
                                   FROM allocations a WHERE a.invoice_id = one.id) live
              LEFT JOIN LATERAL (SELECT y.* FROM payable_invoices y
                                  WHERE y.invoice_id = one.id LIMIT 1) p ON true) n
     WHERE n.follows IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'what is due of invoice % does not follow from its allocations', broken
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_due_follows';
    END IF;
END $$;
CREATE FUNCTION check_settled() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE noted unsettled_invoices;
BEGIN
    DELETE FROM unsettled_invoices WHERE transaction_id = NEW.transaction_id
    RETURNING * INTO noted;
    IF noted.owed IS DISTINCT FROM 0 THEN
        PERFORM refuse_other_due(noted.invoices);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_are_settled AFTER INSERT ON unsettled_invoices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_settled();

-- A draft that is created has nothing to compare.
CREATE FUNCTION note_invoices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM note_unsettled(array_agg(n.invoice_id), sum(hashtextextended(n.invoice_id, 0)))
       FROM written n WHERE TG_OP = 'UPDATE' OR n.sent_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_noted AFTER INSERT ON invoices
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION note_invoices();
CREATE TRIGGER invoices_noted_again AFTER UPDATE ON invoices
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION note_invoices();

---------------------------------------------------------------------------------------------
-- Money: payments and what the bank told, which are one row where the one is of the other.

-- A row is a record of the bank, a payment, or both: the credit that a bank booked and the payment
-- that it is share their row, so neither can lose the other or say another amount. A payment alone
-- was recorded by a person or split from another; a record alone moved no customer's money, or has
-- not yet. The views `payments` and `bank_transactions` show the two kinds. Columns of one width
-- stand together, so that nothing is lost between them.
-- What a payment gave back, paid back or gave to its parts: each is NULL where it is nothing.
CREATE FUNCTION gone_of(returned bigint, refunded bigint, split bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(returned, 0) + coalesce(refunded, 0) + coalesce(split, 0);

CREATE TABLE money_records (
    amount         bigint NOT NULL,
    -- When the payment was recorded; of a record without one, when it was told.
    recorded_at    timestamptz NOT NULL,
    allocated      bigint CONSTRAINT payments_allocated_check CHECK (allocated >= 0),
    -- The four that follow are nothing of nearly all payments: NULL, which takes no room.
    returned       bigint CONSTRAINT payments_returned_check CHECK (returned > 0),
    refunded       bigint CONSTRAINT payments_refunded_check CHECK (refunded > 0),
    -- What a payment gave to its parts; of a part that was taken back, what it gave back.
    split          bigint CONSTRAINT payments_split_check CHECK (split > 0),
    -- Last sequence of events keyed by this payment, while it had no account.
    event_sequence bigint CONSTRAINT payments_event_sequence_check CHECK (event_sequence > 0),
    -- What was decided when it was recorded, if anything was: nearly all payments have this
    -- decision and no other. Later ones are in further_decisions, where the columns are explained;
    -- the view decisions has them all.
    first_decision_id   bigint,
    charges             bigint CONSTRAINT bank_transactions_charges_check CHECK (charges >= 0),
    -- The amount that the payer ordered.
    instructed_amount   bigint CONSTRAINT bank_transactions_instructed_amount_check
        CHECK (instructed_amount > 0),
    -- Of an entry that was booked as one sum: which of its transactions this is, what the entry is
    -- in all, how many it has.
    entry_amount        bigint CONSTRAINT bank_transactions_entry_amount_check
        CHECK (entry_amount >= 0),
    -- When the bank told of what was booked as a payment later.
    told_at        timestamptz,
    -- When its texts, names and numbers were forgotten.
    forgotten_at   timestamptz,
    received_on    date,
    booking_date   date,
    value_date     date,
    first_rule_set_version integer,
    first_policy_version   integer CONSTRAINT payments_first_policy_version_check
        CHECK (first_policy_version >= 0),
    detail_index   integer CONSTRAINT bank_transactions_detail_index_check
        CHECK (detail_index BETWEEN 1 AND 100000),
    entry_details  integer,
    first_form     smallint CONSTRAINT payments_first_form_check CHECK (first_form IN (0, 1)),
    reversal       boolean,
    -- A booking that took the place of its own pending record was announced by that.
    announced      boolean,
    payment_id     text COLLATE "C" CONSTRAINT payments_payment_id_check
        CHECK (payment_id !~ '[^A-Za-z0-9._:-]' AND length(payment_id) BETWEEN 1 AND 64),
    -- Refers to accounts: check_account_exists.
    account_id     text COLLATE "C",
    currency       currency_code NOT NULL,
    state          text COLLATE "C" CONSTRAINT payments_state_check
        CHECK (state IN ('allocated', 'partly_allocated', 'on_account', 'parked', 'returned',
                         'removed', 'ignored', 'split')),
    -- Why it is parked or ignored, a stable code (docs/ERRORS.md).
    reason         text COLLATE "C" CONSTRAINT payments_reason_check
        CHECK (reason !~ '[^a-z0-9_]' AND length(reason) BETWEEN 1 AND 40),
    origin         text COLLATE "C" CONSTRAINT payments_origin_check
        CHECK (origin IN ('bank', 'manual', 'split')),
    method         text CONSTRAINT payments_method_check CHECK (char_length(method) <= 200),
    reference      text CONSTRAINT payments_reference_check CHECK (char_length(reference) <= 200),
    remark         text CONSTRAINT payments_remark_check CHECK (char_length(remark) <= 200),
    -- What only a person answers about a payment: whether it is money that was not there before, or
    -- what becomes of what a person took apart or out. It stays while the payment is returned,
    -- split or removed, until a person assigns or allocates it: no rule allocates it, which the
    -- check says.
    question       text COLLATE "C" CONSTRAINT payments_question_check
        CHECK (question IN ('possible_duplicate', 'too_many_alike', 'split_undone', 'taken_out')),
    first_rule     text COLLATE "C" CONSTRAINT payments_first_rule_check
        CHECK (first_rule ~ '^(R[0-9][0-9]?[a-z]?|G[0-9])$'),
    first_outcome  text COLLATE "C" CONSTRAINT payments_first_outcome_check
        CHECK (first_outcome IN ('allocated', 'suggested', 'on_account', 'parked')),
    first_reason   text COLLATE "C",
    first_explanation      bytea CONSTRAINT payments_first_explanation_check
        CHECK (octet_length(first_explanation) > 0),
    first_caused_by_source text COLLATE "C",
    first_caused_by_id     text COLLATE "C",
    bank_account   text COLLATE "C" CONSTRAINT bank_transactions_bank_account_check
        CHECK (bank_account !~ '[^A-Za-z0-9._:-]' AND length(bank_account) BETWEEN 1 AND 64),
    -- 'id:…' by the bank's own id, 'entry:…' by statement and entry, 'print:…' by content. Two
    -- names of 128 characters of which each may be escaped to three.
    bank_key       text COLLATE "C" CONSTRAINT bank_transactions_bank_key_check
        CHECK (length(bank_key) BETWEEN 1 AND 800),
    content_hash   bytea CONSTRAINT bank_transactions_content_hash_check
        CHECK (length(content_hash) = 32),
    status         text COLLATE "C" CONSTRAINT bank_transactions_status_check
        CHECK (status IN ('BOOK', 'PDNG', 'INFO')),
    -- What became of it: a payment, or why not. Banks book entries of 0.00 to say something, and
    -- count them in their statements: they are recorded and are no payment.
    disposition    text COLLATE "C" CONSTRAINT bank_transactions_disposition_check
        CHECK (disposition IN ('payment', 'not_booked', 'superseded', 'return_parked', 'returned',
               'return_undone', 'return_ended', 'refund_bounced', 'outgoing', 'no_money')),
    credit_debit   text COLLATE "C" CONSTRAINT bank_transactions_credit_debit_check
        CHECK (credit_debit IN ('CRDT', 'DBIT')),
    instructed_currency currency_code,
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
    -- Of a pending record whose money was booked under another id: the key of the booking, in the
    -- same bank account.
    superseded_by       text COLLATE "C",
    -- Neither is partial: a payment has one record of the bank, and a record one payment. What
    -- refers to a payment refers to its id, what refers to a record to its key.
    CONSTRAINT money_records_payment UNIQUE (payment_id),
    CONSTRAINT money_records_bank_key UNIQUE (bank_account, bank_key),
    CONSTRAINT money_record_is_of_something
        CHECK (payment_id IS NOT NULL OR bank_key IS NOT NULL),
    CONSTRAINT payment_is_whole CHECK (
        num_nulls(payment_id, state, origin, received_on, allocated) IN (0, 5)
        AND (payment_id IS NOT NULL OR num_nonnulls(account_id, reason, method, reference, remark,
                 question, first_decision_id, told_at, returned, refunded, split, event_sequence)
             = 0)),
    CONSTRAINT bank_record_is_whole CHECK (
        num_nulls(bank_account, bank_key, content_hash, status, disposition, credit_debit,
                  reversal, announced, booking_date) IN (0, 9)
        AND (bank_key IS NOT NULL OR num_nonnulls(charges, value_date, bank_transaction_id,
                 statement_id, entry_reference, end_to_end_id, debtor_name, debtor_account,
                 virtual_account, creditor_reference, unstructured, return_of,
                 instructed_currency, instructed_amount, detail_index, superseded_by, told_at)
             = 0)),
    -- What the bank booked for a customer is in the row of its payment, and nothing else is.
    CONSTRAINT bank_payment_has_its_record
        CHECK ((payment_id IS NOT NULL AND bank_key IS NOT NULL) = (coalesce(origin, '') = 'bank')),
    CONSTRAINT bank_transactions_amount_check CHECK (amount >= 0),
    CONSTRAINT payments_amount_check CHECK (payment_id IS NULL
        OR (amount > 0 AND amount < 1000000000000000000)),
    CONSTRAINT payment_first_decision_is_whole
        CHECK (num_nulls(first_decision_id, first_rule_set_version, first_policy_version,
                   first_form, first_rule, first_outcome, first_explanation,
                   first_caused_by_source, first_caused_by_id) IN (0, 9)
               AND (first_reason IS NULL OR first_decision_id IS NOT NULL)),
    CONSTRAINT payment_never_gives_more_than_it_has
        CHECK (allocated + gone_of(returned, refunded, split) <= amount),
    CONSTRAINT payment_state_follows_amounts CHECK (CASE state
        WHEN 'allocated'
            THEN allocated + gone_of(returned, refunded, split) = amount AND allocated > 0
        WHEN 'partly_allocated'
            THEN allocated > 0 AND allocated + gone_of(returned, refunded, split) < amount
        WHEN 'on_account' THEN allocated = 0 AND account_id IS NOT NULL
        WHEN 'parked' THEN allocated = 0 AND reason IS NOT NULL
        -- Of a part, what was returned by itself and what went back with the whole.
        WHEN 'returned'
            THEN gone_of(returned, refunded, CASE origin WHEN 'split' THEN split END) = amount
        WHEN 'ignored' THEN allocated = 0 AND reason IS NOT NULL
        WHEN 'split' THEN allocated = 0 AND split IS NOT NULL
            AND gone_of(returned, refunded, split) = amount
        ELSE allocated = 0 END),
    CONSTRAINT payment_allocation_needs_account CHECK (allocated = 0 OR account_id IS NOT NULL),
    -- A part belongs to somebody, and nobody else gives such ids.
    CONSTRAINT payment_part_is_owned
        CHECK (origin <> 'split' OR (account_id IS NOT NULL AND payment_id LIKE 'SPLIT:%')),
    CONSTRAINT payments_in_question_pay_nothing CHECK (question IS NULL OR allocated = 0),
    CONSTRAINT bank_payment_iff_disposition
        CHECK ((disposition = 'payment') = (payment_id IS NOT NULL)),
    CONSTRAINT bank_payment_is_booked_credit CHECK (disposition <> 'payment'
        OR (status = 'BOOK' AND credit_debit = 'CRDT' AND NOT reversal)),
    CONSTRAINT bank_no_money_moves_none
        CHECK ((disposition = 'no_money') = (status = 'BOOK' AND amount = 0)),
    CONSTRAINT bank_instructed_is_money
        CHECK ((instructed_currency IS NULL) = (instructed_amount IS NULL)),
    CONSTRAINT bank_entry_has_details CHECK (detail_index IS NOT NULL
        OR (entry_amount IS NULL AND entry_details IS NULL)),
    CONSTRAINT bank_detail_within_entry CHECK (detail_index <= entry_details
        AND entry_details <= 100000),
    -- What its details belong together by.
    CONSTRAINT bank_entry_is_named CHECK (detail_index IS NULL
        OR bank_transaction_id IS NOT NULL
        OR (statement_id IS NOT NULL AND entry_reference IS NOT NULL)),
    CONSTRAINT bank_superseded_was_pending CHECK (disposition <> 'superseded'
        OR (status = 'PDNG' AND superseded_by IS NOT NULL)),
    CONSTRAINT bank_superseded_by_another CHECK (superseded_by IS NULL
        OR (disposition = 'superseded' AND superseded_by <> bank_key)),
    CONSTRAINT forgotten_record_has_no_text CHECK (forgotten_at IS NULL
        OR num_nonnulls(reference, remark, end_to_end_id, debtor_name, debtor_account,
               virtual_account, creditor_reference, unstructured) = 0)
) WITH (fillfactor = 95);
-- People look for payments by day, by amount and of one customer. None of these columns changes
-- when something is paid, so updates stay HOT. Equal values share an entry: a batch adds little at
-- the end of each. `account_id` changes only when a payment is assigned.
CREATE INDEX payments_days ON money_records (received_on, recorded_at);
CREATE INDEX payments_amount ON money_records (amount, received_on, recorded_at);
CREATE INDEX payments_account_days ON money_records (account_id, received_on, recorded_at);
-- What is not booked yet, for the guard against money that is on its way.
CREATE INDEX bank_transactions_pending ON money_records (bank_account, bank_key)
    WHERE status = 'PDNG' AND disposition = 'not_booked';
-- What only announces money, by what its booking will say too.
CREATE INDEX bank_transactions_pending_payer
    ON money_records (bank_account, currency, amount, payer_key(debtor_account), bank_key)
    WHERE status = 'PDNG' AND disposition = 'not_booked';
CREATE INDEX bank_transactions_pending_order
    ON money_records (bank_account, currency, amount, end_to_end_id, bank_key)
    WHERE status = 'PDNG' AND disposition = 'not_booked';
CREATE INDEX bank_transactions_superseded ON money_records (bank_account, superseded_by)
    WHERE superseded_by IS NOT NULL;
-- For what is announced after it was booked. Written for next to nothing.
CREATE INDEX bank_transactions_days ON money_records USING brin (booking_date)
    WITH (pages_per_range = 16);
-- The last of equal records without any id: the next one has the next ordinal, however many there
-- are. Length comes first: an ordinal of more digits is greater.
CREATE INDEX bank_transactions_equal
    ON money_records (bank_account, left(bank_key, 71), length(bank_key), bank_key)
    WHERE bank_key LIKE 'print:%';
-- Payments are found by amount and value date; those of another value date by this.
CREATE INDEX bank_transactions_other_day
    ON money_records (bank_account, booking_date, amount)
    WHERE disposition = 'payment' AND bank_transaction_id IS NOT NULL
      AND value_date <> booking_date;
-- For the rare look-up of an original by what the bank repeats of it. Written for next to nothing.
CREATE INDEX bank_transactions_return_hints ON money_records
    USING brin (end_to_end_id text_bloom_ops, debtor_account text_bloom_ops)
    WITH (pages_per_range = 32);
-- A return may name the entry that its original is a detail of.
CREATE INDEX bank_transactions_detail_id
    ON money_records (bank_account, bank_transaction_id, currency, amount)
    WHERE detail_index IS NOT NULL AND bank_transaction_id IS NOT NULL;
-- Entries that were booked as one sum: what came of them, and all of one (`reconcile`).
CREATE INDEX bank_details_recorded ON money_records (recorded_at)
    WHERE detail_index IS NOT NULL AND status = 'BOOK';
CREATE INDEX bank_details_entry ON money_records
    (bank_account, currency, (coalesce(key_part(statement_id) || '/' || key_part(entry_reference),
                                       key_part(bank_transaction_id)) COLLATE "C"))
    WHERE detail_index IS NOT NULL AND status = 'BOOK';
-- What the bank took back, and undid of that: the same may be told again.
CREATE INDEX bank_transactions_steps_back
    ON money_records (bank_account, booking_date, currency, amount)
    WHERE bank_transaction_id IS NOT NULL
      AND disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                          'refund_bounced');
CREATE INDEX bank_transactions_nameless_back
    ON money_records (bank_account, booking_date, currency, amount)
    WHERE bank_transaction_id IS NULL
      AND disposition IN ('return_parked', 'returned', 'return_undone', 'return_ended',
                          'refund_bounced');
-- What is packed becomes no shorter by packing it again.
ALTER TABLE money_records ALTER COLUMN first_explanation SET STORAGE EXTERNAL;
CREATE TRIGGER money_records_stay BEFORE DELETE OR TRUNCATE ON money_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- Payments, with what is shown of the bank's record. The views ask for what no index begins with:
-- a key that is not NULL would be one more way to walk a whole index.
CREATE VIEW payments AS
SELECT payment_id, account_id, currency, amount, allocated, coalesce(returned, 0) AS returned,
       coalesce(refunded, 0) AS refunded, state, reason, origin, received_on, method, reference,
       remark, coalesce(event_sequence, 0) AS event_sequence, recorded_at,
       coalesce(split, 0) AS split, question, first_decision_id, first_rule_set_version,
       first_policy_version, first_form, first_rule, first_outcome, first_reason,
       first_explanation, first_caused_by_source, first_caused_by_id, bank_account, bank_key,
       bank_transaction_id, end_to_end_id, debtor_name, debtor_account, creditor_reference,
       unstructured, forgotten_at
  FROM money_records WHERE origin IS NOT NULL;
ALTER VIEW payments ALTER COLUMN allocated SET DEFAULT 0;

-- Everything that a bank feed reported, also what moved no money.
CREATE VIEW bank_transactions AS
SELECT bank_account, bank_key, content_hash, status, disposition, payment_id, credit_debit,
       reversal, currency, amount, charges, booking_date, value_date, bank_transaction_id,
       statement_id, entry_reference, end_to_end_id, debtor_name, debtor_account, virtual_account,
       creditor_reference, unstructured, return_of, coalesce(told_at, recorded_at) AS recorded_at,
       instructed_currency, instructed_amount, detail_index, entry_amount, entry_details,
       superseded_by, announced, forgotten_at
  FROM money_records WHERE content_hash IS NOT NULL;
ALTER VIEW bank_transactions ALTER COLUMN announced SET DEFAULT false;

-- What the worker may still write anew: of a payment only what paying changes.
CREATE VIEW records_without_payment AS
SELECT * FROM money_records WHERE origin IS NULL;

-- What was decided first is never changed, nor given to a payment afterwards. An update that names
-- none of these columns, as all of the worker's do, does not come by here.
CREATE FUNCTION refuse_change_of_first_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was decided first on payment % stays as it is', OLD.payment_id
        USING ERRCODE = '42501', CONSTRAINT = 'payment_first_decision_stays';
END $$;
CREATE TRIGGER payment_first_decision_stays BEFORE UPDATE OF payment_id, recorded_at,
    first_decision_id, first_rule_set_version, first_policy_version, first_form, first_rule,
    first_outcome, first_reason, first_explanation, first_caused_by_source, first_caused_by_id
    ON money_records FOR EACH ROW
    WHEN (OLD.payment_id IS NOT NULL
      AND (OLD.payment_id, OLD.recorded_at, OLD.first_decision_id, OLD.first_rule_set_version,
           OLD.first_policy_version, OLD.first_form, OLD.first_rule, OLD.first_outcome,
           OLD.first_reason, OLD.first_explanation, OLD.first_caused_by_source,
           OLD.first_caused_by_id)
          IS DISTINCT FROM
          (NEW.payment_id, NEW.recorded_at, NEW.first_decision_id, NEW.first_rule_set_version,
           NEW.first_policy_version, NEW.first_form, NEW.first_rule, NEW.first_outcome,
           NEW.first_reason, NEW.first_explanation, NEW.first_caused_by_source,
           NEW.first_caused_by_id))
    EXECUTE FUNCTION refuse_change_of_first_decision();

-- Nor does the bank's record of a payment become another's, nor any record one of another key.
CREATE FUNCTION refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a record of the bank stays the one of its payment and its key'
        USING ERRCODE = '42501', CONSTRAINT = 'bank_record_stays';
END $$;
CREATE TRIGGER event_sequence_goes_on AFTER UPDATE ON money_records FOR EACH ROW
    WHEN (coalesce(NEW.event_sequence, 0) < OLD.event_sequence)
    EXECUTE FUNCTION refuse_earlier_event();
CREATE TRIGGER bank_record_stays BEFORE UPDATE OF bank_account, bank_key
    ON money_records FOR EACH ROW
    WHEN ((OLD.bank_account, OLD.bank_key) IS DISTINCT FROM (NEW.bank_account, NEW.bank_key))
    EXECUTE FUNCTION refuse_change_of_record();

CREATE TRIGGER payments_inserted AFTER INSERT ON money_records
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_account_exists('payments');
CREATE TRIGGER payments_updated AFTER UPDATE ON money_records
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_account_exists('payments');

-- Money that was ever allocated stays with the account and the currency that it was allocated in.
CREATE FUNCTION refuse_new_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM allocations a WHERE a.payment_id = OLD.payment_id) THEN
        RAISE EXCEPTION 'payment % has allocations: it keeps its account', OLD.payment_id
            USING ERRCODE = '23503', CONSTRAINT = 'payment_keeps_its_owner';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_keeps_its_owner AFTER UPDATE ON money_records FOR EACH ROW
    WHEN (OLD.account_id IS NOT NULL AND (OLD.payment_id, OLD.account_id, OLD.currency)
            IS DISTINCT FROM (NEW.payment_id, NEW.account_id, NEW.currency))
    EXECUTE FUNCTION refuse_new_owner();

-- Who parks a payment for a reason that only a person answers asks the question.
CREATE FUNCTION keep_question() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.question := NEW.reason;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_keep_question BEFORE INSERT OR UPDATE OF state, reason ON money_records
    FOR EACH ROW WHEN (NEW.question IS NULL AND NEW.reason IN
        ('possible_duplicate', 'too_many_alike', 'split_undone', 'taken_out'))
    EXECUTE FUNCTION keep_question();

-- A part gives all that is left of it back, or nothing. What it has after that came back to it by a
-- return that was undone.
CREATE FUNCTION check_part_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payment_returns r
                    WHERE r.payment_id = NEW.payment_id AND r.undoes IS NOT NULL) THEN
        RAISE EXCEPTION 'a part that went back has money'
            USING ERRCODE = '23514', CONSTRAINT = 'payment_part_is_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payment_part_is_whole AFTER INSERT OR UPDATE ON money_records
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.origin = 'split' AND NEW.split > 0
          AND (NEW.allocated > 0
               OR gone_of(NEW.returned, NEW.refunded, NEW.split) < NEW.amount))
    EXECUTE FUNCTION check_part_is_whole();

-- The payments that still have money to give, and nothing else: `rematch`, the guard of the void
-- candidates and `status` look here and not through all payments. A table and not a partial index,
-- so that what changes a payment stays a HOT update there. The database keeps it by itself.
CREATE TABLE open_payments (
    payment_id text COLLATE "C" PRIMARY KEY REFERENCES money_records (payment_id),
    -- Whether the bank reported it: only these are decided again.
    bank       boolean NOT NULL,
    account_id text COLLATE "C",
    currency   currency_code NOT NULL,
    free       bigint NOT NULL CHECK (free > 0)
) WITH (fillfactor = 70);
CREATE INDEX open_payments_bank ON open_payments (payment_id) WHERE bank;
-- The held payment of an amount is found among the payments that have money left. An index of
-- `payments` on what paying changes would turn each of its HOT updates into a full one.
CREATE INDEX open_payments_amount ON open_payments (account_id, currency, free, payment_id);
-- An advice looks for the money that was there before it. Payments with exactly its money are read
-- in the order of their ids: without the id in the index a large book was walked in that order
-- instead.
CREATE INDEX open_payments_by_money ON open_payments (free, currency, payment_id) WHERE bank;

CREATE FUNCTION keep_open_payments() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM open_payments o USING changed n
         WHERE o.payment_id = n.payment_id
           AND (n.state IN ('allocated', 'returned', 'removed', 'ignored', 'split')
                OR n.amount = n.allocated + gone_of(n.returned, n.refunded, n.split));
    END IF;
    INSERT INTO open_payments AS o (payment_id, bank, account_id, currency, free)
    SELECT payment_id, origin = 'bank', account_id, currency,
           amount - allocated - gone_of(returned, refunded, split)
      FROM changed
     WHERE state NOT IN ('allocated', 'returned', 'removed', 'ignored', 'split')
       AND amount > allocated + gone_of(returned, refunded, split)
    ON CONFLICT (payment_id) DO UPDATE
       SET account_id = EXCLUDED.account_id, free = EXCLUDED.free
     WHERE (o.account_id, o.free) IS DISTINCT FROM (EXCLUDED.account_id, EXCLUDED.free);
    RETURN NULL;
END $$;
CREATE TRIGGER open_payments_inserted AFTER INSERT ON money_records
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_open_payments();
CREATE TRIGGER open_payments_updated AFTER UPDATE ON money_records
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION keep_open_payments();

---------------------------------------------------------------------------------------------
-- Records of the bank.

-- Payments that the bank gave no id. The same money may come again with another text or in another
-- delivery: what looks like an earlier one is parked, and a person says which it is.
CREATE TABLE payments_without_bank_id (
    payment_id   text COLLATE "C" PRIMARY KEY REFERENCES money_records (payment_id),
    bank_account text COLLATE "C" NOT NULL,
    booking_date date NOT NULL,
    currency     currency_code NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    -- Who delivered it, and when by its own word.
    source       text,
    delivered_at timestamptz,
    -- The earlier payment that this one may be again, with a bank id or without.
    looks_like   text COLLATE "C" REFERENCES money_records (payment_id),
    -- Of equal money without an id only that of the same payer, or of nobody, may be the same. No
    -- payer: nobody's account.
    payer        text COLLATE "C" CHECK (payer <> ''),
    CONSTRAINT without_id_delivered CHECK ((source IS NULL) = (delivered_at IS NULL)),
    CONSTRAINT without_id_looks_like_another CHECK (looks_like <> payment_id)
);
-- One payer's account comes as an IBAN and as the national number that the IBAN holds: it is looked
-- for by the end of the number, which both forms share.
CREATE INDEX payments_without_bank_id_same ON payments_without_bank_id
    (bank_account, booking_date, currency, amount, right(payer, 8), delivered_at);
CREATE TRIGGER payments_without_bank_id_stay BEFORE DELETE OR TRUNCATE
    ON payments_without_bank_id FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery();
CREATE TRIGGER payments_without_bank_id_forgotten BEFORE UPDATE ON payments_without_bank_id
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_forgotten();
-- Of nobody, it is compared with the money of everybody: a person is asked once more, never less.
CREATE TRIGGER payments_without_bank_id_lose_texts AFTER UPDATE ON payments_without_bank_id
    FOR EACH ROW EXECUTE FUNCTION refuse_other_than_forgotten('payer');

-- Whether money without a bank id came to these bank accounts on these days, as it is at this
-- moment and not when the statement began: it is asked once the locks are held that a batch takes
-- alone which brings such money.
CREATE FUNCTION came_without_id(accounts text[], since date, until date) RETURNS boolean
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM payments_without_bank_id w
                    WHERE w.bank_account = ANY(accounts)
                      AND w.booking_date BETWEEN since AND until);
END $$;

-- What a bank's record says may have been told before, in another way: a credit once with the
-- bank's id and once without, a return in a daily and in a monthly statement. A person says what it
-- is.
CREATE TABLE told_again (
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    -- The earlier record of the same bank account that it may be.
    earlier_key  text COLLATE "C" NOT NULL,
    PRIMARY KEY (bank_account, bank_key),
    FOREIGN KEY (bank_account, bank_key)
        REFERENCES money_records (bank_account, bank_key),
    FOREIGN KEY (bank_account, earlier_key)
        REFERENCES money_records (bank_account, bank_key),
    CONSTRAINT told_again_is_another CHECK (earlier_key <> bank_key)
);
CREATE INDEX told_again_earlier ON told_again (bank_account, earlier_key);
CREATE TRIGGER told_again_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON told_again
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery();

-- Whoever writes what a payment without a bank id looks like writes it here too.
CREATE FUNCTION note_told_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO told_again (bank_account, bank_key, earlier_key)
    SELECT b.bank_account, b.bank_key, e.bank_key
      FROM came w
      JOIN bank_transactions b ON b.payment_id = w.payment_id
      JOIN bank_transactions e ON e.payment_id = w.looks_like
     WHERE w.looks_like IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_without_bank_id_told_again AFTER INSERT ON payments_without_bank_id
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION note_told_again();

-- A bank account of ours as a key of events.
CREATE TABLE bank_feeds (
    bank_account   text COLLATE "C" PRIMARY KEY,
    event_sequence bigint NOT NULL DEFAULT 0 CHECK (event_sequence >= 0)
);
CREATE TRIGGER event_sequence_goes_on AFTER UPDATE ON bank_feeds FOR EACH ROW
    WHEN (NEW.event_sequence < OLD.event_sequence) EXECUTE FUNCTION refuse_earlier_event();

---------------------------------------------------------------------------------------------
-- Statements of the bank, and what is wrong with them.

-- A statement is told apart by its number, its currency and the day that it is complete up to:
-- banks use the same number for each currency of an account, and use it again, some each year and
-- some each month. It is the same statement, issued again, only if it ends on the same day; two of
-- one number stand beside each other.
CREATE TABLE bank_statements (
    bank_account     text COLLATE "C" NOT NULL,
    statement_id     text NOT NULL,
    currency         currency_code NOT NULL,
    -- What a bank says of its own account may be larger than one amount of ours (IDR, VND):
    -- eighteen digits, and six decimals.
    opening_balance  numeric(24, 0) NOT NULL,
    closing_balance  numeric(24, 0) NOT NULL,
    entries          integer NOT NULL CHECK (entries >= 0),
    complete_through timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    day              date NOT NULL GENERATED ALWAYS AS
        (((complete_through AT TIME ZONE 'UTC') - interval '1 microsecond')::date) STORED,
    PRIMARY KEY (bank_account, statement_id, currency, day)
);
-- How far each bank account's feed is known, without its whole history.
CREATE INDEX bank_statements_through ON bank_statements (bank_account, complete_through);

-- What a statement said before it was issued again with other content. Written by the database, so
-- that no way of storing a statement can forget it.
CREATE TABLE bank_statement_issues (
    bank_account     text COLLATE "C" NOT NULL,
    statement_id     text NOT NULL,
    issue            integer NOT NULL CHECK (issue > 0),
    currency         currency_code NOT NULL,
    opening_balance  numeric(24, 0) NOT NULL,
    closing_balance  numeric(24, 0) NOT NULL,
    entries          integer NOT NULL,
    complete_through timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (bank_account, statement_id, issue)
);
CREATE FUNCTION keep_statement_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bank_statement_issues (bank_account, statement_id, issue, currency,
        opening_balance, closing_balance, entries, complete_through, recorded_at)
    SELECT OLD.bank_account, OLD.statement_id,
           1 + (SELECT count(*) FROM bank_statement_issues i
                 WHERE i.bank_account = OLD.bank_account AND i.statement_id = OLD.statement_id),
           OLD.currency, OLD.opening_balance, OLD.closing_balance, OLD.entries,
           OLD.complete_through, OLD.recorded_at;
    RETURN NULL;
END $$;
CREATE TRIGGER bank_statement_issued_again AFTER UPDATE ON bank_statements FOR EACH ROW
    WHEN ((OLD.currency, OLD.opening_balance, OLD.closing_balance, OLD.entries,
           OLD.complete_through)
          IS DISTINCT FROM
          (NEW.currency, NEW.opening_balance, NEW.closing_balance, NEW.entries,
           NEW.complete_through))
    EXECUTE FUNCTION keep_statement_issue();
CREATE TRIGGER bank_statement_issues_stay BEFORE UPDATE OR DELETE OR TRUNCATE
    ON bank_statement_issues FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- A statement that is not to be believed is taken back by a person; what it said stays here.
CREATE TABLE statement_resets (
    reset_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bank_account     text COLLATE "C" NOT NULL,
    statement_id     text COLLATE "C" NOT NULL,
    currency         currency_code NOT NULL,
    opening_balance  numeric(24, 0) NOT NULL,
    closing_balance  numeric(24, 0) NOT NULL,
    entries          integer NOT NULL,
    complete_through timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    operator         text NOT NULL CHECK (operator <> ''),
    reason           text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    reset_at         timestamptz NOT NULL
);
CREATE TRIGGER statement_resets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON statement_resets FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A statement goes only with the name of who took it back.
CREATE FUNCTION check_statement_reset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM statement_resets r
                    WHERE r.bank_account = OLD.bank_account AND r.statement_id = OLD.statement_id
                      AND r.currency = OLD.currency AND r.complete_through = OLD.complete_through
                      AND r.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'a statement of % goes without a reset', OLD.bank_account
            USING ERRCODE = '23514', CONSTRAINT = 'statement_goes_with_a_reset';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER statement_goes_with_a_reset AFTER DELETE ON bank_statements
    FOR EACH ROW EXECUTE FUNCTION check_statement_reset();

-- An entry is of every statement that names it: the intraday report and the statement of the day
-- tell of the same one. The first statement, or the one that books what was pending, stands with
-- the entry; here stand the others. Of one that a person took for an earlier one told of the same
-- money, the statement is read from told_again.
CREATE TABLE entry_statements (
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    statement_id text NOT NULL CHECK (statement_id <> ''),
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (bank_account, bank_key, statement_id),
    FOREIGN KEY (bank_account, bank_key)
        REFERENCES money_records (bank_account, bank_key)
);

-- What is only announced is in no statement's sum.
CREATE FUNCTION check_entry_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM named n
                 JOIN bank_transactions b USING (bank_account, bank_key)
                WHERE b.status <> 'BOOK') THEN
        RAISE EXCEPTION 'an entry that is not booked is in no statement'
            USING ERRCODE = '23514', CONSTRAINT = 'entry_of_a_statement_is_booked';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entry_of_a_statement_is_booked AFTER INSERT ON entry_statements
    REFERENCING NEW TABLE AS named FOR EACH STATEMENT EXECUTE FUNCTION check_entry_statement();
CREATE TRIGGER entry_statements_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery();

-- What the bank's statements say against what was recorded, and what each account's tables say
-- against each other: a difference is a drift. One row an episode: from being found to being found
-- no more.
CREATE TABLE drifts (
    drift_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('statement_sum', 'statement_entries',
               'statement_gap', 'statement_missing', 'statement_double', 'bank_payments',
               'return_parked', 'entry_details', 'account_payments', 'account_invoices',
               'account_ledger', 'account_lots')),
    -- Whose it is: a bank account of ours or a customer's account.
    key_kind   text COLLATE "C" NOT NULL CHECK (key_kind IN ('bank', 'account')),
    record_key text COLLATE "C" NOT NULL,
    -- The statement, or the currency.
    subject    text NOT NULL,
    currency   currency_code NOT NULL,
    -- What is there less what should be, in micros; a number of entries for statement_entries.
    difference bigint NOT NULL,
    detail     text NOT NULL CHECK (char_length(detail) <= 1000),
    -- The instants it was found for, and not found for any more.
    opened_at  timestamptz NOT NULL,
    cleared_at timestamptz,
    CONSTRAINT drift_is_cleared_after_it_opened CHECK (cleared_at >= opened_at),
    CONSTRAINT drift_of_its_key CHECK ((key_kind = 'account') = (kind LIKE 'account%'))
);
CREATE UNIQUE INDEX drifts_open ON drifts (kind, record_key, subject, currency)
    WHERE cleared_at IS NULL;
CREATE TRIGGER drifts_stay BEFORE DELETE OR TRUNCATE ON drifts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- What the job `reconcile` knows of an earlier run, so that a run costs what happened since then
-- and not what happened ever. The audit rests on none of it.
--
-- What the ledger posted to each customer, up to compared.through.
CREATE TABLE ledger_sums (
    account_id text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    posted     numeric NOT NULL,
    PRIMARY KEY (account_id, currency)
) WITH (fillfactor = 70);

CREATE TABLE compared (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Ids of the ledger up to it are in ledger_sums, and what they allocated or took in was
    -- compared.
    through    bigint NOT NULL DEFAULT 0,
    -- No row can appear under an id up to it.
    horizon    bigint NOT NULL DEFAULT 0,
    -- How far the round is that compares all payments and invoices, a part of them each run.
    payment_id text COLLATE "C" NOT NULL DEFAULT '',
    invoice_id text COLLATE "C" NOT NULL DEFAULT '',
    -- Details of entries that were recorded up to it were compared, but for what committed late;
    -- and how far the round through all of them is.
    details_through timestamptz NOT NULL DEFAULT 'epoch',
    details_round   timestamptz NOT NULL DEFAULT 'epoch',
    CONSTRAINT compared_within_horizon CHECK (through BETWEEN 0 AND horizon)
) WITH (fillfactor = 10);
INSERT INTO compared DEFAULT VALUES;
-- What was summed is not summed again, unless all is summed anew.
CREATE FUNCTION refuse_comparing_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.through = 0 AND NEW.horizon >= OLD.horizon AND NOT EXISTS (SELECT FROM ledger_sums) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was compared of the ledger is not compared again'
        USING ERRCODE = '23514', CONSTRAINT = 'compared_goes_on';
END $$;
CREATE TRIGGER compared_goes_on BEFORE UPDATE ON compared FOR EACH ROW
    WHEN (NEW.through < OLD.through OR NEW.horizon < OLD.horizon
          OR NEW.details_through < OLD.details_through)
    EXECUTE FUNCTION refuse_comparing_back();
CREATE TRIGGER compared_stays BEFORE DELETE OR TRUNCATE ON compared
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
-- Forgets the sums, which follow from the ledger: the next run sums it up from its start. A page
-- that is being summed ends before.
CREATE FUNCTION compare_from_the_start() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOCK TABLE ledger_sums IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM ledger_sums;
    UPDATE compared SET through = 0, payment_id = '', invoice_id = '', details_through = 'epoch',
           details_round = 'epoch' WHERE only_row;
END $$;
REVOKE EXECUTE ON FUNCTION compare_from_the_start() FROM PUBLIC;

-- What differs: a payment, an invoice, what an account has in a currency, an entry that was booked
-- as one sum. Each is looked at again in every run, and leaves when it agrees.
CREATE TABLE differences (
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('account_payments', 'account_invoices',
               'account_ledger', 'account_lots', 'bank_payments', 'bank_postings',
               'entry_details')),
    -- The payment, the invoice, the account, the entry; of `bank_postings` the ledger transaction
    -- that takes in a payment elsewhere than where the payment was decided.
    item       text COLLATE "C" NOT NULL,
    -- Whose it is: a customer's account or a bank account of ours.
    record_key text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    found      numeric NOT NULL,
    should     numeric NOT NULL,
    -- Since when the payment is known.
    known_at   timestamptz,
    PRIMARY KEY (kind, item, currency, record_key),
    -- The details of an entry may differ in number alone.
    CONSTRAINT difference_is_one CHECK (found <> should OR kind = 'entry_details'),
    CONSTRAINT difference_of_the_bank_is_known
        CHECK ((known_at IS NOT NULL) = (kind IN ('bank_payments', 'bank_postings')))
);

---------------------------------------------------------------------------------------------
-- Ledger: append-only, double entry. A customer's balance is a liability, so credits raise it.

CREATE TYPE ledger_account AS ENUM ('bank_clearing', 'unallocated_cash', 'customer_balance',
    'usage_revenue', 'claw_back_receivable', 'fees', 'split_clearing');
CREATE TYPE ledger_kind AS ENUM ('payment_received', 'payment_provisioned', 'provisioned',
    'usage_charged', 'usage_refunded', 'deallocated', 'payment_removed', 'payment_returned',
    'claw_back', 'return_undone', 'payment_split', 'split_undone', 'payment_refunded',
    'payment_dismissed');

-- A row takes one amount from one ledger account to another: it balances by what it is, and needs
-- no check at commit. A ledger transaction is one such transfer or several, its legs. Columns of
-- one width stand together, so that nothing is lost between them.
CREATE TABLE ledger_transfers (
    ledger_transaction_id bigint NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    posted_at      timestamptz NOT NULL,
    kind           ledger_kind NOT NULL,
    debit          ledger_account NOT NULL,
    credit         ledger_account NOT NULL,
    -- 1, 2, 3… within its ledger transaction.
    leg            smallint NOT NULL CHECK (leg > 0),
    currency       currency_code NOT NULL,
    -- Whose balance it is.
    debit_account  text COLLATE "C",
    credit_account text COLLATE "C",
    -- NULL for usage: one ledger transaction holds all that one batch charged one account in one
    -- currency.
    payment_id     text COLLATE "C",
    -- What a person said who took money out of the books: paid back, or no customer's.
    said           text CHECK (char_length(said) <= 200),
    PRIMARY KEY (ledger_transaction_id, leg),
    CONSTRAINT transfer_debits_a_customer_by_name
        CHECK ((debit = 'customer_balance') = (debit_account IS NOT NULL)),
    CONSTRAINT transfer_credits_a_customer_by_name
        CHECK ((credit = 'customer_balance') = (credit_account IS NOT NULL)),
    CONSTRAINT transfer_names_its_payment
        CHECK ((kind IN ('usage_charged', 'usage_refunded')) = (payment_id IS NULL)),
    CONSTRAINT transfer_of_usage_stands_alone CHECK (payment_id IS NOT NULL OR leg = 1),
    CONSTRAINT transfer_said_of_a_release CHECK (said IS NULL
        OR kind IN ('payment_removed', 'payment_refunded', 'payment_dismissed')),
    -- From where to where a kind takes money: never from one customer to another.
    CONSTRAINT transfer_goes_the_way_of_its_kind CHECK ((kind, debit, credit) IN (
        ('usage_charged', 'customer_balance', 'usage_revenue'),
        ('usage_refunded', 'usage_revenue', 'customer_balance'),
        ('payment_received', 'bank_clearing', 'unallocated_cash'),
        ('payment_provisioned', 'bank_clearing', 'customer_balance'),
        ('payment_provisioned', 'bank_clearing', 'unallocated_cash'),
        ('provisioned', 'unallocated_cash', 'customer_balance'),
        ('deallocated', 'customer_balance', 'unallocated_cash'),
        ('payment_removed', 'customer_balance', 'bank_clearing'),
        ('payment_removed', 'unallocated_cash', 'bank_clearing'),
        ('payment_refunded', 'unallocated_cash', 'bank_clearing'),
        ('payment_dismissed', 'unallocated_cash', 'bank_clearing'),
        ('payment_returned', 'customer_balance', 'bank_clearing'),
        ('payment_returned', 'unallocated_cash', 'bank_clearing'),
        ('payment_returned', 'claw_back_receivable', 'bank_clearing'),
        ('payment_returned', 'split_clearing', 'bank_clearing'),
        ('payment_returned', 'fees', 'bank_clearing'),
        -- A part goes back to what it was split from.
        ('payment_returned', 'customer_balance', 'split_clearing'),
        ('payment_returned', 'unallocated_cash', 'split_clearing'),
        ('payment_returned', 'claw_back_receivable', 'split_clearing'),
        ('claw_back', 'customer_balance', 'claw_back_receivable'),
        ('return_undone', 'bank_clearing', 'customer_balance'),
        ('return_undone', 'bank_clearing', 'unallocated_cash'),
        ('return_undone', 'bank_clearing', 'fees'),
        ('payment_split', 'unallocated_cash', 'split_clearing'),
        ('payment_split', 'split_clearing', 'unallocated_cash'),
        ('split_undone', 'customer_balance', 'split_clearing'),
        ('split_undone', 'unallocated_cash', 'split_clearing'),
        ('split_undone', 'split_clearing', 'unallocated_cash')))
);
CREATE INDEX ledger_releases ON ledger_transfers (payment_id)
    WHERE kind IN ('payment_removed', 'payment_refunded', 'payment_dismissed');
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A leg is written in the database transaction that writes the one before it, never later, and says
-- the same of their ledger transaction: what was posted stays as it was. (A savepoint between the
-- two makes them look apart; nothing here uses one.) A plan made while the table was small must not
-- scan it when it is large: see check_allocations.
CREATE FUNCTION check_legs() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE stray bigint;
BEGIN
    SELECT n.ledger_transaction_id INTO stray FROM inserted n
     WHERE n.leg > 1 AND
           (SELECT true FROM ledger_transfers t
             WHERE t.ledger_transaction_id = n.ledger_transaction_id AND t.leg = n.leg - 1
               AND t.xmin = pg_current_xact_id()::xid
               AND (t.kind, t.currency, t.payment_id, t.said, t.posted_at)
                   IS NOT DISTINCT FROM (n.kind, n.currency, n.payment_id, n.said, n.posted_at)
             LIMIT 1) IS NULL
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a leg of ledger transaction % without the one before it', stray
            USING ERRCODE = '23503', CONSTRAINT = 'leg_is_of_its_ledger_transaction';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transfers_inserted AFTER INSERT ON ledger_transfers
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_legs();

-- Both sides of each transfer: credits are positive, debits negative.
CREATE VIEW ledger_entries AS
SELECT ledger_transaction_id, (2 * leg - 1)::smallint AS line,
       debit::text COLLATE "C" AS ledger_account, debit_account AS account_id, currency,
       -amount AS amount, kind::text COLLATE "C" AS kind, payment_id, posted_at
  FROM ledger_transfers
 UNION ALL
SELECT ledger_transaction_id, (2 * leg)::smallint, credit::text COLLATE "C", credit_account,
       currency, amount, kind::text COLLATE "C", payment_id, posted_at
  FROM ledger_transfers;

-- What the legs of a ledger transaction say alike.
CREATE VIEW ledger_transactions AS
SELECT ledger_transaction_id, kind::text COLLATE "C" AS kind, payment_id, posted_at, said
  FROM ledger_transfers
 WHERE leg = 1;

-- Balances in other currencies than the customer's first.
CREATE TABLE further_balances (
    account_id text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    amount     bigint NOT NULL CHECK (amount BETWEEN -9000000000000000000 AND 9000000000000000000),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, currency)
) WITH (fillfactor = 70);
-- The customer has a first balance, in another currency: there is one balance of each currency.
-- (A customer's first currency never changes.)
CREATE FUNCTION check_further_balances() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed n WHERE
                (SELECT true FROM accounts a WHERE a.account_id = n.account_id
                    AND a.balance_currency <> n.currency LIMIT 1) IS NULL)
    THEN
        RAISE EXCEPTION 'a further balance in the first currency, or without a first'
            USING ERRCODE = '23503', CONSTRAINT = 'further_balances_are_further';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER further_balances_inserted AFTER INSERT ON further_balances
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_further_balances();
CREATE TRIGGER further_balances_updated AFTER UPDATE ON further_balances
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_further_balances();

-- Derived sums: the audit recomputes them from the ledger.
CREATE VIEW balances AS
SELECT account_id, balance_currency AS currency, balance AS amount, balance_at AS updated_at
  FROM accounts WHERE balance_currency IS NOT NULL
 UNION ALL
SELECT account_id, currency, amount, updated_at FROM further_balances;

---------------------------------------------------------------------------------------------
-- Allocations and the lots they open.

-- An allocation opens a lot: the money that it put on the balance, which burns and is given back.
-- Both are one row; the view lots has the second half.
CREATE TABLE allocations (
    allocation_id         bigint PRIMARY KEY,
    amount                bigint NOT NULL CHECK (amount > 0),
    -- What is left of the lot.
    remaining             bigint NOT NULL,
    -- What it burnt of a debt when it was opened, less what refunds gave back of it. NULL for
    -- nothing, as of nearly all: that takes no room.
    debt_cleared          bigint CHECK (debt_cleared > 0),
    -- An allocation is live by what was not reversed of it.
    reversed              bigint NOT NULL DEFAULT 0 CHECK (reversed BETWEEN 0 AND amount),
    -- Of that, what had been spent and was clawed back from the account. A refund of what had been
    -- spent makes it less again. NULL for nothing.
    clawed_back           bigint CHECK (clawed_back > 0),
    ledger_transaction_id bigint NOT NULL,
    -- The undone return that opened it again; such a link may stand beside what was left of the
    -- first.
    restores              bigint,
    allocated_at          timestamptz NOT NULL,
    reversed_at           timestamptz,
    payment_id            text COLLATE "C" NOT NULL,
    invoice_id            text COLLATE "C" NOT NULL,
    account_id            text COLLATE "C" NOT NULL,
    currency              currency_code NOT NULL,
    rule                  text COLLATE "C" NOT NULL CHECK (rule ~ '^R[0-9][0-9]?[a-z]?$'),
    -- Changes only when a lot is used up or comes back, so burning stays a HOT update.
    is_open               boolean GENERATED ALWAYS AS (remaining > 0) STORED,
    CONSTRAINT allocation_reversed_iff_stamped
        CHECK ((reversed = amount AND reversed > 0) = (reversed_at IS NOT NULL)),
    CONSTRAINT lot_has_no_more_than_its_amount CHECK (remaining BETWEEN 0 AND amount),
    CONSTRAINT lot_debt_within_what_is_burnt
        CHECK (debt_cleared <= amount - remaining),
    CONSTRAINT lot_reversed_within_amount
        CHECK (coalesce(clawed_back, 0) <= reversed
               AND remaining + reversed - coalesce(clawed_back, 0) <= amount)
) WITH (fillfactor = 90);
-- At most one live link between a payment and an invoice.
CREATE UNIQUE INDEX allocations_live_pair ON allocations (payment_id, invoice_id)
    WHERE reversed_at IS NULL AND restores IS NULL;
CREATE UNIQUE INDEX allocations_restored ON allocations (restores, invoice_id)
    WHERE restores IS NOT NULL;
CREATE INDEX allocations_invoice ON allocations (invoice_id);
CREATE TRIGGER allocations_stay BEFORE DELETE OR TRUNCATE ON allocations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- The fence that keeps one customer's money from another: payment, invoice and allocation share
-- account and currency, and the same amount of the payment was posted to that account. It is
-- compared once: none of it ever changes (allocation_stays, invoice_transition,
-- payment_keeps_its_owner, ledger_transfers_append_only).
CREATE FUNCTION check_allocations() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE broken record;
BEGIN
    SELECT * INTO broken FROM (
        SELECT (SELECT true FROM payments p WHERE p.payment_id = n.payment_id
                   AND p.account_id = n.account_id AND p.currency = n.currency LIMIT 1) AS payment,
               (SELECT true FROM invoices i WHERE i.invoice_id = n.invoice_id
                   AND i.account_id = n.account_id AND i.currency = n.currency LIMIT 1) AS invoice,
               (SELECT true FROM ledger_transfers t
                 WHERE t.ledger_transaction_id = n.ledger_transaction_id
                   AND t.credit_account = n.account_id AND t.currency = n.currency
                   AND t.amount = n.amount AND t.payment_id = n.payment_id LIMIT 1) AS posting
          FROM changed n OFFSET 0) found
     WHERE (payment AND invoice AND posting) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an allocation without its payment, invoice or posting'
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

-- What is allocated changes what is due: unsettled_invoices.
CREATE FUNCTION note_allocated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM note_unsettled(array_agg(n.invoice_id), sum(hashtextextended(n.invoice_id, 0)))
       FROM (SELECT DISTINCT invoice_id FROM changed) n;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_noted AFTER INSERT ON allocations
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_allocated();
-- And what goes back, which is rare: burning, which is not, costs nothing here.
CREATE FUNCTION check_reversed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_other_due(ARRAY[NEW.invoice_id]);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_due_follows_reversal AFTER UPDATE ON allocations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.reversed <> NEW.reversed) EXECUTE FUNCTION check_reversed();

-- Invoices with all that follows from what is payable and what is allocated. Where nobody asks for
-- it, nothing is looked up.
CREATE VIEW invoice_states AS
SELECT i.invoice_id, i.account_id, i.name, i.currency, i.amount,
       -- The sum of the live allocations; amount due = amount - allocated.
       CASE WHEN i.sent_at IS NULL OR i.voided_at IS NOT NULL THEN 0
            ELSE i.amount - coalesce(p.due, 0) END AS allocated,
       CASE WHEN i.voided_at IS NOT NULL THEN 'voided' WHEN i.sent_at IS NULL THEN 'draft'
            WHEN p.invoice_id IS NULL THEN 'provisioned' ELSE 'awaiting_payment'
            END COLLATE "C" AS status,
       i.payment_reference, i.number_key, i.due_date, i.created_at, i.sent_at,
       -- When the last of what covers it was allocated.
       CASE WHEN i.sent_at IS NOT NULL AND i.voided_at IS NULL AND p.invoice_id IS NULL
            THEN (SELECT max(a.allocated_at) FROM allocations a
                   WHERE a.invoice_id = i.invoice_id AND a.reversed < a.amount)
            END AS provisioned_at,
       i.voided_at, i.void_reason, i.keep_until, i.stale_since, p.candidate_since, i.folded_key
  FROM invoices i
  LEFT JOIN payable_invoices p ON p.invoice_id = i.invoice_id;

-- What an allocation was made for never changes, and what was reversed of it never comes back. Its
-- lot burns and is given back. (Before the update, the trigger would lock each row by itself.)
CREATE FUNCTION refuse_allocation_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'allocation % may only burn, be given back and be reversed', OLD.allocation_id
        USING ERRCODE = '23514', CONSTRAINT = 'allocation_stays';
END $$;
CREATE TRIGGER allocation_stays AFTER UPDATE ON allocations FOR EACH ROW
    WHEN (NEW.reversed < OLD.reversed
        OR (OLD.allocation_id, OLD.payment_id, OLD.invoice_id, OLD.account_id, OLD.currency,
            OLD.amount, OLD.rule, OLD.ledger_transaction_id, OLD.restores, OLD.allocated_at)
            IS DISTINCT FROM
           (NEW.allocation_id, NEW.payment_id, NEW.invoice_id, NEW.account_id, NEW.currency,
            NEW.amount, NEW.rule, NEW.ledger_transaction_id, NEW.restores, NEW.allocated_at))
    EXECUTE FUNCTION refuse_allocation_change();

-- A pair that a person took apart: automatic matching does not put it together again.
CREATE TABLE tombstones (
    payment_id text COLLATE "C" NOT NULL REFERENCES money_records (payment_id),
    invoice_id text COLLATE "C" NOT NULL REFERENCES invoices,
    laid_at    timestamptz NOT NULL,
    PRIMARY KEY (payment_id, invoice_id)
);
CREATE TRIGGER tombstones_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tombstones
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Only a command may put together what a person took apart. While there is no tombstone at all,
-- nothing is looked up.
CREATE FUNCTION check_tombstones() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM tombstones) AND EXISTS (
        SELECT 1 FROM changed n WHERE n.rule NOT IN ('R1', 'R1r') AND
            (SELECT true FROM tombstones t WHERE t.payment_id = n.payment_id
                AND t.invoice_id = n.invoice_id LIMIT 1) IS NOT NULL)
    THEN
        RAISE EXCEPTION 'an automatic allocation of a pair that a person took apart'
            USING ERRCODE = '23514', CONSTRAINT = 'tombstone_is_respected';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_respect_tombstones AFTER INSERT ON allocations
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_tombstones();

-- What an advice has paid was paid by that advice.
CREATE FUNCTION check_allocation_is_advised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM remittance_advices a
                    WHERE a.used_by_payment = NEW.payment_id) THEN
        RAISE EXCEPTION 'no remittance advice belongs to the payment'
            USING ERRCODE = '23514', CONSTRAINT = 'allocations_are_advised';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER allocations_are_advised AFTER INSERT ON allocations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.rule = 'R2a')
    EXECUTE FUNCTION check_allocation_is_advised();

-- Lots are read in the order in which they burn, and those that cleared a debt from the newest, as
-- far as a batch needs them: what a customer's history costs does not grow with it.
CREATE INDEX lots_open_order ON allocations (account_id, currency, allocated_at, allocation_id)
    WHERE is_open;
CREATE INDEX lots_cleared_order ON allocations (account_id, currency, allocated_at, allocation_id)
    WHERE debt_cleared IS NOT NULL;
CREATE INDEX lots_clawed_back ON allocations (account_id)
    WHERE clawed_back IS NOT NULL;

-- Allocations as the money that they put on the balance.
CREATE VIEW lots AS
SELECT allocation_id AS lot_id, account_id, currency, amount, remaining,
       allocated_at AS opened_at, reversed_at AS closed_at,
       coalesce(debt_cleared, 0) AS debt_cleared, is_open, reversed,
       coalesce(clawed_back, 0) AS clawed_back
  FROM allocations;

-- Which lots a charge burnt, a refund filled again, or a debt burnt. A charge that burnt one lot
-- alone says so itself (usage_charges.lot_id), as nearly all do; the view lot_moves has both.
CREATE TABLE lot_consumptions (
    -- The charge, the refund, or for the debt that a new lot cleared the lot itself.
    cause_id   bigint NOT NULL,
    lot_id     bigint NOT NULL,
    kind       text COLLATE "C" NOT NULL
               CHECK (kind IN ('charge', 'debt', 'refund', 'debt_refund', 'reversal')),
    account_id text COLLATE "C" NOT NULL,
    -- Positive: the lot became less.
    amount     bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (cause_id, lot_id, kind),
    CONSTRAINT consumption_sign CHECK ((amount > 0) = (kind IN ('charge', 'debt', 'reversal')))
);
CREATE TRIGGER lot_consumptions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON lot_consumptions FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

CREATE FUNCTION check_consumptions() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT lot_id, account_id FROM inserted OFFSET 0) n
                WHERE (SELECT true FROM allocations a WHERE a.allocation_id = n.lot_id
                         AND a.account_id = n.account_id LIMIT 1) IS NULL) THEN
        RAISE EXCEPTION 'a consumption of a lot of another account'
            USING ERRCODE = '23503', CONSTRAINT = 'consumption_has_its_lot';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lot_consumptions_inserted AFTER INSERT ON lot_consumptions
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_consumptions();

---------------------------------------------------------------------------------------------
-- Steps back: de-allocated, removed and returned payments, and payments that are split. What was
-- posted stays; each step back is a posting of its own, and a row that says how much of which
-- allocation went back and why.

-- Returns of bank payments, and what undid them.
CREATE TABLE payment_returns (
    return_id    bigint PRIMARY KEY,
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    payment_id   text COLLATE "C" NOT NULL REFERENCES money_records (payment_id),
    -- The return that this one undoes: the money came after all.
    undoes       bigint REFERENCES payment_returns,
    currency     currency_code NOT NULL,
    amount       bigint NOT NULL,
    -- Where a return was taken from, in this order; of an undone one where it went.
    unallocated  bigint NOT NULL CHECK (unallocated >= 0),
    unspent      bigint NOT NULL CHECK (unspent >= 0),
    clawed_back  bigint NOT NULL CHECK (clawed_back >= 0),
    reason       text,
    returned_at  timestamptz NOT NULL,
    -- The part of `unallocated` that was removed before: recorded and not posted.
    removed      bigint NOT NULL DEFAULT 0,
    -- What the bank took beside it for itself, in the same booking.
    fee          bigint NOT NULL DEFAULT 0 CHECK (fee >= 0),
    bank_transaction_id   text,
    -- NULL where nothing of it was in the books.
    ledger_transaction_id bigint,
    -- Who pointed a parked return at the payment, and why.
    said         text CHECK (char_length(said) <= 200),
    -- One booking may take from several payments, from each once, and undoes each return once.
    CONSTRAINT payment_returns_once
        UNIQUE NULLS NOT DISTINCT (bank_account, bank_key, payment_id, undoes),
    FOREIGN KEY (bank_account, bank_key)
        REFERENCES money_records (bank_account, bank_key),
    CONSTRAINT return_is_taken_in_full CHECK (amount = unallocated + unspent + clawed_back),
    CONSTRAINT undoing_claws_nothing_back CHECK (undoes IS NULL OR clawed_back = 0),
    CONSTRAINT return_removed_is_unallocated CHECK (removed BETWEEN 0 AND unallocated),
    -- What undoes a return may be of its fee alone.
    CONSTRAINT return_is_of_something
        CHECK (amount > 0 OR (amount = 0 AND fee > 0 AND undoes IS NOT NULL))
);
CREATE INDEX payment_returns_payment ON payment_returns (payment_id);
CREATE INDEX payment_returns_undoes ON payment_returns (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX payment_returns_bank_id ON payment_returns (bank_account, bank_transaction_id)
    WHERE bank_transaction_id IS NOT NULL;
CREATE TRIGGER payment_returns_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_returns
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A payment has returned what its returns sum to. Of a return no more comes back than it took: of
-- the payment, of removed money, and of the fee.
CREATE FUNCTION check_returns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT payment_id FROM inserted OFFSET 0) n
                JOIN payments p USING (payment_id)
               WHERE p.returned <>
                     (SELECT sum(CASE WHEN r.undoes IS NULL THEN r.amount ELSE -r.amount END)
                        FROM payment_returns r WHERE r.payment_id = p.payment_id)) THEN
        RAISE EXCEPTION 'a return that its payment does not have'
            USING ERRCODE = '23514', CONSTRAINT = 'returns_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n JOIN payment_returns r ON r.return_id = n.undoes
               CROSS JOIN LATERAL (SELECT sum(u.amount) AS amount, sum(u.removed) AS removed,
                                          sum(u.fee) AS fee
                                     FROM payment_returns u WHERE u.undoes = r.return_id) u
               WHERE r.undoes IS NOT NULL OR r.payment_id <> n.payment_id
                  OR r.currency <> n.currency OR r.amount < u.amount OR r.removed < u.removed
                  OR r.fee < u.fee) THEN
        RAISE EXCEPTION 'more of a return is undone than there is'
            USING ERRCODE = '23514', CONSTRAINT = 'undone_within_return';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_returns_inserted AFTER INSERT ON payment_returns
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_returns();

CREATE TABLE allocation_reversals (
    reversal_id   bigint PRIMARY KEY,
    allocation_id bigint NOT NULL REFERENCES allocations,
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('deallocated', 'removed', 'returned')),
    amount        bigint NOT NULL CHECK (amount > 0),
    -- What had been spent, taken from the account all the same.
    clawed_back   bigint NOT NULL CHECK (clawed_back BETWEEN 0 AND amount),
    return_id     bigint REFERENCES payment_returns,
    reason        text CHECK (char_length(reason) <= 200),
    ledger_transaction_id bigint NOT NULL,
    reversed_at   timestamptz NOT NULL,
    CONSTRAINT reversal_of_a_return CHECK ((kind = 'returned') = (return_id IS NOT NULL)),
    -- Only the bank may take back what was spent.
    CONSTRAINT reversal_is_of_unspent CHECK (kind = 'returned' OR clawed_back = 0)
);
CREATE INDEX allocation_reversals_allocation ON allocation_reversals (allocation_id);
CREATE INDEX allocation_reversals_return ON allocation_reversals (return_id)
    WHERE return_id IS NOT NULL;
CREATE TRIGGER allocation_reversals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON allocation_reversals FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- What is said of an allocation is what its reversals sum to, and each was posted:
-- taken from the account's balance.
CREATE FUNCTION check_reversals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT allocation_id FROM inserted OFFSET 0) n
                JOIN allocations a USING (allocation_id)
               WHERE a.reversed <>
                     (SELECT sum(r.amount) FROM allocation_reversals r
                       WHERE r.allocation_id = a.allocation_id)) THEN
        RAISE EXCEPTION 'a reversal that its allocation does not have'
            USING ERRCODE = '23514', CONSTRAINT = 'reversals_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n JOIN allocations a USING (allocation_id)
                WHERE NOT EXISTS (SELECT 1 FROM ledger_transfers t
                                   WHERE t.ledger_transaction_id = n.ledger_transaction_id
                                     AND t.debit_account = a.account_id
                                     AND t.currency = a.currency)) THEN
        RAISE EXCEPTION 'a reversal without its posting'
            USING ERRCODE = '23503', CONSTRAINT = 'reversal_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER allocation_reversals_inserted AFTER INSERT ON allocation_reversals
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_reversals();

-- Returns that cannot be applied yet, and when that is tried again.
CREATE TABLE parked_returns (
    bank_account text COLLATE "C" NOT NULL,
    bank_key     text COLLATE "C" NOT NULL,
    -- The bank's id of the original, if the return gives it.
    original_key text COLLATE "C",
    why          text COLLATE "C" NOT NULL CHECK (why IN ('no_original', 'exceeds_payment',
                 'contradicted', 'no_return', 'fee_above_limit', 'split_payment',
                 'possible_duplicate', 'undecided', 'several_payments', 'exceeds_return',
                 'original_in_doubt')),
    parked_at    timestamptz NOT NULL,
    tried_at     timestamptz NOT NULL,
    -- When a person did what it may have waited for: it is tried again at once.
    woken_at     timestamptz,
    PRIMARY KEY (bank_account, bank_key),
    FOREIGN KEY (bank_account, bank_key)
        REFERENCES money_records (bank_account, bank_key)
) WITH (fillfactor = 50);
CREATE INDEX parked_returns_tried ON parked_returns (tried_at);
CREATE INDEX parked_returns_wait_for_persons ON parked_returns (bank_account, why)
    WHERE why IN ('original_in_doubt', 'split_payment');

-- One payment for several customers: a person shares it out. Each part is a payment of its own with
-- its own account, so that no allocation crosses accounts.
CREATE TABLE payment_splits (
    -- The payment that the part is.
    part_id     text COLLATE "C" PRIMARY KEY REFERENCES money_records (payment_id),
    -- The payment that it was split from.
    payment_id  text COLLATE "C" NOT NULL REFERENCES money_records (payment_id),
    -- 1, 2, 3… for each payment, over all its splits.
    part        integer NOT NULL CHECK (part > 0),
    account_id  text COLLATE "C" NOT NULL REFERENCES accounts,
    currency    currency_code NOT NULL,
    amount      bigint NOT NULL CHECK (amount > 0),
    reason      text CHECK (char_length(reason) <= 200),
    -- The posting of the part.
    ledger_transaction_id bigint NOT NULL,
    split_at    timestamptz NOT NULL,
    UNIQUE (payment_id, part),
    CONSTRAINT split_part_is_another_payment CHECK (part_id <> payment_id)
);
CREATE TRIGGER payment_splits_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_splits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A part that went back: by a command, or because the bank took back the whole payment.
CREATE TABLE split_undos (
    part_id     text COLLATE "C" PRIMARY KEY REFERENCES payment_splits,
    amount      bigint NOT NULL CHECK (amount > 0),
    return_id   bigint REFERENCES payment_returns,
    reason      text CHECK (char_length(reason) <= 200),
    ledger_transaction_id bigint NOT NULL,
    undone_at   timestamptz NOT NULL
);
CREATE TRIGGER split_undos_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON split_undos
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A part is what it was split from: same currency, same day, and not itself a part. A payment has
-- given what its parts have, and each step is posted. Both tables are written by one statement.
CREATE FUNCTION check_splits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM payment_splits s
                JOIN payments p ON p.payment_id = s.part_id
                JOIN payments w ON w.payment_id = s.payment_id
               WHERE s.part_id IN (SELECT part_id FROM inserted)
                 AND (p.origin <> 'split' OR w.origin = 'split' OR p.received_on <> w.received_on
                      OR (p.account_id, p.currency, p.amount)
                         IS DISTINCT FROM (s.account_id, s.currency, s.amount)
                      OR p.currency <> w.currency)) THEN
        RAISE EXCEPTION 'a part that is not what it was split from'
            USING ERRCODE = '23514', CONSTRAINT = 'split_part_is_of_its_payment';
    END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT s.payment_id FROM payment_splits s
                               WHERE s.part_id IN (SELECT part_id FROM inserted) OFFSET 0) n
                JOIN payments w USING (payment_id)
               WHERE w.split <> (SELECT sum(s.amount) - coalesce(sum(u.amount), 0)
                                   FROM payment_splits s LEFT JOIN split_undos u USING (part_id)
                                  WHERE s.payment_id = w.payment_id)) THEN
        RAISE EXCEPTION 'a payment has not given what its parts have'
            USING ERRCODE = '23514', CONSTRAINT = 'splits_sum_up';
    END IF;
    IF EXISTS (SELECT 1 FROM inserted n
                WHERE NOT EXISTS (SELECT 1 FROM ledger_transfers t
                                   WHERE t.ledger_transaction_id = n.ledger_transaction_id
                                     AND t.leg = 1 AND t.payment_id = n.part_id)) THEN
        RAISE EXCEPTION 'a part without its posting'
            USING ERRCODE = '23503', CONSTRAINT = 'split_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_splits_inserted AFTER INSERT ON payment_splits
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION check_splits();
CREATE TRIGGER split_undos_inserted AFTER INSERT ON split_undos
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION check_splits();
CREATE FUNCTION check_split_undos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM inserted n JOIN payments p ON p.payment_id = n.part_id
               WHERE p.split <> n.amount) THEN
        RAISE EXCEPTION 'a part has not given back what is said of it'
            USING ERRCODE = '23514', CONSTRAINT = 'split_undo_is_of_its_part';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER split_undos_given_back AFTER INSERT ON split_undos
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION check_split_undos();

---------------------------------------------------------------------------------------------
-- Usage: charges, refunds, holds and watermarks. Facts: what they do to a balance is never refused,
-- and what was recorded never changes. Amounts are micros, with all six decimals.

-- Charges are the most there is, so they are kept by month of charged_at, UTC, and a month that is
-- old enough goes as a whole (prune_usage). Months are made ahead by the job `prune`; what comes
-- where none was made stands in usage_charges_rest, so no charge is refused.
--
-- A free or failed call is remembered, so that it counts once; it posts nothing. Its id is what
-- rating and charging systems give: visible ASCII.
CREATE TABLE usage_charges (
    charge_id   bigint NOT NULL,
    amount      bigint NOT NULL CHECK (amount >= 0),
    -- What no lot had when it was charged: debt.
    uncovered   bigint NOT NULL CHECK (uncovered BETWEEN 0 AND amount),
    -- The lot that had all the rest. NULL: several had it (lot_consumptions), or there is no rest.
    lot_id      bigint,
    ledger_transaction_id bigint,
    occurred_at timestamptz NOT NULL,
    charged_at  timestamptz NOT NULL,
    currency    currency_code NOT NULL,
    kind        text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 200),
    account_id  text COLLATE "C" NOT NULL,
    usage_id    text COLLATE "C" NOT NULL
                CHECK (usage_id !~ '[^!-~]' AND length(usage_id) BETWEEN 1 AND 128),
    hold_id     text COLLATE "C",
    PRIMARY KEY (charge_id, charged_at),
    CONSTRAINT usage_charges_post_what_is_charged
        CHECK ((ledger_transaction_id IS NULL) = (amount = 0)),
    CONSTRAINT usage_charges_lot_burnt_something CHECK (lot_id IS NULL OR uncovered < amount)
) PARTITION BY RANGE (charged_at);
CREATE TRIGGER usage_charges_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_charges
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A partition is written through usage_charges alone, whose triggers are the fence between
-- customers: a statement that names the partition itself is refused.
CREATE FUNCTION refuse_direct_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'charges are written through usage_charges, and never changed'
        USING ERRCODE = '42501';
END $$;
CREATE TABLE usage_charges_rest PARTITION OF usage_charges DEFAULT;
CREATE TRIGGER usage_charges_indirect BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON usage_charges_rest FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct_write();

-- Each name of a charge counts once, for ever: also when the charge itself is gone. It is written
-- by the statement that writes the charge, and by nothing else.
CREATE TABLE usage_ids (
    charge_id  bigint NOT NULL,
    charged_at timestamptz NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    usage_id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, usage_id)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
        autovacuum_analyze_scale_factor = 0.02);
CREATE TRIGGER usage_ids_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_ids
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE FUNCTION note_usage_ids() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO usage_ids (charge_id, charged_at, account_id, usage_id)
    SELECT charge_id, charged_at, account_id, usage_id FROM inserted;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_charges_named AFTER INSERT ON usage_charges
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION note_usage_ids();

-- Charges before this are not looked at any more: they are gone, or about to go. It is a month's
-- first instant, and never moves back.
CREATE TABLE usage_kept (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since    timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO usage_kept DEFAULT VALUES;
CREATE FUNCTION refuse_keeping_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'charges that were given up are not looked at again'
        USING ERRCODE = '23514', CONSTRAINT = 'usage_kept_goes_on';
END $$;
CREATE TRIGGER usage_kept_goes_on BEFORE UPDATE ON usage_kept FOR EACH ROW
    WHEN (NEW.since < OLD.since) EXECUTE FUNCTION refuse_keeping_more();
CREATE TRIGGER usage_kept_stays BEFORE DELETE OR TRUNCATE ON usage_kept
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- Months whose charges are gone, and what they came to: all that the balances, the lots and the
-- audit still need of them.
CREATE TABLE pruned_months (
    since   timestamptz PRIMARY KEY,
    until   timestamptz NOT NULL CHECK (until > since),
    charges bigint NOT NULL CHECK (charges >= 0)
);
CREATE TABLE pruned_usage (
    since      timestamptz NOT NULL REFERENCES pruned_months,
    account_id text COLLATE "C" NOT NULL,
    currency   currency_code NOT NULL,
    charges    bigint NOT NULL CHECK (charges > 0),
    amount     bigint NOT NULL CHECK (amount >= 0),
    uncovered  bigint NOT NULL CHECK (uncovered BETWEEN 0 AND amount),
    -- What was uncovered and not refunded.
    owed       bigint NOT NULL CHECK (owed BETWEEN 0 AND uncovered),
    PRIMARY KEY (account_id, currency, since)
);
-- What charges burnt that burnt one lot alone; the others are in lot_consumptions, which stays.
CREATE TABLE pruned_burns (
    since      timestamptz NOT NULL REFERENCES pruned_months,
    lot_id     bigint NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    amount     bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (lot_id, since)
);
CREATE TRIGGER pruned_months_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned_months
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER pruned_usage_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned_usage
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER pruned_burns_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pruned_burns
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

CREATE TABLE usage_refunds (
    account_id  text COLLATE "C" NOT NULL,
    refund_id   text COLLATE "C" NOT NULL
                CHECK (refund_id !~ '[^!-~]' AND length(refund_id) BETWEEN 1 AND 128),
    refund_number bigint NOT NULL,
    usage_id    text COLLATE "C" NOT NULL,
    currency    currency_code NOT NULL,
    amount      bigint NOT NULL CHECK (amount >= 0),
    ledger_transaction_id bigint,
    refunded_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, refund_id),
    FOREIGN KEY (account_id, usage_id) REFERENCES usage_ids,
    CONSTRAINT usage_refunds_post_what_is_refunded
        CHECK ((ledger_transaction_id IS NULL) = (amount = 0))
);
CREATE INDEX usage_refunds_charge ON usage_refunds (account_id, usage_id);
CREATE TRIGGER usage_refunds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_refunds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- The fence between customers: all charges of a ledger transaction are written by one statement and
-- sum to what that transaction took from the balance of their account, and a charge that names a
-- lot burnt its own customer's money. (Nothing here depends on the trigger, so that the plan is
-- made once.)
CREATE FUNCTION check_charges() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM inserted n WHERE n.lot_id IS NOT NULL AND
                (SELECT true FROM allocations a WHERE a.allocation_id = n.lot_id
                    AND a.account_id = n.account_id AND a.currency = n.currency LIMIT 1) IS NULL)
    THEN
        RAISE EXCEPTION 'a charge that burnt a lot of another account or currency'
            USING ERRCODE = '23503', CONSTRAINT = 'charge_has_its_lot';
    END IF;
    IF EXISTS (
        SELECT 1 FROM (
            SELECT n.ledger_transaction_id, n.account_id, n.currency, n.charged_at,
                   sum(n.amount) AS total
              FROM inserted n WHERE n.amount > 0 GROUP BY 1, 2, 3, 4 OFFSET 0) sums
         WHERE sums.total IS DISTINCT FROM (
            SELECT t.amount FROM ledger_transfers t
             WHERE t.ledger_transaction_id = sums.ledger_transaction_id AND t.leg = 1
               AND t.kind = 'usage_charged' AND t.debit_account = sums.account_id
               AND t.currency = sums.currency
               -- So the postings of a month are its charges, also when these are gone.
               AND t.posted_at = sums.charged_at LIMIT 1))
    THEN
        RAISE EXCEPTION 'charges that are not what the ledger says'
            USING ERRCODE = '23503', CONSTRAINT = 'usage_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_charges_inserted AFTER INSERT ON usage_charges
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_charges();

-- As for charges: what a ledger transaction gave to the balance of their account.
CREATE FUNCTION check_refunds_posted() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (
            SELECT n.ledger_transaction_id, n.account_id, n.currency, sum(n.amount) AS total
              FROM inserted n WHERE n.amount > 0 GROUP BY 1, 2, 3 OFFSET 0) sums
         WHERE sums.total IS DISTINCT FROM (
            SELECT t.amount FROM ledger_transfers t
             WHERE t.ledger_transaction_id = sums.ledger_transaction_id AND t.leg = 1
               AND t.kind = 'usage_refunded' AND t.credit_account = sums.account_id
               AND t.currency = sums.currency LIMIT 1))
    THEN
        RAISE EXCEPTION 'refunds that are not what the ledger says'
            USING ERRCODE = '23503', CONSTRAINT = 'usage_is_posted';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_refunds_inserted AFTER INSERT ON usage_refunds
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION check_refunds_posted();

-- What each lot lost and was given back: what is left of it is its amount less the sum of these.
CREATE VIEW lot_moves AS
SELECT charge_id AS cause_id, lot_id, 'charge' COLLATE "C" AS kind, account_id,
       amount - uncovered AS amount
  FROM usage_charges WHERE lot_id IS NOT NULL
 UNION ALL
SELECT cause_id, lot_id, kind, account_id, amount FROM lot_consumptions
 UNION ALL
SELECT NULL, lot_id, 'charge', account_id, amount FROM pruned_burns;

CREATE FUNCTION check_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM usage_ids u
          JOIN usage_charges c ON c.charge_id = u.charge_id AND c.charged_at = u.charged_at
         WHERE u.account_id = NEW.account_id AND u.usage_id = NEW.usage_id
           AND u.charged_at >= (SELECT since FROM usage_kept)
           AND c.currency = NEW.currency
           AND c.amount >= (SELECT sum(r.amount) FROM usage_refunds r
                             WHERE r.account_id = NEW.account_id AND r.usage_id = NEW.usage_id))
    THEN
        RAISE EXCEPTION 'more is refunded than was charged for %', NEW.usage_id
            USING ERRCODE = '23514', CONSTRAINT = 'refunds_within_charge';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_within_charge AFTER INSERT ON usage_refunds
    FOR EACH ROW EXECUTE FUNCTION check_refunds();

-- A month's partition, unless it is there. What came before it was made moves into it. It is
-- written once and read seldom, so it is frozen as it grows: nothing is left to do when it is old.
CREATE FUNCTION make_usage_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    next  timestamptz := (date_trunc('month', month::timestamp) + interval '1 month')
                         AT TIME ZONE 'UTC';
    part  text := 'usage_charges_' || to_char(month, 'YYYY_MM');
    early boolean;
BEGIN
    IF to_regclass(part) IS NOT NULL OR first < (SELECT since FROM usage_kept) THEN
        RETURN false;
    END IF;
    IF first > now() + interval '400 days' THEN
        RAISE EXCEPTION 'months are made a year ahead at the most'
            USING ERRCODE = '23514', CONSTRAINT = 'usage_months_are_near';
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE usage_charges INCLUDING CONSTRAINTS) WITH ('
        'autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000, '
        'autovacuum_freeze_min_age = 0, autovacuum_analyze_scale_factor = 0.02)', part);
    early := EXISTS (SELECT FROM usage_charges_rest
                      WHERE charged_at >= first AND charged_at < next);
    IF early THEN
        ALTER TABLE usage_charges DETACH PARTITION usage_charges_rest;
        ALTER TABLE usage_charges_rest DISABLE TRIGGER usage_charges_indirect;
        EXECUTE format('WITH moved AS (DELETE FROM usage_charges_rest '
            'WHERE charged_at >= %L AND charged_at < %L RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved', first, next, part);
        ALTER TABLE usage_charges_rest ENABLE TRIGGER usage_charges_indirect;
    END IF;
    EXECUTE format('CREATE TRIGGER usage_charges_indirect BEFORE INSERT OR UPDATE OR DELETE '
        'OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_direct_write()', part);
    EXECUTE format('ALTER TABLE usage_charges ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   part, first, next);
    IF early THEN
        ALTER TABLE usage_charges ATTACH PARTITION usage_charges_rest DEFAULT;
    END IF;
    RETURN true;
END $$;
SELECT make_usage_month((date_trunc('month', now() AT TIME ZONE 'UTC')
                         + ahead * interval '1 month')::date)
  FROM generate_series(0, 3) AS ahead;

-- The months of charges that there are.
CREATE VIEW usage_months AS
SELECT c.relname::text AS part, m.month, m.month::timestamp AT TIME ZONE 'UTC' AS since,
       (m.month + interval '1 month') AT TIME ZONE 'UTC' AS until
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 CROSS JOIN LATERAL (SELECT CASE WHEN c.relname ~ '^usage_charges_[0-9]+_[0-9]+$'
                                 THEN to_date(substr(c.relname, 15), 'YYYY_MM') END) AS m (month)
 WHERE i.inhparent = 'usage_charges'::regclass AND m.month IS NOT NULL;

-- What no lot had when it was charged, of all charges ever.
CREATE VIEW usage_uncovered AS
SELECT account_id, currency, uncovered FROM usage_charges
 UNION ALL
SELECT account_id, currency, uncovered FROM pruned_usage;

-- Charges of the months that ended before that are not looked at from now on: no refund finds them.
-- Who found one before has ended when this commits. Half a year is kept in any case.
CREATE FUNCTION close_usage(before timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE ended record;
BEGIN
    IF before > now() - interval '180 days' THEN
        RAISE EXCEPTION 'charges are kept for half a year at least'
            USING ERRCODE = '23514', CONSTRAINT = 'usage_is_kept';
    END IF;
    FOR ended IN SELECT part, until FROM usage_months m
                  WHERE m.until <= before AND m.until > (SELECT since FROM usage_kept)
                  ORDER BY m.until
    LOOP
        UPDATE usage_kept SET since = ended.until;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', ended.part);
    END LOOP;
END $$;

-- Takes away the oldest month that was closed, once what it came to is written. Returns how many
-- charges that were; NULL when there is none.
CREATE FUNCTION prune_usage() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = on SET enable_hashjoin = on SET enable_mergejoin = on AS $$
DECLARE
    oldest record;
    gone   bigint;
BEGIN
    SELECT * INTO oldest FROM usage_months
     WHERE until <= (SELECT since FROM usage_kept) ORDER BY until LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Nobody writes there any more; this makes it sure.
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', oldest.part);
    EXECUTE format('SELECT count(*) FROM %I', oldest.part) INTO gone;
    INSERT INTO pruned_months VALUES (oldest.since, oldest.until, gone);
    EXECUTE format('INSERT INTO pruned_usage (since, account_id, currency, charges, amount,
            uncovered, owed)
        SELECT %L, c.account_id, c.currency, count(*), sum(c.amount), sum(c.uncovered),
               sum(c.uncovered - least(c.uncovered, coalesce(r.refunded, 0)))
          FROM %I c
          LEFT JOIN (SELECT account_id, usage_id, sum(amount) AS refunded FROM usage_refunds
                      GROUP BY account_id, usage_id) r USING (account_id, usage_id)
         GROUP BY c.account_id, c.currency', oldest.since, oldest.part);
    EXECUTE format('INSERT INTO pruned_burns (since, lot_id, account_id, amount)
        SELECT %L, lot_id, account_id, sum(amount - uncovered) FROM %I
         WHERE lot_id IS NOT NULL GROUP BY lot_id, account_id', oldest.since, oldest.part);
    EXECUTE format('DROP TABLE %I', oldest.part);
    RETURN gone;
END $$;
REVOKE EXECUTE ON FUNCTION make_usage_month(date), close_usage(timestamptz), prune_usage()
    FROM PUBLIC;

CREATE TABLE holds (
    -- Refers to accounts: check_account_exists.
    account_id text COLLATE "C" NOT NULL,
    hold_id    text COLLATE "C" NOT NULL
               CHECK (hold_id !~ '[^!-~]' AND length(hold_id) BETWEEN 1 AND 128),
    currency   currency_code NOT NULL,
    -- Zero: its charge came first.
    amount     bigint NOT NULL CHECK (amount >= 0),
    released   bigint NOT NULL CHECK (released BETWEEN 0 AND amount),
    state      text COLLATE "C" NOT NULL
               CHECK (state IN ('live', 'captured', 'released', 'expired')),
    placed_at  timestamptz NOT NULL,
    ended_at   timestamptz,
    -- When the record was written that said last what is held, as its source says. An older one
    -- that is replayed by hand sets nothing back. None: it never came.
    told_at    timestamptz,
    PRIMARY KEY (account_id, hold_id),
    CONSTRAINT hold_ended_iff_stamped CHECK ((state = 'live') = (ended_at IS NULL)),
    CONSTRAINT hold_released_in_full CHECK (state <> 'released' OR released = amount),
    CONSTRAINT hold_live_holds_something CHECK (state <> 'live' OR released < amount)
);
CREATE INDEX holds_live ON holds (placed_at) WHERE state = 'live';
CREATE INDEX holds_live_of_account ON holds (account_id) WHERE state = 'live';
CREATE TRIGGER holds_stay BEFORE DELETE OR TRUNCATE ON holds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
-- Whose it is never changes: hold_stays_ended.
CREATE TRIGGER holds_inserted AFTER INSERT ON holds
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION check_account_exists();

-- A live hold may be set to any amount, also to what it was before a part was released: then all of
-- it is held again. What has ended stays as it ended, and its age begins no earlier than it did.
CREATE FUNCTION refuse_hold_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % has ended, or would become older or another', OLD.hold_id
        USING ERRCODE = '23514', CONSTRAINT = 'hold_stays_ended';
END $$;
CREATE TRIGGER hold_stays_ended AFTER UPDATE ON holds FOR EACH ROW
    WHEN (OLD.state <> 'live' OR NEW.placed_at < OLD.placed_at
        OR (OLD.account_id, OLD.hold_id, OLD.currency)
            IS DISTINCT FROM (NEW.account_id, NEW.hold_id, NEW.currency))
    EXECUTE FUNCTION refuse_hold_change();

-- Every usage record before that instant has been read from that partition. No feed's clock and
-- ours differ by a day: a watermark beyond that is nobody's knowledge.
CREATE TABLE usage_watermarks (
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    complete_through timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (topic, partition),
    CONSTRAINT watermark_is_of_the_past CHECK (complete_through <= updated_at + interval '1 day')
) WITH (fillfactor = 50);

-- What says "there is no more before T" is believed up to now only. A person may take it back.
CREATE TABLE watermark_resets (
    reset_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    complete_through timestamptz NOT NULL,
    operator         text NOT NULL CHECK (operator <> ''),
    reason           text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    reset_at         timestamptz NOT NULL
);
CREATE TRIGGER watermark_resets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON watermark_resets FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- A watermark goes only with the name of who took it back.
CREATE FUNCTION check_watermark_reset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM watermark_resets r
                    WHERE r.topic = OLD.topic AND r.partition = OLD.partition
                      AND r.complete_through = OLD.complete_through
                      AND r.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'a watermark of % goes without a reset', OLD.topic
            USING ERRCODE = '23514', CONSTRAINT = 'watermark_goes_with_a_reset';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER watermark_goes_with_a_reset AFTER DELETE ON usage_watermarks
    FOR EACH ROW EXECUTE FUNCTION check_watermark_reset();

---------------------------------------------------------------------------------------------
-- Matching: rule sets, decisions and the durable watch.

-- Policies of matching as numbered rule sets.
CREATE TABLE rule_sets (
    version      integer PRIMARY KEY CHECK (version >= 0),
    -- JSON in one form only (rules::canonical): the same policies are the same text.
    content      text NOT NULL CHECK (length(content) BETWEEN 2 AND 4194304),
    content_hash bytea NOT NULL UNIQUE CHECK (length(content_hash) = 32),
    created_at   timestamptz NOT NULL,
    operator     text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    comment      text CHECK (char_length(comment) <= 200),
    CONSTRAINT rule_set_hash_is_of_its_content
        CHECK (content_hash = sha256(convert_to(content, 'UTF8')))
);
-- Version 0 stands for the settings of the configuration, so that every decision names a rule set.
INSERT INTO rule_sets (version, content, content_hash, created_at, operator, comment)
VALUES (0, '{}', sha256(convert_to('{}', 'UTF8')), now(), 'topup', 'the configuration');

-- The latest row says which is active; none means version 0.
CREATE TABLE rule_set_activations (
    activation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version       integer NOT NULL REFERENCES rule_sets,
    activated_at  timestamptz NOT NULL,
    operator      text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason        text CHECK (char_length(reason) BETWEEN 1 AND 2000)
);

CREATE FUNCTION refuse_change_of_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rule sets and their activations are append-only' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER rule_sets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON rule_sets FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_rules();
CREATE TRIGGER rule_set_activations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON rule_set_activations FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_rules();

-- Two batches may decide a payment at once, one after the other by its locks: the one that began
-- first may write last. So each decision takes its place when it is written.
CREATE SEQUENCE decision_places;

-- Decisions but for that which was made when the payment was recorded: that one is in the payment's
-- row.
CREATE TABLE further_decisions (
    decision_id      bigint NOT NULL,
    payment_id       text COLLATE "C" NOT NULL REFERENCES money_records (payment_id),
    rule             text COLLATE "C" NOT NULL CHECK (rule ~ '^(R[0-9][0-9]?[a-z]?|G[0-9])$'),
    -- The version of the rules in the code.
    rule_set_version integer NOT NULL,
    outcome          text COLLATE "C" NOT NULL
                     CHECK (outcome IN ('allocated', 'suggested', 'on_account', 'parked')),
    reason           text COLLATE "C",
    -- JSON: candidates, why each was refused, counts (domain::matching::Explanation).
    explanation      bytea NOT NULL CHECK (octet_length(explanation) > 0),
    caused_by_source text COLLATE "C" NOT NULL,
    caused_by_id     text COLLATE "C" NOT NULL,
    decided_at       timestamptz NOT NULL,
    -- Which policies decided. No foreign key: every payment would lock one row (ADR 0005); the
    -- audit compares (A34).
    policy_version   integer NOT NULL DEFAULT 0 CHECK (policy_version >= 0),
    place            bigint NOT NULL DEFAULT nextval('decision_places'),
    -- Of the explanation: 0 as it is, 1 packed by zstd with the dictionary of the program.
    form             smallint NOT NULL DEFAULT 0 CHECK (form IN (0, 1)),
    PRIMARY KEY (payment_id, decision_id)
);
ALTER TABLE further_decisions ALTER COLUMN explanation SET STORAGE EXTERNAL;
CREATE FUNCTION refuse_change_of_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was decided is never changed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER further_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON further_decisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_decision();

-- A decision stands in one place. (The payment is there before, and its first decision stays.)
CREATE FUNCTION check_further_decisions() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM made n
                WHERE (SELECT p.first_decision_id FROM payments p
                        WHERE p.payment_id = n.payment_id LIMIT 1) = n.decision_id) THEN
        RAISE EXCEPTION 'a decision that the payment has already'
            USING ERRCODE = '23505', CONSTRAINT = 'decision_stands_once';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER decision_stands_once AFTER INSERT ON further_decisions
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION check_further_decisions();

-- All decisions. The first one was made when the payment was recorded; its place is NULL, which
-- stands before all that have one.
CREATE VIEW decisions AS
SELECT first_decision_id AS decision_id, payment_id, first_rule AS rule,
       first_rule_set_version AS rule_set_version, first_outcome AS outcome,
       first_reason AS reason, first_explanation AS explanation,
       first_caused_by_source AS caused_by_source, first_caused_by_id AS caused_by_id,
       recorded_at AS decided_at, first_policy_version AS policy_version, NULL::bigint AS place,
       first_form AS form
  FROM money_records WHERE first_decision_id IS NOT NULL
 UNION ALL
SELECT decision_id, payment_id, rule, rule_set_version, outcome, reason, explanation,
       caused_by_source, caused_by_id, decided_at, policy_version, place, form
  FROM further_decisions;

-- What names a decision names one that was made. For a whole statement at once; no decision goes
-- or changes, and neither do those who name it.
CREATE FUNCTION check_decision_exists() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed n WHERE n.decision_id IS NOT NULL
                AND (SELECT true FROM payments p WHERE p.payment_id = n.payment_id
                        AND p.first_decision_id = n.decision_id LIMIT 1) IS NULL
                AND (SELECT true FROM further_decisions d WHERE d.payment_id = n.payment_id
                        AND d.decision_id = n.decision_id LIMIT 1) IS NULL)
    THEN
        RAISE EXCEPTION 'a row of % by a decision that was not made', TG_TABLE_NAME
            USING ERRCODE = '23503', CONSTRAINT = TG_TABLE_NAME || '_have_their_decision';
    END IF;
    RETURN NULL;
END $$;

-- What a parked payment waits for: 'ref:RF…', 'number:INV-1', 'account:ACC-1:SGD'.
CREATE TABLE watches (
    watch_key  text COLLATE "C" NOT NULL CHECK (length(watch_key) BETWEEN 1 AND 200),
    payment_id text COLLATE "C" NOT NULL REFERENCES money_records (payment_id),
    PRIMARY KEY (watch_key, payment_id)
);
CREATE INDEX watches_payment ON watches (payment_id);

---------------------------------------------------------------------------------------------
-- Review: what a person may choose for a payment, what became of each choice, and what is learnt.

CREATE TABLE suggestions (
    -- The decision, and which of its choices: '1048577-1'.
    suggestion_id text COLLATE "C" PRIMARY KEY
        CHECK (suggestion_id !~ '[^A-Za-z0-9._:-]' AND length(suggestion_id) BETWEEN 1 AND 64),
    payment_id    text COLLATE "C" NOT NULL,
    -- Refers to decisions: check_decision_exists.
    decision_id   bigint NOT NULL,
    account_id    text COLLATE "C" NOT NULL REFERENCES accounts,
    currency      currency_code NOT NULL,
    status        text COLLATE "C" NOT NULL DEFAULT 'open'
                  CHECK (status IN ('open', 'confirmed', 'rejected', 'superseded')),
    suggested_at  timestamptz NOT NULL,
    resolved_at   timestamptz,
    -- The record in which a person said so, and what they said.
    resolved_by_source text COLLATE "C",
    resolved_by_id     text COLLATE "C",
    reason        text CHECK (char_length(reason) <= 200),
    CONSTRAINT suggestion_closed_iff_stamped CHECK ((status = 'open') = (resolved_at IS NULL)),
    CONSTRAINT suggestion_person_iff_recorded
        CHECK ((status IN ('confirmed', 'rejected'))
               = (resolved_by_source IS NOT NULL AND resolved_by_id IS NOT NULL)),
    CONSTRAINT suggestion_reason_needs_person
        CHECK (reason IS NULL OR resolved_by_id IS NOT NULL)
);
CREATE INDEX suggestions_payment ON suggestions (payment_id);
CREATE INDEX suggestions_open ON suggestions (account_id) WHERE status = 'open';
CREATE FUNCTION refuse_suggestion_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'suggestion % is % and stays as it is', OLD.suggestion_id, OLD.status
        USING ERRCODE = '23514', CONSTRAINT = 'suggestion_stays';
END $$;
-- A suggestion is closed once, and says for ever what it suggested.
CREATE TRIGGER suggestion_stays BEFORE UPDATE ON suggestions FOR EACH ROW
    WHEN (OLD.status <> 'open'
          OR (OLD.suggestion_id, OLD.payment_id, OLD.decision_id, OLD.account_id, OLD.currency,
              OLD.suggested_at)
             IS DISTINCT FROM
             (NEW.suggestion_id, NEW.payment_id, NEW.decision_id, NEW.account_id, NEW.currency,
              NEW.suggested_at))
    EXECUTE FUNCTION refuse_suggestion_change();
CREATE TRIGGER suggestions_have_their_decision AFTER INSERT ON suggestions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_decision_exists();
CREATE TRIGGER suggestions_are_kept BEFORE DELETE OR TRUNCATE ON suggestions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- Several invoices of one suggestion are taken together.
CREATE TABLE suggestion_invoices (
    suggestion_id text COLLATE "C" NOT NULL REFERENCES suggestions,
    invoice_id    text COLLATE "C" NOT NULL REFERENCES invoices,
    -- What the invoice would get.
    amount        bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (suggestion_id, invoice_id)
);
CREATE INDEX suggestion_invoices_invoice ON suggestion_invoices (invoice_id);
CREATE TRIGGER suggestion_invoices_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON suggestion_invoices FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Payments that are one invoice together: the choice of one of them names the others.
CREATE TABLE suggestion_payments (
    suggestion_id text COLLATE "C" NOT NULL REFERENCES suggestions,
    payment_id    text COLLATE "C" NOT NULL REFERENCES money_records (payment_id),
    -- What the invoice would get of this payment.
    amount        bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (suggestion_id, payment_id)
);
CREATE INDEX suggestion_payments_payment ON suggestion_payments (payment_id);
CREATE TRIGGER suggestion_payments_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON suggestion_payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- The others are not the payment itself, are of the same currency, and of no other customer.
CREATE FUNCTION check_suggestion_payments() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT n.suggestion_id INTO wrong
      FROM added n
      JOIN suggestions s ON s.suggestion_id = n.suggestion_id
      JOIN payments p ON p.payment_id = n.payment_id
     WHERE p.payment_id = s.payment_id OR p.currency <> s.currency
        OR p.account_id <> s.account_id OR n.amount > p.amount
     LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'suggestion % names a payment that cannot be part of it', wrong
            USING ERRCODE = '23514', CONSTRAINT = 'suggestion_payments_fit';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER suggestion_payments_fit AFTER INSERT ON suggestion_payments
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_suggestion_payments();

-- Aliases: a payer's account that persons gave to a customer. Nobody has verified it.
CREATE TABLE payer_aliases (
    payer_account text COLLATE "C" NOT NULL
                    CHECK (payer_account !~ '[^A-Z0-9]' AND length(payer_account) BETWEEN 1 AND 64
                           OR payer_account = 'forgotten:' || alias_id),
    account_id    text COLLATE "C" NOT NULL REFERENCES accounts,
    -- Payments that were confirmed since it was last demoted; two make it strong.
    confirmations integer NOT NULL CHECK (confirmations >= 0),
    -- The latest day of a payment that made or used it; after 400 days more it counts for nothing.
    last_used_on  date NOT NULL,
    demoted_at    timestamptz,
    -- A page of what was learnt ends with a number: a payer's account is no business of a cursor.
    alias_id      bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (payer_account, account_id),
    CONSTRAINT alias_demoted_iff_nothing_confirmed
        CHECK ((confirmations = 0) = (demoted_at IS NOT NULL))
);
CREATE INDEX payer_aliases_account ON payer_aliases (account_id);
CREATE UNIQUE INDEX payer_aliases_id ON payer_aliases (alias_id);
CREATE TRIGGER payer_aliases_are_kept BEFORE DELETE OR TRUNCATE ON payer_aliases
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- What made an alias, what rested on it, and what took it back.
CREATE TABLE payer_alias_uses (
    use_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer_account    text COLLATE "C" NOT NULL,
    account_id       text COLLATE "C" NOT NULL,
    payment_id       text COLLATE "C" NOT NULL,
    kind             text COLLATE "C" NOT NULL CHECK (kind IN ('confirmed', 'used', 'demoted')),
    -- The decision that rested on it. Refers to decisions: check_decision_exists.
    decision_id      bigint,
    -- The suggestion whose confirmation made it, if it was one.
    suggestion_id    text COLLATE "C" REFERENCES suggestions,
    -- The payment's day.
    used_on          date NOT NULL,
    caused_by_source text COLLATE "C" NOT NULL,
    caused_by_id     text COLLATE "C" NOT NULL,
    recorded_at      timestamptz NOT NULL,
    FOREIGN KEY (payer_account, account_id) REFERENCES payer_aliases ON UPDATE CASCADE,
    CONSTRAINT alias_use_iff_decision CHECK ((kind = 'used') = (decision_id IS NOT NULL)),
    CONSTRAINT alias_suggestion_was_confirmed CHECK (suggestion_id IS NULL OR kind = 'confirmed')
);
-- Each payment teaches once.
CREATE UNIQUE INDEX payer_alias_confirmed_once ON payer_alias_uses
    (payment_id, payer_account, account_id) WHERE kind = 'confirmed';
CREATE INDEX payer_alias_uses_payment ON payer_alias_uses (payment_id);
CREATE INDEX payer_alias_uses_alias ON payer_alias_uses (payer_account, account_id, use_id);
CREATE TRIGGER payer_alias_uses_have_their_decision AFTER INSERT ON payer_alias_uses
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_decision_exists();
CREATE TRIGGER payer_alias_uses_append_only BEFORE DELETE OR TRUNCATE
    ON payer_alias_uses FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER payer_alias_uses_forgotten BEFORE UPDATE ON payer_alias_uses
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_forgotten();
CREATE TRIGGER payer_alias_uses_lose_texts AFTER UPDATE ON payer_alias_uses
    FOR EACH ROW EXECUTE FUNCTION refuse_other_than_forgotten('payer_account');

---------------------------------------------------------------------------------------------
-- Remittance advices: what a payment is for, told beside it.

-- A claim and no money: it belongs to one payment of its bank account, currency and amount, and is
-- used once. One that is of no use any more ends with its reason: its money paid something else, it
-- was told twice, or a person allocated its money.
CREATE TABLE remittance_advices (
    bank_account      text COLLATE "C" NOT NULL,
    advice_id         text COLLATE "C" NOT NULL CHECK (length(advice_id) BETWEEN 1 AND 128),
    content_hash      bytea NOT NULL CHECK (length(content_hash) = 32),
    payer_account     text CHECK (char_length(payer_account) BETWEEN 1 AND 140),
    payment_reference text CHECK (char_length(payment_reference) BETWEEN 1 AND 140),
    -- As payments are compared with them; NULL where anybody may have written the same.
    payer_key         text COLLATE "C" CHECK (payer_key ~ '^[A-Z0-9]+$'),
    reference_key     text COLLATE "C" CHECK (reference_key ~ '^[A-Z0-9]+$'),
    currency          currency_code NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0),
    state             text COLLATE "C" NOT NULL
        CHECK (state IN ('open', 'used', 'ambiguous', 'expired', 'ended')),
    used_by_payment   text COLLATE "C" REFERENCES money_records (payment_id),
    received_at       timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    source            text COLLATE "C" NOT NULL,
    message_id        text COLLATE "C" NOT NULL,
    -- What it says without its id: the same told again is found by it.
    same_hash         bytea CHECK (length(same_hash) = 32),
    end_reason        text COLLATE "C"
        CHECK (end_reason IN ('money_elsewhere', 'told_twice', 'by_hand')),
    -- The payment, or the other advice, that ended it.
    ended_about       text COLLATE "C" CHECK (ended_about <> ''),
    PRIMARY KEY (bank_account, advice_id),
    CONSTRAINT remittance_advices_one_per_payment UNIQUE (used_by_payment),
    CONSTRAINT remittance_advices_name_a_payment
        CHECK (payer_key IS NOT NULL OR reference_key IS NOT NULL),
    CONSTRAINT remittance_advices_keys_are_of_texts
        CHECK ((payer_key IS NULL OR payer_account IS NOT NULL)
           AND (reference_key IS NULL OR payment_reference IS NOT NULL)),
    CONSTRAINT remittance_advices_used_by_one
        CHECK ((state = 'used') = (used_by_payment IS NOT NULL)),
    CONSTRAINT remittance_advices_expire_later CHECK (expires_at > received_at),
    CONSTRAINT remittance_advices_end_has_its_reason
        CHECK ((state = 'ended') = (end_reason IS NOT NULL)
           AND (state = 'ended') = (ended_about IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX remittance_advices_payer
    ON remittance_advices (payer_key, amount, currency, bank_account)
    WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_reference
    ON remittance_advices (reference_key, amount, currency, bank_account)
    WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_waiting
    ON remittance_advices (bank_account) WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_unused
    ON remittance_advices (state, currency, received_at) WHERE state <> 'used';
CREATE INDEX remittance_advices_by_age
    ON remittance_advices (received_at DESC, bank_account, advice_id);
CREATE INDEX remittance_advices_expiry
    ON remittance_advices (expires_at) WHERE state IN ('open', 'ambiguous');
CREATE INDEX remittance_advices_same ON remittance_advices (bank_account, same_hash);

CREATE TABLE remittance_advice_lines (
    bank_account text COLLATE "C" NOT NULL,
    advice_id    text COLLATE "C" NOT NULL,
    line         integer NOT NULL CHECK (line BETWEEN 1 AND 100),
    -- Not a foreign key: it may name an invoice that is not known yet.
    invoice_id   text COLLATE "C" CHECK (length(invoice_id) BETWEEN 1 AND 64),
    reference    text CHECK (char_length(reference) BETWEEN 1 AND 64),
    amount       bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (bank_account, advice_id, line),
    FOREIGN KEY (bank_account, advice_id) REFERENCES remittance_advices,
    CONSTRAINT remittance_advice_lines_name_one CHECK ((invoice_id IS NULL) <> (reference IS NULL)),
    CONSTRAINT remittance_advice_lines_name_each_once UNIQUE (bank_account, advice_id, invoice_id)
);

-- The lines are the amount: checked at the end of the transaction, when all of them are there.
CREATE FUNCTION check_advice_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount IS DISTINCT FROM (SELECT sum(l.amount)::bigint FROM remittance_advice_lines l
                 WHERE l.bank_account = NEW.bank_account AND l.advice_id = NEW.advice_id) THEN
        RAISE EXCEPTION 'the lines of a remittance advice are not its amount'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_sum_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER remittance_advices_sum_up AFTER INSERT ON remittance_advices
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_advice_sum();

-- What was told stays as it was told; what is used, ended or expired stays so.
CREATE FUNCTION check_advice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('used', 'expired', 'ended') AND is_forgetting()
       AND to_jsonb(OLD) - ARRAY['payer_account', 'payment_reference', 'payer_key',
                                 'reference_key']
         = to_jsonb(NEW) - ARRAY['payer_account', 'payment_reference', 'payer_key',
                                 'reference_key'] THEN
        RETURN NEW;
    END IF;
    IF OLD.state IN ('used', 'expired', 'ended')
       OR (OLD.state = 'ambiguous' AND NEW.state IN ('open', 'used'))
       OR (OLD.bank_account, OLD.advice_id, OLD.content_hash, OLD.payer_account,
           OLD.payment_reference, OLD.payer_key, OLD.reference_key, OLD.currency, OLD.amount,
           OLD.received_at, OLD.expires_at, OLD.source, OLD.message_id, OLD.same_hash)
          IS DISTINCT FROM
          (NEW.bank_account, NEW.advice_id, NEW.content_hash, NEW.payer_account,
           NEW.payment_reference, NEW.payer_key, NEW.reference_key, NEW.currency, NEW.amount,
           NEW.received_at, NEW.expires_at, NEW.source, NEW.message_id, NEW.same_hash) THEN
        RAISE EXCEPTION 'a remittance advice is used once, and stays as it was told'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_stay';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER remittance_advices_stay BEFORE UPDATE ON remittance_advices
    FOR EACH ROW EXECUTE FUNCTION check_advice_change();

CREATE FUNCTION refuse_advice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a remittance advice stays as it was told'
        USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_stay';
END $$;
CREATE TRIGGER remittance_advices_are_kept BEFORE DELETE OR TRUNCATE ON remittance_advices
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_advice_change();
CREATE TRIGGER remittance_advice_lines_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE
    ON remittance_advice_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_advice_change();

-- It belongs to a payment of its own bank account, currency and amount.
CREATE FUNCTION check_advice_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_transactions b
                    WHERE b.payment_id = NEW.used_by_payment
                      AND b.bank_account = NEW.bank_account
                      AND b.currency = NEW.currency AND b.amount = NEW.amount) THEN
        RAISE EXCEPTION 'a remittance advice belongs to a payment of its amount'
            USING ERRCODE = '23514', CONSTRAINT = 'remittance_advices_fit_their_payment';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER remittance_advices_fit_their_payment
    BEFORE INSERT OR UPDATE ON remittance_advices
    FOR EACH ROW WHEN (NEW.used_by_payment IS NOT NULL) EXECUTE FUNCTION check_advice_use();

-- Whether an advice waits for money of these bank accounts, as it is at this moment and not when
-- the statement began: it is asked once the locks are held that an advice takes alone.
CREATE FUNCTION advices_wait(accounts text[]) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM remittance_advices a
                    WHERE a.bank_account = ANY(accounts) AND a.state IN ('open', 'ambiguous'));
END $$;

---------------------------------------------------------------------------------------------
-- Void candidates: a flag with its evidence, never a status. The invoice stays payable.

-- One row an episode: from being flagged to being none any more.
CREATE TABLE void_candidates (
    invoice_id       text COLLATE "C" NOT NULL REFERENCES invoices,
    episode          integer NOT NULL CHECK (episode > 0),
    account_id       text COLLATE "C" NOT NULL,
    currency         currency_code NOT NULL,
    amount_due       bigint NOT NULL CHECK (amount_due > 0),
    due_date         date,
    -- The evidence: since when it is stale, after how many days, how far the bank's feed is known.
    stale_since      timestamptz NOT NULL,
    stale_after_days integer NOT NULL CHECK (stale_after_days BETWEEN 1 AND 3650),
    feed_complete_through timestamptz NOT NULL,
    -- The instant it was flagged for.
    flagged_at       timestamptz NOT NULL,
    cleared_at       timestamptz,
    cleared_by       text COLLATE "C"
                     CHECK (cleared_by IN ('paid', 'resent', 'kept', 'voided', 'not_stale')),
    PRIMARY KEY (invoice_id, episode),
    CONSTRAINT candidate_cleared_iff_stamped
        CHECK ((cleared_at IS NULL) = (cleared_by IS NULL)),
    CONSTRAINT candidate_was_stale
        CHECK (stale_since + make_interval(days => stale_after_days) <= flagged_at)
);
-- At most one episode of an invoice at a time.
CREATE UNIQUE INDEX void_candidates_live ON void_candidates (invoice_id)
    WHERE cleared_at IS NULL;

-- What the job decides by, for each invoice that awaits payment. A page of them is read from its
-- first to its last, and for each of them what may be meant for it. Each look-up is a subquery with
-- a LIMIT: that can only be done row by row through an index, also by a plan that was made for many
-- rows; an EXISTS is also done by reading all there is into a hash table. An invoice that a person
-- may still choose for a payment is no void candidate.
CREATE VIEW candidate_facts AS
SELECT p.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       p.candidate_since, i.amount - p.due AS allocated, i.payment_reference, i.number_key,
       i.stale_after_days,
       -- Money that may be meant for it: a payment that names it or for which it is suggested, …
       (SELECT true FROM watches w WHERE w.watch_key
           IN ('ref:' || i.payment_reference, 'number:' || i.number_key) LIMIT 1) IS NOT NULL
       OR (SELECT true FROM suggestion_invoices si
             JOIN suggestions s ON s.suggestion_id = si.suggestion_id
            WHERE si.invoice_id = i.invoice_id AND s.status = 'open' LIMIT 1) IS NOT NULL AS named,
       -- … or that could pay it in full from the same account.
       (SELECT true FROM open_payments m
         WHERE m.account_id = i.account_id AND m.currency = i.currency
           AND m.free >= p.due LIMIT 1) IS NOT NULL AS payable,
       i.time_zone
FROM payable_invoices p
CROSS JOIN LATERAL (
    SELECT x.*, a.stale_after_days, a.time_zone
      FROM invoices x JOIN accounts a ON a.account_id = x.account_id
     WHERE x.invoice_id = p.invoice_id LIMIT 1) i;

---------------------------------------------------------------------------------------------
-- Records of Kafka: checkpoints, the log under its reader, inbox, waiting commands.

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
    -- Raised when the log is another one than before: its offsets begin again.
    incarnation    integer NOT NULL DEFAULT 1 CHECK (incarnation > 0),
    -- The last record that was processed, and one that was looked at in the log again since: both
    -- must still be there, or the log is not the one that we read.
    last_offset    bigint,
    last_hash      bytea CHECK (length(last_hash) = 32),
    anchor_offset  bigint,
    anchor_hash    bytea CHECK (length(anchor_hash) = 32),
    PRIMARY KEY (consumer_group, topic, partition),
    CONSTRAINT checkpoint_last_is_whole CHECK ((last_offset IS NULL) = (last_hash IS NULL)),
    CONSTRAINT checkpoint_anchor_is_whole CHECK ((anchor_offset IS NULL) = (anchor_hash IS NULL)),
    CONSTRAINT checkpoint_last_is_processed CHECK (last_offset < next_offset)
) WITH (fillfactor = 50);

-- What a log did under its reader, and where reading went on. A row is closed by a person.
CREATE TABLE log_changes (
    change_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    -- replaced: another log under the same name. deleted: records went unread. skipped: a person
    -- went past what cannot be read.
    kind           text COLLATE "C" NOT NULL CHECK (kind IN ('replaced', 'deleted', 'skipped')),
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1024),
    -- The offset that was to come next, and the one that reading went on with.
    expected       bigint NOT NULL CHECK (expected >= 0),
    went_on_at     bigint NOT NULL CHECK (went_on_at >= 0),
    incarnation    integer NOT NULL,
    -- Offsets that were passed over unread; a replaced log does not say.
    lost           bigint CHECK (lost > 0),
    found_at       timestamptz NOT NULL,
    -- Who told it to go on, when it was a person.
    operator       text,
    settled_at     timestamptz,
    settled_by     text,
    settlement     text CHECK (length(settlement) BETWEEN 1 AND 1024),
    CONSTRAINT log_change_lost CHECK ((kind = 'replaced') = (lost IS NULL)),
    CONSTRAINT log_change_lost_range CHECK (lost = went_on_at - expected),
    CONSTRAINT log_change_by_a_person CHECK ((kind = 'skipped') = (operator IS NOT NULL)),
    CONSTRAINT log_change_settled CHECK ((settled_at IS NULL) = (settled_by IS NULL)
        AND (settled_at IS NULL) = (settlement IS NULL))
);
CREATE INDEX log_changes_open ON log_changes (change_id) WHERE settled_at IS NULL;
CREATE TRIGGER log_changes_stay BEFORE DELETE OR TRUNCATE ON log_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- How each partition stands with the worker that reads it, as that worker last told.
CREATE TABLE partition_states (
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    state          text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'opening', 'flowing',
        'full', 'held', 'unreadable', 'unauthorised', 'left')),
    reason         text NOT NULL CHECK (length(reason) <= 1024),
    owner          text NOT NULL,
    since          timestamptz NOT NULL,
    told_at        timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
);

-- How many partitions a feed has by Kafka's word, and when Kafka was asked: one that nobody has
-- opened yet may hold what nobody knows of.
CREATE TABLE feed_partitions (
    consumer_group text COLLATE "C" NOT NULL,
    topic          text COLLATE "C" NOT NULL,
    partitions     integer NOT NULL CHECK (partitions > 0),
    asked_at       timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic)
);

-- Who may send what, as workers had it in their settings. What was refused names the version.
CREATE TABLE authority_tables (
    version       text COLLATE "C" PRIMARY KEY,
    content       text NOT NULL CHECK (length(content) > 0),
    first_used_at timestamptz NOT NULL,
    CONSTRAINT authority_version_is_of_its_content
        CHECK (version = left(encode(sha256(convert_to(content, 'UTF8')), 'hex'), 7))
);
CREATE FUNCTION refuse_change_of_authority() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'tables of authority are append-only' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER authority_tables_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON authority_tables FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_authority();

-- The workers that run, as each tells every half minute, and how its clock stands. One whose clock
-- is off from this database's by more than is allowed runs no job. Who ends takes its row away; who
-- has been silent for a day is forgotten.
CREATE TABLE worker_clocks (
    owner          text PRIMARY KEY,
    consumer_group text COLLATE "C" NOT NULL,
    -- What it does: commands, bank, usage, relay, jobs.
    parts          text NOT NULL CHECK (parts ~ '^[a-z]+(,[a-z]+)*$'),
    version        text NOT NULL CHECK (length(version) BETWEEN 1 AND 100),
    -- Below zero: behind.
    ahead_ms       bigint NOT NULL,
    -- Since when that is more than is allowed; NULL: it is not.
    wrong_since    timestamptz,
    started_at     timestamptz NOT NULL,
    told_at        timestamptz NOT NULL,
    -- By which table it says who may send what; NULL: by none.
    authority      text COLLATE "C" REFERENCES authority_tables
);

-- The crash guard: something in a record may kill the process. It narrows down which offsets are
-- suspected, which are on trial at this moment, and how often the process died while nothing but
-- the one suspect was on trial. That one is diverted undecoded. A process that lives and has lost
-- its partition while a record was on trial is no death: it says so, and whoever counted it takes
-- that back.
CREATE TABLE crash_guards (
    topic          text COLLATE "C" NOT NULL,
    partition      integer NOT NULL,
    first_offset   bigint NOT NULL,
    last_offset    bigint NOT NULL,
    starts         integer NOT NULL CHECK (starts > 0),
    updated_at     timestamptz NOT NULL,
    trial_first    bigint,
    trial_last     bigint,
    -- Nothing else of the process was decoded or decided meanwhile.
    trial_alone    boolean NOT NULL DEFAULT false,
    alone_deaths   integer NOT NULL DEFAULT 0 CHECK (alone_deaths >= 0),
    -- The owner of the partition who wrote this.
    epoch          bigint,
    -- The owners whose deaths are in alone_deaths.
    counted_epochs bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (topic, partition),
    CONSTRAINT crash_guard_trial_is_a_range
        CHECK ((trial_first IS NULL) = (trial_last IS NULL) AND trial_first <= trial_last),
    CONSTRAINT crash_guard_blames_one CHECK (alone_deaths = 0 OR first_offset = last_offset)
);

-- What the records of one type have in common that one partition brought: said once, and not in
-- each row of the inbox.
CREATE TABLE inbox_kinds (
    kind_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition    integer NOT NULL,
    topic        text COLLATE "C" NOT NULL,
    message_type text COLLATE "C" NOT NULL,
    UNIQUE (topic, partition, message_type)
);
CREATE FUNCTION refuse_change_of_kinds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what rows of the inbox say by a number stays as it is'
        USING ERRCODE = '42501', CONSTRAINT = 'inbox_kinds_stay';
END $$;
CREATE TRIGGER inbox_kinds_stay BEFORE DELETE OR TRUNCATE ON inbox_kinds
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_kinds();
CREATE TRIGGER inbox_kinds_never_change BEFORE UPDATE ON inbox_kinds FOR EACH ROW
    WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION refuse_change_of_kinds();

-- Each record once, by its idempotency id. A record that could not be decoded is here under
-- source 'kafka' and id 'topic:partition:offset'. The view inbox has it whole.
CREATE TABLE inbox_records (
    processed_at   timestamptz NOT NULL,
    record_offset  bigint NOT NULL,
    -- Refers to inbox_kinds, where nothing is deleted. (A foreign key would look it up for each
    -- row: insert_inbox takes it from there.)
    kind_id        integer NOT NULL,
    -- Whether it is all that tells the same record, sent again, from a new one.
    guards         boolean NOT NULL,
    source         text COLLATE "C" NOT NULL,
    message_id     text COLLATE "C" NOT NULL,
    -- The first half of the SHA-256 of what it says: it tells a record that was sent again from
    -- another one under the same id.
    content_hash   bytea NOT NULL CHECK (length(content_hash) = 16),
    outcome        text COLLATE "C" NOT NULL
        CHECK (outcome IN ('applied', 'duplicate', 'rejected', 'waiting', 'dead_lettered')),
    code           text COLLATE "C" CHECK (code !~ '[^a-z0-9_]' AND length(code) BETWEEN 1 AND 40),
    -- What it changed, for people: 'payment:PAY-1'. NULL where the row says it anyway: see about().
    subject        text COLLATE "C",
    PRIMARY KEY (source, message_id),
    CONSTRAINT inbox_refusals_have_codes
        CHECK (outcome NOT IN ('rejected', 'dead_lettered', 'waiting') OR code IS NOT NULL)
) WITH (fillfactor = 95);
CREATE INDEX inbox_processed ON inbox_records USING brin (processed_at);
-- The rows an operator looks for are few; applied ones are not in it.
CREATE INDEX inbox_not_applied ON inbox_records (outcome, processed_at)
    WHERE outcome <> 'applied';
-- What may be pruned is read in the order of its age, whatever stays for ever before it.
CREATE INDEX inbox_prunable ON inbox_records (processed_at)
    WHERE outcome IN ('applied', 'duplicate')
      AND NOT guards;
CREATE VIEW inbox AS
SELECT i.source, i.message_id, i.content_hash, k.message_type, i.outcome, i.code, k.topic,
       k.partition, i.record_offset, i.subject, i.processed_at, i.guards
  FROM inbox_records i JOIN inbox_kinds k ON k.kind_id = i.kind_id;

-- What a record changed, for people. An applied charge whose record bears the charge's own id, as
-- nearly all do, does not say it once more.
CREATE FUNCTION about(record inbox) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(record.subject, CASE
    WHEN record.message_type = 'topup.usage.charge.v1' AND record.outcome = 'applied'
    THEN 'usage:' || record.message_id END);

CREATE FUNCTION refuse_guard_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an outcome that guards money or an act is never deleted'
        USING ERRCODE = '42501', CONSTRAINT = 'inbox_guard_stays';
END $$;
CREATE TRIGGER inbox_guard_stays BEFORE DELETE ON inbox_records FOR EACH ROW
    WHEN (OLD.guards OR OLD.outcome NOT IN ('applied', 'duplicate'))
    EXECUTE FUNCTION refuse_guard_delete();

-- A record whose id had been processed before: a duplicate, a conflict (dead-lettered), or the
-- record of a letter that had been given up, which is open again.
CREATE TABLE inbox_repeats (
    topic         text COLLATE "C" NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint NOT NULL,
    source        text COLLATE "C" NOT NULL,
    message_id    text COLLATE "C" NOT NULL,
    outcome       text COLLATE "C" NOT NULL
                  CHECK (outcome IN ('duplicate', 'dead_lettered', 'reopened')),
    code          text COLLATE "C",
    seen_at       timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, record_offset),
    CONSTRAINT inbox_repeat_reopened_has_code CHECK (outcome <> 'reopened' OR code IS NOT NULL)
);
CREATE INDEX inbox_repeats_record ON inbox_repeats (source, message_id);
CREATE INDEX inbox_repeats_seen ON inbox_repeats (seen_at) WHERE outcome = 'duplicate';

-- Commands that name what is not known yet, in order per key, until a deadline. One holds up only
-- those that depend on it (domain::queue has the rule).
CREATE TABLE waiting_commands (
    waiting_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wait_key         text COLLATE "C" NOT NULL,
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    record_offset    bigint NOT NULL,
    source           text COLLATE "C" NOT NULL,
    message_id       text COLLATE "C" NOT NULL,
    -- What is missing: 'invoice:INV-1', 'payment:PAY-1', or what it stands behind.
    needs            text COLLATE "C" NOT NULL,
    record_key       bytea,
    record_value     bytea NOT NULL,
    record_headers   jsonb NOT NULL,
    record_timestamp timestamptz,
    since            timestamptz NOT NULL,
    deadline         timestamptz NOT NULL,
    -- What it touches; '*' is everything, as usage does.
    touches          text[] COLLATE "C" NOT NULL DEFAULT '{*}' CHECK (cardinality(touches) > 0),
    -- The last one before it of which it depends, while that waits. None: it may have its turn.
    behind           bigint REFERENCES waiting_commands ON DELETE SET NULL
                     CHECK (behind < waiting_id),
    UNIQUE (source, message_id),
    CONSTRAINT behind_what_it_depends_on
        CHECK (behind IS NULL OR needs LIKE 'behind:%' OR touches = '{*}')
);
CREATE INDEX waiting_commands_key ON waiting_commands (wait_key, waiting_id);
CREATE INDEX waiting_commands_deadline ON waiting_commands (deadline);
-- What of a feed is open is looked up before anything is proven by it.
CREATE INDEX waiting_commands_topic ON waiting_commands (topic);
CREATE INDEX waiting_commands_behind ON waiting_commands (behind) WHERE behind IS NOT NULL;
-- What may have its turn, and what stood behind another one that waits no more.
CREATE INDEX waiting_commands_turn ON waiting_commands (wait_key, waiting_id)
 WHERE behind IS NULL;
CREATE INDEX waiting_commands_freed ON waiting_commands (wait_key, waiting_id)
 WHERE behind IS NULL AND (touches = '{*}' OR needs LIKE 'behind:%');

-- What touches everything stands behind the last of its key, whoever puts it there.
CREATE FUNCTION stand_behind_the_last() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT w.waiting_id INTO NEW.behind
      FROM waiting_commands w
     WHERE w.wait_key = NEW.wait_key AND w.waiting_id < NEW.waiting_id
     ORDER BY w.waiting_id DESC LIMIT 1 FOR KEY SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER stand_behind_the_last BEFORE INSERT ON waiting_commands
    FOR EACH ROW WHEN (NEW.behind IS NULL AND NEW.touches = '{*}')
    EXECUTE FUNCTION stand_behind_the_last();

---------------------------------------------------------------------------------------------
-- Dead letters: the record as it came, what operators did with it, and runs of replays.

-- The type and the names of the fields of `data`: what was sent alike is repaired alike. Only
-- names that look like names are shown, as a record may hold anything anywhere.
CREATE FUNCTION dead_letter_shape(value bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE document jsonb; fields jsonb; kind text; names text;
BEGIN
    IF coalesce(length(value), 0) = 0 THEN
        RETURN 'empty';
    ELSIF length(value) > 65536 THEN
        RETURN 'too long';
    END IF;
    BEGIN
        document := convert_from(value, 'UTF8')::jsonb;
    EXCEPTION WHEN OTHERS THEN
        RETURN 'not JSON';
    END;
    IF jsonb_typeof(document) <> 'object' THEN
        RETURN 'JSON ' || jsonb_typeof(document);
    END IF;
    kind := coalesce(substring(document ->> 'type' FROM '^[a-z0-9.-]{1,80}$'), 'no type');
    fields := CASE jsonb_typeof(document -> 'data') WHEN 'object' THEN document -> 'data' END;
    SELECT string_agg(DISTINCT coalesce(substring(n FROM '^[A-Za-z_]{1,40}$'), '?'), ',')
        INTO names FROM (SELECT jsonb_object_keys(fields) AS n ORDER BY 1 LIMIT 20) AS named;
    RETURN kind || ' {' || left(coalesce(names, ''), 300) || '}';
END $$;

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
    shape            text COLLATE "C" GENERATED ALWAYS AS (dead_letter_shape(record_value)) STORED,
    -- What a record calls itself that could not be read as a whole: its own id, and its source if
    -- that could be read too. The dead letter stands under its place in the log; by these it is
    -- found under the name that its sender knows.
    named_source     text COLLATE "C"
        CHECK (named_source IS NULL OR length(named_source) BETWEEN 1 AND 255),
    named_id         text COLLATE "C"
        CHECK (named_id IS NULL OR length(named_id) BETWEEN 1 AND 128),
    -- When its bytes were forgotten; it has them again when its record comes again.
    forgotten_at     timestamptz,
    CHECK ((status = 'open') = (resolved_at IS NULL)),
    CONSTRAINT dead_letters_named CHECK (named_source IS NULL OR named_id IS NOT NULL),
    CONSTRAINT dead_letter_is_open_with_its_bytes CHECK (forgotten_at IS NULL OR status <> 'open')
);
-- The bytes belong to the identity: a topic that is created anew starts its offsets again.
CREATE UNIQUE INDEX dead_letters_place ON dead_letters
    (topic, partition, record_offset, md5(coalesce(record_value, '')));
CREATE INDEX dead_letters_open ON dead_letters (code, dead_letter_id) WHERE status = 'open';
CREATE INDEX dead_letters_open_ids ON dead_letters (dead_letter_id) WHERE status = 'open';
CREATE INDEX dead_letters_open_topic ON dead_letters (topic) WHERE status = 'open';
CREATE INDEX dead_letters_groups ON dead_letters (code, topic, shape)
    INCLUDE (first_failed_at, last_failed_at) WHERE status = 'open';
-- A key may be longer than an index row; equal keys are found by their digest.
CREATE INDEX dead_letters_key ON dead_letters (topic, md5(record_key), dead_letter_id);
-- For pruning and for `topup records show`: what became of a record.
CREATE INDEX dead_letters_record ON dead_letters (source, message_id);
CREATE INDEX dead_letters_named_id ON dead_letters (named_id) WHERE named_id IS NOT NULL;
CREATE TRIGGER dead_letters_stay BEFORE DELETE OR TRUNCATE ON dead_letters
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- One replay of a selection. Cursor and counts move in the transaction that replays the letters,
-- so a run that was killed goes on exactly behind its last commit.
CREATE TABLE replay_runs (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    selection   jsonb NOT NULL,
    operator    text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason      text,
    -- The last letter there was at the start: a letter that comes later is not meant.
    last_letter bigint NOT NULL,
    cursor      bigint NOT NULL DEFAULT 0,
    looked_at   bigint NOT NULL DEFAULT 0 CHECK (looked_at >= 0),
    failed      bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    state       text COLLATE "C" NOT NULL DEFAULT 'running'
                CHECK (state IN ('running', 'cancelled', 'stopped', 'done')),
    -- Raised by each resume: whoever ran before may write no more.
    epoch       bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    started_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE TRIGGER replay_runs_stay BEFORE DELETE OR TRUNCATE
    ON replay_runs FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- Every act of an operator on a dead letter; never updated.
CREATE TABLE dead_letter_acts (
    act_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_letter_id bigint NOT NULL REFERENCES dead_letters,
    act            text NOT NULL CHECK (act IN ('replay', 'discard', 'edit', 'import', 'reopen')),
    operator       text NOT NULL,
    reason         text,
    outcome        text NOT NULL,
    code           text,
    acted_at       timestamptz NOT NULL,
    before         jsonb,
    after          jsonb,
    run_id         bigint REFERENCES replay_runs
);
CREATE INDEX dead_letter_acts_letter ON dead_letter_acts (dead_letter_id);
CREATE INDEX dead_letter_acts_failed ON dead_letter_acts (run_id)
    WHERE run_id IS NOT NULL AND outcome = 'still_failing';
CREATE TRIGGER dead_letter_acts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON dead_letter_acts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

-- What was replayed had its effect, for ever. What was given up is open again only by an act that
-- says so and that came after the act that gave it up.
CREATE FUNCTION check_dead_letter_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'discarded' AND NEW.status = 'open' AND
       (SELECT a.act FROM dead_letter_acts a
         WHERE a.dead_letter_id = NEW.dead_letter_id AND a.act IN ('discard', 'reopen')
         ORDER BY a.act_id DESC LIMIT 1) IS NOT DISTINCT FROM 'reopen' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a dead letter that was % is not made %', OLD.status, NEW.status
        USING ERRCODE = '23514', CONSTRAINT = 'dead_letter_status_moves';
END $$;
CREATE TRIGGER dead_letter_status_moves BEFORE UPDATE OF status ON dead_letters FOR EACH ROW
    WHEN (OLD.status <> 'open' AND NEW.status <> OLD.status)
    EXECUTE FUNCTION check_dead_letter_status();

-- An edit is a new revision; `dead_letters` keeps the record as it came. The latest one counts.
CREATE TABLE dead_letter_revisions (
    dead_letter_id bigint NOT NULL REFERENCES dead_letters,
    revision       integer NOT NULL CHECK (revision > 0),
    record_key     bytea,
    record_value   bytea,
    record_headers jsonb NOT NULL,
    operator       text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason         text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 2000),
    made_at        timestamptz NOT NULL,
    PRIMARY KEY (dead_letter_id, revision)
);
CREATE TRIGGER dead_letter_revisions_append_only BEFORE DELETE OR TRUNCATE
    ON dead_letter_revisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER dead_letter_revisions_forgotten BEFORE UPDATE ON dead_letter_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_forgotten();
CREATE TRIGGER dead_letter_revisions_lose_texts AFTER UPDATE ON dead_letter_revisions
    FOR EACH ROW EXECUTE FUNCTION refuse_other_than_forgotten('record_value', 'record_headers');

---------------------------------------------------------------------------------------------
-- Outbox.

-- One row holds the consecutive events of one key that one record caused. Rows are inserted under
-- the key's lock, so outbox_id order is key order.
--
-- Rows are kept by ranges of their ids, which are given out in order, and a range that is old and
-- published goes as a whole (drop_outbox_range). Ranges are made ahead by the job `prune`; what
-- comes where none was made stands in outbox_rest, so no event is refused.
CREATE TABLE outbox (
    -- No id is kept for later: each is given out under the lock that the insert takes on the table,
    -- which is how the relay knows who may still commit one (`relay_progress`).
    outbox_id      bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    first_sequence bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    events         smallint NOT NULL CHECK (events > 0),
    -- One JSON document a line: 0 as it is, 1 packed by zstd with the dictionary of the program.
    form           smallint NOT NULL CHECK (form IN (0, 1)),
    key_kind       text COLLATE "C" NOT NULL
                   CHECK (key_kind IN ('account', 'payment', 'record', 'bank')),
    record_key     text COLLATE "C" NOT NULL,
    payload        bytea NOT NULL CHECK (octet_length(payload) > 0)
) PARTITION BY RANGE (outbox_id);
-- What is packed becomes no shorter by packing it again.
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
-- What was decided is published byte for byte, however late.
CREATE FUNCTION refuse_change_of_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is to be published is never changed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER outbox_append_only BEFORE TRUNCATE ON outbox FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_change_of_outbox();
-- What was published may lose what it said of a customer who is forgotten.
CREATE TRIGGER outbox_forgotten BEFORE UPDATE ON outbox FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_unless_forgotten();

-- An empty table that can become a range of the outbox. No event of a key is told twice: within a
-- range its index refuses that, over all of them the counters that never go back
-- (event_sequence_goes_on). Rows only come, so they are frozen as they do; what is deleted of the
-- last range is swept soon.
CREATE FUNCTION new_outbox_table(part text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE outbox INCLUDING CONSTRAINTS INCLUDING STORAGE) WITH ('
        'autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000, '
        'autovacuum_freeze_min_age = 0, autovacuum_vacuum_scale_factor = 0.02)', part);
    EXECUTE format('ALTER TABLE %1$I ADD CONSTRAINT %2$I PRIMARY KEY (outbox_id)',
                   part, part || '_pkey');
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (key_kind, record_key, first_sequence)',
                   part || '_gapless', part);
    -- Rows are written through the outbox alone.
    EXECUTE format('CREATE TRIGGER outbox_indirect BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE '
        'ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_outbox()', part);
END $$;
SELECT new_outbox_table('outbox_rest');
ALTER TABLE outbox ATTACH PARTITION outbox_rest DEFAULT;

-- The ranges that there are: from the id `since` on, up to `until` and without it.
CREATE VIEW outbox_ranges AS
SELECT c.relname::text AS part, b.bounds[1]::bigint AS since, b.bounds[2]::bigint AS until
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 CROSS JOIN LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid),
                            'FROM \(''(\d+)''\) TO \(''(\d+)''\)')) AS b (bounds)
 WHERE i.inhparent = 'outbox'::regclass AND b.bounds IS NOT NULL;

-- Makes the next range, for so many ids. What came before it was made gets a range of its own,
-- where it lies: while nobody can write, no id up to the last one is still to come. Whoever waits
-- for a table here lets others wait behind it, so it does not wait for long.
CREATE FUNCTION make_outbox_range(ids bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    last  bigint;
    first bigint;
    early record;
    part  text;
BEGIN
    -- A statement that began before does not know of the range: none may come to its ids.
    IF coalesce(pg_sequence_last_value('outbox_outbox_id_seq'), 0) + 100000
            > (SELECT coalesce(max(until), 0) FROM outbox_ranges) THEN
        LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE;
    ELSE
        LOCK TABLE outbox IN SHARE UPDATE EXCLUSIVE MODE;
    END IF;
    LOCK TABLE outbox_rest IN ACCESS EXCLUSIVE MODE;
    last := coalesce(pg_sequence_last_value('outbox_outbox_id_seq'), 0);
    IF coalesce(ids, 0) NOT BETWEEN 100 AND 100000000000
       OR (SELECT count(*) FROM outbox_ranges WHERE since > last) >= 64 THEN
        RAISE EXCEPTION 'ranges of the outbox are neither small nor many'
            USING ERRCODE = '23514', CONSTRAINT = 'outbox_ranges_are_bounded';
    END IF;
    SELECT min(outbox_id) AS low, max(outbox_id) AS high INTO early FROM outbox_rest;
    IF early.low IS NOT NULL THEN
        first := coalesce((SELECT max(until) FROM outbox_ranges WHERE until <= early.low), 1);
        last := least(last, (SELECT min(since) - 1 FROM outbox_ranges WHERE since > early.low));
        IF early.high > last THEN
            RAISE EXCEPTION 'events lie on both sides of a range of the outbox'
                USING ERRCODE = '23514', CONSTRAINT = 'outbox_rest_is_one_range';
        END IF;
        part := 'outbox_' || first;
        ALTER TABLE outbox DETACH PARTITION outbox_rest;
        EXECUTE format('ALTER TABLE outbox_rest RENAME TO %I', part);
        EXECUTE format('ALTER INDEX outbox_rest_pkey RENAME TO %I', part || '_pkey');
        EXECUTE format('ALTER INDEX outbox_rest_gapless RENAME TO %I', part || '_gapless');
        EXECUTE format('ALTER TABLE outbox ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                       part, first, last + 1);
        PERFORM new_outbox_table('outbox_rest');
        ALTER TABLE outbox ATTACH PARTITION outbox_rest DEFAULT;
        last := coalesce(pg_sequence_last_value('outbox_outbox_id_seq'), 0);
    END IF;
    first := greatest(last + 1, (SELECT max(until) FROM outbox_ranges));
    part := 'outbox_' || first;
    PERFORM new_outbox_table(part);
    EXECUTE format('ALTER TABLE outbox ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                   part, first, first + ids);
END $$;
SELECT make_outbox_range(1000000) FROM generate_series(1, 4);

-- How far the relay came, in one row, so that publishing changes no row of the outbox. What is
-- passed was published, or is held with its key (`relay_holds`), or is no row and never will be.
CREATE TABLE relay_progress (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Every id up to it is passed.
    horizon  bigint NOT NULL DEFAULT 0 CHECK (horizon >= 0),
    -- What is passed above it. Between the ranges are ids of transactions that are still open, that
    -- failed, or whose rows are to be published.
    passed   int8multirange NOT NULL DEFAULT '{}',
    CONSTRAINT relay_passed_is_above CHECK (isempty(passed) OR lower(passed) > horizon),
    CONSTRAINT relay_passed_is_finite CHECK (NOT lower_inf(passed) AND NOT upper_inf(passed))
) WITH (fillfactor = 10);
INSERT INTO relay_progress DEFAULT VALUES;

-- An id that is given out later is above the horizon, and what is passed is never sent anew.
CREATE FUNCTION check_relay_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'how far the relay came is never forgotten'
            USING ERRCODE = '23514', CONSTRAINT = 'relay_progress_stays';
    END IF;
    IF NEW.horizon < OLD.horizon
       OR NOT OLD.passed <@ (NEW.passed + int8multirange(int8range(NULL, NEW.horizon, '[]'))) THEN
        RAISE EXCEPTION 'the relay does not go back'
            USING ERRCODE = '23514', CONSTRAINT = 'relay_progress_goes_on';
    END IF;
    IF NEW.horizon > coalesce(pg_sequence_last_value('outbox_outbox_id_seq'), 0) THEN
        RAISE EXCEPTION 'the horizon is above the last id of the outbox'
            USING ERRCODE = '23514', CONSTRAINT = 'relay_horizon_is_known';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER relay_progress_checked BEFORE UPDATE OR DELETE ON relay_progress FOR EACH ROW
    EXECUTE FUNCTION check_relay_progress();

-- The first rows that are not passed, in the order of their ids; NULL asks for all. Each gap
-- between what is passed is looked up by itself, so that nothing that is passed is read again,
-- however far it is to the horizon.
CREATE FUNCTION outbox_next(most bigint) RETURNS SETOF outbox LANGUAGE sql STABLE AS $$
    SELECT o.* FROM relay_progress p
    CROSS JOIN LATERAL unnest(int8multirange(int8range(p.horizon, NULL, '()')) - p.passed) AS g(gap)
    CROSS JOIN LATERAL (
        SELECT * FROM outbox
         WHERE outbox_id >= lower(g.gap)
           AND outbox_id < coalesce(upper(g.gap), 9223372036854775807)
         ORDER BY outbox_id LIMIT most) o
    -- Says that it is one row, before anybody has counted.
    WHERE p.only_row
    ORDER BY o.outbox_id LIMIT most
$$;

-- Copies of dead letters on their way to Kafka. They are few and have no order to keep, so each
-- says by itself whether it was published.
CREATE TABLE letter_copies (
    copy_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_letter_id bigint NOT NULL REFERENCES dead_letters,
    created_at     timestamptz NOT NULL,
    published_at   timestamptz
) WITH (fillfactor = 80);
CREATE INDEX letter_copies_waiting ON letter_copies (copy_id) WHERE published_at IS NULL;

-- Keys whose next event cannot be published: the events of others go on. What is held of a key is
-- what the relay has passed from that event on.
CREATE TABLE relay_holds (
    key_kind      text COLLATE "C" NOT NULL,
    record_key    text COLLATE "C" NOT NULL,
    -- All events of the key before this one are published.
    from_sequence bigint NOT NULL CHECK (from_sequence > 0),
    -- What Kafka or its client answered, or why the event cannot be read.
    code          text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    attempts      integer NOT NULL CHECK (attempts > 0),
    since         timestamptz NOT NULL,
    tried_at      timestamptz NOT NULL,
    next_try      timestamptz NOT NULL,
    PRIMARY KEY (key_kind, record_key)
);
CREATE INDEX relay_holds_due ON relay_holds (next_try);
CREATE FUNCTION refuse_earlier_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was published of a key is not held again'
        USING ERRCODE = '23514', CONSTRAINT = 'relay_hold_goes_on';
END $$;
CREATE TRIGGER relay_hold_goes_on BEFORE UPDATE ON relay_holds FOR EACH ROW
    WHEN (NEW.from_sequence < OLD.from_sequence) EXECUTE FUNCTION refuse_earlier_hold();

CREATE VIEW outbox_held AS
SELECT o.outbox_id, o.key_kind, o.record_key, o.first_sequence, o.events, o.created_at
  FROM relay_progress p
  CROSS JOIN relay_holds h
  JOIN outbox o ON o.key_kind = h.key_kind AND o.record_key = h.record_key
               AND o.first_sequence >= h.from_sequence
 WHERE p.only_row AND (o.outbox_id <= p.horizon OR o.outbox_id <@ p.passed);

-- Takes away the oldest range that may go, and says how many rows it had; NULL where there is none.
-- All of it is passed by the relay, no hold needs a row of it (a hold needs all of its key from one
-- event on), and its last row was written before. Batches that are open together may have written
-- in another order than their ids: an hour is allowed for that.
CREATE FUNCTION drop_outbox_range(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    old    record;
    newest timestamptz;
    held   boolean;
    gone   bigint;
BEGIN
    FOR old IN SELECT r.part FROM relay_progress p JOIN outbox_ranges r ON r.until <= p.horizon + 1
                WHERE p.only_row ORDER BY r.since
    LOOP
        EXECUTE format('SELECT created_at FROM %I ORDER BY outbox_id DESC LIMIT 1', old.part)
           INTO newest;
        EXIT WHEN newest >= before - interval '1 hour';
        EXECUTE format('SELECT EXISTS (SELECT FROM relay_holds h JOIN %I o
            ON o.key_kind = h.key_kind AND o.record_key = h.record_key
               AND o.first_sequence >= h.from_sequence)', old.part) INTO held;
        CONTINUE WHEN held;
        EXECUTE format('SELECT count(*) FROM %I', old.part) INTO gone;
        EXECUTE format('DROP TABLE %I', old.part);
        RETURN gone;
    END LOOP;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION new_outbox_table(text), make_outbox_range(bigint),
    drop_outbox_range(timestamptz) FROM PUBLIC;

---------------------------------------------------------------------------------------------
-- Jobs, what failed when its turn came, and what is in hand.

-- The tick is the unique thing. Whoever inserts (job, scheduled_for) runs it; the lease and its
-- epoch say who still may write what comes of it.
CREATE TABLE jobs (
    job          text COLLATE "C" PRIMARY KEY
                 CHECK (job !~ '[^a-z-]' AND length(job) BETWEEN 1 AND 40),
    -- The first instant that the schedule answers for: what was due before it was never missed.
    known_since  timestamptz NOT NULL,
    paused_at    timestamptz,
    paused_by    text CHECK (char_length(paused_by) BETWEEN 1 AND 200),
    pause_reason text CHECK (char_length(pause_reason) <= 200),
    CONSTRAINT job_paused_by_somebody CHECK ((paused_at IS NULL) = (paused_by IS NULL))
);

CREATE TABLE job_runs (
    job           text COLLATE "C" NOT NULL REFERENCES jobs,
    scheduled_for timestamptz NOT NULL,
    -- Who wanted it: the schedule, the schedule for a tick that was missed, or a person.
    cause         text COLLATE "C" NOT NULL CHECK (cause IN ('schedule', 'misfire', 'operator')),
    operator      text CHECK (char_length(operator) BETWEEN 1 AND 200),
    -- The instant that it decides for.
    as_of         timestamptz NOT NULL,
    state         text COLLATE "C" NOT NULL
                  CHECK (state IN ('running', 'done', 'failed', 'skipped')),
    -- Raised when a run whose lease ended is taken over: the earlier runner may write no more.
    epoch         bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    owner         text NOT NULL,
    lease_until   timestamptz NOT NULL,
    -- Where a run that was cut off goes on.
    progress      text,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    findings      bigint NOT NULL DEFAULT 0 CHECK (findings >= 0),
    -- What it did, or why not, in a sentence.
    summary       text CHECK (char_length(summary) <= 2000),
    PRIMARY KEY (job, scheduled_for),
    CONSTRAINT job_run_finished_iff_stamped
        CHECK ((state = 'running') = (finished_at IS NULL)),
    CONSTRAINT job_run_operator_is_named
        CHECK ((cause = 'operator') = (operator IS NOT NULL)),
    -- A job decides for no instant to come. (A clock that was set back meanwhile is allowed for.)
    CONSTRAINT job_run_is_of_the_past CHECK (as_of <= started_at + interval '1 minute')
) WITH (fillfactor = 70);
-- At most one run of a job at a time.
CREATE UNIQUE INDEX job_runs_running ON job_runs (job) WHERE state = 'running';
CREATE INDEX job_runs_started ON job_runs (started_at);

-- Every act of an operator on a job but running it, which `job_runs` keeps; never updated.
CREATE TABLE job_acts (
    act_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job      text COLLATE "C" NOT NULL REFERENCES jobs,
    act      text COLLATE "C" NOT NULL CHECK (act IN ('pause', 'resume')),
    operator text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason   text CHECK (char_length(reason) <= 200),
    acted_at timestamptz NOT NULL
);

-- Up to when a table was pruned: the audit does not miss what was taken away on purpose.
CREATE TABLE pruned (
    table_name text COLLATE "C" PRIMARY KEY
               CHECK (table_name IN ('outbox', 'letter_copies', 'inbox', 'job_runs')),
    before     timestamptz NOT NULL
);

-- What failed when its turn came, and when it is tried again: each by itself. Who succeeds leaves.
CREATE TABLE failing_items (
    kind      text COLLATE "C" NOT NULL CHECK (kind IN
                  ('command', 'return', 'hold', 'rematch', 'candidate', 'letter', 'prune')),
    -- The key of the waiting command, the return, the hold, the payment, the invoice, the letter,
    -- the table. A key of a bank record has up to 800 characters, each of which may be escaped to
    -- three.
    item      text COLLATE "C" NOT NULL CHECK (length(item) BETWEEN 1 AND 2000),
    attempts  integer NOT NULL CHECK (attempts > 0),
    -- Why the last attempt failed: a stable code, never data.
    code      text COLLATE "C" NOT NULL CHECK (code ~ '^[a-zA-Z0-9_ ]+$' AND length(code) <= 100),
    failed_at timestamptz NOT NULL,
    tried_at  timestamptz NOT NULL,
    PRIMARY KEY (kind, item),
    CONSTRAINT failing_item_failed_before CHECK (tried_at >= failed_at)
) WITH (fillfactor = 50);
CREATE INDEX failing_items_tried ON failing_items (kind, tried_at);

-- One second after the first failure, twice as long after each further one, at most five minutes.
CREATE FUNCTION next_try(tried_at timestamptz, attempts integer) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT tried_at + least(interval '1 second' * power(2, least(attempts, 20) - 1),
                            interval '5 minutes')
$$;

-- What kills its process is tried again too, and seldom: after an hour, then two, half a day at
-- the most. A later version may do better.
CREATE FUNCTION next_try(tried_at timestamptz, attempts integer, code text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN code = 'crash_loop'
                THEN tried_at + least(interval '1 hour' * power(2, least(attempts, 10) - 1),
                                      interval '12 hours')
                ELSE next_try(tried_at, attempts) END
$$;

CREATE FUNCTION refuse_early_try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts of a failing item are counted one by one'
        USING ERRCODE = '23514', CONSTRAINT = 'failing_item_counts';
END $$;
CREATE TRIGGER failing_item_counts BEFORE UPDATE ON failing_items FOR EACH ROW
    WHEN (NEW.attempts <> OLD.attempts + 1 OR NEW.tried_at < OLD.tried_at
          OR NEW.failed_at <> OLD.failed_at)
    EXECUTE FUNCTION refuse_early_try();

-- What a process works on outside of Kafka's batches: written before the work begins, and taken
-- away when it has ended in order. What is still there when its time is over was in hand at a
-- death. Who holds an item keeps others from it meanwhile.
CREATE SEQUENCE guard_owners AS bigint;

CREATE TABLE items_in_hand (
    kind        text COLLATE "C" NOT NULL CHECK (kind IN
                    ('command', 'return', 'hold', 'rematch', 'candidate', 'letter')),
    -- The number of a process; 0: whoever runs the job, one at a time; a run of a replay.
    owner       bigint NOT NULL CHECK (owner >= 0),
    items       text[] COLLATE "C" NOT NULL,
    -- The only item in hand, with nothing else of the process decoded or decided: a death counts.
    counted     boolean NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (kind, owner),
    CONSTRAINT items_in_hand_some CHECK (cardinality(items) > 0),
    CONSTRAINT items_in_hand_counts_one CHECK (NOT counted OR cardinality(items) = 1)
) WITH (fillfactor = 50);

-- Items that were in hand when a process died. It is no more than a suspicion: they are tried
-- apart, and who survives leaves.
CREATE TABLE crash_suspects (
    kind     text COLLATE "C" NOT NULL CHECK (kind IN
                 ('command', 'return', 'hold', 'rematch', 'candidate', 'letter')),
    item     text COLLATE "C" NOT NULL CHECK (length(item) BETWEEN 1 AND 2000),
    deaths   integer NOT NULL CHECK (deaths > 0),
    -- It was once the only item in hand at a death.
    singly   boolean NOT NULL,
    -- Deaths that count.
    counted  integer NOT NULL CHECK (counted >= 0),
    died_at  timestamptz NOT NULL,
    PRIMARY KEY (kind, item),
    CONSTRAINT crash_suspect_counts_one CHECK (counted = 0 OR singly),
    CONSTRAINT crash_suspect_counts_deaths CHECK (counted <= deaths)
);

---------------------------------------------------------------------------------------------
-- Operators.

-- What persons asked for by the command line: the ordinary command went to its topic, and this says
-- who wrote it and why. The inbox has what became of it.
CREATE TABLE operator_commands (
    source       text COLLATE "C" NOT NULL,
    message_id   text COLLATE "C" NOT NULL,
    command_type text COLLATE "C" NOT NULL,
    operator     text NOT NULL CHECK (char_length(operator) BETWEEN 1 AND 200),
    reason       text CHECK (char_length(reason) BETWEEN 1 AND 2000),
    -- What it names: `payment:P`, `invoice:I`, `account:A`.
    subjects     text[] NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 500),
    asked_at     timestamptz NOT NULL,
    PRIMARY KEY (source, message_id)
);
CREATE INDEX operator_commands_subjects ON operator_commands USING gin (subjects);
CREATE TRIGGER operator_commands_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON operator_commands FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

---------------------------------------------------------------------------------------------
-- Forgetting: names, account numbers and texts go, a page at a time; money, ids, hashes and
-- decisions stay. What a page did is done: whoever is cut off does the same again.

-- The texts of these rows, of the bank's records that took them back or announced them, and of what
-- a person took for the same money. Money that still waits for its invoice keeps what it is found
-- by.
CREATE FUNCTION forget_money(places tid[], at timestamptz) RETURNS bigint LANGUAGE plpgsql
SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    everything tid[];
    gone       bigint;
BEGIN
    WITH named AS MATERIALIZED (
        SELECT m.ctid AS place, m.payment_id, m.bank_account, m.bank_key
          FROM money_records m WHERE m.ctid = ANY (places)),
    found AS (
        SELECT place FROM named
         UNION
        SELECT b.ctid FROM named n
          JOIN payment_returns r ON r.payment_id = n.payment_id
          JOIN money_records b ON b.bank_account = r.bank_account AND b.bank_key = r.bank_key
         UNION
        SELECT b.ctid FROM named n
          JOIN money_records b ON b.bank_account = n.bank_account AND b.superseded_by = n.bank_key
         UNION
        SELECT b.ctid FROM named n
          JOIN told_again t ON t.bank_account = n.bank_account AND t.earlier_key = n.bank_key
          JOIN money_records b ON b.bank_account = t.bank_account AND b.bank_key = t.bank_key
         WHERE b.account_id IS NULL)
    SELECT array_agg(f.place) INTO everything
      FROM found f JOIN money_records m ON m.ctid = f.place
     WHERE m.forgotten_at IS NULL
       AND NOT EXISTS (SELECT FROM open_payments o WHERE o.payment_id = m.payment_id)
       AND NOT EXISTS (SELECT FROM parked_returns p
                        WHERE p.bank_account = m.bank_account AND p.bank_key = m.bank_key)
       -- What only announces money is found by its texts when the bank books it.
       AND (m.status = 'PDNG' AND m.disposition = 'not_booked'
            AND m.recorded_at > now() - interval '180 days') IS NOT TRUE;
    UPDATE payments_without_bank_id w SET payer = NULL
      FROM money_records m
     WHERE m.ctid = ANY (everything) AND w.payment_id = m.payment_id AND w.payer IS NOT NULL;
    UPDATE remittance_advices a
       SET payer_account = NULL, payer_key = NULL, payment_reference = 'forgotten',
           reference_key = 'FORGOTTEN'
      FROM money_records m
     WHERE m.ctid = ANY (everything) AND a.used_by_payment = m.payment_id;
    UPDATE money_records m
       SET reference = NULL, remark = NULL, end_to_end_id = NULL, debtor_name = NULL,
           debtor_account = NULL, virtual_account = NULL, creditor_reference = NULL,
           unstructured = NULL, return_of = jsonb_set(return_of, '{1}', 'null'), forgotten_at = at
     WHERE m.ctid = ANY (everything);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- A page of a customer's payments, in the order of their days. The customer is locked, as by
-- whoever changes something of his.
CREATE FUNCTION forget_money_of_account(whom text, after text, most integer, at timestamptz,
    OUT until text, OUT gone bigint) LANGUAGE plpgsql
SET search_path = public, pg_temp SET datestyle = 'ISO' AS $$
DECLARE
    since date := coalesce(nullif(split_part(after, '|', 1), ''), '-infinity');
    from_then timestamptz := coalesce(nullif(split_part(after, '|', 2), ''), '-infinity');
    last record;
BEGIN
    PERFORM FROM accounts a WHERE a.account_id = whom FOR UPDATE;
    gone := 0;
    SELECT p.received_on, p.recorded_at INTO last
      FROM (SELECT m.received_on, m.recorded_at FROM money_records m
             WHERE m.account_id = whom AND (m.received_on, m.recorded_at) > (since, from_then)
             ORDER BY m.received_on, m.recorded_at LIMIT most) p
     ORDER BY p.received_on DESC, p.recorded_at DESC LIMIT 1;
    IF FOUND THEN
        until := last.received_on || '|' || last.recorded_at;
        gone := forget_money(ARRAY(
            SELECT m.ctid FROM money_records m
             WHERE m.account_id = whom AND (m.received_on, m.recorded_at) > (since, from_then)
               AND (m.received_on, m.recorded_at) <= (last.received_on, last.recorded_at)
               AND m.forgotten_at IS NULL
             ORDER BY m.payment_id FOR UPDATE), at);
    END IF;
END $$;

-- A stretch of all money: what a payer is known by stands in no index, and neither does what is
-- settled. So many pages of the table at a time; `payer`: that one's, else what came before.
CREATE FUNCTION settled_in_pages(payer text, before timestamptz, after text,
    OUT until text, OUT places tid[]) LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE
    pages CONSTANT bigint := 256;
    first bigint := coalesce(after::bigint, 0);
    low   tid := format('(%s,0)', first)::tid;
    high  tid := format('(%s,0)', first + pages)::tid;
BEGIN
    IF first * current_setting('block_size')::bigint >= pg_relation_size('money_records') THEN
        RETURN;
    END IF;
    until := (first + pages)::text;
    places := ARRAY(
        SELECT m.ctid FROM money_records m
         WHERE m.ctid >= low AND m.ctid < high AND m.forgotten_at IS NULL
           AND (payer IS NULL OR payer_key(m.debtor_account) = payer)
           AND (before IS NULL OR m.recorded_at < before)
           AND NOT EXISTS (SELECT FROM open_payments o WHERE o.payment_id = m.payment_id)
           AND NOT EXISTS (SELECT FROM parked_returns p
                            WHERE p.bank_account = m.bank_account AND p.bank_key = m.bank_key)
         ORDER BY m.payment_id FOR UPDATE);
END $$;

-- A payer's number, and the numbers that a customer is known by.
CREATE FUNCTION numbers_of(of_kind text, whom text) RETURNS text[] LANGUAGE sql STABLE
SET search_path = public, pg_temp
RETURN CASE of_kind WHEN 'payer' THEN ARRAY[whom] ELSE ARRAY(
    SELECT payer_account FROM payer_accounts WHERE account_id = whom
     UNION SELECT payer_account FROM payer_aliases WHERE account_id = whom
     UNION SELECT virtual_account FROM virtual_accounts WHERE account_id = whom) END;

-- Whether the bytes of a record have one of these numbers, however it is written.
CREATE FUNCTION has_number(bytes bytea, numbers text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp
RETURN EXISTS (SELECT FROM unnest(numbers) AS n (number)
                WHERE length(n.number) >= 6
                  AND position(n.number IN payer_key(encode(bytes, 'escape'))) > 0);

-- A page of dead letters: the bytes of those that were replayed or given up, and that are of this
-- customer or have one of these numbers. Whose record comes again has its bytes again.
CREATE FUNCTION forget_letters(of_kind text, whom text, after text, most integer, at timestamptz,
    OUT until text, OUT gone bigint) LANGUAGE plpgsql
SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    first   bigint := coalesce(after::bigint, 0);
    last    bigint;
    numbers text[] := numbers_of(of_kind, whom);
    ids     bigint[];
BEGIN
    gone := 0;
    SELECT max(p.dead_letter_id) INTO last
      FROM (SELECT d.dead_letter_id FROM dead_letters d WHERE d.dead_letter_id > first
             ORDER BY d.dead_letter_id LIMIT most) p;
    IF last IS NULL THEN
        RETURN;
    END IF;
    until := last::text;
    ids := ARRAY(
        SELECT d.dead_letter_id FROM dead_letters d
         WHERE d.dead_letter_id > first AND d.dead_letter_id <= last
           AND d.status <> 'open' AND d.forgotten_at IS NULL
           AND (has_number(d.record_value, numbers)
                OR EXISTS (SELECT FROM dead_letter_revisions r
                            WHERE r.dead_letter_id = d.dead_letter_id
                              AND has_number(r.record_value, numbers))
                OR of_kind = 'account' AND d.record_key = convert_to(whom, 'UTF8')
                OR of_kind = 'account' AND EXISTS (
                    SELECT FROM inbox_records i
                      JOIN money_records m ON m.payment_id = substr(i.subject, 9)
                     WHERE i.source = d.source AND i.message_id = d.message_id
                       AND i.subject LIKE 'payment:%' AND m.account_id = whom))
         ORDER BY d.dead_letter_id FOR UPDATE);
    UPDATE dead_letter_revisions r
       SET record_value = convert_to(format('{"forgotten":%s}', r.dead_letter_id), 'UTF8'),
           record_headers = '[]'
     WHERE r.dead_letter_id = ANY (ids);
    UPDATE dead_letters d
       SET record_value = convert_to(format('{"forgotten":%s}', d.dead_letter_id), 'UTF8'),
           record_headers = '[]', forgotten_at = at
     WHERE d.dead_letter_id = ANY (ids);
    GET DIAGNOSTICS gone = ROW_COUNT;
END $$;

-- A page of remittance advices of a payer that wait for nothing.
CREATE FUNCTION forget_advices(payer text, after text, most integer,
    OUT until text, OUT gone bigint) LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE
    bank  text := key_whole(split_part(after, '/', 1));
    named text := key_whole(split_part(after, '/', 2));
    last  record;
BEGIN
    gone := 0;
    SELECT p.bank_account, p.advice_id INTO last
      FROM (SELECT a.bank_account, a.advice_id FROM remittance_advices a
             WHERE (a.bank_account, a.advice_id) > (coalesce(bank, ''), coalesce(named, ''))
             ORDER BY a.bank_account, a.advice_id LIMIT most) p
     ORDER BY p.bank_account DESC, p.advice_id DESC LIMIT 1;
    IF FOUND THEN
        until := key_joined(last.bank_account, last.advice_id);
        UPDATE remittance_advices a
           SET payer_account = NULL, payer_key = NULL, payment_reference = 'forgotten',
               reference_key = 'FORGOTTEN'
         WHERE (a.bank_account, a.advice_id) > (coalesce(bank, ''), coalesce(named, ''))
           AND (a.bank_account, a.advice_id) <= (last.bank_account, last.advice_id)
           AND a.payer_key = payer AND a.state NOT IN ('open', 'ambiguous');
        GET DIAGNOSTICS gone = ROW_COUNT;
    END IF;
END $$;

-- A page of a customer's invoices: what they are called.
CREATE FUNCTION forget_invoices(whom text, after text, most integer,
    OUT until text, OUT gone bigint) LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
    gone := 0;
    PERFORM FROM accounts a WHERE a.account_id = whom FOR UPDATE;
    SELECT max(p.invoice_id) INTO until
      FROM (SELECT i.invoice_id FROM invoices i
             WHERE i.account_id = whom AND i.invoice_id > coalesce(after, '')
             ORDER BY i.invoice_id LIMIT most) p;
    IF until IS NOT NULL THEN
        UPDATE invoices i SET name = 'forgotten'
         WHERE i.account_id = whom AND i.invoice_id > coalesce(after, '')
           AND i.invoice_id <= until AND i.name <> 'forgotten';
        GET DIAGNOSTICS gone = ROW_COUNT;
    END IF;
END $$;

-- A page of a customer's events that were published: their keys and numbers stay.
CREATE FUNCTION forget_events(whom text, after text, most integer,
    OUT until text, OUT gone bigint) LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
    gone := 0;
    SELECT max(p.first_sequence)::text INTO until
      FROM (SELECT o.first_sequence FROM outbox o
             WHERE o.key_kind = 'account' AND o.record_key = whom
               AND o.first_sequence > coalesce(after::bigint, 0)
             ORDER BY o.first_sequence LIMIT most) p;
    IF until IS NOT NULL THEN
        UPDATE outbox o
           SET form = 0, payload = convert_to(
                   rtrim(repeat(E'{"forgotten":true}\n', o.events), E'\n'), 'UTF8')
          FROM relay_progress p
         WHERE p.only_row AND o.outbox_id <= p.horizon
           AND o.key_kind = 'account' AND o.record_key = whom
           AND o.first_sequence > coalesce(after::bigint, 0)
           AND o.first_sequence <= until::bigint
           AND NOT (o.form = 0 AND o.payload = convert_to(
                   rtrim(repeat(E'{"forgotten":true}\n', o.events), E'\n'), 'UTF8'));
        GET DIAGNOSTICS gone = ROW_COUNT;
    END IF;
END $$;

-- What a customer or a payer is known by, at last: until then it finds the letters. No number of a
-- bank is written as what takes the place of a payer's, so nobody is taken for him. A virtual
-- account is a number of ours, and whose it was keeps the next customer from that one's money.
CREATE FUNCTION forget_known(of_kind text, whom text, at timestamptz, OUT gone bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE more bigint;
BEGIN
    PERFORM FROM accounts a
      WHERE a.account_id = ANY (CASE of_kind WHEN 'account' THEN ARRAY[whom] ELSE ARRAY(
            SELECT account_id FROM payer_accounts WHERE payer_account = whom
             UNION SELECT account_id FROM payer_aliases WHERE payer_account = whom) END)
      ORDER BY a.account_id FOR UPDATE;
    INSERT INTO former_owners (kind, number, account_id, until)
    SELECT 'virtual', v.virtual_account, v.account_id, at FROM virtual_accounts v
     WHERE of_kind = 'account' AND v.account_id = whom
    ON CONFLICT (number, kind, account_id) DO UPDATE SET until = EXCLUDED.until;
    DELETE FROM virtual_accounts v WHERE of_kind = 'account' AND v.account_id = whom;
    GET DIAGNOSTICS gone = ROW_COUNT;
    WITH lost AS (
        DELETE FROM payer_accounts p
         WHERE CASE of_kind WHEN 'account' THEN p.account_id = whom
                            ELSE p.payer_account = whom END
        RETURNING p.account_id),
    changed AS (
        UPDATE accounts a SET book_version = book_version + 1
         WHERE of_kind <> 'account' AND a.account_id IN (SELECT account_id FROM lost))
    SELECT count(*) INTO more FROM lost;
    gone := gone + more;
    DELETE FROM former_owners f
     WHERE f.kind = 'payer' AND CASE of_kind WHEN 'account' THEN f.account_id = whom
                                             ELSE f.number = whom END;
    GET DIAGNOSTICS more = ROW_COUNT;
    gone := gone + more;
    UPDATE payer_aliases p SET payer_account = 'forgotten:' || p.alias_id
     WHERE p.payer_account NOT LIKE 'forgotten:%'
       AND CASE of_kind WHEN 'account' THEN p.account_id = whom ELSE p.payer_account = whom END;
    GET DIAGNOSTICS more = ROW_COUNT;
    gone := gone + more;
    UPDATE accounts a SET name = NULL, book_version = book_version + 1
     WHERE of_kind = 'account' AND a.account_id = whom AND (a.name IS NOT NULL OR gone > 0);
    GET DIAGNOSTICS more = ROW_COUNT;
    gone := gone + more;
END $$;

-- The next page of one step behind `after`. Each writes into its forgetting first, which opens the
-- fences for this transaction. `until` is NULL at the end of the step.
CREATE FUNCTION forget_page(run bigint, step text, whom text, after text, most integer,
    OUT until text, OUT gone bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act  forgettings;
    what text := CASE step WHEN 'money' THEN 'money_records' WHEN 'letters' THEN 'dead_letters'
        WHEN 'advices' THEN 'remittance_advices' WHEN 'invoices' THEN 'invoices'
        WHEN 'events' THEN 'outbox' WHEN 'known' THEN 'accounts and numbers' END;
BEGIN
    UPDATE forgettings f SET changed = f.changed
     WHERE f.forgetting_id = run AND f.finished_at IS NULL RETURNING * INTO act;
    IF act.kind = 'account' AND act.subject = whom
       OR act.kind = 'payer' AND act.subject = '…' || right(whom, least(4, length(whom) / 3))
    THEN
        CASE step
            WHEN 'money' THEN
                IF act.kind = 'account' THEN
                    SELECT * INTO until, gone
                      FROM forget_money_of_account(whom, after, most, act.as_of);
                ELSE
                    SELECT p.until, forget_money(p.places, act.as_of) INTO until, gone
                      FROM settled_in_pages(whom, NULL, after) p;
                END IF;
            WHEN 'letters' THEN
                SELECT * INTO until, gone
                  FROM forget_letters(act.kind, whom, after, most, act.as_of);
            WHEN 'advices' THEN SELECT * INTO until, gone FROM forget_advices(whom, after, most);
            WHEN 'invoices' THEN SELECT * INTO until, gone FROM forget_invoices(whom, after, most);
            WHEN 'events' THEN SELECT * INTO until, gone FROM forget_events(whom, after, most);
            WHEN 'known' THEN gone := forget_known(act.kind, whom, act.as_of);
        END CASE;
    ELSE
        RAISE EXCEPTION 'nobody asked to forget that'
            USING ERRCODE = '23503', CONSTRAINT = 'forgetting_is_asked_for';
    END IF;
    UPDATE forgettings f SET changed = f.changed || jsonb_build_object(what,
               coalesce((f.changed ->> what)::bigint, 0) + gone)
     WHERE f.forgetting_id = run AND gone > 0;
END $$;

-- The next stretch of money that was settled and recorded before that. Half a year is kept in any
-- case, by the clock of the database too: until then the bank may take it back by its text. A run
-- that finds nothing leaves no trace.
CREATE FUNCTION forget_old_money(before timestamptz, after text, now_at timestamptz,
    OUT until text, OUT gone bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    day    CONSTANT text := to_char(before AT TIME ZONE 'UTC', 'YYYY-MM-DD');
    places tid[];
    run    bigint;
BEGIN
    IF before > now() - interval '180 days' THEN
        RAISE EXCEPTION 'texts of payments are kept for half a year at least'
            USING ERRCODE = '23514', CONSTRAINT = 'texts_are_kept';
    END IF;
    gone := 0;
    SELECT p.until, p.places INTO until, places FROM settled_in_pages(NULL, before, after) p;
    IF cardinality(places) > 0 THEN
        SELECT max(f.forgetting_id) INTO run FROM forgettings f
         WHERE f.kind = 'age' AND f.subject = day AND f.finished_at IS NULL;
        IF run IS NULL THEN
            INSERT INTO forgettings (kind, subject, operator, as_of)
            VALUES ('age', day, 'the job prune', now_at) RETURNING forgetting_id INTO run;
        ELSE
            UPDATE forgettings f SET changed = f.changed WHERE f.forgetting_id = run;
        END IF;
        gone := forget_money(places, now_at);
        UPDATE forgettings f SET changed = jsonb_build_object('money_records',
                   coalesce((f.changed ->> 'money_records')::bigint, 0) + gone)
         WHERE f.forgetting_id = run;
    END IF;
    IF until IS NULL THEN
        UPDATE forgettings f SET finished_at = now_at
         WHERE f.kind = 'age' AND f.finished_at IS NULL;
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION forget_page(bigint, text, text, text, integer),
    forget_old_money(timestamptz, text, timestamptz),
    forget_money(tid[], timestamptz),
    forget_money_of_account(text, text, integer, timestamptz),
    settled_in_pages(text, timestamptz, text),
    forget_letters(text, text, text, integer, timestamptz),
    forget_advices(text, text, integer), forget_invoices(text, text, integer),
    forget_events(text, text, integer), forget_known(text, text, timestamptz) FROM PUBLIC;

---------------------------------------------------------------------------------------------
-- How tables are swept (autovacuum). PostgreSQL sweeps a table when a fifth of it changed: of a
-- table of years that is late, and then much at once.

-- Rows that come and go all day. What is gone stands in the way of every look into these indexes.
ALTER TABLE payable_invoices SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE open_payments SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE watches SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE waiting_commands SET (autovacuum_vacuum_scale_factor = 0.02);
-- Every batch updates customers. That is HOT while their pages have room, which this keeps so.
ALTER TABLE accounts SET (autovacuum_vacuum_scale_factor = 0.02);
-- Old rows go page by page, new ones come: what is free is used again before the table grows.
ALTER TABLE inbox_records SET (autovacuum_vacuum_scale_factor = 0.02);
-- Rows that only come: each million is frozen once, as it is for ever, instead of all of them when
-- the age of the oldest forces it.
ALTER TABLE ledger_transfers SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000, autovacuum_freeze_min_age = 0);
ALTER TABLE lot_consumptions SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000, autovacuum_freeze_min_age = 0);
-- Rows that come, and change for a while: swept as often, frozen when they are old.
ALTER TABLE money_records SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000);
ALTER TABLE allocations SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000);

---------------------------------------------------------------------------------------------
-- Roles. Whoever runs this owns the schema. The worker may do what a worker does and nothing else:
-- the ledger is append-only for it by privilege, the triggers are the second fence. An operator
-- acts by notes of his own and by commands; what is decided in his name is decided as the worker.
-- A reader looks, and sees no name, no account number and no text of a payer.

-- Roles belong to the whole server, so another database's migration may be creating one now. An
-- owner who may not create roles is given them by whoever may, before the first migration. What an
-- operator gets from the worker he has to take on (NOINHERIT): by himself he writes no posting.
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['topup_worker', 'topup_operator', 'topup_reader'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END $$;
DO $$
DECLARE given record;
BEGIN
    FOR given IN SELECT * FROM (VALUES ('topup_worker', current_user::text),
        ('topup_operator', current_user), ('topup_reader', current_user),
        ('topup_worker', 'topup_operator')) AS g(role, member)
    LOOP
        BEGIN
            IF NOT pg_has_role(given.member, given.role, 'MEMBER') THEN
                EXECUTE format('GRANT %I TO %I', given.role, given.member);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            -- Granted at this moment by another migration, or by nobody: an owner who may not grant
            -- it needs it not to own the schema, and whoever does need it is told so.
            IF SQLSTATE <> '42501' AND NOT pg_has_role(given.member, given.role, 'MEMBER') THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA public TO topup_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO topup_worker;
GRANT INSERT ON ALL TABLES IN SCHEMA public TO topup_worker;
REVOKE INSERT ON balances, bank_transactions, candidate_facts, compared, decisions, forgettings,
    invoice_states, ledger_entries, ledger_transactions, lot_moves, lots, outbox_held,
    outbox_ranges, outbox_rest, payments, pruned_burns, pruned_months, pruned_usage,
    records_without_payment, relay_progress, unsettled_invoices, usage_charges_rest,
    usage_ids, usage_kept, usage_months, usage_uncovered,
    _sqlx_migrations FROM topup_worker;
-- Charges and events are read and written through their tables: of partitions the worker has none.
DO $$
DECLARE part text;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits
                 WHERE inhparent IN ('usage_charges'::regclass, 'outbox'::regclass)
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM topup_worker', part);
    END LOOP;
END $$;

-- What changes. Not here: ledger, decisions, usage, returns and splits, suggestions' contents, rule
-- sets, acts of operators, the outbox. They are append-only by privilege.
GRANT UPDATE ON accounts, credit_limits, former_owners, invoices, payable_invoices, open_payments,
    bank_statements, bank_feeds, compared, drifts, further_balances,
    allocations, ledger_sums, parked_returns, holds, usage_watermarks, suggestions, payer_aliases,
    remittance_advices, void_candidates, checkpoints, log_changes, partition_states,
    feed_partitions, worker_clocks, crash_guards, inbox_records, waiting_commands, dead_letters,
    replay_runs, letter_copies, relay_progress, relay_holds, jobs, job_runs, pruned, failing_items,
    items_in_hand, crash_suspects TO topup_worker;
-- Of a payment: what it was, what the bank told of it, and what was decided first, stays. A record
-- of the bank may become one, and is reached by a view that shows no payment.
GRANT UPDATE (account_id, allocated, returned, refunded, split, state, reason, question,
    event_sequence) ON money_records TO topup_worker;
GRANT UPDATE ON records_without_payment TO topup_worker;
-- To find it where another transaction says the same at this moment: a trigger refuses a change.
GRANT UPDATE (topic) ON inbox_kinds TO topup_worker;

-- What goes: what is only a state of now, and what may be pruned when it is old (published events,
-- outcomes of records, runs). Nothing that money rests on: no payment, allocation, lot, ledger row,
-- bank transaction, decision or dead letter.
GRANT DELETE ON payer_accounts, virtual_accounts, credit_limits, payable_invoices, open_payments,
    bank_statements, differences, watches, parked_returns, usage_watermarks, worker_clocks,
    crash_guards, inbox_records, inbox_repeats, waiting_commands, outbox, letter_copies,
    relay_holds, job_runs, failing_items, items_in_hand, crash_suspects TO topup_worker;

GRANT USAGE ON SEQUENCE id_blocks, decision_places, guard_owners, dead_letters_dead_letter_id_seq,
    dead_letter_acts_act_id_seq, drifts_drift_id_seq, job_acts_act_id_seq,
    letter_copies_copy_id_seq, outbox_outbox_id_seq, payer_alias_uses_use_id_seq,
    replay_runs_run_id_seq, rule_set_activations_activation_id_seq,
    waiting_commands_waiting_id_seq TO topup_worker;
GRANT EXECUTE ON FUNCTION gone_of(bigint, bigint, bigint), key_part(text),
    key_joined(text, text), payer_key(text), name_words(text), name_key(text),
    came_without_id(text[], date, date),
    next_try(timestamptz, integer, text), outbox_next(bigint), about(inbox),
    make_usage_month(date), close_usage(timestamptz), prune_usage(), make_outbox_range(bigint),
    drop_outbox_range(timestamptz), compare_from_the_start(),
    forget_old_money(timestamptz, text, timestamptz) TO topup_worker;

-- An operator's own notes: what he asked for, and why. Dead letters, jobs, logs and feeds have a
-- state that a person ends; rule sets are only ever added.
GRANT USAGE ON SCHEMA public TO topup_operator;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO topup_operator;
GRANT INSERT ON operator_commands, dead_letters, dead_letter_acts, dead_letter_revisions,
    letter_copies, replay_runs, jobs, job_acts, rule_sets, rule_set_activations, watermark_resets,
    statement_resets, failing_items, items_in_hand, crash_suspects, forgettings TO topup_operator;
-- Texts go by a function alone, which knows which.
GRANT UPDATE (finished_at) ON forgettings TO topup_operator;
GRANT EXECUTE ON FUNCTION forget_page(bigint, text, text, text, integer) TO topup_operator;
GRANT UPDATE ON dead_letters, replay_runs, jobs, log_changes, failing_items, items_in_hand,
    crash_suspects TO topup_operator;
GRANT DELETE ON usage_watermarks, bank_statements, failing_items, items_in_hand, crash_suspects
    TO topup_operator;
GRANT USAGE ON SEQUENCE dead_letters_dead_letter_id_seq, dead_letter_acts_act_id_seq,
    job_acts_act_id_seq, letter_copies_copy_id_seq, replay_runs_run_id_seq,
    rule_set_activations_activation_id_seq, guard_owners, forgettings_forgetting_id_seq
    TO topup_operator;

-- What a reader sees: where a relation has a column of these names, a view of the same name in
-- `masked` stands before it (`search_path`), and the relation itself is closed. Entries with a dot
-- are of one relation. Of what is not text only its presence is told.
CREATE SCHEMA masked;
CREATE FUNCTION masked.hidden(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT '…' || right(said, least(4, char_length(said) / 3)) $$;
CREATE FUNCTION masked.hidden(said text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT ARRAY(SELECT '…'::text FROM unnest(said)) $$;
CREATE FUNCTION masked.hidden(said jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT '"…"'::jsonb $$;
CREATE FUNCTION masked.hidden(said bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT ''::bytea $$;
-- What is masked is never written back. (Without a trigger of its own a view would refuse it as
-- something that it cannot do.)
CREATE FUNCTION masked.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a reader changes nothing'
        USING ERRCODE = '42501', CONSTRAINT = 'masked_stays';
END $$;
DO $$
DECLARE
    hidden CONSTANT text[] := ARRAY['name', 'account_name', 'debtor_name', 'debtor_account',
        'virtual_account', 'payer_account', 'payer', 'payer_key', 'former_owners.number',
        'unstructured', 'creditor_reference', 'end_to_end_id', 'remark', 'return_of', 'said',
        'money_records.reference', 'payments.reference', 'remittance_advice_lines.reference',
        'remittance_advices.payment_reference', 'reference_key', 'watch_key', 'explanation',
        'first_explanation', 'payload', 'record_value', 'record_headers', 'message', 'before',
        'after', 'selection', 'dead_letters.record_key', 'dead_letter_revisions.record_key',
        'waiting_commands.record_key'];
    seen record;
BEGIN
    FOR seen IN
        SELECT c.relname, bool_or(h.is_hidden) AS is_masked,
               string_agg(CASE WHEN h.is_hidden
                   THEN format('masked.hidden(%1$I) AS %1$I', a.attname)
                   ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum) AS columns
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         CROSS JOIN LATERAL (SELECT a.atttypid IN ('text'::regtype, 'text[]'::regtype,
                                                   'jsonb'::regtype, 'bytea'::regtype)
                AND (a.attname = ANY (hidden) OR c.relname || '.' || a.attname = ANY (hidden))
                AS is_hidden) h
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
           AND NOT c.relispartition
         GROUP BY c.relname
    LOOP
        IF seen.is_masked THEN
            EXECUTE format('CREATE VIEW masked.%I AS SELECT %s FROM public.%1$I', seen.relname,
                           seen.columns);
            EXECUTE format('CREATE TRIGGER masked_stays INSTEAD OF INSERT OR UPDATE OR DELETE
                ON masked.%I FOR EACH ROW EXECUTE FUNCTION masked.refuse_change()', seen.relname);
        ELSE
            EXECUTE format('GRANT SELECT ON %I TO topup_reader', seen.relname);
        END IF;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA public, masked TO topup_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA masked TO topup_reader;
GRANT SELECT ON SEQUENCE outbox_outbox_id_seq TO topup_operator, topup_reader;
