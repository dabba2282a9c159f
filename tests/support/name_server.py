"""A little DNS server (UDP) of a table, for programs that are told its address (or, on port 53 of a namespace, for the system's).

    names = NameServer()
    names.records[("example.test", "TXT")] = ["v=DMARC1"]
    names.failing.add("away.test")      # answers SERVFAIL
    names.silent.add("slow.test")       # does not answer
    ... names.forwarder for the setting dns.forwarders
    names.close()

Other names are NXDOMAIN, names with records of other types only are "no data"."""
import socket
import struct
import threading

TYPES = {"A": 1, "PTR": 12, "TXT": 16, "AAAA": 28}


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def rdata(kind, value):
    if kind == "TXT":
        octets = value.encode()
        return b"".join(bytes([len(octets[i:i + 255])]) + octets[i:i + 255] for i in range(0, len(octets), 255))
    if kind == "PTR":
        return encode_name(value)
    return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)


class NameServer:
    def __init__(self, port=0):
        self.records, self.failing, self.silent, self.asked = {}, set(), set(), []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.forwarder = f"127.0.0.1@{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def serve(self):
        while True:
            packet, client = self.socket.recvfrom(4096)
            if not packet:
                return
            answer = self.answer(packet)
            if answer:
                self.socket.sendto(answer, client)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        name, number = ".".join(labels).lower(), struct.unpack("!H", packet[at + 1:at + 3])[0]
        kind = next((k for k, n in TYPES.items() if n == number), "")
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        values = self.records.get((name, kind), [])
        exists = any(key[0] == name or key[0].endswith("." + name) for key in self.records)
        code = 2 if name in self.failing else 0 if exists else 3
        out = packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(values) if code == 0 else 0, 0, 0) + packet[12:at + 5]
        for value in values if code == 0 else []:
            data = rdata(kind, value)
            out += b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 0, len(data)) + data
        return out
