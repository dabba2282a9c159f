"""A policy server (Postfix's SMTPD_POLICY_README) that keeps what it is asked, byte for byte, and answers what it is told.

    with PolicyRecorder(unix="/tmp/policy.sock", mode=0o666) as recorder:   # or tcp=("127.0.0.1", 0): recorder.address
        recorder.answer = "DUNNO"                  # an action; or bytes (sent as they are); CLOSE: hangs up without an answer;
        recorder.answer = lambda request: ...      # or a function of the Request that returns one of these (and may sleep)
        ...
        recorder.take()                            # the Requests since the last take, in the order they came

A Request knows its bytes (up to and with the empty line) and the number of the connection that it came on, from 1."""
import os
import socket
import threading

CLOSE = object()
LARGEST = 1 << 20


class Request:
    def __init__(self, raw, connection):
        self.raw, self.connection = raw, connection

    @property
    def attributes(self):
        """name -> value, as text; bytes that are no UTF-8 are kept as surrogates."""
        lines = self.raw.decode("utf-8", "surrogateescape").split("\n")
        return dict(line.split("=", 1) for line in lines if "=" in line)


class PolicyRecorder:
    def __init__(self, unix=None, tcp=None, mode=0o666, answer="DUNNO"):
        self.answer = answer
        self.lock, self.requests, self.connections, self.open = threading.Lock(), [], 0, set()
        self.listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        if unix:
            self.listener.bind(unix)
            os.chmod(unix, mode)
        else:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(tcp)
        self.address = self.listener.getsockname()
        self.listener.listen(64)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)
        self.hang_up()

    def hang_up(self):
        """Closes every connection, as a server does that restarts or is tired of idle ones."""
        with self.lock:
            connections, self.open = self.open, set()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stray(self, octets):
        """Sends bytes that nobody asked for, on every connection."""
        with self.lock:
            for connection in self.open:
                try:
                    connection.sendall(octets)
                except OSError:
                    pass

    def take(self):
        with self.lock:
            requests, self.requests = self.requests, []
        return requests

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        pending = b""
        with connection:
            while True:
                while b"\n\n" not in pending:
                    try:
                        piece = connection.recv(65536)
                    except OSError:
                        return
                    if not piece or len(pending) > LARGEST:
                        return
                    pending += piece
                end = pending.index(b"\n\n") + 2
                request, pending = Request(pending[:end], number), pending[end:]
                with self.lock:
                    self.requests.append(request)
                answer = self.answer(request) if callable(self.answer) else self.answer
                if answer is CLOSE:
                    return
                if isinstance(answer, str):
                    answer = b"action=" + answer.encode("utf-8", "surrogateescape") + b"\n\n"
                try:
                    connection.sendall(answer)
                except OSError:
                    return
