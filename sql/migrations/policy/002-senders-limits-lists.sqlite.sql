-- What PostfixAdmin has no table for: who may also send as whom, limits of their own, named lists. policyd/accounts says what each
-- column holds.
CREATE TABLE policy_sender (
  login TEXT NOT NULL,
  sender TEXT NOT NULL,
  PRIMARY KEY (login, sender)
) WITHOUT ROWID;
CREATE TABLE policy_limit (
  subject TEXT NOT NULL,
  meter TEXT NOT NULL,
  amount INTEGER NOT NULL,
  seconds INTEGER NOT NULL,
  PRIMARY KEY (subject, meter, seconds)
) WITHOUT ROWID;
CREATE TABLE policy_list (
  list TEXT NOT NULL,
  entry TEXT NOT NULL,
  PRIMARY KEY (list, entry)
) WITHOUT ROWID;
