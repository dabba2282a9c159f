"""postern-policyd under one directory: its configuration, the daemon, and `postern` about it."""
import json
import os
import shutil
import subprocess

from .policy import PolicyClient
from .postern import USER, program, quote
from .process import Daemon, connects

GREYLIST = {"greylist main": {"delay": "2s", "window": "1h", "passes": 2}}
SLOW_GREYLIST = {"greylist main": {"delay": "1h", "passes": 2}}


def first_try(**attributes):
    """A question about mail from a host that is not known."""
    return {"client_address": "198.51.100.7", "client_name": "unknown", "sender": "news@shop.test", "recipient": "alice@example.test", **attributes}


def on_mariadb(server, node):
    """Settings of a node that keeps what it knows there."""
    return {"policyd": {"driver": "mariadb", "host": server.socket, "database": "policy", "db_user": "policy", "password": "pw", "node": node}}


def in_postfix(stack):
    """A socket that Postfix can reach: its path, its name in main.cf."""
    return stack.postfix.milter_socket("policy.sock")


class Policyd:
    """checks: {"kind title": {"setting": value}}, made in this order. settings: {"section": {..}} over what the directory needs.
    path: of the socket, else one in the directory."""

    def __init__(self, directory, checks=(), settings=None, path=None, accounts=None, build=None):
        self.directory, self.build, self.may_fail = directory, build, False
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        run = os.path.join(directory, "run")
        os.makedirs(run, exist_ok=True)
        shutil.chown(run, USER, USER)
        self.path, self.metrics = path or os.path.join(run, "policy.sock"), os.path.join(run, "metrics")
        self.reports = os.path.join(run, "report.sock")
        self.control_path = os.path.join(run, "control")
        self.database = os.path.join(directory, "state", "policy.db")
        self.settings = {
            "log": {"target": "stderr", "level": "debug"},
            "accounts": {"driver": "sqlite", "path": accounts.database} if accounts else {},
            "policyd": {"listen": [f"unix:{self.path}"], "control": f"unix:{self.control_path}", "metrics": f"unix:{self.metrics}", "user": USER,
                        "reports": f"unix:{self.reports}",
                        "socket_group": "postfix", "path": self.database},
            "quota": {"listen": ""}}
        for section, values in (settings or {}).items():
            self.settings.setdefault(section, {}).update(values)
        self.configuration = os.path.join(directory, "postern.conf")
        self.configure(checks)
        self.daemon = Daemon([program("postern-policyd", build), "-c", self.configuration], os.path.join(directory, "policyd.log"))

    def configure(self, checks):
        self.settings["policyd"]["checks"] = [name.split()[1] for name in checks]
        with open(self.configuration, "w") as f:
            for section, values in {**self.settings, **dict(checks)}.items():
                f.write(f"{section} {{\n")
                f.writelines(f"  {name} = {quote(value)}\n" for name, value in values.items())
                f.write("}\n")

    def start(self):
        self.daemon.start(lambda: os.path.exists(self.control_path) and connects(self.path), 30)
        return self

    def stop(self):
        return self.daemon.stop()

    def restart(self):
        self.stop()
        return self.start()

    def client(self):
        return PolicyClient(self.path)

    def ask(self, **attributes):
        with self.client() as client:
            return client.ask(**attributes)

    def run(self, *arguments, check=True):
        done = subprocess.run([program("postern", self.build), "-c", self.configuration, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"postern {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log()[-2000:]}")
        return done

    def log(self):
        return self.daemon.log()

    def control(self, *words):
        """The answer of a command that gives JSON."""
        text = self.run("control", "policyd", *words).stdout
        return json.loads(text.split(": ", 1)[1])
