"""postern-policyd about who signs in: limits and warnings before them, whose sender it is, suspended accounts."""
import email
import email.policy
import os
import re
import time

import pytest

from support.accounts import address
from support.client import Refused, compose, inbox, send
from support.policy import request
from support.policyd import in_postfix
from support.process import wait_until


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
    assert daemon.log().count("notice=yes") == 1 and "status=delivered try=1" in daemon.log()


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
    daemon.run("account", "suspend", "Alice@example.test", "--reason", "sends spam", "--for", "2h")
    with pytest.raises(Refused) as refused:
        submit()
    assert refused.value.code == 554 and "suspended" in refused.value.text
    submit("carol")
    daemon.restart()  # a decision is durable
    shown = daemon.run("account", "show", "alice@example.test").stdout
    assert "suspended" in shown and "sends spam" in shown and "root" in shown
    since, until = (time.mktime(time.strptime(at, "%Y-%m-%d %H:%M")) for at in re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", shown)[:2])
    assert until - since == 2 * 3600
    with pytest.raises(Refused):
        submit()
    assert daemon.run("account", "release", "alice@example.test", "--reason", "cleaned").stdout == "alice@example.test is no longer suspended\n"
    submit()
    assert "cleaned" in daemon.run("account", "show", "alice@example.test").stdout
    assert daemon.run("account", "release", "alice@example.test", check=False).returncode == 1
    for wrong in ("soon", "-2h", "0"):
        done = daemon.run("account", "suspend", "alice@example.test", f"--for={wrong}", check=False)
        assert done.returncode == 2 and "--for: " in done.stderr, wrong
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
