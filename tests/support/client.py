"""What a mail user's program does: sending by SMTP and submission, reading by IMAP, building messages."""
import imaplib
import smtplib
from email.message import EmailMessage
from email.utils import make_msgid

from .accounts import password

OUTSIDER = "sender@outside.test"


def compose(subject="A test", body="Some text.\n", sender=OUTSIDER, to="alice@example.test", cc=None, html=None,
            attachments=(), message_id=None, date="Mon, 03 Feb 2025 10:20:30 +0800", **headers):
    """An RFC 5322 message as bytes with CRLF line ends; attachments are (name, type/subtype, bytes)."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Date"] = sender, to, subject, date
    message["Message-ID"] = message_id or make_msgid(domain="client.test")
    if cc:
        message["Cc"] = cc
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for name, kind, content in attachments:
        message.add_attachment(content, *kind.split("/"), filename=name)
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Refused(Exception):
    """An SMTP reply other than 2xx; code and text are the server's."""

    def __init__(self, stage, code, text):
        super().__init__(f"{stage}: {code} {text!r}")
        self.stage, self.code, self.text = stage, code, text


def reply(stage, answer, expected=250):
    code, text = answer
    if code != expected:
        raise Refused(stage, code, text.decode("utf-8", "replace"))
    return text.decode("utf-8", "replace")


def send(message, recipients, sender=OUTSIDER, port=25, user=None, timeout=120, source="127.0.0.2"):
    """One message in one session; returns the text of the reply to the final dot, raises Refused. The bytes go out as they
    are (lines must end in CRLF), with BODY=8BITMIME when there are 8-bit bytes. The source address is none of Postfix's own,
    so that it treats the header as a stranger's and does not complete it."""
    recipients = [recipients] if isinstance(recipients, str) else recipients
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.outside.test", timeout=timeout, source_address=(source, 0)) as s:
        s.ehlo()
        if user:
            s.login(user, password(user))
        options = ["BODY=8BITMIME"] if any(b > 127 for b in message) else []
        return transaction(s, message, recipients, sender, options)


def transaction(s, message, recipients, sender, options=()):
    """MAIL, RCPT and DATA on an open smtplib session."""
    reply("MAIL", s.mail(sender, options))
    for recipient in recipients:
        reply("RCPT", s.rcpt(recipient))
    s.putcmd("data")
    reply("DATA", s.getreply(), 354)
    s.send(dot_stuffed(message))
    return reply("dot", s.getreply())


def dot_stuffed(message):
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    message = message.replace(b"\r\n.", b"\r\n..")
    return (b"." if message.startswith(b".") else b"") + message + b".\r\n"


def inbox(user, port=143):
    """All messages of a user's INBOX as IMAP gives them, oldest first."""
    imap = imaplib.IMAP4("127.0.0.1", port, timeout=30)
    try:
        imap.login(user, password(user))
        imap.select("INBOX", readonly=True)
        _, data = imap.search(None, "ALL")
        return [imap.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in data[0].split()]
    finally:
        imap.logout()
