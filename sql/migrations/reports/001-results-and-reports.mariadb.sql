-- DMARC: what inbound mail was found to be, reports about it that were sent, reports of others. dmarc_store.h says what each
-- column holds.
CREATE TABLE IF NOT EXISTS dmarc_policy (
  day INT NOT NULL,
  domain VARCHAR(253) NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (day, domain)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS dmarc_tally (
  day INT NOT NULL,
  domain VARCHAR(253) NOT NULL,
  row_key CHAR(32) CHARACTER SET ascii NOT NULL,
  messages BIGINT NOT NULL,
  source_ip VARCHAR(64) NOT NULL,
  disposition VARCHAR(32) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  comment VARCHAR(255) NOT NULL,
  aligned_dkim VARCHAR(32) NOT NULL,
  aligned_spf VARCHAR(32) NOT NULL,
  envelope_to VARCHAR(255) NOT NULL,
  envelope_from VARCHAR(255) NOT NULL,
  header_from VARCHAR(255) NOT NULL,
  dkim TEXT NOT NULL,
  spf TEXT NOT NULL,
  PRIMARY KEY (day, domain, row_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS dmarc_writer (
  id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  batch BIGINT NOT NULL,
  day INT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS dmarc_sent (
  day INT NOT NULL,
  domain VARCHAR(253) NOT NULL,
  target CHAR(32) CHARACTER SET ascii NOT NULL,
  part INT NOT NULL,
  uri VARCHAR(512) NOT NULL,
  at BIGINT NOT NULL,
  outcome VARCHAR(32) NOT NULL,
  detail VARCHAR(255) NOT NULL,
  PRIMARY KEY (day, domain, target, part)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS dmarc_report (
  id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  org_name VARCHAR(255) NOT NULL,
  email VARCHAR(255) NOT NULL,
  report_id VARCHAR(255) NOT NULL,
  domain VARCHAR(253) NOT NULL,
  begin_at BIGINT NOT NULL,
  end_at BIGINT NOT NULL,
  policy TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  left_out TINYINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX IF NOT EXISTS dmarc_report_by_begin ON dmarc_report (begin_at);
CREATE INDEX IF NOT EXISTS dmarc_report_by_receipt ON dmarc_report (received_at);
CREATE TABLE IF NOT EXISTS dmarc_report_row (
  report CHAR(32) CHARACTER SET ascii NOT NULL,
  n INT UNSIGNED NOT NULL,
  messages BIGINT NOT NULL,
  source_ip VARCHAR(64) NOT NULL,
  disposition VARCHAR(32) NOT NULL,
  reason VARCHAR(255) NOT NULL,
  aligned_dkim VARCHAR(32) NOT NULL,
  aligned_spf VARCHAR(32) NOT NULL,
  envelope_to VARCHAR(255) NOT NULL,
  envelope_from VARCHAR(255) NOT NULL,
  header_from VARCHAR(255) NOT NULL,
  dkim TEXT NOT NULL,
  spf TEXT NOT NULL,
  PRIMARY KEY (report, n)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
