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
GRANT SELECT, INSERT, UPDATE ON former_owners TO topup_worker;
