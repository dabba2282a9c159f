"""`postern dmarc read` and `show`: reports of others are kept once and counted up; `postern db` covers their tables."""
import base64
import gzip
import io
import json
import os
import sqlite3
import subprocess
import time
import zipfile

import pytest

from support.dmarc_site import DAY_S, Site, day


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.close()


def others_report(identity, rows, organisation="Goo", domain="ours.example", begin=None):
    begin = int(time.time()) - 2 * DAY_S if begin is None else begin
    text = f"""<?xml version="1.0"?><feedback><report_metadata><org_name>{organisation}</org_name><email>r@goo.example</email>
      <report_id>{identity}</report_id><date_range><begin>{begin}</begin><end>{begin + DAY_S - 1}</end></date_range>
      </report_metadata>
      <policy_published><domain>{domain}</domain><p>none</p></policy_published>"""
    for ip, count, dkim, spf, disposition in rows:
        text += f"""<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>
          <disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row>
          <identifiers><header_from>{domain}</header_from></identifiers><auth_results><spf><domain>bad.example</domain>
          <result>softfail</result></spf></auth_results></record>"""
    return (text + "</feedback>").encode()


def as_mail(content):
    return (b"From: r@goo.example\r\nSubject: Report Domain: ours.example\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content))


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
    mbox = b"".join(b"From r@goo.example Thu Jan  1 00:00:00 2026\n" +
                    as_mail(gzip.compress(others_report(f"mbox-{n}", ROWS))) + b"\n" for n in range(3))
    files = {"a.xml": others_report("xml", ROWS), "a.gz": gzip.compress(others_report("gz", ROWS)),
             "a.zip": as_zip(others_report("zip", ROWS)), "a.eml": as_mail(gzip.compress(others_report("mail", ROWS))),
             "a.mbox": mbox}
    for name, content in files.items():
        (site.directory / name).write_bytes(content)
    paths = [site.directory / name for name in files] + [box]
    done = site.run("dmarc", "read", *paths)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == "9 kept, 0 known already, 0 not read" and len(lines) == 10
    for identity in ("xml", "gz", "zip", "mail", "mbox-0", "mbox-1", "mbox-2", "maildir-new", "maildir-cur"):
        end = f"kept: Goo about ours.example, {day(2)[1]}, 3 rows, id {identity}"
        assert sum(line.endswith(end) for line in lines) == 1, identity
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


def test_what_is_no_file_in_a_directory(site):
    """Nobody waits for a pipe in a Maildir; one that is named is read (a shell's <(..))."""
    box = site.directory / "box"
    box.mkdir()
    os.mkfifo(box / "pipe")
    (box / "report").write_bytes(others_report("a", ROWS))
    done = site.run("dmarc", "read", box)
    assert done.returncode == 1 and b"1 kept, 0 known already, 1 not read" in done.stdout
    assert b"pipe: not read: it is no file" in done.stderr
    reader, writer = os.pipe()
    os.write(writer, others_report("b", ROWS))
    os.close(writer)
    done = subprocess.run(site.command("dmarc", "read", f"/dev/fd/{reader}"), pass_fds=[reader], stdout=subprocess.PIPE, timeout=60)
    os.close(reader)
    assert done.returncode == 0 and b"1 kept" in done.stdout


def test_show(site):
    site.names.records[("1.2.0.192.in-addr.arpa", "PTR")] = ["mx1.ours.example"]
    assert site.run("dmarc", "show", "ours.example").returncode == 1, "no reports yet"
    site.run("dmarc", "read", "-", data=others_report("1", ROWS))
    site.run("dmarc", "read", "-", data=others_report("2", [("2001:db8::9", 3, "fail", "fail", "quarantine")],
                                                      "網易郵件 NetEase", "sub.ours.example"))
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
        db.execute("UPDATE postern_schema SET version = version + 97")
    db.close()
    assert site.run("db", "migrate").returncode == 1
