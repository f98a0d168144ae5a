-- `S00042` is compared without its zeros: `S42`. It is long enough as it is written.
ALTER TABLE invoice_references
    DROP CONSTRAINT invoice_references_reference_check,
    ADD CONSTRAINT invoice_references_reference_check CHECK (
        reference !~ '[^A-Z0-9-]'
        AND length(reference) BETWEEN CASE WHEN scheme IS NULL THEN 2 ELSE 4 END AND 35);
