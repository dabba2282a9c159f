"""Malformed and tricky mail, byte for byte: directly into the archive, and over SMTP into the archive and the mailbox.

The messages come from POSTERN_CORPUS/mime-torture; without it a handful of our own stand in."""
import glob
import os
import re

import pytest

from conftest import ROOT
from support.accounts import address
from support.changes import as_delivered, delivered_core
from support.client import OUTSIDER, send

CORPUS = os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus"))
OWN = {
    "no-header-end": b"Subject: x\r\nFrom: a@b.test\r\n",
    "header-only-name": b"Subject\r\n\r\nbody\r\n",
    "eight-bit": "Subject: Grüße\r\n\r\nüöä\r\n".encode("latin-1"),
    "nul": b"Subject: nul\r\n\r\nbefore\0after\r\n",
    "long-line": b"Subject: long\r\n\r\n" + b"x" * 5000 + b"\r\n",
    "boundary-never-occurs": b"Content-Type: multipart/mixed; boundary=zzz\r\n\r\nplain text\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n",
    "folded": b"Subject: a\r\n\t b\r\n  c\r\nX-Y:z\r\n\r\n\r\n\r\n",
}


def corpus():
    """(name, bytes) of every message of the corpus that is not an expected output of the suites."""
    files = sorted(p for p in glob.glob(os.path.join(CORPUS, "mime-torture", "**", "*"), recursive=True) if os.path.isfile(p))
    return [(os.path.relpath(p, CORPUS), open(p, "rb").read()) for p in files]


def messages():
    found = corpus()
    return found if found else list(OWN.items())


def test_direct_ingest_is_byte_for_byte(postern):
    if not corpus():
        pytest.skip(f"no corpus at {CORPUS} (set POSTERN_CORPUS)")
    instance = postern(start=False)
    instance.start_archived()
    wrong = []
    folder = os.path.join(instance.directory, "in")
    os.makedirs(folder)
    for n, (name, data) in enumerate(messages()):
        path = os.path.join(folder, str(n))
        with open(path, "wb") as f:
            f.write(data)
        done = instance.run("archive", "ingest", "--json", "--from", OUTSIDER, "--to", address("alice"), path, check=False)
        match = re.search(rb'"id":\s*"([0-9a-z]+)"', done.stdout)
        if not match or instance.raw(match.group(1).decode()) != data:
            wrong.append((name, done.stderr[:200]))
    assert not wrong, f"{len(wrong)} of {n + 1}: {wrong[:10]}"
    assert instance.run("archive", "verify").returncode == 0


def wire(data):
    """The message as a client would send it: CRLF line ends."""
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return data if data.endswith(b"\r\n") else data + b"\r\n"


@pytest.mark.parametrize("tagged", [False, True])
def test_archive_and_edits_equal_the_delivered_file(mail_system, dovecot, tagged):
    mta, postern = mail_system(envelope={"tag_delivered": tagged})
    chosen = list(OWN.items()) + (corpus() if not tagged else corpus()[::10])
    sent = {}
    for n, (name, data) in enumerate(chosen):
        # the word tells the delivered file and the archived message apart from all others
        text = send(b"X-Number: number%dx\r\n" % n + wire(data), address("alice"))
        sent[re.search(r"queued as (\S+)", text).group(1)] = name
    mta.wait_queue_empty(180)
    hits = postern.wait_found("to:" + address("alice"), count=len(chosen), timeout=120)
    archived = {}
    for hit in hits:
        event = postern.meta(hit["id"])["events"][0]
        archived[event["queue_id"]] = (postern.raw(hit["id"]), event["verdict"]["edits"])
    delivered = {}
    for path in dovecot.maildir(address("alice")):
        with open(path, "rb") as f:
            data = f.read()
        queue_id = re.search(rb"\(Postfix\)[^;]*?with E?SMTP id ([0-9A-Za-z]+)", data).group(1).decode()
        delivered[queue_id] = delivered_core(data)
    assert sorted(delivered) == sorted(sent) == sorted(archived)
    wrong = [(name, as_delivered(*archived[q])[:400], delivered[q][:400]) for q, name in sent.items()
             if as_delivered(*archived[q]) != delivered[q]]
    assert not wrong, f"{len(wrong)} of {len(sent)} differ: {[w[0] for w in wrong]}\nfirst: {wrong[0]}"
