"""Power cuts of the disk that archive and spool are on: a file system below the daemons loses power, and the client's own
list of acknowledged messages is the judge.

tests/powercut/powercutfs.c drops, reorders and tears what was not synced, and makes fdatasync fail."""
import contextlib
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from support import archive_client
from support.client import OUTSIDER, Refused, send as send_smtp
from support.load import Load, check_found_once
from support.process import Daemon, connects, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
POWERCUTFS = os.path.join(BUILD, "tests/powercut/powercutfs")
CLIENTS = 6
USER = "daemon"  # any unprivileged account; root is refused


class Disk:
    """A mounted powercutfs; contents come from and go to ordinary directories between the mounts."""

    def __init__(self, directory):
        self.directory, self.mount = directory, os.path.join(directory, "mnt")
        self.control, self.rounds = os.path.join(directory, "control"), 0
        self.contents = os.path.join(directory, "disk-0")
        for path in (self.mount, self.contents):
            os.makedirs(path)
        self.daemon = None

    def plug(self):
        self.after = os.path.join(self.directory, f"disk-{self.rounds + 1}")
        self.daemon = Daemon([POWERCUTFS, self.mount, self.contents, self.after, self.control],
                             os.path.join(self.directory, "powercutfs.log"))
        self.daemon.start(lambda: os.path.ismount(self.mount) and connects(self.control))

    def tell(self, line):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(60)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            return s.recv(200).decode()

    def cut(self, seed):
        assert self.tell(f"cut {seed}") == "ok\n"

    def unplug(self):
        """After a cut, or after a clean stop of all users (then what was not synced is dropped too)."""
        subprocess.run(["umount", "-l", self.mount], check=False, stderr=subprocess.DEVNULL)
        self.daemon.stop()
        if os.path.isdir(self.after):
            shutil.rmtree(self.contents)
            self.contents, self.rounds = self.after, self.rounds + 1


class Archive:
    """postern-archived on the disk; key, socket and configuration on an ordinary one, as when only a disk shelf fails."""

    def __init__(self, directory, mount):
        self.socket = os.path.join(directory, "archived.sock")
        self.configuration = os.path.join(directory, "postern.conf")
        with open(self.configuration, "w") as f:
            f.write(f"""log {{ target = stderr }}
archived {{ listen = "unix:{self.socket}" control = "unix:{directory}/archived.control" metrics = "" user = "{USER}"
  socket_group = "" dir = "{mount}/archive" master_key = "{directory}/archive.key" segment_size = 4M min_free = 1M }}
""")
        program = os.path.join(BUILD, "archive-store/server/postern-archived")
        self.init_command = [program, "-c", self.configuration, "--init"]
        self.daemon = Daemon([program, "-c", self.configuration], os.path.join(directory, "archived.log"))

    def init(self):
        subprocess.run(self.init_command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def start(self):
        self.daemon.start(lambda: connects(self.socket), 60)


@pytest.fixture
def disk():
    if not os.path.exists(POWERCUTFS) or not os.path.exists("/dev/fuse"):
        pytest.skip("no FUSE on this machine (libfuse3-dev at build time, /dev/fuse now): power cuts can't be tested")
    directory = tempfile.mkdtemp(prefix="pc-", dir="/tmp")  # pytest's own is closed to other accounts
    os.chmod(directory, 0o755)
    shutil.chown(directory, USER)
    disk = Disk(os.path.join(directory, "shelf"))
    yield disk
    with contextlib.suppress(Exception):
        disk.unplug()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def shelf(disk):
    archive = Archive(os.path.dirname(disk.directory), disk.mount)
    yield disk, archive
    archive.daemon.kill()


@pytest.fixture
def way(disk, postern, postfix):
    """Postfix and Postern, with archive and spool on the disk: (disk, Postern); nothing of Postern runs yet."""
    for name in ("archive", "spool"):
        os.mkdir(os.path.join(disk.contents, name), 0o750)
        shutil.chown(os.path.join(disk.contents, name), USER, USER)
    disk.plug()
    instance = postern(start=False, archived={"dir": f"{disk.mount}/archive", "segment_size": "4M"},
                       archive={"spool": f"{disk.mount}/spool"})
    instance.spool = f"{disk.mount}/spool"
    postfix([instance.milter_address])
    yield disk, instance
    for daemon in (instance.milter, instance.archived):  # before the disk goes
        daemon.kill()


def message(chance, serial):
    """A message of its own content, some with an attachment big enough for a record of its own."""
    body = "".join(chance.choice("電力中斷的時候信件不可以遺失 abcdefghij\r\n") for _ in range(chance.randrange(50, 4000)))
    head = f"From: a@example.test\r\nTo: b@example.test\r\nSubject: cut {serial}\r\nMessage-ID: <{serial}@cut>\r\n"
    if serial % 5:
        return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()
    import base64
    attachment = base64.encodebytes(chance.randbytes(chance.randrange(17000, 60000))).replace(b"\n", b"\r\n").decode()
    return (f"{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{body}\r\n--b\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{attachment}--b--\r\n").encode()


class IngestLoad:
    """Clients of the archive that send one message after the other and write down what was acknowledged."""

    def __init__(self, path, seed):
        self.path, self.acknowledged, self.lock, self.stopping = path, {}, threading.Lock(), False
        self.threads = [threading.Thread(target=self.send, args=(seed * 1000 + n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def send(self, seed):
        chance = random.Random(seed)
        with contextlib.suppress(OSError, archive_client.Closed, archive_client.Failed):
            with archive_client.Client(self.path) as client:
                for serial in range(seed * 100000, seed * 100000 + 50000):
                    if self.stopping:
                        break
                    content = message(chance, serial)
                    stored = client.ingest(archive_client.capture(content, "a@example.test", ["b@example.test"]))
                    with self.lock:
                        self.acknowledged[stored["id"]] = hashlib.sha256(content).digest()

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(60)


def check_all(archive, acknowledged):
    with archive_client.Client(archive.socket) as client:
        client.catch_up()
        lost = []
        for identity, digest in acknowledged.items():
            try:
                _, raw = client.fetch(identity)
                if hashlib.sha256(raw).digest() != digest:
                    lost.append(f"{identity}: other bytes")
            except archive_client.Failed as failure:
                lost.append(f"{identity}: {failure}")
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged messages: {lost[:5]}"
        report = client.verify()
    assert report.get("damaged", report.get("store", {}).get("damaged", 0)) == 0, json.dumps(report)[:2000]


def test_acknowledged_messages_survive_power_cuts(shelf):
    disk, archive = shelf
    disk.plug()
    archive.init()
    acknowledged, latest, chance = {}, {}, random.Random(20)
    for round_number in range(8):
        archive.start()
        check_all(archive, latest)
        load = IngestLoad(archive.socket, round_number)
        time.sleep(chance.uniform(0.3, 1.5))
        disk.cut(round_number)
        archive.daemon.kill()
        load.stop()
        assert load.acknowledged, archive.daemon.tail()
        latest = load.acknowledged
        acknowledged.update(latest)
        disk.unplug()
        disk.plug()
    archive.start()
    check_all(archive, acknowledged)
    assert len(acknowledged) > 100


def test_a_failed_sync_is_no_acknowledgement_and_the_next_message_is_kept(shelf):
    disk, archive = shelf
    disk.plug()
    archive.init()
    archive.start()
    acknowledged = {}
    chance = random.Random(3)

    def send(serial):
        content = message(chance, serial)
        with archive_client.Client(archive.socket) as client:
            stored = client.ingest(archive_client.capture(content, "a@example.test", ["b@example.test"]))
        acknowledged[stored["id"]] = hashlib.sha256(content).digest()

    for n in range(20):
        send(n)
    # Index and catalogue sync by themselves: fail several, so that one of them is the segment's or the key file's.
    failed = 0
    for n in range(20, 60):
        disk.tell("failsync 1")
        try:
            send(n)
        except archive_client.Failed as failure:
            assert failure.temporary and failure.code == "io", failure
            failed += 1
    disk.tell("failsync 0")
    assert failed, "no ingest saw a failed fdatasync"

    def works():
        with contextlib.suppress(archive_client.Failed):
            send(1000)
            return True
    wait_until(works, 30, "the archive to take mail again")
    disk.cut(7)
    archive.daemon.kill()
    disk.unplug()
    disk.plug()
    archive.start()
    check_all(archive, acknowledged)


def test_a_full_disk_is_said_and_ends(shelf):
    disk, archive = shelf
    disk.plug()
    archive.init()
    archive.start()
    chance, acknowledged = random.Random(4), {}

    def send(serial):
        content = message(chance, serial)
        with archive_client.Client(archive.socket) as client:
            stored = client.ingest(archive_client.capture(content, "a@example.test", ["b@example.test"]))
        acknowledged[stored["id"]] = hashlib.sha256(content).digest()

    send(0)
    disk.tell("full 0")
    refused = None
    for n in range(1, 4000):
        try:
            send(n)
        except archive_client.Failed as failure:
            refused = failure
            break
    assert refused and refused.temporary and refused.code in ("full", "io"), refused
    disk.tell("full -1")

    def works():
        with contextlib.suppress(archive_client.Failed):
            send(100000)
            return True
    wait_until(works, 30, "the archive to take mail again")
    check_all(archive, acknowledged)


def test_every_250_survives_power_cuts_of_archive_and_spool(way):
    """SMTP clients that stop for nothing; archived is away in every other round, so that the spool's promise is cut too."""
    disk, instance = way
    chance = random.Random(21)
    with Load(threads=4) as load:
        for round_number in range(6):
            if round_number % 2 == 0:
                instance.start_archived()
            instance.start_milter()
            before = len(load.accepted)
            wait_until(lambda: len(load.accepted) > before + 20, 60, lambda: instance.milter.tail())
            time.sleep(chance.uniform(0, 0.5))
            disk.cut(round_number)
            instance.milter.kill()
            instance.archived.kill()
            disk.unplug()
            disk.plug()
        instance.start()
    check_found_once(instance, load.words())
    wait_until(lambda: not instance.spooled(), 30, "the spool to drain")
    done = instance.run("archive", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failed_sync_of_the_spool_is_no_250(way):
    disk, instance = way
    instance.start_milter()
    accepted, deferred = [], 0
    for n in range(12):
        disk.tell("failsync 1" if n % 3 == 1 else "failsync 0")
        word = f"load{n}x0x"
        text = f"From: {OUTSIDER}\r\nTo: alice@example.test\r\nSubject: load {word}\r\nMessage-ID: <{word}@cut>\r\n\r\n{word}\r\n"
        try:
            send_smtp(text.encode(), ["alice@example.test"])
            accepted.append(word)
        except Refused as refused:
            assert 400 <= refused.code < 500, refused
            deferred += 1
    assert deferred == 4 and len(accepted) == 8
    disk.cut(5)
    instance.milter.kill()
    disk.unplug()
    disk.plug()
    instance.start()
    check_found_once(instance, accepted)
