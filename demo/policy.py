"""The part of the demo's story about who may send: greylisting and a limit."""
import os
import re
import time

import quota
from letters import Letter
from support.accounts import address
from support.client import Refused, send
from support.postern import program
from support.process import Daemon, connects, wait_until

GREYLIST_SECONDS = 3
LIMIT = 3  # messages in an hour
STRANGER = "stranger@outside.test"


class Policy:
    """postern-policyd with the demo's configuration, and Postfix that asks it."""

    def __init__(self, demo):
        self.demo, self.directory = demo, demo.postern.directory
        path, name = demo.postfix.milter_socket("policy.sock")
        self.path = path
        state = os.path.join(self.directory, "policy")
        run = os.path.join(self.directory, "run")
        demo.postern.configure({
            "policyd": {"listen": [f"unix:{path}"], "control": f"unix:{run}/policyd.control", "metrics": "", "user": demo.postern.user,
                        "path": f"{state}/policy.db", "checks": ["outgoing", "strangers", "full"]},
            # Only one sender is put off here, so that the other letters of the story need not wait.
            "greylist strangers": {"senders": [STRANGER], "delay": f"{GREYLIST_SECONDS}s", "window": "1h", "skip_clients": []},
            "rate outgoing": {"sign_in": "yes", "users": [address("dave")], "messages_per_hour": LIMIT}})
        quota.configure(demo, run)
        self.daemon = Daemon([program("postern-policyd"), "-c", demo.postern.configuration], os.path.join(self.directory, "policyd.log"))
        demo.postfix.set(smtpd_sender_restrictions=f"check_policy_service {name}")

    def start(self):
        self.daemon.start(lambda: connects(self.path), 30)

    def log_line(self, pattern):
        found = re.findall(rf"^.*event=policy .*{pattern}.*$", self.daemon.log(), re.M)
        return re.sub(r"^\S+ ", "", found[-1]) if found else None


def refused(demo, letter, port, code):
    """The reply to a letter that must not be taken yet."""
    try:
        send(letter.render(), letter.recipients, letter.sender, demo.ports[port], letter.submitted_by or None, source="127.0.0.1")
    except Refused as answer:
        if answer.code != code:
            raise AssertionError(f"Postfix should answer {code}, not {answer.code} {answer.text}") from answer
        return f"{answer.code} {answer.text}"
    raise AssertionError(f"Postfix should have put off the letter of {letter.sender}")


def tell_greylist(demo, fact):
    letter = Letter("", "First contact", "Hello, we have not met.\n", STRANGER, [address("dave")], "contact")
    fact("first try", refused(demo, letter, "smtp", 450))
    fact("why", demo.postern.run("greylist", "why", "127.0.0.1", STRANGER, address("dave")).stdout.decode().splitlines()[1])
    time.sleep(GREYLIST_SECONDS + 0.2)
    fact("tried again", "250 " + send(letter.render(), letter.recipients, letter.sender, demo.ports["smtp"], source="127.0.0.1"))


def tell_rate(demo, fact):
    letter = Letter("", "Weekly report", "All is well.\n", address("dave"), [address("bob")], "report", submitted_by=address("dave"))
    for _ in range(LIMIT):
        send(letter.render(), letter.recipients, letter.sender, demo.ports["submission"], letter.submitted_by, source="127.0.0.1")
    fact("taken", f"{LIMIT} messages of {address('dave')}, whose limit is {LIMIT} an hour")
    fact("one more", refused(demo, letter, "submission", 450))
    for line in demo.postern.run("rate", "show", address("dave")).stdout.decode().splitlines():
        fact("", line)
    wait_until(lambda: demo.policy.log_line("over=messages"), 5, "the policy daemon's log line")
    fact("log line", demo.policy.log_line("over=messages"))
