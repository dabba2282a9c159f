"""A content filter in Amavis' manner: takes mail by SMTP from Postfix and gives it back to another port, with a header added.

As Amavis does, it passes on what XFORWARD told it, so that Postfix logs the first queue id beside the second."""
import smtplib
import socketserver

from .client import reply, transaction


class _Session(socketserver.StreamRequestHandler):
    timeout = 60

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        sender, recipients, forwarded = "", [], []
        self.say("220 filter ESMTP")
        for line in self.rfile:
            command = line.decode("utf-8", "replace").strip()
            verb = command.split(":")[0].split(" ")[0].upper()
            if verb == "EHLO":
                self.say("250-filter\r\n250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 8BITMIME")
            elif verb == "XFORWARD":
                forwarded.append(command)
                self.say("250 ok")
            elif verb in ("HELO", "NOOP", "RSET"):
                self.say("250 ok")
            elif verb == "MAIL":
                sender, recipients = command.split("<")[1].split(">")[0], []
                self.say("250 ok")
            elif verb == "RCPT":
                recipients.append(command.split("<")[1].split(">")[0])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                self.say(self.server.pass_on(self.message(), sender, recipients, forwarded))
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 not known")

    def message(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        raise ConnectionError("the message never ended")


class ContentFilter(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, port=10024, back_to=10025):
        super().__init__(("127.0.0.1", port), _Session)
        self.back_to, self.passed = back_to, 0

    def pass_on(self, message, sender, recipients, forwarded):
        with smtplib.SMTP("127.0.0.1", self.back_to, timeout=60) as s:
            s.ehlo()
            for command in forwarded:
                reply("XFORWARD", s.docmd(command))
            answer = transaction(s, b"X-Virus-Scanned: by the test's filter\r\n" + message, recipients, sender, ["BODY=8BITMIME"])
        self.passed += 1
        return f"250 2.0.0 from MTA(smtp:[127.0.0.1]:{self.back_to}): 250 {answer}"
