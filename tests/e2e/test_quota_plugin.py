"""postern_quota in a real Dovecot, 2.3 or 2.4: what it tells and when, and that mail does not wait or fail for it."""
import os
import re
import shutil
import socket
import tempfile
import threading
import time

import pytest

from support.accounts import address
from support.dovecot import version
from support.process import wait_until
from support.quota_plugin import MEBIBYTE, SETTLE, STORES, QuotaDovecot, append, expunge_all, message

TROUBLE = re.compile(r"Panic|Fatal|killed with signal|[Ll]eak|Raw backtrace|BUG|postern_quota.*(?:Error|Warning)|Error: .*quota")
AT_ONCE = 2  # seconds: far more than anything here takes, far less than any time-out


@pytest.fixture
def make():
    """A function that starts a Dovecot with the plugin: make(store=..., roots=..., thresholds=..., delay=...)."""
    made = []

    def start(**options):
        directory = tempfile.mkdtemp(prefix="pq-", dir="/tmp")
        server = QuotaDovecot(directory, **options)
        made.append(server)
        return server.__enter__()

    yield start
    for server in made:
        server.__exit__()
        shutil.rmtree(server.directory, ignore_errors=True)


@pytest.fixture(scope="module")
def shared():
    directory = tempfile.mkdtemp(prefix="pq-", dir="/tmp")
    with QuotaDovecot(directory) as server:
        yield server
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def server(shared):
    """A Dovecot with default settings; its mailboxes are empty, and afterwards its log has no complaint."""
    shared.server.clear()
    shared.sink.drain()
    begin = len(shared.log())
    yield shared
    check_log(shared, begin)


def check_log(server, begin=0, but=r"(?!)"):
    lines = [line for line in server.log()[begin:].splitlines() if TROUBLE.search(line) and not re.search(but, line)]
    assert not lines, "\n".join(lines)


def warnings(server):
    return [line for line in server.log().splitlines() if "postern_quota: no event could be sent" in line]


# What is told.

@pytest.mark.parametrize("store", STORES)
def test_the_life_of_a_mailbox(make, store):
    """Every way in and out, one after another, in each format of mailboxes."""
    server = make(store=store)
    before = time.time() * 1000
    assert server.lmtp(850_000)[0] == 250
    event, = server.sink.expect("over")
    assert before - 1 <= event.pop("time") <= time.time() * 1000 + 1
    used = event["storage"]["used"]
    assert 849_000 < used < 852_000
    assert event == {"v": 1, "event": "over", "user": address("alice"), "root": "User quota", "resource": "storage",
                     "threshold": 80, "storage": {"before": 0, "used": used, "limit": MEBIBYTE},
                     "messages": {"before": 0, "used": 1, "limit": 0}, "refused": 0, "size": 0, "service": "lmtp", "cause": "save"}
    client = server.imap()
    assert append(client, 160_000)[0] == "OK"
    event, = server.sink.expect("over")
    assert (event["threshold"], event["service"], event["cause"]) == (95, "imap", "save")
    assert event["storage"]["before"] == used and event["messages"] == {"before": 1, "used": 2, "limit": 0}
    client.create("Other")
    assert client.uid("MOVE", "1", "Other")[0] == "OK"
    server.sink.none()
    assert append(client, 100_000)[0] == "NO"
    assert server.sink.expect("rejected")[0]["cause"] == "save"
    client.select("INBOX")
    expunge_all(client)
    event, = server.sink.expect("under")
    assert (event["threshold"], event["resource"], event["cause"]) == (95, "storage", "expunge")
    client.select("Other")
    expunge_all(client)
    event, = server.sink.expect("under")
    assert event["threshold"] == 80 and event["storage"]["used"] == 0 and event["messages"]["used"] == 0
    client.logout()
    check_log(server)
    for datagram in server.sink.raw:
        assert len(datagram) < 4096 and datagram.endswith(b"}\n")


@pytest.mark.parametrize("driver", ["maildir"] + (["dict"] if version() < (2, 4) else []))  # 2.4 has no dict
def test_other_drivers(make, driver):
    server = make(driver=driver)
    assert server.lmtp(880_000)[0] == 250  # these count a line's end as one byte
    event, = server.sink.expect("over")
    assert event["storage"]["before"] == 0 and event["messages"] == {"before": 0, "used": 1, "limit": 0}
    client = server.imap()
    if version() < (2, 4):  # 2.4.1's driver maildir takes what is moved for gone, also without us
        client.create("Other")
        assert client.uid("MOVE", "1", "Other")[0] == "OK"
        server.sink.none()
        client.select("Other")
    assert append(client, 300_000)[0] == "NO"
    server.sink.expect("rejected")
    expunge_all(client)
    assert server.sink.expect("under")[0]["storage"]["used"] == 0
    check_log(server)


def test_two_thresholds_at_once_are_one_event(server):
    client = server.imap()
    assert append(client, 97 * MEBIBYTE // 100)[0] == "OK"
    assert server.sink.expect("over")[0]["threshold"] == 95
    expunge_all(client)
    assert server.sink.expect("under")[0]["threshold"] == 80


def test_doveadm_expunge(server):
    server.fill(85)
    server.server.doveadm("expunge", "-u", address("alice"), "mailbox", "INBOX", "all")
    event, = server.sink.expect("under")
    assert (event["service"], event["threshold"], event["messages"]["used"]) == ("doveadm", 80, 0)


def test_copy_and_deleted_folder(server):
    server.fill(45)
    client = server.imap()
    client.create("Copies")
    assert client.copy("1", "Copies")[0] == "OK"
    event, = server.sink.expect("over")
    assert (event["threshold"], event["cause"]) == (80, "copy")
    assert client.delete("Copies")[0] == "OK"
    assert server.sink.expect("under")[0]["threshold"] == 80


def test_move_of_much_mail_tells_nothing(server):
    """While it lasts, a MOVE may hold everything twice."""
    client = server.imap()
    for _ in range(10):
        append(client, 85 * MEBIBYTE // 1000)
    server.sink.drain()
    client.create("Other")
    client.select("INBOX")
    assert client.uid("MOVE", "1:*", "Other")[0] == "OK"
    server.sink.none()
    client.select("Other")
    assert client.uid("MOVE", "1:*", "INBOX")[0] == "OK"
    client.logout()
    server.sink.none()


def test_dsync_tells_nothing(server):
    """What it brings, the replica has told."""
    server.fill(85)
    copy = f"maildir:{server.directory}/mail/example.test/copy"
    server.server.doveadm("backup", "-u", address("alice"), copy)
    server.server.doveadm("backup", "-R", "-u", address("bob"), copy)
    assert len(server.server.doveadm("search", "-u", address("bob"), "all").splitlines()) == 1
    server.sink.none()
    server.server.doveadm("expunge", "-u", address("bob"), "mailbox", "INBOX", "all")
    assert server.sink.expect("under")[0]["user"] == address("bob")


# Refusals.

def test_refused_append(server):
    server.fill(70)
    client = server.imap()
    for size in (400_000, 500_000):
        status, text = append(client, size)
        assert status == "NO" and "[OVERQUOTA]" in text
    event, = server.sink.expect("rejected")
    assert (event["resource"], event["threshold"], event["refused"]) == ("storage", 0, 2)
    assert len(message(500_000)) == event["size"]
    assert event["storage"]["before"] == event["storage"]["used"] < MEBIBYTE == event["storage"]["limit"]


def test_refused_copy(server):
    server.fill(70)
    client = server.imap()
    client.create("Copies")
    status, data = client.copy("1", "Copies")
    assert status == "NO" and b"[OVERQUOTA]" in data[0]
    event, = server.sink.expect("rejected")
    assert (event["cause"], event["refused"]) == ("copy", 1)
    assert abs(event["size"] - 70 * MEBIBYTE // 100) < 1000


def test_refused_delivery(server):
    server.fill(70)
    code, text = server.lmtp(400_000)
    assert code == 552 and text.startswith(b"5.2.2")
    event, = server.sink.expect("rejected")
    assert (event["service"], event["cause"], event["refused"], event["resource"]) == ("lmtp", "save", 1, "storage")
    assert abs(event["size"] - 400_000) < 1000


def test_messages(make):
    """A limit of messages, and a mailbox that is full to the brim, which LMTP says at RCPT."""
    server = make(roots=[("User quota", {"messages": 10})])
    client = server.imap()
    for _ in range(10):
        assert append(client, 500)[0] == "OK"
        time.sleep(0.3)
    first, second = server.sink.expect("over", "over")
    assert (first["threshold"], second["threshold"]) == (80, 100)
    assert first["resource"] == "messages" and first["messages"] == {"before": 7, "used": 8, "limit": 10}
    assert first["storage"]["limit"] == 0
    assert append(client, 500)[0] == "NO"
    event, = server.sink.expect("rejected")
    assert (event["resource"], event["messages"]["used"]) == ("messages", 10)
    code, text = server.lmtp(500)
    assert code == 552 and text.startswith(b"5.2.2")
    event, = server.sink.expect("rejected")
    assert (event["resource"], event["service"], event["cause"], event["size"]) == ("messages", "lmtp", "rcpt", 0)
    expunge_all(client)
    assert server.sink.expect("under")[0]["threshold"] == 80
    check_log(server)


if version() >= (2, 4):  # 2.3 has no limit for one folder
    def test_a_full_folder(make):
        """No root is full by its numbers; the event names the folder's roots all the same."""
        server = make(more="quota_mailbox_message_count = 2\n")
        client = server.imap()
        assert [append(client, 500)[0] for _ in range(3)] == ["OK", "OK", "NO"]
        event, = server.sink.expect("rejected")
        assert (event["root"], event["resource"], event["messages"]["used"]) == ("User quota", "storage", 2)
        check_log(server)


# How changes come together.

def test_a_batch_is_one_event(server):
    client = server.imap()
    for _ in range(200):
        assert append(client, 4_400)[0] == "OK"
    event, = server.sink.expect("over")
    assert event["threshold"] == 80
    expunge_all(client)
    server.sink.expect("under")


def test_up_and_down_within_the_delay(make):
    server = make(delay="20 s")
    client = server.imap()
    assert append(client, 900_000)[0] == "OK"
    client.noop()
    expunge_all(client)
    server.sink.none()
    client.logout()
    server.sink.none()
    client = server.imap()
    assert append(client, 900_000)[0] == "OK"
    server.sink.none()
    client.logout()  # the end of a session does not wait for the delay
    server.sink.expect("over")
    check_log(server)


def test_a_slow_upload(server):
    """The look waits for the end of a change that takes longer than the delay, and knows the usage from before it."""
    server.fill(10)
    client = server.imap()
    text = message(850_000)
    client.send(b"a1 APPEND INBOX {%d}\r\n" % len(text))
    assert client.readline().startswith(b"+")
    for at in range(0, len(text), 300_000):
        client.send(text[at:at + 300_000])
        time.sleep(2 * SETTLE / 3)
    assert not server.sink.events
    client.send(b"\r\n")
    while not (line := client.readline()).startswith(b"a1 "):
        pass
    assert line.startswith(b"a1 OK")
    event, = server.sink.expect("over")
    assert event["messages"] == {"before": 1, "used": 2, "limit": 0}
    client.shutdown()


def test_a_client_that_goes_away(server):
    """An APPEND that never ends changes nothing, and is nothing to tell."""
    server.fill(10)
    client = server.imap()
    client.send(b"a1 APPEND INBOX {850000}\r\n")
    assert client.readline().startswith(b"+")
    client.send(message(400_000))
    client.shutdown()
    server.sink.none()


def test_four_sessions_at_once(server):
    """Each session may see the crossing, so the daemon may hear of it four times, but of nothing else."""
    server.fill(78)
    clients = [server.imap() for _ in range(4)]
    start = threading.Barrier(4)

    def save(client):
        start.wait()
        for _ in range(5):
            assert append(client, 5_000)[0] == "OK"

    threads = [threading.Thread(target=save, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = server.sink.drain()
    assert 1 <= len(events) <= 4
    assert {(e["event"], e["resource"], e["threshold"]) for e in events} == {("over", "storage", 80)}
    for client in clients:
        client.logout()
    server.sink.none()


# More than one root.

def test_two_roots(make):
    server = make(roots=[("User quota", {"storage": "1M"}), ("Second quota", {"messages": 5, "storage": "2M"})])
    client = server.imap()
    assert append(client, 850_000)[0] == "OK"
    event, = server.sink.expect("over")
    assert (event["root"], event["storage"]["limit"]) == ("User quota", MEBIBYTE)
    for _ in range(3):
        assert append(client, 500)[0] == "OK"
    event, = server.sink.expect("over")
    assert (event["root"], event["resource"], event["threshold"]) == ("Second quota", "messages", 80)
    assert event["storage"]["limit"] == 2 * MEBIBYTE and event["messages"] == {"before": event["messages"]["before"], "used": 4, "limit": 5}
    assert append(client, 300_000)[0] == "NO"
    assert server.sink.expect("rejected")[0]["root"] == "User quota"
    assert append(client, 500)[0] == "OK"
    server.sink.expect("over")
    assert append(client, 500)[0] == "NO"
    event, = server.sink.expect("rejected")
    assert (event["root"], event["resource"]) == ("Second quota", "messages")
    expunge_all(client)
    events = server.sink.expect("under", "under")
    assert {(e["root"], e["resource"]) for e in events} == {("User quota", "storage"), ("Second quota", "messages")}
    check_log(server)


def test_a_root_of_one_namespace(make):
    server = make(archive=("Archive quota", {"storage": "200k"}))
    client = server.imap()
    assert append(client, 180_000)[0] == "OK"
    server.sink.none()
    client.create("Archive/2026")
    assert append(client, 180_000, "Archive/2026")[0] == "OK"
    event, = server.sink.expect("over")
    assert (event["root"], event["storage"]["limit"], event["threshold"]) == ("Archive quota", 200 * 1024, 80)
    assert append(client, 180_000, "Archive/2026")[0] == "NO"
    assert server.sink.expect("rejected")[0]["root"] == "Archive quota"
    client.select("INBOX")
    assert append(client, 1_000_000)[0] == "NO"
    assert server.sink.expect("rejected")[0]["root"] == "User quota"
    # out of the one root, but still in the other
    client.select("Archive/2026")
    assert client.uid("MOVE", "1", "INBOX")[0] == "OK"
    event, = server.sink.expect("under")
    assert (event["root"], event["storage"]["used"]) == ("Archive quota", 0)
    check_log(server)


# The daemon is away or stuck: mail goes on as ever.

def append_at_once(client, size):
    """APPEND, and another command after the plugin's look, which also reads the usage and sends."""
    begin = time.monotonic()
    assert append(client, size)[0] == "OK"
    time.sleep(SETTLE)
    begin += SETTLE
    client.noop()
    assert time.monotonic() - begin < AT_ONCE


def test_no_daemon(make):
    server = make(listen=False)
    client = server.imap()
    for _ in range(3):
        append_at_once(client, 900_000)
        expunge_all(client)
        time.sleep(SETTLE)
    line, = warnings(server)
    assert f"Warning: postern_quota: no event could be sent to {server.socket}: No such file or directory;" in line
    server.listen()
    append_at_once(client, 900_000)
    server.sink.expect("over")
    assert f"postern_quota: events are taken again by {server.socket}; 6 were lost" in server.log()
    # a daemon that comes and goes is not told of each time
    server.sink.close()
    expunge_all(client)
    time.sleep(SETTLE)
    client.noop()
    assert len(warnings(server)) == 1
    # but another process tells it
    assert server.lmtp(900_000)[0] == 250
    wait_until(lambda: len(warnings(server)) == 2, 5, "a second warning")
    assert "Connection refused" in warnings(server)[1]
    check_log(server)


def test_a_daemon_that_hangs(make):
    server = make(listen=False)
    server.listen(read=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                filler.sendto(b"x" * 100, server.socket)
    client = server.imap()
    append_at_once(client, 900_000)
    begin = time.monotonic()
    assert server.lmtp(200_000)[0] == 552
    assert time.monotonic() - begin < AT_ONCE
    assert "it is full: the daemon does not read" in warnings(server)[0]
    check_log(server)


def test_a_socket_of_another_kind(make):
    server = make(listen=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.bind(server.socket)
        os.chmod(server.socket, 0o666)
        stream.listen()
        append_at_once(server.imap(), 900_000)
    assert "Protocol wrong type for socket" in warnings(server)[0]


# Settings.

def errors(server):
    return [line.split("Error: ", 1)[1] for line in server.log().splitlines() if "Error: postern_quota: " in line]


def test_wrong_settings(make):
    """They are errors in the log that name the setting; the defaults are used, and mail is read and delivered as ever."""
    server = make(thresholds="80 many", delay="soon")
    client = server.imap()
    assert append(client, 850_000)[0] == "OK"
    assert server.sink.expect("over")[0]["threshold"] == 80
    assert errors(server) == ['postern_quota: postern_quota_thresholds: "many" is no whole number from 1 to 150; using 80 95 100',
                              'postern_quota: postern_quota_delay: "soon" is no time such as "250 ms"; using 250 ms']
    assert server.lmtp(150_000)[0] == 250
    assert server.sink.expect("over")[0]["threshold"] == 95


@pytest.mark.parametrize("thresholds, error", [
    ("95 80", "80 comes after 95: thresholds must rise"),
    ("1 2 3 4 5 6 7 8 9", "more than 8 thresholds"),
    (",", "no threshold"),
])
def test_wrong_thresholds(make, thresholds, error):
    server = make(thresholds=thresholds)
    append(server.imap(), 850_000)
    assert server.sink.expect("over")[0]["threshold"] == 80
    assert errors(server) == [f"postern_quota: postern_quota_thresholds: {error}; using 80 95 100"]


def test_a_wrong_socket(make):
    server = make(socket="q.sock")
    assert append(server.imap(), 850_000)[0] == "OK"
    assert errors(server) == ['postern_quota: postern_quota_socket: "q.sock" does not begin with a slash; using /run/postern/quota.sock']
    wait_until(lambda: warnings(server), 5, "a warning")
    assert "/run/postern/quota.sock" in warnings(server)[0]


if version() >= (2, 4):  # 2.3 does not know the settings of plugins
    def test_doveconf_knows_the_settings(make):
        server = make(delay="1 s")
        shown = server.server.doveconf("postern_quota_thresholds", "postern_quota_delay")
        assert shown == "postern_quota_thresholds = 80 95 100\npostern_quota_delay = 1 s\n"


def test_other_thresholds(make):
    server = make(thresholds="50, 70")
    client = server.imap()
    append(client, 60 * MEBIBYTE // 100)
    assert server.sink.expect("over")[0]["threshold"] == 50
    append(client, 25 * MEBIBYTE // 100)
    assert server.sink.expect("over")[0]["threshold"] == 70
    check_log(server)


def test_settings_of_one_user(make):
    server = make()
    users = server.server.accounts.passwd_file
    with open(users) as f:
        lines = f.read()
    with open(users, "w") as f:
        f.write(re.sub(r"^(bob@.*)$", r"\1userdb_postern_quota_thresholds=50", lines, flags=re.M))
    for user in ("alice", "bob"):
        append(server.imap(user), 60 * MEBIBYTE // 100)
    event, = server.sink.expect("over")
    assert (event["user"], event["threshold"]) == (address("bob"), 50)
    check_log(server)


def test_switched_off(make):
    server = make(socket="")
    client = server.imap()
    append(client, 900_000)
    append(client, 900_000)
    client.logout()
    server.sink.none()
    assert not warnings(server) and not errors(server)


def test_users_without_limits(make):
    server = make(roots=[])
    client = server.imap()
    append(client, 900_000)
    expunge_all(client)
    client.logout()
    server.sink.none()
    check_log(server)
