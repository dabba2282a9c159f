"""The demo's own DNS: policies of the senders' domains and the keys of example.test, served by Unbound on a loopback port."""
import os
import re
import subprocess

import dkim

from support.process import Daemon

POLICIES = {
    "outside.test": "v=spf1 ip4:127.0.0.1 -all", "_dmarc.outside.test": "v=DMARC1; p=reject",
    "shop.test": "v=spf1 -all", "_dmarc.shop.test": "v=DMARC1; p=quarantine",
    "example.test": "v=spf1 ip4:127.0.0.1 -all", "_dmarc.example.test": "v=DMARC1; p=reject",
}


class Names:
    def __init__(self, directory, port):
        self.directory, self.port = directory, port
        self.records = dict(POLICIES)
        os.makedirs(directory, mode=0o755)
        self.daemon = Daemon(["/usr/sbin/unbound", "-d", "-c", f"{directory}/unbound.conf"], f"{directory}/unbound.log")

    def publish(self, zone_lines):
        """Takes the records that `postern dkim keygen` prints."""
        for name, text in re.findall(r"^(\S+)\. IN TXT (.*?)(?=^\S|\Z)", zone_lines, re.M | re.S):
            self.records[name] = "".join(re.findall(r'"([^"]*)"', text))

    def start(self):
        with open(f"{self.directory}/unbound.conf", "w") as f:
            f.write(f'server:\n  interface: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n'
                    f'  directory: "{self.directory}"\n  pidfile: ""\n  use-syslog: no\n  logfile: ""\n  num-threads: 1\n  module-config: "iterator"\n'
                    f'  local-zone: "." static\n  local-zone: "test." static\n')  # rules that ask public lists get their no here
            for name, text in self.records.items():
                pieces = " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255))
                f.write(f"  local-data: '{name}. 60 IN TXT {pieces}'\n")
            f.write("remote-control:\n  control-enable: no\n")
        self.daemon.start(lambda: self.ask("outside.test") != b"", 20)

    def ask(self, name, timeout=5):
        """The TXT record as the DNS gives it."""
        name = name.decode() if isinstance(name, bytes) else name
        command = ["dig", "+short", "+tries=1", f"+time={timeout}", "-p", str(self.port), "@127.0.0.1", "TXT", name]
        done = subprocess.run(command,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return b"".join(re.findall(rb'"([^"]*)"', done.stdout)) if done.returncode == 0 else b""

    def verified(self, message):
        """The algorithms of the signatures on a message that verify, by an implementation that is not ours (dkimpy)."""
        message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        count = message.split(b"\r\n\r\n")[0].lower().count(b"\r\ndkim-signature:")
        checks = [dkim.DKIM(message) for _ in range(count)]
        return [check.signature_fields[b"a"].decode() for index, check in enumerate(checks)
                if check.verify(idx=index, dnsfunc=self.ask)]
