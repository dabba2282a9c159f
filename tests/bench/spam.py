#!/usr/bin/python3
"""bench spam: CPU and memory for judging a message, beside `spamd -L` and rspamd with the network off, all Debian's.

The three daemons run side by side without a network and get the same messages of real mail (POSTERN_CORPUS), one after the other,
rounds interleaved and warmed up: ours and spamd by spamd's protocol (CHECK), rspamd by its HTTP protocol. Ours and spamd use the same
rules; spamd's Bayes is off, since ours is not there yet. rspamd runs its default rules without the modules that ask others (lists in
DNS, fuzzy hashes, SPF, DKIM, DMARC, Redis). Counted is all CPU time of each daemon's processes; not the client's.

spam-cpu-spamd, spam-cpu-rspamd: ms of CPU a message; goals: 1/100 and 1/2 of the peer's. spam-memory-*: MB that each daemon's
processes have for themselves (PSS) after all that. Printed besides: ms by the size of one message, to see how it grows.
Settings by environment: POSTERN_BENCH_MESSAGES (a round, 150), POSTERN_BENCH_ROUNDS (3)."""
import os
import pathlib
import pwd
import shutil
import socket
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.bench.measure import Series, figure, precise_cpu_seconds, tree  # noqa: E402
from tests.support import namespace  # noqa: E402
from tests.support.process import Daemon, connects, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
CORPUS = pathlib.Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus"))
MESSAGES = int(os.environ.get("POSTERN_BENCH_MESSAGES", "150"))
ROUNDS = int(os.environ.get("POSTERN_BENCH_ROUNDS", "3"))
GROUPS = ("ham", "spam", "zh-ham", "zh-spam")
LARGEST = 256 * 1024  # bytes of a message of the sample: what spamc hands in by default is below 500 KB
SIZES = (1000, 10_000, 100_000, 1_000_000)
PORTS = {"spamd": 7831, "rspamd": 7832}
USER, RSPAMD_USER = "daemon", "_rspamd"
# what asks others, or learns
OFF = ("rbl", "surbl", "dkim", "dkim_signing", "spf", "dmarc", "arc", "asn", "fuzzy_check", "neural", "greylist", "ratelimit", "replies",
       "history_redis", "mx_check", "url_redirector", "reputation", "bimi", "antivirus", "dcc", "external_services", "rspamd_update")


class Peers:
    def __init__(self, directory):
        self.directory = directory
        os.chmod(directory, 0o755)
        self.daemons = {}

    def start(self):
        self.start_ours()
        self.start_spamd()
        self.start_rspamd()

    def folder(self, name, user):
        path = pathlib.Path(self.directory, name)
        path.mkdir()
        shutil.chown(path, user)
        return path

    def start_ours(self):
        path = self.folder("ours", USER)
        cache = path / "cache"
        cache.mkdir()
        shutil.chown(cache, USER)
        (path / "postern.conf").write_text(f"""log {{ target = stderr }}
milter {{ listen = "unix:{path}/milter.sock" control = "unix:{path}/control" metrics = "" user = "{USER}" socket_group = "{USER}"
  modules = {{spam}} }}
spam {{ network = no cache = "{cache}" spamd_listen = {{"unix:{path}/spamd.sock"}} }}
""")
        self.ours = str(path / "spamd.sock")
        self.daemon("ours", [str(BUILD / "milters/postern-milter"), "-c", str(path / "postern.conf")], lambda: connects(self.ours))
        log = self.daemons["ours"].log
        wait_until(lambda: "event=start" in log() and ("compiled meanwhile" not in log() or "scans are fast now" in log()), 600,
                   "compiled patterns", every=0.5)

    def start_spamd(self):
        path = self.folder("spamd", USER)
        (path / "user_prefs").write_text("use_bayes 0\n")
        account = pwd.getpwnam(USER)
        command = ["spamd", "-L", "--max-children=1", "--max-conn-per-child=100000", "--syslog=stderr", "-x", "-u", USER, "-g",
                   str(account.pw_gid), f"--port={PORTS['spamd']}", "--listen=127.0.0.1", "--cf=use_bayes 0",
                   "--cf=use_auto_welcomelist 0"]
        self.daemon("spamd", command, lambda: connects(("127.0.0.1", PORTS["spamd"])))

    def start_rspamd(self):
        path = self.folder("rspamd", RSPAMD_USER)
        local = path / "local.d"
        local.mkdir()
        for name in ("override.d", "maps.d", "db"):
            (path / name).mkdir()
            shutil.chown(path / name, RSPAMD_USER)
        for name in OFF:
            (local / f"{name}.conf").write_text("enabled = false;\n")
        (local / "options.inc").write_text("dns { nameserver = [\"127.0.0.1\"]; timeout = 0.01s; retransmits = 1; }\n")
        (local / "logging.inc").write_text('type = "console"; level = "error";\n')
        (local / "worker-normal.inc").write_text(f'count = 1; bind_socket = "127.0.0.1:{PORTS["rspamd"]}";\n')
        for worker in ("proxy", "controller", "fuzzy"):
            (local / f"worker-{worker}.inc").write_text('enabled = false;\nbind_socket = "127.0.0.1:0";\n')
        for name in ("DBDIR", "RUNDIR", "LOGDIR"):
            (path / name).mkdir()
            shutil.chown(path / name, RSPAMD_USER)
        command = ["rspamd", "-f", "-u", RSPAMD_USER, "-g", RSPAMD_USER, f"--var=LOCAL_CONFDIR={path}"]
        command += [f"--var={name}={path}/{name}" for name in ("DBDIR", "RUNDIR", "LOGDIR")]
        self.daemon("rspamd", command, lambda: connects(("127.0.0.1", PORTS["rspamd"])))

    def daemon(self, name, command, ready):
        self.daemons[name] = Daemon(command, f"{self.directory}/{name}.log")
        self.daemons[name].start(ready, 120)

    def stop(self):
        for daemon in self.daemons.values():
            daemon.stop()

    def ask(self, name, message):
        """The answer of one daemon to one message."""
        family = socket.AF_UNIX if name == "ours" else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(120)
            s.connect(self.ours if name == "ours" else ("127.0.0.1", PORTS[name]))
            if name == "rspamd":
                s.sendall(b"POST /checkv2 HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(message) + message)
            else:
                s.sendall(b"CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(message) + message)
                s.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        if not (b"Spam: " in answer or b'"score"' in answer):
            raise AssertionError(f"{name} answers {answer[:300]!r}")
        return answer

    def cpu_of(self, name, messages):
        """ms of CPU a message."""
        pid = self.daemons[name].process.pid
        before = precise_cpu_seconds(pid)
        for message in messages:
            self.ask(name, message)
        time.sleep(0.05)
        return 1000 * (precise_cpu_seconds(pid) - before) / len(messages)

    def memory_of(self, name):
        """MB that all of its processes have for themselves."""
        total = 0
        for pid in tree(self.daemons[name].process.pid):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return total / 1024


def sample():
    files = [path for group in GROUPS for path in sorted((CORPUS / group).rglob("*"))
             if path.is_file() and path.stat().st_size < LARGEST]
    return [path.read_bytes() for path in files[::max(1, len(files) // MESSAGES)]][:MESSAGES]


def letter(size):
    words = "the quick brown fox jumps over a lazy dog and 敏捷的棕色狐狸跳過懶狗 https://example.test/page\n"
    body = (words * (size // len(words.encode()) + 1)).encode()[:size]
    return b"From: a@example.test\nTo: b@example.test\nSubject: size\nContent-Type: text/plain; charset=utf-8\n\n" + body


def main():
    if not namespace.inside():
        os.execvp("unshare", namespace.command([sys.executable, os.path.abspath(__file__)]))
    for program in ("spamd", "rspamd"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin"):
            sys.exit(f"bench spam: {program} is not installed, and this Debian does not have it")
    os.environ["PATH"] += ":/usr/sbin"
    directory = tempfile.mkdtemp(prefix="postern-bench-")
    peers, messages = Peers(directory), sample()
    series = {name: Series() for name in ("ours", "spamd", "rspamd")}
    try:
        print("starting the three; ours makes its patterns ready", flush=True)
        peers.start()
        for name in series:
            for message in messages[:20]:
                peers.ask(name, message)
        for number in range(ROUNDS):
            for name, values in series.items():
                values.add(peers.cpu_of(name, messages))
            print(f"round {number + 1}/{ROUNDS}: " + "  ".join(f"{name} {values.values[-1]:.3f}" for name, values in series.items()),
                  flush=True)
        print(f"\nCPU in ms a message ({len(messages)} messages, {sum(map(len, messages)) // len(messages)} bytes on average):")
        for name, values in series.items():
            print(f"  {name:8} {values}")
        print("\nCPU in ms for one plain message of a size:")
        for size in SIZES:
            print(f"  {size:>9,}  " + "  ".join(f"{name} {peers.cpu_of(name, [letter(size)] * 5):.3f}" for name in series), flush=True)
        memory = {name: peers.memory_of(name) for name in series}
    finally:
        peers.stop()
    shutil.rmtree(directory)
    figure("spam-cpu-spamd", series["ours"].median, series["spamd"].median, series["spamd"].median / 100)
    figure("spam-cpu-rspamd", series["ours"].median, series["rspamd"].median, series["rspamd"].median / 2)
    for name in ("spamd", "rspamd"):
        figure(f"spam-memory-{name}", memory["ours"], memory[name], memory[name])


if __name__ == "__main__":
    main()
