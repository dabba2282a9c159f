"""Signatures over long lines and 8-bit bodies hold at a receiver without 8BITMIME, for which Postfix' SMTP client changes mail."""
import email
import email.policy
import os
import re
import shutil
import tempfile

import dkim
import pytest

from support.accounts import address
from support.client import send
from support.process import wait_until
from support.smtp_sink import SmtpSink

TEXT = "Grüße aus München, und das ist = kein Problem.\r\n \r\n.\r\nFrom here on\r\n" + "lang " * 300 + "\r\n"
CHINESE = "會議紀錄:公司年度報告\r\n" * 20
HTML = "<p>" + "Grüße " * 400 + "</p>\r\n"
HEAD = f"From: {address('alice')}\r\nTo: x@elsewhere.test\r\nMessage-ID: <%s@client.test>\r\nDate: Mon, 03 Feb 2025 10:20:30 +0800\r\n"


def single(text, kind="text/plain; charset=utf-8", encoding="8bit", name="a"):
    return (HEAD % name + f"Subject: one part\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n{text}").encode()


def part(text, kind, encoding):
    label = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"--b1\r\nContent-Type: {kind}\r\n{label}\r\n{text}"


def several(name="b"):
    wide = "QUJDREVG" * 200 + "\r\n"
    return (HEAD % name + "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\nCc: " + ", ".join(f"person{n}@elsewhere.test" for n in range(60)) +
            "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            "A preamble.\r\n" + part(TEXT, "text/plain; charset=utf-8", "8bit") + part(HTML, "text/html; charset=utf-8", "8bit") +
            part(CHINESE, "text/csv; charset=utf-8", "binary") + part("plain = words\r\n", "text/plain", "8bit") +
            part("no label, " * 110 + "\r\n", "text/plain", "") + part(wide, "application/octet-stream", "base64") +
            "--b1--\r\nAn epilogue.\r\n").encode()


MESSAGES = {"text": single(TEXT), "chinese": single(CHINESE), "long line": single("=" * 2000 + "\r\n", encoding="7bit"),
            "label only": single("a = b\r\n"), "binary": single("\u00ff\u00fe\r\n", "application/octet-stream", "binary"),
            "several": several()}


@pytest.fixture
def relaying(mail_system, postern):
    """(mta, postern, sink, keys): mail of alice to elsewhere.test is signed and goes to a server without 8BITMIME."""
    keys, sink = tempfile.mkdtemp(prefix="pk-", dir="/tmp"), SmtpSink()
    os.chmod(keys, 0o755)
    shutil.chown(keys, "daemon")

    def make(**sign):
        mta, milter = mail_system(milter={"modules": ["sign", "archive"]}, sign={"directory": keys, "networks": ["::1"], **sign})
        mta.set(default_transport=f"smtp:[127.0.0.1]:{sink.port}", disable_dns_lookups="yes")
        mta.reload()
        made = milter.run("dkim", "keygen", "example.test").stdout.decode()
        records = {name: "".join(re.findall(r'"([^"]*)"', text))
                   for name, text in re.findall(r"^(\S+)\. IN TXT (.*?)(?=^\S|\Z)", made, re.M | re.S)}
        assert len(records) == 2 and milter.run("reload", "milter").returncode == 0
        return mta, milter, sink, records
    yield make
    sink.close()
    shutil.rmtree(keys, ignore_errors=True)


def relayed(mta, sink, message, name="x@elsewhere.test"):
    before = len(sink.mails)
    send(message, name, sender=address("alice"), port=587, user=address("alice"))
    wait_until(lambda: len(sink.mails) > before, 30, lambda: mta.log()[-2000:])
    return sink.mails[before].data


def verified(message, records):
    """For both signatures, whether an independent implementation takes them."""
    assert len(re.findall(rb"^DKIM-Signature:", message, re.M)) == 2

    def holds(index):
        try:
            return dkim.DKIM(message).verify(
                idx=index, dnsfunc=lambda name, timeout=5: records[name.decode().rstrip(".")].encode())
        except dkim.ValidationError:
            return False
    return [holds(index) for index in range(2)]


def contents(message):
    """What a reader sees of each leaf part: (type, decoded bytes); line ends at its end don't count."""
    parsed = email.message_from_bytes(message, policy=email.policy.SMTP)
    return [(leaf.get_content_type(), leaf.get_payload(decode=True).rstrip(b"\r\n")) for leaf in parsed.walk() if not leaf.is_multipart()]


def test_signatures_hold_where_postfix_recodes(relaying, dovecot):
    mta, postern, sink, records = relaying()
    for name, message in MESSAGES.items():
        got = relayed(mta, sink, message)
        assert verified(got, records) == [True, True], name
        assert contents(got) == contents(message), name
        assert max(len(line) for line in got.split(b"\r\n")) <= 998 and max(got) < 128, name
        assert re.search(r" signed=\S+ recoded=yes ", postern.milter.log()), name
    # The archive has the message as it came, and says what was done with it.
    hit, = postern.wait_found("subject:Grüße")
    assert several()[several().index(b"A preamble"):] in postern.raw(hit["id"])
    notes = postern.meta(hit["id"])["events"][0]["notes"]
    assert any(re.fullmatch(r"recoded=\d+\+\d+ binary -> base64", note) for note in notes), notes


def test_without_recoding_they_break(relaying, dovecot):
    mta, postern, sink, records = relaying(recode=False)
    for name, message in MESSAGES.items():
        assert verified(relayed(mta, sink, message), records) == [False, False], name
    assert " recoded=" not in postern.milter.log()


def test_what_needs_nothing_stays_as_it_is(relaying, dovecot):
    mta, postern, sink, records = relaying()
    message = single("Just words = no more.\r\n", encoding="7bit")
    got = relayed(mta, sink, message)
    assert verified(got, records) == [True, True] and got.endswith(message[message.index(b"MIME-Version"):])
    # An S/MIME signature would break, and so would a forwarded message's own: they are left alone, and the log says it.
    inner = single("Grüße\r\n")
    attached = (HEAD % "f" + 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n--b1\r\n'
                "Content-Type: message/rfc822\r\n\r\n").encode() + inner + b"--b1--\r\n"
    relayed(mta, sink, attached)
    assert " recoded=partly " in postern.milter.log()
