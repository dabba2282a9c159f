"""Piler as the archive bench's peer: an installed one (POSTERN_PILER names its prefix) with a MariaDB and a
searchd of its own, all under one directory, real-time index, durable database settings as it comes.

Piler is no Debian package; without POSTERN_PILER the bench says so and prints `peer=none`."""
import os
import pwd
import smtplib
import subprocess
import threading

from tests.bench.measure import cpu_seconds
from tests.support.process import Daemon, connects, wait_until

PORTS = {"smtp": 2725, "searchd": 9396}
RT_FIELDS = {"piler1": "sender rcpt senderdomain rcptdomain subject body attachment_types", "tag1": "tag", "note1": "note",
             "audit1": "email"}
RT_NUMBERS = {"piler1": "arrived sent size direction folder attachments", "tag1": "mid uid", "note1": "mid uid", "audit1": "ts"}


def searchd_config(directory):
    """As Piler's own manticore.conf, in Sphinx' words; the n-gram lines that make Chinese searchable are on."""
    lines = []
    for index, fields in RT_FIELDS.items():
        lines += [f"index {index}", "{", "type = rt", f"path = {directory}/sphinx/{index}", "rt_mem_limit = 128M",
                  "charset_table = 0..9, english, _", "ngram_len = 1", "ngram_chars = U+3000..U+2FA1F"]
        lines += [f"rt_field = {field}" for field in fields.split()]
        lines += [f"rt_attr_bigint = {number}" for number in RT_NUMBERS[index].split()] + ["}"]
    lines += ["searchd", "{", f"listen = 127.0.0.1:{PORTS['searchd']}:mysql41", f"log = {directory}/run/searchd.log",
              f"binlog_path = {directory}/sphinx", "binlog_flush = 2", "binlog_max_log_size = 16M", "rt_flush_period = 300",
              f"pid_file = {directory}/searchd.pid", "workers = threads", "}"]
    return "\n".join(lines) + "\n"


def prefix():
    return os.environ.get("POSTERN_PILER")


class Piler:
    def __init__(self, directory):
        self.d, self.prefix, self.daemons = directory, prefix(), {}
        self.config = os.path.join(directory, "piler.conf")
        self.socket = os.path.join(directory, "mysql.sock")
        for name in ("store", "tmp", "sphinx", "run", "error"):
            os.makedirs(os.path.join(directory, name))
        self.account = pwd.getpwnam("piler")
        self._configure()

    def _configure(self):
        with open(os.path.join(self.prefix, "etc/piler/piler.conf.dist")) as f:
            lines = [line for line in f if "=" in line and not line.startswith(";")]
        changed = {"queuedir": f"{self.d}/store", "workdir": f"{self.d}/tmp", "pidfile": f"{self.d}/run/piler.pid",
                   "listen_addr": "127.0.0.1", "listen_port": str(PORTS["smtp"]), "mysqlsocket": self.socket,
                   "mysqluser": "piler", "mysqlpwd": "pw", "sphxport": str(PORTS["searchd"]), "enable_cjk": "1",
                   "verbosity": "0", "min_message_size": "1", "archive_emails_not_having_message_id": "1",
                   "hostid": "piler.test"}
        with open(self.config, "w") as f:
            for line in lines:
                name = line.split("=")[0]
                f.write(f"{name}={changed.pop(name)}\n" if name in changed else line)
            f.writelines(f"{name}={value}\n" for name, value in changed.items())
        with open(os.path.join(self.d, "sphinx.conf"), "w") as f:
            f.write(searchd_config(self.d))
        key = os.path.join(self.prefix, "etc/piler/piler.key")
        if not os.path.exists(key):
            with open(key, "wb") as f:
                f.write(os.urandom(56))
        subprocess.run(["chown", "-R", "piler:", self.d, key], check=True)

    def _daemon(self, name, command, ready, **more):
        environment = {"LD_LIBRARY_PATH": os.path.join(self.prefix, "lib"), **more}
        self.daemons[name] = Daemon(command, os.path.join(self.d, f"{name}.log"), environment).start(ready, timeout=60)

    def start(self):
        data = os.path.join(self.d, "mysql")
        subprocess.run(["mariadb-install-db", "--user=piler", f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._daemon("mariadbd", ["mariadbd", "--no-defaults", "--user=piler", f"--datadir={data}", f"--socket={self.socket}",
                                  "--skip-networking", f"--pid-file={self.d}/mysql.pid"], lambda: connects(self.socket))
        with open(os.path.join(self.prefix, "share/piler/db-mysql.sql")) as f:
            schema = f.read()
        self.sql("create database piler character set utf8mb4; grant all on piler.* to piler@localhost identified by 'pw';"
                 "use piler;" + schema)
        self._daemon("searchd", ["setpriv", "--reuid=piler", "--regid=piler", "--clear-groups", "searchd", "--nodetach", "-c",
                                 f"{self.d}/sphinx.conf"], lambda: connects(("127.0.0.1", PORTS["searchd"])))
        self._daemon("piler", [os.path.join(self.prefix, "sbin/piler"), "-c", self.config],
                     lambda: os.path.exists(f"{self.d}/tmp/1"))
        self._daemon("piler-smtp", [os.path.join(self.prefix, "sbin/piler-smtp"), "-c", self.config],
                     lambda: connects(("127.0.0.1", PORTS["smtp"])))

    def sql(self, statement):
        return subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "-N", "-e", statement], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def cpu(self):
        return sum(cpu_seconds(d.process.pid) for d in self.daemons.values())

    def ingest(self, messages, threads=8):
        """Sends all by SMTP over several connections; returns when all are stored and indexed."""
        before = self.count()

        def send(part):
            with smtplib.SMTP("127.0.0.1", PORTS["smtp"], timeout=120) as smtp:
                for message in part:
                    smtp.sendmail("sender@elsewhere.test", ["archive@piler.test"], message)

        workers = [threading.Thread(target=send, args=(messages[n::threads],)) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        wait_until(lambda: self.waiting() == 0, 600, "Piler's work to end", every=0.1)
        return self.count() - before

    def waiting(self):
        return sum(len(files) for _, _, files in os.walk(f"{self.d}/tmp"))

    def count(self):
        return int(self.sql("select count(*) from piler.metadata"))

    def disk_bytes(self):
        """Blocks in use by store, index and the database's own tables (not its fixed system files)."""
        folders = (f"{self.d}/store", f"{self.d}/sphinx", f"{self.d}/mysql/piler")
        return [sum(int(line.split()[0]) for line in subprocess.run(["du", "-s", "-B1", folder], stdout=subprocess.PIPE,
                                                                     text=True, check=True).stdout.splitlines()) for folder in folders]

    def stop(self):
        for name in ("piler-smtp", "piler", "searchd", "mariadbd"):
            if name in self.daemons:
                self.daemons[name].stop()
