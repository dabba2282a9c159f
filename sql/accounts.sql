-- PostfixAdmin's tables as they are; the address comes back so that the caller can compare it itself
-- (MariaDB's collations hold e and é, and trailing spaces, for equal).

-- An alias with its targets, or a mailbox with NULL.
-- name: account_find
SELECT address, goto FROM alias WHERE address = ? AND active = 1
  UNION ALL SELECT username, NULL FROM mailbox WHERE username = ? AND active = 1 LIMIT 20

-- name: account_alias_domain
SELECT alias_domain, target_domain FROM alias_domain WHERE alias_domain = ? AND active = 1 LIMIT 10

-- The same, also when they are switched off.
-- name: account_find_any
SELECT address, goto, active FROM alias WHERE address = ?
  UNION ALL SELECT username, NULL, active FROM mailbox WHERE username = ? LIMIT 20

-- name: account_domain
SELECT domain, active FROM domain WHERE domain = ? LIMIT 10

-- name: account_mailbox
SELECT username, active FROM mailbox WHERE username = ? LIMIT 10

-- quota2 is Dovecot's and PostfixAdmin's table of what mailboxes hold. The name is compared with a parameter each time: the two
-- columns may differ in collation, which MariaDB refuses to compare.
-- name: account_quota
SELECT m.username, m.quota, q.username, q.bytes, q.messages FROM mailbox m LEFT JOIN quota2 q ON q.username = ?
  WHERE m.username = ? AND m.active = 1 LIMIT 10

-- All mailboxes, a page at a time (MAILBOXES_PAGE of policyd/accounts/mailboxes.h).
-- name: account_mailbox_page
SELECT username FROM mailbox WHERE username > ? AND active = 1 ORDER BY username LIMIT 1000

-- name: account_quota_set [sqlite]
INSERT INTO quota2 (username, bytes, messages) VALUES (?, ?, ?)
  ON CONFLICT (username) DO UPDATE SET bytes = excluded.bytes, messages = excluded.messages

-- name: account_quota_set [mariadb]
INSERT INTO quota2 (username, bytes, messages) VALUES (?, ?, ?)
  ON DUPLICATE KEY UPDATE bytes = VALUES(bytes), messages = VALUES(messages)
