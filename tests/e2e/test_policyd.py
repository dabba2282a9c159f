"""postern-policyd: its answers to Postfix, and the commands about them."""
import email
import email.policy
import os
import re
import shutil
import signal
import smtplib
import tempfile
import time

import pytest

from support.accounts import address, password
from support.client import Refused, compose, inbox, send
from support.name_server import NameServer
from support.policy import HungUp, PolicyClient, recorded, recordings, request
from support.policyd import Policyd
from support.process import wait_until
from conftest import SANITIZER


@pytest.fixture
def names():
    """The DNS that the daemon asks."""
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def policyd(stack, names):
    """A function that makes and starts a policy daemon: policyd({"greylist main": {..}}, **Policyd's arguments)."""
    made = []

    def make(checks=(), start=True, settings=None, **arguments):
        directory = tempfile.mkdtemp(prefix="pp-", dir="/tmp")
        dns = {"mode": "forward", "forwarders": [names.forwarder], "dnssec": "off"}
        instance = Policyd(directory, checks, {"dns": dns, **(settings or {})}, **arguments)
        made.append(instance)
        stack.extra_logs = [instance.daemon.log_path]
        return instance.start() if start else instance

    yield make
    for instance in made:
        code = instance.stop()
        found = SANITIZER.search(instance.log())
        assert not found, instance.log()[found.start():found.start() + 3000]
        assert code in (0, None) or instance.may_fail, f"ended with {code}: {instance.log()[-1000:]}"
        shutil.rmtree(instance.directory, ignore_errors=True)


def in_postfix(stack):
    return stack.postfix.milter_socket("policy.sock")


# ---- the protocol ----

@pytest.mark.parametrize("version", ["3.7", "3.10"])
def test_recorded_requests_are_answered(policyd, version):
    daemon = policyd({"access nobody": {"senders": ["nobody@never.test"], "action": "REJECT"}})
    asked = 0
    for name in recordings(version):
        with daemon.client() as client:
            for octets in recorded(version, name):
                assert client.ask_raw(octets) == "DUNNO", name
                asked += 1
    assert asked > 20


def test_order_conditions_and_dry_run(policyd):
    daemon = policyd({
        "access friends": {"clients": ["192.0.2.0/24", "!192.0.2.66"]},
        "access dry": {"senders": [".bad.test"], "action": "REJECT dry", "dry_run": True},
        "access bad": {"senders": [".bad.test", "<>"], "action": "REJECT no", "recipients": ["!postmaster@example.test"]},
        "access late": {"states": ["DATA"], "action": "HOLD late"},
        "access users": {"users": ["@example.test"], "action": "PREPEND X-User: yes"}})
    assert daemon.ask(client_address="192.0.2.1", sender="a@bad.test") == "DUNNO"
    assert daemon.ask(client_address="192.0.2.66", sender="a@x.BAD.test") == "REJECT no"
    assert daemon.ask(client_address="198.51.100.1", sender="") == "REJECT no"
    assert daemon.ask(client_address="198.51.100.1", sender="", recipient="Postmaster@Example.Test") == "DUNNO"
    assert daemon.ask(client_address="198.51.100.1", protocol_state="DATA") == "HOLD late"
    assert daemon.ask(client_address="198.51.100.1", sasl_username="Bob@example.test") == "PREPEND X-User: yes"
    assert len(re.findall(r'action="REJECT dry" check=dry dry_run=yes', daemon.log())) == 1
    assert re.search(r'action="REJECT no" check=bad client=192\.0\.2\.66 ', daemon.log())


def test_malformed_requests_are_refused_and_others_go_on(policyd):
    daemon = policyd()
    good = daemon.client()
    for octets in (b"nonsense\n\n", b"\n", b"request=other\n\n", b"request=smtpd_access_policy\nsender=a\nsender=b\n\n", b"x=" + b"y" * 70000):
        bad = PolicyClient(daemon.path)
        bad.send(octets)
        assert bad.answer() == "451 4.3.5 Malformed policy request"
        with pytest.raises(HungUp):
            bad.answer()
    assert good.ask() == "DUNNO"
    assert daemon.log().count("refused a malformed request") == 5


def test_requests_in_pieces_and_many_at_once(policyd):
    daemon = policyd()
    with daemon.client() as client:
        one = request()
        for i in range(0, len(one), 7):
            client.send(one[i:i + 7])
        assert client.answer() == "DUNNO"
        client.socket.sendall(request() * 50)
        got = b""
        while got.count(b"\n\n") < 50:
            got += client.socket.recv(65536)
        assert got == b"action=DUNNO\n\n" * 50


def test_reload_keeps_the_old_when_the_new_is_bad(policyd):
    daemon = policyd({"access a": {"action": "REJECT old"}})
    with daemon.client() as client:
        assert client.ask() == "REJECT old"
        daemon.configure({"access a": {"action": "NONSENSE"}})
        done = daemon.run("reload", "policyd", check=False)
        assert done.returncode == 1 and "is no action" in done.stderr + done.stdout
        assert client.ask() == "REJECT old"
        daemon.configure({"access a": {"action": "REJECT new"}})
        daemon.run("reload", "policyd")
        assert client.ask() == "REJECT new"


def test_policy_test_explains_and_remembers_nothing(policyd):
    daemon = policyd({"access a": {"senders": ["@x.test"]}, "greylist g": {}})
    for _ in range(2):
        told = daemon.run("policy", "test", "client_address=198.51.100.9", "sender=s@y.test", "recipient=r@example.test").stdout
        assert "access a: is not about this\n" in told and "greylist g: " in told and "action=DEFER_IF_PERMIT 4.2.0" in told and "(by g)" in told
    assert "never tried" in told
    assert daemon.run("greylist", "list").stdout == ""
    assert "action=DUNNO" in daemon.run("policy", "test", "sender=s@x.test").stdout
    assert daemon.run("policy", "test", "colour=red", check=False).returncode == 1


# ---- greylisting ----

GREYLIST = {"greylist main": {"delay": "2s", "window": "1h", "passes": 2}}
SLOW_GREYLIST = {"greylist main": {"delay": "1h", "passes": 2}}


def first_try(**attributes):
    return {"client_address": "198.51.100.7", "client_name": "unknown", "sender": "news@shop.test", "recipient": "alice@example.test", **attributes}


def test_greylist_puts_off_and_lets_in(policyd):
    daemon = policyd(GREYLIST)
    with daemon.client() as client:
        assert re.fullmatch(r"DEFER_IF_PERMIT 4\.2\.0 Greylisted, please try again in 2 seconds", client.ask(**first_try()))
        assert client.ask(**first_try(client_address="198.51.100.200")).startswith("DEFER_IF_PERMIT")  # the same network, still early
        time.sleep(2.1)
        assert client.ask(**first_try(client_address="198.51.100.8", sender="news+123@shop.test")) == "DUNNO"
        assert client.ask(**first_try(client_address="198.51.101.8")).startswith("DEFER_IF_PERMIT")  # another network
        assert client.ask(**first_try(recipient="bob@example.test")).startswith("DEFER_IF_PERMIT")  # another recipient
        assert client.ask(**first_try()) == "DUNNO"
        assert client.ask(**first_try(recipient="bob@example.test")) == "DUNNO"  # two have passed: the network is known for the domain
        assert client.ask(**first_try(sender="x@other.test")).startswith("DEFER_IF_PERMIT")
    assert "198.51.100.0/24 shop.test news@shop.test alice@example.test" in daemon.run("greylist", "list", "alice").stdout
    assert "198.51.100.0/24 shop.test" in daemon.run("greylist", "list", "--kind", "origin").stdout


def test_greylist_takes_the_networks_that_spf_names_for_one(policyd, names):
    names.records[("shop.test", "TXT")] = ["v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all"]
    daemon = policyd(GREYLIST)
    with daemon.client() as client:
        assert client.ask(**first_try()).startswith("DEFER")
        time.sleep(2.1)
        assert client.ask(**first_try(client_address="203.0.113.9")) == "DUNNO"  # another network of the same sender
        assert client.ask(**first_try(client_address="192.0.2.9")).startswith("DEFER")  # SPF says no
        assert client.ask(**first_try(recipient="bob@example.test")).startswith("DEFER")
    assert "spf shop.test news@shop.test alice@example.test" in daemon.run("greylist", "list").stdout


def test_greylist_is_remembered_by_a_restart(policyd):
    daemon = policyd(GREYLIST)
    assert daemon.ask(**first_try()).startswith("DEFER")
    time.sleep(2.1)
    daemon.restart()
    assert daemon.ask(**first_try()) == "DUNNO"


def test_greylist_survives_a_kill_but_for_the_last_second(policyd):
    daemon = policyd(GREYLIST)
    assert daemon.ask(**first_try()).startswith("DEFER")
    time.sleep(2.1)
    daemon.daemon.signal(signal.SIGKILL)
    daemon.daemon.stop()
    daemon.start()
    assert daemon.ask(**first_try()) == "DUNNO"


def test_greylist_exceptions(policyd):
    daemon = policyd({"greylist main": {**SLOW_GREYLIST["greylist main"], "skip_clients": [".big.test", "203.0.113.0/24"]}})
    with daemon.client() as client:
        assert client.ask(**first_try(client_name="out7.big.test")) == "DUNNO"
        assert client.ask(**first_try(client_address="203.0.113.9")) == "DUNNO"
        assert client.ask(**first_try(sasl_username="bob@example.test")) == "DUNNO"
        for command, subject, attributes in (("allow", "news@shop.test", {}), ("allow", "@shop.test", {}), ("allow", "198.51.100.0/24", {}),
                                             ("allow", "198.51.100.7", {}), ("skip", "Alice@example.test", {}), ("skip", "@example.test", {})):
            assert client.ask(**first_try(**attributes)).startswith("DEFER"), subject
            daemon.run("greylist", command, subject, "--reason", "a test")
            assert client.ask(**first_try(**attributes)) == "DUNNO", subject
            assert "a test" in daemon.run("greylist", command).stdout
            daemon.run("greylist", command, subject, "--remove")
        assert client.ask(**first_try()).startswith("DEFER")
        # whom somebody here has written to is not put off
        assert client.ask(sasl_username="alice@example.test", sender="alice@example.test", recipient="News@Shop.test") == "DUNNO"
        assert client.ask(**first_try()) == "DUNNO"
        assert "correspondent" in daemon.run("greylist", "why", "198.51.100.7", "news@shop.test", "alice@example.test").stdout
    assert daemon.run("greylist", "forget", "shop.test").stdout.endswith("forgotten\n")


def test_greylist_with_real_postfix(policyd, postfix, stack):
    path, name = in_postfix(stack)
    policyd({"greylist main": {**GREYLIST["greylist main"], "skip_clients": []}}, path=path)
    mta = postfix(smtpd_sender_restrictions=f"check_policy_service {name}")
    with pytest.raises(Refused) as refused:
        send(compose(subject="First try"), "alice@example.test")
    assert (refused.value.stage, refused.value.code) == ("RCPT", 450) and "Greylisted" in refused.value.text
    time.sleep(2.1)
    send(compose(subject="Second try"), "alice@example.test")
    mta.wait_queue_empty()
    assert [b"Subject: Second try" in m for m in inbox("alice@example.test")] == [True]


# ---- accounts and rates ----

def test_rates_by_real_submission(policyd, postfix, stack):
    path, name = in_postfix(stack)
    daemon = policyd({"rate out": {"messages_per_hour": 3, "recipients_per_day": 5, "warn_at": 60, "sign_in": "yes"}}, path=path, accounts=stack.accounts)
    mta = postfix(smtpd_sender_restrictions=f"check_policy_service {name}")

    def submit(recipients, user="alice"):
        send(compose(sender=address(user)), recipients, sender=address(user), port=587, user=address(user))

    submit([address("bob"), address("carol")])
    submit(address("bob"))
    submit(address("bob"))
    with pytest.raises(Refused) as refused:
        submit(address("bob"))
    assert (refused.value.stage, refused.value.code) == ("RCPT", 450) and "Sending limit reached" in refused.value.text
    submit([address("carol")] * 1, user="dave")  # another user has a limit of their own
    mta.wait_queue_empty()
    shown = daemon.run("rate", "show", "alice").stdout
    assert re.search(r"alice@example\.test\s+out\s+messages\s+-\s+(3\.0|2\.9)\s+-\s+3 ", shown), shown
    assert re.search(r"alice@example\.test\s+out\s+recipients\s+-\s+-\s+(4\.0|3\.9)\s+4 ", shown), shown
    assert daemon.log().count("event=rate level=warning check=out subject=alice@example.test counted=messages window=hour") == 1


WARNING = {"en": ("% of your sending limit is used", "For mail from alice@example.test\nthere is a limit of 10 messages in an hour. 9 of them are used\n(90 %).",
                  "please ask your postmaster at once"),
           "zh-TW": ("您的寄信量已達上限的 90%", "alice@example.test 每小時的寄信上限為 10 封郵件，目前已使用 9（90%）。", "請立即聯絡郵件管理員")}


def notices(stack, language):
    """Settings by which users are written to."""
    return {"quota": {"from": "postmaster@example.test", "lmtp": f"unix:{stack.dovecot.notices_socket()}",
                      "templates": os.path.join(stack.directory, "texts"), "languages": [f"example.test={language}"]}}


def warnings():
    return [email.message_from_bytes(text, policy=email.policy.default) for text in inbox(address("alice"))]


@pytest.mark.parametrize("language", WARNING)
def test_a_user_is_warned_once_before_the_limit(policyd, postfix, stack, language):
    path, name = in_postfix(stack)
    daemon = policyd({"rate out": {"messages_per_hour": 10, "sign_in": "yes", "warn_user": True}}, path=path, accounts=stack.accounts,
                     settings=notices(stack, language))
    mta = postfix(smtpd_sender_restrictions=f"check_policy_service {name}")

    def submit():
        send(compose(sender=address("alice")), address("bob"), sender=address("alice"), port=587, user=address("alice"))

    for _ in range(8):  # a little has drained from the level since the first
        submit()
    assert warnings() == []
    submit()
    warning, = wait_until(warnings, 15, lambda: f"a warning\n{daemon.log()[-2000:]}")
    subject, *parts = WARNING[language]
    text = warning.get_content().replace("\r\n", "\n")
    assert subject in warning["Subject"] and all(part in text for part in parts), (warning["Subject"], text)
    assert (warning["From"], warning["To"], warning["Auto-Submitted"]) == ("postmaster@example.test", address("alice"), "auto-generated")
    daemon.restart()
    submit()
    with pytest.raises(Refused) as refused:
        submit()
    assert refused.value.code == 450 and "Sending limit reached" in refused.value.text
    mta.wait_queue_empty()
    assert len(warnings()) == 1
    assert len(inbox(address("bob"))) == 10
    assert daemon.log().count("notice=yes") == 1


def test_a_warning_of_a_sender_goes_to_who_signed_in(policyd, postfix, stack):
    """By the site's own text. The sender is an alias, which has no mailbox."""
    path, name = in_postfix(stack)
    folder = os.path.join(stack.directory, "texts", "default", "en")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "rate.txt"), "w") as f:
        f.write("Subject: {who}: {used} of {limit}\n\n{user}, {percent} of {limit} {counted} in {window}, {every}, {rest}\n")
    daemon = policyd({"rate out": {"of": "sender", "recipients_per_day": 48, "warn_at": 4, "sign_in": "yes", "warn_user": True}}, path=path,
                     settings=notices(stack, "en"))
    mta = postfix(smtpd_sender_restrictions=f"check_policy_service {name}")
    send(compose(sender="everyone@example.test"), [address("bob"), address("carol")], sender="everyone@example.test", port=587, user=address("alice"))
    mta.wait_queue_empty()
    warning, = wait_until(warnings, 15, lambda: f"a warning\n{daemon.log()[-2000:]}")
    os.unlink(os.path.join(folder, "rate.txt"))
    assert warning["Subject"] == "everyone@example.test: 2 of 48"
    assert warning.get_content().strip() == "alice@example.test, 4 of 48 recipients in a day, 30 minutes, 60 minutes"


def test_a_repeated_question_counts_once(policyd):
    daemon = policyd({"rate out": {"recipients_per_hour": 2, "of": "sender_domain"}})
    one = request(sender="a@x.test", recipient="r1@y.test")
    for _ in range(5):  # as smtpd asks again after a broken connection, and in its other restriction lists
        with daemon.client() as client:
            assert client.ask_raw(one) == "DUNNO"
            assert client.ask_raw(one) == "DUNNO"
    assert daemon.ask(sender="b@x.test", recipient="r2@y.test") == "DUNNO"
    assert daemon.ask(sender="b@x.test", recipient="r3@y.test").startswith("450 4.7.1")
    assert daemon.ask(sender="b@z.test", recipient="r3@y.test") == "DUNNO"


def test_messages_and_recipients(policyd):
    daemon = policyd({"rate out": {"messages_per_hour": 2, "recipients_per_hour": 100, "of": "client"}})
    for message in range(2):
        for recipient in range(5):
            assert daemon.ask(instance=f"m{message}", recipient=f"r{recipient}@y.test") == "DUNNO"
    assert daemon.ask(instance="m3", client_address="192.0.2.99").startswith("450")  # the same /24
    assert daemon.ask(instance="m0", recipient="late@y.test") == "DUNNO"  # of a message that was counted
    assert daemon.ask(instance="m3", client_address="192.0.3.99") == "DUNNO"


def test_rate_at_end_of_message(policyd):
    daemon = policyd({"rate out": {"states": ["END-OF-MESSAGE"], "recipients_per_day": 10, "of": "user"}})
    assert daemon.ask(protocol_state="END-OF-MESSAGE", recipient_count="9", sasl_username="u@x.test") == "DUNNO"
    assert daemon.ask(protocol_state="END-OF-MESSAGE", recipient_count="2", sasl_username="u@x.test").startswith("450")
    assert daemon.ask(protocol_state="END-OF-MESSAGE", recipient_count="1", sasl_username="u@x.test") == "DUNNO"


def test_sender_must_belong_to_the_user(policyd, postfix, stack):
    path, name = in_postfix(stack)
    policyd({"sender_login own": {}}, path=path, accounts=stack.accounts)
    mta = postfix(smtpd_sender_restrictions=f"check_policy_service {name}")

    def submit(sender, user="alice"):
        send(compose(sender=sender), address("bob"), sender=sender, port=587, user=address(user))

    submit(address("alice"))
    submit("alice+shop@example.test")
    submit("everyone@example.test")  # an alias that leads to alice, among others
    with pytest.raises(Refused) as refused:
        submit(address("carol"))
    assert (refused.value.stage, refused.value.code) == ("RCPT", 553) and "not owned" in refused.value.text
    mta.wait_queue_empty()


def test_a_suspended_account(policyd, postfix, stack):
    path, name = in_postfix(stack)
    daemon = policyd({"account main": {"slow_per_hour": 2}}, path=path)
    mta = postfix(smtpd_sender_restrictions=f"check_policy_service {name}")

    def submit(user="alice"):
        send(compose(sender=address(user)), address("bob"), sender=address(user), port=587, user=address(user))

    submit()
    daemon.run("account", "suspend", "Alice@example.test", "--reason", "sends spam", "--hours", "2")
    with pytest.raises(Refused) as refused:
        submit()
    assert refused.value.code == 554 and "suspended" in refused.value.text
    submit("carol")
    daemon.restart()  # a decision is durable
    shown = daemon.run("account", "show", "alice@example.test").stdout
    assert "suspended" in shown and "sends spam" in shown and "root" in shown
    with pytest.raises(Refused):
        submit()
    assert daemon.run("account", "release", "alice@example.test", "--reason", "cleaned").stdout == "alice@example.test is no longer suspended\n"
    submit()
    assert "cleaned" in daemon.run("account", "show", "alice@example.test").stdout
    assert daemon.run("account", "release", "alice@example.test", check=False).returncode == 1
    daemon.run("account", "suspend", "@example.test", "--slow")
    for _ in range(2):
        submit("dave")
    with pytest.raises(Refused) as refused:
        submit("dave")
    assert refused.value.code == 450
    daemon.run("account", "release", "@example.test")
    mta.wait_queue_empty()
    daemon.run("account", "suspend", address("alice"), "--hold")
    submit()
    wait_until(lambda: [q["queue_name"] for q in mta.queue()] == ["hold"], 20, "a held message")


# ---- clients ----

def test_clients_are_weighed(policyd, names):
    names.records[("7.100.51.198.block.test", "A")] = ["127.0.0.2"]
    names.records[("8.100.51.198.block.test", "A")] = ["127.0.0.2"]
    names.records[("8.100.51.198.welcome.test", "A")] = ["127.0.0.5"]
    names.records[("9.100.51.198.block.test", "A")] = ["127.255.255.254"]  # it does not serve us: no listing
    names.records[("strict.test", "TXT")] = ["v=spf1 -all"]
    names.failing.add("10.100.51.198.block.test")
    daemon = policyd({"client main": {"dnsbl": ["block.test=127.0.0.[2..4]*3", "welcome.test*-2"], "unverified": 1, "helo": 1, "spf_fail": 2}})
    with daemon.client() as client:
        assert client.ask(client_address="198.51.100.7") == "550 5.7.1 Client refused: block.test"
        assert client.ask(client_address="198.51.100.8") == "DUNNO"
        assert client.ask(client_address="198.51.100.8", client_name="unknown", helo_name="pc") == "550 5.7.1 Client refused: unverified name, HELO, block.test"
        assert client.ask(client_address="198.51.100.9") == "DUNNO"
        assert client.ask(client_address="198.51.100.10") == "DUNNO"
        assert client.ask(client_address="198.51.100.11", client_name="unknown", sender="a@strict.test") == "550 5.7.1 Client refused: unverified name, SPF fail"
        assert client.ask(client_address="198.51.100.11", helo_name="[198.51.100.11]", client_name="unknown", sender="a@loose.test") == "DUNNO"
        assert client.ask(client_address="198.51.100.7", sasl_username="bob@example.test") == "DUNNO"
    told = daemon.run("policy", "test", "client_address=198.51.100.9", "helo_name=mx.x.test", "client_name=mx.x.test").stdout
    assert "it weighs nothing" in told and "weighs 0 of 3" in told


# ---- trouble ----

def test_sql_away(policyd, stack):
    daemon = policyd({"sender_login own": {}}, settings={"accounts": {"driver": "mariadb", "host": "/nowhere/sock", "database": "x", "user": "x"}})
    assert daemon.ask(sasl_username="u@x.test", sender="u@x.test") == "DUNNO"
    assert "trouble=yes" in daemon.log()
    daemon.settings["policyd"]["on_trouble"] = "defer"
    daemon.configure({"sender_login own": {}})
    daemon.run("reload", "policyd")
    assert daemon.ask(sasl_username="u@x.test", sender="u@x.test").startswith("DEFER_IF_PERMIT 4.3.0")


def on_mariadb(server, node):
    return {"policyd": {"driver": "mariadb", "host": server.socket, "database": "policy", "db_user": "policy", "password": "pw", "node": node}}


@pytest.fixture
def database(mariadb):
    mariadb.sql("CREATE DATABASE policy CHARACTER SET utf8mb4")
    return mariadb


def test_two_nodes_on_one_mariadb(policyd, database):
    checks = {"account decided": {}, "rate out": {"recipients_per_day": 3, "of": "user"}, "greylist main": {"delay": "2s", "window": "1h"}}
    one, two = (policyd(checks, settings=on_mariadb(database, node)) for node in ("one", "two"))
    user = {"sasl_username": "u@x.test", "sender": "u@x.test"}
    for recipient in ("a@y.test", "b@y.test"):
        assert one.ask(recipient=recipient, **user) == "DUNNO"
    assert one.ask(**first_try()).startswith("DEFER")
    one.run("account", "suspend", "v@x.test")
    time.sleep(2.5)
    assert two.ask(recipient="c@y.test", **user) == "DUNNO"
    assert two.ask(recipient="d@y.test", **user).startswith("450")  # two of three were taken by the other node
    assert two.ask(**first_try()) == "DUNNO"  # tried at the other node
    assert two.ask(sasl_username="v@x.test").startswith("554")
    two.run("account", "release", "v@x.test")
    wait_until(lambda: one.ask(sasl_username="v@x.test", sender="v@x.test") == "DUNNO", 3, "the release on the other node")
    third = policyd(checks, start=False, settings=on_mariadb(database, "one"))
    third.may_fail = True
    third.daemon.start()
    assert third.daemon.process.wait(30) == 1 and "one" in third.log()  # a name has one holder


def test_the_database_goes_away_and_comes_back(policyd, database):
    daemon = policyd({"account decided": {}, "greylist main": {"delay": "1s", "window": "1h"}}, settings=on_mariadb(database, "one"))
    assert daemon.ask(**first_try()).startswith("DEFER")
    time.sleep(1.2)
    database.kill()
    assert daemon.ask(**first_try()) == "DUNNO"  # from memory
    assert daemon.ask(**first_try(sender="later@shop.test")).startswith("DEFER")
    assert daemon.run("account", "suspend", "v@x.test", check=False).returncode == 1  # a decision must be durable
    assert daemon.ask(sasl_username="v@x.test", sender="v@x.test") == "DUNNO"
    database.start()
    wait_until(lambda: "later@shop.test" in daemon.run("greylist", "list", check=False).stdout, 20, "what came meanwhile in the database")
    daemon.run("account", "suspend", "v@x.test")
    assert daemon.ask(sasl_username="v@x.test", sender="v@x.test", recipient="other@y.test").startswith("554")


# ---- tables by hand ----

@pytest.fixture(params=["sqlite", "mariadb"])
def tables(request, policyd, stack):
    """A function that makes a daemon on either engine."""
    def make(checks, **arguments):
        settings = {}
        if request.param == "mariadb":
            settings = on_mariadb(request.getfixturevalue("database"), "one")
        return policyd(checks, settings=settings, **arguments)
    return make


def test_lists_by_command(tables):
    daemon = tables({"access friends": {"senders": ["list:friends"], "action": "REJECT listed"}, "access nets": {"clients": ["list:nets"], "action": "HOLD"}})

    def ask(**attributes):
        return daemon.ask(**{"sender": "bob@a.test", "client_address": "203.0.113.9", **attributes})

    assert ask() == "DUNNO"  # and is remembered for ten seconds
    assert daemon.run("policy", "list", "show").stdout == ""
    done = daemon.run("policy", "list", "add", "friends", "Bob@A.test", ".shop.test", "<>", "--reason", "they asked")
    assert (done.stdout, done.stderr) == ("3 added\n", "")
    assert ask() == "REJECT listed" == ask(sender="") == ask(sender="x@mail.shop.test")
    assert ask(sender="bob@b.test") == "DUNNO"
    assert daemon.run("policy", "list", "add", "friends", "bob@a.test", "@c.test").stdout == "1 added, 1 there already\n"
    assert ask(sender="carol@c.test") == "REJECT listed"
    daemon.run("policy", "list", "add", "nets", "203.0.113.0/24", "2001:db8::/32")
    assert ask(sender="x@y.test") == "HOLD"
    assert re.fullmatch(r"LIST +ENTRIES\nfriends +4\nnets +2\n", daemon.run("policy", "list", "show").stdout)
    assert daemon.run("policy", "list", "show", "friends").stdout == "ENTRY\n.shop.test\n<>\n@c.test\nbob@a.test\n"
    assert re.search(r" (\S+) +list add +friends: they asked\n", daemon.run("account", "show", "bob@a.test").stdout)
    # a bad one changes nothing
    done = daemon.run("policy", "list", "add", "friends", "dora@a.test", "192.0.2.1/24", check=False)
    assert done.returncode == 1 and "did you mean 192.0.2.0/24?; nothing was changed" in done.stderr
    assert daemon.run("policy", "list", "add", "my friends", "dora@a.test", check=False).returncode == 1
    assert ask(sender="dora@a.test") == "HOLD"
    done = daemon.run("policy", "list", "remove", "friends", "BOB@a.test", "erin@a.test", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "1 removed\n", "postern: erin@a.test was not among them\n")
    assert ask() == "HOLD"
    assert daemon.run("policy", "list", "remove", "nets", "203.0.113.0/24").stdout == "1 removed\n"
    assert ask() == "DUNNO"
    daemon.restart()
    assert ask(sender="carol@c.test") == "REJECT listed"
    assert "nothing in the configuration asks for the list frends" in daemon.run("policy", "list", "add", "frends", "a@b.test").stderr
    many = [f"user{i}@{'x' * 60}.test" for i in range(300)]
    assert "give it in parts" in daemon.run("policy", "list", "add", "friends", *many, check=False).stderr


def test_limits_by_command(tables):
    daemon = tables({"rate out": {"messages_per_hour": 2, "of": "user"}})

    def sends(user="alice@example.test"):
        return daemon.ask(sasl_username=user, sender=user, recipient="r@y.test")

    assert [sends()[:5] for _ in range(3)] == ["DUNNO", "DUNNO", "450 4"]
    daemon.run("rate", "limit", "Alice@Example.test", "messages", "4/hour", "100/day", "--reason", "a newsletter")
    assert [sends()[:5] for _ in range(3)] == ["DUNNO", "DUNNO", "450 4"]
    daemon.run("rate", "limit", "@example.test", "messages", "none")
    assert sends().startswith("450")  # the most specific one counts
    assert [sends("bob@example.test") for _ in range(4)] == ["DUNNO"] * 4
    shown = daemon.run("rate", "show", "alice@example.test").stdout
    assert re.search(r"\nSUBJECT +COUNTED +LIMIT OF ITS OWN\n", shown) and re.search(r"\nalice@example\.test +messages +4/hour\n", shown)
    assert re.search(r"\n@example\.test +messages +none/day\n", shown)
    assert re.search(r" rate limit +messages 100/day: a newsletter\n", daemon.run("account", "show", "alice@example.test").stdout)
    assert daemon.run("rate", "limit", "alice@example.test", "messages", "4/week", check=False).returncode == 1
    assert daemon.run("rate", "unset", "alice@example.test", "recipients", check=False).returncode == 1
    daemon.run("rate", "unset", "alice@example.test", "messages", "hour")
    assert sends() == "DUNNO"  # the domain's
    daemon.run("rate", "unset", "@example.test")
    assert "450 4" in [sends()[:5] for _ in range(3)]  # the check's
    daemon.run("rate", "unset", "alice@example.test")
    assert "LIMIT OF ITS OWN" not in daemon.run("rate", "show").stdout
    daemon.run("rate", "limit", "*", "messages", "0/day")
    assert sends("carol@example.test").startswith("450")


def test_senders_by_command(tables, stack):
    daemon = tables({"sender_login own": {}}, accounts=stack.accounts)

    def sends(sender):
        return daemon.ask(sasl_username=address("alice"), sender=sender)

    assert sends(address("carol")).startswith("553")
    assert daemon.run("account", "sender", "add", "Alice@example.test", "Carol@Example.test", "@lists.test", "-r", "on leave").stdout == "2 added\n"
    assert sends(address("carol")) == "DUNNO" == sends("any@lists.test")
    shown = daemon.run("account", "show", address("alice")).stdout
    assert "\nMAY ALSO SEND AS\n@lists.test\ncarol@example.test\n" in shown and re.search(r" sender add +carol@example\.test: on leave\n", shown)
    assert daemon.run("account", "sender", "add", address("alice"), "dave@example.test", ".lists.test", check=False).returncode == 1
    assert sends(address("dave")).startswith("553")
    assert daemon.run("account", "sender", "remove", address("alice"), "carol@example.test").stdout == "1 removed\n"
    assert sends(address("carol")).startswith("553") and sends("any@lists.test") == "DUNNO"
    assert "MAY ALSO" not in daemon.run("account", "show", address("carol")).stdout


def test_what_has_no_effect_yet_is_told(policyd):
    daemon = policyd({"access a": {}})
    assert "no check of the kind sender_login" in daemon.run("account", "sender", "add", "a@b.test", "c@d.test").stderr
    assert "no check of the kind rate" in daemon.run("rate", "limit", "a@b.test", "messages", "1/hour").stderr


def test_other_nodes_go_by_tables_when_their_caches_have_forgotten(policyd, database):
    checks = {"access friends": {"senders": ["list:friends"], "action": "REJECT listed"}}
    one, two = (policyd(checks, settings=on_mariadb(database, node)) for node in ("one", "two"))
    assert two.ask(sender="bob@a.test") == "DUNNO"
    one.run("policy", "list", "add", "friends", "bob@a.test")
    assert one.ask(sender="bob@a.test") == "REJECT listed"
    wait_until(lambda: two.ask(sender="bob@a.test") == "REJECT listed", 12, "what the other node has written")
    database.kill()
    done = one.run("policy", "list", "remove", "friends", "bob@a.test", check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert one.ask(sender="bob@a.test") == "REJECT listed"  # as it was before the server went away


def test_start_while_the_database_is_away(policyd, database):
    first = policyd({"account decided": {}}, settings=on_mariadb(database, "one"))
    first.run("account", "suspend", "v@x.test")
    first.stop()
    database.kill()
    second = policyd({"account decided": {}}, settings=on_mariadb(database, "one"))
    assert second.ask(sasl_username="v@x.test", sender="v@x.test") == "DUNNO"
    assert "not_made=decided" in second.log() and "trouble=yes" in second.log()  # nobody knows whether they may send
    second.settings["policyd"]["on_trouble"] = "defer"
    second.configure({"account decided": {}})
    second.run("reload", "policyd")
    assert second.ask(sasl_username="w@x.test", sender="w@x.test").startswith("DEFER_IF_PERMIT 4.3.0")
    assert second.ask(sender="w@x.test") == "DUNNO"
    database.start()
    wait_until(lambda: second.ask(sasl_username="v@x.test", sender="v@x.test").startswith("554"), 30, "what is in the database")


def test_kill_under_load(policyd):
    """What was answered more than a second before a kill -9 is remembered."""
    daemon = policyd({"greylist main": {"delay": "1s", "window": "1h", "passes": 1000, "spf": False}})
    asked, deadline = [], time.monotonic() + 4
    with daemon.client() as client:
        while time.monotonic() < deadline:
            recipient = f"r{len(asked)}@example.test"
            assert client.ask(**first_try(recipient=recipient)).startswith("DEFER")
            asked.append((time.monotonic(), recipient))
        daemon.daemon.signal(signal.SIGKILL)
        killed = time.monotonic()
    daemon.daemon.stop()
    time.sleep(1)
    daemon.start()
    with daemon.client() as client:
        forgotten = [killed - at for at, recipient in asked[::10] if client.ask(**first_try(recipient=recipient)) != "DUNNO"]
    assert len(asked) > 200 and all(age < 1.2 for age in forgotten), (len(asked), sorted(forgotten)[-5:])


def test_metrics(policyd):
    from support.postern import read_metrics
    daemon = policyd({"access a": {"senders": ["@x.test"], "action": "REJECT"}})
    daemon.ask(sender="a@x.test")
    daemon.ask(sender="a@y.test")
    wait_until(lambda: "postern_policy_database_up 1" in read_metrics(daemon.metrics), 5, "gauges")
    text = read_metrics(daemon.metrics)
    assert 'postern_policy_answers_total{check="a",action="reject"} 1' in text
    assert 'postern_policy_answers_total{check="none",action="dunno"} 1' in text


# ---- migration ----

def test_import_from_postgrey(policyd, tmp_path):
    daemon = policyd(SLOW_GREYLIST)
    now = int(time.time())
    triplets = [(f"198.51.100.0/n-#@list.test/alice@example.test", f"{now - 900},{now - 100}"), ("198.51.100.0/@/bob@example.test", f"{now - 900},{now - 100}"),
                ("203.0.113.0/early@x.test/alice@example.test", f"{now - 60},{now - 60}"), ("nonsense", "x")]
    clients = [("192.0.2.77", f"9,{now - 100}"), ("192.0.2.78", f"1,{now - 100}")]
    for name, rows in (("postgrey.txt", triplets), ("clients.txt", clients)):
        body = "".join(f" {key}\n {value}\n" for key, value in rows)
        (tmp_path / name).write_text(f"VERSION=3\nformat=print\ntype=btree\nHEADER=END\n{body}DATA=END\n")
    assert daemon.run("greylist", "import", str(tmp_path / "postgrey.txt")).stdout == "3 triplets and 0 clients taken over, 1 passed over\n"
    assert daemon.run("greylist", "import", str(tmp_path / "clients.txt")).stdout == "0 triplets and 1 clients taken over, 1 passed over\n"
    with daemon.client() as client:
        assert client.ask(client_address="198.51.100.9", client_name="unknown", sender="n-77@list.test", recipient="alice@example.test") == "DUNNO"
        assert client.ask(client_address="198.51.100.9", client_name="unknown", sender="", recipient="bob@example.test") == "DUNNO"
        assert client.ask(client_address="203.0.113.9", client_name="unknown", sender="early@x.test", recipient="alice@example.test").startswith("DEFER")
        assert client.ask(client_address="192.0.2.77", client_name="unknown", sender="a@new.test", recipient="alice@example.test") == "DUNNO"
        assert client.ask(client_address="192.0.2.78", client_name="unknown", sender="a@new.test", recipient="alice@example.test").startswith("DEFER")
    (tmp_path / "cut.txt").write_text("VERSION=3\nHEADER=END\n a/b@c/d@e\n")
    assert daemon.run("greylist", "import", str(tmp_path / "cut.txt"), check=False).returncode == 1
