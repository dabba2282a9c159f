"""A private Dovecot with the plugin postern_quota of the build directory, on 2.3 and 2.4, and a daemon that listens to it."""
import contextlib
import glob
import imaplib
import itertools
import json
import os
import shutil
import smtplib
import socket
import subprocess
import threading
import time

from . import accounts, namespace
from .dovecot import Dovecot, version
from .process import wait_until

DELAY = 0.25  # postern_quota_delay's default, seconds
SETTLE = 0.7  # after this long, what was to come has come
PORTS = itertools.count(1143)
STOCK = "/usr/lib/dovecot/modules"
PLUGIN = "lib30_postern_quota_plugin.so"
MEBIBYTE = 1 << 20
STORES = {"maildir": ("mail_location = maildir:~/Maildir", "mail_driver = maildir\nmail_path = ~/Maildir"),
          "mdbox": ("mail_location = mdbox:~/mdbox", "mail_driver = mdbox\nmail_path = ~/mdbox"),
          "sdbox": ("mail_location = sdbox:~/sdbox", "mail_driver = sdbox\nmail_path = ~/sdbox")}
# The namespace of one more quota root.
ARCHIVE = ("namespace archive {{\n  prefix = Archive/\n  separator = /\n  location = maildir:~/Archive\n}}\n",
           "namespace archive {{\n  prefix = Archive/\n  separator = /\n  mail_path = ~/Archive\n  {root}\n}}\n")


class Sink:
    """The daemon's socket: keeps what comes, in order of arrival."""

    def __init__(self, path, read=True):
        self.events, self.raw = [], []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.thread = threading.Thread(target=self.run, daemon=True)
        if read:
            self.thread.start()

    def run(self):
        while datagram := self.socket.recv(65536):
            self.raw.append(datagram)
            self.events.append(json.loads(datagram))

    def expect(self, *kinds):
        """Waits for exactly these events, by kind, makes sure that no more come, and forgets them."""
        wait_until(lambda: len(self.events) >= len(kinds), 10, lambda: f"{kinds}; there are {self.events}")
        time.sleep(SETTLE)
        found, self.events = self.events, []
        assert [event["event"] for event in found] == list(kinds), found
        return found

    def none(self):
        self.expect()

    def drain(self):
        """All events until there are none for a while."""
        time.sleep(SETTLE)
        found, self.events = self.events, []
        return found

    def close(self):
        """Ends listening; the socket's file stays."""
        if self.thread.is_alive():
            self.socket.shutdown(socket.SHUT_RDWR)
            self.thread.join()
        self.socket.close()


def build_directory():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.path.join(root, os.environ.get("POSTERN_BUILD", "build"), "dovecot-plugins")


def plugin_directory(path):
    """mail_plugin_dir is one directory, so all stock plugins are linked into it."""
    built = os.path.join(build_directory(), PLUGIN)
    assert os.path.exists(built), f"{built} is not built: is dovecot-dev installed?"
    os.makedirs(path)
    for name in os.listdir(STOCK):
        os.symlink(os.path.join(STOCK, name), os.path.join(path, name))
    shutil.copy(built, os.path.join(path, PLUGIN))
    return path


@contextlib.contextmanager
def settings_module(directory):
    """Dovecot 2.4 looks for modules of settings only where it was built to; a mount shows it ours there, in this namespace only."""
    if version() < (2, 4):
        yield
        return
    assert namespace.inside()
    stock = os.path.join(STOCK, "settings")
    for path in glob.glob(os.path.join(stock, "*.so")) + [os.path.join(build_directory(), "libpostern_settings.so")]:
        os.makedirs(directory, exist_ok=True)
        shutil.copy(path, directory)
    subprocess.run(["mount", "--bind", directory, stock], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", stock], check=True)


def quoted(text):
    return f'"{text}"' if " " in text else text


def configuration(directory, store, driver, roots, settings, archive):
    """roots: [(name, {"storage": "1M", "messages": 10})]; settings: of postern_quota, without the prefix."""
    first = f"mail_plugin_dir = {directory}/plugins\nlmtp_rcpt_check_quota = yes\n"
    if version() >= (2, 4):
        def block(name, limits):
            names = {"storage": "storage_size", "messages": "message_count"}
            lines = "\n  ".join(f"{names[k]} = {v}" for k, v in limits.items())
            return f'quota "{name}" {{\n  driver = {driver}\n  storage_grace = 0\n  {lines}\n}}\n'
        text = first + "mail_plugins {\n  quota = yes\n  postern_quota = yes\n}\n"
        text += STORES[store][1] + "\n" + "".join(block(*root) for root in roots)
        if archive:
            text += ARCHIVE[1].format(root=block(*archive).replace("\n", "\n  "))
        return text + "".join(f"postern_quota_{k} = {quoted(v)}\n" for k, v in settings.items())
    lines = ["quota_grace = 0"] + (["quota_vsizes = yes"] if driver == "count" else [])
    for number, (name, limits) in enumerate(roots + ([archive] if archive else []), 1):
        key = "quota" if number == 1 else f"quota{number}"
        place = {"dict": "::file:%h/quota"}.get(driver, ":ns=Archive/" if archive and name == archive[0] else "")
        lines.append(f"{key} = {driver}:{name}{place}")
        lines.append(f"{key}_rule = *:" + ":".join(f"{k}={v}" for k, v in limits.items()))
    lines += [f"postern_quota_{k} = {v}" for k, v in settings.items()]
    text = f"{first}mail_plugins = quota postern_quota\n{STORES[store][0]}\n"
    text += ARCHIVE[0].format() if archive else ""
    return text + "plugin {\n  " + "\n  ".join(lines) + "\n}\n"


def inbox_of(dovecot, user):
    client = imaplib.IMAP4("127.0.0.1", dovecot.imap_port)
    client.login(accounts.address(user), accounts.password(user))
    client.select("INBOX")
    return client


def deliver(dovecot, size, user):
    """By LMTP; returns the answer's code and text, of RCPT if that was refused."""
    client = smtplib.LMTP(dovecot.lmtp_socket())
    try:
        client.ehlo("test.example")
        client.mail("sender@example.test")
        answer = client.rcpt(accounts.address(user))
        return client.data(message(size)) if answer[0] == 250 else answer
    finally:
        client.close()


class QuotaDovecot:
    """One user's limit is a mebibyte unless roots say otherwise. more: lines of Dovecot's configuration. Use as a context manager."""

    def __init__(self, directory, store="maildir", driver="count", roots=(("User quota", {"storage": "1M"}),), archive=None,
                 listen=True, more="", **settings):
        self.directory, self.sink = directory, None
        os.chmod(directory, 0o755)
        self.socket = os.path.join(directory, "q.sock")
        os.makedirs(os.path.join(directory, "queue", "private"))
        plugin_directory(os.path.join(directory, "plugins"))
        extra = configuration(directory, store, driver, list(roots), {"socket": self.socket, **settings}, archive) + more
        self.server = Dovecot(directory, accounts.Accounts(os.path.join(directory, "accounts")), os.path.join(directory, "queue"),
                              imap_port=next(PORTS), extra=extra)
        if listen:
            self.listen()

    def __enter__(self):
        self.resources = contextlib.ExitStack()
        self.resources.enter_context(settings_module(os.path.join(self.directory, "settings")))
        self.server.start()
        return self

    def __exit__(self, *exception):
        self.server.stop()
        if self.sink:
            self.sink.close()
        self.resources.close()

    def listen(self, read=True):
        self.sink = Sink(self.socket, read)
        return self.sink

    def imap(self, user="alice"):
        return inbox_of(self.server, user)

    def lmtp(self, size, user="alice"):
        return deliver(self.server, size, user)

    def fill(self, percent, user="alice"):
        """Fills INBOX to so many percent of a mebibyte by LMTP, and forgets the events."""
        assert self.lmtp(percent * MEBIBYTE // 100, user)[0] == 250
        self.sink.drain()

    def log(self):
        return self.server.log()


def message(size):
    """A message that is about `size` bytes long, by at most 80 less."""
    head = b"From: a@example.test\r\nTo: b@example.test\r\nSubject: quota\r\n\r\n"
    return head + (b"x" * 70 + b"\r\n") * ((size - len(head)) // 72)


def append(client, size, folder="INBOX"):
    """APPEND; returns (status, text of the answer)."""
    status, data = client.append(folder, None, None, message(size))
    return status, b" ".join(data).decode()


def expunge_all(client):
    client.store("1:*", "+FLAGS.SILENT", "\\Deleted")
    status, _ = client.expunge()
    assert status == "OK"
