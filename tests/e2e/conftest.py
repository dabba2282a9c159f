"""Fixtures of the end-to-end tests: real Postfix and Dovecot with Postern between them.

The whole run happens inside namespaces of its own (tests/support/namespace.py): pytest started outside starts itself again
inside. It needs root. Logs of a failed test are added to its report; POSTERN_KEEP=1 keeps the directory."""
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from support import namespace  # noqa: E402
from support.accounts import Accounts  # noqa: E402
from support.dovecot import DOVEADM, DOVEADM_KEY, DOVEADM_PORT, NOTICES, Dovecot  # noqa: E402
from support.lone_milter import LoneMilter  # noqa: E402
from support.name_server import NameServer  # noqa: E402
from support.policyd import Policyd  # noqa: E402
from support.postern import USER, Postern  # noqa: E402
from support.postfix import Postfix  # noqa: E402
from support.process import read_text, wait_until  # noqa: E402


def pytest_cmdline_main(config):
    if namespace.inside() or config.option.collectonly:
        return None
    if os.geteuid() != 0:
        raise pytest.UsageError("the end-to-end tests start Postfix and Dovecot and need root")
    config.pluginmanager.getplugin("capturemanager").suspend_global_capture(in_=True)
    arguments = [sys.executable, "-m", "pytest", *map(str, config.invocation_params.args)]
    return subprocess.call(namespace.command(arguments), cwd=config.invocation_params.dir)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Adds the ends of all logs to the report of a failed test."""
    report = (yield).get_result()
    stack = item.funcargs.get("stack") if hasattr(item, "funcargs") else None
    if report.failed and stack:
        for name, text in stack.logs():
            report.sections.append((name, text[-3000:]))


class Stack:
    """One directory with accounts, Dovecot and Postfix; tests configure and start Postfix through the postfix fixture."""

    def __init__(self, directory):
        self.directory = directory
        self.accounts = Accounts(os.path.join(directory, "accounts"))
        self.postfixes = {}
        self.postfix = self.make_postfix("p", None)
        self.dovecot = Dovecot(os.path.join(directory, "d"), self.accounts, self.postfix.queue_directory,
                               extra=DOVEADM.format(port=DOVEADM_PORT, key=DOVEADM_KEY) + NOTICES.format(user=USER))
        self.extra_logs = []

    def make_postfix(self, name, chroot):
        if name not in self.postfixes:
            self.postfixes[name] = Postfix(os.path.join(self.directory, name), self.accounts, chroot=chroot)
        return self.postfixes[name]

    def logs(self):
        yield "mail.log", self.postfix.log()
        yield "dovecot.log", self.dovecot.log()
        for path in self.extra_logs:
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    yield os.path.basename(path), f.read()


@pytest.fixture(scope="session")
def stack():
    directory = tempfile.mkdtemp(prefix="pe-", dir="/tmp")
    os.chmod(directory, 0o755)
    stack = Stack(directory)
    try:
        stack.dovecot.start()
        yield stack
    finally:
        for postfix in stack.postfixes.values():
            postfix.stop()
        stack.dovecot.stop()
        if os.environ.get("POSTERN_KEEP"):
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def dovecot(stack):
    stack.dovecot.clear()
    return stack.dovecot


@pytest.fixture
def postfix(stack, dovecot):
    """A function that (re)starts Postfix with the given milters: postfix(milters=[...], default_action=..., **main_cf)."""
    instance = stack.postfix

    def start(milters=(), default_action="tempfail", timeouts=None, **settings):
        instance.stop()
        instance.reset()
        open(instance.log_path, "w").close()
        instance.milters(list(milters), default_action, **(timeouts or {"connect": 30, "command": 30, "content": 300}))
        if settings:
            instance.set(**settings)
        return instance.start()

    yield start
    instance.stop()
    subprocess.run(["postsuper", "-c", instance.etc, "-d", "ALL"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


numbers = itertools.count()
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|CRITICAL \*\*|Assertion .* failed")


@pytest.fixture
def postern(stack):
    """A function that makes and starts a Postern of its own, with an empty archive: postern(milter={"name": value}, ...)."""
    made = []

    def make(start=True, directory=None, **settings):
        directory = directory or os.path.join(stack.directory, f"n{next(numbers)}")
        socket = stack.postfix.milter_socket(owner=USER)
        instance = Postern(directory, socket, stack.accounts, settings=settings).init()
        made.append(instance)
        stack.extra_logs = [instance.milter.log_path, instance.archived.log_path]
        return instance.start() if start else instance

    yield make
    for instance in made:
        instance.stop()
        for daemon in (instance.milter, instance.archived):
            found = SANITIZER.search(daemon.log())
            assert not found, f"{daemon.command[0]}: {daemon.log()[found.start():found.start() + 3000]}"
        shutil.rmtree(instance.directory, ignore_errors=True)


@pytest.fixture
def mail_system(postern, postfix):
    """Everything together: (postfix, postern), the milter in front of Postfix; keywords are Postern's settings."""
    def make(default_action="tempfail", timeouts=None, **settings):
        instance = postern(**settings)
        return postfix([instance.milter_address], default_action, timeouts), instance
    return make


@pytest.fixture
def milter():
    """A postern-milter alone, not started yet."""
    directory = tempfile.mkdtemp(prefix="pm-", dir="/tmp")
    alone = LoneMilter(directory)
    try:
        yield alone
    finally:
        alone.stop()
        if os.environ.get("POSTERN_KEEP"):
            print(alone.log())
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def names():
    """The DNS that the daemon asks."""
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def policyd(stack, names):
    """A function that makes and starts a policy daemon: policyd({"greylist main": {..}}, **Policyd's arguments)."""
    made = []

    def make(checks=(), start=True, settings=None, **arguments):
        directory = tempfile.mkdtemp(prefix="pp-", dir="/tmp")
        dns = {"mode": "forward", "forwarders": [names.forwarder], "dnssec": "off"}
        instance = Policyd(directory, checks, {"dns": dns, **(settings or {})}, **arguments)
        made.append(instance)
        stack.extra_logs = [instance.daemon.log_path]
        return instance.start() if start else instance

    yield make
    for instance in made:
        code = instance.stop()
        found = SANITIZER.search(instance.log())
        assert not found, instance.log()[found.start():found.start() + 3000]
        assert code in (0, None) or instance.may_fail, f"ended with {code}: {instance.log()[-1000:]}"
        shutil.rmtree(instance.directory, ignore_errors=True)


@pytest.fixture
def mariadb():
    """A private server: (socket, kill, start); skipped where MariaDB is not installed."""
    if not shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin"):
        pytest.skip("no mariadbd (package mariadb-server-core)")
    directory = tempfile.mkdtemp(prefix="pm-", dir="/tmp")

    class Server:
        socket = os.path.join(directory, "sock")

        def start(self):
            subprocess.run([os.path.join(ROOT, "tests", "support", "mariadb.sh"), "start", directory], check=True, stdin=subprocess.DEVNULL)
            # started by root, the socket is for everybody; the daemon runs as another user
            os.chmod(directory, 0o755)

        def kill(self):
            pid = int(read_text(os.path.join(directory, "pid")) or 0)
            if pid:
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "end of mariadbd")
                os.unlink(os.path.join(directory, "pid"))

        def sql(self, text):
            subprocess.run(["mariadb", "--no-defaults", "-S", self.socket, "-e", text], check=True, stdin=subprocess.DEVNULL)

    server = Server()
    server.start()
    yield server
    server.kill()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def database(mariadb):
    """The same, with a database for policy daemons (support.policyd.on_mariadb)."""
    mariadb.sql("CREATE DATABASE policy CHARACTER SET utf8mb4")
    return mariadb
