"""The MTA's side of the milter protocol, version 6 or older: talks to a milter as Postfix does.

It offers what it is told to offer, sends only the steps and macros that the milter asked for, and waits for a reply only
where the milter said that it replies, so that a milter which breaks its word hangs or fails the test."""
import socket
import struct

ALL_ACTIONS, ALL_STEPS = 0x1FF, 0x1FFFFF
NO = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40, "T": 0x200}
SILENT = {"L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "N": 0x40000, "B": 0x80000}
LEADSPC = 0x100000
STAGES = {0: "C", 1: "H", 2: "M", 3: "R", 4: "T", 5: "E", 6: "N"}


class MilterError(Exception):
    """The milter broke the protocol, the connection, or its time."""


class Answer:
    """What the milter said at end of message: kind is continue, accept, reject, tempfail, discard or reply."""

    def __init__(self, kind, text="", edits=()):
        self.kind, self.text, self.edits = kind, text, list(edits)

    def __repr__(self):
        return f"Answer({self.kind!r}, {self.text!r}, {self.edits!r})"

    @property
    def accepted(self):
        return self.kind in ("continue", "accept", "discard")

    @property
    def code(self):
        return int(self.text[:3]) if self.kind == "reply" else None


class MilterClient:
    def __init__(self, address, version=6, actions=ALL_ACTIONS, steps=ALL_STEPS, timeout=30, macros=None):
        """address: path of a unix socket, or (host, port). macros: name without braces -> value."""
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.macros = dict(macros or {})
        try:
            self.socket.connect(address)
            self.negotiate(version, actions, steps)
        except OSError as e:
            self.socket.close()
            raise MilterError(f"connect: {e}") from e

    # ---- packets ----

    def send(self, command, payload=b""):
        try:
            self.socket.sendall(struct.pack(">I", len(payload) + 1) + command.encode() + payload)
        except OSError as e:
            raise MilterError(f"send {command}: {e}") from e

    def receive_exactly(self, n):
        data = b""
        while len(data) < n:
            try:
                piece = self.socket.recv(n - len(data))
            except OSError as e:
                raise MilterError(f"receive: {e}") from e
            if not piece:
                raise MilterError("the milter closed the connection")
            data += piece
        return data

    def receive(self):
        (length,) = struct.unpack(">I", self.receive_exactly(4))
        data = self.receive_exactly(length)
        return chr(data[0]), data[1:]

    # ---- the dialogue ----

    def negotiate(self, version, actions, steps):
        self.send("O", struct.pack(">III", version, actions, steps))
        command, data = self.receive()
        if command != "O":
            raise MilterError(f"reply {command} to the negotiation")
        self.version, self.actions, self.steps = struct.unpack(">III", data[:12])
        if self.version > version or self.actions & ~actions or self.steps & ~steps:
            raise MilterError(f"asks for more than was offered: {self.actions:#x} {self.steps:#x}")
        self.wanted_macros, rest = {}, data[12:]
        while rest:
            (stage,) = struct.unpack(">I", rest[:4])
            names, _, rest = rest[4:].partition(b"\0")
            self.wanted_macros[STAGES[stage]] = names.decode().replace(",", " ").split()

    def send_macros(self, stage):
        names = [n.strip("{}") for n in self.wanted_macros.get(stage, [])] if self.wanted_macros else list(self.macros)
        pairs = [(n, self.macros[n]) for n in names if n in self.macros]
        if pairs:
            payload = b"".join((f"{{{n}}}" if len(n) > 1 else n).encode() + b"\0" + v.encode() + b"\0" for n, v in pairs)
            self.send("D", stage.encode() + payload)

    def step(self, command, payload=b"", macros=True):
        """Sends one step if it is wanted; raises if the milter answers anything but continue."""
        if self.steps & NO.get(command, 0):
            return
        if macros:
            self.send_macros(command)
        self.send(command, payload)
        if self.steps & SILENT.get(command, 0):
            return
        answer, data = self.receive()
        if answer not in "cs":
            raise MilterError(f"answer {answer}{data!r} to {command}")

    def connect(self, name="client.test", address="192.0.2.7", port=40000):
        family = b"U" if address is None else b"6" if ":" in address else b"4"
        payload = name.encode() + b"\0" + family
        if address is not None:
            payload += struct.pack(">H", port) + address.encode() + b"\0"
        self.step("C", payload)
        return self

    def helo(self, name="client.test"):
        self.step("H", name.encode() + b"\0")
        return self

    def message(self, content, sender="a@elsewhere.test", recipients=("alice@example.test",), queue_id="3FQ1x0z", stop=None):
        """One transaction with the message (bytes, CRLF) as Postfix would send it. stop names a step before which the
        connection is just left ("M", "R", "L", "B", "E"); returns the Answer."""
        self.macros["i"] = queue_id
        if stop == "M":
            return None
        self.step("M", f"<{sender}>".encode() + b"\0")
        for recipient in recipients:
            if stop == "R":
                return None
            self.step("R", f"<{recipient}>".encode() + b"\0")
        self.step("T")
        header, _, body = (b"\r\n" + content).partition(b"\r\n\r\n")
        header = header[2:]
        for field in unfold(header):
            if stop == "L":
                return None
            name, _, value = field.partition(b":")
            if not self.steps & LEADSPC and value.startswith(b" "):
                value = value[1:]
            self.step("L", name + b"\0" + value.replace(b"\r\n", b"\n") + b"\0", macros=False)
        self.step("N")
        for i in range(0, len(body), 65535):
            if stop == "B":
                return None
            self.step("B", body[i : i + 65535])
        return None if stop == "E" else self.end_of_message()

    def end_of_message(self):
        self.send_macros("E")
        self.send("E")
        edits = []
        while True:
            command, data = self.receive()
            if command in "hmi+-2ebq":
                edits.append((command, data))
            elif command == "y":
                return Answer("reply", data.rstrip(b"\0").decode(), edits)
            elif command in "cartd":
                return Answer({"c": "continue", "a": "accept", "r": "reject", "t": "tempfail", "d": "discard"}[command],
                              "", edits)
            elif command != "p":
                raise MilterError(f"unknown answer {command} at end of message")

    def abort(self):
        self.send("A")

    def quit(self):
        try:
            self.send("Q")
        finally:
            self.socket.close()

    def close(self):
        """Leaves without a word, as a killed MTA does."""
        self.socket.close()


def unfold(header):
    """The fields of a header block, each with its continuation lines."""
    fields = []
    for line in header.split(b"\r\n") if header else []:
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return fields
