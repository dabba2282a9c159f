"""A stand-in for postern-archived's ingest: speaks the frames of lib/base/net.h and lib/mail/archive_proto.h, decodes the
records (lib/mail/capture.c) and misbehaves as told."""
import json
import os
import socket
import struct
import threading
import time

INGEST, STORED, FAILED = 1, 0x81, 0xEE
STRINGS = {4: "instance", 5: "client_name", 6: "client_address", 7: "helo", 8: "auth_user", 9: "queue_id", 10: "protocol",
           11: "mail_from"}
SOURCES = ("smtp", "submission", "local", "ingest")
EXPANSIONS = ("expanded", "pending", "not_configured")


def fields(data):
    while data:
        tag, length = struct.unpack("<HI", data[:6])
        value = data[6 : 6 + length]
        if len(value) != length:
            raise ValueError("a field ends early")
        yield tag, value
        data = data[6 + length :]


def decode(record):
    """A record as a dictionary; strings are decoded with surrogateescape, the message stays bytes."""
    if record[:6] != b"PCAP\x01\0":
        raise ValueError("not a capture of version 1")
    capture = {"recipients": [], "edits": [], "outcomes": [], "notes": [], "message": None}
    text = lambda value: value.decode("utf-8", "surrogateescape")  # noqa: E731
    for tag, value in fields(record[6:]):
        if tag == 1:
            capture["transaction"] = value.hex()
        elif tag == 2:
            (capture["received_us"],) = struct.unpack("<q", value)
        elif tag == 3:
            capture["source"] = SOURCES[value[0]]
        elif tag in STRINGS:
            capture[STRINGS[tag]] = text(value)
        elif tag == 12:
            parts = list(fields(value))
            capture["recipients"].append({"original": next(text(v) for t, v in parts if t == 1),
                                          "expansion": EXPANSIONS[next(v[0] for t, v in parts if t == 2)],
                                          "mailboxes": [text(v) for t, v in parts if t == 3]})
        elif tag == 13:
            capture["outcomes"].append(dict(fields(value)))
        elif tag == 14:
            parts = dict(fields(value))
            capture["edits"].append((parts[1][0], struct.unpack("<i", parts.get(2, b"\0\0\0\0"))[0], text(parts[3]),
                                     text(parts[4]) if 4 in parts else None))
        elif tag == 15:
            capture["notes"].append(text(value))
        elif tag == 255:
            capture["message"] = value
    return capture


class FakeArchived:
    """Listens on a unix socket. self.behave is a function of the record's number (from 0) and the decoded record that
    returns "store", "full", "bad", "drop" (close without reply), "store-drop" (stored, but the reply is lost) or "hang"."""

    def __init__(self, path, delay=0.0):
        self.path, self.delay, self.behave = path, delay, lambda n, record: "store"
        self.lock, self.records, self.seen, self.connections = threading.Lock(), [], 0, set()
        self.listener = None

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(128)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        """Gone as after a kill: nobody listens, open connections break."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
            os.unlink(self.path)
        with self.lock:
            connections, self.connections = self.connections, set()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        with connection, stream:
            try:
                while self.one(connection, stream):
                    pass
            except OSError:
                pass
        with self.lock:
            self.connections.discard(connection)

    def one(self, connection, stream):
        head = stream.read(5)
        if len(head) < 5:
            return False
        length, kind = struct.unpack("<IB", head)
        payload = stream.read(length)
        if len(payload) < length:
            return False
        if kind != INGEST:
            return self.reply(connection, FAILED, {"code": "bad", "text": "only ingest here", "temporary": False})
        record = decode(payload)
        with self.lock:
            number, self.seen = self.seen, self.seen + 1
        if self.delay:
            time.sleep(self.delay)
        action = self.behave(number, record)
        if action == "hang":
            time.sleep(60)
            return False
        if action == "drop":
            return False
        if action == "full":
            return self.reply(connection, FAILED, {"code": "full", "text": "no space", "temporary": True})
        if action == "bad":
            return self.reply(connection, FAILED, {"code": "bad", "text": "not a record", "temporary": False})
        with self.lock:
            repeat = any(r["transaction"] == record["transaction"] for r in self.records)
            if not repeat:
                self.records.append(record)
            identifier = f"r{len(self.records):05d}"
        if action == "store-drop":
            return False
        return self.reply(connection, STORED, {"id": identifier, "event": identifier, "known": repeat, "repeat": repeat})

    @staticmethod
    def reply(connection, kind, value):
        payload = json.dumps(value).encode()
        connection.sendall(struct.pack("<IB", len(payload), kind) + payload)
        return True

    def stored(self):
        with self.lock:
            return list(self.records)
