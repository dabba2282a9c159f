"""Mail from outside is checked, mail of ours is signed: through real Postfix, with keys and policies in a real DNS."""
import os
import re
import shutil
import tempfile
import time

import dkim
import pytest

from support.accounts import address
from support.client import Refused, compose, inbox, send
from support.dns import Dns

AUTHSERV = "mx.example.test"
GOOD, BAD = "127.0.0.2", "127.0.0.3"  # what outside.test's SPF allows, and what it doesn't


@pytest.fixture(scope="module")
def dns():
    directory = tempfile.mkdtemp(prefix="pd-", dir="/tmp")
    made = Dns(directory)
    made.add("outside.test", "TXT", f"v=spf1 ip4:{GOOD} -all").add("_dmarc.outside.test", "TXT", "v=DMARC1; p=reject")
    made.add("soft.test", "TXT", "v=spf1 ~all").add("_dmarc.soft.test", "TXT", "v=DMARC1; p=quarantine; adkim=s")
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def authenticating(dns, mail_system, postern):
    """mail_system with the DNS of these tests; keywords: settings of auth and sign."""
    def make(auth=None, sign=None, dns_settings=None, **more):
        keys = tempfile.mkdtemp(prefix="pk-", dir="/tmp")
        made.append(keys)
        os.chmod(keys, 0o755)
        shutil.chown(keys, "daemon")
        return mail_system(
            dns={"mode": "forward", "forwarders": dns.forwarders, "trust_anchor": dns.anchor, **(dns_settings or {})},
            auth={"authserv_id": AUTHSERV, "skip_networks": ["::1"], **(auth or {})},
            sign={"directory": keys, "networks": ["::1"], **(sign or {})}, **more)
    made = []
    yield make
    for directory in made:
        shutil.rmtree(directory, ignore_errors=True)


def fields(message, name):
    """Unfolded values of the header fields of that name, top to bottom."""
    header = message.replace(b"\r\n", b"\n").split(b"\n\n")[0].decode("utf-8", "replace")
    return [re.sub(r"\s+", " ", m.group(1)).strip()
            for m in re.finditer(rf"^{name}:((?:.*)(?:\n[ \t].*)*)", header, re.M | re.I)]


def delivered(mta, user):
    mta.wait_queue_empty()
    return inbox(user)[-1]


def test_results_are_told_in_one_field(authenticating, dovecot):
    mta, postern = authenticating()
    message = b"Authentication-Results: " + AUTHSERV.encode() + b"; dmarc=pass\r\n" + compose(subject="Checked one")
    send(message, address("alice"), source=GOOD)
    got, = fields(delivered(mta, address("alice")), "Authentication-Results")
    assert got.startswith(f"{AUTHSERV}; spf=pass smtp.mailfrom=sender@outside.test; dkim=none; dmarc=pass header.from=outside.test")
    assert re.search(r" spf=pass dkim=none dmarc=pass arc=none ", postern.milter.log())
    # The archive has the message as it came, the forged field included, and what was changed.
    hit, = postern.wait_found("subject:checked")
    assert b"dmarc=pass\r\nFrom" in postern.raw(hit["id"]) or postern.raw(hit["id"]).startswith(b"Authentication-Results: ")


def test_what_the_author_domain_asks_for(authenticating, dovecot):
    mta, postern = authenticating()
    send(compose(subject="Not really theirs"), address("alice"), source=BAD)
    message = delivered(mta, address("alice"))
    assert fields(message, "X-Spam-Flag") == ["YES"]
    assert "spf=fail" in fields(message, "Authentication-Results")[0] and "dmarc=fail" in fields(message, "Authentication-Results")[0]
    postern.configure({"auth": {"dmarc_reject": True}})
    assert postern.run("reload", "milter").returncode == 0
    with pytest.raises(Refused) as refused:
        send(compose(subject="Not theirs either"), address("alice"), source=BAD)
    assert refused.value.code == 550 and "outside.test asks to refuse" in refused.value.text and "(ref " in refused.value.text
    send(compose(subject="Theirs"), address("alice"), source=GOOD)
    assert fields(delivered(mta, address("alice")), "X-Spam-Flag") == []


def test_ours_is_signed_by_two_keys_that_verify(authenticating, dns, dovecot):
    mta, postern = authenticating()
    made = postern.run("dkim", "keygen", "example.test").stdout.decode()
    names = re.findall(r"^(\S+)\._domainkey\.example\.test\. IN TXT", made, re.M)
    assert sorted(n.split("-")[0] for n in names) == ["ed25519", "rsa"]
    assert postern.run("dkim", "test", "example.test").returncode == 1  # not published yet
    for name, text in re.findall(r"^(\S+)\. IN TXT (.*?)(?=^\S|\Z)", made, re.M | re.S):
        dns.add(name, "TXT", "".join(re.findall(r'"([^"]*)"', text)))
    dns.add("_dmarc.example.test", "TXT", "v=DMARC1; p=reject; adkim=s")
    dns.restart()
    assert postern.run("reload", "milter").returncode == 0
    tested = postern.run("dkim", "test", "example.test")
    assert tested.returncode == 0 and tested.stdout.decode().count("good ") == 2, tested.stdout + tested.stderr
    body = "Äußerst wichtig: 會議紀錄。\n" + "x" * 900 + "\n\n.leading dot\n  spaces  \n\n\n"
    send(compose(subject="Signed by two", sender=address("alice"), to=address("bob"), body=body), address("bob"),
         sender=address("alice"), port=587, user=address("alice"))
    message = delivered(mta, address("bob")).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    signatures = fields(message, "DKIM-Signature")
    assert sorted(re.search(r"a=([^;]+)", s).group(1) for s in signatures) == ["ed25519-sha256", "rsa-sha256"]

    def lookup(name, timeout=5):
        record = next(v for n, _, kind, v in dns.zone_of(name.decode()).records if n == name.decode().lower() and kind == "TXT")
        return b"".join(re.findall(rb'"([^"]*)"', record.encode())).replace(b"\\059", b";")
    for index in range(2):  # by an independent implementation
        assert dkim.DKIM(message).verify(idx=index, dnsfunc=lookup)
    # ... and as a stranger's mail by our own.
    sent = message[message.index(b"DKIM-Signature:"):]
    send(sent, address("carol"), sender=address("alice"), source=BAD)
    got = fields(delivered(mta, address("carol")), "Authentication-Results")[0]
    assert got.count("dkim=pass header.d=example.test") == 2 and "dmarc=pass header.from=example.test" in got
    send(sent.replace(b"Signed by two", b"Signed by too"), address("carol"), sender=address("alice"), source=BAD)
    got = fields(delivered(mta, address("carol")), "Authentication-Results")[0]
    assert got.count("dkim=fail") == 2 and "dmarc=fail" in got


def test_keys_rotate(authenticating, dns, dovecot):
    mta, postern = authenticating()
    for name in {record[0] for record in dns.zone_of("example.test").records if "._domainkey." in record[0]}:
        dns.remove(name)

    def publish(text):
        for name, record in re.findall(r"^(\S+)\. IN TXT (.*?)(?=^\S|\Z)", text, re.M | re.S):
            dns.add(name, "TXT", "".join(re.findall(r'"([^"]*)"', record)))
        dns.restart()

    def selectors():
        send(compose(subject="rotating", sender=address("alice"), to=address("bob")),
             address("bob"), sender=address("alice"), port=587, user=address("alice"))
        return {re.search(r" s=([^;]+)", s).group(1) for s in fields(delivered(mta, address("bob")), "DKIM-Signature")}

    publish(postern.run("dkim", "keygen", "-s", "old", "-t", "ed25519", "example.test").stdout.decode())
    postern.run("reload", "milter")
    assert selectors() == {"old"}
    begun = postern.run("dkim", "rotate", "example.test")
    assert begun.returncode == 0
    new, = re.findall(r"^(\S+)\._domainkey", begun.stdout.decode(), re.M)
    too_early = postern.run("dkim", "rotate", "example.test")
    assert too_early.returncode == 1 and b"there is no such record" in too_early.stdout
    postern.run("reload", "milter")
    assert selectors() == {"old"}
    publish(begun.stdout.decode())
    switched = postern.run("dkim", "rotate", "example.test")
    assert switched.returncode == 0, switched.stdout + switched.stderr
    postern.run("reload", "milter")
    assert selectors() == {new}
    waiting = postern.run("dkim", "rotate", "example.test")
    assert waiting.returncode == 1 and b"may still be under way" in waiting.stderr
    folder = os.path.join(postern.settings["sign"]["directory"], "example.test")
    long_ago = time.time() - 8 * 86400
    os.utime(os.path.join(folder, "old.pem.old"), (long_ago, long_ago))
    ended = postern.run("dkim", "rotate", "example.test")
    assert ended.returncode == 0 and b"remove old._domainkey.example.test from the DNS" in ended.stdout
    assert os.listdir(folder) == [f"{new}.pem"]


def test_the_dns_away_is_no_verdict(authenticating, dns, dovecot):
    mta, postern = authenticating(auth={"dmarc_reject": True, "spf_reject": True}, dns_settings={"timeout": "2s"})
    dns.stop_resolvers()
    try:
        begun = time.monotonic()
        send(compose(subject="Nobody knows"), address("alice"), source=BAD)
        assert time.monotonic() - begun < 15
        got = fields(delivered(mta, address("alice")), "Authentication-Results")[0]
        assert "spf=temperror" in got and "dmarc=temperror" in got
    finally:
        dns.start_resolvers()


def test_a_seal_is_believed(authenticating, dns, dovecot):
    """What a forwarder saw pass, sealed and passed on from a machine that SPF doesn't know."""
    mta, postern = authenticating(auth={"dmarc_reject": True, "arc_trusted": ["relay.test"]},
                                  sign={"arc": False, "arc_domain": "relay.test"})
    made = postern.run("dkim", "keygen", "-s", "arc", "-t", "rsa", "relay.test").stdout.decode()
    dns.add("arc._domainkey.relay.test", "TXT", "".join(re.findall(r'"([^"]*)"', made)))
    dns.restart()
    postern.configure({"sign": {"arc": True}})
    reloaded = postern.run("reload", "milter")
    assert reloaded.returncode == 0, reloaded.stderr
    send(compose(subject="To be forwarded"), address("alice"), source=GOOD)
    message = delivered(mta, address("alice")).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert [len(fields(message, name)) for name in ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results")] == [1, 1, 1]
    sent = message[message.index(b"ARC-Seal:"):]
    send(sent, address("bob"), source=BAD)
    got = fields(delivered(mta, address("bob")), "Authentication-Results")[0]
    assert "dmarc=fail" in got and "arc=pass" in got
    assert "auth_override=arc" in postern.milter.log()
    with pytest.raises(Refused):
        send(sent.replace(b"To be forwarded", b"To be forged"), address("bob"), source=BAD)
