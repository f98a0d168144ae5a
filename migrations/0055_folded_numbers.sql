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

ALTER TABLE invoices ADD COLUMN folded_key text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (folded_number(invoice_id)) STORED;
-- Not unique: two ids may be alike, and then a person says which is meant.
CREATE INDEX invoices_folded_key ON invoices (folded_key);
