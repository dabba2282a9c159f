-- Whether a domain's day is done: all who want its report have it. And a name of this database for report ids, since the same
-- report must have the same id whatever machine sends it, and two databases' reports two.
ALTER TABLE dmarc_policy ADD COLUMN IF NOT EXISTS reported INT NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS dmarc_site (
  n INT NOT NULL PRIMARY KEY,
  id CHAR(16) CHARACTER SET ascii NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
