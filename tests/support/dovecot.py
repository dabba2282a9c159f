"""A private instance of the system's Dovecot (2.3 or 2.4): IMAP, LMTP and SASL for one Postfix, own directories and log."""
import os
import re
import shutil
import subprocess

from .process import Daemon, connects

DOVEADM_PORT, DOVEADM_KEY = 8980, "doveadm-secret"  # of the HTTP API, where there is one
DOVEADM = """
doveadm_api_key = {key}
service doveadm {{
  inet_listener http {{
    port = {port}
  }}
}}
"""
NOTICES = """
service lmtp {{
  unix_listener lmtp-notices {{
    user = {user}
    mode = 0600
  }}
}}
"""
MAIL_USER = "mail"  # exists on every Debian; owns the test mailboxes

COMMON = """
base_dir = {run}
state_dir = {directory}/state
log_path = {directory}/dovecot.log
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {mail_user}
mail_gid = {mail_user}
mail_max_userip_connections = 200
postmaster_address = postmaster@example.test
auth_mechanisms = plain login
auth_failure_delay = 0
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  unix_listener {queue}/private/dovecot-lmtp {{
    user = postfix
    group = postfix
    mode = 0660
  }}
}}
{sieve}service auth {{
  unix_listener {queue}/private/auth {{
    user = postfix
    group = postfix
    mode = 0660
  }}
}}
"""
V23 = """
protocols = imap lmtp
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_user} home={directory}/mail/%d/%n
}}
"""
V24 = """
protocols {{
  imap = yes
  lmtp = yes
}}
auth_allow_cleartext = yes
mail_driver = maildir
mail_home = {directory}/mail/%{{user | domain}}/%{{user | username}}
mail_path = ~/Maildir
passdb passwd-file {{
  passwd_file_path = {users}
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = {mail_user}
    gid = {mail_user}
    home = {directory}/mail/%{{user | domain}}/%{{user | username}}
  }}
}}
"""


def version():
    text = subprocess.run(["dovecot", "--version"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=True).stdout
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)\.(\d+)", text).groups())


JUNK = """require ["fileinto", "mailbox"];
if header :is "X-Spam-Flag" "YES" {
  fileinto :create "Junk";
}
"""
SIEVE_V23 = """
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve_before = {directory}/sieve/junk.sieve
}}
"""
SIEVE_V24 = """
protocol lmtp {{
  mail_plugins {{
    sieve = yes
  }}
}}
sieve_script junk {{
  type = before
  path = {directory}/sieve/junk.sieve
}}
"""


def junk_rule(directory):
    """The settings of a script, made here, that files spam into the folder Junk before a user's own."""
    folder = os.path.join(directory, "sieve")
    script = os.path.join(folder, "junk.sieve")
    os.makedirs(folder, exist_ok=True)
    with open(script, "w") as f:
        f.write(JUNK)
    shutil.chown(folder, MAIL_USER, MAIL_USER)  # Dovecot keeps the compiled script beside it
    return (SIEVE_V24 if version() >= (2, 4) else SIEVE_V23).format(directory=directory)


class Dovecot:
    """junk: mail marked as spam goes to the folder Junk (needs dovecot-sieve). extra: more settings, in the words of the version."""

    def __init__(self, directory, accounts, queue_directory, imap_port=143, junk=False, extra=""):
        self.directory, self.accounts, self.imap_port, self.queue_directory = directory, accounts, imap_port, queue_directory
        for name in ("state", "mail"):
            os.makedirs(os.path.join(directory, name), exist_ok=True)
        os.chmod(directory, 0o755)
        shutil.chown(os.path.join(directory, "mail"), MAIL_USER, MAIL_USER)
        # whoever can see base_dir can reach its sockets; and a socket's path has at most 107 characters
        self.configuration = os.path.join(directory, "dovecot.conf")
        values = {"directory": directory, "run": os.path.join(directory, "run"), "users": accounts.passwd_file,
                  "imap_port": imap_port, "queue": queue_directory, "mail_user": MAIL_USER,
                  "sieve": junk_rule(directory) if junk else ""}
        if version() >= (2, 4):
            text = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + (COMMON + V24).format(**values)
        else:
            text = (COMMON + V23).format(**values)
        with open(self.configuration, "w") as f:
            f.write(text + extra)
        self.daemon = Daemon(["dovecot", "-F", "-c", self.configuration], os.path.join(directory, "stderr.log"))

    def start(self):
        self.daemon.start(lambda: connects(("127.0.0.1", self.imap_port)) and connects(self.lmtp_socket()))
        return self

    def stop(self):
        self.daemon.stop(10)

    def lmtp_socket(self):
        return os.path.join(self.queue_directory, "private", "dovecot-lmtp")

    def notices_socket(self):
        """Where there is NOTICES."""
        return os.path.join(self.directory, "run", "lmtp-notices")

    def command(self, program, *arguments):
        return subprocess.run([program, "-c", self.configuration, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=True, timeout=60).stdout

    def doveadm(self, *arguments):
        return self.command("doveadm", *arguments)

    def doveconf(self, *arguments):
        return self.command("doveconf", *arguments)

    def maildir(self, user, mailbox=""):
        """Delivered files of a user@domain, oldest first, as they lie on disk; mailbox "" is INBOX."""
        local, domain = user.split("@")
        found = []
        for folder in ("new", "cur"):
            path = os.path.join(self.directory, "mail", domain, local, "Maildir", "." + mailbox if mailbox else "", folder)
            if os.path.isdir(path):
                found += [os.path.join(path, name) for name in os.listdir(path)]
        return sorted(found, key=os.path.basename)

    def clear(self):
        """Empties all mailboxes (between tests)."""
        for domain in os.listdir(os.path.join(self.directory, "mail")):
            shutil.rmtree(os.path.join(self.directory, "mail", domain))

    def log(self):
        with open(os.path.join(self.directory, "dovecot.log"), encoding="utf-8", errors="replace") as f:
            return f.read()
