"""Messages that others signed and sealed, through real Postfix, with their keys in a real DNS: served, forged, or never answered."""
import os
import re
import shutil
import sys
import tempfile

import dkim
import pytest

from conftest import ROOT
from support.accounts import address
from support.client import compose, inbox, send
from support.dns import Dns
from support.process import wait_until
from test_auth import authenticating, fields  # noqa: F401 (a fixture)

sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))
from auth_arc import scenarios  # noqa: E402

CORPUS = os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus")))

# RFC 8463 appendix A
RFC8463_KEYS = {
    "brisbane": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test": "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/"
            "byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"}
RFC8463_MESSAGE = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """(file, record) of an RSA key that signs for whatever domain."""
    folder = tmp_path_factory.mktemp("keys")
    from test_dkim_peers import BUILD, driver
    answer = driver(BUILD, [{"op": "keygen", "type": "rsa", "bits": 2048, "path": str(folder / "rsa")}])[0]
    return str(folder / "rsa"), answer["record"]


@pytest.fixture(scope="module")
def dns(key):
    directory = tempfile.mkdtemp(prefix="pd-", dir="/tmp")
    made = Dns(directory)
    made.zone("plain.test", signed=False).zone("bogus.test", broken=True)
    for domain in ("signed.test", "plain.test", "bogus.test"):
        made.add(f"k._domainkey.{domain}", "TXT", key[1])
    made.add("silent.test", "NS", "ns.silent.test").add("ns.silent.test", "A", "127.53.77.77")  # nobody is there
    for selector, record in RFC8463_KEYS.items():
        made.add(f"{selector}._domainkey.football.example.com", "TXT", record)
    if os.path.isdir(CORPUS):
        keys = {name: record for s in scenarios(CORPUS, "arc-draft-validation-tests.yml")
                for name, record in (s["txt-records"] or {}).items()}
        for name, record in keys.items():
            made.add(name, "TXT", record)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory, ignore_errors=True)


def results(mta, count):
    """The Authentication-Results of the last messages of carol's inbox."""
    mta.wait_queue_empty()
    return [fields(message, "Authentication-Results")[0] for message in inbox(address("carol"))[-count:]]


def test_rfc8463s_message_passes_with_both_keys(authenticating, dovecot):  # noqa: F811
    mta, _ = authenticating()
    send(RFC8463_MESSAGE, address("carol"))
    got, = results(mta, 1)
    assert re.findall(r"dkim=(\w+) header.d=football.example.com .*?header.a=([a-z0-9-]+)", got) == [
        ("pass", "ed25519-sha256"), ("pass", "rsa-sha256")]


def test_a_key_is_believed_as_its_dns_is(authenticating, dovecot, key):  # noqa: F811
    """A forged or missing answer is no verdict about the signature: temperror, never fail or pass."""
    mta, postern = authenticating(dns_settings={"timeout": "4s"})
    expected = {"signed.test": "pass", "plain.test": "pass", "bogus.test": "temperror", "silent.test": "temperror",
                "nokey.test": "permerror"}
    with open(key[0], "rb") as file:
        private = file.read()
    for domain in expected:
        message = compose(subject="Signed by another", sender=f"a@{domain}")
        signature = dkim.sign(message, b"k", domain.encode(), private, canonicalize=(b"relaxed", b"relaxed"))
        send(signature + message, address("carol"), sender=f"a@{domain}")
    got = [re.search(r" dkim=(\w+)", line).group(1) for line in results(mta, len(expected))]
    assert dict(zip(expected, got)) == expected
    assert postern.milter.log().count(" dkim=temperror ") == 2


def test_the_arc_suite_through_postfix(authenticating, dovecot):  # noqa: F811
    """All validations of the public suite, as mail that a stranger sends."""
    if not os.path.isdir(CORPUS):
        pytest.skip(f"no suites in {CORPUS}")
    mta, postern = authenticating(auth={"checks": ["arc"]})
    tests = [(name, test) for s in scenarios(CORPUS, "arc-draft-validation-tests.yml") for name, test in s["tests"].items()]
    wrong = []
    for name, test in tests:
        message = test["message"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
        before = len(re.findall(r" event=eom ", postern.milter.log()))
        send(message, address("carol"), sender="list@outside.test")
        line = wait_until(lambda b=before: re.findall(r" event=eom .*", postern.milter.log())[b:], 10)[0]
        got = re.search(r" arc=(\w+)", line).group(1)
        want = (test.get("cv") or "fail").lower()
        if got != want:
            wrong.append(f"{name}: {got}, not {want}")
    assert len(tests) == 171 and not wrong, wrong
