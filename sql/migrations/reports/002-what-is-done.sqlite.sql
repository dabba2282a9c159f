-- Whether a domain's day is done: all who want its report have it. And a name of this database for report ids, since the same
-- report must have the same id whatever machine sends it, and two databases' reports two.
ALTER TABLE dmarc_policy ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
CREATE TABLE dmarc_site (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL
);
