-- PostfixAdmin's tables as they are; the address comes back so that the caller can compare it itself
-- (MariaDB's collations hold e and é, and trailing spaces, for equal).

-- An alias with its targets, or a mailbox with NULL.
-- name: account_find
SELECT address, goto FROM alias WHERE address = ? AND active = 1
  UNION ALL SELECT username, NULL FROM mailbox WHERE username = ? AND active = 1 LIMIT 20

-- name: account_alias_domain
SELECT alias_domain, target_domain FROM alias_domain WHERE alias_domain = ? AND active = 1 LIMIT 10
