-- What postern-policyd knows (policyd/state/state.h says what it means).
CREATE TABLE policy_node (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  holder TEXT NOT NULL,
  renewed INTEGER NOT NULL
);
CREATE TABLE policy_mark (
  mark_key BLOB NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  first_s INTEGER NOT NULL,
  last_s INTEGER NOT NULL,
  touches INTEGER NOT NULL,
  node INTEGER NOT NULL,
  label TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE policy_meter (
  meter_key BLOB NOT NULL,
  node INTEGER NOT NULL,
  kind TEXT NOT NULL,
  taken INTEGER NOT NULL,
  given INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  level1 INTEGER NOT NULL,
  level2 INTEGER NOT NULL,
  level3 INTEGER NOT NULL,
  rate1 INTEGER NOT NULL,
  rate2 INTEGER NOT NULL,
  rate3 INTEGER NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (meter_key, node)
) WITHOUT ROWID;
CREATE TABLE policy_fact (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT,
  since_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  decided_by TEXT NOT NULL,
  node TEXT NOT NULL,
  set_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
CREATE TABLE policy_audit (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  node TEXT NOT NULL,
  who TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX policy_audit_by_subject ON policy_audit (subject, id);
