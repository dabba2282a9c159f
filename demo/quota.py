"""The part of the demo's story about full mailboxes: a warning by mail, and a message that is refused before it is sent.

Dovecot warns by itself here, so that nothing of ours has to be installed in it; a real server may have the plugin postern_quota."""
import email
import email.policy
import imaplib
import smtplib

from support.accounts import address, password
from support.client import inbox
from support.dovecot import version
from support.postern import USER
from support.process import wait_until
from support.quota_daemon import KEY, OVERRIDE, SERVICES, WARNINGS

LIMIT = 20 << 20
FILLED = 17_500_000
TOO_MUCH = 4_000_000
QUOTA = ("""
mail_plugins = quota
protocol lmtp {
  mail_plugins = quota sieve
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=20M
}
""", """
mail_plugins {
  quota = yes
}
quota "User quota" {
  driver = count
  storage_size = 20M
}
""")


def dovecot_settings(directory, ports):
    """Limits, warnings, a way in for notices, and doveadm's API."""
    new = version() >= (2, 4)
    return QUOTA[new] + WARNINGS[new].format(socket=f"{directory}/postern/run/quota.script") + \
        SERVICES.format(http=ports["doveadm"], key=KEY, override=OVERRIDE[new], user=USER)


def configure(demo, run):
    demo.postern.configure({
        "quota": {"listen": "", "script": f"unix:{run}/quota.script", "from": address("postmaster"), "language": "zh-TW", "templates": "",
                  "lmtp": f"unix:{demo.directory}/dovecot/run/lmtp-notices"},
        "doveadm": {"url": f"http://127.0.0.1:{demo.ports['doveadm']}", "key": KEY},
        "quota_check full": {"grace": "0", "grace_percent": 0}})


def tell_quota(demo, fact):
    alice = address("alice")
    before = len(inbox(alice, demo.ports["imap"]))
    client = imaplib.IMAP4("127.0.0.1", demo.ports["imap"])
    client.login(alice, password("alice"))
    client.create("Photos")
    client.append("Photos", None, None, b"Subject: photos\r\n\r\n" + (b"x" * 70 + b"\r\n") * (FILLED // 72))
    client.logout()
    fact("filled", f"{alice} puts {FILLED // 1000:,} kB into a mailbox of {LIMIT // 1000:,} kB")
    notice = wait_until(lambda: inbox(alice, demo.ports["imap"])[before:], 20, lambda: f"a notice; the policy daemon's log:\n{demo.policy.daemon.tail()}")[0]
    notice = email.message_from_bytes(notice, policy=email.policy.default)
    fact("gets mail", notice["Subject"])
    fact("", next(line for line in notice.get_content().splitlines() if alice in line))
    for line in demo.postern.run("quota", "list", "--over", "80").stdout.decode().splitlines():
        fact("", line)
    with smtplib.SMTP("127.0.0.1", demo.ports["smtp"], timeout=60) as smtp:
        smtp.ehlo("client.outside.test")
        smtp.mail("someone@outside.test", [f"SIZE={TOO_MUCH}"])
        code, text = smtp.rcpt(alice)
    if code != 552:
        raise AssertionError(f"Postfix should answer 552 to {TOO_MUCH} bytes for {alice}, not {code} {text}")
    fact("one too big", f"{code} {text.decode()}")
