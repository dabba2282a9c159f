#!/usr/bin/python3
"""bench archive: what it costs to keep a message for good and have it found.

Sends real messages (POSTERN_CORPUS) over several connections to postern-archived, and the same messages, in the same
run and in turns, to Piler with its MariaDB and searchd (POSTERN_PILER names an installed Piler's prefix; it is no Debian
package: without it the peer is `none`). Counted: CPU of all server processes until all is searchable; bytes on disk of
store, index and SQL. Afterwards each message is fetched and compared, and Piler's rows are counted.

archive-ingest: ms of CPU a message; goal 1/8 of the peer. archive-disk: bytes on disk a raw byte; goal 1/3 of the peer.
Settings by environment: POSTERN_BENCH_MESSAGES (a round, 2000), POSTERN_BENCH_ROUNDS (5; the first also pays
for the dictionary, which an archive trains once)."""
import glob
import hashlib
import os
import pathlib
import pwd
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.bench import piler  # noqa: E402
from tests.bench.measure import Series, cpu_seconds, figure, percentile  # noqa: E402
from tests.support import archive_client  # noqa: E402
from tests.support.process import Daemon, connects  # noqa: E402

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
MESSAGES = int(os.environ.get("POSTERN_BENCH_MESSAGES", "2000"))
ROUNDS = int(os.environ.get("POSTERN_BENCH_ROUNDS", "5"))
CORPUS = pathlib.Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus"))
THREADS = 8
# Without Piler the goals stand on what it took when both were measured side by side by this bench.
GOAL_SHARE = {"archive-ingest": 1 / 8, "archive-disk": 1 / 3}


def corpus():
    """Messages of real mail, CRLF lines, in one fixed random order, each with a Message-ID of its own (Piler drops repeats)."""
    files = sorted(f for folder in ("ham", "spam", "zh-ham", "zh-spam") for f in glob.glob(f"{CORPUS}/{folder}/**/*", recursive=True)
                   if os.path.isfile(f))
    if not files:
        sys.exit(f"no messages under {CORPUS}: set POSTERN_CORPUS to a folder with ham, spam, zh-ham and zh-spam")
    random.Random(1).shuffle(files)
    messages = []
    for number in range(MESSAGES * ROUNDS):
        with open(files[number % len(files)], "rb") as f:
            content = f.read().replace(b"\r\n", b"\n").replace(b"\0", b"").replace(b"\n", b"\r\n")
        turn = b"X-Bench-Turn: %d\r\n" % (number // len(files)) if number >= len(files) else b""
        messages.append(b"Message-ID: <bench-%d@bench.test>\r\n" % number + turn + content)
    return messages


class Postern:
    def __init__(self, directory):
        self.d, self.socket = directory, os.path.join(directory, "archived.sock")
        shutil.chown(directory, "daemon")  # an account that every Debian has; root alone is refused
        self.config = os.path.join(directory, "postern.conf")
        with open(self.config, "w") as f:
            f.write(f"""log {{ target = stderr }}
archived {{ listen = "unix:{self.socket}" control = "unix:{directory}/archived.control" metrics = "" user = "daemon" socket_group = ""
  dir = "{directory}/archive" master_key = "{directory}/archive.key" min_free = 64M }}
""")
        self.program = str(BUILD / "archive-store/server/postern-archived")
        self.sent, self.waits = {}, []

    def start(self):
        subprocess.run([self.program, "-c", self.config, "--init"], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.daemon = Daemon([self.program, "-c", self.config], os.path.join(self.d, "archived.log"))
        self.daemon.start(lambda: connects(self.socket))

    def cpu(self):
        return cpu_seconds(self.daemon.process.pid)

    def ingest(self, messages):
        def send(part):
            with archive_client.Client(self.socket, 120) as client:
                for message in part:
                    record = archive_client.capture(message, "sender@elsewhere.test", ["archive@example.test"])
                    begun = time.monotonic()
                    stored = client.ingest(record)
                    self.waits.append(1000 * (time.monotonic() - begun))
                    self.sent[stored["event"]] = hashlib.sha256(message).digest()

        threads = [threading.Thread(target=send, args=(messages[n::THREADS],)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with archive_client.Client(self.socket, 600) as client:
            client.catch_up()

    def check(self):
        with archive_client.Client(self.socket) as client:
            return sum(hashlib.sha256(client.fetch(event)[1]).digest() == digest for event, digest in self.sent.items())

    def stop(self):
        self.daemon.stop()


def used(folder):
    return int(subprocess.run(["du", "-s", "-B1", folder], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0])


def blank_tail(segment):
    """Whole 4 KiB blocks of zeros at the end of an open segment: written in advance, not yet used by any message."""
    size, zeros = os.path.getsize(segment), 0
    with open(segment, "rb") as f:
        for block in range(size // 4096 - 1, -1, -1):
            f.seek(block * 4096)
            if f.read(4096).strip(b"\0"):
                break
            zeros += 4096
    return zeros


def postern_disk(directory):
    archive = os.path.join(directory, "archive")
    advance = sum(blank_tail(f) for f in glob.glob(f"{archive}/**/*", recursive=True) if f.endswith((".seg", ".keys")) or ".tmp" in f)
    return used(archive) - advance, advance


def rounds(ours, peer, messages):
    cpu, rate = {"ours": Series(), "peer": Series()}, {"ours": Series(), "peer": Series()}
    for number in range(ROUNDS):
        part = messages[number * MESSAGES:(number + 1) * MESSAGES]
        for name, one in (("ours", ours), ("peer", peer)):
            if one is None:
                continue
            before, begun = one.cpu(), time.monotonic()
            one.ingest(part)
            cpu[name].add(1000 * (one.cpu() - before) / len(part))
            rate[name].add(len(part) / (time.monotonic() - begun))
            print(f"round {number + 1}/{ROUNDS} {name}: {cpu[name].values[-1]:.3f} ms CPU a message, "
                  f"{rate[name].values[-1]:.0f} messages/s until searchable", flush=True)
    return cpu, rate


def main():
    messages = corpus()
    raw = sum(map(len, messages))
    directory = tempfile.mkdtemp(prefix="postern-bench-")
    os.chmod(directory, 0o755)
    shutil.chown(directory, "daemon")  # the account that postern-archived changes to
    os.makedirs(f"{directory}/piler")
    peer = None
    if piler.prefix():
        try:
            pwd.getpwnam("piler")
            peer = piler.Piler(f"{directory}/piler")
        except KeyError:
            print("Piler's user `piler` does not exist: the peer is left out")
    else:
        print("POSTERN_PILER is not set: the peer is left out")
    ours = Postern(directory)
    try:
        ours.start()
        if peer:
            peer.start()
            empty = peer.disk_bytes()
        cpu, rate = rounds(ours, peer, messages)
        found = ours.check()
        peer_disk = [b - a for a, b in zip(empty, peer.disk_bytes())] if peer else None
        peer_rows = peer.count() if peer else 0
    finally:
        ours.stop()
        if peer:
            peer.stop()
    disk, advance = postern_disk(directory)
    print(f"\n{len(messages)} messages, {raw} raw bytes; {found} fetched again byte for byte"
          + (f"; Piler holds {peer_rows}" if peer else ""))
    for name in ("ours", "peer") if peer else ("ours",):
        print(f"  {name}: CPU ms a message {cpu[name]}\n  {name}: messages a second {rate[name]}")
    print(f"  ours: wait for the acknowledgement p50 {percentile(ours.waits, .5):.2f} ms, p99 {percentile(ours.waits, .99):.2f} ms "
          f"({THREADS} clients at once, this script's own time included)")
    print(f"  ours: {disk} bytes on disk (and {advance} written in advance for messages to come)"
          + "".join(f"\n    {name}: {used(os.path.join(directory, 'archive', name))}"
                    for name in sorted(os.listdir(f"{directory}/archive"))))
    if peer:
        print(f"  peer: {sum(peer_disk)} bytes on disk (store, index, SQL: {peer_disk})")
    shutil.rmtree(directory)
    if found < len(messages):
        sys.exit("a message is missing or changed: the figures do not count")
    ingest_peer = cpu["peer"].median if peer else None
    disk_peer = sum(peer_disk) / raw if peer else None
    figure("archive-ingest", cpu["ours"].median, ingest_peer, (ingest_peer or 4.97) * GOAL_SHARE["archive-ingest"])
    figure("archive-disk", disk / raw, disk_peer, (disk_peer or 2.92) * GOAL_SHARE["archive-disk"])


if __name__ == "__main__":
    main()
