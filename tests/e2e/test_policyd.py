"""postern-policyd: the protocol, the order of checks, clients, trouble, metrics."""
import os
import re

import pytest

from support.client import Refused, compose, inbox, send
from support.policy import HungUp, PolicyClient, recorded, recordings, request
from support.policyd import in_postfix
from support.postern import read_metrics
from support.process import read_text, wait_until
from conftest import ROOT


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


def test_sql_away(policyd, stack):
    daemon = policyd({"sender_login own": {}}, settings={"accounts": {"driver": "mariadb", "host": "/nowhere/sock", "database": "x", "user": "x"}})
    assert daemon.ask(sasl_username="u@x.test", sender="u@x.test") == "DUNNO"
    assert "trouble=yes" in daemon.log()
    daemon.settings["policyd"]["on_trouble"] = "defer"
    daemon.configure({"sender_login own": {}})
    daemon.run("reload", "policyd")
    assert daemon.ask(sasl_username="u@x.test", sender="u@x.test").startswith("DEFER_IF_PERMIT 4.3.0")


def test_postfix_goes_on_without_the_daemon(policyd, postfix, stack):
    """With the service written as the manual has it."""
    path, name = in_postfix(stack)
    daemon = policyd({"access a": {"action": "REJECT no"}}, path=path)
    service, = re.findall(r"check_policy_service \{ unix:postern/policy\.sock, .* \}", read_text(os.path.join(ROOT, "docs/man/postern-policyd.8")))
    mta = postfix(smtpd_sender_restrictions=service.replace("unix:postern/policy.sock", name))
    with pytest.raises(Refused):
        send(compose(), "alice@example.test")
    daemon.stop()
    send(compose(), "alice@example.test")
    mta.wait_queue_empty()
    assert len(inbox("alice@example.test")) == 1


def test_metrics(policyd):
    daemon = policyd({"access a": {"senders": ["@x.test"], "action": "REJECT"}})
    daemon.ask(sender="a@x.test")
    daemon.ask(sender="a@y.test")
    wait_until(lambda: "postern_policy_database_up 1" in read_metrics(daemon.metrics), 5, "gauges")
    text = read_metrics(daemon.metrics)
    assert 'postern_policy_answers_total{check="a",action="reject"} 1' in text
    assert 'postern_policy_answers_total{check="none",action="dunno"} 1' in text
