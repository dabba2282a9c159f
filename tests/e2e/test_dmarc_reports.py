"""`postern dmarc`: reports to others go to those who want them, once; reports of others are read and counted up."""
import base64
import datetime
import email
import email.policy
import gzip
import io
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

from support.name_server import NameServer
from support.postern import program, quote
from support.process import wait_until
from support.smtp_sink import SmtpSink

DAY_S = 86400


def day(back=1):
    """(number, date) of a day before today by UTC."""
    number = int(time.time()) // DAY_S - back
    return number, datetime.datetime.fromtimestamp(number * DAY_S, datetime.timezone.utc).strftime("%Y-%m-%d")


class Site:
    """A configuration, its database, a DNS and an SMTP server."""

    def __init__(self, directory):
        self.directory = directory
        self.names, self.sink = NameServer(), SmtpSink()
        self.database = str(directory / "reports" / "reports.db")
        self.path = str(directory / "postern.conf")
        self.settings = {
            "archived": {"dir": str(directory), "user": ""}, "milter": {"user": ""},
            "dns": {"mode": "forward", "forwarders": [self.names.forwarder], "dnssec": "off", "timeout": "3s"},
            "dmarc": {"driver": "sqlite", "path": self.database, "report": True, "organisation": "Ours 我們",
                      "contact": "dmarc@ours.example", "from": "reports@ours.example", "smtp": f"inet:{self.sink.port}@127.0.0.1"}}
        self.configure()
        assert self.run("db", "init").returncode == 0

    def configure(self, **dmarc):
        self.settings["dmarc"].update({name.rstrip("_"): value for name, value in dmarc.items()})
        with open(self.path, "w") as f:
            for section, values in self.settings.items():
                f.write(f"{section} {{\n" + "".join(f"  {n} = {quote(v)}\n" for n, v in values.items()) + "}\n")

    def command(self, *arguments):
        return [program("postern"), "-c", self.path, *map(str, arguments)]

    def run(self, *arguments, data=None):
        return subprocess.run(self.command(*arguments), input=data or b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)

    def report(self, *arguments):
        done = self.run("dmarc", "report", *arguments)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def count(self, domain, rua="", rows=1, number=None, record="v=DMARC1; p=none"):
        """Mail in a domain's name, as the milter counts it."""
        number = day()[0] if number is None else number
        with sqlite3.connect(self.database, timeout=10) as db:
            db.execute("INSERT INTO dmarc_policy VALUES (?, ?, ?)", (number, domain, record + (f"; rua={rua}" if rua else "")))
            for n in range(rows):
                key = "%032x" % random.getrandbits(128)
                db.execute("INSERT INTO dmarc_tally VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           (number, domain, key, n + 2, f"2001:db8::{random.getrandbits(16):x}:{random.getrandbits(16):x}:{n:x}",
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


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.close()


def parsed(mail):
    """(message, file name, XML) of a report's mail."""
    message = email.message_from_bytes(mail.data, policy=email.policy.default)
    attachment = next(message.iter_attachments())
    assert attachment.get_content_type() == "application/gzip"
    return message, attachment.get_filename(), ElementTree.fromstring(gzip.decompress(attachment.get_content()))


# ---- sending ----

def test_a_report_as_the_rfc_wants_it(site):
    number, date = day()
    site.count("a.example", "mailto:d@a.example", rows=3, record="v=DMARC1; p=reject; sp=none; adkim=s; pct=50")
    code, text = site.report()
    assert code == 0, text
    assert f"{date} a.example: mailto:d@a.example: sent" in text
    (mail,) = site.sink.mails
    assert mail.sender == "reports@ours.example" and mail.recipients == ("d@a.example",)
    assert max(len(line) for line in mail.data.split(b"\r\n")) <= 998 and b"\n" not in mail.data.replace(b"\r\n", b"")
    message, name, feedback = parsed(mail)
    assert re.fullmatch(r"Report Domain: a\.example Submitter: ours\.example Report-ID: <[\w.@-]+>", message["Subject"])
    assert message["Auto-Submitted"] == "auto-generated" and message["From"] == "reports@ours.example"
    assert re.fullmatch(r"<[0-9a-f]{40}@ours\.example>", message["Message-ID"])
    assert abs(email.utils.parsedate_to_datetime(message["Date"]).timestamp() - time.time()) < 600
    assert re.fullmatch(rf"ours\.example!a\.example!{number * DAY_S}!{number * DAY_S + DAY_S - 1}![\w.-]+\.xml\.gz", name)
    assert feedback.findtext("report_metadata/org_name") == "Ours 我們"
    assert feedback.findtext("report_metadata/email") == "dmarc@ours.example"
    assert feedback.findtext("report_metadata/report_id") in message["Subject"]
    assert [feedback.findtext(f"policy_published/{tag}") for tag in ("domain", "adkim", "aspf", "p", "sp", "pct")] == [
        "a.example", "s", "r", "reject", "none", "50"]
    assert [row.findtext("row/count") for row in feedback.findall("record")] == ["4", "3", "2"]
    row = feedback.find("record")
    assert [row.findtext(path) for path in ("row/policy_evaluated/disposition", "row/policy_evaluated/dkim",
                                            "row/policy_evaluated/spf", "row/policy_evaluated/reason/type",
                                            "identifiers/header_from", "auth_results/dkim/selector",
                                            "auth_results/spf/scope")] == [
        "quarantine", "fail", "pass", "local_policy", "a.example", "s1", "mfrom"]
    assert site.report() == (0, "0 sent, 0 not\n"), "nothing is sent twice"
    assert len(site.sink.mails) == 1


def test_who_gets_reports(site):
    site.names.records[("several.example._report._dmarc.wants.example", "TXT")] = ["v=DMARC1"]
    site.names.records[("moved.example._report._dmarc.wants.example", "TXT")] = ["v=DMARC1; rua=mailto:new@wants.example"]
    site.names.records[("spf.example._report._dmarc.wants.example", "TXT")] = ["v=spf1 -all"]
    site.names.failing.add("away.example._report._dmarc.wants.example")
    site.count("none.example")
    site.count("several.example", "mailto:one@several.example,https://several.example/r,mailto:two@wants.example!10m,mailto:x@victim.example")
    site.count("moved.example", "mailto:old@wants.example")
    site.count("spf.example", "mailto:d@wants.example")
    site.count("away.example", "mailto:d@wants.example")
    site.count("tiny.example", "mailto:d@tiny.example!1k")
    site.count("inject.example", "mailto:a%0d%0aRCPT%20TO:b@inject.example")
    code, text = site.report()
    assert code == 1 and "away.example: mailto:d@wants.example: whether it wants reports is not known now" in text
    assert site.mails_to() == ["new@wants.example", "one@several.example", "two@wants.example"]
    assert {(domain, outcome) for domain, _, _, outcome in site.outcomes()} == {
        ("several.example", "sent"), ("several.example", "no address"), ("several.example", "not verified"),
        ("moved.example", "sent"), ("spf.example", "not verified"), ("tiny.example", "too big"), ("inject.example", "no address")}
    # What was not known is asked again, and only that is sent.
    site.names.failing.clear()
    site.names.records[("away.example._report._dmarc.wants.example", "TXT")] = ["v=DMARC1"]
    code, text = site.report()
    assert code == 0, text
    assert site.mails_to() == ["d@wants.example", "new@wants.example", "one@several.example", "two@wants.example"]


def test_a_size_limit_makes_several(site):
    limit = 20 * 1024
    site.count("big.example", f"mailto:small@big.example!20k,mailto:whole@big.example", rows=2000)
    code, text = site.report()
    assert code == 0, text
    small = [mail for mail in site.sink.mails if mail.recipients == ("small@big.example",)]
    whole = [mail for mail in site.sink.mails if mail.recipients == ("whole@big.example",)]
    assert len(whole) == 1 and len(small) > 2 and all(len(mail.data) <= limit for mail in small)
    counts, ids = [], set()
    for mail in small:
        message, _, feedback = parsed(mail)
        ids.add(feedback.findtext("report_metadata/report_id"))
        assert feedback.findtext("report_metadata/report_id") in message["Subject"]
        counts += [int(row.findtext("row/count")) for row in feedback.findall("record")]
    assert len(ids) == len(small) and sorted(counts) == list(range(2, 2002))
    assert len({email.message_from_bytes(mail.data)["Message-ID"] for mail in site.sink.mails}) == len(site.sink.mails)


def test_refused_is_final_and_deferred_is_not(site):
    site.sink.replies = {"gone@a.example": "550 5.1.1 nobody of that name", "busy@a.example": "451 4.3.0 later"}
    site.count("a.example", "mailto:gone@a.example,mailto:busy@a.example,mailto:good@a.example")
    code, text = site.report()
    assert code == 1 and "gone@a.example: refused" in text and "reply 451" in text
    assert site.mails_to() == ["good@a.example"]
    site.sink.replies = {}
    code, text = site.report()
    assert code == 0 and site.mails_to() == ["busy@a.example", "good@a.example"]


@pytest.mark.parametrize("greeting", [None, "554 5.3.2 no service", "421 4.3.2 later"])
def test_postfix_away(site, greeting):
    """Nothing is lost, and nothing taken for refused, when nobody takes mail at all."""
    port = site.sink.port
    if greeting:
        site.sink.greeting = greeting
    else:
        site.sink.close()
    for n in range(8):
        site.count(f"d{n}.example", f"mailto:d@d{n}.example")
    code, text = site.report()
    assert code == 1 and "takes no mail; the next run goes on here" in text
    assert text.count("mailto:") == 5, "it ends after some failures in a row"
    if greeting:
        site.sink.greeting = "220 sink"
    else:
        site.sink = SmtpSink(port)
    code, text = site.report()
    assert code == 0 and len(site.sink.mails) == 8, text


def test_killed_in_the_middle(site):
    for n in range(10):
        site.count(f"d{n}.example", f"mailto:d@d{n}.example")
    site.sink.hold_after = 4
    process = subprocess.Popen(site.command("dmarc", "report"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert site.sink.holding.wait(60)
    code, text = site.report()
    assert code == 1 and "another postern dmarc report is at work" in text
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert len(site.sink.mails) == 5 and len(site.outcomes()) == 4
    site.sink.release()
    code, text = site.report()
    assert code == 0, text
    # The one that was under way comes again, as the same; no other does.
    assert site.mails_to() == sorted([f"d@d{n}.example" for n in range(10)] + ["d@d4.example"])
    twice = [mail for mail in site.sink.mails if mail.recipients == ("d@d4.example",)]
    first, second = (parsed(mail) for mail in twice)
    assert first[0]["Message-ID"] == second[0]["Message-ID"] and first[0]["Subject"] == second[0]["Subject"]
    assert ElementTree.tostring(first[2]) == ElementTree.tostring(second[2])


def test_which_days(site):
    today, yesterday, older = (day(back) for back in (0, 1, 2))
    ancient = day(9)
    for number, date in (today, yesterday, older, ancient):
        site.count(f"d{date}.example", f"mailto:d@d{date}.example", number=number)
    code, text = site.report("--date", today[1])
    assert code == 2 and "is not over yet" in text
    assert site.report("--date", "yesterday")[0] == 2 and site.report("--date", "2026-02-30")[0] == 2
    assert site.report("--date", older[1])[0] == 0 and site.mails_to() == [f"d@d{older[1]}.example"]
    assert site.report()[0] == 0 and site.mails_to() == sorted([f"d@d{older[1]}.example", f"d@d{yesterday[1]}.example"])
    assert site.report("--date", ancient[1])[0] == 0 and len(site.sink.mails) == 3


def test_dry_run_and_no_report(site):
    site.count("a.example", "mailto:d@a.example,mailto:x@victim.example")
    out = site.directory / "out"
    out.mkdir()
    site.configure(report=False)
    assert site.report() == (0, "dmarc.report is no: nothing is sent\n")
    code, text = site.report("--dry-run", out)
    assert code == 0 and "mailto:d@a.example: would be sent" in text and "mailto:x@victim.example: not verified" in text
    (file,) = out.iterdir()
    assert ElementTree.fromstring(gzip.decompress(file.read_bytes())).findtext("policy_published/domain") == "a.example"
    assert site.sink.mails == [] and site.outcomes() == []


def test_what_is_old_goes(site):
    site.count("old.example", "mailto:d@old.example", number=day(40)[0])
    site.count("new.example", "mailto:d@new.example", number=day(20)[0])
    site.configure(keep="30d", report=False)
    assert site.report()[0] == 0
    db = sqlite3.connect(site.database)
    assert db.execute("SELECT domain FROM dmarc_tally").fetchall() == [("new.example",)]
    db.close()


# ---- reading ----

def others_report(identity, rows, organisation="Goo", domain="ours.example", begin=None):
    begin = int(time.time()) - 2 * DAY_S if begin is None else begin
    text = f"""<?xml version="1.0"?><feedback><report_metadata><org_name>{organisation}</org_name><email>r@goo.example</email>
      <report_id>{identity}</report_id><date_range><begin>{begin}</begin><end>{begin + DAY_S - 1}</end></date_range></report_metadata>
      <policy_published><domain>{domain}</domain><p>none</p></policy_published>"""
    for ip, count, dkim, spf, disposition in rows:
        text += f"""<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>
          <disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row>
          <identifiers><header_from>{domain}</header_from></identifiers><auth_results><spf><domain>bad.example</domain>
          <result>softfail</result></spf></auth_results></record>"""
    return (text + "</feedback>").encode()


def as_mail(content):
    return (b"From: r@goo.example\r\nSubject: Report Domain: ours.example\r\nMIME-Version: 1.0\r\nContent-Type: application/gzip\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content))


def as_zip(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r.xml", content)
    return out.getvalue()


ROWS = [("192.0.2.1", 90, "pass", "pass", "none"), ("192.0.2.1", 10, "fail", "pass", "none"),
        ("2001:db8::9", 7, "fail", "fail", "reject")]


def test_reports_come_in_many_forms(site):
    box = site.directory / "Maildir"
    for folder in ("new", "cur"):
        (box / folder).mkdir(parents=True)
    (box / "new" / "1").write_bytes(as_mail(gzip.compress(others_report("maildir-new", ROWS))))
    (box / "cur" / "2:2,S").write_bytes(as_mail(gzip.compress(others_report("maildir-cur", ROWS))))
    mbox = b"".join(b"From r@goo.example Thu Jan  1 00:00:00 2026\n" + as_mail(gzip.compress(others_report(f"mbox-{n}", ROWS))) + b"\n"
                    for n in range(3))
    files = {"a.xml": others_report("xml", ROWS), "a.gz": gzip.compress(others_report("gz", ROWS)),
             "a.zip": as_zip(others_report("zip", ROWS)), "a.eml": as_mail(gzip.compress(others_report("mail", ROWS))), "a.mbox": mbox}
    for name, content in files.items():
        (site.directory / name).write_bytes(content)
    paths = [site.directory / name for name in files] + [box]
    done = site.run("dmarc", "read", *paths)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == "9 kept, 0 known already, 0 not read" and len(lines) == 10
    for identity in ("xml", "gz", "zip", "mail", "mbox-0", "mbox-1", "mbox-2", "maildir-new", "maildir-cur"):
        assert sum(line.endswith(f"kept: Goo about ours.example, {day(2)[1]}, 3 rows, id {identity}") for line in lines) == 1, identity
    assert site.run("dmarc", "read", *paths).stdout.decode().splitlines()[-1] == "0 kept, 9 known already, 0 not read"
    done = site.run("dmarc", "read", "-", data=others_report("stdin", ROWS))
    assert done.returncode == 0 and b"-: kept: Goo" in done.stdout


def test_what_can_not_be_read_is_told(site):
    good, bad, bomb = (site.directory / name for name in ("good.xml", "bad\x1b[2J.xml", "bomb.gz"))
    good.write_bytes(others_report("good", ROWS))
    bad.write_bytes(b"<feedback><report_metadata>")
    bomb.write_bytes(gzip.compress(b"<feedback>" + bytes(64 << 20)))
    done = site.run("dmarc", "read", bad, bomb, site.directory / "absent", good)
    assert done.returncode == 1
    errors = done.stderr.decode().splitlines()
    assert len(errors) == 3 and all(": not read: " in line for line in errors) and "\x1b" not in done.stderr.decode()
    assert "No such file" in errors[2]
    assert done.stdout.decode().splitlines()[-1] == "1 kept, 0 known already, 3 not read", "one that is bad stops no other"
    anonymous = site.run("dmarc", "read", "-", data=others_report("", ROWS))
    assert anonymous.returncode == 1 and b"does not say who sent it" in anonymous.stderr


def test_show(site):
    site.names.records[("1.2.0.192.in-addr.arpa", "PTR")] = ["mx1.ours.example"]
    assert site.run("dmarc", "show", "ours.example").returncode == 1, "no reports yet"
    site.run("dmarc", "read", "-", data=others_report("1", ROWS))
    site.run("dmarc", "read", "-", data=others_report("2", [("2001:db8::9", 3, "fail", "fail", "quarantine")], "網易郵件 NetEase", "sub.ours.example"))
    site.run("dmarc", "read", "-", data=others_report("3", ROWS, domain="yours.example"))
    site.run("dmarc", "read", "-", data=others_report("4", ROWS, begin=int(time.time()) - 50 * DAY_S))
    done = site.run("dmarc", "show", "Ours.Example.", "--names")
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("ours.example, ") and lines[0].endswith(": 110 messages in 2 reports of 2 organisations")
    table = lines[lines.index("Who sends, and how much of it is aligned:") + 1:]
    assert table[0].split() == ["SOURCE", "NAME", "MESSAGES", "DKIM", "SPF", "DMARC", "JUNKED", "REFUSED", "REPORTERS"]
    assert table[1].split() == ["192.0.2.1", "mx1.ours.example", "100", "90%", "100%", "100%", "0", "0", "1"]
    assert table[2].split() == ["2001:db8::9", "10", "0%", "0%", "0%", "3", "7", "2"]
    # Columns stand below each other, wide characters or not.
    who = lines[lines.index("Who reports:") + 1:][:3]
    columns = [sum(2 if ord(c) > 0x2e80 else 1 for c in line[:line.rindex("202")]) for line in who[1:]]
    assert columns[0] == columns[1] == who[0].index("NEWEST"), who
    failures = lines[lines.index("What is not aligned by DKIM or SPF, and what was done with it:") + 1:]
    assert [line.split()[:4] for line in failures[1:3]] == [["2001:db8::9", "ours.example", "7", "reject"],
                                                            ["2001:db8::9", "sub.ours.example", "3", "quarantine"]]
    answers = [json.loads(line) for line in site.run("dmarc", "show", "ours.example", "--json").stdout.decode().splitlines()]
    assert [answer["type"] for answer in answers] == ["reporter", "reporter", "source", "source", "failure", "failure"]
    assert {(a["source"], a["messages"], a["aligned"]) for a in answers if a["type"] == "source"} == {
        ("192.0.2.1", 100, 100), ("2001:db8::9", 10, 0)}
    more = site.run("dmarc", "show", "--days", "60", "--json", "ours.example").stdout.decode()
    assert sum(json.loads(line)["messages"] for line in more.splitlines() if '"type":"source"' in line) == 217
    assert site.run("dmarc", "show", "a b").returncode == 2
    assert site.run("dmarc", "show", "ours.example", "--days", "0").returncode == 2


def test_no_database(site):
    site.configure(driver="none", report=False)
    done = site.run("dmarc", "show", "ours.example")
    assert done.returncode == 1 and b"set dmarc.driver" in done.stderr
    site.configure(driver="sqlite", path=str(site.directory / "else.db"))
    done = site.run("dmarc", "show", "ours.example")
    assert done.returncode == 1 and b"postern db init" in done.stderr


def test_db_covers_both_schemas(site):
    done = site.run("db", "check")
    assert done.returncode == 0 and done.stdout.decode().splitlines() == [
        f"{site.directory}/catalogue.db: up to date", f"{site.database}: up to date"]
    os.unlink(site.database)
    done = site.run("db", "check")
    assert done.returncode == 1 and f"{site.database}: " in done.stderr.decode()
    assert not os.path.exists(site.database), "a check makes nothing"
    done = site.run("db", "init")
    assert done.returncode == 0 and f"{site.database}: applied" in done.stdout.decode()
    with sqlite3.connect(site.database) as db:
        db.execute("UPDATE postern_schema SET version = 99")
    db.close()
    assert site.run("db", "migrate").returncode == 1


# ---- from a message to the report about it ----

def tallies(path):
    """{source: messages}, or nothing while there is no such file."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        rows = dict(db.execute("SELECT source_ip, SUM(messages) FROM dmarc_tally GROUP BY source_ip"))
        db.close()
        return rows
    except sqlite3.OperationalError:
        return {}


def test_the_milter_counts_and_the_report_tells(milter):
    names, sink = NameServer(), SmtpSink()
    names.records.update({("outside.example", "TXT"): ["v=spf1 ip4:192.0.2.7 -all"],
                          ("_dmarc.outside.example", "TXT"): ["v=DMARC1; p=quarantine; rua=mailto:d@outside.example"]})
    path = f"{milter.directory}/reports/reports.db"
    milter.write(dns={"mode": "forward", "forwarders": f'{{"{names.forwarder}"}}', "dnssec": "off", "timeout": "5s"},
                 archived={"dir": milter.directory, "user": ""},
                 dmarc={"driver": "sqlite", "path": path, "report": "yes", "organisation": "Ours", "contact": "p@ours.example",
                        "from": "p@ours.example", "smtp": f"inet:{sink.port}@127.0.0.1"})
    command = [program("postern"), "-c", milter.config]
    subprocess.run([*command, "db", "init"], check=True, stdout=subprocess.DEVNULL)
    milter.sections["milter"]["modules"] = "{auth}"
    milter.start()
    content = b"From: a@outside.example\r\nMessage-ID: <m@outside.example>\r\nSubject: x\r\n\r\nHello\r\n"

    def send(address, count):
        client = milter.client().connect(address=address).helo()
        for _ in range(count):
            assert client.message(content, sender="a@outside.example").accepted
        client.quit()

    send("192.0.2.7", 3)
    send("192.0.2.8", 2)
    wait_until(lambda: tallies(path) == {"192.0.2.7": 3, "192.0.2.8": 2}, 20, lambda: f"{tallies(path)}\n{milter.log()}")
    send("192.0.2.8", 1)
    assert milter.command("restart")[0], "the old process writes what it has when it ends"
    send("192.0.2.7", 1)
    wait_until(lambda: tallies(path) == {"192.0.2.7": 4, "192.0.2.8": 3}, 30, lambda: f"{tallies(path)}\n{milter.log()}")
    send("192.0.2.7", 1)
    for pid in milter.successors():
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not milter.successors(), 30, milter.log)
    assert tallies(path) == {"192.0.2.7": 5, "192.0.2.8": 3}, milter.log()
    with sqlite3.connect(path) as db:
        for table in ("dmarc_policy", "dmarc_tally"):
            db.execute(f"UPDATE {table} SET day = day - 1")
    db.close()
    subprocess.run([*command, "dmarc", "report"], check=True, stdout=subprocess.DEVNULL)
    (mail,) = sink.mails
    _, _, feedback = parsed(mail)
    rows = {row.findtext("row/source_ip"): row for row in feedback.findall("record")}
    told = {ip: tuple(row.findtext(p) for p in ("row/count", "row/policy_evaluated/disposition", "row/policy_evaluated/dkim",
                                                "row/policy_evaluated/spf", "identifiers/envelope_to", "identifiers/header_from",
                                                "auth_results/spf/domain", "auth_results/spf/result")) for ip, row in rows.items()}
    assert told == {"192.0.2.7": ("5", "none", "fail", "pass", "example.test", "outside.example", "outside.example", "pass"),
                    "192.0.2.8": ("3", "quarantine", "fail", "fail", "example.test", "outside.example", "outside.example", "fail")}
    # And it is a report that our own reader takes.
    done = subprocess.run([*command, "dmarc", "read", "-"], input=mail.data, stdout=subprocess.PIPE)
    assert done.returncode == 0 and b"1 kept" in done.stdout
    names.close()
    sink.close()
