"""`postern dnsbl` against lists in a real DNS: what is believed, what is not, and lists that refuse or say nothing."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from support.dns import Dns
from support.postern import program, quote
from conftest import SANITIZER

REFUSING, SILENT = "127.53.9.1", "127.53.9.2"  # name servers of their own
NAMES = "n" * 26 + "7.keyed.test"              # its first label is a customer's key
V6 = "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"

ZONES = {
    "good.test": f"""2.0.0.127 A 127.0.0.2\n2.0.0.127 A 127.0.0.4\n{V6} A 127.0.0.2
9.2.0.192 A 127.0.0.2\n9.2.0.192 A 127.0.0.4\n9.2.0.192 TXT "Spam seen, see https://good.test/?ip=192.0.2.9"
9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 A 127.0.0.3""",
    "names.test": 'test A 127.0.1.2\nspam.example A 127.0.1.2\nspam.example TXT "\\027[31mred\\226\\128\\174" " \\255and\\007 bell"\n'
                  "*.127 A 127.0.1.255",
    "keyed.test": "",
    NAMES: "9.2.0.192 A 127.255.255.254\n2.0.0.127 A 127.255.255.254",
    "ended.test": "* A 192.0.2.80",
    "all.test": "* A 127.0.0.2",
    "one.test": "9.2.0.192 A 127.0.0.1",
}


class Server:
    """A name server on an address of its own that refuses every question, or says nothing."""

    def __init__(self, address, refuse):
        self.asked = 0
        self.refuse = refuse
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                self.asked += 1
                if self.refuse:  # the header and the question, QR and RCODE 5
                    end = 12 + query[12:].index(0) + 5
                    self.socket.sendto(query[:2] + b"\x81\x05\0\1\0\0\0\0\0\0" + query[12:end], peer)
            except OSError:
                return


@pytest.fixture(scope="module")
def dns():
    directory = tempfile.mkdtemp(prefix="pb-", dir="/tmp")
    made = Dns(directory)
    servers = [Server(REFUSING, True), Server(SILENT, False)]
    for name, text in ZONES.items():
        made.zone(name, text, signed=False)
    for name, address in (("refusing.test", REFUSING), ("silent.test", SILENT)):
        made.add(name, "NS", f"ns.{name}").add(f"ns.{name}", "A", address)
    made.servers = servers
    try:
        made.start()
        yield made
    finally:
        made.stop()
        for server in servers:
            server.socket.close()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def dnsbl(dns, tmp_path):
    """dnsbl(ARGUMENT...): exit status, lines of the table as words, the text below it."""
    def run(*arguments, forwarder=dns.resolver, timeout="3s"):
        path = tmp_path / "postern.conf"
        path.write_text("dns {\n" + "".join(f"  {n} = {quote(v)}\n" for n, v in {
            "mode": "forward", "forwarders": [forwarder], "dnssec": "off", "timeout": timeout}.items()) + "}\n")
        done = subprocess.run([program("postern"), "-c", path, "dnsbl", *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env=dict(os.environ, LC_ALL="C.UTF-8"))
        out, error = done.stdout.decode(), done.stderr.decode()
        if os.environ.get("POSTERN_SHOW"):
            print(f"$ postern dnsbl {' '.join(arguments)}\n{out}{error}[{done.returncode}]\n")
        assert not SANITIZER.search(error), error
        table, _, below = out.partition("\n\n")
        return done.returncode, [" ".join(line.split()) for line in table.splitlines()], below, error
    return run


def test_listed(dnsbl):
    code, table, below, error = dnsbl("192.0.2.9", "good.test", "names.test")
    assert (code, error) == (1, "")
    assert table == ["LIST ANSWER CODES", "good.test listed 127.0.0.2 127.0.0.4", "names.test not listed"]
    assert below == "good.test: Spam seen, see https://good.test/?ip=192.0.2.9\n"
    assert dnsbl("::ffff:192.0.2.9", "good.test")[:2] == (code, table[:2])
    assert dnsbl("2001:db8::9", "good.test")[:2] == (1, ["LIST ANSWER CODES", "good.test listed 127.0.0.3"])
    assert dnsbl("192.0.2.8", "good.test") == (0, ["LIST ANSWER CODES", "good.test not listed"], "", "")


def test_codes_and_notation(dnsbl):
    assert dnsbl("192.0.2.9", "good.test=127.0.0.[3;4]*2,")[1][1:] == ["good.test listed 127.0.0.4"]
    assert dnsbl("192.0.2.9", "good.test=127.0.0.[&4]", "good.test=127.0.0.9")[1][1:] == ["good.test listed 127.0.0.4"]
    code, table, below, _ = dnsbl("192.0.2.9", "good.test=127.0.0.9")
    assert (code, table[1]) == (3, "good.test failed 127.0.0.2 127.0.0.4")
    assert below.startswith("good.test: answers 127.0.0.2, which is none of the return codes")


def test_domains_and_hostile_reasons(dnsbl):
    code, table, below, _ = dnsbl("Spam.Example.", "names.test", "good.test")
    assert (code, table[1:]) == (1, ["names.test listed 127.0.1.2", "good.test not listed"])
    assert below == "names.test: ?[31mred? ?and? bell\n"


def test_what_is_not_believed(dnsbl):
    code, table, below, error = dnsbl("192.0.2.9", NAMES, "ended.test", "one.test", "names.test")
    assert (code, error) == (3, "")
    assert table[1:] == ["keyed.test failed 127.255.255.254", "ended.test failed 192.0.2.80", "one.test failed 127.0.0.1",
                         "names.test not listed"]
    assert "keyed.test: refuses our resolver (127.255.255.254): public resolvers are not served" in below
    assert "ended.test: answers 192.0.2.80, which no list does" in below
    assert "one.test: refuses our resolver (127.0.0.1)" in below
    assert NAMES not in below
    assert dnsbl("192.0.2.9", "ended.test", "good.test")[0] == 1  # listed by one, whatever the other


def test_refused_and_silent(dns, dnsbl):
    begun = time.monotonic()
    code, table, below, _ = dnsbl("192.0.2.9", "refusing.test", "silent.test", "good.test", timeout="2s")
    assert code == 1
    assert table[1:] == ["refusing.test failed", "silent.test failed", "good.test listed 127.0.0.2 127.0.0.4"]
    assert "refusing.test: does not answer (SERVFAIL)" in below  # what the resolver makes of it
    # Unbound gives up for good, by SERVFAIL, when the server was silent before; else our own time ends first.
    assert "silent.test: does not answer (no answer in time)" in below or "silent.test: does not answer (SERVFAIL)" in below
    assert time.monotonic() - begun < 6
    assert all(server.asked > 0 for server in dns.servers)


def test_the_resolver_refuses(dnsbl):
    code, table, below, _ = dnsbl("192.0.2.9", "good.test", forwarder=REFUSING)
    assert (code, table[1]) == (3, "good.test failed")
    assert below.startswith("good.test: does not answer (")
    code, table, below, _ = dnsbl("192.0.2.9", "good.test", forwarder=SILENT, timeout="500ms")
    assert (code, table[1]) == (3, "good.test failed")
    assert "(no answer in time)" in below


def test_not_asked(dnsbl):
    for subject in ("10.0.0.1", "127.0.0.2", "fe80::1", "mailhost", "printer.local"):
        code, table, below, _ = dnsbl(subject, "good.test", "all.test", forwarder=SILENT)
        assert (code, table[1:]) == (3, ["good.test not asked", "all.test not asked"])
        assert below in (f"{subject}: the {kind} is not of the public Internet\n" for kind in ("address", "name"))


def test_check(dnsbl):
    code, table, below, error = dnsbl("--check", "good.test", "names.test=127.0.1.[2..99]")
    assert (code, below, error) == (0, "", "")
    assert table == ["LIST IPV4 IPV6 DOMAINS", "good.test works works -", "names.test failed - works"]
    code, table, below, _ = dnsbl("--check", "good.test", "all.test", "ended.test", NAMES, "none.test", "refusing.test")
    assert code == 1
    assert table[1:] == ["good.test works works -", "all.test lists all lists all lists all", "ended.test failed failed failed",
                         "keyed.test failed - -", "none.test - - -", "refusing.test failed failed failed"]
    assert [line.split(":")[0] for line in below.splitlines()] == ["all.test", "ended.test", "keyed.test", "none.test",
                                                                           "refusing.test"]
    assert "all.test: lists what no list may have" in below and "none.test: has none of the test entries" in below


def test_called_wrongly(dnsbl):
    for arguments, text in (((), "usage: postern dnsbl"), (("192.0.2.9",), "name at least one list"), (("--check",), "usage"),
                            (("192.0.2.9", "a..test"), "DNS list \"a..test\": a list begins with its domain name"),
                            (("192.0.2.9", "a.test=127.0.0.300"), "after = stand return codes"),
                            (("a..b", "good.test"), "\"a..b\" is neither an address nor a domain name")):
        code, table, _, error = dnsbl(*arguments)
        assert (code, table) == (2, []) and text in error, (arguments, error)
