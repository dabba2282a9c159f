"""postern-milter alone: a milter client that plays Postfix, and a stand-in for the archive. No Postfix, no Dovecot."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from support.accounts import Accounts
from support.fake_archived import FakeArchived
from support.milterclient import ALL_STEPS, LEADSPC, SILENT, MilterClient, MilterError
from support.process import Daemon, alive, connects, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build")) / "milters/postern-milter"
MESSAGE = b"From: a@elsewhere.test\r\nMessage-ID: <m1@elsewhere.test>\r\nSubject: folded\r\n\tonce\r\n\r\nHello\r\n.dot\r\n"


class Milter:
    """A directory with a configuration, one postern-milter and one fake archive."""

    def __init__(self, directory):
        self.directory = directory
        os.chmod(directory, 0o755)
        self.socket, self.control = f"{directory}/run/m/milter.sock", f"{directory}/run/c/milter.control"
        self.spool = pathlib.Path(directory, "spool/inbound")
        self.archive = FakeArchived(f"{directory}/archived.sock")
        self.config = f"{directory}/postern.conf"
        self.sections = {"log": {"target": "stderr"},
                         "milter": {"instance": "inbound", "listen": f"unix:{self.socket}", "socket_group": "nogroup",
                                    "socket_mode": "0666", "control": f"unix:{self.control}", "metrics": "inet:9870@127.0.0.1",
                                    "user": "nobody"},
                         "archive": {"connect": f"unix:{directory}/archived.sock", "spool": f"{directory}/spool",
                                     "timeout": "1s", "drain_interval": "200ms", "spool_min_free": "0"}}
        self.daemon = Daemon([str(PROGRAM), "-c", self.config], f"{directory}/milter.log")

    def write(self, **sections):
        for name, values in sections.items():
            self.sections.setdefault(name, {}).update(values)
        with open(self.config, "w", encoding="utf-8") as f:
            for name, values in self.sections.items():
                f.write(name + " {\n" + "".join(f"  {k} = {self.quote(v)}\n" for k, v in values.items()) + "}\n")

    @staticmethod
    def quote(value):
        return value if value.startswith("{") else f'"{value}"'

    def start(self, **sections):
        self.write(**sections)
        self.daemon.start(lambda: connects(self.socket) and connects(self.control))
        return self

    def client(self, **options):
        return MilterClient(self.socket, **options)

    def send(self, content=MESSAGE, **options):
        """One message in a session of its own."""
        client = self.client()
        answer = client.connect().helo().message(content, **options)
        client.quit()
        return answer

    def command(self, line, timeout=40):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            text = s.makefile().readline().strip()
        word, _, rest = text.partition(" ")
        return word == "OK", rest

    def status(self):
        ok, text = self.command("status")
        assert ok
        return {k: v for k, _, v in (pair.partition("=") for pair in text.split())}

    def log(self):
        return self.daemon.log()

    def eom_lines(self):
        return [line for line in self.log().splitlines() if re.search(r"(event=|\s)eom\s", line)]

    def spooled(self):
        return sorted(p.name for p in self.spool.glob("*.rec")) if self.spool.is_dir() else []


@pytest.fixture
def milter():
    directory = tempfile.mkdtemp(prefix="pm-", dir="/tmp")
    milter = Milter(directory)
    try:
        yield milter
    finally:
        milter.daemon.stop()
        for pid in successors(milter):
            os.kill(pid, signal.SIGKILL)
        milter.archive.stop()
        if os.environ.get("POSTERN_KEEP"):
            print(milter.log())
        shutil.rmtree(directory, ignore_errors=True)


def successors(milter):
    """Pids of all our program's processes with this test's configuration."""
    pids = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                command = pathlib.Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if milter.config.encode() in command and command[0].endswith(b"postern-milter"):
                pids.append(int(entry))
    return pids


# ---- one message ----

def test_message_is_archived_as_received(milter):
    milter.archive.start()
    milter.start()
    client = milter.client(macros={"daemon_name": "mx.test", "daemon_port": "25", "tls_version": "TLSv1.3"})
    answer = client.connect().helo("helo.test").message(MESSAGE, recipients=["x@y.test", "hidden@y.test"], queue_id="3Q1")
    assert answer.accepted and not answer.edits
    client.quit()
    (record,) = milter.archive.stored()
    assert record["message"] == MESSAGE
    assert [r["original"] for r in record["recipients"]] == ["x@y.test", "hidden@y.test"]
    assert {r["expansion"] for r in record["recipients"]} == {"not_configured"}
    expected = {"instance": "inbound", "client_name": "client.test", "client_address": "192.0.2.7", "helo": "helo.test",
                "queue_id": "3Q1", "mail_from": "a@elsewhere.test", "source": "smtp", "auth_user": "", "protocol": "ESMTPS"}
    assert {k: record[k] for k in expected} == expected
    (line,) = milter.eom_lines()
    for part in ("queue_id=3Q1", "message_id=", "verdict=accept", "archive=stored", "archive_id=r00001", "rcpts=2",
                 f"size={len(MESSAGE)}", "archive_ms="):
        assert part in line, line


def test_only_what_is_needed_is_negotiated(milter):
    milter.archive.start()
    milter.start()
    client = milter.client()
    silent = sum(SILENT[s] for s in "CHMRLB")
    assert client.steps == silent | LEADSPC | 0x40 | 0x100 | 0x200  # no end of header, unknown command, DATA
    assert client.wanted_macros.keys() == {"C", "M", "E"} and client.wanted_macros["E"] == ["i"]
    client.quit()


@pytest.mark.parametrize("version, actions, steps", [(6, 0x1FF, ALL_STEPS), (6, 0x1FF, ALL_STEPS & ~LEADSPC), (4, 0x3F, 0x3FF),
                                                    (3, 0x1F, 0x1FF), (2, 0x3F, 0x7F)])
def test_older_mtas(milter, version, actions, steps):
    milter.archive.start()
    milter.start()
    client = milter.client(version=version, actions=actions, steps=steps)
    assert client.connect().helo().message(MESSAGE, queue_id="OLD").accepted
    client.quit()
    (record,) = milter.archive.stored()
    assert record["message"] == MESSAGE and record["queue_id"] == "OLD"


def test_several_messages_and_aborts_in_one_session(milter):
    milter.archive.start()
    milter.start()
    client = milter.client().connect().helo()
    for stop in "RLBE":
        client.message(MESSAGE, stop=stop)
        client.abort()
        assert client.message(MESSAGE, queue_id=f"after-{stop}").accepted
    client.quit()
    assert [r["queue_id"] for r in milter.archive.stored()] == ["after-R", "after-L", "after-B", "after-E"]
    assert len({r["transaction"] for r in milter.archive.stored()}) == 4
    wait_until(lambda: milter.status()["sessions"] == "0", what="the end of all sessions")
    assert milter.status()["transactions"] == "0"


@pytest.mark.parametrize("address, port, macros, source", [("127.0.0.1", 0, {}, "local"), (None, 0, {}, "local"),
                                                         ("::1", 0, {}, "local"), ("127.0.0.1", 5, {}, "smtp"),
                                                         ("2001:db8::1", 5, {"daemon_port": "587"}, "submission"),
                                                         ("192.0.2.1", 5, {"auth_authen": "alice"}, "submission")])
def test_sources(milter, address, port, macros, source):
    milter.archive.start()
    milter.start()
    client = milter.client(macros=macros).connect(address=address, port=port).helo()
    assert client.message(MESSAGE).accepted
    client.quit()
    assert milter.archive.stored()[0]["source"] == source


def test_large_and_odd_messages(milter):
    milter.archive.start()
    milter.start(archive={"timeout": "20s"})
    long_field = b"X-Long: " + b"y" * 102000  # above libmilter's own limit of 64 KiB
    odd = [b"A: b\r\n\r\n" + b"0123456789abcde\n" * 600000, long_field + b"\r\n\r\nbody", b"\r\nno header",
           b"A:\r\nB: \xff\xfe\r\n\r\n\0nul\0", b"Only: header\r\n\r\n"]
    client = milter.client().connect().helo()
    for content in odd:
        assert client.message(content).accepted
    client.quit()
    assert [r["message"] for r in milter.archive.stored()] == odd


def test_caps(milter):
    milter.archive.start()
    milter.start(milter={"max_message": "64K"})
    client = milter.client().connect().helo()
    answer = client.message(b"A: b\r\n\r\n" + b"x" * 70000)
    assert answer.code == 552 and "5.3.4" in answer.text and "ref" in answer.text
    answer = client.message(MESSAGE, recipients=[f"u{i}@y.test" for i in range(10001)])
    assert answer.code == 452 and "4.5.3" in answer.text
    assert client.message(MESSAGE, recipients=[f"u{i}@y.test" for i in range(10000)]).accepted
    client.quit()
    assert len(milter.archive.stored()) == 1


def test_too_many_sessions_are_turned_away(milter):
    milter.archive.start()
    milter.start(milter={"sessions": "3"})
    wait_until(lambda: milter.status()["sessions"] == "0")
    clients = [milter.client().connect() for _ in range(3)]
    with pytest.raises(MilterError):
        milter.client()
    clients.pop().quit()
    wait_until(lambda: milter.status()["sessions"] == "2")
    assert milter.send().accepted
    for client in clients:
        client.quit()


# ---- envelope tag ----

def test_delivered_mail_is_not_tagged_unless_wanted(milter):
    milter.archive.start()
    milter.start()
    assert milter.send(recipients=["to@y.test", "bcc@y.test"]).edits == []
    milter.write(envelope={"tag_delivered": "yes"})
    ok, text = milter.command("reload")
    assert ok, text
    answer = milter.send(b"X-Envelope-To: forged@y.test\r\n" + MESSAGE, recipients=["to@y.test", "bcc@y.test"])
    assert answer.edits == [("m", b"\0\0\0\1X-Envelope-To\0\0"), ("h", b"X-Envelope-To\0 to@y.test,\n\tbcc@y.test\0")]  # the space is ours to send, with LEADSPC
    record = milter.archive.stored()[-1]
    assert record["message"].startswith(b"X-Envelope-To: forged")  # as received; the edits are beside it
    assert [(kind, name) for kind, _, name, _ in record["edits"]] == [(3, "X-Envelope-To"), (0, "X-Envelope-To")]


# ---- mailboxes ----

def test_recipients_are_expanded_at_receipt(milter):
    accounts = Accounts(f"{milter.directory}/accounts")
    milter.archive.start()
    milter.start(accounts={"driver": "sqlite", "path": accounts.database})
    assert milter.send(recipients=["sales@example.test", "Alice+x@Example.test", "who@elsewhere.test"]).accepted
    sales, alice, other = milter.archive.stored()[0]["recipients"]
    assert sales["mailboxes"] == ["bob@example.test", "carol@example.test"] and sales["expansion"] == "expanded"
    assert alice == {"original": "Alice+x@Example.test", "expansion": "expanded", "mailboxes": ["alice@example.test"]}
    assert other["mailboxes"] == ["who@elsewhere.test"]


def test_accounts_away_holds_nothing_up_and_is_marked(milter):
    accounts = Accounts(f"{milter.directory}/accounts")
    os.rename(accounts.database, accounts.database + ".away")
    milter.archive.start()
    milter.start(accounts={"driver": "sqlite", "path": accounts.database, "retry": "1s"})
    began = time.monotonic()
    assert milter.send(recipients=["sales@example.test", "alice@example.test"]).accepted
    assert time.monotonic() - began < 4
    assert {r["expansion"] for r in milter.archive.stored()[0]["recipients"]} == {"pending"}
    assert "rcpts_pending=2" in milter.eom_lines()[-1] and "accounts" in milter.log()
    os.rename(accounts.database + ".away", accounts.database)
    wait_until(lambda: milter.send(recipients=["sales@example.test"]).accepted
               and milter.archive.stored()[-1]["recipients"][0]["expansion"] == "expanded", 10, "expansion again", every=0.3)


# ---- the archive is away ----

def test_spooled_while_the_archive_is_away_then_drained_in_order(milter):
    milter.start()
    for i in range(5):
        assert milter.send(queue_id=f"q{i}").accepted
    assert len(milter.spooled()) == 5 and milter.status()["spool_records"] == "5"
    assert all("archive=spooled" in line for line in milter.eom_lines())
    milter.archive.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    assert [r["queue_id"] for r in milter.archive.stored()] == [f"q{i}" for i in range(5)]
    assert milter.send(queue_id="q5").accepted
    assert milter.archive.stored()[-1]["queue_id"] == "q5" and not milter.spooled()


def test_spool_survives_a_kill(milter):
    milter.start()
    assert milter.send(queue_id="kept").accepted
    milter.daemon.kill()
    milter.archive.start()
    milter.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain after a restart")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["kept"]


def test_lost_replies_make_no_second_record(milter):
    milter.archive.behave = lambda n, record: "store-drop" if n % 2 == 0 else "store"
    milter.archive.start()
    milter.start()
    for i in range(6):
        assert milter.send(queue_id=f"q{i}").accepted
    assert [r["queue_id"] for r in milter.archive.stored()] == [f"q{i}" for i in range(6)]
    assert milter.spooled() == []


def test_archive_that_hangs_costs_one_timeout(milter):
    milter.archive.behave = lambda n, record: "hang"
    milter.archive.start()
    milter.start()
    began = time.monotonic()
    for _ in range(5):
        assert milter.send().accepted
    assert time.monotonic() - began < 4  # 1 s for the first; the others go straight to the spool
    assert len(milter.spooled()) == 5


def test_full_archive_spools_and_full_spool_tempfails(milter):
    milter.archive.behave = lambda n, record: "full"
    milter.archive.start()
    milter.start(milter={"max_message": "1M"}, archive={"spool_max": "1M"})
    big = MESSAGE + b"x" * 400000
    assert milter.send(big).accepted and milter.send(big).accepted
    answer = milter.send(big)
    assert answer.code == 451 and "4.3.0" in answer.text
    ref = re.search(r"ref ([0-9a-f]{12})", answer.text).group(1)
    (line,) = [line for line in milter.eom_lines() if ref in line]
    assert "verdict=tempfail" in line and "archive=failed" in line and "full" in line
    milter.archive.behave = lambda n, record: "store"
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    assert len(milter.archive.stored()) == 2


def test_unwritable_spool_tempfails(milter):
    milter.start()
    shutil.rmtree(milter.spool)
    answer = milter.send()
    assert answer.code == 451
    assert "archive=failed" in milter.eom_lines()[-1]


def test_refused_records(milter):
    """What the archive will never take: refused at once while it is there, moved aside when it was spooled."""
    milter.start()
    assert milter.send(queue_id="bad").accepted and milter.send(queue_id="good").accepted
    milter.archive.behave = lambda n, record: "bad" if record["queue_id"] == "bad" else "store"
    milter.archive.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["good"]
    assert len(list(milter.spool.glob("refused/*.rec"))) == 1
    assert "refused/" in milter.log()
    answer = milter.send(queue_id="bad")
    assert answer.code == 451 and milter.spooled() == []


def test_one_failing_record_does_not_hold_up_the_others(milter):
    milter.start()
    assert milter.send(queue_id="stuck").accepted and milter.send(queue_id="fine").accepted
    milter.archive.behave = lambda n, record: "full" if record["queue_id"] == "stuck" else "store"
    milter.archive.start()
    wait_until(lambda: len(milter.spooled()) == 1, 20, "the drain of the other")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["fine"]


# ---- reload, stop, signals ----

def test_bad_configuration_keeps_the_old_one(milter):
    milter.archive.start()
    milter.start()
    with open(milter.config, "a", encoding="utf-8") as f:
        f.write("milter { nonsense = 1 }\n")
    ok, text = milter.command("reload")
    assert not ok and "old configuration stays" in text and milter.config in text
    assert milter.send().accepted
    milter.write(milter={"max_message": "64K", "metrics": "inet:9999@127.0.0.1"})
    ok, text = milter.command("reload")
    assert ok and "milter.metrics takes effect only when" in text
    assert milter.send(MESSAGE + b"x" * 70000).code == 552


def test_open_sessions_keep_the_configuration_they_began_with(milter):
    milter.archive.start()
    milter.start()
    client = milter.client().connect().helo()
    milter.write(milter={"max_message": "64K"})
    assert milter.command("reload")[0]
    assert client.message(MESSAGE + b"x" * 70000).accepted
    client.quit()
    assert milter.send(MESSAGE + b"x" * 70000).code == 552


def test_check_option(milter):
    milter.write()
    assert subprocess.run([PROGRAM, "-c", milter.config, "--check"], check=False, capture_output=True).returncode == 0
    milter.write(milter={"sessions": "many"})
    done = subprocess.run([PROGRAM, "-c", milter.config, "--check"], check=False, capture_output=True, text=True)
    assert done.returncode == 1 and milter.config in done.stderr
    assert subprocess.run([PROGRAM, "--nonsense"], check=False, capture_output=True).returncode == 2


def test_sighup_is_harmless_and_sigterm_lets_sessions_end(milter):
    milter.archive.start()
    milter.start()
    client, idle = milter.client().connect().helo(), milter.client().connect().helo()
    assert idle.message(MESSAGE).accepted
    client.message(MESSAGE, stop="E")
    for _ in range(20):
        milter.daemon.signal(signal.SIGHUP)
    wait_until(lambda: "reload" in milter.log(), what="the log line about SIGHUP")
    assert milter.send().accepted
    milter.daemon.signal(signal.SIGTERM)
    wait_until(lambda: not connects(milter.socket), what="the end of accepting")
    time.sleep(0.5)
    assert milter.daemon.running()
    assert client.end_of_message().accepted and idle.message(MESSAGE).accepted
    client.quit()
    idle.close()
    assert milter.daemon.process.wait(10) == 0
    assert len(milter.archive.stored()) == 4


def test_sigterm_is_bounded(milter):
    milter.archive.start()
    milter.start(milter={"drain_time": "1s"})
    client, idle = milter.client().connect().helo(), milter.client().connect().helo()
    client.message(MESSAGE, stop="E")
    began = time.monotonic()
    assert milter.daemon.stop() == 0
    assert 0.9 < time.monotonic() - began < 5
    with pytest.raises(MilterError):
        client.end_of_message()
    assert milter.archive.stored() == []
    idle.close()


def test_no_take_over_while_ending(milter):
    milter.start()
    client = milter.client().connect()
    assert milter.command("stop")[0]
    wait_until(lambda: not connects(milter.socket), what="the end of accepting")
    ok, text = milter.command("restart")
    assert not ok and "ending" in text
    client.quit()
    assert milter.daemon.process.wait(10) == 0


def test_second_signal_ends_at_once(milter):
    milter.start()
    client = milter.client().connect()
    milter.daemon.signal(signal.SIGTERM)
    wait_until(lambda: not connects(milter.socket), what="the end of accepting")
    milter.daemon.signal(signal.SIGTERM)
    assert milter.daemon.process.wait(3) == 0
    client.close()


def test_killed_at_any_step_nothing_is_acknowledged(milter):
    milter.archive.start()
    milter.start()
    for stop in "MRLBE":
        client = milter.client().connect().helo()
        client.message(MESSAGE, stop=stop)
        milter.daemon.kill()
        with pytest.raises(MilterError):
            client.end_of_message()
        milter.start()
        assert milter.send(queue_id=stop).accepted
    assert [r["queue_id"] for r in milter.archive.stored()] == list("MRLBE")


STAGES = ["connect", "helo", "mail", "rcpt", "header", "body", "eom-before-archive", "eom-after-archive", "eom-before-reply"]


@pytest.mark.skipif(PROGRAM.exists() and b"POSTERN_TEST_KILL_FLAG" not in PROGRAM.read_bytes(),
                    reason="postern-milter was built without -Dtest_hooks=true")
@pytest.mark.parametrize("stage", STAGES)
def test_killed_by_its_own_hook(milter, stage):
    milter.archive.start()
    # A place of its own for the flag, which the milter's user has to write.
    flag = f"{milter.directory}/run/c/killed"
    milter.daemon.environment.update(POSTERN_TEST_KILL=stage, POSTERN_TEST_KILL_FLAG=flag)
    milter.start()
    client = milter.client()
    with pytest.raises(MilterError):
        client.connect().helo().message(MESSAGE, queue_id="first try")
    assert milter.daemon.process.wait(10) == -signal.SIGKILL and os.path.exists(flag)
    milter.start()
    assert milter.send(queue_id="retry").accepted
    durable = stage in ("eom-after-archive", "eom-before-reply")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["first try"] * durable + ["retry"]


# ---- take-over restarts ----

class Load:
    """Clients that send without a pause; every failure is kept."""

    def __init__(self, milter, clients, per_session):
        self.milter, self.per_session = milter, per_session
        self.stop, self.failures, self.sent, self.lock = threading.Event(), [], [], threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(clients)]

    def run(self, number):
        serial = 0
        while not self.stop.is_set():
            try:
                client = self.milter.client().connect().helo()
                for _ in range(self.per_session):
                    serial += 1
                    queue_id = f"c{number}m{serial}"
                    answer = client.message(MESSAGE, queue_id=queue_id)
                    with self.lock:
                        (self.sent if answer.accepted else self.failures).append(queue_id)
                client.quit()
            except MilterError as e:
                with self.lock:
                    self.failures.append(str(e))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def check(self):
        assert self.failures == []
        assert len(self.sent) > 0
        stored = [r["queue_id"] for r in self.milter.archive.stored()]
        assert sorted(stored) == sorted(self.sent)


def test_twenty_restarts_under_load_fail_no_session(milter):
    milter.archive.start()
    milter.start()
    with Load(milter, clients=8, per_session=3) as load:
        for i in range(20):
            ok, text = milter.command("restart")
            assert ok, f"restart {i}: {text}\n{milter.log()[-3000:]}"
            time.sleep(0.1)
    load.check()
    wait_until(lambda: len(successors(milter)) == 1, 30, "the end of the older processes")
    assert connects(("127.0.0.1", 9870))
    wait_until(lambda: milter.status()["sessions"] == "0", what="the end of all sessions")


def test_old_process_stays_for_its_sessions_only(milter):
    milter.archive.start()
    milter.start()
    first = milter.daemon.process.pid
    client = milter.client().connect().helo()
    assert milter.command("restart")[0]
    assert milter.send(queue_id="new").accepted
    time.sleep(1)
    assert alive(first)
    assert client.message(MESSAGE, queue_id="old").accepted
    client.quit()
    wait_until(lambda: not alive(first), 10, "the end of the old process")
    assert {r["queue_id"] for r in milter.archive.stored()} == {"old", "new"}


def test_spool_is_drained_by_the_new_process(milter):
    milter.start()
    client = milter.client().connect().helo()
    assert client.message(MESSAGE, queue_id="before").accepted
    assert milter.command("restart")[0]
    assert client.message(MESSAGE, queue_id="by the old one").accepted
    assert milter.send(queue_id="by the new one").accepted
    assert len(milter.spooled()) == 3
    milter.archive.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    client.quit()
    assert len(milter.archive.stored()) == 3


def test_restart_with_a_bad_configuration_changes_nothing(milter):
    milter.archive.start()
    milter.start()
    first = milter.daemon.process.pid
    with open(milter.config, "a", encoding="utf-8") as f:
        f.write("milter { nonsense = 1 }\n")
    ok, text = milter.command("restart")
    assert not ok and "old one goes on" in text
    assert milter.send().accepted and successors(milter) == [first]
    milter.write()
    assert milter.command("restart")[0]
    assert milter.send().accepted


def test_fresh_process_takes_the_path_and_the_old_one_is_told_to_stop(milter):
    """Without the control socket: start another one, then SIGTERM the old."""
    milter.archive.start()
    milter.start()
    with Load(milter, clients=4, per_session=1) as load:
        for _ in range(5):
            old, inode = milter.daemon, os.stat(milter.socket).st_ino
            milter.daemon = Daemon(old.command, old.log_path)
            milter.daemon.start(lambda: os.stat(milter.socket).st_ino != inode)
            time.sleep(0.3)
            assert old.stop() == 0
    load.check()


def test_socket_from_the_service_manager(milter):
    milter.archive.start()
    path = f"{milter.directory}/activated.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(16)
    milter.write(milter={"listen": "systemd:milter"})
    # As systemd does: the descriptor as number 3, and LISTEN_PID the pid of the program itself.
    script = ("import os, sys; os.dup2(int(sys.argv[1]), 3); "
              "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='milter', LISTEN_PID=str(os.getpid())); "
              "os.execv(sys.argv[2], sys.argv[2:])")
    command = [sys.executable, "-c", script, str(listener.fileno()), *milter.daemon.command]
    milter.daemon = Daemon(command, milter.daemon.log_path)
    milter.daemon.start(lambda: connects(milter.control), pass_fds=[listener.fileno()])
    milter.socket = path
    assert milter.send(queue_id="one").accepted
    assert milter.command("restart")[0]
    assert milter.send(queue_id="two").accepted
    listener.close()
    assert [r["queue_id"] for r in milter.archive.stored()] == ["one", "two"]


def test_socket_directory_and_mode_for_postfix(milter):
    milter.start(milter={"socket_mode": "0660"})
    directory, sock = os.stat(os.path.dirname(milter.socket)), os.stat(milter.socket)
    assert directory.st_mode & 0o7777 == 0o750 and sock.st_mode & 0o7777 == 0o660
    assert directory.st_gid == sock.st_gid == 65534
