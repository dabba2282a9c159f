-- policyd/accounts: tables of the schema policy beside PostfixAdmin's. The names come back so that the caller can compare them itself
-- (MariaDB's PAD SPACE holds trailing spaces for equal).

-- name: policy_sender_find
SELECT sender FROM policy_sender WHERE login = ? AND sender IN (?, ?, ?) LIMIT 10

-- name: policy_limit_find
SELECT subject, seconds, amount FROM policy_limit WHERE meter = ? AND subject IN (?, ?, ?, ?) LIMIT 100

-- All that an entry could be written as to hold the one that is looked for; unused places are NULL.
-- name: policy_list_address
SELECT entry FROM policy_list WHERE list = ? AND entry IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  LIMIT 32

-- name: policy_list_client
SELECT entry FROM policy_list WHERE list = ? AND entry IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
  ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  LIMIT 104

-- ---- by hand (policyd/tables) ----

-- name: policy_table_lists
SELECT list, COUNT(*) FROM policy_list WHERE list > ? GROUP BY list ORDER BY list LIMIT ?

-- name: policy_table_list_page
SELECT entry FROM policy_list WHERE list = ? AND entry > ? ORDER BY entry LIMIT ?

-- name: policy_table_list_add
INSERT INTO policy_list (list, entry) VALUES (?, ?)

-- name: policy_table_list_remove
DELETE FROM policy_list WHERE list = ? AND entry = ?

-- name: policy_table_sender_page
SELECT sender FROM policy_sender WHERE login = ? AND sender > ? ORDER BY sender LIMIT ?

-- name: policy_table_sender_add
INSERT INTO policy_sender (login, sender) VALUES (?, ?)

-- name: policy_table_sender_remove
DELETE FROM policy_sender WHERE login = ? AND sender = ?

-- Those with the text in their subject, and those that hold for an address: its own, its domain's, everybody's.
-- name: policy_table_limits
SELECT subject, meter, seconds, amount FROM policy_limit WHERE INSTR(subject, ?) > 0 OR subject IN (?, ?, ?, ?)
  ORDER BY subject, meter, seconds LIMIT ?

-- name: policy_table_limit_put [sqlite]
INSERT INTO policy_limit (subject, meter, seconds, amount) VALUES (?, ?, ?, ?)
  ON CONFLICT (subject, meter, seconds) DO UPDATE SET amount = excluded.amount

-- name: policy_table_limit_put [mariadb]
INSERT INTO policy_limit (subject, meter, seconds, amount) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE amount = VALUES(amount)

-- name: policy_table_limit_drop
DELETE FROM policy_limit WHERE subject = ? AND (? = '' OR meter = ?) AND (? = 0 OR seconds = ?)
