"""Lists, limits and senders in SQL, by command, and what they change in answers of postern-policyd."""
import re
import sqlite3

import pytest

from support.accounts import address
from support.policy import request
from support.policyd import on_mariadb
from support.process import wait_until


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


def test_sql_that_is_away_hides_neither_score_nor_audit(policyd):
    daemon = policyd({"account main": {}}, settings={"abuse": {"enabled": True, "suspend_at": 50}})
    daemon.run("account", "suspend", "bob@a.test")
    with sqlite3.connect(daemon.database) as sql:
        sql.execute("ALTER TABLE policy_sender RENAME TO hidden")
    shown = daemon.run("account", "show", "bob@a.test", check=False)
    assert shown.returncode == 1 and "policy_sender" in shown.stderr
    assert "\nScore: 0.0 (" in shown.stdout and "\nWhat was done:\n" in shown.stdout


def test_what_has_no_effect_yet_is_told(policyd, stack):
    daemon = policyd({"access a": {}}, accounts=stack.accounts)
    assert "no check of the kind sender_login" in daemon.run("account", "sender", "add", "a@b.test", "c@d.test").stderr
    assert "no check of the kind rate" in daemon.run("rate", "limit", "a@b.test", "messages", "1/hour").stderr
    assert "written as @b.test" in daemon.run("rate", "limit", "b.test", "messages", "1/hour").stderr
    daemon.configure({"sender_login own": {"default_domain": "b.test"}})
    assert "takes the login to be a@b.test; write it so" in daemon.run("account", "sender", "add", "a", "c@d.test").stderr
    assert daemon.run("account", "sender", "add", "e@b.test", "c@d.test").stderr == ""


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
