-- PostfixAdmin's tables as they are; the address comes back so that the caller can compare it itself
-- (MariaDB's collations hold e and é, and trailing spaces, for equal).

-- name: account_alias
SELECT address, goto FROM alias WHERE address = ? AND active = 1 LIMIT 10

-- name: account_mailbox
SELECT username FROM mailbox WHERE username = ? AND active = 1 LIMIT 10

-- name: account_alias_domain
SELECT alias_domain, target_domain FROM alias_domain WHERE alias_domain = ? AND active = 1 LIMIT 10
