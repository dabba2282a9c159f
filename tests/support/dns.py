"""A DNS of the tests' own, on loopback addresses inside their network namespace: root, test. and whatever zones a test wants.

    dns = Dns(directory)
    dns.add("example.test", "TXT", "v=spf1 -all")          # zones . and test. are there, signed
    dns.zone("plain.test", signed=False)                   # a zone of its own, delegated without DS
    dns.zone("bogus.test", broken=True)                    # signed, with signatures that don't fit
    dns.start()
    ... dns.forwarders, dns.anchor, dns.hints for the settings; dns.add(..); dns.restart() when something has changed
    dns.stop()

Knot serves and signs the zones (dns.authority); one Unbound resolves and validates (dns.resolver), another resolves without
validating but passes signatures on (dns.careless); a Stripper before the first strips DNSSEC as routers do (dns.stripping)."""
import os
import re
import socket
import struct
import subprocess
import threading

from .process import Daemon

KEY = ["algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes"]


def fqdn(name):
    return name.rstrip(".").lower() + "."


def rdata(kind, value):
    """The value as zone files have it: TXT as quoted strings of at most 255 octets, names with their final dot."""
    if kind == "TXT":
        octets = value.encode("utf-8") if isinstance(value, str) else value
        strings = [octets[i:i + 255] for i in range(0, len(octets), 255)] or [b""]
        return " ".join('"' + "".join(chr(c) if 32 <= c < 127 and c not in b'"\\;' else f"\\{c:03d}" for c in s) + '"'
                        for s in strings)
    if kind in ("CNAME", "NS", "PTR"):
        return fqdn(value)
    if kind == "MX":
        preference, host = value.split()
        return f"{preference} {fqdn(host)}"
    return value


class Zone:
    def __init__(self, name, text, signed, broken):
        self.name, self.text, self.signed, self.broken = name, text, signed or broken, broken
        self.records = []

    def content(self, address, children):
        """The zone file; children: [(zone, its DS records)]."""
        ns = "ns." + self.name.lstrip(".")
        lines = [f"$ORIGIN {self.name}", "$TTL 60", f"@ 60 SOA {ns} admin.{self.name.lstrip('.')} 1 3600 600 86400 2",
                 f"@ 60 NS {ns}", f"{ns} 60 A {address}", self.text]
        lines += [f"{name} {ttl} {kind} {value}" for name, ttl, kind, value in self.records]
        for child, ds in children:
            lines += [f"{child.name} 60 NS ns.{child.name}", f"ns.{child.name} 60 A {address}", *ds]
        return "\n".join(lines) + "\n"


class Dns:
    def __init__(self, directory, number=1):
        """number tells several in one namespace apart."""
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)
        self.directory = directory
        self.authority, self.resolver, self.stripping, self.careless = (f"127.53.{number}.{i}" for i in range(1, 5))
        self.port = 53  # root hints know no other
        self.hints, self.anchor = f"{directory}/root.hints", f"{directory}/root.key"
        self.zones = {}
        self.zone(".")
        self.zone("test.")
        self.knot = Daemon(["knotd", "-c", f"{directory}/knot.conf"], f"{directory}/knot.log")
        self.unbounds = [self.unbound(self.resolver, "validator iterator"), self.unbound(self.careless, "iterator")]
        self.stripper = Stripper(self.stripping, self.resolver)

    @property
    def forwarders(self):
        """What mode "forward" is given."""
        return [self.resolver]

    # ---- content ----

    def zone(self, name, text="", signed=True, broken=False):
        """A zone of its own; text: further lines of its zone file, names relative to it."""
        self.zones[fqdn(name)] = Zone(fqdn(name), text, signed, broken)
        return self

    def zone_of(self, name):
        labels = fqdn(name).split(".")
        return next(z for z in (self.zones.get(".".join(labels[i:]) or ".") for i in range(len(labels))) if z)

    def add(self, name, kind, value, ttl=60):
        """Adds a record to the zone that the name is in; value as people write it (TXT unquoted, any length; MX "10 host")."""
        self.zone_of(name).records.append((fqdn(name), ttl, kind, rdata(kind, value)))
        return self

    def remove(self, name, kind=None):
        zone = self.zone_of(name)
        zone.records = [r for r in zone.records if r[0] != fqdn(name) or (kind and r[2] != kind)]
        return self

    # ---- files ----

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def file_of(self, zone):
        return f"{self.directory}/zone-{zone.name}db"

    def knot_config(self, zones, sync):
        """sync: signed zones are written back to their files."""
        lines = ["server:", f"    rundir: {self.directory}", f"    listen: {self.authority}@{self.port}",
                 "log:", "  - target: stderr", "    any: info", "database:", f"    storage: {self.directory}/db",
                 "control:", f"    listen: {self.directory}/knot.sock",
                 "policy:", "  - id: test", "    algorithm: ecdsap256sha256", "    single-type-signing: on", "    manual: on",
                 "zone:"]
        for zone in zones:
            sign = zone.signed and (sync or not zone.broken)
            lines += [f"  - domain: {zone.name}", f"    file: {self.file_of(zone)}", f"    zonefile-sync: {0 if sync else -1}",
                      "    zonefile-load: whole", "    journal-content: none", f"    dnssec-signing: {'on' if sign else 'off'}"]
            lines += ["    dnssec-policy: test"] if sign else []
        return self.write("knot.conf", "\n".join(lines) + "\n")

    def keymgr(self, zone, *arguments):
        done = subprocess.run(["keymgr", "-c", f"{self.directory}/knot.conf", zone.name, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line.strip()]

    def ds_of(self, zone):
        if not zone.signed:
            return []
        if not self.keymgr(zone, "list"):
            self.keymgr(zone, "generate", *KEY)
        return [line for line in self.keymgr(zone, "ds") if line.split()[4] == "2"]  # SHA-256

    def write_zones(self):
        os.makedirs(f"{self.directory}/db", exist_ok=True)
        self.knot_config(self.zones.values(), sync=False)
        children = {name: [] for name in self.zones}
        anchors = self.ds_of(self.zones["."])
        for zone in self.zones.values():
            if zone.name != ".":
                parent = self.zone_of(zone.name.split(".", 1)[1] or ".")
                children[parent.name].append((zone, self.ds_of(zone)))
        for zone in self.zones.values():
            self.write(os.path.basename(self.file_of(zone)), zone.content(self.authority, children[zone.name]))
        self.write("root.key", "\n".join(anchors) + "\n")
        self.write("root.hints", f". 3600000 NS a.root.\na.root. 3600000 A {self.authority}\n")

    def break_zones(self):
        """Has Knot sign the broken zones, and spoils each signature but that over the keys."""
        broken = [z for z in self.zones.values() if z.broken]
        if not broken:
            return
        self.knot_config(broken, sync=True)
        self.knot.start(lambda: all("RRSIG" in open(self.file_of(z), encoding="ascii").read() for z in broken))
        self.knot.stop()
        for zone in broken:
            with open(self.file_of(zone), encoding="ascii") as f:
                lines = f.read().splitlines()
            spoilt = [re.sub(r"\S{8}$", "AAAAAA==", line) if re.search(r"\sRRSIG\s+(?!DNSKEY)", line) else line
                      for line in lines]
            assert spoilt != lines
            self.write(os.path.basename(self.file_of(zone)), "\n".join(spoilt) + "\n")
        self.knot_config(self.zones.values(), sync=False)

    def unbound(self, address, modules):
        config = self.write(f"unbound-{address}.conf", "\n".join([
            "server:", f"  interface: {address}", f"  port: {self.port}", f"  outgoing-interface: {address}",
            "  access-control: 127.0.0.0/8 allow", "  do-ip6: no", "  do-daemonize: no", '  username: ""', '  chroot: ""',
            f'  directory: "{self.directory}"', '  pidfile: ""', "  use-syslog: no", '  logfile: ""',
            "  do-not-query-localhost: no", '  local-zone: "test." nodefault', "  unblock-lan-zones: yes",
            "  insecure-lan-zones: yes", f'  module-config: "{modules}"', f'  root-hints: "{self.hints}"', "  val-log-level: 2",
            "  infra-host-ttl: 1", "  infra-keep-probing: yes"]
            + ([f'  trust-anchor-file: "{self.anchor}"'] if "validator" in modules else [])
            + ["remote-control:", "  control-enable: no"]) + "\n")
        return Daemon(["unbound", "-c", config], f"{self.directory}/unbound-{address}.log")

    # ---- running ----

    def start(self):
        self.write_zones()
        self.break_zones()
        self.knot.start(lambda: answers(self.authority, ".", self.port))
        self.start_resolvers()
        self.stripper.start()
        return self

    def start_resolvers(self):
        for daemon, address in zip(self.unbounds, (self.resolver, self.careless)):
            daemon.start(lambda a=address: answers(a, "test", self.port))

    def stop_resolvers(self):
        for daemon in self.unbounds:
            daemon.stop()

    def restart(self):
        """After zone, add and remove; forgets what the resolvers have cached (what Postern has cached it keeps)."""
        self.stop()
        return self.start()

    def stop(self):
        self.stripper.stop()
        self.stop_resolvers()
        self.knot.stop()

    def logs(self):
        for daemon in (self.knot, *self.unbounds):
            yield os.path.basename(daemon.log_path), daemon.log()


def question(name, kind=6):
    """A query message: SOA unless told."""
    labels = [label for label in name.split(".") if label]
    return (struct.pack("!6H", 0x4d53, 0x0100, 1, 0, 0, 0) + b"".join(bytes([len(n)]) + n.encode() for n in labels) + b"\0"
            + struct.pack("!HH", kind, 1))


def answers(address, name, port=53):
    """Whether the server gives a NOERROR answer with records for the name's SOA."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try:
            s.connect((address, port))
            s.send(question(name))
            reply = s.recv(65535)
        except OSError:
            return False
    return len(reply) > 12 and reply[3] & 15 == 0 and reply[6:8] != b"\0\0"


def without_dnssec(query):
    """The query without the DO bit (RFC 3225) and without CD: the answer then comes without signatures."""
    query = bytearray(query)
    query[3] &= ~0x10
    at = 12
    while query[at]:
        at += 1 + query[at]
    at += 5
    if query[11] and query[at:at + 3] == b"\0\0\x29":
        query[at + 7] &= 0x7f
    return bytes(query)


class Stripper:
    """A forwarder that drops DNSSEC, as many home routers do, while strip is set; otherwise it passes everything on."""

    def __init__(self, address, upstream, port=53):
        self.address, self.upstream, self.port = address, upstream, port
        self.strip = True
        self.sockets = []

    def start(self):
        for kind, serve in ((socket.SOCK_DGRAM, self.serve_udp), (socket.SOCK_STREAM, self.serve_tcp)):
            s = socket.socket(socket.AF_INET, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((self.address, self.port))
            s.settimeout(0.2)
            if kind == socket.SOCK_STREAM:
                s.listen(16)
            self.sockets.append(s)
            threading.Thread(target=serve, args=(s,), daemon=True).start()

    def stop(self):
        for s in self.sockets:
            s.close()
        self.sockets = []

    def changed(self, query):
        return without_dnssec(query) if self.strip else query

    def serve(self, s, take):
        while s in self.sockets:
            try:
                taken = take()
            except socket.timeout:
                continue
            except OSError:
                return
            threading.Thread(target=self.handle, args=(s, taken), daemon=True).start()

    def serve_udp(self, s):
        self.serve(s, lambda: s.recvfrom(65535))

    def serve_tcp(self, s):
        self.serve(s, s.accept)

    def handle(self, s, taken):
        try:
            if s.type == socket.SOCK_DGRAM:
                query, peer = taken
                s.sendto(self.ask(self.changed(query)), peer)
            else:
                self.relay(taken[0])
        except (OSError, IndexError, struct.error):
            pass  # an unanswered question, as from any server in trouble

    def ask(self, query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
            up.settimeout(5)
            up.connect((self.upstream, self.port))
            up.send(query)
            return up.recv(65535)

    def relay(self, client):
        with client, socket.create_connection((self.upstream, self.port), 5) as up, client.makefile("rb") as queries, \
                up.makefile("rb") as replies:
            client.settimeout(5)
            while len(head := queries.read(2)) == 2:
                query = self.changed(queries.read(struct.unpack("!H", head)[0]))
                up.sendall(struct.pack("!H", len(query)) + query)
                head = replies.read(2)
                client.sendall(head + replies.read(struct.unpack("!H", head)[0]))
