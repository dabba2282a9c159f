-- What sql_migrate.c needs: the record of applied steps.

-- name: schema_exists [sqlite]
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'postern_schema'

-- name: schema_exists [mariadb]
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'postern_schema'

-- name: schema_create [sqlite]
CREATE TABLE IF NOT EXISTS postern_schema (
  schema_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  checksum TEXT NOT NULL,
  applied_ms INTEGER NOT NULL,
  PRIMARY KEY (schema_name, version)
) WITHOUT ROWID

-- name: schema_create [mariadb]
CREATE TABLE IF NOT EXISTS postern_schema (
  schema_name VARCHAR(64) NOT NULL,
  version INT UNSIGNED NOT NULL,
  title VARCHAR(255) NOT NULL,
  checksum CHAR(64) NOT NULL,
  applied_ms BIGINT NOT NULL,
  PRIMARY KEY (schema_name, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin

-- name: schema_versions
SELECT version, checksum FROM postern_schema WHERE schema_name = ? ORDER BY version LIMIT 10000

-- name: schema_record
INSERT INTO postern_schema (schema_name, version, title, checksum, applied_ms) VALUES (?, ?, ?, ?, ?)

-- A lock that the server gives back when the connection closes. SQLite's write transaction does the same.
-- name: schema_lock [mariadb]
SELECT GET_LOCK(CONCAT('postern_migrate_', MD5(DATABASE())), 10)

-- name: schema_lock [sqlite]
SELECT 1
