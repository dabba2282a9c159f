"""spamd's protocol at postern-milter: stock spamc with every verb, the same bytes to the real spamd where it is installed, limits,
networks, reload, restart and stop. The rules are a few of the test's own, so that both sides read the same."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import zlib

import pytest

from support.process import Daemon, connects, wait_until

PORT, THEIRS = 7830, 7831
SPAM = b"From: a@example.test\nTo: b@example.test\nSubject: buy pills\nMessage-ID: <s@example.test>\n\nBuy the pills here, only today.\n\n"
HAM = b"From: a@example.test\nX-Spam-Flag: YES\nSubject: lunch\n\nAt noon?\n"
RULES = r"""
loadplugin Mail::SpamAssassin::Plugin::Check
header T_SUBJECT Subject =~ /pills/
describe T_SUBJECT Pills in the subject
score T_SUBJECT 4
body T_BODY /only today/
describe T_BODY A hurry
score T_BODY 2.5
header __T_FROM From =~ /example/
meta T_META __T_FROM && T_BODY
score T_META 0.25
report_hostname mx.example.test
report_safe 0
bayes_auto_learn 0
rewrite_header Subject [SPAM _SCORE_]
add_header all Remote _REMOTEHOSTNAME_ _REMOTEHOSTADDR_
"""
DEFAULTS = "/usr/share/spamassassin/10_default_prefs.cf"
SPAMD = os.environ.get("POSTERN_SPAMD") or shutil.which("spamd") or shutil.which("/usr/sbin/spamd")

pytestmark = pytest.mark.skipif(not os.path.exists(DEFAULTS), reason="SpamAssassin's rules are not installed")
needs_spamc = pytest.mark.skipif(not shutil.which("spamc"), reason="spamc is not installed")


def write_rules(folder, more=""):
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    shutil.copy(DEFAULTS, folder)
    (folder / "20_test.cf").write_text(RULES + more)
    return folder


@pytest.fixture
def rules(milter):
    return write_rules(pathlib.Path(milter.directory, "rules"))


@pytest.fixture
def start(milter, rules):
    """A function that starts the milter with its spamd on a port and a unix socket, and other settings."""
    def begin(**spam):
        milter.archive.start()
        settings = {"rules": str(rules), "site": str(rules / "none"), "cache": "",
                    "spamd_listen": f'{{"127.0.0.1:{PORT}", "unix:{milter.directory}/run/s/spamd.sock"}}', **spam}
        milter.start(spam=settings)
        return milter
    return begin


def ask(data, port=PORT, end=True, address="127.0.0.1", timeout=20):
    """What comes back for these bytes; end: no more follow."""
    with socket.create_connection((address, port), timeout=timeout) as s:
        s.sendall(data)
        if end:
            s.shutdown(socket.SHUT_WR)
        out = b""
        while piece := s.recv(65536):
            out += piece
        return out


def request(verb, message, version="1.5", more=b"", length=None):
    length = len(message) if length is None else length
    return b"%s SPAMC/%s\r\nContent-length: %d\r\n%s\r\n%s" % (verb.encode(), version.encode(), length, more, message)


def spamc(*arguments, message=SPAM, target=("-d", "127.0.0.1", "-p", str(PORT))):
    done = subprocess.run(["spamc", *target, *arguments], input=message, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout


@needs_spamc
def test_spamc_with_every_verb(start):
    milter = start()
    assert spamc("-K") == (0, b"SPAMD/1.5 0\n")
    assert spamc("-c") == (1, b"6.8/5.0\n")
    assert spamc("-c", message=HAM) == (0, b"0.0/5.0\n")
    assert spamc("-y") == (0, b"T_BODY,T_META,T_SUBJECT")
    code, report = spamc("-R")
    assert code == 0 and report.startswith(b"6.8/5.0\n") and b" 2.5 T_BODY                 BODY: A hurry\n" in report
    assert spamc("-r", message=HAM)[1].strip() in (b"", b"0/0", b"0.0/5.0")
    code, headers = spamc("--headers")
    assert code == 0 and headers.endswith(SPAM.partition(b"\n\n")[2]), "the client puts its own body back"
    code, message = spamc("-u", "alice")
    assert code == 0 and message.startswith(b"X-Spam-Checker-Version: SpamAssassin 4.0.1 (2024-03-25) on mx.example.test\n")
    assert b"\nX-Spam-Flag: YES\n" in message and b"\nSubject: [SPAM 6.8] buy pills\n" in message
    assert message.endswith(SPAM.partition(b"\n\n")[2])
    code, message = spamc(message=HAM)
    assert b"X-Spam-Flag" not in message and b"X-Spam-Status: No, score=0.0 required=5.0 tests=none" in message
    compressed = spamc("-z")
    assert compressed[0] == 64 or compressed == spamc(), "a spamc that has zlib"
    assert spamc("-U", f"{milter.directory}/run/s/spamd.sock", "-c", target=()) == (1, b"6.8/5.0\n")
    assert spamc("-L", "spam")[0] == 74, "nothing learns yet: what a spamd without --allow-tell makes of it"
    line = next(line for line in milter.log().splitlines() if "user=alice" in line)
    for part in ("result=spam", "client=127.0.0.1", "method=PROCESS", f"size={len(SPAM)}", "score=6.8", "required=5.0",
                 "tests=T_BODY,T_META,T_SUBJECT"):
        assert part in line, line


REQUESTS = {
    **{f"{verb}-{version}-{kind}": request(verb, message, version)
       for verb in ("CHECK", "SYMBOLS", "REPORT", "REPORT_IFSPAM", "HEADERS", "PROCESS")
       for version in ("1.2", "1.3", "1.5") for kind, message in (("spam", SPAM), ("ham", HAM))},
    **{f"{verb}-old": b"%s SPAMC/1.0\n%s" % (verb.encode(), SPAM) for verb in ("CHECK", "SYMBOLS", "PROCESS", "HEADERS", "REPORT")},
    "crlf": request("PROCESS", SPAM.replace(b"\n", b"\r\n")),
    "no-length": b"CHECK SPAMC/1.5\r\n\r\n" + SPAM,
    "user": request("CHECK", SPAM, more=b"User: alice\r\nX-Unknown: 1\r\n"),
    "user-controls": request("CHECK", SPAM, more=b"User: a\tb\r\n"),
    "zlib": request("SYMBOLS", zlib.compress(SPAM), more=b"Compress: zlib\r\n"),
    "zlib-bad": request("SYMBOLS", SPAM, more=b"Compress: zlib\r\n"),
    "zlib-cut": request("SYMBOLS", zlib.compress(SPAM)[:-5], more=b"Compress: zlib\r\n"),
    "zlib-no-length": b"CHECK SPAMC/1.5\r\nCompress: zlib\r\n\r\n" + zlib.compress(SPAM),
    "gzip": request("CHECK", SPAM, more=b"Compress: gzip\r\n"),
    "too-short": request("CHECK", SPAM, length=len(SPAM) + 1),
    "too-long": request("CHECK", SPAM, length=20),
    "zero": request("CHECK", b""),
    "empty-length": b"CHECK SPAMC/1.5\r\nContent-length: \r\n\r\n",
    "length-letters": b"CHECK SPAMC/1.5\r\nContent-length: 12a\r\n\r\n" + SPAM,
    "no-colon": b"CHECK SPAMC/1.5\r\nContent-length 12\r\n\r\n" + SPAM,
    "bare-lf": b"CHECK SPAMC/1.5\nContent-length: %d\n\n" % len(SPAM) + SPAM,
    "lf-headers": b"CHECK SPAMC/1.5\nContent-length: %d\nUser: x\n\r\n" % len(SPAM) + SPAM,
    "cut-headers": b"CHECK SPAMC/1.5\r\nUser: x\r\n",
    "many-headers": b"CHECK SPAMC/1.5\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    "verb": b"FOO SPAMC/1.5\r\n\r\n",
    "lower": b"check SPAMC/1.5\r\n\r\n",
    "garbage": b"\x00\xff\x01 \r\n",
    "nothing": b"",
    "empty-line": b"\r\n",
    "no-version": b"SYMBOLS SPAMC/\n" + SPAM,
    "word-version": b"SYMBOLS SPAMC/new\n" + SPAM,
    "prefixed": b"xxCHECK SPAMC/1.5\r\nContent-length: 0\r\n\r\n",
    "ping": b"PING SPAMC/1.2\r\n",
    "ping-1.5": b"PING SPAMC/1.5\r\n\r\n",
    "ping-cut": b"PING SPAMC/1.5\r\n",
    "skip": b"SKIP SPAMC/1.2\r\n",
    "skip-1.5": b"SKIP SPAMC/1.5\r\n\r\n",
    "tell": request("TELL", SPAM, more=b"Message-class: spam\r\nSet: local\r\n"),
}


@pytest.mark.skipif(not SPAMD, reason="spamd is not installed (POSTERN_SPAMD may name it)")
def test_replies_are_those_of_spamd(start, rules, tmp_path):
    milter = start()
    tmp_path.chmod(0o755)
    theirs = Daemon(["perl", "-T", SPAMD, "-L", "-x", "-m", "1", "-u", "nobody", "-i", "127.0.0.1", "-p", str(THEIRS), "-C", str(rules),
                     f"--siteconfigpath={rules}/none", "-s", "stderr", "-H", milter.directory], str(tmp_path / "spamd.log"))

    def answers():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", THEIRS)) == 0
    theirs.start(answers)
    try:
        differing = {}
        for name, data in REQUESTS.items():
            ours, wanted = ask(data), ask(data, THEIRS)
            if ours != wanted:
                differing[name] = (ours, wanted)
        for name, (ours, wanted) in differing.items():
            print(name, repr(ours), repr(wanted), sep="\n  ")
        assert not differing
    finally:
        theirs.stop()


def test_limits(start, milter):
    start(spamd_max_size="64K", spamd_timeout="2s", spamd_max_connections="4")
    assert ask(request("CHECK", b"", length=65537), end=False) == b"SPAMD/1.0 69 Service Unavailable: message is over the limit of 65536 bytes\r\n"
    big = b"x" * 70000
    assert b" 69 Service Unavailable: message is over" in ask(b"CHECK SPAMC/1.0\n" + big)
    assert b" 69 Service Unavailable: message is over" in ask(request("CHECK", zlib.compress(b"\0" * (50 << 20)), more=b"Compress: zlib\r\n"))
    assert b"(line too long)" in ask(b"y" * 9000, end=False)
    began = time.monotonic()
    assert ask(b"CHECK SP", end=False) == b"SPAMD/1.0 79 Timeout: (2 second socket timeout reading input from client)\r\n"
    assert ask(request("CHECK", SPAM, length=999), end=False) == b"SPAMD/1.0 79 Timeout: (2 second timeout while trying to CHECK)\r\n"
    assert 3 < time.monotonic() - began < 15
    # With all connections taken by the idle, others wait their turn and get it.
    idle = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(4)]
    assert ask(request("CHECK", SPAM)).startswith(b"SPAMD/1.1 0 EX_OK\r\nSpam: True")
    for s in idle:
        s.close()


def test_only_allowed_networks(start, milter):
    start(spamd_networks="{192.0.2.0/24}")
    with contextlib.suppress(OSError):  # closed, or reset, as the moment has it
        assert ask(b"PING SPAMC/1.2\r\n") == b""
    wait_until(lambda: "is in no network" in milter.log(), what="the line in the log")
    assert "client 127.0.0.1 is in no network of spam.spamd_networks" in milter.log()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{milter.directory}/run/s/spamd.sock")
        s.sendall(b"PING SPAMC/1.2\r\n")
        assert s.recv(100) == b"SPAMD/1.5 0 PONG\r\n"
    milter.write(spam={"spamd_networks": "{127.0.0.1}"})
    assert milter.command("reload")[0]
    assert ask(b"PING SPAMC/1.2\r\n") == b"SPAMD/1.5 0 PONG\r\n"


def test_reload_reads_the_rules_anew(start, milter, rules):
    start()
    assert b"Spam: True ; 6.8 / 5.0" in ask(request("CHECK", SPAM))
    write_rules(rules, "score T_BODY 0.5\n")
    ok, answer = milter.command("reload")
    assert ok, answer
    assert b"Spam: False ; 4.8 / 5.0" in ask(request("CHECK", SPAM))
    milter.write(spam={"rules": "/nonexistent"})
    ok, answer = milter.command("reload")
    assert not ok and "no rule file could be read from /nonexistent" in answer
    assert b"Spam: False ; 4.8 / 5.0" in ask(request("CHECK", SPAM)), "the old rules stay"


def test_restart_and_stop_lose_no_request(start, milter):
    start()
    stop, replies = threading.Event(), []

    def client():
        while not stop.is_set():
            replies.append(ask(request("SYMBOLS", SPAM)))
    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        before = len(replies)
        ok, answer = milter.command("restart")
        assert ok, answer
        wait_until(lambda: connects(milter.control) and len(replies) > before + 20, what="requests after the restart")
    stop.set()
    for thread in threads:
        thread.join()
    # What the new configuration does not name is closed by the new process.
    milter.write(spam={"spamd_listen": f'{{"127.0.0.1:{PORT}"}}'})
    assert milter.command("restart")[0]

    def unix_is_closed():
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(f"{milter.directory}/run/s/spamd.sock") != 0
    wait_until(unix_is_closed, what="the end of the unix socket")
    assert len(replies) > 40 and all(reply.endswith(b"T_BODY,T_META,T_SUBJECT") for reply in replies)
    slow = socket.create_connection(("127.0.0.1", PORT), timeout=20)
    slow.sendall(request("CHECK", SPAM)[:-30])
    time.sleep(0.3)
    assert milter.command("stop")[0]
    time.sleep(0.3)
    slow.sendall(request("CHECK", SPAM)[-30:])
    assert slow.makefile("rb").read().startswith(b"SPAMD/1.1 0 EX_OK\r\nSpam: True")
    slow.close()


def test_metrics(start, milter):
    start()
    ask(request("CHECK", SPAM))
    ask(b"FOO\r\n")
    with socket.create_connection(("127.0.0.1", 9870)) as s:
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = s.makefile("rb").read().decode()
    assert re.search(r'^postern_spamd_requests_total\{result="spam"\} 1$', text, re.M)
    assert re.search(r'^postern_spamd_requests_total\{result="refused"\} 1$', text, re.M)
