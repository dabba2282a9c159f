"""A DNS server on loopback for spam_net.py, which has an answer to every question: made of the name's hash, so that it is the same each
time and on each side. Names below .bl.test and below the zones of Debian's rules are lists."""
import hashlib
import socket
import struct
import threading

TYPES = {1: "A", 2: "NS", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA"}
CODES = [f"127.0.0.{n}" for n in (2, 3, 4, 5, 8, 10, 14, 16, 20, 64, 128, 254)] + [f"127.0.1.{n}" for n in (2, 4, 5, 6, 102, 255)] + \
        [f"127.2.0.{n}" for n in (2, 14, 28)] + ["127.0.5.1", "127.3.2.5", "127.10.3.1"]
TEXTS = [["listed"], ["2"], ["spamcop: see https://x.example/"], ["two", "strings"], ["127.0.0.2"], [""], ["v=spf1 +all"]]
NUMBERS = [["1103", "192.88.99.0", "24"], ["559 1103 1239 | 192.88.99.0/24 | US | iana | 2001-06-01"], ["as1103"], ["AS15169"],
           ["192.88.99.0/24 | AS1103 | SURFnet | 2002-10-15 | EU"], ["15169 | 2a00:1450::/32 | IE"], ["no numbers"], ["0 | 1.0.0.0/0"]]
SERVERS = ["ns1.hoster.example.com", "ns2.hoster.co.uk", "a.ns.provider.net", "ns.bulk.ru", "dns.example.org"]


LISTS = (".bl.test", ".spamhaus.org", ".uribl.com", ".surbl.org", ".dnswl.org", ".mailspike.net", ".isipp.com", ".bondedsender.org",
         ".habeas.com", ".senderscore.com", ".spamcop.net", ".fmb.la", ".dkimwl.org")


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def strings(values):
    return b"".join(bytes([len(value)]) + value.encode() for value in values)


def soa(name):
    apex = ".".join(name.split(".")[-2:])
    return apex, wire(SERVERS[len(apex) % len(SERVERS)]) + wire("hostmaster." + apex) + struct.pack("!IIIII", 1, 2, 3, 4, 60)


def listed(name, kind, h):
    """(rcode, records) of a list."""
    if h[0] % 16 < 6:
        return 3, []
    if h[0] % 16 == 6:
        return 2, []
    if h[0] % 16 == 7:
        return 0, []
    if h[0] % 16 == 8:
        return 0, [socket.inet_aton("10.1.2.3")] if kind == "A" else []
    if ".asn.bl.test" in name:
        return 0, [strings(NUMBERS[(h[1] + i) % len(NUMBERS)]) for i in range(1 + h[2] % 2)] if kind == "TXT" else []
    if kind == "A":
        return 0, [socket.inet_aton(CODES[code % len(CODES)]) for code in sorted({h[1] % len(CODES), h[2] % len(CODES)})]
    return 0, [strings(TEXTS[h[1] % len(TEXTS)])] if kind == "TXT" else []


def ordinary(name, kind, h):
    if not kind:
        return 0, []
    if name.startswith("_adsp."):
        texts = [None, ["dkim=all"], ["dkim=discardable"], ["dkim=unknown; t=s"]]
        text = texts[h[0] % len(texts)] if kind == "TXT" else None
        return (0, [strings(text)]) if text else (3, [])
    if kind == "SOA":
        apex, data = soa(name)
        return 0, [data] if apex == name else []
    if h[0] % 8 < 3:
        return (3, 2, 0)[h[0] % 8], []
    if kind == "A":
        return 0, [bytes([198, 51, 100, h[i]]) for i in range(1, 2 + h[3] % 2)]
    if kind == "NS":
        return 0, [wire(SERVERS[n % len(SERVERS)]) for n in sorted({h[1] % len(SERVERS), h[2] % len(SERVERS)})]
    if kind == "MX":
        return 0, [struct.pack("!H", h[1]) + wire("mx." + ".".join(name.split(".")[-2:]))]
    if kind == "TXT":
        return 0, [strings(TEXTS[h[1] % len(TEXTS)])]
    if kind == "AAAA":
        return 0, [bytes.fromhex("20010db8") + bytes(8) + h[1:5]]
    if kind == "PTR":
        return 0, [wire("host" + str(h[1]) + ".example.net")]
    return 0, []


class Server:
    """records: {(type, name): (rcode, records)}, what is answered in place of what is made up."""
    def __init__(self, records=None):
        self.records = records or {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()

    def serve(self):
        while True:
            packet, client = self.socket.recvfrom(4096)
            if not packet:
                return
            self.socket.sendto(self.answer(packet), client)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
            at += 1 + packet[at]
        name, number = ".".join(labels).lower(), struct.unpack("!H", packet[at + 1 : at + 3])[0]
        kind = TYPES.get(number, "")
        h = hashlib.sha256(f"{kind}/{name}".encode("latin-1")).digest()
        code, values = self.records.get((kind, name)) or (listed if name.endswith(LISTS) else ordinary)(name, kind, h)
        out = packet[12 : at + 5]
        for data in values:
            out += b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 60, len(data)) + data
        authority = not values and code != 2
        if authority:
            apex, data = soa(name)
            out += wire(apex) + struct.pack("!HHIH", 6, 1, 60, len(data)) + data
        return packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(values), int(authority), 0) + out
