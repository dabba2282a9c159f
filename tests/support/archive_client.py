"""A client of postern-archived's socket in plain Python: the frames of lib/base/net.h, the requests of
lib/mail/archive_proto.h, and the writer of lib/mail/capture.c's format. Written from those descriptions, not
from the C code, so that the two check each other."""

import json
import os
import socket
import struct
import time

INGEST, SEARCH, FETCH, VERIFY, STATUS, RECONCILE, CATCH_UP = range(1, 8)
STORED, HITS, META, RAW, END, PROGRESS, REPORT, FAILED = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xEE
SMTP, SUBMISSION, LOCAL, DIRECT = range(4)
EXPANDED, PENDING, NOT_CONFIGURED = range(3)


class Failed(Exception):
    """The archive answered FAILED."""

    def __init__(self, answer):
        super().__init__("%(code)s: %(text)s" % answer)
        self.code = answer["code"]
        self.temporary = answer["temporary"]
        self.text = answer["text"]


class Closed(Exception):
    """The connection ended before the answer was whole."""


def field(tag, data):
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    return struct.pack("<HI", tag, len(data)) + data


def recipient(original, mailboxes=None, expansion=EXPANDED):
    """One recipient; mailboxes None: the address itself."""
    parts = field(1, original) + field(2, bytes([expansion]))
    for mailbox in [original.lower()] if mailboxes is None else mailboxes:
        parts += field(3, mailbox)
    return parts


def capture(message, sender="", recipients=(), source=DIRECT, transaction=None, received_us=None, queue_id="",
            auth_user="", client_name="", client_address="", helo="", instance="test", protocol="", notes=(),
            edits=()):
    """The encoded record of one transaction. recipients: strings, or bytes of recipient(). edits: tuples (kind,
    index, name, value or None)."""
    out = [b"PCAP", struct.pack("<H", 1)]
    out.append(field(1, transaction or os.urandom(16)))
    out.append(field(2, struct.pack("<q", received_us or int(time.time() * 1e6))))
    out.append(field(3, bytes([source])))
    strings = (instance, client_name, client_address, helo, auth_user, queue_id, protocol, sender)
    for tag, text in enumerate(strings, 4):
        out.append(field(tag, text))
    for one in recipients:
        out.append(field(12, one if isinstance(one, bytes) else recipient(one)))
    for kind, index, name, value in edits:
        parts = field(1, bytes([kind])) + field(2, struct.pack("<i", index)) + field(3, name)
        out.append(field(14, parts + (field(4, value) if value is not None else b"")))
    for note in notes:
        out.append(field(15, note))
    out.append(field(255, message))
    return b"".join(out)


class Client:
    """One connection. Calls raise Failed, Closed or OSError."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, kind, payload=b""):
        if not isinstance(payload, (bytes, bytearray)):
            payload = json.dumps(payload).encode()
        self.socket.sendall(struct.pack("<IB", len(payload), kind) + payload)

    def read(self, n):
        data = bytearray()
        while len(data) < n:
            part = self.socket.recv(min(n - len(data), 1 << 20))
            if not part:
                raise Closed("%d of %d bytes came" % (len(data), n))
            data += part
        return bytes(data)

    def receive(self):
        """One frame: (type, payload)."""
        length, kind = struct.unpack("<IB", self.read(5))
        return kind, self.read(length)

    def answer(self, wanted):
        """The next frame that is no progress, as JSON."""
        while True:
            kind, payload = self.receive()
            if kind == PROGRESS:
                json.loads(payload)
                continue
            if kind == FAILED:
                raise Failed(json.loads(payload))
            assert kind == wanted, "reply of type %#x instead of %#x" % (kind, wanted)
            return json.loads(payload)

    def ingest(self, encoded):
        self.send(INGEST, encoded)
        return self.answer(STORED)

    def search(self, query, **more):
        self.send(SEARCH, dict(query=query, **more))
        return self.answer(HITS)

    def fetch(self, identifier, **more):
        """(meta, bytes)"""
        self.send(FETCH, dict(id=identifier, **more))
        meta = self.answer(META)
        raw = []
        while True:
            kind, payload = self.receive()
            if kind == END:
                return meta, b"".join(raw)
            assert kind == RAW, kind
            raw.append(payload)

    def verify(self):
        self.send(VERIFY, {})
        return self.answer(REPORT)

    def status(self):
        self.send(STATUS, {})
        return self.answer(REPORT)

    def reconcile(self, pairs, **more):
        self.send(RECONCILE, dict(queue_ids=[{"id": i, "time": int(t)} for i, t in pairs], **more))
        return self.answer(REPORT)

    def catch_up(self):
        self.send(CATCH_UP, {})
        return self.answer(REPORT)
