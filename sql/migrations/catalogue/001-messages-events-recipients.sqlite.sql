-- The archive's catalogue, derived from the segments; catalogue.c says what each column holds.
CREATE TABLE word (
  id INTEGER PRIMARY KEY,
  value TEXT NOT NULL
);
CREATE TABLE message (
  id INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,
  sent INTEGER,
  attachments INTEGER NOT NULL,
  author INTEGER,
  message_key INTEGER,
  subject TEXT NOT NULL
);
CREATE INDEX message_by_key ON message (message_key) WHERE message_key IS NOT NULL;
CREATE TABLE event (
  event INTEGER PRIMARY KEY,
  message INTEGER,
  received INTEGER NOT NULL,
  source INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  again INTEGER NOT NULL,
  instance INTEGER,
  client_name INTEGER,
  client_address INTEGER,
  helo INTEGER,
  auth_user INTEGER,
  mail_from INTEGER,
  queue_id TEXT
);
CREATE INDEX event_by_message ON event (message) WHERE message IS NOT NULL;
CREATE INDEX event_by_queue_id ON event (queue_id) WHERE queue_id IS NOT NULL;
CREATE TABLE recipient (
  event INTEGER NOT NULL,
  position INTEGER NOT NULL,
  n INTEGER NOT NULL,
  original INTEGER,
  mailbox INTEGER,
  state INTEGER NOT NULL,
  PRIMARY KEY (event, position, n)
) WITHOUT ROWID;
CREATE INDEX recipient_by_mailbox ON recipient (mailbox, event) WHERE mailbox IS NOT NULL;
CREATE TABLE pending (
  event INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (event, position)
) WITHOUT ROWID;
CREATE TABLE reader (
  name TEXT PRIMARY KEY,
  at BLOB NOT NULL
) WITHOUT ROWID;
