#!/usr/bin/python3
"""bench policy: how many questions of Postfix a second, and how late the answers, beside postgrey and policyd-spf, all Debian's.

One generator (policy_load) asks each as smtpd does, one request at a time on a connection. Greylisters are asked for triplets never
seen (all deferred) and for known ones (all passed); both wait one second only. policyd-spf runs as Postfix's spawn(8) runs it, a
process a connection, and asks a name server here for the sender's SPF record; nothing reaches the outside. Rounds are interleaved.

policy-rate-new, policy-rate-known: answers a second, each connection asking again at once; goal: 30 times postgrey's.
policy-p99-10000: ms at 10,000 requests a second, counted from when each should have been sent; the worse one of new and known
triplets; goal: below 1. The generator runs before all else then, so that its own lateness is not the server's.
policy-memory, policy-files: MB for 10 million triplets, memory (PSS) and files, but for postgrey's old logs, which it deletes.
postgrey gets a minute to take in up to 100 thousand, and that is scaled; it works on its file, so that this is its memory (the goal).
Printed besides: both at other rates, policyd-spf, and what the generator can do against a server that only answers. Settings by
environment: POSTERN_BENCH_ROUNDS (3), POSTERN_BENCH_SECONDS (a measurement, 4), POSTERN_BENCH_TRIPLETS (10,000,000), TMPDIR (the disk:
postgrey waits for it at every request). Without a policyd/postern-policyd in the build the peers are measured, and the bench ends with
failure."""
import json
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.bench.measure import Series, figure, precise_cpu_seconds, tree  # noqa: E402
from tests.support import namespace  # noqa: E402
from tests.support.name_server import NameServer  # noqa: E402
from tests.support.process import Daemon, connects  # noqa: E402

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
ROUNDS = int(os.environ.get("POSTERN_BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("POSTERN_BENCH_SECONDS", "4"))
TRIPLETS = int(os.environ.get("POSTERN_BENCH_TRIPLETS", "10000000"))
PEER_TRIPLETS, PEER_SECONDS = 100_000, 60
FILLING = {"ours": ("--requests", TRIPLETS), "postgrey": ("--requests", PEER_TRIPLETS, "--seconds", PEER_SECONDS)}
KNOWN = 5000  # triplets that pass
RATES = (100, 1000, 10_000, 50_000)
USER = "daemon"
SENDER_DOMAINS = 200  # of policyd-spf's requests; each has an SPF record


def load(target, *options, seconds=SECONDS, connections=50):
    """One run of the generator; a dict."""
    command = ["chrt", "--reset-on-fork", "--fifo", "1"] if "--rate" in options else []
    command += [str(BUILD / "tests/bench/policy_load"), "--connections", str(connections), *map(str, options)]
    if "--requests" not in options:
        command += ["--seconds", str(seconds), "--warm-up", "0.5"]
    done = subprocess.run(command + target, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


class Server:
    """A server under load; .target is the generator's, .first the number of the next triplet that nobody has asked for."""
    in_memory = True  # it keeps triplets there: its memory grows with them

    def __init__(self, name, directory, user):
        self.name, self.directory, self.first = name, pathlib.Path(directory, name), KNOWN
        self.directory.mkdir()
        shutil.chown(self.directory, user)
        self.socket = self.directory / "policy.sock"
        self.target, self.daemon = [f"unix:{self.socket}"], None
        self.cpu = {}

    def run(self, command):
        self.daemon = Daemon(command, f"{self.directory}.log")
        self.daemon.start(lambda: connects(str(self.socket)), 60)

    def stop(self):
        if self.daemon:
            self.daemon.stop()

    def measured(self, what, *options, **more):
        """A run of the generator, with the server's CPU time of a request in microseconds."""
        pid = self.daemon.process.pid
        before = precise_cpu_seconds(pid)
        result = load(self.target, *options, **more)
        if result["answered"]:
            self.cpu[what] = 1e6 * (precise_cpu_seconds(pid) - before) / result["answered"]
        if result["errors"]:
            raise AssertionError(f"{self.name}, {what}: {result}")
        return result

    def learn(self):
        """Makes the first triplets known: asked for, and again after the delay."""
        for expected in ("DEFER_IF_PERMIT", None):
            answers = self.measured("learning", "--triplets", KNOWN, "--in-turn", "--requests", KNOWN, "--timeout", 300)["answers"]
            if expected and answers != {expected: KNOWN}:
                raise AssertionError(f"{self.name} answers new triplets with {answers}")
            time.sleep(2.5)

    def new(self, *options, **more):
        result = self.measured("new", "--first", self.first, *options, **more)
        self.first += result["answered"]
        if set(result["answers"]) != {"DEFER_IF_PERMIT"}:
            raise AssertionError(f"{self.name} answers new triplets with {result['answers']}")
        return result

    def known(self, *options):
        result = self.measured("known", "--triplets", KNOWN, *options)
        if not set(result["answers"]) <= {"DUNNO", "PREPEND"}:
            raise AssertionError(f"{self.name} answers known triplets with {result['answers']}")
        return result

    def size(self):
        """MB of memory that its processes have for themselves, and MB of its files."""
        memory = 0
        for pid in tree(self.daemon.process.pid):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                memory += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        files = sum(path.stat().st_blocks * 512 for path in self.directory.rglob("*")
                    if path.is_file() and not path.name.startswith("log."))
        return memory / 1024, files / 1024 / 1024


class Ours(Server):
    program = BUILD / "policyd/postern-policyd"

    def __init__(self, directory):
        super().__init__("ours", directory, USER)
        configuration = self.directory / "postern.conf"
        configuration.write_text(self.configuration())
        self.run([str(self.program), "-c", str(configuration)])

    def configuration(self):
        """As postgrey does it: no SPF, which it does not know."""
        return f"""log {{ target = stderr level = warning }}
policyd {{ listen = {{"unix:{self.socket}"}} control = "" metrics = "" reports = "" user = "{USER}" socket_group = ""
  path = "{self.directory}/state/policy.db" checks = {{main}} }}
greylist main {{ delay = 1s spf = no skip_clients = {{}} }}
quota {{ listen = "" script = "" }}
"""


class Postgrey(Server):
    program = pathlib.Path("/usr/sbin/postgrey")
    in_memory = False

    def __init__(self, directory):
        super().__init__("postgrey", directory, "postgrey")
        data = self.directory / "db"
        data.mkdir()
        shutil.chown(data, "postgrey")
        self.run([str(self.program), f"--unix={self.socket}", f"--dbdir={data}", "--delay=1", "--quiet"])


class PolicydSpf:
    program = pathlib.Path("/usr/bin/policyd-spf")
    connections = 4

    def __init__(self):
        self.names = multiprocessing.Process(target=self.serve_names, daemon=True)
        self.names.start()
        self.target = ["--", "setpriv", "--reuid=policyd-spf", "--regid=policyd-spf", "--clear-groups", str(self.program),
                       "/etc/postfix-policyd-spf-python/policyd-spf.conf"]

    @staticmethod
    def serve_names():
        """On the system's port; policyd-spf asks what /etc/resolv.conf names, which is here in this namespace."""
        names = NameServer(port=53)
        for number in range(SENDER_DOMAINS):
            names.records[f"d{number:x}.test", "TXT"] = ["v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"]
        names.thread.join()

    def asked(self, *options, seconds=SECONDS):
        result = load(["--senders", str(SENDER_DOMAINS), "--warm-up", "2", *map(str, options)] + self.target, seconds=seconds,
                      connections=self.connections)
        if result["errors"] or set(result["answers"]) != {"prepend"}:
            raise AssertionError(f"policyd-spf answers {result}")
        return result

    def stop(self):
        self.names.terminate()


def generator(directory):
    """What policy_load reaches against a server that only answers."""
    path = os.path.join(directory, "echo.sock")
    echo = Daemon([str(BUILD / "tests/bench/policy_echo"), path], os.path.join(directory, "echo.log"))
    echo.start(lambda: connects(path))
    try:
        quick, steady = load([f"unix:{path}"]), load([f"unix:{path}"], "--rate", 10_000)
    finally:
        echo.stop()
    print(f"generator against a server that only answers: {quick['rate']:.0f} a second; at 10,000 a second p50 {steady['p50']:.0f} us, "
          f"p99 {steady['p99']:.0f} us (late to send: p99 {steady['late_p99']:.0f} us)", flush=True)


def rounds(servers, spf):
    """Answers a second: {(name, "new" or "known"): Series}."""
    series = {(server.name, kind): Series() for server in servers for kind in ("new", "known")}
    spf_rate = Series()
    for server in servers:
        server.learn()
        server.known()
    for number in range(ROUNDS):
        for server in servers:
            series[server.name, "new"].add(server.new()["rate"])
            series[server.name, "known"].add(server.known()["rate"])
        if spf:
            spf_rate.add(spf.asked()["rate"])
        print(f"round {number + 1}/{ROUNDS}: " + "  ".join(f"{name} {kind} {values.values[-1]:.0f}"
              for (name, kind), values in series.items()) + (f"  policyd-spf {spf_rate.values[-1]:.0f}" if spf else ""), flush=True)
    print("\nanswers a second:")
    for (name, kind), values in series.items():
        cpu = next(server.cpu[kind] for server in servers if server.name == name)
        print(f"  {name + ' ' + kind:16} {values}  CPU {cpu:.1f} us a request")
    if spf:
        print(f"  {'policyd-spf':16} {spf_rate}")
    return series


def latencies(servers, spf, fastest):
    """Prints latencies at fixed rates; returns each greylister's p99 in ms at 10,000 a second, if it can do that."""
    print("\nmicroseconds at a fixed rate, from when each request was due:")
    found = {}
    ways = [(server.name, kind, getattr(server, kind), fastest[server.name, kind]) for server in servers for kind in ("known", "new")]
    ways += [("policyd-spf", "", spf.asked, spf.asked()["rate"])] if spf else []
    for rate in RATES:
        for name, kind, way, most in ways:
            head = f"  {rate:>6} a second  {name + ' ' + kind:14}"
            if rate > 0.9 * most:
                print(f"{head} can't ({most:.0f} a second)", flush=True)
                continue
            result = way("--rate", rate)
            if rate == 10_000:
                found[name] = max(found.get(name, 0), result["p99"] / 1000)
            print(f"{head} p50 {result['p50']:.0f}  p90 {result['p90']:.0f}  p99 {result['p99']:.0f}  p99.9 {result['p999']:.0f}  "
                  f"max {result['max']:.0f}  (late to send: p99 {result['late_p99']:.0f})", flush=True)
    return found


def sizes_for_ten_million(server, *options):
    """(memory, files) in MB for 10 million triplets, from what new ones add."""
    before = server.size()
    began = time.monotonic()
    taken = server.new(*options)["answered"]
    time.sleep(2)
    after = server.size()
    grown = [max(0.0, b - a) * 10_000_000 / taken for a, b in zip(before, after)]
    if not server.in_memory:
        grown[0] = after[0]
    print(f"  {server.name:12} {taken:,} new triplets in {time.monotonic() - began:.0f} s: memory {before[0]:.1f} -> {after[0]:.1f} MB, files "
          f"{before[1]:.1f} -> {after[1]:.1f} MB; for 10 million: memory {grown[0]:.0f} MB, files {grown[1]:.0f} MB", flush=True)
    return grown


def figures(series, p99, sizes):
    for kind in ("new", "known"):
        ours, peer = (series[name, kind].median if (name, kind) in series else None for name in ("ours", "postgrey"))
        if ours is not None:
            figure(f"policy-rate-{kind}", ours, peer, 30 * (peer or 0))
    if "ours" not in sizes:
        return
    figure("policy-p99-10000", p99.get("ours", float("inf")), p99.get("postgrey"), 1)
    memory, files = sizes["ours"]
    peer_memory, peer_files = sizes.get("postgrey", (None, None))
    works_on = None if peer_memory is None else peer_memory + peer_files
    figure("policy-memory", memory, works_on, works_on or 0)
    figure("policy-files", files, peer_files, peer_files or 0)


def main():
    if not namespace.inside():
        os.execvp("unshare", namespace.command([sys.executable, os.path.abspath(__file__)]))
    directory = tempfile.mkdtemp(prefix="postern-bench-")
    os.chmod(directory, 0o755)
    servers, spf = [], None
    try:
        generator(directory)
        for kind in (Ours, Postgrey):
            if kind.program.exists():
                servers.append(kind(directory))
            else:
                print(f"there is no {kind.program}", flush=True)
        spf = PolicydSpf() if PolicydSpf.program.exists() else print(f"there is no {PolicydSpf.program}", flush=True)
        series = rounds(servers, spf)
        p99 = latencies(servers, spf, {key: values.median for key, values in series.items()})
        print("\nwhat triplets take:")
        sizes = {server.name: sizes_for_ten_million(server, *FILLING[server.name]) for server in servers}
    finally:
        for server in servers + ([spf] if spf else []):
            server.stop()
    shutil.rmtree(directory)
    figures(series, p99, sizes)
    if not Ours.program.exists():
        sys.exit("bench policy: there is no postern-policyd in the build to measure")


if __name__ == "__main__":
    main()
