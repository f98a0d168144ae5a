-- Whose they are, and whose they were until when.
SELECT virtual_account, account_id, NULL::timestamptz AS until
  FROM virtual_accounts WHERE virtual_account = ANY($1::text[])
UNION ALL
SELECT number, account_id, until
  FROM former_owners WHERE number = ANY($1::text[]) AND kind = 'virtual'
