-- The migrations that ran here, as sqlx keeps them.
SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version
