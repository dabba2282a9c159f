"""What Postfix makes of a policy server's answers, each told as a row of a table.

A row says what the SMTP client saw from the stage on at which the answer was given, how often and on how many connections Postfix
asked at that stage, whether with the same bytes each time, how long that took (whole seconds), what was in the queue, and the log."""
import re
import subprocess
import time

from tests.support.policy_recorder import CLOSE
from tests.support.process import wait_until

from .site import ASK

SENDER, ALICE = "<sender@outside.test>", "<alice@example.test>"
ACTIONS = (
    "DUNNO", "dunno", "OK", "ok with text", "250", "12345", "REJECT", "REJECT Not today", "REJECT 5.7.25 Not today",
    "REJECT 4.7.1 Odd code", "REJECT 發件人不明", "450 4.2.0 Greylisted", "450 Greylisted", "450", "550 5.7.1 Go away",
    "552 5.2.2 Mailbox full", "554 4.7.1 Odd code",
    "421 4.7.0 Too many", "521 5.7.0 Leave", "354 Odd", "DEFER", "DEFER Later", "DEFER 4.7.0 Later", "DEFER_IF_PERMIT",
    "DEFER_IF_PERMIT Later", "DEFER_IF_PERMIT 4.2.0 Later", "DEFER_IF_REJECT Later", "HOLD", "HOLD Suspended", "DISCARD", "DISCARD Quietly",
    "PREPEND X-Test: one", "PREPEND X-Test: zwölf", "PREPEND no header", "PREPEND", "REDIRECT bob@example.test", "REDIRECT bob",
    "BCC bob@example.test", "FILTER smtp:[127.0.0.1]:9", "WARN", "WARN Dry run", "INFO", "INFO A note", "permit",
    "reject_unauth_destination",
    "defer_if_permit Later", "reject_unknown_words", "NONSENSE", "NONSENSE text",
)
BYTES = (
    b"action=DUNNO\nreason=more\n\n", b"reason=first\naction=REJECT\n\n", b"action=DUNNO\naction=REJECT\n\n", b"action=DUNNO\r\n\r\n",
    b"ACTION=DUNNO\n\n", b"action = DUNNO\n\n", b"action=\n\n", b"action= DUNNO \n\n", b"DUNNO\n\n", b"\n", b"\n\n", b"=\n\n",
    b"action=REJECT a=b\n\n", b"action=REJECT \xff\xfe\n\n", b"action=REJECT \x00\x01\x7f\n\n", b"action=REJECT " + b"x" * 600 + b"\n\n",
    b"action=REJECT " + b"x" * 5000 + b"\n\n", b"action=REJECT " + b"x" * 200_000 + b"\n\n", b"action=DUNNO\n\naction=REJECT\n\n",
    b"action=550 5.7.1 one\\ntwo\n\n",
)
# A process serves one session, so that no row suffers from the one before; mail stays in the queue to be looked at.
LIMITS = {"smtpd_policy_service_timeout": "2s", "max_use": "1", "defer_transports": "discard", "notify_classes": ""}
STAGES = {f"smtpd_{name}_restrictions": ASK for name in ("client", "helo", "sender", "data", "end_of_data")}


def shown(octets):
    text = octets.decode("utf-8", "backslashreplace")
    text = text.replace("\\n", "\\\\n").replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0")
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    text = re.sub(r"(.)\1{99,}", lambda m: f"{m[1]}…({len(m[0])} times)", text)
    return text.replace("|", "\\|")


class Row:
    """One message to one recipient in a session of its own, asked for at one stage."""

    def __init__(self, site, stage="RCPT"):
        self.site, self.stage, site.sessions = site, stage, []
        self.log_start = len(site.postfix.log())
        site.recorder.take()
        self.replies, self.requests, self.seconds = [], [], 0

    def begin(self):
        began = time.monotonic()
        self.session = self.site.session(hello=None)
        self.replies.append(self.session.dialogue[-1][3:])
        self.count(began)
        self.say("EHLO client.outside.test")
        self.say(f"MAIL FROM:{SENDER}")

    def say(self, line):
        began = time.monotonic()
        self.replies.append(self.session.say(line) or "(hung up)")
        self.count(began)

    def count(self, began):
        requests = [request for request in self.site.recorder.take() if request.attributes["protocol_state"] == self.stage]
        if requests:
            self.requests, self.seconds = requests, round(time.monotonic() - began)

    def finish(self):
        self.say("DATA")
        if self.replies[-1].startswith("354"):
            self.say("Subject: a test\r\n\r\nSome text.\r\n.")
        self.session.quit()
        wait_until(lambda: "disconnect from client" in self.log_text(), 20, self.site.postfix.log)
        self.queue = self.queued()

    def log_text(self):
        return self.site.postfix.log()[self.log_start:]

    def queued(self):
        """What is in the queue now, in words, when it is not simply the message to alice; then the queue is emptied."""
        settled = ("deferred", "hold")  # before that, recipients still change
        wait_until(lambda: all(entry["queue_name"] in settled for entry in self.site.postfix.queue()), 10, self.site.postfix.log)
        found = []
        for entry in self.site.postfix.queue():
            found += [f"to {', '.join(sorted(one['address'] for one in entry['recipients']))}"]
            found += ["on hold"] if entry["queue_name"] == "hold" else []
            text = run("postcat", "-c", self.site.postfix.etc, "-hq", entry["queue_id"])
            found += re.findall("^(X-Test: .*)$", text, re.MULTILINE)
        run("postsuper", "-c", self.site.postfix.etc, "-d", "ALL")
        return ", ".join(found)

    def log(self):
        lines = []
        for line in self.log_text().splitlines():
            found = re.search(r"postfix/smtpd\[\d+\]: (.*)", line)
            if found and not re.match(r"(dis)?connect from|[0-9A-F]+: client=|(NOQUEUE: )?lost connection after", found[1]):
                lines.append(found[1])
        return [self.plain(line) for line in lines]

    def plain(self, text):
        text = re.sub(r"^(.*queued as |)[0-9A-F]{6,}\b", r"\1QUEUEID", text)
        text = re.sub(r" from client\.outside\.test\[127\.0\.0\.2\]", "", text)
        text = re.sub(r"; from=<sender@outside.test>.*", "", text)
        return shown(text.encode("utf-8", "surrogateescape"))

    def outcome(self):
        """The reply to the stage that was asked for, and those after it as far as they aren't refused for want of it."""
        first = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE").index(self.stage)
        replies = [reply.split("\n")[-1] for reply in self.replies[first:]] if self.stage != "EHLO" else self.replies[first:]
        replies = [reply for reply in replies if not reply.startswith("354 End data")]
        if self.stage == "RCPT" and not replies[0].startswith("250"):
            replies = replies[:1]
        return "; ".join(self.plain(reply.split("\n")[-1]) for reply in replies)

    def cells(self, answer):
        numbers = {request.connection for request in self.requests}
        same = len({request.raw for request in self.requests}) <= 1
        asked = f"{len(self.requests)} on {len(numbers)}" + ("" if same else ", not alike")
        return f"| `{answer}` | {self.outcome()} | {asked} | {self.seconds} s | {self.queue} | {'<br>'.join(self.log())} |"


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def one(site, answer, stage="RCPT"):
    row = Row(site, stage)
    site.recorder.answer = answer
    row.begin()
    row.say(f"RCPT TO:{ALICE}")
    site.recorder.answer = "DUNNO" if stage == "RCPT" else answer
    row.finish()
    return row


def idle(site, first, before):
    """Two recipients; between them something happens on the connection. The row tells of the second."""
    row = Row(site)
    site.recorder.answer = first
    row.begin()
    row.session.say("RCPT TO:<bob@example.test>")
    site.recorder.take()
    site.recorder.answer = "DUNNO"
    before()
    time.sleep(0.3)
    row.say(f"RCPT TO:{ALICE}")
    row.finish()
    return row


def at(stage, action):
    return lambda request: action if request.attributes["protocol_state"] == stage else "DUNNO"


def once(first, then="DUNNO"):
    """An answer that is `first` for the first request and `then` for those after it."""
    answers = iter([first])
    return lambda request: next(answers, then)


def slow(seconds, action, times):
    """Answers that late, so often; then at once."""
    left = iter(range(times))

    def answer(request):
        if next(left, None) is not None:
            time.sleep(seconds)
        return action
    return answer


HEAD = "| answer | SMTP replies | asked, on connections | took | in the queue | log of smtpd |\n|---|---|---|---|---|---|"


def restart(site, **settings):
    site.restart(**{**LIMITS, **settings})
    run("postsuper", "-c", site.postfix.etc, "-d", "ALL")


def by_action(site):
    restart(site)
    return [one(site, action).cells(shown(action.encode())) for action in ACTIONS]


def by_bytes(site):
    restart(site)
    return [one(site, octets).cells(shown(octets)) for octets in BYTES]


def by_stage(site):
    restart(site, smtpd_delay_reject="no", **STAGES)
    out = []
    for stage in ("CONNECT", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE"):
        for action in ("REJECT No", "450 4.7.1 Later", "421 4.7.0 Later", "521 5.7.0 Leave", "DEFER_IF_PERMIT Later", "HOLD Suspended",
                       "PREPEND X-Test: one", CLOSE):
            name = "hangs up" if action is CLOSE else action
            out.append(one(site, at(stage, action), stage).cells(f"{stage}: {name}"))
    return out


def by_silence(site):
    restart(site)
    out = [one(site, answer).cells(name) for name, answer in (
        ("hangs up once, then DUNNO", once(CLOSE)), ("hangs up always", CLOSE),
        ("half an answer, then DUNNO", once(b"action=DUN")), ("half an answer always", b"action=DUN"),
        ("DUNNO after 1 s", slow(1, "DUNNO", 9)), ("DUNNO after 3 s, the next at once", slow(3, "DUNNO", 1)),
        ("REJECT after 3 s, always", slow(3, "REJECT", 9)))]
    out.append(idle(site, "DUNNO", site.recorder.hang_up).cells("closed while idle, then DUNNO"))
    out.append(idle(site, b"action=DUNNO\n\naction=REJECT\n\n", lambda: None).cells("two answers in one piece, then DUNNO"))
    out.append(idle(site, "DUNNO", lambda: site.recorder.stray(b"action=REJECT\n\n")).cells("a second answer while idle, then DUNNO"))
    service = ASK.split()[1]
    for settings in ({"smtpd_policy_service_default_action": "DUNNO"}, {"smtpd_policy_service_try_limit": "1"},
                     {"smtpd_policy_service_request_limit": "1"}, {"smtpd_policy_service_retry_delay": "3s"},
                     {"smtpd_recipient_restrictions": f"check_policy_service {{ {service}, default_action=DUNNO }}"}):
        restart(site, **settings)
        name, value = next(iter(settings.items()))
        out.append(one(site, CLOSE).cells(f"hangs up always; {name} = {value}"))
    return out


def connection_numbers(site, **settings):
    """The connections, numbered from 1, that two sessions of a message each asked on; one process serves them."""
    site.restart(**{"default_process_limit": "1", **settings})
    first = site.recorder.connections
    for _ in range(2):
        session = site.session()
        session.message(SENDER, [ALICE])
        session.quit()
        wait_until(lambda: site.postfix.log().count("disconnect from client") >= len(site.sessions), 20, site.postfix.log)
    return ", ".join(str(request.connection - first) for request in site.recorder.take())


def by_connection(site):
    service = ASK.split()[1]
    other = f"check_policy_service {{ {service}, timeout=10s }}"
    return [f"| {name} | {connection_numbers(site, **settings)} |" for name, settings in (
        ("RCPT, DATA, end of message", {}), ("an smtpd serves one session (max_use = 1)", {"max_use": "1"}),
        ("twice at RCPT, in two lists", {"smtpd_client_restrictions": ASK}),
        ("twice at RCPT, once with a timeout of its own", {"smtpd_client_restrictions": other}),
        ("smtpd_policy_service_request_limit = 2", {"smtpd_policy_service_request_limit": "2"}))]


def table(site, version):
    """The text of answers.md."""
    parts = (("answered to RCPT", by_action), ("bytes sent instead of action=... and an empty line", by_bytes),
             ("answered at other stages (smtpd_delay_reject = no), DUNNO before and after", by_stage),
             ("no answer, or a late one (smtpd_policy_service_timeout = 2s, all else by default)", by_silence))
    out = [f"# Postfix {version}: what it makes of a policy server's answers",
           "Made by record.py; README.md says how it is to be read."]
    for title, part in parts:
        out += ["", f"## {title[0].upper()}{title[1:]}", HEAD, *part(site)]
    out += ["", "## Connections that two sessions of one smtpd, one after the other, asked on",
            "| configuration | number of the connection of each request |", "|---|---|", *by_connection(site)]
    return "\n".join(out) + "\n"
