"""./run demo: a private Postfix, Dovecot and Postern on loopback ports, seven messages, the story of each, who may send, and a mailbox that fills up.

  demo.py [--dir DIR]          starts everything, tells the story, stays up
  demo.py --once               the same, then stops and removes everything; exit status 0 when all went as it should
  demo.py --send TEXT          sends one more message to the running demo
  demo.py --stop               stops it and removes its directory

Everything lives under one directory (default /tmp/postern-demo): configuration, queue, mailboxes, archive, logs."""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "demo"))

from letters import Letter, letters  # noqa: E402
from names import Names  # noqa: E402
from policy import Policy, tell_greylist, tell_rate  # noqa: E402
from quota import dovecot_settings, tell_quota  # noqa: E402
from support.accounts import Accounts, USERS, address, password  # noqa: E402
from support.client import Refused, inbox, send  # noqa: E402
from support.dovecot import Dovecot  # noqa: E402
from support.postern import Postern, USER, program  # noqa: E402
from support.postfix import Postfix  # noqa: E402
from support.process import alive, wait_until  # noqa: E402

PORTS = {"smtp": 2525, "reinjection": 2526, "submission": 2587, "imap": 2143, "dns": 2553, "doveadm": 2180}


class Failed(Exception):
    pass


# ---- what is shown ----

def styled(code, text):
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def title(text):
    print("\n" + styled("1", text), flush=True)


def columns(text):
    """How many columns of a terminal the text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text, width):
    """Lines of at most width columns; between words, and between Chinese characters, which have no spaces."""
    lines, line = [], ""
    for piece in re.findall(r"\s+|[\u2e80-\uffef]|[^\s\u2e80-\uffef]+", text):
        if line and columns(line + piece.rstrip()) > width and piece[0] not in "，。、：；！？）」』】":
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return lines + [line.rstrip()] if line or not lines else lines


def fact(name, text):
    """One line of a story; long values continue below themselves."""
    width = max(60, shutil.get_terminal_size((110, 24)).columns - 18)
    lines = wrapped(text, width)
    print("  " + styled("36", f"{name:<14}") + lines[0])
    for line in lines[1:]:
        print(" " * 16 + line)
    sys.stdout.flush()


# ---- the servers ----

def free_port(wanted, taken):
    for port in range(wanted, wanted + 400):
        with socket.socket() as s:
            if port not in taken and s.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise Failed(f"no free port from {wanted} on")


class Demo:
    def __init__(self, directory):
        self.directory, self.state_path = directory, os.path.join(directory, "demo.json")
        self.ports = {}
        self.begun = False  # by this process: what it may stop

    def start(self):
        if os.path.exists(self.directory):
            raise Failed(f"{self.directory} is there already; stop the older demo first:  ./run demo --stop")
        os.makedirs(self.directory, mode=0o755)
        self.begun = True
        for name, wanted in PORTS.items():
            self.ports[name] = free_port(wanted, self.ports.values())
        self.save([])
        accounts = Accounts(os.path.join(self.directory, "accounts"))
        self.postfix = Postfix(os.path.join(self.directory, "postfix"), accounts, self.ports)
        self.dovecot = Dovecot(os.path.join(self.directory, "dovecot"), accounts, self.postfix.queue_directory, self.ports["imap"],
                               junk=True, extra=dovecot_settings(self.directory, self.ports))
        self.postern = Postern(os.path.join(self.directory, "postern"), self.postfix.milter_socket(owner=USER), accounts).init()
        self.postfix.milters([self.postern.milter_address])
        self.names = Names(os.path.join(self.directory, "dns"), self.ports["dns"])
        self.configure_authentication()
        self.configure_spam()
        self.policy = Policy(self)
        try:
            self.names.start()
            self.dovecot.start()
            self.postern.start()
            self.policy.start()
            self.postfix.start()
        finally:
            self.save([d.process.pid for d in (self.names.daemon, self.dovecot.daemon, self.postern.milter,
                                                    self.postern.archived, self.policy.daemon) if d.process])

    def configure_authentication(self):
        """Keys for example.test, published in the demo's DNS. Loopback clients play strangers here, so they are checked."""
        self.postern.configure({
            "dns": {"mode": "forward", "forwarders": [f"127.0.0.1@{self.ports['dns']}"], "dnssec": "off"},
            "auth": {"authserv_id": "mx.example.test", "skip_networks": ["::1"]},
            "sign": {"directory": os.path.join(self.directory, "keys"), "networks": ["::1"]}})
        self.names.publish(self.postern.run("dkim", "keygen", "example.test").stdout.decode())

    def configure_spam(self):
        """All of SpamAssassin's rules. The compiled ones are kept for the next demo."""
        cache = os.path.join(tempfile.gettempdir(), "postern-demo-rules")
        os.makedirs(cache, mode=0o700, exist_ok=True)
        shutil.chown(cache, USER, USER)
        self.postern.configure({"milter": {"modules": ["auth", "spam", "sign", "archive", "envelope"]}, "spam": {"cache": cache}})

    def save(self, pids):
        with open(self.state_path, "w") as f:
            json.dump({"ports": self.ports, "pids": pids}, f)

    def load(self):
        try:
            with open(self.state_path) as f:
                state = json.load(f)
        except FileNotFoundError:
            raise Failed(f"no demo runs in {self.directory}; start one:  ./run demo") from None
        self.ports = state["ports"]
        return state["pids"]

    def stop(self):
        """Ends everything that was started here and removes the directory. Works from any later process."""
        pids = self.load()
        try:
            with open(os.path.join(self.directory, "postfix", "spool", "pid", "master.pid")) as f:
                pids.insert(0, int(f.read()))
        except FileNotFoundError:
            pass
        ours = [pid for pid in pids if alive(pid) and self.is_ours(pid)]
        for pid in ours:
            os.kill(pid, signal.SIGTERM)
        try:
            wait_until(lambda: not any(alive(pid) for pid in ours), 40)
        except AssertionError:
            for pid in filter(alive, ours):
                os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(self.directory)

    def is_ours(self, pid):
        """Process ids are reused: only what names our directory in its command line, or is a Postfix master in it."""
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            named = self.directory.encode() in f.read()
        return named or os.path.realpath(f"/proc/{pid}/cwd").startswith(self.directory)

    def command(self, *arguments):
        """A `postern` command as the reader can type it, and its output."""
        shown = [os.path.relpath(program("postern"), os.getcwd()), "-c", self.postern.configuration, *arguments]
        return " ".join(f"'{a}'" if " " in a or any(ord(c) > 127 for c in a) else a for a in shown)


# ---- the story ----

def maildir_file(demo, user, queue_id):
    for path in demo.dovecot.maildir(user) + demo.dovecot.maildir(user, "Junk"):
        with open(path, "rb") as f:
            if queue_id.encode() in f.read(4000):
                return path
    return None


def tell(demo, number, letter):
    """Sends one letter and follows it; raises Failed with the step that did not work."""
    message = letter.render()
    title(f"{number}. {letter.title}")
    fact("subject", f"{letter.subject}   ({len(message):,} bytes)")
    port = demo.ports["submission" if letter.submitted_by else "smtp"]
    started = time.monotonic()
    try:
        reply = send(message, letter.recipients, letter.sender, port, letter.submitted_by or None, source="127.0.0.1")
    except Refused as refused:
        raise Failed(f"Postfix did not take the message: {refused}") from refused
    fact("SMTP reply", f"250 {reply}   (port {port}, {1000 * (time.monotonic() - started):.0f} ms, archive included)")
    queue_id = reply.rsplit(" ", 1)[-1]
    mailboxes = follow_delivery(demo, queue_id)
    line = next((line for line in reversed(demo.postern.milter.log().splitlines()) if queue_id in line), None)
    if not line:
        raise Failed(f"postern-milter logged nothing about {queue_id}")
    show_authentication(demo, letter, queue_id, mailboxes[0])
    show_judgement(demo, letter, queue_id, mailboxes[0])
    fact("log line", line.split(" ", 1)[1] if line[:4].isdigit() else line)
    find_again(demo, letter, queue_id, mailboxes)


def follow_delivery(demo, queue_id):
    """Waits until Postfix is done with the message; shows where Dovecot put it."""
    demo.postfix.wait_log(rf"{queue_id}: removed", 60)
    log = [line for line in demo.postfix.log().splitlines() if f" {queue_id}: to=<" in line]
    mailboxes = []
    for line in log:
        user = line.split("to=<")[1].split(">")[0]
        if "status=sent" not in line:
            raise Failed(f"{user}: {line}")
        path = maildir_file(demo, user, queue_id)
        if not path:
            raise Failed(f"the copy of {user} is not in the mailbox")
        mailboxes.append(user)
        fact("delivered" if len(mailboxes) == 1 else "", f"{user}  {os.path.relpath(path, demo.directory).split(',')[0]}")
    return mailboxes


def header_field(message, name):
    found = re.search(rf"^{name}:((?:.*)(?:\n[ \t].*)*)", message.split(b"\n\n")[0].decode("utf-8", "replace"), re.M)
    return " ".join(found.group(1).split()) if found else None


def show_authentication(demo, letter, queue_id, user):
    """What was found out about the sender, or how the message was signed."""
    with open(maildir_file(demo, user, queue_id), "rb") as f:
        message = f.read().replace(b"\r\n", b"\n")
    if letter.submitted_by:
        verified = demo.names.verified(message)
        if sorted(verified) != ["ed25519-sha256", "rsa-sha256"]:
            raise Failed(f"of the two signatures only {verified} verify")
        fact("signed", f"DKIM by {' and '.join(verified)}; both verify with dkimpy, by the keys in the demo's DNS")
        return
    results = header_field(message, "Authentication-Results")
    if not results or letter.expected not in results:
        raise Failed(f"Authentication-Results should say {letter.expected}: {results}")
    fact("checked", results.split(";", 1)[1].strip())
    if "dmarc=fail" in results:
        if header_field(message, "X-Spam-Flag") != "YES":
            raise Failed("the message fails DMARC and is not marked")
        fact("", "its domain asks for quarantine of such mail: X-Spam-Flag: YES")


def show_judgement(demo, letter, queue_id, user):
    """What the spam rules say, and where Dovecot has filed it for that."""
    path = maildir_file(demo, user, queue_id)
    with open(path, "rb") as f:
        message = f.read().replace(b"\r\n", b"\n")
    status, flag = header_field(message, "X-Spam-Status"), header_field(message, "X-Spam-Flag")
    if letter.submitted_by:
        if status:
            raise Failed(f"mail of our own is marked: {status}")
        return
    if not status or (letter.spam and (flag != "YES" or letter.spam not in status)):
        raise Failed(f"the rule {letter.spam or 'set'} should be told in X-Spam-Status: {status}")
    if not letter.spam and status.startswith("Yes"):
        raise Failed(f"a good letter counts as spam: {status}")
    fact("judged", status)
    if letter.mailbox and f"/.{letter.mailbox}/" not in path:
        raise Failed(f"it should be in {letter.mailbox}, not {path}")
    if letter.mailbox:
        fact("", f"marked by X-Spam-Flag: YES, it was filed into {letter.mailbox} by a Sieve rule")


def find_again(demo, letter, queue_id, mailboxes):
    def found():
        hits = [h for h in demo.postern.search(letter.words) if demo.postern.meta(h["id"])["events"][0]["queue_id"] == queue_id]
        return hits[0] if hits else None
    hit = wait_until(found, 30, f"a search for {letter.words} to find the message")
    fact("archive", f"found by  {letter.words}  as {hit['id']}: {' '.join(hit.get('snippet', '').split())}")
    meta = demo.postern.meta(hit["id"])
    raw = demo.postern.raw(hit["id"])
    fact("", f"envelope: {', '.join(meta['x_envelope_to'])}; {len(raw):,} bytes kept as received")
    if letter.bcc:
        show_privacy(demo, letter, meta, queue_id, mailboxes)


def show_privacy(demo, letter, meta, queue_id, mailboxes):
    for user in mailboxes:
        with open(maildir_file(demo, user, queue_id), "rb") as f:
            header = f.read().split(b"\n\n")[0].decode("utf-8", "replace")
        shown = [b for b in letter.bcc if b in header and b != user]
        if shown:
            raise Failed(f"the copy of {user} shows the blind copy to {shown}")
    if sorted(meta["x_envelope_to"]) != sorted(letter.recipients):
        raise Failed(f"the archive has the recipients {meta['x_envelope_to']}, not {letter.recipients}")
    fact("blind copies", f"no delivered copy names another's; the archive knows {', '.join(letter.bcc)}")


def tell_policy(demo):
    title("Who may send: greylisting")
    tell_greylist(demo, fact)
    title("Who may send: a limit")
    tell_rate(demo, fact)
    title("A mailbox that fills up")
    tell_quota(demo, fact)
    demo.postfix.wait_queue_empty()


def check_end(demo, expected):
    title("At the end")
    verify = demo.postern.run("archive", "verify")
    if verify.returncode != 0:
        raise Failed(f"the archive's own check found damage: {verify.stdout.decode()}")
    fact("verify", verify.stdout.decode().strip().splitlines()[-1])
    reconcile = demo.postern.run("archive", "reconcile", demo.postfix.log_path)
    if reconcile.returncode != 0:
        raise Failed(f"messages passed Postfix that the archive does not have: {reconcile.stdout.decode()}")
    fact("reconcile", reconcile.stderr.decode().strip().splitlines()[0])
    by_imap = {user: len(inbox(address(user), demo.ports["imap"])) for user in USERS}
    if by_imap != expected:
        raise Failed(f"by IMAP the mailboxes have {by_imap}, not {expected}")
    fact("IMAP", ", ".join(f"{user} {count}" for user, count in by_imap.items()) + " messages")


def say_how_to_go_on(demo, where):
    title("It stays up. Go on with:")
    option = "" if where == default_directory() else f" --dir {where}"
    rows = [("send", f"./run demo{option} --send '你好，這是我的第一封信'"),
            ("", f"or any mail program: SMTP 127.0.0.1:{demo.ports['smtp']}, submission 127.0.0.1:{demo.ports['submission']}"),
            ("read", f"IMAP 127.0.0.1:{demo.ports['imap']}, user {address('alice')}, password {password('alice')} (also bob, carol, dave)"),
            ("search", demo.command("archive", "search", "上海公司")),
            ("show", demo.command("archive", "show", "ID")),
            ("logs", f"{demo.directory}/postfix/mail.log, {demo.directory}/postern/*.log"),
            ("stop", f"./run demo{option} --stop")]
    for name, text in rows:
        print("  " + styled("36", f"{name:<14}") + text)


# ---- commands ----

def default_directory():
    return "/tmp/postern-demo"


def run(demo, once):
    try:
        return tell_all(demo, once)
    finally:
        if once:
            stop_quietly(demo)  # whatever ended it: also a reader of our output that went away


def tell_all(demo, once):
    expected = {"alice": 3, "bob": 5, "carol": 2, "dave": 2}  # and some in Junk
    print("Starting a private Postfix, Dovecot and Postern in", demo.directory, flush=True)
    try:
        demo.start()
        for number, letter in enumerate(letters(), 1):
            tell(demo, number, letter)
        tell_policy(demo)
        check_end(demo, expected)
    except (Failed, AssertionError, OSError, subprocess.CalledProcessError) as error:
        print("\n" + styled("31", "The demo failed: ") + str(error), file=sys.stderr)
        show_logs(demo)
        return 1
    except KeyboardInterrupt:
        stop_quietly(demo)
        return 130
    if once:
        demo.stop()
        print("\nAll seven messages were checked or signed, judged, delivered, archived and found; a stranger and a busy sender were put off, and a user was warned. Everything was stopped and removed.")
        return 0
    say_how_to_go_on(demo, demo.directory)
    return 0


def show_logs(demo):
    for name in ("postfix/mail.log", "postern/milter.log", "postern/archived.log", "postern/policyd.log", "dovecot/dovecot.log", "dns/unbound.log"):
        path = os.path.join(demo.directory, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()[-8:]
            print(f"--- end of {path}", *lines, sep="\n", file=sys.stderr)


def stop_quietly(demo):
    if demo.begun and os.path.exists(demo.state_path):
        demo.stop()


def send_one(demo, text):
    demo.load()
    letter = Letter("", text[:60], text + "\n", "you@outside.test", [address("alice")], text)
    print("250", send(letter.render(), letter.recipients, letter.sender, demo.ports["smtp"], source="127.0.0.1"))
    configuration = os.path.join(demo.directory, "postern", "postern.conf")
    print(f"find it:  {os.path.relpath(program('postern'), os.getcwd())} -c {configuration} archive search '{text[:20]}'")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description="A private mail server with Postern, and the story of seven messages.")
    parser.add_argument("--once", action="store_true", help="stop and remove everything afterwards; exit status 0 when all went well")
    parser.add_argument("--stop", action="store_true", help="stop the demo that stays up and remove its directory")
    parser.add_argument("--send", metavar="TEXT", help="send one more message to alice@example.test")
    parser.add_argument("--dir", default=default_directory(), help="where everything lives (default: %(default)s)")
    options = parser.parse_args()
    demo = Demo(os.path.abspath(options.dir))
    try:
        if options.stop:
            demo.stop()
            print(f"stopped; {demo.directory} is removed")
            return 0
        if options.send:
            return send_one(demo, options.send)
        return run(demo, options.once)
    except Failed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
