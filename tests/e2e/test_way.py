"""The whole way of one message: in by SMTP, submission or sendmail, durable in the archive, delivered, found again."""
import os

import pytest

from support.accounts import address
from support.client import OUTSIDER, compose, inbox, send
from support.process import wait_until

CHINESE = "上海公司的季度發票已經寄出，請查收。謝謝！\n"


def recipients(event):
    return {r["original"]: r["mailboxes"] for r in event["envelope"]["recipients"]}


def only_event(postern, hit):
    events = postern.meta(hit["id"])["events"]
    assert len(events) == 1
    return events[0]


def test_port_25(mail_system, dovecot):
    mta, postern = mail_system()
    message = compose(subject="Quarterly report", body="The numbers are attached.\n")
    send(message, address("alice"))
    hit, = postern.wait_found("subject:quarterly")
    assert postern.raw(hit["id"]).replace(b"\r\n", b"\n").rstrip(b"\n") == message.replace(b"\r\n", b"\n").rstrip(b"\n")
    event = only_event(postern, hit)
    assert event["source"] == "smtp" and event["envelope"]["from"] == OUTSIDER
    assert event["queue_id"] in mta.log() and event["client"]["address"] == "127.0.0.2"
    mta.wait_queue_empty()
    assert len(inbox(address("alice"))) == 1


def test_submission(mail_system, dovecot):
    mta, postern = mail_system()
    send(compose(subject="Submitted one", sender=address("alice"), to=address("bob")), address("bob"), sender=address("alice"),
         port=587, user=address("alice"))
    hit, = postern.wait_found("subject:submitted")
    event = only_event(postern, hit)
    assert event["source"] == "submission" and event["client"]["auth_user"] == address("alice")
    mta.wait_queue_empty()
    assert len(inbox(address("bob"))) == 1


def test_local_mail_by_sendmail(mail_system, dovecot):
    mta, postern = mail_system()
    mta.sendmail(compose(subject="Nightly cron output").replace(b"\r\n", b"\n"), [address("carol")], "root@example.test")
    hit, = postern.wait_found("subject:nightly")
    assert only_event(postern, hit)["source"] == "local"
    wait_until(lambda: dovecot.maildir(address("carol")), 20, "delivery of local mail")


def test_many_recipients_are_one_message_with_their_mailboxes(mail_system, dovecot):
    mta, postern = mail_system()
    to = ["everyone@example.test", "bob@example.org.test", "anything@catchall.test", "stranger@elsewhere.test"]
    mta.set(default_transport="discard:", relay_transport="discard:")
    mta.reload()
    send(compose(subject="For many"), to, source="127.0.0.1")
    hit, = postern.wait_found('subject:"for many"')
    found = recipients(only_event(postern, hit))
    assert found == {"everyone@example.test": [address(u) for u in ("alice", "bob", "carol", "dave")],
                     "bob@example.org.test": [address("bob")], "anything@catchall.test": [address("dave")],
                     "stranger@elsewhere.test": ["stranger@elsewhere.test"]}
    mta.wait_queue_empty()
    assert [len(inbox(address(u))) for u in ("alice", "carol")] == [1, 1]
    assert postern.search("--mailbox", address("carol"), "subject:many"), "carol was delivered it by an alias of an alias"


def test_rights_follow_the_expansion_of_that_time(mail_system, dovecot, stack):
    mta, postern = mail_system()
    send(compose(subject="Old team", to="sales@example.test"), "sales@example.test")
    postern.wait_found("subject:team")
    stack.accounts.execute("UPDATE alias SET goto = 'dave@example.test' WHERE address = 'sales@example.test'")
    assert postern.control("milter", "reload")[0].startswith("OK")  # else it may use an expansion of the last 10 s again
    try:
        send(compose(subject="New team", to="sales@example.test"), "sales@example.test")
        postern.wait_found("subject:team", count=2)
        seen = {u: [h["subject"] for h in postern.search("--mailbox", address(u), "subject:team")] for u in ("bob", "dave")}
        assert seen == {"bob": ["Old team"], "dave": ["New team"]}
    finally:
        stack.accounts.execute("UPDATE alias SET goto = 'bob@example.test,carol@example.test' WHERE address = 'sales@example.test'")


def test_no_copy_shows_anothers_bcc(mail_system, dovecot):
    mta, postern = mail_system()
    message = compose(subject="Surprise party", to=address("bob"), sender=address("alice"))
    message = message.replace(b"Subject:", b"Bcc: carol@example.test\r\nSubject:", 1)
    send(message, [address("bob"), address("carol"), address("dave")], sender=address("alice"), port=587, user=address("alice"))
    hit, = postern.wait_found("subject:surprise")
    mta.wait_queue_empty()
    for user in ("bob", "carol", "dave"):
        copy, = inbox(address(user))
        others = {"carol", "dave"} - {user}
        header = copy.split(b"\r\n\r\n")[0].decode()
        assert not [o for o in others if address(o) in header], header
        assert "x-envelope-to" not in header.lower()
    meta = postern.meta(hit["id"])
    assert sorted(recipients(meta["events"][0])) == [address(u) for u in ("bob", "carol", "dave")]
    assert sorted(meta["x_envelope_to"]) == [address(u) for u in ("bob", "carol", "dave")]
    # Neither can a reader ask by a search; the sender can.
    found = {u: len(postern.search("--mailbox", address(u), "to:" + address("carol"))) for u in ("alice", "bob", "carol", "dave")}
    assert found == {"alice": 1, "bob": 0, "carol": 1, "dave": 0}


def test_tagging_is_an_option(mail_system, dovecot):
    mta, postern = mail_system(envelope={"tag_delivered": True})
    send(compose(subject="Tagged"), [address("alice"), address("bob")])
    postern.wait_found("subject:tagged")
    mta.wait_queue_empty()
    header = inbox(address("alice"))[0].split(b"\r\n\r\n")[0].decode()
    assert "X-Envelope-To:" in header and address("bob") in header


@pytest.mark.parametrize("charset", ["utf-8", "big5", "gb18030", "gb2312-raw"])
def test_chinese_is_found_whatever_its_charset(mail_system, dovecot, charset):
    mta, postern = mail_system()
    if charset == "gb2312-raw":  # 8-bit header and body without any declaration, as old clients send
        message = ("From: x@outside.test\r\nTo: alice@example.test\r\nSubject: 季度发票\r\n\r\n上海公司的季度发票已经寄出，"
                   "请查收。谢谢！\r\n").encode("gb18030")
        words = ["上海公司", "公司", "发票", "subject:发票", "季度發票"]
    else:
        text = CHINESE if charset != "gb18030" else "上海公司的季度发票已经寄出，请查收。谢谢！\n"
        message = (f"From: x@outside.test\r\nTo: alice@example.test\r\nSubject: test\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
                   f"charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n").encode() + text.replace("\n", "\r\n").encode(charset)
        words = ["上海公司", "公司", "發票", "季度發票", "季度发票", '"請查收"' if charset != "gb18030" else '"请查收"']
    send(message, address("alice"))
    mta.wait_queue_empty()
    wait_until(lambda: postern.search("from:x@outside.test"), 20, "indexing")
    assert {w: len(postern.search(w)) for w in words} == {w: 1 for w in words}
    assert postern.search("北京公司") == []


def test_ten_megabytes(mail_system, dovecot):
    mta, postern = mail_system()
    content = os.urandom(7_500_000)
    message = compose(subject="A large one", attachments=[("data.bin", "application/octet-stream", content)])
    assert len(message) > 10_000_000
    send(message, address("alice"))
    hit, = postern.wait_found("subject:large", "has:attachment", timeout=60)
    assert postern.raw(hit["id"]).replace(b"\r\n", b"\n") == message.replace(b"\r\n", b"\n")
    mta.wait_queue_empty()
    assert len(dovecot.maildir(address("alice"))) == 1


def test_the_accounts_database_away_is_marked_and_resolved_later(mail_system, dovecot, stack):
    mta, postern = mail_system()
    away = stack.accounts.database + ".away"
    send(compose(subject="Warm up"), address("alice"))
    # Postfix must still know the recipient, so its maps are static meanwhile.
    mta.set(virtual_alias_maps="static:alice@example.test", virtual_mailbox_maps="static:x", virtual_mailbox_domains=address("x").split("@")[1])
    mta.restart()
    os.rename(stack.accounts.database, away)
    try:
        postern.milter.stop()
        postern.start_milter()
        send(compose(subject="Unexpanded", to="sales@example.test"), "sales@example.test")
        hit, = postern.wait_found("subject:unexpanded")
        assert only_event(postern, hit)["envelope"]["recipients"][0]["expansion"] == "pending"
    finally:
        os.rename(away, stack.accounts.database)
    wait_until(lambda: postern.search("--mailbox", address("carol"), "subject:unexpanded"), 60, "resolution of the pending expansion")


