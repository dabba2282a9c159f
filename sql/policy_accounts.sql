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
