"""What the tests of `postern dmarc` work with: a configuration, its database, a DNS and an SMTP server."""
import datetime
import random
import sqlite3
import subprocess
import time

from .name_server import NameServer
from .postern import program, quote
from .smtp_sink import SmtpSink

DAY_S = 86400


def day(back=1):
    """(number, date) of a day before today by UTC."""
    number = int(time.time()) // DAY_S - back
    return number, datetime.datetime.fromtimestamp(number * DAY_S, datetime.timezone.utc).strftime("%Y-%m-%d")


class Site:
    """A configuration, its database, a DNS and an SMTP server."""

    def __init__(self, directory, **dmarc):
        """dmarc: settings over those for SQLite."""
        self.directory = directory
        self.names, self.sink = NameServer(), SmtpSink()
        self.database = str(directory / "reports" / "reports.db")
        self.path = str(directory / "postern.conf")
        self.settings = {
            "archived": {"dir": str(directory), "user": ""}, "milter": {"user": ""},
            "dns": {"mode": "forward", "forwarders": [self.names.forwarder], "dnssec": "off", "timeout": "3s"},
            "dmarc": {"driver": "sqlite", "path": self.database, "report": True, "organisation": "Ours 我們",
                      "contact": "dmarc@ours.example", "from": "reports@ours.example",
                      "smtp": f"inet:{self.sink.port}@127.0.0.1"}}
        self.configure(**dmarc)
        assert self.run("db", "init").returncode == 0

    def configure(self, **dmarc):
        self.settings["dmarc"].update({name.rstrip("_"): value for name, value in dmarc.items()})
        with open(self.path, "w") as f:
            for section, values in self.settings.items():
                f.write(f"{section} {{\n" + "".join(f"  {n} = {quote(v)}\n" for n, v in values.items()) + "}\n")

    def command(self, *arguments):
        return [program("postern"), "-c", self.path, *map(str, arguments)]

    def run(self, *arguments, data=None):
        return subprocess.run(self.command(*arguments), input=data or b"", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)

    def report(self, *arguments):
        done = self.run("dmarc", "report", *arguments)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def count(self, domain, rua="", rows=1, number=None, record="v=DMARC1; p=none"):
        """Mail in a domain's name, as the milter counts it."""
        number = day()[0] if number is None else number
        with sqlite3.connect(self.database, timeout=10) as db:
            db.execute("INSERT INTO dmarc_policy (day, domain, record) VALUES (?, ?, ?)", (number, domain, record + (f"; rua={rua}" if rua else "")))
            for n in range(rows):
                key = "%032x" % random.getrandbits(128)
                db.execute("INSERT INTO dmarc_tally VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           (number, domain, key, n + 2,
                            f"2001:db8::{random.getrandbits(16):x}:{random.getrandbits(16):x}:{n:x}",
                            "quarantine", "local_policy", "", "fail", "pass", "ours.example", f"{key[:16]}.example", domain,
                            f"{domain} s1 fail", f"{key[:16]}.example mfrom pass"))
        db.close()

    def mails_to(self):
        return sorted(recipient for mail in self.sink.mails for recipient in mail.recipients)

    def outcomes(self):
        db = sqlite3.connect(self.database)
        rows = db.execute("SELECT domain, uri, part, outcome FROM dmarc_sent ORDER BY domain, uri, part").fetchall()
        db.close()
        return rows

    def close(self):
        self.names.close()
        self.sink.close()
