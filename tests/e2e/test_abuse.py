"""Misused accounts: what the milter tells postern-policyd, the score that it makes, and what is done about it, with real Postfix and
Dovecot."""
import base64
import http.server
import imaplib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import dkim
import pytest

from support.accounts import address, password
from support.client import Refused, compose, inbox, send
from support.dovecot import DOVEADM_KEY, DOVEADM_PORT
from support.policyd import Policyd
from support.postern import read_metrics
from support.process import wait_until
from support.smtp_sink import SmtpSink
from conftest import SANITIZER

RULES = """
loadplugin Mail::SpamAssassin::Plugin::Check
required_score 5
report_safe 0
body PILLS /cheap pills/i
score PILLS 6
"""
LADDER = {"enabled": True, "points_spam": 10, "slow_at": 20, "hold_at": 30, "suspend_at": 40, "expires": "2h"}
ACCOUNT = {"account main": {}}


class Webhook:
    """Keeps the JSON that is POSTed to it; answers 500 to the first of fails requests."""

    def __init__(self, fails=0, port=0):
        calls = self.calls = []
        self.fails = fails
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.fails -= 1
                if hook.fails < 0:
                    calls.append(body)
                self.send_response(500 if hook.fails >= 0 else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def webhook():
    hook = Webhook()
    yield hook
    hook.close()


@pytest.fixture
def guarded(stack, mail_system, dovecot, names):
    """guarded(checks, abuse={..}, ..): (Postfix, Postern, Policyd): the milter judges spam and tells policyd, which Postfix asks at RCPT."""
    made = []

    def make(checks=ACCOUNT, abuse=None, spam=None, main_cf=None, asked=True, **settings):
        directory = tempfile.mkdtemp(prefix="pa-", dir="/tmp")
        os.chmod(directory, 0o755)
        rules = pathlib.Path(directory, "rules")
        (rules / "none").mkdir(parents=True)
        (rules / "test.cf").write_text(RULES)
        path, name = stack.postfix.milter_socket("policy.sock")
        dns = {"mode": "forward", "forwarders": [names.forwarder], "dnssec": "off"}
        daemon = Policyd(os.path.join(directory, "policyd"), checks, {"abuse": abuse or {}, "dns": dns, **settings}, path=path, accounts=stack.accounts)
        made.append(daemon)
        daemon.start()
        mta, postern = mail_system(dns=dns, auth={"skip_networks": ["::1"]}, milter={"modules": ["auth", "spam", "archive"], "reports": f"unix:{daemon.reports}"},
                                   spam={"rules": str(rules), "site": str(rules / "none"), "cache": "", "network": False, "skip_networks": ["::1"], **(spam or {})})
        mta.set(smtpd_sender_restrictions=f"check_policy_service {name}" if asked else "", **(main_cf or {}))
        mta.restart()
        stack.extra_logs.append(daemon.daemon.log_path)
        return mta, postern, daemon

    yield make
    for daemon in made:
        code = daemon.stop()
        found = SANITIZER.search(daemon.log())
        assert not found, daemon.log()[found.start():found.start() + 3000]
        assert code in (0, None), f"ended with {code}: {daemon.log()[-1000:]}"
        shutil.rmtree(os.path.dirname(daemon.directory), ignore_errors=True)


def submit(user="bob", text="Buy cheap pills\n", to="carol", recipients=None):
    send(compose(sender=address(user), body=text), recipients or address(to), sender=address(user), port=587, user=address(user))


def decided(daemon, kind):
    return {row["subject"]: json.loads(row["value"]) for row in daemon.control("facts", kind)["rows"]}


def wait_decided(daemon, kind, account=address("bob")):
    return wait_until(lambda: decided(daemon, kind).get(account), 20, lambda: f"{account} in {kind}:\n{daemon.log()[-3000:]}")


def wait_mails(user, count, what):
    """count messages in the user's INBOX with what in them."""
    return wait_until(lambda: (lambda found: found if len(found) >= count else None)([m for m in inbox(address(user)) if what in m]), 30,
                      lambda: f"{count} mails for {user} with {what}; there are {[m[:600] for m in inbox(address(user))]}")


def score(daemon, account=address("bob")):
    return daemon.control("abuse", account)["score"]


@pytest.fixture
def sink():
    server = SmtpSink()
    yield server
    server.close()


# ---- from the first spam to the suspension, and back ----

def test_spam_of_an_account_slows_holds_and_suspends_it(guarded, webhook):
    mta, _, daemon = guarded(abuse={**LADDER, "webhook": webhook.url, "mail_user": True},
                             doveadm={"url": f"http://127.0.0.1:{DOVEADM_PORT}", "key": DOVEADM_KEY})
    session = imaplib.IMAP4("127.0.0.1", 143, timeout=30)
    session.login(address("bob"), password("bob"))
    other = imaplib.IMAP4("127.0.0.1", 143, timeout=30)
    other.login(address("carol"), password("carol"))
    submit(text="An honest word\n")
    submit()
    submit()
    assert wait_decided(daemon, "slow")["reason"] == "score 20 of 20: spam 2"
    submit()
    assert wait_decided(daemon, "hold")["reason"].startswith("score 30 of 30: spam 3")
    assert not decided(daemon, "suspension")
    submit()  # goes into the queue, on hold
    assert [q["queue_name"] for q in mta.queue() if q["sender"] == address("bob")] == ["hold"]
    assert wait_decided(daemon, "suspension")["reason"].startswith("score 40 of 40: spam 4")
    with pytest.raises(Refused) as refused:
        submit(text="An honest word\n")
    assert refused.value.code == 554
    submit("dave", text="An honest word\n")

    def ended():
        try:
            return session.noop()[0] != "OK"
        except (imaplib.IMAP4.abort, OSError):
            return True
    wait_until(ended, 20, lambda: f"the end of the session:\n{daemon.log()[-3000:]}")
    assert other.noop()[0] == "OK"
    other.logout()

    wait_until(lambda: len(webhook.calls) == 3, 20, lambda: f"three calls: {webhook.calls}")
    assert [(c["action"], c["account"], c["event"]) for c in webhook.calls] == [(a, address("bob"), "abuse") for a in ("slow", "hold", "suspension")]
    assert round(webhook.calls[2]["score"]) == 40 and webhook.calls[2]["until"] - webhook.calls[2]["since"] == 7200
    told = wait_mails("alice", 3, b"Auto-Submitted: auto-generated")  # postmaster@example.test is hers
    assert b"Return-Path: <>" in told[2] and b"Subject: Sending suspended: bob@example.test" in told[2] and b"Why: score 40 of 40: spam 4" in told[2]
    wait_mails("bob", 3, b"Auto-Submitted: auto-generated")

    shown = daemon.run("account", "show", "Bob@example.test").stdout
    assert re.search(r"bob@example\.test +suspended .* policyd +score 40 of 40: spam 4", shown), shown
    assert re.search(r"Score: (40|39)\.\d \(slow at 20, hold at 30, suspend at 40; 0 is never\)", shown), shown
    assert re.search(r"spam +(4|3)\.\d +(40|39)\.\d", shown), shown
    assert daemon.log().count("event=abuse level=warning account=bob@example.test action=suspension score=40 of=40") == 1
    released = daemon.run("account", "release", address("bob"), "--reason", "has a new password").stdout
    assert released.count("no longer") == 3
    assert score(daemon) == 0
    submit(text="An honest word\n")
    assert 'postern_policy_abuse_actions_total{action="suspend"} 1' in read_metrics(daemon.metrics)


def test_a_dry_run_only_logs_and_exempt_accounts_have_no_score(guarded):
    _, _, daemon = guarded(abuse={**LADDER, "dry_run": True, "mail_to": "", "exempt": [address("dave")]})
    for _ in range(5):
        submit()
        submit("dave")
    wait_until(lambda: score(daemon) >= 49, 20, "the score")
    assert not decided(daemon, "suspension") and not decided(daemon, "slow")
    assert daemon.log().count("action=suspension dry_run=yes") == 1
    assert score(daemon, address("dave")) == 0
    assert "this is a dry run" in daemon.run("account", "show", address("bob")).stdout


def test_a_burst_is_a_sign(guarded):
    _, _, daemon = guarded({"account main": {}, "rate out": {"sign_in": "yes", "messages_per_hour": 2}}, abuse={**LADDER, "points_burst": 40, "mail_to": ""})
    for _ in range(2):
        submit(text="An honest word\n")
    with pytest.raises(Refused) as refused:
        submit(text="An honest word\n")
    assert refused.value.code == 450
    assert wait_decided(daemon, "suspension")["reason"] == "score 40 of 40: burst 1"
    with pytest.raises(Refused) as refused:
        submit(text="An honest word\n")
    assert refused.value.code == 554


def test_unknown_recipients_and_refused_domains(guarded):
    _, _, daemon = guarded({"access no": {"recipients": [".evil.test"], "action": "REJECT no"}, "account main": {}},
                           abuse={**LADDER, "points_unknown": 4, "points_refused": 15, "refused_domains": 2, "mail_to": ""})
    for i in range(5):
        for _ in range(2):  # each counts once
            daemon.ask(sasl_username=address("bob"), recipient=f"nobody{i}@example.test", client_address="192.0.2.1", instance=f"u{i}")
    daemon.ask(sasl_username=address("bob"), recipient="sales@example.test", client_address="192.0.2.1")
    wait_until(lambda: score(daemon) >= 19.9, 20, "five that do not exist")
    wait_decided(daemon, "slow")
    for i in range(4):
        assert daemon.ask(sasl_username=address("carol"), recipient=f"x@d{i}.evil.test", client_address="192.0.2.1") == "REJECT no"
    assert wait_decided(daemon, "hold", address("carol"))["reason"] == "score 30 of 30: refused 2"


def test_many_networks(guarded):
    _, _, daemon = guarded(abuse={**LADDER, "points_networks": 20, "networks": 3, "mail_to": ""})
    for i in range(5):
        daemon.ask(sasl_username=address("bob"), client_address=f"192.0.{i}.1")
        daemon.ask(sasl_username=address("bob"), client_address=f"192.0.{i}.2")
    assert wait_decided(daemon, "suspension")["reason"] == "score 40 of 40: networks 2"


def test_bounces(guarded, sink):
    """Postfix' own bounces are told by the milter, and it never refuses them, whatever they hold."""
    sink.replies.update({f"{name}@nowhere.test": "550 5.1.1 nobody" for name in ["x", *(f"someone{i}" for i in range(6))]})
    mta, postern, daemon = guarded(abuse={**LADDER, "points_bounce": 10, "points_spam": 0, "mail_to": ""},
                                   spam={"own_mail": "tag", "kill_level": "1000"},
                                   main_cf={"internal_mail_filter_classes": "bounce", "default_transport": f"smtp:[127.0.0.1]:{sink.port}"})
    for i in range(6):
        submit(recipients=f"someone{i}@nowhere.test", text="An honest word\n")
    assert wait_decided(daemon, "slow")["reason"] == "score 20 of 20: bounce 2"  # the fifth and the sixth
    # A letter that comes back with the words that are refused by now.
    sink.replies["x@nowhere.test"] = "450 4.1.1 later"
    submit("carol", recipients="x@nowhere.test")
    mta.wait_log(r"status=deferred \(host 127")
    postern.configure({"spam": {"kill_level": "5"}})
    assert postern.run("reload", "milter").returncode == 0
    with pytest.raises(Refused) as refused:
        submit("carol", recipients="x@nowhere.test")
    assert "refused as spam" in refused.value.text
    sink.replies["x@nowhere.test"] = "550 5.1.1 nobody"
    mta.flush()
    wait_until(lambda: any(b"cheap pills" in m for m in inbox(address("carol"))), 30, lambda: f"the bounce:\n{mta.log()[-2000:]}")
    assert re.search(r'verdict=tag reason="spam score=6\.0".* source=local .* from="" ', postern.milter.log())


# ---- notices ----

def test_notices_are_owed_over_a_crash_and_told_once(guarded, webhook):
    webhook.close()
    _, _, daemon = guarded(abuse={**LADDER, "webhook": webhook.url, "mail_to": ""})
    for _ in range(4):
        submit()
    wait_decided(daemon, "suspension")
    daemon.daemon.signal(signal.SIGKILL)
    daemon.daemon.stop()
    again = Webhook(fails=1, port=int(webhook.url.split(":")[2].split("/")[0]))
    try:
        daemon.start()
        wait_until(lambda: "suspension" in [c["action"] for c in again.calls], 30, lambda: f"the call:\n{daemon.log()[-3000:]}")
        actions = [c["action"] for c in again.calls]
        assert len(actions) == len(set(actions))
        daemon.restart()
        assert daemon.control("abuse", address("bob"))["enabled"]
        wait_until(lambda: "event=start" in daemon.log(), 10, "the start")
        submit("dave")
        assert [c["action"] for c in again.calls] == actions
        audit = daemon.run("account", "show", address("bob")).stdout
        assert audit.count("put suspension") == 1, audit
    finally:
        again.close()


# ---- what the milter tells of mail from outside ----

def signing_key(names, domain):
    key = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    names.records[(f"s._domainkey.{domain}", "TXT")] = ["v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()]
    return key


def test_good_signatures_make_a_network_known(guarded, names):
    key = signing_key(names, "shop.test")
    _, postern, daemon = guarded({"greylist main": {"delay": "1h", "passes": 2, "skip_clients": [".never.test"]}}, asked=False)

    def deliver(domain="shop.test", signed=True, body="News\n"):
        message = compose(sender=f"news@{domain}", body=body)
        head = dkim.sign(message, b"s", b"shop.test", key, include_headers=[b"from", b"to", b"subject", b"date", b"message-id"]) if signed else b""
        send(head + message, address("alice"), sender=f"news@{domain}")

    def asked(domain="shop.test"):
        return daemon.ask(client_address="127.0.0.9", client_name="unknown", sender=f"other@{domain}", recipient=address("bob"))

    def taken(n):
        wait_until(lambda: f'postern_policy_reports_total{{result="taken"}} {n}\n' in read_metrics(daemon.metrics), 20, lambda: read_metrics(daemon.metrics))

    assert asked().startswith("DEFER_IF_PERMIT")
    deliver()
    deliver(signed=False)
    deliver("other.test")             # a signature that is not the sender's
    deliver(body="Cheap pills\n")     # spam
    taken(4)
    assert asked().startswith("DEFER_IF_PERMIT")  # one pass
    deliver()
    taken(5)
    assert asked() == "DUNNO"
    assert asked("other.test").startswith("DEFER_IF_PERMIT")
    shown = daemon.run("greylist", "list", "--kind", "origin").stdout
    assert "127.0.0.0/24 shop.test" in shown and "other.test" not in shown
    assert 'postern_milter_reports_total{result="lost"} 0' in read_metrics(postern.metrics["milter"])


def test_only_the_milter_is_believed(guarded):
    _, _, daemon = guarded(abuse={**LADDER, "mail_to": ""})
    os.chmod(daemon.reports, 0o666)
    report = json.dumps({"v": 1, "verdict": "accept", "from": "submission", "recipients": 1, "instance": "x", "queue_id": "1", "login": address("bob"),
                         "spam": True, "score": 9}).encode()

    def tell(data, uid=None):
        child = os.fork()
        if child == 0:
            try:
                if uid is not None:
                    os.setuid(uid)
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(data, daemon.reports)
                os._exit(0)
            except OSError:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0

    tell(report, 65534)
    tell(b"nonsense")
    tell(b"x" * 60000)
    tell(report)
    tell(report)
    wait_until(lambda: 'result="repeated"} 1' in read_metrics(daemon.metrics), 20, "all of them")
    shown = read_metrics(daemon.metrics)
    for line in ('{result="taken"} 1', '{result="repeated"} 1', '{result="malformed"} 2', '{result="stranger"} 1'):
        assert f"postern_policy_reports_total{line}" in shown, shown
    wait_until(lambda: 9 < score(daemon) <= 10, 20, "the score")
    assert "only root and the daemon's own user" in daemon.log()
