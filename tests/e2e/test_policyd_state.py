"""What postern-policyd remembers: several nodes, a database that goes away, a kill under load."""
import signal
import time

from support.client import send
from support.policyd import first_try, on_mariadb
from support.process import wait_until


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
