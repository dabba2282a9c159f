"""Postfix, Dovecot with postern_quota and its doveadm API, and the policy daemon between them, on 2.3 and 2.4."""
import contextlib
import email
import email.policy
import itertools
import os
import re
import shutil
import smtplib
import socket
import sqlite3

from . import accounts
from .dovecot import Dovecot, version
from .policyd import Policyd
from .postern import USER
from .postfix import Postfix
from .process import connects, wait_until
from .quota_plugin import PORTS, configuration, deliver, inbox_of, plugin_directory, settings_module

KEY = "sesame"
FROM = "postmaster@example.test"
HTTP_PORTS = itertools.count(8180)
# A service of its own for notices, in which quotas are not enforced; and the HTTP API.
SERVICES = """
service doveadm {{
  inet_listener http {{
    port = {http}
  }}
  unix_listener http {{
    user = {user}
    mode = 0600
  }}
}}
doveadm_api_key = {key}
service lmtp-notices {{
  executable = lmtp -o {override}
  unix_listener lmtp-notices {{
    user = {user}
    mode = 0600
  }}
}}
"""
OVERRIDE = ("plugin/quota=", "quota_enforce=no")  # 2.3, 2.4
# Dovecot's own warnings, by the script protocol.
WARNINGS = ("""
plugin {{
  quota_warning = storage=95%% {socket} over 95 %u
  quota_warning2 = storage=80%% {socket} over 80 %u
  quota_warning3 = -storage=80%% {socket} under 80 %u
}}
""", """
quota "User quota" {{
  warning w95 {{
    quota_storage_percentage = 95
    execute {socket} {{
      args = over 95 %{{user}}
    }}
  }}
  warning w80 {{
    quota_storage_percentage = 80
    execute {socket} {{
      args = over 80 %{{user}}
    }}
  }}
  warning u80 {{
    quota_storage_percentage = 80
    threshold = under
    execute {socket} {{
      args = under 80 %{{user}}
    }}
  }}
}}
""")


class QuotaSite:
    """limit: of every mailbox, in the words of Dovecot. script: Dovecot warns by itself, without the plugin. Use as a context manager."""

    def __init__(self, directory, limit="1M", script=False, quota=None, check=None, policyd=None, doveadm=True, uids=()):
        self.directory, self.limit = directory, limit
        os.chmod(directory, 0o755)
        self.accounts = accounts.Accounts(os.path.join(directory, "accounts"))
        for path in (self.accounts.directory, self.accounts.database):  # the policy daemon writes quota2
            shutil.chown(path, USER)
        os.chmod(self.accounts.directory, 0o755)
        self.postfix = Postfix(os.path.join(directory, "p"), self.accounts, {"smtp": 2525, "submission": 2587, "reinjection": 12025})
        self.http = next(HTTP_PORTS)
        self.events, self.script_socket = os.path.join(directory, "q.sock"), os.path.join(directory, "s.sock")
        self.home = os.path.join(directory, "d")
        os.makedirs(self.home)
        plugin_directory(os.path.join(self.home, "plugins"))
        self.dovecot = Dovecot(self.home, self.accounts, self.postfix.queue_directory, imap_port=next(PORTS), extra=self.dovecot_settings(script))
        path, name = self.postfix.milter_socket("policy.sock", USER)
        settings = {"listen": f"unix:{self.events}", "script": f"unix:{self.script_socket}", "from": FROM, "settle": "2s",
                    "lmtp": f"unix:{self.home}/run/lmtp-notices", "templates": os.path.join(directory, "texts"), "uids": list(uids),
                    "poll": "0", "stale": "1h", "confirm": "0"}
        asked = {"url": f"unix:{self.home}/run/http", "key": KEY} if doveadm else {}
        self.policyd = Policyd(os.path.join(directory, "n"), {"quota_check full": check or {}},
                               {"quota": {**settings, **(quota or {})}, "doveadm": asked, **(policyd or {})}, path, self.accounts)
        self.postfix.set(smtpd_recipient_restrictions=f"check_policy_service {name}", smtpd_end_of_data_restrictions="",
                         smtpd_policy_service_default_action="451 4.3.5 no policy service")

    def dovecot_settings(self, script):
        new = version() >= (2, 4)
        text = configuration(self.home, "maildir", "count", [("User quota", {"storage": self.limit})], {"socket": self.events}, None)
        if script:
            text = re.sub(r" postern_quota$|^  postern_quota.*\n|^postern_quota.*\n", "", text, flags=re.M) + \
                WARNINGS[new].format(socket=self.script_socket)
        return text + SERVICES.format(http=self.http, key=KEY, override=OVERRIDE[new], user=USER)

    def set_limit(self, limit):
        """Another limit for all, as an administrator sets one: no event tells it."""
        text = open(self.dovecot.configuration).read()
        for form in ("storage_size = {}\n", "storage={}\n"):
            text = text.replace(form.format(self.limit), form.format(limit))
        with open(self.dovecot.configuration, "w") as f:
            f.write(text)
        self.limit = limit
        self.dovecot.stop()
        self.dovecot.start()

    def __enter__(self):
        self.resources = contextlib.ExitStack()
        self.resources.enter_context(settings_module(os.path.join(self.home, "settings")))
        self.dovecot.start()
        self.start_policyd()
        self.postfix.start()
        return self

    def start_policyd(self):
        self.policyd.start()
        wait_until(lambda: connects(f"{self.policyd.directory}/run/control"), 10, "the control socket")

    def __exit__(self, *exception):
        self.postfix.stop()
        self.policyd.stop()
        self.dovecot.stop()
        self.resources.close()

    # ---- mail ----

    def imap(self, user="alice"):
        return inbox_of(self.dovecot, user)

    def lmtp(self, size, user="alice"):
        return deliver(self.dovecot, size, user)

    def rcpt(self, recipient, size=0):
        """Postfix's answer at RCPT."""
        with smtplib.SMTP("127.0.0.1", 2525, local_hostname="client.outside.test", timeout=60) as client:
            client.ehlo()
            client.mail("sender@outside.test", [f"SIZE={size}"] if size else [])
            return client.rcpt(recipient)

    def notices(self, user="alice"):
        """Notices in the mailbox, oldest first, as messages."""
        with self.imap(user) as client:
            numbers = client.search(None, "HEADER", "Auto-Submitted", "auto-generated")[1][0].split()
            texts = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
        return [email.message_from_bytes(text, policy=email.policy.default) for text in texts]

    def wait_notices(self, count, user="alice"):
        return wait_until(lambda: (lambda found: found if len(found) >= count else None)(self.notices(user)), 15,
                          lambda: f"{count} notices\n{self.policyd.log()[-3000:]}\n{self.dovecot.log()[-2000:]}")

    # ---- the daemon ----

    def known(self, user="alice"):
        rows = self.policyd.control("quota-show", accounts.address(user))["rows"]
        return rows[0] if rows else None

    def wait_known(self, condition, user="alice"):
        return wait_until(lambda: (lambda row: row if row and condition(row) else None)(self.known(user)), 15,
                          lambda: f"{self.known(user)}\n{self.policyd.log()[-3000:]}\n{self.dovecot.log()[-1000:]}")

    def quota2(self, user="alice"):
        with sqlite3.connect(self.accounts.database) as db:
            return db.execute("SELECT bytes, messages FROM quota2 WHERE username = ?", (accounts.address(user),)).fetchone()

    def send_event(self, datagram):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(datagram, self.events)
