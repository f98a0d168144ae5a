-- What doctor wants to know about the server. No table is read.
SELECT current_setting('server_version_num')::integer AS version_number,
       current_setting('server_version') AS version,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS in_recovery,
       coalesce(current_setting('topup.session', true), '') = 'kept' AS session_kept,
       clock_timestamp() AS now
