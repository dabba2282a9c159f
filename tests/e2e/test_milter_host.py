"""postern-milter alone, one message and one configuration after the other: what is negotiated, recorded, capped; reload and signals."""
import os
import signal
import subprocess
import time

import pytest

from support.accounts import Accounts
from support.lone_milter import MESSAGE, PROGRAM
from support.milterclient import ALL_STEPS, LEADSPC, SILENT, MilterError
from support.process import connects, wait_until


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
