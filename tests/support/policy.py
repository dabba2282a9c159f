"""A client of Postfix's policy protocol, as smtpd is one: a persistent connection, one request at a time.

    with PolicyClient("/run/policy.sock") as policy:          # or ("127.0.0.1", 10040)
        policy.ask(sender="a@x.test", recipient="b@y.test")   # -> "DUNNO"

What is not given is as in RCPT below (smtpd 3.10 at RCPT, one message to one recipient); None leaves an attribute out."""
import itertools
import pathlib
import socket

RECORDINGS = pathlib.Path(__file__).resolve().parents[1] / "recordings" / "policy"
RCPT = {
    "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP", "client_address": "192.0.2.25",
    "client_name": "client.outside.test", "client_port": "40001", "reverse_client_name": "client.outside.test",
    "server_address": "192.0.2.1", "server_port": "25", "helo_name": "client.outside.test", "sender": "sender@outside.test",
    "recipient": "alice@example.test", "recipient_count": "0", "queue_id": "", "instance": None, "size": "0", "etrn_domain": "",
    "stress": "", "sasl_method": "", "sasl_username": "", "sasl_sender": "", "ccert_subject": "", "ccert_issuer": "",
    "ccert_fingerprint": "", "ccert_pubkey_fingerprint": "", "encryption_protocol": "", "encryption_cipher": "",
    "encryption_keysize": "0", "policy_context": "", "compatibility_level": "3.6", "mail_version": "3.10.0",
}
messages = itertools.count(1)


class HungUp(Exception):
    """The server closed the connection; .rest are the bytes that came of an answer."""

    def __init__(self, rest):
        super().__init__(f"the policy server hung up after {rest!r}")
        self.rest = rest


def request(**attributes):
    """The bytes of a request; without an instance it gets one of its own (a message that was not asked for before)."""
    values = {**RCPT, "instance": f"1000.5e0be100.{next(messages):x}.0", **attributes}
    lines = [f"{name}={value}\n" for name, value in values.items() if value is not None]
    return "".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def recorded(version, name):
    """The requests of a recording (tests/recordings/policy), each as its bytes."""
    text = (RECORDINGS / version / f"{name}.txt").read_bytes()
    return [one + b"\n\n" for one in text.split(b"\n\n") if one]


def recordings(version):
    return sorted(path.stem for path in (RECORDINGS / version).glob("*.txt"))


class PolicyClient:
    def __init__(self, address, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def ask(self, **attributes):
        return self.ask_raw(request(**attributes))

    def ask_raw(self, octets):
        """Sends a request's bytes as they are; returns the action."""
        self.send(octets)
        return self.answer()

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            raise HungUp(b"") from None

    def answer(self):
        """The action of one answer. An answer of another form, or more bytes than one answer, is an AssertionError."""
        while b"\n\n" not in self.pending:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise HungUp(self.pending)
            self.pending += piece
        answer, self.pending = self.pending.split(b"\n\n", 1)
        name, mark, action = answer.decode("utf-8", "surrogateescape").partition("=")
        assert name == "action" and mark and action and "\n" not in action, f"malformed answer {answer!r}"
        assert not self.pending, f"more than one answer: {self.pending!r} after {answer!r}"
        return action
