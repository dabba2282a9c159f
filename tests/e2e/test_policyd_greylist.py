"""Greylisting of postern-policyd, and what comes over from postgrey."""
import re
import signal
import time

import pytest

from support.client import Refused, compose, inbox, send
from support.policyd import GREYLIST, SLOW_GREYLIST, first_try, in_postfix


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
