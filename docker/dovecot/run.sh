#!/bin/sh
# Puts the secrets into the configuration of this image's Dovecot and starts it.
set -eu
umask 077
version=$(dovecot --version | cut -d. -f1,2)
sed "s/@PASSWORD@/$(cat /run/secrets/db_mail)/; s/@DOVEADM_KEY@/$(cat /run/secrets/doveadm_key)/" "/dovecot-$version.conf" >/etc/dovecot/dovecot.conf
if [ "$version" = 2.3 ]; then
    cat >/etc/dovecot/sql.conf.ext <<SQL
driver = mysql
connect = host=db dbname=postfixadmin user=mail password=$(cat /run/secrets/db_mail)
default_pass_scheme = CRYPT
password_query = SELECT username AS user, password FROM mailbox WHERE username = '%u' AND active = 1
user_query = SELECT username AS user, CONCAT('*:bytes=', quota) AS quota_rule FROM mailbox WHERE username = '%u' AND active = 1
iterate_query = SELECT username AS user FROM mailbox WHERE active = 1
SQL
fi
install -d -m 0755 /run/postern/doveadm
exec dovecot -F
