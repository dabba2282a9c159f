-- Keys of the module sign, in the accounts database. A table of our own beside PostfixAdmin's (postern.conf(5) has its
-- definition); the domain comes back so that the caller can compare it itself.

-- name: sign_keys
SELECT domain, selector, private_key FROM postern_dkim WHERE domain = ? AND active = 1 ORDER BY selector LIMIT 20
