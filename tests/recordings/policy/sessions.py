"""The sessions that are recorded: each a function of the Site, named as its recording, with the main.cf settings that it needs."""
import base64

from .site import ASK, SERVICE

SESSIONS = {}
SENDER, ALICE, BOB = "<sender@outside.test>", "<alice@example.test>", "<bob@example.test>"
STAGES = {f"smtpd_{name}_restrictions": f"check_policy_service {{ {SERVICE}, policy_context={name} }}"
          for name in ("client", "helo", "sender", "recipient", "data", "end_of_data", "etrn")}
STAGES["smtpd_relay_restrictions"] = f"permit_mynetworks, check_policy_service {{ {SERVICE}, policy_context=relay }}, " \
                                     "reject_unauth_destination"


def session(**settings):
    def keep(function):
        SESSIONS[function.__name__.replace("_", "-")] = function, settings
        return function
    return keep


@session()
def plain(site):
    one = site.session()
    one.message(SENDER, [ALICE])
    one.quit()


@session()
def helo_and_size(site):
    one = site.session(hello="HELO client.outside.test", source="127.0.0.3")
    one.message(SENDER, [ALICE])
    one.say("EHLO client.outside.test")
    one.message(SENDER, [ALICE], " SIZE=12345")
    one.quit()


@session(smtpd_helo_required="no")
def no_hello(site):
    one = site.session(hello=None, source="127.0.0.4")
    one.message(SENDER, [ALICE])
    one.quit()


@session(**STAGES)
def stages_delayed(site):
    """Every list of restrictions asks; all that comes before RCPT is evaluated at RCPT (smtpd_delay_reject = yes, the default)."""
    one = site.session()
    one.message(SENDER, [ALICE, BOB])
    one.say("VRFY <alice@example.test>")
    one.quit()


@session(smtpd_delay_reject="no", **STAGES)
def stages_at_once(site):
    one = site.session()
    one.message(SENDER, [ALICE, BOB])
    one.quit()


@session(smtpd_client_restrictions=ASK, smtpd_sender_restrictions=ASK)
def asked_thrice(site):
    """The same service in three lists: one RCPT asks three times, all alike."""
    one = site.session()
    one.message(SENDER, [ALICE])
    one.quit()


@session()
def recipients(site):
    one = site.session()
    one.message(SENDER, [ALICE, BOB, "<carol@example.test>", "<nobody@elsewhere.test>"])
    one.quit()


@session()
def recipient_twice(site):
    one = site.session()
    one.message(SENDER, [ALICE, ALICE])
    one.quit()


@session()
def null_sender(site):
    one = site.session()
    one.message("<>", [ALICE])
    one.quit()


@session()
def two_messages(site):
    """Two messages, and one that is given up after RCPT, in a session."""
    one = site.session()
    one.message(SENDER, [ALICE])
    one.say(f"MAIL FROM:{SENDER}")
    one.say(f"RCPT TO:{BOB}")
    one.say("RSET")
    one.message("<other@outside.test>", [ALICE])
    one.quit()


@session()
def retry(site):
    """Greylisting as Postfix sees it: deferred in one session, tried again in the next."""
    site.recorder.answer = "DEFER_IF_PERMIT Greylisted"
    one = site.session()
    one.message(SENDER, [ALICE])
    one.quit()
    site.recorder.answer = "DUNNO"
    two = site.session()
    two.message(SENDER, [ALICE])
    two.quit()


@session(smtpd_client_restrictions=ASK)
def vrfy(site):
    one = site.session()
    one.say("VRFY <alice@example.test>")
    one.say("VRFY alice")
    one.quit()


@session(smtpd_client_restrictions=ASK, smtpd_etrn_restrictions=ASK, fast_flush_domains="example.test")
def etrn(site):
    one = site.session()
    one.say("ETRN example.test")
    one.quit()


@session()
def sasl(site):
    one = site.session(port=587)
    secret = base64.b64encode(b"\0alice@example.test\0secret-alice").decode()
    one.say(f"AUTH PLAIN {secret}")
    one.message(ALICE, ["<friend@outside.test>"])
    one.message(ALICE, [BOB], " AUTH=alice+2Bnews@example.test")
    one.quit()


def tls(site, certificate=None):
    one = site.session()
    one.start_tls(certificate)
    one.say("EHLO client.outside.test")
    one.message(SENDER, [ALICE])
    one.quit()


TLS = {"smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes", "smtpd_tls_session_cache_database": ""}


@session(**TLS)
def starttls(site):
    tls(site)


@session(**TLS)
def starttls_certificate(site):
    tls(site, site.certificates.client)


@session(**TLS)
def starttls_certificate_unknown(site):
    """A client's certificate of no authority that the server trusts."""
    tls(site, site.certificates.stranger)


@session()
def smtputf8(site):
    one = site.session()
    one.message("<發件人@外部.test>", ["<收件人@example.test>", "<alice@example.test>"], " SMTPUTF8")
    one.message("<sender@xn--test-8bit.test>", [ALICE], " SMTPUTF8")
    one.quit()


@session(recipient_delimiter="+")
def extension(site):
    one = site.session()
    one.message("<sender+list=alice=example.test@outside.test>", ["<alice+news@example.test>"])
    one.quit()


@session()
def quoted_local_part(site):
    one = site.session()
    one.message('<"a b"@outside.test>', ['<"alice"@example.test>', '<"al ice"@example.test>', '<"a\\"b"@example.test>'])
    one.message('<"a=b"@outside.test>', ['<"recipient=x"@example.test>'])
    one.message('<a=b@outside.test>', ["<x=y@example.test>"])
    one.message('<"bob@example.test"@outside.test>', ['<"alice@elsewhere.test"@example.test>', '<"alice+news"@example.test>'])
    one.message('<""@outside.test>', ['<" alice"@example.test>', '<"<alice>"@example.test>'])
    one.quit()


@session(smtpd_helo_required="no")
def control_characters(site):
    """Attempts to smuggle a line into the request: in HELO, sender and recipient."""
    for bad in (b"\n", b"\r", b"\x00", b"\\\n", b"\\\r", b"\t", b"\x7f", b"\xff"):
        one = site.session(hello=None)
        one.say(b"EHLO client" + bad + b"action=OK.test")
        one.send(b'MAIL FROM:<"a' + bad + b'sasl_username=alice"@outside.test>\r\n')
        one.send(b'RCPT TO:<"b' + bad + b'recipient=c"@example.test>\r\n')
        one.send(b"RCPT TO:" + ALICE.encode() + b"\r\nRSET\r\nQUIT\r\n")
        while one.reply():
            pass
        one.socket.close()


@session()
def address_forms(site):
    """Case, routes, literals, no domain, empty parts, a percent hack."""
    one = site.session(hello="EHLO [127.0.0.2]")
    for sender in ("<Sender@Outside.TEST>", "<@a.test,@b.test:sender@outside.test>", "<sender@[127.0.0.2]>", "<sender>",
                   "<sender@outside.test.>", "<sender@>", "<@outside.test>", "sender@outside.test"):
        one.message(sender, ["<ALICE@Example.TEST>"])
    one.message(SENDER, ["<alice@[127.0.0.1]>", "<@example.test:alice@example.test>", "<alice%example.test@localhost>",
                         "<postmaster>", "<alice@example.test.>", "<@example.test>", "alice@example.test", "< alice@example.test >"])
    one.quit()


@session(smtpd_authorized_xclient_hosts="127.0.0.0/8")
def xclient(site):
    one = site.session()
    one.say("XCLIENT NAME=relay.partner.test ADDR=192.0.2.25 PORT=2525 HELO=hello.partner.test PROTO=ESMTP "
            "DESTADDR=198.51.100.1 DESTPORT=2526")
    one.say("EHLO relay.partner.test")
    one.message(SENDER, [ALICE])
    one.quit()
    two = site.session()
    two.say("XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:db8::25 LOGIN=alice@example.test HELO=two.test")
    two.message(SENDER, [ALICE])
    two.quit()


@session()
def bdat(site):
    one = site.session()
    one.say(f"MAIL FROM:{SENDER}")
    one.say(f"RCPT TO:{ALICE}")
    first = b"Subject: a test\r\n\r\n"
    for command, chunk in ((f"BDAT {len(first)}\r\n".encode(), first), (b"BDAT 12 LAST\r\n", b"Some text.\r\n")):
        one.send(command + chunk)
        one.reply()
    one.quit()


@session()
def pipelined(site):
    one = site.session()
    one.send(f"MAIL FROM:{SENDER}\r\nRCPT TO:{ALICE}\r\nRCPT TO:{BOB}\r\nDATA\r\n".encode())
    for _ in range(4):
        one.reply()
    one.send(f"Subject: a test\r\n\r\nSome text.\r\n.\r\nMAIL FROM:{SENDER}\r\nRCPT TO:{ALICE}\r\nRSET\r\nQUIT\r\n".encode())
    while one.reply():
        pass
    one.socket.close()


@session()
def over_long(site):
    """As long as Postfix takes it: smtpd's lines end at 2048 bytes."""
    for hello, sender, recipient in ((500, 60, 60), (1900, 1000, 1000), (2100, 2000, 1900), (60, 2100, 2100)):
        one = site.session(hello=f"EHLO {'h' * hello}.test")
        one.message(f"<{'s' * sender}@outside.test>", [f"<{'r' * recipient}@example.test>", ALICE])
        one.quit()


@session()
def ipv6(site):
    one = site.session(host="::1")
    one.message(SENDER, [ALICE])
    one.quit()


@session(smtpd_recipient_restrictions=f"{ASK}, {ASK}", smtpd_client_restrictions=f"check_policy_service {{ {SERVICE}, timeout=10s }}")
def connections(site):
    """The same service twice in a list, and once with a setting of its own."""
    one = site.session()
    one.message(SENDER, [ALICE])
    one.quit()
