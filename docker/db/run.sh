#!/bin/sh
# MariaDB with PostfixAdmin's tables and one user that Postfix, Dovecot and Postern share.
set -eu
mkdir -p /run/mysqld
chown mysql:mysql /run/mysqld /var/lib/mysql
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db >/dev/null
password=$(cat /run/secrets/db_mail)
case $password in *[!A-Za-z0-9]*) echo "db_mail may have letters and digits only" >&2; exit 1 ;; esac
umask 077
{
    echo "CREATE DATABASE IF NOT EXISTS postfixadmin CHARACTER SET utf8mb4;"
    echo "CREATE DATABASE IF NOT EXISTS postern CHARACTER SET utf8mb4;"
    echo "CREATE USER IF NOT EXISTS mail@'%' IDENTIFIED BY '$password';"
    echo "ALTER USER mail@'%' IDENTIFIED BY '$password';"
    echo "GRANT SELECT ON postfixadmin.* TO mail@'%';"
    echo "GRANT ALL ON postern.* TO mail@'%';"
    echo "USE postfixadmin;"
    tr '\n' ' ' </postfixadmin.sql
    echo
    echo "GRANT INSERT, UPDATE ON postfixadmin.quota2 TO mail@'%';"
    echo "INSERT IGNORE INTO domain (domain, description, transport) VALUES ('$MAIL_DOMAIN', 'made at first start', 'virtual');"
    echo "CREATE TABLE IF NOT EXISTS ready (a INT);"
} | sed 's/; */;\n/g' >/run/mysqld/init.sql
chown mysql /run/mysqld/init.sql
exec mariadbd --user=mysql --bind-address=0.0.0.0 --skip-name-resolve --init-file=/run/mysqld/init.sql
