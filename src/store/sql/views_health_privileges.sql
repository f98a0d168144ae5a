-- What a role may do with the tables that are append-only, and with one that is not.
SELECT t.name AS table_name,
       to_regclass(t.name) IS NOT NULL AS exists,
       CASE WHEN r.oid IS NULL OR to_regclass(t.name) IS NULL THEN NULL
            ELSE has_table_privilege(r.oid, to_regclass(t.name), 'SELECT')
             AND has_table_privilege(r.oid, to_regclass(t.name), 'INSERT') END AS may_write,
       CASE WHEN r.oid IS NULL OR to_regclass(t.name) IS NULL THEN NULL
            ELSE has_table_privilege(r.oid, to_regclass(t.name), 'UPDATE')
              OR has_table_privilege(r.oid, to_regclass(t.name), 'DELETE')
              OR has_table_privilege(r.oid, to_regclass(t.name), 'TRUNCATE') END AS may_change,
       r.oid IS NOT NULL AS role_exists,
       coalesce(r.rolsuper, false) AS role_is_superuser,
       coalesce(pg_has_role(current_user, r.oid, 'MEMBER'), false) AS may_become
  FROM unnest(ARRAY['ledger_transactions', 'ledger_entries', 'decisions', 'dead_letter_acts'])
       AS t (name)
  LEFT JOIN pg_roles r ON r.rolname = $1
 ORDER BY t.name
