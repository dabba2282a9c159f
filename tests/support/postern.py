"""Postern's programs from a build directory, with one configuration under one directory."""
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess

from .process import Daemon, connects, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = {"postern-milter": "milters", "postern-archived": "archive-store/server", "postern-policyd": "policyd", "postern": "cli"}
USER = "daemon"  # an unprivileged account that every Debian has; stands for the user postern


def program(name, build=None):
    build = os.path.abspath(build or os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
    path = os.path.join(build, PROGRAMS[name], name)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not built; run ./run build")
    return path


def quote(value):
    """A value as postern.conf takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(quote(v) for v in value) + "}"
    return '"%s"' % str(value).replace("\\", "\\\\").replace('"', '\\"')


def read_metrics(path):
    """All that a daemon's endpoint at a unix socket shows."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(path)
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


class Postern:
    """Configuration and programs. settings: {"section": {"name": value}} over what the directory needs."""

    def __init__(self, directory, milter_socket, accounts=None, build=None, user=USER, settings=None):
        self.directory, self.build, self.user = directory, build, user
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        self.milter_path, self.milter_address = milter_socket
        self.archive_dir, self.spool = os.path.join(directory, "archive"), os.path.join(directory, "spool")
        self.key = os.path.join(directory, "archive.key")
        run = os.path.join(directory, "run")
        for path in (self.archive_dir, self.spool, run):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o750 if path != run else 0o755)
            shutil.chown(path, user, user)
        self.ingest_path = os.path.join(run, "archived.sock")
        self.metrics = {name: os.path.join(run, f"{name}.metrics") for name in ("milter", "archived")}
        self.settings = {
            "log": {"target": "stderr"},
            "accounts": {"driver": "sqlite", "path": accounts.database} if accounts else {},
            "milter": {"listen": f"unix:{self.milter_path}", "control": f"unix:{run}/milter.control", "user": user,
                       "metrics": f"unix:{self.metrics['milter']}", "socket_group": "postfix"},
            "archive": {"connect": f"unix:{self.ingest_path}", "spool": self.spool, "drain_interval": "500ms",
                        "spool_min_free": "1M"},
            "archived": {"listen": f"unix:{self.ingest_path}", "control": f"unix:{run}/archived.control", "user": user,
                         "metrics": f"unix:{self.metrics['archived']}", "dir": self.archive_dir, "master_key": self.key,
                         "segment_size": "64M", "min_free": "1M"}}
        self.configuration = os.path.join(directory, "postern.conf")
        self.configure(settings or {})
        self.milter = Daemon([program("postern-milter", build), "-c", self.configuration], os.path.join(directory, "milter.log"))
        self.archived = Daemon([program("postern-archived", build), "-c", self.configuration],
                               os.path.join(directory, "archived.log"))

    def configure(self, settings):
        for section, values in settings.items():
            self.settings.setdefault(section, {}).update(values)
        with open(self.configuration, "w") as f:
            for section, values in self.settings.items():
                f.write(f"{section} {{\n")
                f.writelines(f"  {name} = {quote(value)}\n" for name, value in values.items())
                f.write("}\n")

    def init(self):
        """Makes key, directories and tables, as an administrator does once."""
        subprocess.run([program("postern-archived", self.build), "-c", self.configuration, "--init"], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def start_archived(self):
        self.archived.start(lambda: connects(self.ingest_path), 60)
        return self

    def start_milter(self, environment=None):
        if environment is not None:
            self.milter.environment = dict(os.environ, **environment)
        self.milter.start(lambda: connects(self.milter_path), 30)
        return self

    def start(self):
        return self.start_archived().start_milter()

    def stop(self):
        return [self.milter.stop(), self.archived.stop()]

    # ---- the command `postern` ----

    def run(self, *arguments, check=True, data=None):
        done = subprocess.run([program("postern", self.build), "-c", self.configuration, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **({"input": data} if data is not None else {"stdin": subprocess.DEVNULL}))
        if check and done.returncode not in (0, 1):
            raise AssertionError(f"postern {' '.join(arguments)}: {done.returncode}\n{done.stderr.decode()}")
        return done

    def search(self, *query):
        """All hits of a query, newest first, as `postern archive search --json` gives them."""
        done = self.run("archive", "search", "--json", "--all", *query)
        lines = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines() if line.strip()]
        return [line for line in lines if "id" in line]

    def wait_found(self, *query, count=1, timeout=30):
        hits = wait_until(lambda: (lambda found: found if len(found) >= count else None)(self.search(*query)), timeout,
                          lambda: f"{count} hits of {query}; archived's log:\n{self.archived.tail(1500)}", every=0.1)
        assert len(hits) == count, f"{len(hits)} hits of {query}, not {count}"
        return hits

    def raw(self, identity):
        """The message's bytes as the milter received them."""
        return self.run("archive", "show", "--raw", identity).stdout

    def meta(self, identity):
        return json.loads(self.run("archive", "show", "--json", identity).stdout)

    def status(self):
        return json.loads(self.run("archive", "status", "--json").stdout)

    def spooled(self):
        """Names of the records that wait in the spool."""
        return [name for directory, _, names in os.walk(self.spool) for name in names
                if os.path.basename(directory) != "refused" and name.endswith(".rec")]

    def control(self, daemon, command):
        """One command over a control socket: (answer, process id of the daemon that listens there)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(60)
            s.connect(self.settings[daemon]["control"].removeprefix("unix:"))
            pid = struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            s.sendall(command.encode() + b"\n")
            with s.makefile("rb") as answer:
                return answer.readline().decode().strip(), pid

    def metric(self, daemon, name, label=""):
        """The value of one metric, by the daemon's own endpoint."""
        text = read_metrics(self.metrics[daemon])
        for line in text.splitlines():
            if line.startswith(name) and label in line:
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"{daemon} has no metric {name}{label}:\n{text}")
