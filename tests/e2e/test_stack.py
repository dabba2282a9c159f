"""Postfix and Dovecot alone: what the other tests stand on."""
import smtplib

import pytest

from support.accounts import address
from support.client import OUTSIDER, Refused, compose, inbox, send
from support.process import wait_until


def test_mail_by_port_25_is_delivered_and_read_by_imap(postfix, dovecot):
    mta = postfix()
    text = send(compose(subject="Plain delivery"), "alice@example.test")
    assert "queued as" in text
    mta.wait_queue_empty()
    assert [b"Subject: Plain delivery" in m for m in inbox("alice@example.test")] == [True]


def test_submission_needs_a_password(postfix, dovecot):
    mta = postfix()
    with pytest.raises(Refused) as refused:
        send(compose(), "bob@example.test", sender=address("alice"), port=587)
    assert refused.value.code in (454, 554)
    send(compose(subject="Submitted", sender=address("alice")), "bob@example.test", sender=address("alice"), port=587,
         user=address("alice"))
    mta.wait_queue_empty()
    assert len(inbox(address("bob"))) == 1
    with pytest.raises(smtplib.SMTPAuthenticationError), smtplib.SMTP("127.0.0.1", 587) as s:
        s.login(address("alice"), "wrong")


def test_aliases_come_from_postfixadmins_tables(postfix, dovecot):
    mta = postfix()
    send(compose(subject="To all", to="everyone@example.test"), "everyone@example.test")
    send(compose(subject="To nobody in particular", to="x@catchall.test"), "x@catchall.test")
    send(compose(subject="Alias domain", to="alice@example.org.test"), "alice@example.org.test")
    mta.wait_queue_empty()
    assert {u: len(inbox(address(u))) for u in ("alice", "bob", "carol", "dave")} == {"alice": 2, "bob": 1, "carol": 1, "dave": 2}
    with pytest.raises(Refused) as refused:
        send(compose(), "nobody@example.test")
    assert refused.value.stage == "RCPT" and refused.value.code == 550


def test_local_mail_by_sendmail(postfix, dovecot):
    mta = postfix()
    mta.sendmail(compose(subject="From cron").replace(b"\r\n", b"\n"), [address("carol")], OUTSIDER)
    wait_until(lambda: dovecot.maildir(address("carol")), 20, "delivery of local mail")
    assert b"Subject: From cron" in inbox(address("carol"))[0]
