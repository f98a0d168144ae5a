-- A page of what was learnt ends with a number: a payer's account is no business of a cursor.
ALTER TABLE payer_aliases ADD COLUMN alias_id bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX payer_aliases_id ON payer_aliases (alias_id);
