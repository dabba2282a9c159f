#!/usr/bin/python3
"""record.py [--trixie CHROOT] [--only NAME..] [--show] [--into DIRECTORY]

Records what this system's Postfix (or that of a Debian 13 chroot as `./run test-trixie` makes it) asks a policy server, into
DIRECTORY/VERSION/NAME.txt, and what it makes of answers, into DIRECTORY/VERSION/answers.md. Needs root; see README.md."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))
from tests.recordings.policy import answers  # noqa: E402
from tests.recordings.policy.sessions import SESSIONS  # noqa: E402
from tests.recordings.policy.site import Site  # noqa: E402
from tests.support import namespace  # noqa: E402
from tests.support.process import wait_until  # noqa: E402

FINGERPRINT = re.compile(rb"[0-9A-F]{2}(:[0-9A-F]{2})+")


class Plain:
    """What differs from run to run, made the same: process ids, times, queue ids, ports, fingerprints."""

    def __init__(self, ports):
        self.known = {b"client_port": {str(port).encode(): str(40001 + n).encode() for n, port in enumerate(ports)}}

    def line(self, line):
        name, mark, value = line.partition(b"=")
        if not mark or not value:
            return line
        known = self.known.setdefault(b"fingerprint" if name.endswith(b"fingerprint") else name, {})
        n = len(known)
        if name == b"instance":  # process, seconds and microseconds, and the number of the message
            known.setdefault(value, b"%x.5e0be100.%x.%s" % (0x1000 + n, 0x3e8 + n, value.rsplit(b".", 1)[1]))
        elif name == b"queue_id":
            known.setdefault(value, b"%X" % (0xC0FFEE0001 + n))
        elif name.endswith(b"fingerprint"):
            known.setdefault(value, FINGERPRINT.sub(lambda m: b":".join([b"%02X" % (0xA1 + n)] * (len(m[0].split(b":")))), value))
        elif name == b"mail_version":
            known.setdefault(value, re.sub(rb"(\d+\.\d+)\.\d+", rb"\1.0", value))
        elif name != b"client_port":
            return line
        return name + b"=" + known.get(value, value)

    def request(self, raw):
        return b"\n".join(self.line(line) for line in raw.split(b"\n"))


def record(site, name, show):
    function, settings = SESSIONS[name]
    certificates = site.certificates
    site.restart(smtpd_tls_cert_file=certificates.server[0], smtpd_tls_key_file=certificates.server[1],
                 smtpd_tls_CAfile=certificates.authority[0], **settings)
    function(site)
    wait_until(lambda: site.postfix.log().count("disconnect from") >= len(site.sessions), 30, site.postfix.log)
    plain = Plain([session.port for session in site.sessions])
    asked = [request.raw for request in site.recorder.take() if b"client_address=127.0.0.1\n" not in request.raw]  # not the start's
    text = b"".join(map(plain.request, asked))
    if show:
        print(f"== {name}")
        for session in site.sessions:
            print("\n".join(session.dialogue))
        print(text.decode("utf-8", "backslashreplace"))
    return text


def version():
    """This system's Postfix: "3.7"."""
    done = subprocess.run(["postconf", "-d", "-h", "mail_version"], check=True, stdout=subprocess.PIPE, text=True)
    return ".".join(done.stdout.strip().split(".")[:2])


def same_hosts(directory):
    """The machine's /etc/hosts, whatever it says, does not name clients."""
    path = os.path.join(directory, "hosts")
    pathlib.Path(path).write_text("127.0.0.1 localhost\n")
    subprocess.run(["mount", "--bind", path, os.path.realpath("/etc/hosts")], check=True)


def inside(arguments):
    folder = pathlib.Path(arguments.into) / version()
    folder.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="pr-", dir="/tmp")
    same_hosts(directory)
    site = Site(directory)
    try:
        for name in arguments.only or SESSIONS:
            if name in SESSIONS:
                (folder / f"{name}.txt").write_bytes(record(site, name, arguments.show))
        if not arguments.only or "answers" in arguments.only:
            (folder / "answers.md").write_text(answers.table(site, version()))
    finally:
        site.close()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"recorded Postfix {version()} into {folder}")


def chroot_command(chroot, arguments):
    """Mounts are made in a namespace of their own: the chroot's files are only read."""
    script = f"""set -eu
mount --bind '{chroot}' '{chroot}'
mount -t proc proc '{chroot}/proc'
mount --rbind /dev '{chroot}/dev'
mount --rbind /sys '{chroot}/sys'
mount -t tmpfs tmpfs '{chroot}/tmp'
mount --bind '{ROOT}' '{chroot}/mnt'
touch '{chroot}/tmp/resolv.conf'
exec chroot '{chroot}' /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    /usr/bin/python3 /mnt/tests/recordings/policy/record.py --into /mnt/{pathlib.Path(arguments.into).resolve().relative_to(ROOT)} \
    {'--show' if arguments.show else ''} {'--only ' + ' '.join(arguments.only) if arguments.only else ''}
"""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--trixie", metavar="CHROOT")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--show", action="store_true", help="print the dialogues and the requests")
    parser.add_argument("--into", default=str(HERE))
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if arguments.trixie:
        sys.exit(subprocess.call(chroot_command(os.path.abspath(arguments.trixie), arguments), stdin=subprocess.DEVNULL))
    if not namespace.inside():
        os.execvp("unshare", namespace.command([sys.executable, os.path.abspath(__file__), *sys.argv[1:]]))
    inside(arguments)


if __name__ == "__main__":
    main()
