-- DMARC: what inbound mail was found to be, reports about it that were sent, reports of others. dmarc_store.h says what each
-- column holds.
CREATE TABLE dmarc_policy (
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (day, domain)
) WITHOUT ROWID;
CREATE TABLE dmarc_tally (
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  row_key TEXT NOT NULL,
  messages INTEGER NOT NULL,
  source_ip TEXT NOT NULL,
  disposition TEXT NOT NULL,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  aligned_dkim TEXT NOT NULL,
  aligned_spf TEXT NOT NULL,
  envelope_to TEXT NOT NULL,
  envelope_from TEXT NOT NULL,
  header_from TEXT NOT NULL,
  dkim TEXT NOT NULL,
  spf TEXT NOT NULL,
  PRIMARY KEY (day, domain, row_key)
) WITHOUT ROWID;
CREATE TABLE dmarc_writer (
  id TEXT PRIMARY KEY,
  batch INTEGER NOT NULL,
  day INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dmarc_sent (
  day INTEGER NOT NULL,
  domain TEXT NOT NULL,
  target TEXT NOT NULL,
  part INTEGER NOT NULL,
  uri TEXT NOT NULL,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (day, domain, target, part)
) WITHOUT ROWID;
CREATE TABLE dmarc_report (
  id TEXT PRIMARY KEY,
  org_name TEXT NOT NULL,
  email TEXT NOT NULL,
  report_id TEXT NOT NULL,
  domain TEXT NOT NULL,
  begin_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL,
  policy TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  left_out INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX dmarc_report_by_begin ON dmarc_report (begin_at);
CREATE INDEX dmarc_report_by_receipt ON dmarc_report (received_at);
CREATE TABLE dmarc_report_row (
  report TEXT NOT NULL,
  n INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  source_ip TEXT NOT NULL,
  disposition TEXT NOT NULL,
  reason TEXT NOT NULL,
  aligned_dkim TEXT NOT NULL,
  aligned_spf TEXT NOT NULL,
  envelope_to TEXT NOT NULL,
  envelope_from TEXT NOT NULL,
  header_from TEXT NOT NULL,
  dkim TEXT NOT NULL,
  spf TEXT NOT NULL,
  PRIMARY KEY (report, n)
) WITHOUT ROWID;
