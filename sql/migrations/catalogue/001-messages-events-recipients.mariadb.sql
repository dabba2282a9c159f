-- The archive's catalogue, derived from the segments; catalogue.c says what each column holds.
CREATE TABLE IF NOT EXISTS word (
  id INT UNSIGNED NOT NULL PRIMARY KEY,
  value VARCHAR(1024) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS message (
  id BIGINT NOT NULL PRIMARY KEY,
  size BIGINT NOT NULL,
  sent BIGINT,
  attachments SMALLINT UNSIGNED NOT NULL,
  author INT UNSIGNED,
  message_key BIGINT,
  subject VARCHAR(255) NOT NULL,
  KEY message_by_key (message_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS event (
  event BIGINT NOT NULL PRIMARY KEY,
  message BIGINT,
  received BIGINT NOT NULL,
  source TINYINT UNSIGNED NOT NULL,
  verdict TINYINT UNSIGNED NOT NULL,
  again TINYINT UNSIGNED NOT NULL,
  instance INT UNSIGNED,
  client_name INT UNSIGNED,
  client_address INT UNSIGNED,
  helo INT UNSIGNED,
  auth_user INT UNSIGNED,
  mail_from INT UNSIGNED,
  queue_id VARCHAR(64),
  KEY event_by_message (message),
  KEY event_by_queue_id (queue_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS recipient (
  event BIGINT NOT NULL,
  position SMALLINT UNSIGNED NOT NULL,
  n MEDIUMINT UNSIGNED NOT NULL,
  original INT UNSIGNED,
  mailbox INT UNSIGNED,
  state TINYINT UNSIGNED NOT NULL,
  PRIMARY KEY (event, position, n),
  KEY recipient_by_mailbox (mailbox, event)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS pending (
  event BIGINT NOT NULL,
  position SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (event, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE IF NOT EXISTS reader (
  name VARCHAR(32) NOT NULL PRIMARY KEY,
  at VARBINARY(64) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
