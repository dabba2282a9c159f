"""Malformed and tricky mail, byte for byte: directly into the archive, and over SMTP into the archive and the mailbox.

The messages come from POSTERN_CORPUS/mime-torture; without it a handful of our own stand in."""
import glob
import json
import os
import re

import pytest

from conftest import ROOT
from support import archive_client
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
    folder = os.path.join(instance.directory, "in")
    os.makedirs(folder)
    sent = dict(messages())
    paths = [os.path.join(folder, str(n)) for n in range(len(sent))]
    for path, data in zip(paths, sent.values()):
        with open(path, "wb") as f:
            f.write(data)
    done = instance.run("archive", "ingest", "--json", "--from", OUTSIDER, "--to", address("alice"), *paths)
    # The event, not the content: messages that differ in their trace lines only share a content.
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(events) == len(sent), done.stderr
    with archive_client.Client(instance.ingest_path) as client:
        wrong = [name for (name, data), event in zip(sent.items(), events) if client.fetch(event)[1] != data]
    assert not wrong, f"{len(wrong)} of {len(sent)}: {wrong[:10]}"
    assert instance.run("archive", "verify").returncode == 0


def wire(data):
    """The message as a client would send it: CRLF line ends."""
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def difference(expected, found):
    """The place where two messages part."""
    at = next((i for i, (a, b) in enumerate(zip(expected, found)) if a != b), min(len(expected), len(found)))
    around = slice(max(0, at - 30), at + 30)
    return f"at {at}: expected {expected[around]!r}, found {found[around]!r}"


def number_of(data):
    return int(re.search(rb"^X-Number: number(\d+)x", data, re.M).group(1))


@pytest.mark.parametrize("tagged", [False, True])
def test_archive_and_edits_equal_the_delivered_file(mail_system, dovecot, tagged):
    mta, postern = mail_system(envelope={"tag_delivered": tagged})
    chosen = list(OWN.items()) + (corpus() if not tagged else corpus()[::10])
    for n, (_, data) in enumerate(chosen):
        # The number tells one from another: Postfix gives queue ids anew after a second.
        send(b"X-Number: number%dx\r\n" % n + wire(data), address("alice"))
    mta.wait_queue_empty(180)
    hits = postern.wait_found("to:" + address("alice"), count=len(chosen), timeout=120)
    archived = {}
    with archive_client.Client(postern.ingest_path) as client:
        for hit in hits:
            for event in client.fetch(hit["id"])[0]["events"]:
                content = client.fetch(event["event"])[1]
                archived[number_of(content)] = (content, event["verdict"]["edits"])
    delivered = {}
    for path in dovecot.maildir(address("alice")):
        with open(path, "rb") as f:
            data = f.read()
        delivered[number_of(data)] = delivered_core(data)
    sent = {n: name for n, (name, _) in enumerate(chosen)}
    assert sorted(delivered) == sorted(sent) == sorted(archived)
    wrong = [f"{name}: {difference(as_delivered(*archived[q]), delivered[q])}" for q, name in sent.items()
             if as_delivered(*archived[q]) != delivered[q]]
    assert not wrong, "%d of %d differ:\n%s" % (len(wrong), len(sent), "\n".join(wrong))
