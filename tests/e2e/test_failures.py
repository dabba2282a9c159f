"""When a part fails: nothing that got a 250 is lost or doubled, and what was not archived is known."""
import os
import shutil
import smtplib
import subprocess

import pytest

from support.accounts import address
from support.client import OUTSIDER, Refused, compose, reply, send, transaction
from support.load import check_found_once
from support.process import wait_until

# Places inside postern-milter where a build with -Dtest_hooks=true lets itself be killed.
STAGES = ["connect", "helo", "mail", "rcpt", "header", "body", "eom-before-archive", "eom-after-archive", "eom-before-reply"]


def has_hooks(postern):
    with open(postern.milter.command[0], "rb") as f:
        return b"POSTERN_TEST_KILL_FLAG" in f.read()


def send_until_accepted(message, recipient, attempts=5):
    """What a sending server does: a 4xx or a lost connection is tried again. Returns the number of attempts."""
    for attempt in range(1, attempts + 1):
        try:
            send(message, recipient)
            return attempt
        except Refused as refused:
            assert 400 <= refused.code < 500, refused
        except (smtplib.SMTPException, OSError):
            pass
        wait_until(lambda: True, 1)
    raise AssertionError(f"not accepted in {attempts} attempts")


@pytest.mark.parametrize("action", ["tempfail", "accept"])
@pytest.mark.parametrize("stage", STAGES)
def test_milter_killed_at(mail_system, postern, postfix, dovecot, stage, action):
    mta, instance = mail_system(default_action=action)
    if not has_hooks(instance):
        pytest.skip("postern-milter was built without -Dtest_hooks=true")
    flag = os.path.join(instance.directory, "run", "killed")
    instance.milter.stop()
    instance.start_milter({"POSTERN_TEST_KILL": stage, "POSTERN_TEST_KILL_FLAG": flag})
    message = compose(subject=f"load kill-{stage}", body="This message meets a dying milter.\n")
    try:
        send(message, address("alice"))
        accepted = True
    except (Refused, smtplib.SMTPServerDisconnected) as error:
        assert not isinstance(error, Refused) or 400 <= error.code < 500, error
        accepted = False
    wait_until(lambda: os.path.exists(flag) and not instance.milter.running(), 20, f"the milter's death at {stage}")
    instance.start_milter()
    assert accepted == (action == "accept")
    if not accepted:
        send_until_accepted(message, address("alice"))
    mta.wait_queue_empty()
    assert len(dovecot.maildir(address("alice"))) == 1, "delivered once"
    if action == "tempfail":
        check_found_once(instance, [f"kill-{stage}"])
    else:
        # Passed without a milter: either it was durable before the death, or it is counted as unarchived.
        instance.run("archive", "status")
        archived = stage in ("eom-after-archive", "eom-before-reply")
        done = instance.run("archive", "reconcile", "--json", mta.log_path)
        assert (done.returncode, len(done.stdout.splitlines())) == ((0, 0) if archived else (1, 1)), done.stdout
        assert instance.metric("archived", "postern_archive_unarchived_messages") == (0 if archived else 1)


def test_accept_with_a_dead_milter_is_counted(mail_system, dovecot):
    mta, postern = mail_system(default_action="accept")
    send(compose(subject="load before"), address("alice"))
    postern.milter.kill()
    for n in range(3):
        send(compose(subject=f"load unseen{n}"), address("alice"))
    mta.wait_queue_empty()
    postern.start_milter()
    send(compose(subject="load after"), address("alice"))
    check_found_once(postern, ["before", "after"])
    done = postern.run("archive", "reconcile", "--json", mta.log_path)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 3, done.stdout
    assert postern.metric("archived", "postern_archive_unarchived_messages") == 3
    assert len(dovecot.maildir(address("alice"))) == 5


def test_config_check_warns_of_accept(mail_system):
    mta, postern = mail_system(default_action="accept")
    done = postern.run("config", "check", "--postfix-config", mta.etc)
    assert b"milter_default_action" in done.stdout + done.stderr


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_archive_away(mail_system, dovecot, how):
    mta, postern = mail_system()
    send(compose(subject="load first"), address("alice"))
    postern.archived.stop() if how == "stopped" else postern.archived.kill()
    words = [f"away{n}" for n in range(5)]
    for word in words:
        send(compose(subject=f"load {word}"), [address("alice"), address("bob")])
    assert len(postern.spooled()) == 5
    mta.wait_queue_empty()
    assert len(dovecot.maildir(address("alice"))) == 6
    postern.milter.kill()  # the spool outlives the milter too
    postern.start_milter()
    postern.start_archived()
    wait_until(lambda: not postern.spooled(), 30, "an empty spool")
    check_found_once(postern, ["first", *words])
    assert all(len(postern.meta(h["id"])["events"]) == 1 for h in postern.search("subject:load"))
    assert postern.run("archive", "reconcile", mta.log_path).returncode == 0


def test_retry_after_a_lost_reply_is_one_message(mail_system, dovecot):
    """The client's connection breaks after its final dot and before the 250: it can't know, and sends again."""
    mta, postern = mail_system()
    message = compose(subject="load twice", message_id="<twice@client.test>")
    with smtplib.SMTP("127.0.0.1", 25, source_address=("127.0.0.2", 0)) as s:
        s.ehlo()
        reply("MAIL", s.mail(OUTSIDER))
        reply("RCPT", s.rcpt(address("alice")))
        s.putcmd("data")
        reply("DATA", s.getreply(), 354)
        s.send(message + b".\r\n")
        s.sock.close()  # never reads the reply
        s.sock = None
        s.file = None
    wait_until(lambda: postern.search("subject:twice"), 20, "the first copy")
    send(message, address("alice"))
    wait_until(lambda: postern.status() and postern.metric("archived", "postern_archive_ingested_total", 'outcome="repeat"') == 1, 20,
               "the repeat to be recognised")
    check_found_once(postern, ["twice"])


def test_lost_reply_of_the_archive_stores_once(mail_system, dovecot):
    """The archive dies after it stored and before it answered: the milter spools the same record, which is drained as a repeat."""
    mta, postern = mail_system()
    words = []
    for n in range(10):
        words.append(f"race{n}")
        with smtplib.SMTP("127.0.0.1", 25, source_address=("127.0.0.2", 0)) as s:
            s.ehlo()
            if n % 2:
                postern.archived.kill()
            transaction(s, compose(subject=f"load race{n}"), [address("alice")], OUTSIDER)
        if n % 2:
            postern.start_archived()
    wait_until(lambda: not postern.spooled(), 30, "an empty spool")
    check_found_once(postern, words)


def test_disk_full(stack, postern, postfix, dovecot):
    """The disk of archive and spool fills up: 4xx, and every 250 is found when there is room again."""
    directory = os.path.join(stack.directory, "small-disk")
    os.makedirs(directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", directory], check=True)
    try:
        instance = postern(directory=directory, archived={"segment_size": "4M", "min_free": "4M"}, archive={"spool_min_free": "4M"})
        mta = postfix([instance.milter_address])
        accepted, deferred = [], 0
        for n in range(60):
            filler = os.urandom(1_000_000)
            try:
                send(compose(subject=f"load full{n}", attachments=[("x.bin", "application/octet-stream", filler)]), address("alice"))
                accepted.append(f"full{n}")
            except Refused as refused:
                assert 400 <= refused.code < 500, refused
                deferred += 1
                if deferred >= 3:
                    break
        assert accepted and deferred >= 3, (len(accepted), deferred)
        assert instance.archived.running() and instance.milter.running()
        subprocess.run(["mount", "-o", "remount,size=256m", directory], check=True)
        wait_until(lambda: send_until_accepted(compose(subject="load room-again"), address("alice"), 1), 30, "mail flows again")
        wait_until(lambda: not instance.spooled(), 60, "an empty spool")
        check_found_once(instance, [*accepted, "room-again"])
        mta.wait_queue_empty()
        instance.stop()
        instance.start()
        assert instance.run("archive", "verify").returncode == 0
        instance.stop()
    finally:
        subprocess.run(["umount", "-l", directory])
        shutil.rmtree(directory, ignore_errors=True)
