#!/usr/bin/python3
"""bench auth: CPU per message for verifying DKIM and for signing, beside Debian's OpenDKIM.

Both are whole milter processes that one client, which writes as Postfix does, brings the same real mail (POSTERN_CORPUS)
over their milter sockets: one message a session, bodies of about 2 kB and 10 kB, rounds interleaved and warmed up. To verify,
both ask the same name server (Debian's unbound with the keys, on loopback) by libunbound: ours keeps its cache, while OpenDKIM
of Debian 12 makes a new context, so an empty cache, for each message. Counted is all CPU time of each milter's processes; not
that of the client and the name server. The messages to verify were signed with RSA-2048 by a third (dkimpy). Neither logs to
a syslog: OpenDKIM says nothing, postern-milter writes its line a message to a file.

Checked: every message to verify came out as dkim=pass, and every signature made by one is verified by the other.

auth-verify, auth-sign: ms of CPU a message, the mean of both sizes; goal: the peer's. Printed besides: a milter that does
nothing (what the protocol costs), all checks (SPF, DKIM, DMARC, ARC), and signing with RSA and Ed25519.
Settings by environment: POSTERN_BENCH_MESSAGES (of each size, round and kind, 200), POSTERN_BENCH_ROUNDS (7)."""
import os
import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.bench import auth_mail  # noqa: E402
from tests.bench.measure import Series, figure, precise_cpu_seconds  # noqa: E402
from tests.support import namespace  # noqa: E402
from tests.support.process import Daemon, connects  # noqa: E402

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
MESSAGES = int(os.environ.get("POSTERN_BENCH_MESSAGES", "200"))
ROUNDS = int(os.environ.get("POSTERN_BENCH_ROUNDS", "7"))
OUTSIDE, INSIDE = "192.0.2.7", "127.0.0.1"  # the client's address: mail to verify, mail to sign
WARM_UP = 20
VERIFYING = ("null", "verify", "verify-peer", "verify-all")
SIGNING = ("sign", "sign-peer", "sign-both")
USER = "daemon"  # the account that the daemons change to


class Bench:
    def __init__(self, directory):
        self.directory = directory
        os.chmod(directory, 0o755)
        self.keys = auth_mail.Keys(directory)
        self.name_server = auth_mail.NameServer(directory, self.keys)
        self.daemons = {}
        for kind in VERIFYING + SIGNING:
            os.mkdir(f"{directory}/{kind}")
            shutil.chown(f"{directory}/{kind}", USER)

    def socket(self, kind):
        return f"{self.directory}/{kind}/milter.sock"

    def start(self):
        self.name_server.start()
        self.daemon("null", [str(BUILD / "tests/bench/null_milter"), f"unix:{self.socket('null')}"])
        self.postern("verify", "auth", "auth { checks = {dkim} authserv_id = \"mx.bench.example\" }")
        self.postern("verify-all", "auth", "auth { authserv_id = \"mx.bench.example\" }")
        self.postern("sign", "sign", self.key_directory("sign", "rsa"))
        self.postern("sign-both", "sign", self.key_directory("sign-both", "rsa", "ed25519"))
        self.opendkim("verify-peer", f"Mode v\nAuthservID mx.bench.example\nNameservers 127.0.0.1\n"
                      f"ResolverConfiguration {self.resolver_file()}\n")
        self.opendkim("sign-peer", f"Mode s\nDomain {auth_mail.DOMAIN}\nSelector {auth_mail.SELECTORS['rsa']}\n"
                      f"KeyFile {self.keys.files['rsa']}\nRequireSafeKeys no\nCanonicalization relaxed/relaxed\n"
                      "OversignHeaders From\n")

    def key_directory(self, kind, *keys):
        """Ours: keys in a directory."""
        path = pathlib.Path(self.directory, kind, "dkim", auth_mail.DOMAIN)
        path.mkdir(parents=True)
        for key in keys:
            copy = path / f"{auth_mail.SELECTORS[key]}.pem"
            shutil.copy(self.keys.files[key], copy)
            os.chmod(copy, 0o600)
        for one in (path.parent, path, *path.iterdir()):
            shutil.chown(one, USER)
        return f'sign {{ directory = "{path.parent}" }}'

    def postern(self, kind, module, section):
        config = f"{self.directory}/{kind}/postern.conf"
        with open(config, "w", encoding="ascii") as f:
            f.write(f"""log {{ target = stderr }}
milter {{ listen = "unix:{self.socket(kind)}" control = "unix:{self.directory}/{kind}/control" metrics = "" user = "{USER}"
  socket_group = "{USER}" modules = {{{module}}} }}
dns {{ mode = forward forwarders = {{127.0.0.1}} dnssec = off }}
{section}
""")
        self.daemon(kind, [str(BUILD / "milters/postern-milter"), "-c", config])

    def resolver_file(self):
        """For OpenDKIM's libunbound: asking a server on this machine, and DNSSEC off as in ours."""
        path = f"{self.directory}/resolver.conf"
        with open(path, "w", encoding="ascii") as f:
            f.write('server:\n  do-not-query-localhost: no\n  module-config: "iterator"\n')
        return path

    def opendkim(self, kind, settings):
        config = f"{self.directory}/{kind}/opendkim.conf"
        with open(config, "w", encoding="ascii") as f:
            f.write(f"Syslog no\nUserID {USER}\nUMask 000\nSocket local:{self.socket(kind)}\n{settings}")
        self.daemon(kind, ["opendkim", "-f", "-x", config])

    def daemon(self, kind, command):
        self.daemons[kind] = Daemon(command, f"{self.directory}/{kind}/log")
        self.daemons[kind].start(lambda: os.path.exists(self.socket(kind)) and connects(self.socket(kind)))

    def stop(self):
        for daemon in self.daemons.values():
            daemon.stop()
        self.name_server.stop()

    def cpu(self, kind):
        return precise_cpu_seconds(self.daemons[kind].process.pid)

    def send(self, kind, messages):
        """Milliseconds of CPU a message, and for each message the fields that were inserted."""
        client = INSIDE if kind in SIGNING else OUTSIDE
        for message in messages[:WARM_UP]:
            auth_mail.transaction(self.socket(kind), client, message)
        time.sleep(0.05)  # the last session's end
        before = self.cpu(kind)
        found = [auth_mail.transaction(self.socket(kind), client, message) for message in messages]
        time.sleep(0.05)
        return 1000 * (self.cpu(kind) - before) / len(messages), found


def named(inserted, name):
    return [field for field in inserted if field.lower().startswith(name + b":")]


def passes(inserted):
    return any(b"dkim=pass" in field for field in named(inserted, b"authentication-results"))


class Checks:
    """How many of the messages came out as they had to."""

    def __init__(self, bench):
        self.bench, self.good, self.bad = bench, {}, {}

    def note(self, kind, good):
        for count, flag in ((self.good, good), (self.bad, not good)):
            count[kind] = count.get(kind, 0) + flag

    def verified(self, kind, results):
        for inserted in results:
            self.note(kind, passes(inserted))

    def signed(self, kind, messages, results):
        """What one has signed the other verifies; of two signatures also the second must be there."""
        judge = "verify" if kind == "sign-peer" else "verify-peer"
        for message, inserted in zip(messages, results):
            signatures = named(inserted, b"dkim-signature")
            good = len(signatures) == (2 if kind == "sign-both" else 1) and passes(
                auth_mail.transaction(self.bench.socket(judge), OUTSIDE, b"".join(signatures) + message))
            self.note(kind, good)


def rounds(bench, plain, signed, checks):
    """Series by (kind, size)."""
    series = {(kind, size): Series() for kind in VERIFYING + SIGNING for size in auth_mail.SIZES}
    for number in range(ROUNDS):
        results = []
        for size in auth_mail.SIZES:
            for kind in VERIFYING + SIGNING:
                messages = (plain if kind in SIGNING else signed)[size]
                cpu, found = bench.send(kind, messages)
                series[kind, size].add(cpu)
                results.append((kind, messages, found))
        for kind, messages, found in results:
            if kind in SIGNING:
                checks.signed(kind, messages, found)
            elif kind != "null":
                checks.verified(kind, found)
        print(f"round {number + 1}/{ROUNDS}: " + "  ".join(
            f"{kind} " + "/".join(f"{series[kind, size].values[-1]:.3f}" for size in auth_mail.SIZES)
            for kind in VERIFYING + SIGNING), flush=True)
    return series


def main():
    if not namespace.inside():
        os.execvp("unshare", namespace.command([sys.executable, os.path.abspath(__file__)]))
    directory = tempfile.mkdtemp(prefix="postern-bench-")
    bench = Bench(directory)
    checks = Checks(bench)
    plain = {size: auth_mail.messages(size, MESSAGES) for size in auth_mail.SIZES}
    signed = {size: [auth_mail.signed(m, bench.keys.files["rsa"]) for m in plain[size]] for size in plain}
    try:
        bench.start()
        series = rounds(bench, plain, signed, checks)
    finally:
        bench.stop()
    print(f"\nCPU in ms a message ({MESSAGES} messages of each size a round):")
    for (kind, size), values in series.items():
        print(f"  {kind:12} {size:>5}  {values}")
    for kind in checks.good:
        print(f"  {kind:12} {checks.good[kind]} of {checks.good[kind] + checks.bad[kind]} "
              + ("verified by the other" if kind in SIGNING else "verified as pass"))
    if any(checks.bad.values()):
        sys.exit("a message was not verified: the figures do not count")
    shutil.rmtree(directory)
    for name in ("verify", "sign"):
        ours, peer = (sum(series[kind, size].median for size in auth_mail.SIZES) / len(auth_mail.SIZES)
                      for kind in (name, f"{name}-peer"))
        figure(f"auth-{name}", ours, peer, peer)


if __name__ == "__main__":
    main()
