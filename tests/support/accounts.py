"""The test domain in PostfixAdmin's own tables (SQLite), as Postfix, Dovecot and Postern read them."""
import os
import sqlite3

DOMAIN = "example.test"
USERS = ("alice", "bob", "carol", "dave")
PASSWORD = "secret-{}"  # of the user's name
# What an administrator of PostfixAdmin would have entered: goto lists are comma separated.
ALIASES = {
    "sales@example.test": "bob@example.test,carol@example.test",
    "everyone@example.test": "alice@example.test,sales@example.test,dave@example.test",
    "postmaster@example.test": "alice@example.test",
    "@catchall.test": "dave@example.test",
}
ALIAS_DOMAINS = {"example.org.test": "example.test"}

SCHEMA = """
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, description VARCHAR(255) DEFAULT '', aliases INT DEFAULT 0,
  mailboxes INT DEFAULT 0, maxquota BIGINT DEFAULT 0, quota BIGINT DEFAULT 0, transport VARCHAR(255) DEFAULT 'virtual',
  backupmx INT DEFAULT 0, created DATETIME DEFAULT '2000-01-01', modified DATETIME DEFAULT '2000-01-01', active INT DEFAULT 1);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255) DEFAULT '', name VARCHAR(255) DEFAULT '',
  maildir VARCHAR(255) DEFAULT '', quota BIGINT DEFAULT 0, local_part VARCHAR(255) DEFAULT '', domain VARCHAR(255) DEFAULT '',
  created DATETIME DEFAULT '2000-01-01', modified DATETIME DEFAULT '2000-01-01', active INT DEFAULT 1);
CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL, domain VARCHAR(255) DEFAULT '',
  created DATETIME DEFAULT '2000-01-01', modified DATETIME DEFAULT '2000-01-01', active INT DEFAULT 1);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY, target_domain VARCHAR(255) DEFAULT '',
  created DATETIME DEFAULT '2000-01-01', modified DATETIME DEFAULT '2000-01-01', active INT DEFAULT 1);
CREATE TABLE quota2 (username VARCHAR(100) PRIMARY KEY, bytes BIGINT DEFAULT 0, messages INT DEFAULT 0);
"""
# PostfixAdmin's recommended maps (its POSTFIX_CONF.txt), in SQLite's words.
MAPS = {
    "domains": "SELECT domain FROM domain WHERE domain='%s' AND backupmx=0 AND active=1 "
               "UNION SELECT alias_domain FROM alias_domain WHERE alias_domain='%s' AND active=1",
    "mailboxes": "SELECT maildir FROM mailbox WHERE username='%s' AND active=1",
    "alias_domain_mailboxes": "SELECT maildir FROM mailbox, alias_domain WHERE alias_domain.alias_domain='%d' AND "
                              "mailbox.username='%u'||'@'||alias_domain.target_domain AND mailbox.active=1 AND alias_domain.active=1",
    "aliases": "SELECT goto FROM alias WHERE address='%s' AND active=1",
    "alias_domain_aliases": "SELECT goto FROM alias, alias_domain WHERE alias_domain.alias_domain='%d' AND "
                            "alias.address='%u'||'@'||alias_domain.target_domain AND alias.active=1 AND alias_domain.active=1",
}


def address(user):
    return f"{user}@{DOMAIN}"


def password(user):
    return PASSWORD.format(user.split("@")[0])


class Accounts:
    """accounts.db, Postfix's maps on it, and Dovecot's passwd-file, in one directory."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory, self.database = directory, os.path.join(directory, "accounts.db")
        self.passwd_file = os.path.join(directory, "users")
        with sqlite3.connect(self.database) as db:
            db.executescript(SCHEMA)
            for name in (DOMAIN, "catchall.test"):
                db.execute("INSERT INTO domain (domain) VALUES (?)", (name,))
            db.executemany("INSERT INTO alias_domain (alias_domain, target_domain) VALUES (?, ?)", ALIAS_DOMAINS.items())
            for user in USERS:
                db.execute("INSERT INTO mailbox (username, maildir, local_part, domain) VALUES (?, ?, ?, ?)",
                           (address(user), f"{DOMAIN}/{user}/", user, DOMAIN))
            for source, target in [(address(u), address(u)) for u in USERS] + list(ALIASES.items()):
                db.execute("INSERT INTO alias (address, goto, domain) VALUES (?, ?, ?)", (source, target, source.split("@")[1]))
        with open(self.passwd_file, "w") as f:
            f.writelines(f"{address(u)}:{{PLAIN}}{password(u)}::::::\n" for u in USERS)
        for name, query in MAPS.items():
            with open(self.map_path(name), "w") as f:
                f.write(f"dbpath = {self.database}\nquery = {query}\n")

    def map_path(self, name):
        return os.path.join(self.directory, f"{name}.cf")

    def execute(self, statement, values=()):
        with sqlite3.connect(self.database) as db:
            return db.execute(statement, values).fetchall()
