-- What a person may choose for a payment, what became of each choice, and what is learnt from it.

CREATE TABLE suggestions (
    -- The decision, and which of its choices: '1048577-1'.
    suggestion_id text COLLATE "C" PRIMARY KEY
        CHECK (suggestion_id !~ '[^A-Za-z0-9._:-]' AND length(suggestion_id) BETWEEN 1 AND 64),
    payment_id    text COLLATE "C" NOT NULL,
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
    FOREIGN KEY (payment_id, decision_id) REFERENCES decisions,
    CONSTRAINT suggestion_closed_iff_stamped CHECK ((status = 'open') = (resolved_at IS NULL)),
    CONSTRAINT suggestion_person_iff_recorded
        CHECK ((status IN ('confirmed', 'rejected'))
               = (resolved_by_source IS NOT NULL AND resolved_by_id IS NOT NULL)),
    CONSTRAINT suggestion_reason_needs_person
        CHECK (reason IS NULL OR resolved_by_id IS NOT NULL)
);
CREATE INDEX suggestions_payment ON suggestions (payment_id);
CREATE INDEX suggestions_open ON suggestions (account_id) WHERE status = 'open';

-- Several invoices of one suggestion are taken together.
CREATE TABLE suggestion_invoices (
    suggestion_id text COLLATE "C" NOT NULL REFERENCES suggestions,
    invoice_id    text COLLATE "C" NOT NULL REFERENCES invoices,
    -- What the invoice would get.
    amount        bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (suggestion_id, invoice_id)
);
CREATE INDEX suggestion_invoices_invoice ON suggestion_invoices (invoice_id);

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
CREATE TRIGGER suggestions_are_kept BEFORE DELETE OR TRUNCATE ON suggestions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER suggestion_invoices_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON suggestion_invoices FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

---------------------------------------------------------------------------------------------
-- Aliases: a payer's account that persons gave to a customer. Nobody has verified it.

CREATE TABLE payer_aliases (
    payer_account text COLLATE "C" NOT NULL
                    CHECK (payer_account !~ '[^A-Z0-9]' AND length(payer_account) BETWEEN 1 AND 64),
    account_id    text COLLATE "C" NOT NULL REFERENCES accounts,
    -- Payments that were confirmed since it was last demoted; two make it strong.
    confirmations integer NOT NULL CHECK (confirmations >= 0),
    -- The latest day of a payment that made or used it; after 400 days more it counts for nothing.
    last_used_on  date NOT NULL,
    demoted_at    timestamptz,
    PRIMARY KEY (payer_account, account_id),
    CONSTRAINT alias_demoted_iff_nothing_confirmed
        CHECK ((confirmations = 0) = (demoted_at IS NOT NULL))
);
CREATE INDEX payer_aliases_account ON payer_aliases (account_id);
CREATE TRIGGER payer_aliases_are_kept BEFORE DELETE OR TRUNCATE ON payer_aliases
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- What made an alias, what rested on it, and what took it back.
CREATE TABLE payer_alias_uses (
    use_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer_account    text COLLATE "C" NOT NULL,
    account_id       text COLLATE "C" NOT NULL,
    payment_id       text COLLATE "C" NOT NULL,
    kind             text COLLATE "C" NOT NULL CHECK (kind IN ('confirmed', 'used', 'demoted')),
    -- The decision that rested on it.
    decision_id      bigint,
    -- The suggestion whose confirmation made it, if it was one.
    suggestion_id    text COLLATE "C" REFERENCES suggestions,
    -- The payment's day.
    used_on          date NOT NULL,
    caused_by_source text COLLATE "C" NOT NULL,
    caused_by_id     text COLLATE "C" NOT NULL,
    recorded_at      timestamptz NOT NULL,
    FOREIGN KEY (payer_account, account_id) REFERENCES payer_aliases,
    FOREIGN KEY (payment_id, decision_id) REFERENCES decisions,
    CONSTRAINT alias_use_iff_decision CHECK ((kind = 'used') = (decision_id IS NOT NULL)),
    CONSTRAINT alias_suggestion_was_confirmed CHECK (suggestion_id IS NULL OR kind = 'confirmed')
);
-- Each payment teaches once.
CREATE UNIQUE INDEX payer_alias_confirmed_once ON payer_alias_uses
    (payment_id, payer_account, account_id) WHERE kind = 'confirmed';
CREATE INDEX payer_alias_uses_payment ON payer_alias_uses (payment_id);
CREATE INDEX payer_alias_uses_alias ON payer_alias_uses (payer_account, account_id, use_id);
CREATE TRIGGER payer_alias_uses_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON payer_alias_uses FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

---------------------------------------------------------------------------------------------
-- An invoice that a person may still choose for a payment is no void candidate.

CREATE OR REPLACE VIEW candidate_facts AS
SELECT i.invoice_id, i.account_id, i.currency, p.due, i.due_date, i.stale_since, i.keep_until,
       i.candidate_since, i.allocated, i.payment_reference, i.number_key, a.stale_after_days,
       -- Money that may be meant for it: a payment that names it or for which it is suggested, …
       (EXISTS (SELECT 1 FROM watches w WHERE w.watch_key
                 IN ('ref:' || i.payment_reference, 'number:' || i.number_key))
        OR EXISTS (SELECT 1 FROM suggestion_invoices si
                     JOIN suggestions s ON s.suggestion_id = si.suggestion_id
                    WHERE si.invoice_id = i.invoice_id AND s.status = 'open')) AS named,
       -- … or that could pay it in full from the same account.
       EXISTS (SELECT 1 FROM payments m
                WHERE m.account_id = i.account_id AND m.currency = i.currency
                  AND m.state IN ('on_account', 'parked', 'partly_allocated')
                  AND m.amount - m.allocated - m.returned - m.refunded >= p.due) AS payable,
       a.time_zone
FROM payable_invoices p
JOIN invoices i ON i.invoice_id = p.invoice_id
JOIN accounts a ON a.account_id = i.account_id;

GRANT SELECT, INSERT ON suggestions, suggestion_invoices, payer_aliases, payer_alias_uses
    TO topup_worker;
GRANT UPDATE ON suggestions, payer_aliases TO topup_worker;
GRANT SELECT ON candidate_facts TO topup_worker;
