#!/bin/sh
# Writes the maps with the database password, then starts Postfix in the foreground.
set -eu
mkdir -p /etc/postfix/sql
umask 027
map() {
    printf 'hosts = db\nuser = mail\npassword = %s\ndbname = postfixadmin\nquery = %s\n' "$(cat /run/secrets/db_mail)" "$2" \
        >"/etc/postfix/sql/$1.cf"
}
map domains "SELECT domain FROM domain WHERE domain='%s' AND backupmx=0 AND active=1"
map mailboxes "SELECT maildir FROM mailbox WHERE username='%s' AND active=1"
map aliases "SELECT goto FROM alias WHERE address='%s' AND active=1"
map logins "SELECT username FROM mailbox WHERE username='%s' AND active=1 UNION SELECT goto FROM alias WHERE address='%s' AND active=1"
chgrp -R postfix /etc/postfix/sql
umask 022
postconf -e "myhostname=$MAIL_HOST"
rm -f /var/spool/postfix/pid/master.pid
postfix check
exec postfix start-fg
