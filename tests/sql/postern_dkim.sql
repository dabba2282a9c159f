-- Signing keys for sign.source = sql, as postern.conf(5) tells; the same for SQLite and MariaDB.
CREATE TABLE postern_dkim (
  domain VARCHAR(253) NOT NULL,
  selector VARCHAR(63) NOT NULL,
  private_key TEXT NOT NULL,
  active INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (domain, selector)
);
