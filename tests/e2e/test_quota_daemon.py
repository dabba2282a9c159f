"""Quotas, from Dovecot's change of a mailbox to the mail that its user gets and to Postfix's answer at RCPT; Dovecot 2.3 and 2.4."""
import json
import os
import pwd
import shutil
import signal
import socket
import tempfile
import threading
import time

import pytest

from conftest import SANITIZER
from support.accounts import address
from support.client import compose, send
from support.dovecot import MAIL_USER
from support.process import wait_until
from support.quota_daemon import FROM, QuotaSite
from support.quota_plugin import MEBIBYTE, SETTLE, append, expunge_all

NO_GRACE = {"grace": "0", "grace_percent": 0}


@pytest.fixture
def make():
    """A function that starts everything: make(**QuotaSite's arguments)."""
    made = []

    def start(**options):
        directory = tempfile.mkdtemp(prefix="qd-", dir="/tmp")
        site = QuotaSite(directory, **options)
        made.append(site)
        return site.__enter__()

    yield start
    for site in made:
        site.__exit__()
        found = SANITIZER.search(site.policyd.log())
        assert not found, site.policyd.log()[found.start():found.start() + 3000]
        if os.environ.get("POSTERN_KEEP"):
            print(site.policyd.log(), site.dovecot.log())
        shutil.rmtree(site.directory, ignore_errors=True)


def event(**changes):
    """A datagram as the plugin sends it."""
    whole = {"v": 1, "event": "over", "user": address("alice"), "root": "User quota", "resource": "storage", "threshold": 80,
             "storage": {"before": 0, "used": 850_000, "limit": MEBIBYTE}, "messages": {"before": 0, "used": 1, "limit": 0},
             "refused": 0, "size": 0, "service": "lmtp", "cause": "save", "time": int(time.time() * 1000)}
    return json.dumps({**whole, **changes}).encode() + b"\n"


def storage(used, limit=MEBIBYTE):
    return {"before": 0, "used": used, "limit": limit}


def empty(client):
    client.noop()  # it hears of what has come since
    expunge_all(client)


# What users are told.

def test_the_life_of_a_mailbox(make):
    site = make()
    assert site.lmtp(850_000)[0] == 250
    notice, = site.wait_notices(1)
    assert notice["Subject"] == "Your mailbox is 81 % full"
    assert notice["From"] == FROM and notice["To"] == address("alice")
    text = notice.get_content()
    assert "it holds 830 KB of 1.0 MB." in text and "{" not in text
    row = site.known()
    assert (row["level"], row["told"], row["limit"], row["messages"]) == (80, 80, MEBIBYTE, 1)
    # the notice itself is mail in the mailbox, but of the service that does not enforce
    assert append(site.imap(), 160_000)[0] == "OK"
    assert site.wait_notices(2)[1]["Subject"] == "Your mailbox is 96 % full"
    client = site.imap()
    assert append(client, 100_000)[0] == "NO"
    assert site.wait_notices(3)[2]["Subject"] == "A message for your mailbox was refused"
    assert append(client, 100_000)[0] == "NO"
    time.sleep(2.5)  # quota.settle
    empty(client)
    notice = wait_until(site.notices, 15, "a notice after the mailbox was emptied")[0]
    assert notice["Subject"] == "Your mailbox has room again"
    time.sleep(SETTLE)
    assert len(site.notices()) == 1
    assert site.known()["told"] == 0


def test_repeats_bring_no_second_mail(make):
    """Four sessions see the same crossing; then the daemon dies and comes again."""
    site = make()
    assert site.lmtp(78 * MEBIBYTE // 100)[0] == 250
    clients, start = [site.imap() for _ in range(4)], threading.Barrier(4)

    def save(client):
        start.wait()
        assert append(client, 10_000)[0] == "OK"

    threads = [threading.Thread(target=save, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    site.wait_notices(1)
    for _ in range(20):
        site.send_event(event(storage=storage(860_000)))
    time.sleep(1.5)  # what was known is written after half a second
    site.policyd.daemon.kill()
    site.start_policyd()
    site.send_event(event(storage=storage(870_000)))
    site.wait_known(lambda row: row["used"] == 870_000)
    time.sleep(SETTLE)
    assert len(site.notices()) == 1


def test_mail_to_a_full_mailbox(make):
    """The notice is delivered though there is no room for it, and does not come by the way that refuses."""
    site = make()
    assert site.lmtp(900_000)[0] == 250
    site.wait_notices(1)
    site.set_limit("500K")
    code, text = site.lmtp(5_000)
    assert code == 552 and text.startswith(b"5.2.2")
    notices = site.wait_notices(2)
    assert "A message for your mailbox was refused" in [notice["Subject"] for notice in notices]
    assert site.lmtp(200)[0] == 552


def test_languages_and_texts(make):
    site = make(quota={"languages": ["example.test=zh-TW"]})
    folder = os.path.join(site.directory, "texts", "example.test", "zh-TW")
    os.makedirs(folder)
    with open(os.path.join(folder, "rejected.txt"), "w") as f:
        f.write("Subject: 敝公司信箱 {user}\n\n用了 {used}／{limit}\n")
    assert site.lmtp(850_000)[0] == 250
    notice, = site.wait_notices(1)
    assert notice["Subject"] == "您的信箱已使用 81% 的空間"
    assert f"您的信箱 {address('alice')} 已使用 81% 的空間（目前 830 KB，上限 1.0 MB）。" in notice.get_content()
    assert site.lmtp(800_000)[0] == 552
    notice = site.wait_notices(2)[1]
    assert notice["Subject"] == f"敝公司信箱 {address('alice')}"
    assert notice.get_content() == "用了 831 KB／1.0 MB\r\n"


def test_what_is_told_is_a_setting(make):
    site = make(quota={"notices": ["rejected"]})
    site.send_event(event())
    site.send_event(event(event="rejected", threshold=0, refused=1))
    assert [notice["Subject"] for notice in site.wait_notices(1)] == ["A message for your mailbox was refused"]
    assert site.known()["told"] == 80


# At RCPT.

def test_full_mailboxes_behind_an_alias(make):
    site = make(check=NO_GRACE)
    assert site.rcpt("sales@example.test", 50_000)[0] == 250
    for user in ("bob", "carol"):
        assert site.rcpt("sales@example.test", 50_000)[0] == 250
        assert site.lmtp(1_040_000, user)[0] == 250
        site.wait_known(lambda row: row["level"] == 95, user)
    code, text = site.rcpt("sales@example.test", 50_000)
    assert (code, text.split(b": ")[-1]) == (552, b"Mailbox is full") and b"5.2.2" in text
    assert site.rcpt("sales@example.org.test", 50_000)[0] == 552  # an alias domain
    assert site.rcpt("everyone@example.test", 50_000)[0] == 250  # some have room
    assert site.rcpt("sales@example.test", 500)[0] == 250  # a small one fits
    assert site.rcpt("sales@example.test")[0] == 250  # a client that does not say
    told = site.policyd.run("policy", "test", "protocol_state=RCPT", "recipient=sales@example.test", "size=50000", "client_address=192.0.2.9").stdout
    assert "552 5.2.2 Mailbox is full" in told and "it is full" in told
    client = site.imap("carol")
    empty(client)
    assert site.rcpt("sales@example.test", 50_000)[0] == 250
    # the message goes its way
    send(compose(subject="room", to="carol@example.test"), "carol@example.test", port=2525)
    site.postfix.wait_queue_empty()
    client.noop()
    assert client.search(None, "SUBJECT", "room")[1][0]


def test_grace_of_the_last_message(make):
    """Dovecot lets the last message of LMTP pass the limit by its own grace; the check must not be stricter."""
    site = make(check={"grace": "50K", "grace_percent": 0})
    site.send_event(event(storage=storage(MEBIBYTE - 1000)))
    site.policyd.configure({"quota_check full": {"grace": "50K", "grace_percent": 0}})
    site.policyd.settings["doveadm"] = {}
    site.policyd.configure({"quota_check full": {"grace": "50K", "grace_percent": 0}})
    site.policyd.run("reload", "policyd")
    site.wait_known(lambda row: row["used"] == MEBIBYTE - 1000)
    assert site.rcpt(address("alice"), 40_000)[0] == 250
    assert site.rcpt(address("alice"), 60_000)[0] == 552
    site.send_event(event(storage=storage(MEBIBYTE)))
    site.wait_known(lambda row: row["used"] == MEBIBYTE)
    assert site.rcpt(address("alice"))[0] == 552
    site.send_event(event(storage=storage(10, 0)))
    site.wait_known(lambda row: row["limit"] == 0)
    assert site.rcpt(address("alice"), 10_000_000)[0] == 250
    site.send_event(event(storage=storage(10, 0), messages={"before": 0, "used": 7, "limit": 7}))
    site.wait_known(lambda row: row["messages_limit"] == 7)
    assert site.rcpt(address("alice"))[0] == 552


def test_mail_is_not_refused_by_what_is_wrong_or_old(make):
    """A forged or overtaken event: doveadm is asked before mail is refused. Without doveadm, old news are none."""
    site = make(check=NO_GRACE)
    site.send_event(event(storage=storage(2 * MEBIBYTE)))
    site.wait_known(lambda row: row["used"] == 2 * MEBIBYTE)
    time.sleep(0.01)  # quota.confirm is 0
    assert site.rcpt(address("alice"))[0] == 250
    assert site.known()["used"] < MEBIBYTE
    site.policyd.settings["doveadm"] = {}
    site.policyd.settings["quota"]["stale"] = "10s"
    site.policyd.configure({"quota_check full": NO_GRACE})
    site.policyd.run("reload", "policyd")
    site.send_event(event(storage=storage(2 * MEBIBYTE), time=int(time.time() * 1000) + 1))
    site.wait_known(lambda row: row["used"] == 2 * MEBIBYTE)
    assert site.rcpt(address("alice"))[0] == 552
    site.policyd.run("reload", "policyd")
    wait_until(lambda: site.rcpt(address("alice"))[0] == 250, 20, "the news to be old", every=0.5)
    assert site.rcpt(address("dave"))[0] == 250  # never heard of


def test_doveadm_is_away(make):
    """A doveadm that does not answer holds no mail up for long, and what is known counts."""
    site = make(check=NO_GRACE, doveadm=False)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", site.http + 1000))
        deaf.listen(64)
        site.policyd.settings["doveadm"] = {"url": f"http://127.0.0.1:{site.http + 1000}", "key": "x"}
        site.policyd.configure({"quota_check full": NO_GRACE})
        site.policyd.run("reload", "policyd")
        site.send_event(event(storage=storage(2 * MEBIBYTE)))
        site.wait_known(lambda row: row["used"] == 2 * MEBIBYTE)
        time.sleep(0.01)
        begin = time.monotonic()
        assert site.rcpt(address("alice"))[0] == 552
        assert time.monotonic() - begin < 8
        begin = time.monotonic()
        assert site.rcpt(address("bob"))[0] == 250
        assert time.monotonic() - begin < 1  # it is left alone for a while
    assert site.policyd.log().count("it is tried again every ten seconds") == 1


# The poll and quota2.

def test_a_lowered_limit_is_found_and_quota2_written(make):
    site = make(quota={"poll": "1s", "quota2": "write"})
    assert site.lmtp(600_000)[0] == 250
    row = site.wait_known(lambda row: row["used"] > 0 and row["limit"] == MEBIBYTE)
    assert row["level"] == 0 and not site.notices()
    wait_until(lambda: site.quota2() and site.quota2()[0] > 590_000 and site.quota2()[1] == 1, 15, lambda: f"quota2: {site.quota2()}")
    site.set_limit("700K")
    notice, = site.wait_notices(1)
    assert notice["Subject"] == "Your mailbox is 83 % full"
    assert site.known()["limit"] == 700 * 1024
    shown = site.policyd.run("quota", "show", address("alice")).stdout
    assert "83 %" in shown and "700.0 KiB" in shown
    listed = site.policyd.run("quota", "list").stdout.splitlines()
    assert address("alice") in listed[1] and len(listed) == 5  # everybody's, the fullest first
    assert site.policyd.run("quota", "list", "--over", "85").stdout == "no such mailbox is known\n"
    assert site.policyd.run("quota", "show", "nobody@example.test").stdout == "no such mailbox is known\n"
    wait_until(lambda: site.quota2()[1] == 2, 15, lambda: f"the notice in quota2: {site.quota2()}")


def test_the_first_poll_warns_nobody(make):
    """Whoever was over a level before the daemon came has passed none."""
    site = make(quota={"listen": "", "poll": "1s"})
    site.policyd.stop()
    shutil.rmtree(os.path.dirname(site.policyd.database))
    assert site.lmtp(850_000)[0] == 250
    site.start_policyd()
    row = site.wait_known(lambda row: row["used"] > 800_000)
    assert (row["told"], row["told_ms"]) == (80, 0)
    time.sleep(2 * SETTLE)
    assert not site.notices()
    assert append(site.imap(), 170_000)[0] == "OK"
    assert site.wait_notices(1)[-1]["Subject"] == "Your mailbox is 97 % full"


# Without the plugin.

@pytest.mark.parametrize("doveadm", [True, False], ids=["with doveadm", "alone"])
def test_dovecots_own_warnings(make, doveadm):
    site = make(script=True, doveadm=doveadm, check=NO_GRACE, quota={"listen": ""})
    site.accounts.execute("UPDATE mailbox SET quota = ?", (MEBIBYTE,))
    assert site.lmtp(850_000)[0] == 250
    notice, = site.wait_notices(1)
    assert notice["Subject"] == f"Your mailbox is {81 if doveadm else 80} % full"
    assert "of 1.0 MB." in notice.get_content()
    client = site.imap()
    assert append(client, 160_000)[0] == "OK"
    site.wait_notices(2)
    empty(client)  # before quota.settle has passed
    assert wait_until(site.notices, 15, "a notice of room")[0]["Subject"] == "Your mailbox has room again"


def script(site, *lines):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(site.script_socket)
        s.sendall("\n".join(("VERSION\tscript\t4\t0", *lines, "", "")).encode())
        answer = b""
        while piece := s.recv(100):
            answer += piece
        return answer


def test_the_script_protocol(make):
    site = make(doveadm=False)
    assert script(site, "env_USER=x", "-", "over", "80", address("alice")) == b"+\n"
    site.wait_known(lambda row: row["percent"] == 80)
    assert script(site, "-", "over", "80") == b"-\n"
    assert script(site, "noreply", "over", "95", address("alice")) == b""
    site.wait_known(lambda row: row["percent"] == 95)
    assert "not the arguments KIND PERCENT USER [ROOT]" in site.policyd.log()
    with socket.socket(socket.AF_UNIX) as s:  # one that says nothing is let go
        s.settimeout(10)
        s.connect(site.script_socket)
        assert s.recv(1) == b""


# Who is heard.

def send_as(site, user, datagram):
    """From a process of another system user."""
    pid = os.fork()
    if pid == 0:
        os.setuid(pwd.getpwnam(user).pw_uid)
        site.send_event(datagram)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_strangers_and_nonsense_are_refused(make):
    site = make(uids=[MAIL_USER])
    send_as(site, "nobody", event())
    wait_until(lambda: "its sender is not among quota.uids" in site.policyd.log(), 5, "a refusal")
    assert f"uid={pwd.getpwnam('nobody').pw_uid}" in site.policyd.log()
    assert site.known() is None
    time.sleep(1.1)  # one line in a second
    for bad in (b"", b"{}", b"\xff" * 100, b"x" * 9000, event(v=2), event(user=""), event()[:-20]):
        site.send_event(bad)
    send_as(site, MAIL_USER, event())
    site.wait_known(lambda row: row["used"] == 850_000)
    assert 'refused=event uid=0 why="no JSON"' in site.policyd.log()
    assert site.policyd.daemon.running()


def test_a_flood_of_events(make):
    """Nothing is held up by it: every answer comes, and the last state of each user is what is known."""
    site = make(quota={"notices": ["rejected"]})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        for i in range(5000):
            s.sendto(event(user=f"user{i % 50}@example.test", storage=storage(i * 200)), site.events)
    for i in range(50):
        row = wait_until(lambda: (site.policyd.control("quota-show", f"user{i}@example.test")["rows"] or [None])[0], 10, f"user{i}")
        assert row["used"] == (4950 + i) * 200
    assert site.rcpt(address("alice"))[0] == 250
