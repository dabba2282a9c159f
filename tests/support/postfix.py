"""A private instance of the system's Postfix under one directory: stock master.cf, own configuration, queue, data and log."""
import json
import os
import re
import shutil
import signal
import subprocess

from .process import Timeout, alive, group_alive, connects, read_text, wait_until

STOCK_MASTER = "/usr/share/postfix/master.cf.dist"
# What Debian's start script copies into the queue directory for chrooted services.
CHROOT_FILES = ("localtime", "services", "resolv.conf", "hosts", "host.conf", "nsswitch.conf")
UNCHROOTED = ("proxymap", "qmgr", "local", "virtual", "pipe", "postlogd")


class Postfix:
    """ports: dict with smtp, submission and optionally reinjection (a milter-free port for content filters).
    chroot: True or False sets the chroot column of smtpd and the other services that Debian ever chrooted; None leaves the
    column as the distribution ships it."""

    def __init__(self, directory, accounts, ports=None, chroot=None, log_name="mail.log"):
        self.directory, self.accounts = directory, accounts
        self.ports = {"smtp": 25, "submission": 587, "reinjection": 10025, **(ports or {})}
        self.etc, self.queue_directory = os.path.join(directory, "etc"), os.path.join(directory, "spool")
        self.log_path = os.path.join(directory, log_name)
        self.started = False
        self._create(chroot)

    def _create(self, chroot):
        for path in (self.etc, self.queue_directory, os.path.join(self.directory, "data")):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o755)
        shutil.chown(os.path.join(self.directory, "data"), "postfix")
        shutil.copy(STOCK_MASTER, os.path.join(self.etc, "master.cf"))
        open(os.path.join(self.etc, "main.cf"), "w").close()
        maps = {name: f"proxy:sqlite:{self.accounts.map_path(name)}" for name in
                ("domains", "mailboxes", "alias_domain_mailboxes", "aliases", "alias_domain_aliases")}
        self.set(compatibility_level="3.6", queue_directory=self.queue_directory,
                 data_directory=os.path.join(self.directory, "data"), maillog_file=self.log_path,
                 maillog_file_prefixes=self.directory, myhostname="mx.example.test", mydestination="localhost",
                 alias_maps="", alias_database="", mynetworks="127.0.0.0/8", inet_interfaces="loopback-only",
                 inet_protocols="ipv4", smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination",
                 virtual_mailbox_domains=maps["domains"],
                 virtual_mailbox_maps=f"{maps['mailboxes']}, {maps['alias_domain_mailboxes']}",
                 virtual_alias_maps=f"{maps['aliases']}, {maps['alias_domain_aliases']}",
                 virtual_transport="lmtp:unix:private/dovecot-lmtp", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth",
                 # every delivery attempt of a test comes from the same client address, and a queue run must not wait
                 smtpd_client_connection_count_limit="0", smtpd_client_connection_rate_limit="0", in_flow_delay="0",
                 minimal_backoff_time="2s", queue_run_delay="2s", maximal_backoff_time="4s", message_size_limit="50000000",
                 mailbox_size_limit="0", smtpd_error_sleep_time="0")
        self._services(chroot)
        subprocess.run(["postfix", "-c", self.etc, "check"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self._fill_chroot()
        with open(os.path.join(self.etc, "main.cf")) as f:
            self.first_main_cf = f.read()

    def reset(self):
        """main.cf as it was made, without what a test has set; takes effect at the next start or reload."""
        with open(os.path.join(self.etc, "main.cf"), "w") as f:
            f.write(self.first_main_cf)

    def services(self):
        return self._postconf("-M").splitlines()

    def set_chroot(self, chroot):
        """Debian's chroot column: the services that Debian 12 runs chrooted, or none."""
        for line in self.services():
            name, kind, _, _, column, _, _, program = line.split()[:8]
            if program not in UNCHROOTED and column != ("y" if chroot else "n"):
                self._postconf("-F", f"{name}/{kind}/chroot={'y' if chroot else 'n'}")

    def _services(self, chroot):
        if chroot is not None:
            self.set_chroot(chroot)
        if self.ports["smtp"] != 25:
            self._postconf("-MX", "smtp/inet")
            self.service("127.0.0.1:%d" % self.ports["smtp"])
        self.service("127.0.0.1:%d" % self.ports["submission"], syslog_name="postfix/submission", smtpd_sasl_auth_enable="yes",
                     smtpd_tls_auth_only="no", smtpd_relay_restrictions="permit_sasl_authenticated,reject",
                     smtpd_recipient_restrictions="", milter_macro_daemon_name="ORIGINATING")
        self.service("127.0.0.1:%d" % self.ports["reinjection"], smtpd_milters="", receive_override_options=
                     "no_milters,no_address_mappings", content_filter="", smtpd_authorized_xforward_hosts="127.0.0.0/8", smtpd_relay_restrictions="permit_mynetworks,reject")

    def service(self, endpoint, program="smtpd", **settings):
        """Adds an inet service with -o settings; its chroot column is the one of the stock smtp service."""
        chrooted = self._chroot_column()
        self._postconf("-M", f"{endpoint}/inet={endpoint} inet n - {chrooted} - - {program}")
        for name, value in settings.items():
            self._postconf("-P", f"{endpoint}/inet/{name}={value}")

    def _chroot_column(self):
        for line in self.services():
            fields = line.split()
            if fields[7] == "smtpd" or fields[0] == "cleanup":
                return fields[4]
        raise AssertionError("no smtpd in master.cf")

    def _fill_chroot(self):
        etc = os.path.join(self.queue_directory, "etc")
        os.makedirs(etc, exist_ok=True)
        for name in CHROOT_FILES:
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", etc)

    def _postconf(self, *arguments):
        return subprocess.run(["postconf", "-c", self.etc, *arguments], check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout

    def set(self, **settings):
        """postconf -e; takes effect at the next start or reload."""
        self._postconf("-e", *(f"{name}={value}" for name, value in settings.items()))

    def milters(self, addresses, default_action="tempfail", **timeouts):
        """addresses: a list in Postfix's syntax; also used for sendmail's mail."""
        value = ", ".join(addresses)
        self.set(smtpd_milters=value, non_smtpd_milters=value, milter_default_action=default_action,
                 **{f"milter_{name}_timeout": f"{seconds}s" for name, seconds in timeouts.items()})

    def milter_socket(self, name="milter.sock", owner=None):
        """(path, Postfix's name for it) of a socket that chrooted and other smtpd processes reach alike."""
        folder = os.path.join(self.queue_directory, "postern")
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        if owner:
            shutil.chown(folder, owner)
        return os.path.join(folder, name), f"unix:postern/{name}"

    def _control(self, command):
        with open(os.path.join(self.directory, "control.log"), "ab") as log:
            return subprocess.run(["postfix", "-c", self.etc, command], stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode

    def start(self):
        code = self._control("start")
        if code != 0:
            raise AssertionError(f"postfix start failed ({code}):\n{self.log()[-3000:]}")
        self.started = True
        for name in ("smtp", "submission"):
            wait_until(lambda: connects(("127.0.0.1", self.ports[name])), 20, lambda: f"Postfix on {name}:\n{self.log()[-3000:]}")
        return self

    def reload(self):
        self._control("reload")

    def stop(self):
        """What `postfix stop` does (SIGTERM to the master), without its one-second steps."""
        pid = self.master_pid() if self.started else None
        self.started = False
        if not pid or not alive(pid):
            return
        os.kill(pid, signal.SIGTERM)
        try:
            # A child that the master forked a moment ago still holds its lock: the whole group has to be gone.
            wait_until(lambda: not group_alive(pid), 10, every=0.02)
        except Timeout:
            os.killpg(pid, signal.SIGKILL)
            wait_until(lambda: not group_alive(pid), 10, every=0.02)

    def restart(self):
        self.stop()
        return self.start()

    def master_pid(self):
        text = read_text(os.path.join(self.queue_directory, "pid", "master.pid")).strip()
        return int(text) if text else None

    def log(self):
        return read_text(self.log_path)

    def wait_log(self, pattern, timeout=20, count=1):
        """Waits until pattern (a regular expression) is in the log count times; returns the last match."""
        def found():
            matches = list(re.finditer(pattern, self.log(), re.MULTILINE))
            return matches[-1] if len(matches) >= count else None
        return wait_until(found, timeout, lambda: f"{pattern!r} in Postfix's log:\n{self.log()[-3000:]}")

    def queue(self):
        """The queue as `postqueue -j` shows it."""
        done = subprocess.run(["postqueue", "-c", self.etc, "-j"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    def flush(self):
        subprocess.run(["postqueue", "-c", self.etc, "-f"], stdin=subprocess.DEVNULL, check=True)

    def wait_queue_empty(self, timeout=60):
        def empty():
            if not self.queue():
                return True
            self.flush()
            return False
        wait_until(empty, timeout, lambda: f"empty queue; it has {self.queue()}\n{self.log()[-3000:]}", every=0.3)

    def sendmail(self, message, recipients, sender):
        """Local submission as programs on the mail server do it."""
        subprocess.run(["sendmail", "-C", self.etc, "-f", sender, "-i", "--", *recipients], input=message, check=True,
                       env=dict(os.environ, MAIL_CONFIG=self.etc))
