"""postern-archived by itself, over its own protocol and through the command: ingest, search, fetch, crashes, damage, full
disks, databases that are away. No Postfix, no Dovecot."""
import glob
import json
import mailbox
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import ROOT
from support import archive_client as wire
from support.accounts import Accounts, address
from support.archive_client import Client, Closed, Failed, capture, recipient
from support.client import compose
from support.postern import Postern, program
from support.process import wait_until

CORPUS = os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus"))


class Archive(Postern):
    """A Postern of which only the archive runs."""

    def __init__(self, directory, accounts=None, **archived):
        settings = {"archived": dict({"segment_size": "4M", "min_free": "0", "level": 1}, **archived)}
        if "max_message" in archived:  # the configuration wants what the milter takes to fit into the archive
            settings["milter"] = {"max_message": archived["max_message"]}
        super().__init__(directory, (os.path.join(directory, "no-milter"), "unused"), accounts, settings=settings)

    def start_archived(self):
        """Started is: it answers (the socket is there earlier)."""
        super().start_archived()
        with self.client() as client:
            client.status()
        return self

    def client(self, timeout=60):
        return Client(self.ingest_path, timeout)

    def ingest(self, message, *args, **more):
        with self.client() as client:
            return client.ingest(capture(message, *args, **more))

    def catch_up(self):
        with self.client() as client:
            assert client.catch_up()["ok"]

    def find(self, query, **more):
        """Ids, newest first."""
        with self.client() as client:
            return [hit["id"] for hit in client.search(query, **more)["hits"]]


@pytest.fixture
def archive(request):
    """make(**settings of archived) gives a running archive; all are stopped and removed."""
    made = []

    def make(start=True, directory=None, accounts=None, **settings):
        directory = directory or tempfile.mkdtemp(prefix="pa-", dir="/tmp")
        os.chmod(directory, 0o755)
        instance = Archive(directory, accounts, **settings)
        made.append(instance)
        if start:
            instance.init().start_archived()
        return instance

    yield make
    for instance in made:
        status = instance.archived.stop()
        log = instance.archived.log()
        if not os.environ.get("POSTERN_KEEP"):
            shutil.rmtree(instance.directory, ignore_errors=True)
        assert "ERROR: AddressSanitizer" not in log and "runtime error" not in log, log[-4000:]
        assert status in (0, None, -signal.SIGKILL) or instance.archived.process is None, f"ended with {status}:\n{log[-2000:]}"


# ---- bytes ----

def test_every_message_comes_back_byte_for_byte(archive):
    files = sorted(p for p in glob.glob(os.path.join(CORPUS, "mime-torture", "**", "*"), recursive=True) if os.path.isfile(p))
    if not files:
        pytest.skip(f"no corpus at {CORPUS} (set POSTERN_CORPUS)")
    instance = archive()
    stored = {}
    with instance.client() as client:
        for start in range(0, len(files), 50):
            part = [(path, open(path, "rb").read()) for path in files[start:start + 50]]
            for _, data in part:
                client.send(wire.INGEST, capture(data, "s@outside.test", ["alice@example.test"]))
            for path, data in part:
                stored[path] = data, client.answer(wire.STORED)
        wrong = [path for path, (data, answer) in stored.items() if client.fetch(answer["event"])[1] != data]
        assert not wrong, wrong[:10]
        client.catch_up()
        report = client.verify()
    assert report["ok"] and report["messages"] == len({answer["id"] for _, answer in stored.values()})
    # Everything is found, each content once, newest first, page by page.
    hits = [hit["id"] for hit in instance.search("--no-snippets", "to:alice@example.test")]
    assert hits == sorted({answer["id"] for _, answer in stored.values()}, reverse=True)


def test_edges_of_a_message(archive):
    instance = archive()
    for data in (b"", b"\0", b"\n", b"x", b"Subject: a\n\n" + bytes(range(256)), b"Subject: big\r\n\r\n" + os.urandom(9 << 20)):
        answer = instance.ingest(data, "", ["alice@example.test"])
        with instance.client() as client:
            meta, raw = client.fetch(answer["id"])
        assert raw == data and meta["size"] == len(data)


def test_deliveries_of_one_content(archive):
    instance = archive()
    message = compose(subject="minutes of the board", to="board@example.test")
    first = instance.ingest(message, "a@outside.test", ["alice@example.test"], queue_id="4A1", notes=["k=v"],
                            edits=[(1, 0, "X-Tag", "one"), (3, 1, "X-Old", None)], source=wire.SMTP)
    again = instance.ingest(message, "a@outside.test", ["bob@example.test"], queue_id="4A2", source=wire.SMTP)
    transaction = os.urandom(16)
    third = instance.ingest(message, "b@outside.test", ["carol@example.test"], transaction=transaction)
    retry = instance.ingest(message, "b@outside.test", ["carol@example.test"], transaction=transaction)
    assert (first["known"], again["known"]) == (False, True)
    assert again["id"] == first["id"] and again["event"] != first["event"]
    assert retry["repeat"] and retry["event"] == third["event"]
    instance.catch_up()
    with instance.client() as client:
        meta, raw = client.fetch(first["id"])
        by_event, _ = client.fetch(again["event"])
    assert raw == message and meta["events_complete"]
    assert [e["event"] for e in meta["events"]] == [first["event"], again["event"], third["event"]]
    assert meta["events"][0]["verdict"]["edits"] == [{"kind": "insert", "index": 0, "name": "X-Tag", "value": "one"},
                                                     {"kind": "delete", "index": 1, "name": "X-Old"}]
    assert meta["events"][0]["notes"] == ["k=v"] and meta["events"][0]["queue_id"] == "4A1"
    assert meta["x_envelope_to"] == ["alice@example.test", "bob@example.test", "carol@example.test"]
    assert by_event["id"] == first["id"]
    # A later delivery makes the message visible to its mailbox.
    for user in ("alice", "bob", "carol"):
        assert instance.find("board", mailbox=address(user)) == [first["id"]]
    assert instance.find("board", mailbox="dave@example.test") == []


def test_rights_of_a_mailbox(archive):
    """What a mailbox sees: its own deliveries, and of the other recipients nothing; the sender sees all of what it sent."""
    instance = archive()
    message = compose(subject="offer", to="alice@example.test")
    sent = instance.ingest(message, "carol@example.test", ["alice@example.test", "bob@example.test"],
                           source=wire.SUBMISSION, auth_user="carol@example.test")
    forged = instance.ingest(compose(subject="forged offer"), "carol@example.test", ["dave@example.test"], source=wire.SMTP)
    instance.catch_up()
    assert instance.find("offer", mailbox="carol@example.test") == [sent["id"]]
    assert instance.find("offer", mailbox="dave@example.test") == [forged["id"]]
    with instance.client() as client:
        hit = client.search("offer", mailbox="alice@example.test")["hits"][0]
        assert "envelope_to" not in hit and hit["to"] == ["alice@example.test"]
        assert client.search("from:carol@example.test offer")["hits"][-1]["envelope_to"] == ["bob@example.test"]
        meta, _ = client.fetch(sent["id"], mailbox="alice@example.test")
        assert meta["x_envelope_to"] == ["alice@example.test"] and "bob" not in json.dumps(meta)
        meta, _ = client.fetch(sent["id"], mailbox="carol@example.test")
        assert meta["x_envelope_to"] == ["alice@example.test", "bob@example.test"]
        with pytest.raises(Failed) as refused:
            client.fetch(sent["id"], mailbox="dave@example.test")
    assert refused.value.code == "absent"


# ---- searching ----

SAMPLES = {
    "zh-tw": compose(subject="會議記錄：軟體開發", body="上海公司的王小明請大家閱讀附件。\n", sender="王小明 <wang@example.tw>".encode().decode(),
                     to="alice@example.test", attachments=[("報告.pdf", "application/pdf", b"%PDF-")]),
    "zh-cn": compose(subject="会议记录", body="软件开发部门的季度报告，谢谢。\n", sender="li@example.cn", to="bob@example.test"),
    "en": compose(subject="Quarterly report", body="The café opens at noon; budget attached.\n", sender="ann@example.org",
                  to="alice@example.test", cc="carol@example.test"),
}
QUERIES = {
    "會議": {"zh-tw", "zh-cn"}, "会议": {"zh-tw", "zh-cn"}, '"會議"': {"zh-tw"}, '"会议"': {"zh-cn"},
    "軟體": {"zh-tw"}, "公司": {"zh-tw"}, "司": {"zh-tw"}, "上海公司": {"zh-tw"}, "季度報告": {"zh-cn"},
    "subject:會議記錄": {"zh-tw", "zh-cn"}, "subject:公司": set(), "from:王小明": {"zh-tw"}, "from:ann@example.org": {"en"},
    "from:example.cn": {"zh-cn"}, "to:carol@example.test": {"en"}, "to:alice@example.test": {"zh-tw", "en"},
    "has:attachment": {"zh-tw"}, "attachment:報告": {"zh-tw"}, "cafe": {"en"}, "CAFÉ": {"en"}, "report -budget": set(),
    '"quarterly report"': {"en"}, '"report quarterly"': set(), "report OR 公司": {"zh-tw", "en"}, "nosuchword": set(),
    "after:2000-01-01": {"zh-tw", "zh-cn", "en"}, "before:2000-01-01": set(), "after:2000-01-01 公司": {"zh-tw"},
}


def test_searches(archive):
    instance = archive()
    names = {}
    for name, message in SAMPLES.items():
        names[instance.ingest(message, f"{name}@outside.test", ["dave@example.test"])["id"]] = name
    instance.catch_up()
    wrong = {}
    for query, wanted in QUERIES.items():
        found = {names[i] for i in instance.find(query)}
        if found != wanted:
            wrong[query] = found
    assert not wrong
    with instance.client() as client:
        hit = client.search("上海公司")["hits"][0]
        assert "\x02" in hit["snippet"] and "\x03" in hit["snippet"] and hit["attachments"] == ["報告.pdf"]
        assert hit["from"] == "王小明 <wang@example.tw>"
        first = client.search("after:2000-01-01", limit=2)
        assert first["more"] and len(first["hits"]) == 2
        rest = client.search("after:2000-01-01", limit=2, before=first["hits"][-1]["id"])
        assert not rest["more"] and len(rest["hits"]) == 1
        plain = client.search("公司", snippets=False)["hits"][0]
        assert plain["subject"] == "會議記錄：軟體開發" and "snippet" not in plain and len(plain["attachments"]) == 1
        for bad in ('"unclosed', "(", "nofield:x AND", "after:yesterday"):
            try:
                client.search(bad)
            except Failed as failed:
                assert failed.code == "query" and not failed.temporary and failed.text


def test_big5_and_gb2312_of_the_corpus(archive):
    files = sorted(glob.glob(os.path.join(CORPUS, "zh-ham", "ccert-cdsce", "*")))[:60]
    if not files:
        pytest.skip(f"no corpus at {CORPUS} (set POSTERN_CORPUS)")
    instance = archive()
    with instance.client() as client:
        for path in files:
            with open(path, "rb") as f:
                client.ingest(capture(f.read(), "s@outside.test", ["alice@example.test"]))
        client.catch_up()
        assert len(client.search("我们", limit=100)["hits"]) == len(client.search("我們", limit=100)["hits"]) > 5
        for hit in client.search("我们", limit=100)["hits"]:
            assert "\x02" in hit["snippet"] + hit["subject_marked"], hit


# ---- the command ----

def test_command(archive):
    instance = archive()
    folder = os.path.join(instance.directory, "in")
    os.makedirs(folder)
    for name, message in SAMPLES.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(message)
    done = instance.run("archive", "ingest", "--from", "s@outside.test", "--to", "dave@example.test", "--to", "eve@example.test",
                        *sorted(glob.glob(folder + "/*")))
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert done.returncode == 0 and [line[1] for line in lines] == ["new"] * 3
    instance.catch_up()
    ids = {os.path.basename(path): identity for identity, _, path in lines}
    out = instance.run("archive", "search", "會議").stdout.decode()
    assert ids["zh-tw"] in out and ids["zh-cn"] in out and "\033" not in out
    assert instance.run("archive", "search", "nosuchword").returncode == 1
    assert [hit["id"] for hit in instance.search("subject:會議記錄：軟體開發")] == [ids["zh-tw"]]
    assert [hit["id"] for hit in instance.search("report", "subject:quarterly report")] == [ids["en"]]
    shown = instance.run("archive", "show", ids["en"]).stdout.decode()
    assert "X-Envelope-To  dave@example.test, eve@example.test" in shown and "The café opens" in shown
    assert instance.run("archive", "show", "--raw", ids["en"]).stdout == SAMPLES["en"]
    assert b"Quarterly" in instance.run("archive", "show", "--headers", ids["en"]).stdout
    assert "season" not in instance.run("archive", "show", "--text", ids["zh-tw"]).stdout.decode()
    missing = instance.run("archive", "show", "0000000000000", check=False)
    assert missing.returncode == 3 and missing.stderr
    export_checks(instance, ids)


def export_checks(instance, ids):
    out = os.path.join(instance.directory, "out")
    done = instance.run("archive", "export", "after:2000-01-01", "--output", out)
    assert done.returncode == 0, done.stderr
    for name, identity in ids.items():
        with open(os.path.join(out, identity + ".eml"), "rb") as f:
            assert f.read() == SAMPLES[name]
    again = instance.run("archive", "export", "--id", ids["en"], "--output", out, "--with-envelope-header", check=False)
    with open(os.path.join(out, ids["en"] + ".eml"), "rb") as f:
        assert again.returncode == 1 and f.read() == SAMPLES["en"]  # nothing is overwritten
    instance.run("archive", "export", "--id", ids["en"], "--output", out, "--with-envelope-header", "--force")
    with open(os.path.join(out, ids["en"] + ".eml"), "rb") as f:
        assert f.read() == b"X-Envelope-To: dave@example.test, eve@example.test\r\n" + SAMPLES["en"]
    assert sorted(os.listdir(out)) == sorted(i + ".eml" for i in ids.values())  # and no temporary file is left
    box = os.path.join(instance.directory, "box")
    instance.run("archive", "export", "after:2000-01-01", "--format", "mbox", "--output", box)
    assert len(mailbox.mbox(box)) == 3
    assert instance.run("archive", "export", "公司", "--format", "mbox", "--output", box, check=False).returncode == 3


def test_command_without_a_daemon(archive):
    instance = archive(start=False)
    done = instance.run("archive", "search", "x", check=False)
    assert done.returncode == 3 and b"systemctl start postern-archived" in done.stderr
    assert instance.run("archive", "search", check=False).returncode == 2
    assert instance.run("archive", "nonsense", check=False).returncode == 2


def test_reconcile(archive):
    instance = archive()
    now = time.time()
    instance.ingest(compose(subject="kept"), "a@outside.test", ["alice@example.test"], queue_id="4XAAAAAAAAz", source=wire.SMTP)
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime(now))
    iso = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime(now))
    lines = []
    for identity in ("4XAAAAAAAAz", "4XBBBBBBBBz"):
        lines += [f"{stamp} mx postfix/smtpd[1]: {identity}: client=c[192.0.2.1]",
                  f"{stamp} mx postfix/cleanup[1]: {identity}: message-id=<{identity}@x>",
                  f"{stamp} mx postfix/qmgr[1]: {identity}: from=<a@outside.test>, size=9, nrcpt=1 (queue active)"]
    lines += [f"{iso} mx postfix/pickup[1]: 5C5C5C5C: uid=0 from=<root>",
              f"{iso} mx postfix/qmgr[1]: 5C5C5C5C: from=<root@mx>, size=9, nrcpt=1 (queue active)",
              f"{stamp} mx postfix/bounce[1]: 4XAAAAAAAAz: sender non-delivery notification: 4XDDDDDDDDz",
              f"{stamp} mx postfix/qmgr[1]: 4XDDDDDDDDz: from=<>, size=9, nrcpt=1 (queue active)"]
    log = os.path.join(instance.directory, "mail.log")
    with open(log, "w") as f:
        f.write("\n".join(lines) + "\n")
    done = instance.run("archive", "reconcile", "--json", log)
    missing = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == 1 and [m["queue_id"] for m in missing] == ["4XBBBBBBBBz", "5C5C5C5C"]
    assert instance.metric("archived", "postern_archive_unarchived_messages") == 2
    assert instance.run("archive", "reconcile", "--since", "2099-01-01", log).returncode == 0
    assert instance.metric("archived", "postern_archive_unarchived_messages") == 0
    assert instance.run("archive", "reconcile", "/dev/null", check=False).returncode == 3


# ---- starting and stopping ----

def test_init_start_and_stop(archive):
    instance = archive(start=False)
    daemon = [program("postern-archived"), "-c", instance.configuration]
    early = subprocess.run(daemon, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert early.returncode == 1 and b"--init" in early.stdout
    assert subprocess.run(daemon + ["--check"], stdin=subprocess.DEVNULL).returncode == 0
    first = subprocess.run(daemon + ["--init"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert first.returncode == 0 and b"WITHOUT THIS FILE" in first.stdout
    assert os.stat(instance.key).st_mode & 0o777 == 0o600
    with open(instance.key, "rb") as f:
        key = f.read()
    second = subprocess.run(daemon + ["--init"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with open(instance.key, "rb") as f:
        assert second.returncode == 0 and b"WITHOUT" not in second.stdout and f.read() == key
    instance.start_archived()
    kept = instance.ingest(compose(subject="kept"), "", [])
    third = subprocess.run(daemon + ["--init"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert third.returncode == 0  # while it runs, too
    other = subprocess.run(daemon, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert other.returncode == 1 and b"another postern-archived" in other.stdout
    answer, _ = instance.control("archived", "reload")  # the second one did not take the socket away
    assert answer.startswith("OK"), answer
    answer, _ = instance.control("archived", "status")
    assert "messages=1" in answer
    assert instance.archived.stop() == 0
    os.rename(instance.key, instance.key + ".away")
    lost = subprocess.run(daemon + ["--init"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert lost.returncode == 1 and b"restore" in lost.stdout and not os.path.exists(instance.key)
    os.rename(instance.key + ".away", instance.key)
    instance.start_archived()
    with instance.client() as client:
        client.catch_up()
        assert [hit["id"] for hit in client.search("kept")["hits"]] == [kept["id"]]
    answer, _ = instance.control("archived", "stop")
    assert answer.startswith("OK") and wait_until(lambda: not instance.archived.running(), 30, "the end of the daemon")


def test_bad_configuration_is_kept_out(archive):
    instance = archive()
    good = open(instance.configuration).read()
    with open(instance.configuration, "a") as f:
        f.write("archived {\n")
    answer, _ = instance.control("archived", "reload")
    assert answer.startswith("ERROR") and "postern.conf" in answer
    with open(instance.configuration, "w") as f:
        f.write(good)
    assert instance.control("archived", "reload")[0].startswith("OK")


# ---- hostile clients ----

def test_malformed_frames(archive):
    instance = archive(max_message="64K")
    for kind, payload, code in [(wire.INGEST, b"", "bad"), (wire.INGEST, b"PCAP\x01\x00", "bad"), (99, b"{}", "bad"),
                                (wire.INGEST, capture(b"x")[:-1] + b"", "bad"), (wire.SEARCH, b"{", "bad"),
                                (wire.SEARCH, b'{"querry":"x"}', "bad"), (wire.FETCH, b'{"id":"0000000000001"}', "absent"),
                                (wire.STATUS, b"[]", "bad"), (wire.INGEST, os.urandom(500), "bad")]:
        with instance.client() as client:
            client.send(kind, payload)
            with pytest.raises(Failed) as failed:
                client.answer(wire.STORED)
            assert failed.value.code == code and not failed.value.temporary, (kind, payload[:20], failed.value)
            client.send(wire.STATUS)  # the connection goes on
            assert client.answer(wire.REPORT)["version"]
    with instance.client() as client:  # a message over archived.max_message, in a frame that is allowed
        with pytest.raises(Failed) as failed:
            client.ingest(capture(b"x" * 70000))
        assert failed.value.code == "bad" and not failed.value.temporary
    with instance.client() as client:  # a frame that is not
        client.socket.sendall(struct.pack("<IB", 300 << 20, wire.INGEST))
        with pytest.raises(Failed):
            client.answer(wire.STORED)
        with pytest.raises((Closed, OSError)):
            client.answer(wire.STORED)
    assert instance.archived.running()


def test_many_clients_that_go_away(archive):
    instance = archive()
    message = capture(compose(subject="half"))
    for n in range(60):
        client = instance.client()
        client.socket.sendall((struct.pack("<IB", len(message), wire.INGEST) + message)[:n * 7])
        client.close()
    with instance.client() as a, instance.client() as b:
        for n in range(40):  # pipelined, more than are worked on at once
            a.send(wire.INGEST, capture(compose(subject=f"pipelined {n}")))
        b.send(wire.STATUS)
        b.answer(wire.REPORT)
        ids = [a.answer(wire.STORED)["id"] for _ in range(40)]
    instance.catch_up()
    assert sorted(ids, reverse=True) == instance.find("pipelined", limit=100)
    assert wait_until(lambda: instance.status()["connections"] <= 1, 20, "the end of all connections")


# ---- crashes ----

def test_kill_under_load(archive):
    """kill -9 at any moment: what was acknowledged is found once; feeders go on where they were."""
    instance = archive(segment_size="1M")
    acknowledged, lock, ending = [], threading.Lock(), threading.Event()

    def load(number):
        count = 0
        while not ending.is_set():
            word = f"word{number}x{count}x"
            encoded = capture(compose(subject=word, body=word + " filling" * 200), "s@outside.test", ["alice@example.test"])
            while True:  # the milter's spool: the same record until it is answered
                try:
                    with instance.client(20) as client:
                        client.ingest(encoded)
                    break
                except (OSError, Closed):
                    time.sleep(0.05)
            with lock:
                acknowledged.append(word)
            count += 1

    threads = [threading.Thread(target=load, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for n in range(10):
        time.sleep(0.2 + 0.07 * n)
        instance.archived.kill()
        instance.start_archived()
    ending.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(acknowledged) > 30, instance.archived.tail()
    instance.catch_up()
    found = {}
    for hit in instance.search("to:alice@example.test"):
        found.setdefault(hit["subject"], []).append(hit["id"])
    assert sorted(found) == sorted(acknowledged)
    assert all(len(ids) == 1 for ids in found.values())
    rows = sqlite3.connect(os.path.join(instance.archive_dir, "catalogue.db"))
    assert rows.execute("SELECT count(*), count(DISTINCT event) FROM event").fetchone() == (len(acknowledged),) * 2
    rows.close()
    assert instance.run("archive", "verify").returncode == 0


def test_index_and_catalogue_are_rebuilt(archive):
    instance = archive()
    ids = [instance.ingest(compose(subject=f"rebuilt {n}"), "", ["alice@example.test"])["id"] for n in range(30)]
    instance.catch_up()
    assert instance.archived.stop() == 0
    shutil.rmtree(os.path.join(instance.archive_dir, "index"))
    for path in glob.glob(os.path.join(instance.archive_dir, "catalogue.db*")):
        os.remove(path)
    instance.start_archived()
    instance.catch_up()
    assert instance.find("rebuilt", limit=100) == sorted(ids, reverse=True)
    assert len(instance.find("rebuilt", limit=100, snippets=False)) == 30


def test_verify_finds_a_flipped_byte(archive):
    instance = archive()
    for n in range(20):
        instance.ingest(compose(subject=f"message {n}", body=f"text {n}\n" * 50), "", ["alice@example.test"])
    instance.catch_up()
    assert instance.archived.stop() == 0
    segment = sorted(glob.glob(os.path.join(instance.archive_dir, "segments", "*")))[0]
    with open(segment, "r+b") as f:
        f.seek(4096 + 5000)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x10]))
    instance.start_archived()
    done = instance.run("archive", "verify", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and not report["ok"] and report["damaged"] >= 1 and report["problems"]
    assert b"damaged" in instance.run("archive", "verify").stdout
    # All others are still there, found and readable.
    with instance.client() as client:
        hits = client.search("message", limit=100)["hits"]
    assert len(hits) == 20 and len([hit for hit in hits if "problem" in hit]) == 1


def test_disk_full(archive):
    directory = tempfile.mkdtemp(prefix="pf-", dir="/tmp")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", directory], check=True)
    try:
        instance = archive(directory=directory, segment_size="2M", min_free="8M")
        kept = []
        with pytest.raises(Failed) as full:
            for n in range(2000):
                kept.append(instance.ingest(compose(subject=f"fill {n}", attachments=[("x", "application/octet-stream", os.urandom(1 << 20))]),
                                            "", [])["id"])
        assert full.value.code == "full" and full.value.temporary and len(kept) > 5
        with instance.client() as client:
            assert client.search("subject:fill", limit=1)["hits"] is not None  # it still answers
        subprocess.run(["mount", "-o", "remount,size=120m", directory], check=True)
        later = wait_until(lambda: _try(lambda: instance.ingest(b"Subject: later\r\n\r\nx\r\n", "", [])), 20, "an ingest")
        instance.catch_up()
        assert instance.find("subject:later") == [later["id"]]
        with instance.client() as client:
            for identity in kept:
                client.fetch(identity)
        instance.archived.stop()
    finally:
        subprocess.run(["umount", "-l", directory], check=False)


def _try(function):
    try:
        return function()
    except Failed:
        return None


# ---- databases ----

def test_catalogue_on_mariadb(archive, mariadb):
    mariadb.sql("CREATE DATABASE catalogue CHARACTER SET utf8mb4")
    instance = archive(start=False, catalogue_driver="mariadb", catalogue_host=mariadb.socket, catalogue_database="catalogue",
                       catalogue_user="root")
    instance.init()
    instance.start_archived()
    ids = {name: instance.ingest(m, "s@outside.test", ["alice@example.test"], queue_id="4X" + name.replace("-", ""))["id"]
           for name, m in SAMPLES.items()}
    instance.catch_up()
    with instance.client() as client:
        assert client.search("上海公司", snippets=False)["hits"][0]["subject"] == "會議記錄：軟體開發"
        # SQL goes away: mail is archived and found all the same, and reconcile does not call it missing.
        mariadb.kill()
        late = client.ingest(capture(compose(subject="while away"), "", ["alice@example.test"]))
        wait_until(lambda: client.search("subject:away")["hits"], 20, "the message in the index")
        assert [h["id"] for h in client.search("subject:away", snippets=False)["hits"]] == [late["id"]]
        meta, _ = client.fetch(late["id"])
        assert not meta["events_complete"] and meta["x_envelope_to"] == ["alice@example.test"]
        wait_until(lambda: any(f.get("problem") for f in client.status()["feeders"]), 20, "the feeder's report")
        with pytest.raises(Failed) as unknown:
            client.fetch(ids["en"], mailbox="alice@example.test")
        assert unknown.value.code == "busy" and unknown.value.temporary
        mariadb.start()
        client.catch_up()
        meta, _ = client.fetch(late["id"])
        assert meta["events_complete"]
        assert client.reconcile([("4Xen", time.time()), ("4Xnone", time.time())])["missing"][0]["id"] == "4Xnone"


def test_pending_expansions_are_resolved(archive):
    directory = tempfile.mkdtemp(prefix="pa-", dir="/tmp")
    accounts = Accounts(os.path.join(directory, "accounts"))
    for path, _, names in os.walk(os.path.join(directory, "accounts")):
        shutil.chown(path, "daemon")
        for name in names:
            shutil.chown(os.path.join(path, name), "daemon")
    instance = archive(directory=directory, accounts=accounts)
    stored = instance.ingest(compose(subject="to the sales team"), "s@outside.test",
                             [recipient("sales@example.test", [], wire.PENDING)], source=wire.SMTP)
    instance.catch_up()
    wait_until(lambda: instance.find("sales", mailbox="carol@example.test"), 40, "the expansion")
    assert instance.find("sales", mailbox="bob@example.test") == [stored["id"]]
    assert instance.find("sales", mailbox="dave@example.test") == []
    meta = instance.meta(stored["id"])
    assert meta["events"][0]["envelope"]["recipients"] == [{"original": "sales@example.test", "expansion": "expanded",
                                                            "mailboxes": ["bob@example.test", "carol@example.test"]}]
