"""Dovecot's auth policy: real sign-ins over IMAP, good and guessed, that postern-policyd delays, refuses and bans.

Clients have loopback addresses of their own: 127.0.N.x is one network, so the daemon trusts none of them here."""
import http.client
import imaplib
import json
import os
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from support import dovecot as dovecots
from support.accounts import Accounts, address, password
from support.policyd import Policyd
from support.postfix import Postfix
from support.process import connects, wait_until
from conftest import ROOT, SANITIZER

PORT, IMAP_PORT, KEY = 9873, 1143, "open-sesame"
AUTH_POLICY = f"""
auth_policy_server_url = http://127.0.0.1:{PORT}/
auth_policy_server_api_header = X-API-Key: {KEY}
auth_policy_hash_nonce = nonce-of-this-test
auth_verbose = yes
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""  # Dovecot's own penalty for an address would be counted in as ours
HOME, CAFE = "127.0.1.1", "127.0.2.1"
DEFAULTS = {"listen": f"inet:{PORT}@127.0.0.1", "api_key": KEY, "allow_networks": ["192.0.2.0/24"], "max_delay": "2s"}


@pytest.fixture(scope="module")
def mailbox():
    """A Dovecot that asks about sign-ins."""
    directory = tempfile.mkdtemp(prefix="ps-", dir="/tmp")
    os.chmod(directory, 0o755)
    accounts = Accounts(os.path.join(directory, "a"))
    postfix = Postfix(os.path.join(directory, "p"), accounts)
    server = dovecots.Dovecot(os.path.join(directory, "d"), accounts, postfix.queue_directory, imap_port=IMAP_PORT, extra=AUTH_POLICY)
    server.postfix = postfix
    server.start()
    yield server
    server.stop()
    postfix.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def signin(mailbox):
    """A function that makes and starts a daemon with these settings of the section signin."""
    made = []

    def make(**settings):
        directory = tempfile.mkdtemp(prefix="pp-", dir="/tmp")
        daemon = Policyd(directory, {}, settings={"signin": {**DEFAULTS, **settings}})
        made.append(daemon)
        daemon.start()
        wait_until(lambda: connects(("127.0.0.1", PORT)), 10, "the server for sign-ins")
        return daemon

    yield make
    for daemon in made:
        code = daemon.stop()
        found = SANITIZER.search(daemon.log())
        assert not found, daemon.log()[found.start():found.start() + 3000]
        assert code in (0, None), f"ended with {code}: {daemon.log()[-1000:]}"
        shutil.rmtree(daemon.directory, ignore_errors=True)


def sign_in(user, secret=None, source=HOME):
    """(whether it was let in, seconds, what the server said)"""
    begun = time.monotonic()
    client = From(source)
    try:
        _, said = client.login(address(user), secret or password(user))
        took = time.monotonic() - begun
        client.logout()
        return True, took, said[0].decode()
    except imaplib.IMAP4.error as refusal:
        took = time.monotonic() - begun
        client.shutdown()
        return False, took, str(refusal)


class From(imaplib.IMAP4):
    def __init__(self, source):
        self.source = source
        super().__init__("127.0.0.1", IMAP_PORT, timeout=60)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.source, 0))


def guess(user, n, source=HOME):
    return sign_in(user, f"guess-{n}", source)


def counted(daemon, failures):
    """Waits until Dovecot has reported so many; it does after it has answered the client."""
    wait_until(lambda: reports(daemon, "failure") >= failures, 10, lambda: f"{failures} reports\n{daemon.log()[-3000:]}")


def metric(daemon, name, label=""):
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(daemon.metrics)
    connection.request("GET", "/metrics")
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith(name) and label in line:
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no metric {name} {label}")


def reports(daemon, which):
    return metric(daemon, "postern_signin_reports_total", f'counted="{which}"')


def test_good_sign_ins_pass_and_guesses_get_slower_and_end(mailbox, signin):
    daemon = signin(pair_limit=8)
    for user in ("alice", "bob"):
        good, took, said = sign_in(user)
        assert good and took < 1, said
    times = []
    for n in range(8):
        good, took, _ = guess("carol", n)
        assert not good
        times.append(took)
        counted(daemon, n + 1)
    assert max(times[:2]) < 0.9 and 0.9 < times[2] < 1.9 and all(1.9 < t < 4 for t in times[3:]), times
    good, took, said = sign_in("carol")  # the right one, too late
    assert not good and "Sign-in is not possible at the moment" in said
    assert sign_in("carol", source=CAFE)[0]
    assert sign_in("alice")[0]  # her own network, whatever others did there
    line = re.search(r"event=signin level=info action=refused remote=127\.0\.1\.1 reason=pair known=no user=carol@example\.test .*", daemon.log())
    assert line and "network=127.0.1.0/24 by_pair=8 " in line.group(0) and "protocol=imap session=" in line.group(0), daemon.log()
    assert "action=delayed remote=127.0.1.1 reason=pair known=no user=carol@example.test seconds=1" in daemon.log()
    assert metric(daemon, "postern_signin_refused_total", 'reason="pair"') == 1
    # The administrator looks, and lets her in.
    told = daemon.run("signin", "show", "Carol@Example.Test").stdout
    assert re.search(r"^carol@example\.test: \d+ of 100 wrong passwords", told) and re.search(r"127\.0\.1\.0/24 +8 +no", told), told
    assert re.search(r"127\.0\.2\.0/24 +0 +yes", told), told
    daemon.run("signin", "allow", "carol@example.test", "--reason", "she called")
    good, took, said = sign_in("carol")
    assert good and took < 1, said
    assert "she called" in daemon.run("account", "show", "carol@example.test").stdout


def test_the_owner_gets_in_while_many_networks_guess(mailbox, signin):
    daemon = signin(user_limit=12, max_delay="1s")
    assert sign_in("dave")[0]
    refused = 0
    for n in range(14):
        good, took, said = guess("dave", n, f"127.1.{n}.1")
        assert not good
        refused += "not possible" in said
        counted(daemon, n + 1)
    assert refused >= 1
    good, _, said = sign_in("dave", source="127.2.1.1")  # the owner, at a place where nobody knows him
    assert not good and "not possible" in said
    good, took, said = sign_in("dave")
    assert good and took < 0.9, said
    assert re.search(r"action=refused remote=127\.2\.1\.1 reason=user known=no user=dave@example\.test ", daemon.log())


def test_the_same_wrong_password_is_one_guess(mailbox, signin):
    daemon = signin(pair_limit=4)
    for n in range(15):
        good, took, said = sign_in("bob", "the old one")
        assert not good and "not possible" not in said
    wait_until(lambda: reports(daemon, "repeated") == 14, 10, daemon.log)
    assert reports(daemon, "failure") == 1
    assert sign_in("bob")[0]


def test_spraying_network_is_refused_and_banned(mailbox, signin):
    ban_file = "bans"
    daemon = signin(network_limit=10, ban_limit=14, ban_time="1h", max_delay="0", ban_file="/tmp/pp-ban-test/" + ban_file)
    folder = "/tmp/pp-ban-test"
    os.makedirs(folder, exist_ok=True)
    shutil.chown(folder, "daemon", "daemon")
    path = os.path.join(folder, ban_file)
    try:
        assert sign_in("alice")[0]
        for n in range(14):
            guess(f"user{n}", n, CAFE)
            counted(daemon, n + 1)
        assert "action=refused remote=127.0.2.1 reason=network known=no user=user11@example.test" in daemon.log()
        assert re.search(r"event=signin level=warning action=banned remote=127\.0\.2\.1 network=127\.0\.2\.0/24", daemon.log())
        good, _, said = sign_in("bob", source="127.0.2.77")
        assert not good and "reason=banned known=no user=bob@example.test" in daemon.log()
        assert sign_in("bob")[0]
        assert re.search(r"^127\.0\.2\.0/24 .*14 failed sign-ins$", daemon.run("signin", "bans").stdout, re.M)

        def lines():
            if not os.path.exists(path):
                return None
            with open(path) as f:
                return [line.split() for line in f if not line.startswith("#")]

        bans = wait_until(lambda: lines(), 10, daemon.log)
        assert len(bans) == 1 and bans[0][0] == "127.0.2.0/24" and 3500 < int(bans[0][1]) - time.time() < 3601
        # It outlives a restart; then it is lifted.
        daemon.restart()
        wait_until(lambda: connects(("127.0.0.1", PORT)), 10, "the server for sign-ins")
        assert not sign_in("bob", source=CAFE)[0]
        assert daemon.run("signin", "allow", "127.0.2.5").stdout == "the ban is lifted\n"
        wait_until(lambda: lines() == [], 10, lambda: str(lines()))
        assert sign_in("bob", source=CAFE)[0]
        assert daemon.run("signin", "bans").stdout == ""
        assert "127.0.2.0/24: 0 of 10 wrong passwords" in daemon.run("signin", "show", "127.0.2.0/24").stdout
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_ban_by_hand(mailbox, signin):
    folder = tempfile.mkdtemp(prefix="pp-bans-", dir="/tmp")
    shutil.chown(folder, "daemon", "daemon")
    path = os.path.join(folder, "bans")
    daemon = signin(ban_file=path)
    try:
        assert sign_in("alice", source=CAFE)[0]
        wait_until(lambda: reports(daemon, "success") == 1, 10, daemon.log)
        done = daemon.run("signin", "ban", "127.0.2.9", "--for", "2h", "--reason", "told by a neighbour")
        assert done.stdout == "127.0.2.0/24 is banned\n" and "users have signed in from 127.0.2.0/24 before" in done.stderr
        assert not sign_in("alice", source=CAFE)[0] and not sign_in("bob", source="127.0.2.77")[0]
        assert sign_in("alice")[0]
        assert re.search(r"^127\.0\.2\.0/24 .* (\S+) +told by a neighbour$", daemon.run("signin", "bans").stdout, re.M)
        banned = wait_until(lambda: re.search(r"^127\.0\.2\.0/24 (\d+)$", open(path).read() if os.path.exists(path) else "", re.M), 10, daemon.log)
        assert 7100 < int(banned[1]) - time.time() < 7201
        row = daemon.control("audit", "127.0.2.0/24 9")["rows"][0]
        assert (row["action"], row["detail"]) == ("signin ban", "told by a neighbour")
        assert daemon.run("signin", "ban", "2001:db8::7").stderr == ""
        wait_until(lambda: "\n2001:db8::/64 0\n" in open(path).read(), 10, daemon.log)  # until it is lifted
        for network in ("0.0.0.0/0", "::/0", "127.0.2.0/16", "127.0.2.1/24", "127.0.0.1", "::1", "0.0.0.0", "192.0.2.7", "bob@example.test", ""):
            done = daemon.run("signin", "ban", network, check=False)
            assert (done.returncode, done.stdout) == (1, ""), network
        assert "it is the machine itself" in daemon.run("signin", "ban", "127.0.0.0/24", check=False).stderr
        assert "signin.allow_networks has addresses of it" in daemon.run("signin", "ban", "192.0.2.7", check=False).stderr
        for time_text in ("0", "soon", "-1h"):
            assert daemon.run("signin", "ban", "127.0.3.1", f"--for={time_text}", check=False).returncode == 2
        assert len(daemon.run("signin", "bans").stdout.splitlines()) == 3
        assert daemon.run("signin", "allow", "127.0.2.1").stdout == "the ban is lifted\n"
        assert sign_in("alice", source=CAFE)[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_what_is_known_outlives_kill_9(mailbox, signin):
    daemon = signin(pair_limit=2)
    assert sign_in("alice", source=CAFE)[0]
    for n in range(2):
        guess("bob", n)
    counted(daemon, 2)
    assert not sign_in("bob")[0]
    time.sleep(1.1)
    daemon.daemon.kill()
    daemon.start()
    wait_until(lambda: connects(("127.0.0.1", PORT)), 10, "the server for sign-ins")
    assert not sign_in("bob")[0]
    assert re.search(r"127\.0\.2\.0/24 +0 +yes", daemon.run("signin", "show", "alice@example.test").stdout)


def test_suspended_accounts_sign_in_no_more(mailbox, signin):
    daemon = signin()
    assert sign_in("alice")[0]
    daemon.run("signin", "suspend", "Alice@example.test", "--for", "1h", "--reason", "stolen password")
    good, _, said = sign_in("alice")
    assert not good and "not possible" in said and "stolen" not in said
    assert "reason=suspended known=yes user=alice@example.test" in daemon.log()
    assert "stolen password" in daemon.run("account", "show", "alice@example.test").stdout
    assert "sign-in suspended" in daemon.run("signin", "show", "alice@example.test").stdout
    assert sign_in("bob")[0]
    daemon.run("account", "release", "alice@example.test")
    assert sign_in("alice")[0]
    daemon.run("signin", "suspend", "@example.test")
    assert not sign_in("bob")[0]


def test_submission_by_postfix_counts_as_well(mailbox, signin):
    """Postfix asks Dovecot, Dovecot asks us; there is no session then."""
    daemon = signin(pair_limit=2, max_delay="0")
    mailbox.postfix.start()

    def submit(secret):
        with smtplib.SMTP("127.0.0.1", 587, timeout=30, source_address=(CAFE, 0)) as client:
            try:
                return client.login(address("bob"), secret)[0]
            except smtplib.SMTPAuthenticationError as refusal:
                return refusal.smtp_code

    assert [submit(f"guess-{n}") for n in range(2)] == [535, 535]
    counted(daemon, 2)
    assert submit(password("bob")) == 535
    assert re.search(r"action=refused remote=127\.0\.2\.1 reason=pair known=no user=bob@example\.test .* protocol=smtp session=\"\"", daemon.log()), daemon.log()
    assert sign_in("bob")[0]
    daemon.run("signin", "allow", "bob@example.test")
    assert submit(password("bob")) == 235
    mailbox.postfix.stop()


def test_reload_changes_the_limits(mailbox, signin):
    daemon = signin(pair_limit=2)
    for n in range(2):
        guess("bob", n)
    counted(daemon, 2)
    assert not sign_in("bob")[0]
    daemon.settings["signin"].update(pair_limit=100, api_key="another")
    daemon.configure({})
    assert "signin.api_key" in daemon.run("reload", "policyd").stdout
    assert sign_in("bob")[0]


def test_dovecot_lets_in_when_nobody_answers(mailbox, signin):
    """Its own default (auth_policy_reject_on_fail = no), and its log says so."""
    assert not connects(("127.0.0.1", PORT))
    before = len(mailbox.log())
    good, took, said = sign_in("alice")
    assert good and took < 10, said
    wait_until(lambda: "Policy server HTTP error" in mailbox.log()[before:], 10, lambda: mailbox.log()[before:])
    assert not guess("alice", 1)[0]


# ---- the protocol itself ----

def ask(body, command="allow", method="POST", key=KEY, path=None, port=PORT):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key is not None else {})}
    connection.request(method, path or f"/?command={command}", body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


GOOD = {"login": "x@y.test", "pwhash": "0001", "remote": "203.0.113.1", "session_id": "s", "protocol": "imap", "tls": False, "device_id": ""}


def test_what_is_no_request_is_refused_and_others_go_on(signin):
    daemon = signin()
    good = {"status": 0, "msg": ""}
    assert ask(GOOD) == (200, good)
    assert ask({**GOOD, "success": False, "policy_reject": False}, "report") == (200, good)
    assert ask(GOOD, key=None)[0] == 401
    assert ask(GOOD, key=KEY + "x")[0] == 401
    assert ask(GOOD, key=KEY[:-1])[0] == 401
    assert ask(GOOD, key="")[0] == 401
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert ask(GOOD, method=method)[0] == 405
    assert ask(GOOD, "nonsense")[0] == 400
    assert ask(GOOD, path="/")[0] == 400
    assert ask(GOOD, "report")[0] == 400  # without success
    for body in (b"", b"{", b"[]", b"[" * 60000, b'{"login":"a\\u0000b"}', b'{"login":"\xff"}', b'{"login":5}', b"\0" * 1000,
                 json.dumps({"session_id": "x" * 300}).encode()):
        assert ask(body)[0] == 400, body[:50]
    assert ask(b" " * 65537)[0] == 413
    assert ask(b'{"a":"' + b"x" * (4 << 20) + b'"}')[0] == 413
    assert ask({**GOOD, "login": "é\r\n\x1b[2J" * 100, "remote": "not an address"}) == (200, good)
    assert ask(b" " * 65000 + json.dumps(GOOD).encode()) == (200, good)
    assert metric(daemon, "postern_signin_malformed_total") == 22
    assert "action=malformed http=401" in daemon.log()
    assert daemon.log().count("action=malformed") < 22  # at most one a second


def test_slow_and_silent_clients_hold_up_nobody(signin):
    signin()
    idle = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(200)]
    for s in idle[:100]:
        s.sendall(f"POST /?command=allow HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: 100\r\n\r\n{{".encode())
    begun = time.monotonic()
    for _ in range(20):
        assert ask(GOOD)[0] == 200
    assert time.monotonic() - begun < 2
    for s in idle:
        s.close()


def test_many_at_once_are_counted_before_they_are_reported(signin):
    signin(pair_limit=10, max_delay="5s")
    answers = []

    def one(n):
        answers.append(ask({**GOOD, "pwhash": f"{n:04x}", "session_id": f"s{n}"})[1]["status"])

    threads = [threading.Thread(target=one, args=(n,)) for n in range(60)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(answers).count(-1) == 50 and answers.count(0) == 2, sorted(answers)


def test_database_away_and_back(mailbox, signin, mariadb):
    """Policy state on MariaDB: without it sign-ins are answered from memory; started without it, all are let pass."""
    mariadb.sql("CREATE DATABASE policy CHARACTER SET utf8mb4")
    directory = tempfile.mkdtemp(prefix="pp-", dir="/tmp")
    sql = {"driver": "mariadb", "host": mariadb.socket, "database": "policy", "db_user": "p", "password": "p", "node": "one"}
    daemon = Policyd(directory, {}, settings={"signin": {**DEFAULTS, "pair_limit": 2}, "policyd": sql})
    try:
        daemon.start()
        wait_until(lambda: connects(("127.0.0.1", PORT)), 10, daemon.log)
        for n in range(2):
            guess("bob", n)
        counted(daemon, 2)
        mariadb.kill()
        assert not sign_in("bob")[0]
        assert sign_in("alice")[0]
        daemon.stop()
        daemon.start()
        wait_until(lambda: connects(("127.0.0.1", PORT)), 10, daemon.log)
        assert sign_in("alice", source=CAFE)[0]
        assert metric(daemon, "postern_signin_trouble_total") > 0
        mariadb.start()
        assert sign_in("carol", source=CAFE)[0]
    finally:
        daemon.stop()
        assert not SANITIZER.search(daemon.log())
        shutil.rmtree(directory, ignore_errors=True)


def test_two_nodes_count_together(mariadb):
    """Counts, known networks and bans of one node hold on the other within two seconds."""
    mariadb.sql("CREATE DATABASE policy CHARACTER SET utf8mb4")
    nodes, port = [], {"one": PORT, "two": PORT + 1}
    try:
        for name in port:
            directory = tempfile.mkdtemp(prefix="pp-", dir="/tmp")
            sql = {"driver": "mariadb", "host": mariadb.socket, "database": "policy", "db_user": "p", "password": "p", "node": name}
            signin = {**DEFAULTS, "listen": f"inet:{port[name]}@127.0.0.1", "pair_limit": 4, "network_limit": 6, "ban_limit": 8}
            nodes.append(Policyd(directory, {}, settings={"signin": signin, "policyd": sql}).start())
            wait_until(lambda: connects(("127.0.0.1", port[name])), 10, nodes[-1].log)

        def fail(user, n, node):
            ask({**GOOD, "login": user, "pwhash": str(n), "success": False}, "report", port=port[node])

        def status(node, **values):
            return ask({**GOOD, **values}, port=port[node])[1]["status"]

        ask({**GOOD, "login": "me@y.test", "success": True}, "report", port=port["one"])
        for n in range(4):
            fail("x@y.test", n, "one" if n % 2 else "two")
        time.sleep(2)
        assert [status(node, pwhash="5") for node in port] == [-1, -1]
        for n in range(4):
            fail(f"u{n}@y.test", n, "two")
        time.sleep(2)
        assert [status(node, login="v@y.test", remote="203.0.113.9") for node in port] == [-1, -1]
        assert [status(node, login="me@y.test") for node in port] == [0, 0]
        for n in range(9):
            ask({**GOOD, "login": f"u{n}@y.test", "remote": "192.0.3.1", "pwhash": str(n), "success": False}, "report", port=port["one"])
        time.sleep(2)
        assert [re.findall(r"^192\.0\.3\.0/24", node.run("signin", "bans").stdout, re.M) for node in nodes] == [["192.0.3.0/24"]] * 2
        assert status("two", remote="192.0.3.4") == -1
    finally:
        for node in nodes:
            node.stop()
            assert not SANITIZER.search(node.log())
            shutil.rmtree(node.directory, ignore_errors=True)


# ---- ops ----

def test_the_log_lines_are_what_fail2ban_looks_for(signin):
    daemon = signin(pair_limit=1)
    ask({**GOOD, "success": False}, "report")
    assert ask({**GOOD, "pwhash": "2"})[1]["status"] == -1
    ask({**GOOD, "login": 'a" reason=x remote=192.0.2.66', "remote": "2001:db8::1", "success": False}, "report")
    assert ask({**GOOD, "login": 'a" reason=x remote=192.0.2.66', "remote": "2001:db8::1", "pwhash": "2"})[1]["status"] == -1
    daemon.run("signin", "suspend", "s@y.test")
    assert ask({**GOOD, "login": "s@y.test"})[1]["status"] == -1  # not one of them
    with open(os.path.join(ROOT, "ops", "fail2ban", "filter.d", "postern-signin.conf")) as f:
        patterns = re.findall(r"^(?:failregex =|  +) *(\^.*)$", f.read(), re.M)
    assert len(patterns) == 2
    whole = "|".join(p.replace("%(__prefix_line)s", r"\S+ postern-policyd\[\d+\]: ").replace("<HOST>", r"([0-9a-f.:]+)") for p in patterns)
    found = [m.group(1) or m.group(2) for m in map(re.compile(whole).search, daemon.log().splitlines(True)) if m]
    assert found == ["203.0.113.1", "2001:db8::1"], daemon.log()


def test_bans_become_commands_of_nftables(tmp_path):
    """Only what is a network gets there, whatever is in the file."""
    now = int(time.time())
    (tmp_path / "bans").write_text(f"# comment\n192.0.2.0/24 {now + 3600}\n2001:db8:0:1::/64 0\n198.51.100.0/24 {now - 5}\n"
                                   f"evil; flush ruleset {now + 9}\n0.0.0.0/0 {now + 9}\n::/0 0\n10.0.0.0/8 0\n1.2.3.4 x\n1.2.3.0/24 1}}\n\n192.0.2.0/24\n")
    done = subprocess.run([os.path.join(ROOT, "ops", "nftables", "postern-bans"), "--print", str(tmp_path / "bans")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["flush set inet postern banned4", "flush set inet postern banned6"]
    assert re.fullmatch(r"add element inet postern banned4 \{ 192\.0\.2\.0/24 timeout (359\d|3600)s \}", lines[2])
    assert lines[3:] == ["add element inet postern banned6 { 2001:db8:0:1::/64 }"]
