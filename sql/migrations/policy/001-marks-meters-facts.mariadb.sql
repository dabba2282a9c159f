-- What postern-policyd knows (policyd/state/state.h says what it means). changed is this server's clock in milliseconds: nodes read
-- what changed since they read last. node in marks is the node whose writing is all that there is in the row, or 0.
CREATE TABLE IF NOT EXISTS policy_node (
  id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  holder VARCHAR(190) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  renewed BIGINT NOT NULL,
  UNIQUE KEY policy_node_by_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS policy_mark (
  mark_key BINARY(16) NOT NULL PRIMARY KEY,
  kind VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch INT UNSIGNED NOT NULL,
  first_s INT UNSIGNED NOT NULL,
  last_s INT UNSIGNED NOT NULL,
  touches INT UNSIGNED NOT NULL,
  node SMALLINT UNSIGNED NOT NULL,
  label VARCHAR(768) NOT NULL,
  changed BIGINT NOT NULL DEFAULT (CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)),
  KEY policy_mark_by_change (changed, mark_key, node)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS policy_meter (
  meter_key BINARY(16) NOT NULL,
  node SMALLINT UNSIGNED NOT NULL,
  kind VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  taken BIGINT NOT NULL,
  given BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  level1 BIGINT NOT NULL,
  level2 BIGINT NOT NULL,
  level3 BIGINT NOT NULL,
  rate1 BIGINT NOT NULL,
  rate2 BIGINT NOT NULL,
  rate3 BIGINT NOT NULL,
  label VARCHAR(768) NOT NULL,
  changed BIGINT NOT NULL DEFAULT (CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)),
  PRIMARY KEY (meter_key, node),
  KEY policy_meter_by_change (changed, meter_key, node)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS policy_fact (
  kind VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(512) COLLATE utf8mb4_nopad_bin NOT NULL,
  value VARCHAR(4000),
  since_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  decided_by VARCHAR(320) NOT NULL,
  node VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  set_ms BIGINT NOT NULL,
  changed BIGINT NOT NULL DEFAULT (CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)),
  PRIMARY KEY (kind, subject),
  KEY policy_fact_by_change (changed)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS policy_audit (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  node VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  who VARCHAR(320) NOT NULL,
  action VARCHAR(64) NOT NULL,
  subject VARCHAR(512) COLLATE utf8mb4_nopad_bin NOT NULL,
  detail TEXT NOT NULL,
  KEY policy_audit_by_subject (subject, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
