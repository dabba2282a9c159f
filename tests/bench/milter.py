#!/usr/bin/python3
"""bench milter: what the milter hop costs Postfix.

CPU per message of the system's Postfix with no milter, with a null milter that takes every callback, and with
postern-milter (archive and envelope), one message a session, 2 kB bodies, rounds interleaved. Counted: Postfix's processes and the milter.
Shown apart: postern-archived, which does the work of keeping, indexing and cataloguing. Not counted: the
sender and the sink (Postfix's own smtp-source and smtp-sink). Afterwards the archive is asked for every message.

milter-hop: ours = with postern-milter less without; peer = null milter less without; goal: peer + 0.3 ms.
Settings by environment: POSTERN_BENCH_MESSAGES (per round and kind, 600), POSTERN_BENCH_ROUNDS (4)."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.bench.measure import Series, cpu_seconds, figure  # noqa: E402
from tests.support import namespace  # noqa: E402
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.postfix import Postfix  # noqa: E402
from tests.support.process import Daemon, connects, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
MESSAGES = int(os.environ.get("POSTERN_BENCH_MESSAGES", "600"))
ROUNDS = int(os.environ.get("POSTERN_BENCH_ROUNDS", "4"))
KINDS = ("none", "null", "postern")
SINK_PORT = 2626


class Bench:
    def __init__(self, directory):
        self.directory = directory
        os.chmod(directory, 0o755)
        shutil.chown(directory, "daemon")  # the account that the daemons change to
        self.accounts = Accounts(os.path.join(directory, "accounts"))
        self.postfix = Postfix(os.path.join(directory, "postfix"), self.accounts)
        self.postfix.set(virtual_transport=f"lmtp:inet:127.0.0.1:{SINK_PORT}", default_process_limit="20")
        self.null_socket, self.null_name = self.postfix.milter_socket("null.sock")
        self.socket, self.name = self.postfix.milter_socket("milter.sock")
        self.config = os.path.join(directory, "postern.conf")
        self.archive_socket = os.path.join(directory, "archived.sock")
        self.write_config()
        self.daemons = {}

    def write_config(self):
        d = self.directory
        with open(self.config, "w") as f:
            f.write(f"""
log {{ target = stderr }}
accounts {{ driver = sqlite path = "{self.accounts.database}" }}
milter {{ modules = {{archive, envelope}} listen = "unix:{self.socket}" control = "unix:{d}/milter.control" metrics = "" user = "daemon" 
  socket_group = "postfix" }}
archive {{ connect = "unix:{self.archive_socket}" spool = "{d}/spool" }}
archived {{ listen = "unix:{self.archive_socket}" control = "unix:{d}/archived.control" metrics = "" user = "daemon"
  socket_group = "" dir = "{d}/archive" master_key = "{d}/archive.key" min_free = 64M }}
""")

    def start(self):
        self.daemon("sink", ["smtp-sink", "-L", "-u", "postfix", f"127.0.0.1:{SINK_PORT}", "1000"],
                    lambda: connects(("127.0.0.1", SINK_PORT)))
        self.daemon("null", [str(BUILD / "tests/bench/null_milter"), f"unix:{self.null_socket}"],
                    lambda: os.path.exists(self.null_socket))
        os.chmod(self.null_socket, 0o666)
        archived = str(BUILD / "archive-store/server/postern-archived")
        subprocess.run([archived, "-c", self.config, "--init"], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.daemon("archived", [archived, "-c", self.config], lambda: connects(self.archive_socket))
        self.daemon("postern", [str(BUILD / "milters/postern-milter"), "-c", self.config], lambda: connects(self.socket))
        os.chmod(self.socket, 0o666)

    def daemon(self, name, command, ready):
        self.daemons[name] = Daemon(command, os.path.join(self.directory, f"{name}.log")).start(ready)

    def stop(self):
        self.postfix.stop()
        for daemon in self.daemons.values():
            daemon.stop()

    def pid(self, name):
        return self.daemons[name].process.pid

    def send(self, count):
        subprocess.run(["smtp-source", "-s", "4", "-m", str(count), "-l", "2048", "-f", "sender@elsewhere.test", "-t",
                        "alice@example.test", "127.0.0.1:25"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: not self.postfix.queue(), 120, "delivery of the round", every=0.2)

    def round(self, kind):
        """Milliseconds of CPU a message of Postfix and the milter, and of postern-archived."""
        self.postfix.milters({"none": [], "null": [self.null_name], "postern": [self.name]}[kind])
        self.postfix.start()
        self.send(20)
        counted = [self.postfix.master_pid()] + ([] if kind == "none" else [self.pid(kind)])
        before, archived = sum(map(cpu_seconds, counted)), cpu_seconds(self.pid("archived"))
        self.send(MESSAGES)
        after = sum(map(cpu_seconds, counted))
        if kind == "postern":
            self.cli("archive", "status", "--json")
            time.sleep(1.5)  # the index commits its open batch within a second
        archived = cpu_seconds(self.pid("archived")) - archived
        self.postfix.stop()
        return 1000 * (after - before) / MESSAGES, 1000 * archived / MESSAGES

    def cli(self, *arguments):
        return subprocess.run([str(BUILD / "cli/postern"), "-c", self.config, *arguments], check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout

    def archived_events(self):
        return json.loads(self.cli("archive", "status", "--json"))


def main():
    if not namespace.inside():
        os.execvp("unshare", namespace.command([sys.executable, os.path.abspath(__file__)]))
    directory = tempfile.mkdtemp(prefix="postern-bench-")
    bench = Bench(directory)
    postfix_and_milter, archived = {kind: Series() for kind in KINDS}, Series()
    try:
        bench.start()
        for number in range(ROUNDS):
            for kind in KINDS:
                cpu, kept = bench.round(kind)
                postfix_and_milter[kind].add(cpu)
                if kind == "postern":
                    archived.add(kept)
                print(f"round {number + 1}/{ROUNDS} {kind:8} {cpu:.3f} ms CPU a message", flush=True)
        stored = bench.archived_events()
    finally:
        bench.stop()
    expected = ROUNDS * (MESSAGES + 20)
    have = stored["store"]["messages"] + stored["store"]["events"]
    print(f"\nCPU of Postfix and the milter in ms a message ({ROUNDS * MESSAGES} messages of each kind):")
    for kind in KINDS:
        print(f"  {kind:8} {postfix_and_milter[kind]}")
    print(f"  postern-archived, apart: {archived}")
    print(f"archive holds {have} deliveries of {expected} sent through postern-milter")
    if have < expected:
        sys.exit("a message is missing in the archive: the figures do not count")
    none, null, ours = (postfix_and_milter[kind].median for kind in KINDS)
    figure("milter-hop", ours - none, null - none, null - none + 0.3)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
