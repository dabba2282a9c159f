"""The resolver against real name servers: every mode and way of treating DNSSEC, servers that strip it, die and come back."""
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from support.dns import Dns, Stripper
from support.process import read_text, wait_until
from conftest import SANITIZER

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build")) / "tests/support/dns_ask"
LONG = "v=DKIM1; k=rsa; p=" + "Aa1+/" * 160 + "; n=\"quoted\\ and; more\""


@pytest.fixture(scope="module")
def dns():
    directory = tempfile.mkdtemp(prefix="pd-", dir="/tmp")
    made = Dns(directory)
    made.zone("plain.test", signed=False).zone("bogus.test", broken=True).zone("10.in-addr.arpa", signed=False)
    for name in ("a.test", "a.plain.test", "a.bogus.test"):
        made.add(name, "A", "192.0.2.1")
    made.add("a.test", "AAAA", "2001:db8::1").add("a.test", "MX", "10 Mail.Test").add("a.test", "MX", "20 b.plain.test")
    made.add("dkim._domainkey.test", "TXT", LONG).add("w.test", "CNAME", "a.test").add("x.test", "CNAME", "a.plain.test")
    made.add("1.0.0.10.in-addr.arpa", "PTR", "a.test").add("nowhere.test", "CNAME", "none.test")
    for i in range(40):
        made.add(f"n{i}.test", "A", f"192.0.2.{i}")
    try:
        made.start()
        yield made
    finally:
        made.stop()
        if os.environ.get("POSTERN_KEEP"):
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


class Asker:
    """A dns_ask with settings."""

    def __init__(self, log_path, *arguments):
        self.log_path = log_path
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            text=True)
        self.started = self.process.stdout.readline().strip()

    def __call__(self, name, kind="A"):
        self.process.stdin.write(f"{name} {kind}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def log(self):
        return read_text(self.log_path)

    def close(self):
        self.process.stdin.close()
        return self.process.wait(30)


@pytest.fixture
def asker(dns, tmp_path):
    """asker(mode="forward", dnssec="auto", forwarder=..): a running resolver with the tests' trust anchor and root."""
    made = []

    def make(**settings):
        arguments = {"trust_anchor": dns.anchor, "root_hints": dns.hints, "timeout_ms": 4000, "check_ms": 200, **settings}
        asker = Asker(tmp_path / f"ask-{len(made)}.log", *(f"{k}={v}" for k, v in arguments.items()))
        assert asker.started == "ready"
        made.append(asker)
        return asker

    yield make
    for asker in made:
        assert asker.close() == 0, asker.log()
        found = SANITIZER.search(asker.log())
        assert not found, asker.log()[found.start():]


SECURE, INSECURE = ("found", True, False), ("found", False, False)
FAILED, BOGUS = ("failed", False, False), ("failed", False, True)

# Through which server, how: what becomes of a name in the signed, the unsigned and the broken zone.
EXPECTED = [
    ("resolver", "auto", SECURE, INSECURE, BOGUS),
    ("resolver", "strict", SECURE, INSECURE, BOGUS),
    ("resolver", "off", INSECURE, INSECURE, FAILED),
    ("careless", "auto", SECURE, INSECURE, BOGUS),
    ("careless", "strict", SECURE, INSECURE, BOGUS),
    ("careless", "off", INSECURE, INSECURE, INSECURE),
    ("stripping", "auto", INSECURE, INSECURE, FAILED),
    ("stripping", "strict", BOGUS, BOGUS, FAILED),  # the server itself refuses the last
    ("stripping", "off", INSECURE, INSECURE, FAILED),
    ("recursive", "auto", SECURE, INSECURE, BOGUS),
    ("recursive", "strict", SECURE, INSECURE, BOGUS),
    ("recursive", "off", INSECURE, INSECURE, INSECURE),
    ("system", "auto", SECURE, INSECURE, BOGUS),
]


@pytest.mark.parametrize("server, dnssec, signed, unsigned, broken", EXPECTED)
def test_dnssec(dns, asker, tmp_path, server, dnssec, signed, unsigned, broken):
    if server == "recursive":
        ask = asker(mode="recursive", dnssec=dnssec)
    elif server == "system":
        (tmp_path / "resolv.conf").write_text(f"search test\nnameserver {dns.resolver}\n")
        ask = asker(mode="system", resolv_conf=tmp_path / "resolv.conf", dnssec=dnssec)
    else:
        ask = asker(mode="forward", forwarder=getattr(dns, server), dnssec=dnssec)
    for name, expected in (("a.test", signed), ("a.plain.test", unsigned), ("a.bogus.test", broken)):
        answer = ask(name)
        assert (answer["outcome"], answer["secure"], answer["bogus"]) == expected, answer
        assert answer["records"] == ([[0, "192.0.2.1"]] if expected[0] == "found" else [])
        assert (answer["why"] is None) == (expected[0] == "found")
    warnings = ask.log().count("level=warning")
    assert warnings == (1 if (server, dnssec) == ("stripping", "auto") else 0), ask.log()


@pytest.mark.parametrize("mode", ["forward", "recursive"])
def test_records(dns, asker, mode):
    ask = asker(mode=mode, forwarder=dns.resolver)
    assert ask("A.Test.", "AAAA")["records"] == [[0, "2001:db8::1"]]
    assert sorted(ask("a.test", "MX")["records"]) == [[10, "mail.test"], [20, "b.plain.test"]]
    assert ask("dkim._domainkey.test", "TXT")["records"] == [[0, LONG]]
    assert ask("test", "NS")["records"] == [[0, "ns.test"]]
    assert ask("1.0.0.10.in-addr.arpa", "PTR")["records"] == [[0, "a.test"]]
    alias = ask("w.test")
    assert (alias["outcome"], alias["secure"], alias["records"]) == ("found", True, [[0, "192.0.2.1"]])
    assert ask("x.test")["secure"] is False  # an alias out of the signed zone
    for name, kind, outcome, secure in (("none.test", "A", "no_name", True), ("a.test", "TXT", "no_data", True),
                                        ("none.plain.test", "A", "no_name", False), ("a.plain.test", "TXT", "no_data", False),
                                        ("nowhere.test", "A", "no_name", True), ("none", "MX", "no_name", True)):
        answer = ask(name, kind)
        assert (answer["outcome"], answer["secure"], answer["records"]) == (outcome, secure, []), answer
        assert answer["ttl"] <= 60


def test_signatures_come_and_go(dns, asker):
    """A forwarder that begins to strip, and one that stops: noticed without a restart, one line of log each time."""
    names = (f"n{i}.test" for i in range(40))
    dns.stripper.strip = False
    try:
        ask = asker(mode="forward", forwarder=dns.stripping)
        assert ask(next(names))["secure"]
        time.sleep(0.3)  # what was found at the start counts for check_ms
        dns.stripper.strip = True
        answer = ask(next(names))
        assert (answer["outcome"], answer["secure"]) == ("found", False)
        wait_until(lambda: "strips DNSSEC" in ask.log())
        dns.stripper.strip = False
        wait_until(lambda: ask(next(names))["secure"], timeout=15, every=0.5)
        assert ask.log().count("level=warning") == 1
        assert "are validated" in ask.log()
        assert ask("a.bogus.test")["bogus"]
    finally:
        dns.stripper.strip = True


def test_one_of_two_forwarders_strips(dns, tmp_path):
    ask = Asker(tmp_path / "log", "mode=forward", f"forwarder={dns.resolver}", f"forwarder={dns.stripping}",
                f"trust_anchor={dns.anchor}")
    assert all(ask(f"n{i}.test")["outcome"] == "found" for i in range(10))
    assert "strips DNSSEC" in ask.log()
    assert ask.close() == 0


def test_server_dead_and_back(dns, asker):
    ask = asker(mode="forward", forwarder=dns.resolver, timeout_ms=1000)
    assert ask("n1.test")["secure"]
    dns.stop_resolvers()
    try:
        for i in range(2, 6):
            answer = ask(f"n{i}.test")
            assert (answer["outcome"], answer["bogus"]) == ("failed", False)
            assert answer["seconds"] < 1.5
        assert ask("n1.test")["outcome"] == "found"  # cached
    finally:
        dns.start_resolvers()
    wait_until(lambda: ask("n7.test")["secure"], timeout=15)


def test_server_silent_and_back(dns, asker):
    """The server is there but says nothing (stopped): each lookup ends by its own deadline, and all is well soon after."""
    ask = asker(mode="forward", forwarder=dns.resolver, timeout_ms=700)
    assert ask("n1.test")["secure"]
    dns.unbounds[0].signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        for i in range(10, 16):
            answer = ask(f"n{i}.test")
            assert answer["outcome"] == "failed" and answer["seconds"] < 1.5, answer
        assert time.monotonic() - begun > 0.7
    finally:
        dns.unbounds[0].signal(signal.SIGCONT)
    wait_until(lambda: ask("n16.test")["secure"], timeout=15)


def test_started_before_the_server(dns, asker):
    dns.stop_resolvers()
    try:
        ask = asker(mode="forward", forwarder=dns.resolver, timeout_ms=1000)
        assert ask("n1.test")["outcome"] == "failed"
    finally:
        dns.start_resolvers()
    wait_until(lambda: ask("n2.test")["secure"], timeout=15)


def test_resolv_conf_changes(dns, asker, tmp_path):
    """From a server that strips to one that doesn't, then to another such while the one before is silent."""
    path = tmp_path / "resolv.conf"
    path.write_text(f"nameserver {dns.stripping}\n")
    ask = asker(mode="system", resolv_conf=path)

    def change(server):
        (tmp_path / "new").write_text(f"nameserver {server}\n")
        os.rename(tmp_path / "new", path)
        wait_until(lambda: f"name servers: {server}" in ask.log())

    assert ask("n1.test")["secure"] is False
    change(dns.resolver)
    wait_until(lambda: ask("n2.test")["secure"])
    change(dns.careless)
    dns.unbounds[0].signal(signal.SIGSTOP)
    try:
        assert ask("n3.test")["secure"]
    finally:
        dns.unbounds[0].signal(signal.SIGCONT)


def test_hosts_file_is_not_read(dns, asker, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.99 none.test a.test\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)  # in the tests' own mount namespace
    try:
        ask = asker(mode="forward", forwarder=dns.resolver)
        assert ask("none.test")["outcome"] == "no_name"
        assert ask("a.test")["records"] == [[0, "192.0.2.1"]]
    finally:
        subprocess.run(["umount", "/etc/hosts"], check=True)


def own_address(address):
    """Gives the loopback device another address (SIOCSIFADDR)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8916, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address)))


def test_recursive_does_not_ask_this_machine(dns, tmp_path):
    """Name servers on loopback that the public root names are not asked; those from a root that the settings name are."""
    own_address("198.41.0.4")  # a.root-servers.net
    root = Stripper("198.41.0.4", dns.authority)
    root.start()
    (tmp_path / "hints").write_text(". 3600000 NS a.root.\na.root. 3600000 A 198.41.0.4\n")
    try:
        outcomes = []
        for more in ([], [f"root_hints={tmp_path / 'hints'}"]):
            ask = Asker(tmp_path / "log", "mode=recursive", "dnssec=off", "timeout_ms=4000", *more)
            outcomes.append(ask("a.plain.test")["outcome"])
            assert ask.close() == 0
        assert outcomes == ["failed", "found"]
    finally:
        root.stop()


def test_records_change(dns, asker):
    """What other tests do: add, restart."""
    dns.add("fresh.test", "TXT", b"\x00\xff\"\\;").add("a.bogus.test", "TXT", "x")
    dns.restart()
    ask = asker(mode="forward", forwarder=dns.forwarders[0])
    answer = ask("fresh.test", "TXT")
    assert (answer["secure"], answer["records"]) == (True, [[0, "\x00\xff\"\\;"]])
    assert ask("a.bogus.test", "TXT")["bogus"]
    dns.remove("fresh.test").restart()
    assert asker(mode="forward", forwarder=dns.resolver)("fresh.test", "TXT")["outcome"] == "no_name"
