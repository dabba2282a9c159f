-- What PostfixAdmin has no table for: who may also send as whom, limits of their own, named lists. policyd/accounts says what each
-- column holds.
CREATE TABLE IF NOT EXISTS policy_sender (
  login VARCHAR(320) NOT NULL,
  sender VARCHAR(320) NOT NULL,
  PRIMARY KEY (login, sender)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS policy_limit (
  subject VARCHAR(320) NOT NULL,
  meter VARCHAR(64) NOT NULL,
  amount BIGINT NOT NULL,
  seconds INT UNSIGNED NOT NULL,
  PRIMARY KEY (subject, meter, seconds)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS policy_list (
  list VARCHAR(64) NOT NULL,
  entry VARCHAR(320) NOT NULL,
  PRIMARY KEY (list, entry)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
