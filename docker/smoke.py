"""The client's side of docker/smoke: standard library only."""
import imaplib
import json
import os
import smtplib
import subprocess
import sys
import time
import uuid
from email.message import EmailMessage

HERE = os.path.dirname(os.path.abspath(__file__))
PORTS = {name: int(os.environ.get(name, default)) for name, default in (("SMTP_PORT", 25), ("SUBMISSION_PORT", 587), ("IMAP_PORT", 143))}
SMALL = os.environ["SMOKE_SMALL"]
USER, PASSWORD = "alice@example.test", os.environ["SMOKE_PASSWORD"]
MARK = uuid.uuid4().hex
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def message(subject, sender, text=""):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["X-Smoke"] = sender, USER, subject, MARK
    mail.set_content(f"上海公司的發票已經寄出，請查收。\n{MARK}\n{text}\n")
    return mail


def until(what, look, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    sys.exit(f"smoke: FAILED: {what} within {seconds} s")


def smtp(port):
    """A session; containers that were just started get time to answer."""
    def answers():
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=60)
        except (OSError, smtplib.SMTPException):
            return None
    return until(f"an answer on port {port} (look at: docker/compose logs postfix milter)", answers, 90)


def by_imap(mailbox, count, user=USER, field=("X-Smoke", MARK)):
    with imaplib.IMAP4("127.0.0.1", PORTS["IMAP_PORT"], timeout=30) as imap:
        imap.login(user, PASSWORD)
        if imap.select(mailbox)[0] != "OK":
            return None
        numbers = imap.search(None, "HEADER", *field)[1][0].split()
        return numbers if len(numbers) == count else None


def in_archive():
    done = subprocess.run([os.path.join(HERE, "compose"), "exec", "-T", "archived", "postern", "archive", "search", "--json",
                           "上海公司", MARK], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    hits = [line for line in done.stdout.decode().splitlines() if '"id"' in line]
    return [json.loads(line) for line in hits] if len(hits) == 3 else None


def account(command):
    subprocess.run([os.path.join(HERE, "compose"), "exec", "-T", "policyd", "postern", "account", command, USER], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, check=True)


def fill(size):
    """A mail for the small mailbox."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "bob@elsewhere.test", SMALL, "Many words"
    mail.set_content("All work and no play makes Jack a dull boy.\n" * (size // 44))
    with smtp(PORTS["SMTP_PORT"]) as s:
        s.send_message(mail, "bob@elsewhere.test", [SMALL])


def over_quota():
    fill(900_000)
    until("a warning in the mailbox that is nearly full", lambda: by_imap("INBOX", 1, SMALL, ("Auto-Submitted", "auto")))
    try:
        fill(300_000)
        sys.exit("smoke: FAILED: a mail for a full mailbox was accepted")
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = refused.recipients[SMALL]
        if code != 552:
            sys.exit(f"smoke: FAILED: mail for a full mailbox is refused with {code} {text.decode()}")
    print("smoke: a mailbox that is nearly full was warned, and what does not fit is refused before it is sent")


def main():
    with smtp(PORTS["SMTP_PORT"]) as s:
        s.send_message(message("By port 25 發票", "bob@elsewhere.test"), "bob@elsewhere.test", [USER])
        s.send_message(message("A test of the spam rules", "bob@elsewhere.test", GTUBE), "bob@elsewhere.test", [USER])
        print("smoke: port 25 took a mail, and one that is spam")
        try:
            s.sendmail("bob@elsewhere.test", ["nobody@example.test"], b"Subject: x\r\n\r\nx\r\n")
            sys.exit("smoke: FAILED: an unknown recipient was accepted")
        except smtplib.SMTPRecipientsRefused:
            print("smoke: an unknown recipient is refused")
    with smtp(PORTS["SUBMISSION_PORT"]) as s:
        try:
            s.login(USER, PASSWORD + "x")
            sys.exit("smoke: FAILED: a wrong password was accepted")
        except smtplib.SMTPAuthenticationError:
            print("smoke: a wrong password is refused")
        s.login(USER, PASSWORD)
        s.send_message(message("By submission 發票", USER), USER, [USER])
        print("smoke: port 587 took a mail")
        for command, expected in (("suspend", 554), ("release", 250)):
            account(command)
            s.mail(USER)
            code = s.rcpt(USER)[0]
            s.rset()
            if code != expected:
                sys.exit(f"smoke: FAILED: after account {command} the answer is {code}, not {expected}")
        print("smoke: an account that is suspended sends nothing, released it does")
    until("both mails by IMAP", lambda: by_imap("INBOX", 2))
    until("the spam in Junk", lambda: by_imap("Junk", 1))
    print("smoke: both are in the mailbox, and the spam is in Junk")
    over_quota()
    for hit in until("all mails in the archive by 上海公司", in_archive):
        print(f"smoke: the archive found {hit['id']} {hit['subject']}")
    print("smoke: OK")


main()
