"""Child processes with a log file, and waiting for things with a deadline."""
import os
import signal
import socket
import subprocess
import time


class Timeout(AssertionError):
    pass


def wait_until(condition, timeout=20, what="", every=0.05):
    """Polls until condition() is true and returns its value; Timeout names what was waited for."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"not within {timeout} s: {what() if callable(what) else what or condition}")
        time.sleep(every)


def connects(address):
    """True when something listens: address is (host, port) or the path of a unix socket."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        try:
            s.connect(address)
            return True
        except OSError:
            return False


def alive(pid):
    """False also for a process that ended but was not yet reaped."""
    text = read_text(f"/proc/{pid}/stat")
    return bool(text) and text.rsplit(")", 1)[1].split()[0] != "Z"


def group_alive(group):
    """True while any process of the process group lives (one that ended but was not yet reaped does not count)."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = read_text(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()
        if len(fields) > 2 and fields[2] == str(group) and fields[0] != "Z":
            return True
    return False


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Daemon:
    """A foreground program whose output goes to a log file."""

    def __init__(self, command, log, environment=None):
        self.command, self.log_path = command, log
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None

    def start(self, ready=None, timeout=20, pass_fds=()):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, pass_fds=pass_fds, start_new_session=True)
        if ready:
            wait_until(lambda: ready() or not self.running(), timeout,
                       lambda: f"{self.command[0]} did not become ready; its log:\n{self.tail()}")
            if not self.running():
                raise AssertionError(f"{self.command[0]} ended with {self.process.returncode}:\n{self.tail()}")
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def kill(self):
        """kill -9, and waits for the end."""
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait(20)

    def stop(self, timeout=30):
        """SIGTERM; returns the exit status, or kills what does not end in time and returns None."""
        if self.process is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def log(self):
        return read_text(self.log_path)

    def tail(self, characters=4000):
        return self.log()[-characters:]
