"""Mail and keys for the bench auth: real messages of two sizes, signed by a third (dkimpy), and the DNS that has the keys."""
import base64
import glob
import os
import pathlib
import random
import re
import subprocess
import sys

import dkim

from tests.support.milterclient import LEADSPC, MilterClient
from tests.support.process import Daemon

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared/corpus"))
DOMAIN, AUTHOR = "bench.example", b"author@bench.example"  # for .test libunbound answers by itself
SIZES = {"2 kB": (1500, 3000), "10 kB": (8000, 13000)}  # bytes of the body
SELECTORS = {"rsa": "r2048", "ed25519": "ed"}
# Not to be had in mail that is new: what earlier hosts signed or found, and the author, who is made ours.
REPLACED = re.compile(rb"(from|sender|dkim-signature|domainkey-signature|authentication-results|arc-[a-z-]+|received-spf)\s*:",
                      re.I)
FIELD = re.compile(rb"[!-9;-~]+:")
TXT_STRING = 255  # RFC 1035 3.3.14


def fields(header):
    """The fields of a header block with their line ends, or None when something in it is no field."""
    found = []
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] += line + b"\r\n"
        elif FIELD.match(line):
            found.append(line + b"\r\n")
        else:
            return None
    return found


def as_new(content):
    """The message as our author would write it, CRLF; None when its header is none."""
    content = content.replace(b"\r", b"").replace(b"\n", b"\r\n")
    header, separator, body = content.partition(b"\r\n\r\n")
    block = fields(header)
    if not separator or not block or b"\0" in content:
        return None
    kept = [f for f in block if not REPLACED.match(f)]
    return b"From: Author <" + AUTHOR + b">\r\n" + b"".join(kept) + b"\r\n" + body


def messages(size, count):
    """count real messages with bodies of that size, always the same ones."""
    low, high = SIZES[size]
    files = sorted(f for folder in ("ham", "zh-ham", "spam", "zh-spam")
                   for f in glob.glob(f"{CORPUS}/{folder}/**/*", recursive=True)
                   if os.path.isfile(f) and low < os.path.getsize(f) < 4 * high)
    random.Random(1).shuffle(files)
    found = []
    for name in files:
        message = as_new(pathlib.Path(name).read_bytes())
        if message and low <= len(message) - message.index(b"\r\n\r\n") - 4 <= high:
            found.append(message)
        if len(found) == count:
            return found
    sys.exit(f"only {len(found)} messages of {size} under {CORPUS}: set POSTERN_CORPUS")


def signed(message, key_file):
    """The message with a signature by dkimpy, which is neither of those that are compared."""
    with open(key_file, "rb") as f:
        field = dkim.sign(message, SELECTORS["rsa"].encode(), DOMAIN.encode(), f.read(), canonicalize=(b"relaxed", b"relaxed"))
    return field + message


class Keys:
    """An RSA-2048 key and an Ed25519 key, as files of PEM, and as records."""

    def __init__(self, directory):
        self.files = {"rsa": f"{directory}/rsa.pem", "ed25519": f"{directory}/ed25519.pem"}
        self.make("rsa", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        self.make("ed25519", "ED25519")

    def make(self, kind, algorithm, *options):
        subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, *options, "-out", self.files[kind]], check=True,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.chmod(self.files[kind], 0o600)

    def record(self, kind):
        der = subprocess.run(["openssl", "pkey", "-in", self.files[kind], "-pubout", "-outform", "DER"], check=True,
                             stdout=subprocess.PIPE).stdout
        return f"v=DKIM1; k={kind}; p={base64.b64encode(der if kind == 'rsa' else der[-32:]).decode()}"


class NameServer:
    """Debian's unbound on 127.0.0.1:53, with all that is asked for in the bench as its own data."""

    def __init__(self, directory, keys):
        texts = {f"{selector}._domainkey.{DOMAIN}": keys.record(kind) for kind, selector in SELECTORS.items()}
        texts |= {DOMAIN: "v=spf1 ip4:192.0.2.0/24 -all", f"mta.{DOMAIN}": "v=spf1 ip4:192.0.2.0/24 -all",
                  f"_dmarc.{DOMAIN}": "v=DMARC1; p=reject"}
        data = "".join(f"  local-data: '{name}. 3600 IN TXT {self.strings(text)}'\n" for name, text in texts.items())
        self.config, self.directory = f"{directory}/unbound.conf", directory
        with open(self.config, "w", encoding="ascii") as f:
            f.write(f"""server:
  interface: 127.0.0.1
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  module-config: "iterator"
  local-zone: "{DOMAIN}." static
{data}remote-control:
  control-enable: no
""")

    @staticmethod
    def strings(text):
        return " ".join(f'"{text[i:i + TXT_STRING]}"' for i in range(0, len(text), TXT_STRING))

    def start(self):
        self.daemon = Daemon(["unbound", "-d", "-c", self.config], f"{self.directory}/unbound.log")
        self.daemon.start(self.answers)

    @staticmethod
    def answers():
        return b"v=spf1" in subprocess.run(["dig", "+short", "+time=1", "+tries=1", "@127.0.0.1", DOMAIN, "TXT"],
                                           stdout=subprocess.PIPE, check=False).stdout

    def stop(self):
        self.daemon.stop()


class Client(MilterClient):
    """A milter client that keeps what it sends until a reply is due, as Postfix does (VSTREAM buffers of 4096 bytes)."""

    BUFFER = 4096

    def __init__(self, address):
        self.buffer = b""
        super().__init__(address, macros={"daemon_name": "smtpd", "j": f"mx.{DOMAIN}"})

    def send(self, command, payload=b""):
        self.buffer += (len(payload) + 1).to_bytes(4, "big") + command.encode() + payload
        if len(self.buffer) >= self.BUFFER:
            self.flush()

    def flush(self):
        data, self.buffer = self.buffer, b""
        if data:
            self.socket.sendall(data)

    def receive(self):
        self.flush()
        return super().receive()

    def quit(self):
        self.send("Q")
        self.flush()
        self.socket.close()


def transaction(address, client_address, content):
    """One SMTP session with one message; the header fields that the milter inserted, as bytes of a header block."""
    client = Client(address)
    answer = client.connect(f"mta.{DOMAIN}", client_address).helo(f"mta.{DOMAIN}").message(content, sender=AUTHOR.decode())
    client.quit()
    if not answer.accepted:
        sys.exit(f"a milter did not accept a message: {answer}")
    found = []
    for command, data in answer.edits:
        if command in "hi":
            name, value = (data[4:] if command == "i" else data).split(b"\0")[:2]
            space = b"" if client.steps & LEADSPC else b" "
            found.append(name + b":" + space + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n")
    return found
