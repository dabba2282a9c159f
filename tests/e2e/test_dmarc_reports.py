"""`postern dmarc report`: reports to others go to those who want them, once; and the whole way from a message to the report."""
import email
import email.policy
import gzip
import os
import re
import signal
import sqlite3
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest

from support.dmarc_site import DAY_S, Site, day
from support.name_server import NameServer
from support.postern import program
from support.process import wait_until
from support.smtp_sink import SmtpSink


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
    assert re.fullmatch(rf"ours\.example!a\.example!{number * DAY_S}!{number * DAY_S + DAY_S - 1}![0-9a-zA-Z]+\.xml\.gz", name)
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
    site.count("several.example", "mailto:one@several.example,https://several.example/r,mailto:two@wants.example!10m,"
                                  "mailto:x@victim.example")
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
        ("moved.example", "sent"), ("spf.example", "not verified"), ("tiny.example", "too big"),
        ("inject.example", "no address")}
    # What was not known is asked again, and only that is sent.
    site.names.failing.clear()
    site.names.records[("away.example._report._dmarc.wants.example", "TXT")] = ["v=DMARC1"]
    code, text = site.report()
    assert code == 0, text
    assert site.mails_to() == ["d@wants.example", "new@wants.example", "one@several.example", "two@wants.example"]


def test_a_size_limit_makes_several(site):
    limit = 20 * 1024
    site.count("big.example", "mailto:small@big.example!20k,mailto:whole@big.example", rows=2000)
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
    assert ("a.example", "mailto:gone@a.example", 0, "refused") in site.outcomes()
    site.sink.replies = {}
    code, text = site.report()
    assert code == 0 and site.mails_to() == ["busy@a.example", "good@a.example"]


def test_refusing_everything_is_not_believed(site):
    """A Postfix that does not let us relay refuses each mail for good; when that is mended, all are sent."""
    site.sink.replies = {f"d@d{n}.example": "554 5.7.1 Relay access denied" for n in range(8)}
    for n in range(8):
        site.count(f"d{n}.example", f"mailto:d@d{n}.example")
    code, text = site.report()
    assert code == 1 and text.startswith("0 sent, 8 not\n") and "RCPT failed: 554" in text
    assert f"inet:{site.sink.port}@127.0.0.1 refuses every mail; may this host relay there?" in text
    assert site.outcomes() == []
    del site.sink.replies["d@d5.example"]
    code, text = site.report()
    assert code == 0 and "\n1 sent, 0 not\n" in text and text.count(": refused: ") == 7
    assert site.report() == (0, "0 sent, 0 not\n") and site.mails_to() == ["d@d5.example"]


def test_some_deferred_stop_no_others(site):
    """Only failures in a row that are not about the recipient mean that nobody takes mail."""
    site.sink.replies = {f"busy{n}@a.example": "451 4.3.0 later" for n in range(7)}
    site.count("a.example", ",".join(f"mailto:busy{n}@a.example,mailto:good{n}@a.example" for n in range(7)))
    code, text = site.report()
    assert code == 1 and "\n7 sent, 7 not\n" in text
    assert site.mails_to() == [f"good{n}@a.example" for n in range(7)]
    site.sink.replies = {f"busy{n}@a.example": "450 4.1.2 no such domain" for n in range(7)}
    site.count("b.example", "mailto:d@b.example")
    assert site.report()[0] == 1 and "d@b.example" in site.mails_to()


def test_what_is_done_is_done(site):
    """Nobody is asked again about a day that is done, and what is counted of it later does not make other files of it."""
    site.names.records[("a.example._report._dmarc.wants.example", "TXT")] = ["v=DMARC1"]
    site.count("a.example", "mailto:small@a.example!20k,mailto:d@wants.example", rows=1000)
    assert site.report()[0] == 0
    sent, asked = len(site.sink.mails), len(site.names.asked)
    assert sent > 3
    with sqlite3.connect(site.database) as db:
        db.execute("UPDATE dmarc_tally SET messages = messages + 1 WHERE row_key LIKE '%a'")
        db.execute("INSERT INTO dmarc_tally SELECT day, domain, row_key || 'x', messages, source_ip, disposition, reason, comment, "
                   "aligned_dkim, aligned_spf, envelope_to, envelope_from, header_from, dkim, spf FROM dmarc_tally")
    db.close()
    assert site.report() == (0, "0 sent, 0 not\n")
    assert (len(site.sink.mails), len(site.names.asked)) == (sent, asked)


def test_silent_name_servers_do_not_add_up(site):
    site.names.silent.update(f"d{n}.example._report._dmarc.wants.example" for n in range(8))
    for n in range(8):
        site.count(f"d{n}.example", f"mailto:d{n}@wants.example")
    site.count("e.example", "mailto:d@e.example")
    begun = time.monotonic()
    code, text = site.report()
    assert code == 1 and "\n1 sent, 8 not\n" in text
    assert time.monotonic() - begun < 4 * 3, "one timeout, not eight"


def test_report_ids(tmp_path):
    """The database tells reports of one site from another's, not the machine's name, which a container has anew each time."""
    ids = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        site = Site(tmp_path / name)
        site.count("a.example", "mailto:d@a.example")
        assert site.report()[0] == 0
        ids.add(parsed(site.sink.mails[0])[2].findtext("report_metadata/report_id"))
        site.close()
    assert len(ids) == 2
    for identity in ids:
        assert re.fullmatch(rf"{day()[1]}\.[0-9a-f]{{16}}\.a\.example@ours\.example", identity)


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
    # Also while Postfix takes nothing.
    site.count("old.example", "mailto:d@old.example", number=day(40)[0])
    for n in range(8):
        site.count(f"d{n}.example", f"mailto:d@d{n}.example")
    site.configure(report=True)
    site.sink.greeting = "421 4.3.2 later"
    assert site.report()[0] == 1
    db = sqlite3.connect(site.database)
    assert db.execute("SELECT COUNT(*) FROM dmarc_tally WHERE domain = 'old.example'").fetchone() == (0,)
    db.close()


def test_on_mariadb(tmp_path, mariadb):
    """The same by a server; a killed run's lock goes with its connection."""
    mariadb.sql("CREATE DATABASE reports CHARACTER SET utf8mb4")
    site = Site(tmp_path, driver="mariadb", host=mariadb.socket, database="reports", user="root")
    for n in range(3):
        mariadb.sql(f"INSERT INTO reports.dmarc_policy (day, domain, record) VALUES ({day()[0]}, 'd{n}.example', "
                    f"'v=DMARC1; p=none; rua=mailto:d@d{n}.example')")
        mariadb.sql(f"INSERT INTO reports.dmarc_tally VALUES ({day()[0]}, 'd{n}.example', 'k', 5, '192.0.2.1', 'none', '', '', "
                    f"'pass', 'pass', '', '', 'd{n}.example', '', '')")
    site.sink.hold_after = 1
    process = subprocess.Popen(site.command("dmarc", "report"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert site.sink.holding.wait(60)
    assert "another postern dmarc report is at work" in site.report()[1]
    process.kill()
    process.wait(20)
    site.sink.release()
    wait_until(lambda: site.report()[0] == 0, 30)
    assert site.mails_to() == ["d@d0.example", "d@d1.example", "d@d1.example", "d@d2.example"]
    _, _, feedback = parsed(site.sink.mails[0])
    assert site.run("dmarc", "read", "-", data=ElementTree.tostring(feedback)).returncode == 0
    shown = site.run("dmarc", "show", "d0.example", "--json").stdout.decode()
    assert '"source":"192.0.2.1","messages":5,"dkim_aligned":5' in shown
    mariadb.kill()
    code, text = site.report()
    assert code == 1 and "MariaDB" in text
    site.close()


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
    paths = ("row/count", "row/policy_evaluated/disposition", "row/policy_evaluated/dkim", "row/policy_evaluated/spf",
             "identifiers/envelope_to", "identifiers/header_from", "auth_results/spf/domain", "auth_results/spf/result")
    told = {ip: tuple(row.findtext(path) for path in paths) for ip, row in rows.items()}
    domains = ("example.test", "outside.example", "outside.example")
    assert told == {"192.0.2.7": ("5", "none", "fail", "pass", *domains, "pass"),
                    "192.0.2.8": ("3", "quarantine", "fail", "fail", *domains, "fail")}
    # And it is a report that our own reader takes.
    done = subprocess.run([*command, "dmarc", "read", "-"], input=mail.data, stdout=subprocess.PIPE)
    assert done.returncode == 0 and b"1 kept" in done.stdout
    names.close()
    sink.close()
