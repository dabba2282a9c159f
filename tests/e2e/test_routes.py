"""Other ways through Postfix: chrooted smtpd with the stock master.cf, and content filters that give mail back."""
import threading

from support.accounts import address
from support.client import compose, inbox, send
from support.filter import ContentFilter


def test_chrooted_smtpd_reaches_the_milter(stack, postern, postfix, dovecot):
    """The socket lies in the queue directory; master.cf's smtp line is untouched, its chroot column as Debian 12 ships it."""
    instance = postern()
    mta = postfix([instance.milter_address])
    mta.set_chroot(True)
    mta.restart()
    columns = {line.split()[7]: line.split()[4] for line in mta.services()}
    assert columns["smtpd"] == "y" and columns["cleanup"] == "y"
    try:
        send(compose(subject="From a chroot"), address("alice"))
        mta.sendmail(compose(subject="Local from a chroot").replace(b"\r\n", b"\n"), [address("alice")], "root@example.test")
        instance.wait_found("subject:chroot", count=2)
        mta.wait_queue_empty()
        assert len(inbox(address("alice"))) == 2
        assert instance.milter_address == "unix:postern/milter.sock"
    finally:
        mta.set_chroot(False)


def test_mail_that_a_content_filter_gives_back_is_archived_once(mail_system, dovecot):
    mta, postern = mail_system()
    mta.set(content_filter="smtp:[127.0.0.1]:10024", smtp_send_xforward_command="yes")
    mta.restart()
    with ContentFilter() as content_filter:
        threading.Thread(target=content_filter.serve_forever, daemon=True).start()
        send(compose(subject="Filtered mail"), [address("alice"), address("bob")])
        mta.sendmail(compose(subject="Filtered local mail").replace(b"\r\n", b"\n"), [address("alice")], "root@example.test")
        mta.wait_queue_empty()
        content_filter.shutdown()
    assert content_filter.passed == 2
    copies = inbox(address("alice"))
    assert len(copies) == 2 and all(b"X-Virus-Scanned" in c for c in copies)
    hits = postern.wait_found("subject:filtered", count=2)
    assert [len(postern.meta(h["id"])["events"]) for h in hits] == [1, 1]
    assert postern.run("archive", "reconcile", mta.log_path).returncode == 0, "what came back is not counted as unarchived"
