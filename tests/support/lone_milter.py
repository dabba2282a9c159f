"""postern-milter alone: with a milter client that plays Postfix, and a stand-in for the archive. No Postfix, no Dovecot."""
import os
import pathlib
import re
import signal
import socket

from .fake_archived import FakeArchived
from .milterclient import MilterClient
from .process import Daemon, connects

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build")) / "milters/postern-milter"
MESSAGE = b"From: a@elsewhere.test\r\nMessage-ID: <m1@elsewhere.test>\r\nSubject: folded\r\n\tonce\r\n\r\nHello\r\n.dot\r\n"


class LoneMilter:
    """A directory with a configuration, one postern-milter and one fake archive."""

    def __init__(self, directory):
        self.directory = directory
        os.chmod(directory, 0o755)
        self.socket, self.control = f"{directory}/run/m/milter.sock", f"{directory}/run/c/milter.control"
        self.spool = pathlib.Path(directory, "spool/inbound")
        self.archive = FakeArchived(f"{directory}/archived.sock")
        self.config = f"{directory}/postern.conf"
        self.sections = {"log": {"target": "stderr"},
                         "milter": {"instance": "inbound", "modules": "{archive, envelope}", "listen": f"unix:{self.socket}",
                                    "socket_group": "nogroup", "socket_mode": "0666", "control": f"unix:{self.control}",
                                    "metrics": "inet:9870@127.0.0.1", "user": "nobody"},
                         "archive": {"connect": f"unix:{directory}/archived.sock", "spool": f"{directory}/spool",
                                     "timeout": "1s", "drain_interval": "200ms", "spool_min_free": "0"}}
        self.daemon = Daemon([str(PROGRAM), "-c", self.config], f"{directory}/milter.log")

    def write(self, **sections):
        for name, values in sections.items():
            self.sections.setdefault(name, {}).update(values)
        with open(self.config, "w", encoding="utf-8") as f:
            for name, values in self.sections.items():
                f.write(name + " {\n" + "".join(f"  {k} = {self.quote(v)}\n" for k, v in values.items()) + "}\n")

    @staticmethod
    def quote(value):
        return value if value.startswith("{") else f'"{value}"'

    def start(self, **sections):
        self.write(**sections)
        self.daemon.start(lambda: connects(self.socket) and connects(self.control))
        return self

    def client(self, **options):
        return MilterClient(self.socket, **options)

    def send(self, content=MESSAGE, **options):
        """One message in a session of its own."""
        client = self.client()
        answer = client.connect().helo().message(content, **options)
        client.quit()
        return answer

    def command(self, line, timeout=40):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            text = s.makefile().readline().strip()
        word, _, rest = text.partition(" ")
        return word == "OK", rest

    def status(self):
        ok, text = self.command("status")
        assert ok
        return {k: v for k, _, v in (pair.partition("=") for pair in text.split())}

    def log(self):
        return self.daemon.log()

    def eom_lines(self):
        return [line for line in self.log().splitlines() if re.search(r"(event=|\s)eom\s", line)]

    def spooled(self):
        return sorted(p.name for p in self.spool.glob("*.rec")) if self.spool.is_dir() else []

    def successors(self):
        """Pids of all our program's processes with this test's configuration."""
        pids = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    command = pathlib.Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if self.config.encode() in command and command[0].endswith(b"postern-milter"):
                    pids.append(int(entry))
        return pids

    def stop(self):
        self.daemon.stop()
        for pid in self.successors():
            os.kill(pid, signal.SIGKILL)
        self.archive.stop()
