"""One private Postfix for the recordings: certificates, Dovecot for SASL, names, and the recorder that it asks.

Everything is made up and fixed (names, addresses, messages), so that a recording changes only when Postfix does."""
import os
import pathlib
import shutil
import socket
import ssl
import subprocess

from tests.support.accounts import Accounts
from tests.support.dovecot import Dovecot
from tests.support.name_server import NameServer
from tests.support.policy_recorder import PolicyRecorder
from tests.support.postfix import Postfix

SERVICE = "unix:postern/policy.sock"
ASK = f"check_policy_service {SERVICE}"
# PTR and A agree for .2 and ::1; the PTR of .3 names a host that has another address; .4 has none.
NAMES = {
    ("2.0.0.127.in-addr.arpa", "PTR"): ["client.outside.test"], ("client.outside.test", "A"): ["127.0.0.2"],
    ("1." + "0." * 31 + "ip6.arpa", "PTR"): ["six.outside.test"], ("six.outside.test", "AAAA"): ["::1"],
    ("3.0.0.127.in-addr.arpa", "PTR"): ["forged.outside.test"], ("forged.outside.test", "A"): ["192.0.2.3"],
}
BASE = {
    "compatibility_level": "3.6", "mynetworks": "127.0.0.1/32", "inet_protocols": "all", "virtual_transport": "discard:",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
    "smtpd_recipient_restrictions": ASK, "smtpd_data_restrictions": ASK, "smtpd_end_of_data_restrictions": ASK,
    "submission_restrictions": ASK, "smtpd_discard_ehlo_keywords": "", "smtpd_hard_error_limit": "100",
    "smtpd_soft_error_limit": "100",
}


class Session:
    """An SMTP client that says exactly what it is told, and keeps the dialogue."""

    def __init__(self, host="127.0.0.1", port=25, source="127.0.0.2"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        if family == socket.AF_INET:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.port, self.pending, self.dialogue = self.socket.getsockname()[1], b"", []
        self.reply()

    def reply(self):
        """The next reply, its lines joined by newlines; "" when the server has hung up."""
        lines = []
        while not lines or lines[-1][3:4] == "-":
            while b"\n" not in self.pending:
                try:
                    piece = self.socket.recv(65536)
                except ConnectionError:
                    return ""
                if not piece:
                    return ""
                self.pending += piece
            line, self.pending = self.pending.split(b"\n", 1)
            lines.append(line.rstrip(b"\r").decode("utf-8", "replace"))
        self.dialogue += [f"S: {line}" for line in lines]
        return "\n".join(lines)

    def send(self, octets):
        self.dialogue += [f"C: {line!r}" for line in octets.split(b"\r\n") if line]
        try:
            self.socket.sendall(octets)
        except OSError as error:  # hung up: newer Postfix does on a bare newline; what it said before is still read
            self.dialogue.append(f"C: ({error.strerror})")

    def say(self, line):
        """Sends a command (text or bytes, without CRLF) and returns the reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def start_tls(self, certificate=None, authority=None):
        self.say("STARTTLS")
        context = ssl.create_default_context(cafile=authority)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.example.test")

    def message(self, sender, recipients, options="", text="Subject: a test\r\n\r\nSome text.\r\n"):
        """One transaction; sender and recipients with their angle brackets. Returns all replies."""
        replies = [self.say(f"MAIL FROM:{sender}{options}")] + [self.say(f"RCPT TO:{one}") for one in recipients]
        replies.append(self.say("DATA"))
        replies.append(self.say(text + "." if replies[-1].startswith("354") else "RSET"))
        return replies

    def quit(self):
        self.say("QUIT")
        self.socket.close()


class Certificates:
    """An authority, the server's certificate, a client's of that authority and a client's of its own, by the openssl program."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.authority = self.make("authority", "/CN=Testing authority, of Postern")
        self.server = self.make("server", "/CN=mx.example.test", self.authority)
        self.client = self.make("client", "/O=Testing/CN=client.outside.test = a \\+ b", self.authority)
        self.stranger = self.make("stranger", "/CN=stranger.test")

    def make(self, name, subject, signer=None):
        """(certificate, key) files."""
        files = str(self.directory / f"{name}.crt"), str(self.directory / f"{name}.key")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-sha256", "-subj", subject,
                   "-out", files[0], "-keyout", files[1]]
        if signer:
            command += ["-CA", signer[0], "-CAkey", signer[1], "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return files


class Site:
    def __init__(self, directory):
        os.chmod(directory, 0o755)
        self.directory = directory
        self.names = NameServer(port=53)
        self.names.records.update(NAMES)
        self.accounts = Accounts(os.path.join(directory, "accounts"))
        self.certificates = Certificates(os.path.join(directory, "tls"))
        self.postfix = Postfix(os.path.join(directory, "p"), self.accounts, ports={"submission": 10587})
        self.postfix.service("127.0.0.1:587", smtpd_sasl_auth_enable="yes", smtpd_recipient_restrictions="$submission_restrictions",
                             smtpd_relay_restrictions="permit_sasl_authenticated,reject")
        self.dovecot = Dovecot(os.path.join(directory, "d"), self.accounts, self.postfix.queue_directory, imap_port=10143).start()
        path, _ = self.postfix.milter_socket("policy.sock", owner="postfix")
        shutil.chown(os.path.dirname(path), "postfix")
        self.recorder = PolicyRecorder(unix=path)
        self.sessions = []

    def restart(self, **settings):
        """Postfix with the settings of BASE and these; forgets what was asked before."""
        self.postfix.stop()
        self.postfix.reset()
        open(self.postfix.log_path, "w").close()
        self.postfix.set(**{**BASE, **settings})
        self.postfix.start()
        self.recorder.answer = "DUNNO"
        self.recorder.take()
        self.sessions = []

    def session(self, hello="EHLO client.outside.test", **where):
        """A session that has said hello (None: has not)."""
        session = Session(**where)
        self.sessions.append(session)
        if hello:
            session.say(hello)
        return session

    def close(self):
        self.postfix.stop()
        self.dovecot.stop()
        self.recorder.close()
        self.names.close()
