"""An SMTP server that keeps what it gets.

    sink = SmtpSink()
    sink.replies["x@example.test"] = "550 5.1.1 nobody"   # to RCPT
    sink.hold_after = 3                                    # the 4th mail gets no answer to its end until release()
    ... sink.port; sink.mails: [Mail(sender, recipients, bytes)]
    sink.close()"""
import collections
import socketserver
import threading

Mail = collections.namedtuple("Mail", "sender recipients data")


class Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.talk(self.server.sink)
        except (ConnectionError, ValueError):
            pass

    def talk(self, sink):
        self.say(sink.greeting)
        sender, recipients = "", []
        while True:
            line = self.rfile.readline(2000).decode().strip()
            verb = line.upper()
            if not line or verb == "QUIT":
                return
            if verb.startswith("MAIL FROM:"):
                sender, recipients = line[10:].split(">")[0].strip(" <"), []
                self.say("250 ok")
            elif verb.startswith("RCPT TO:"):
                recipient = line[8:].split(">")[0].strip(" <")
                reply = sink.replies.get(recipient, "250 ok")
                if reply.startswith("2"):
                    recipients.append(recipient)
                self.say(reply)
            elif verb == "DATA":
                self.say("354 go on")
                self.content(sink, sender, recipients)
            else:
                self.say("250 sink")

    def content(self, sink, sender, recipients):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                raise ConnectionError
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b"..") else line)
        with sink.lock:
            sink.mails.append(Mail(sender, tuple(recipients), b"".join(lines)))
            held = sink.hold_after is not None and len(sink.mails) > sink.hold_after
        if held:
            sink.holding.set()
            sink.released.wait(60)
        self.say(sink.end_reply)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, block_on_close = True, True, False


class SmtpSink:
    def __init__(self, port=0):
        self.mails, self.replies, self.lock = [], {}, threading.Lock()
        self.greeting, self.end_reply, self.hold_after = "220 sink", "250 kept", None
        self.holding, self.released = threading.Event(), threading.Event()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.sink = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def release(self):
        self.hold_after = None
        self.released.set()

    def close(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()
