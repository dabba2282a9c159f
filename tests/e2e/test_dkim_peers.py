"""DKIM and ARC with the peers: what we sign verifies with Mail::DKIM and dkimpy, and what they sign with us.

Random messages with what canonicalisation stumbles over: long lines, 8-bit, runs of white space, trailing empty lines, no body;
each under all pairs of canonical forms, with RSA and Ed25519 (Debian 12's Mail::DKIM knows RSA only). OpenDKIM's test
program has no place here: it signs with SHA-1 only, and looks keys up in the real DNS only."""
import base64
import json
import os
import random
import subprocess
import sys

import dkim
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("POSTERN_BUILD", "build-san"))
sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))

from auth_dkim import driver, encoded  # noqa: E402

NOW = 1700000000
FORMS = [(header, body) for header in ("simple", "relaxed") for body in ("simple", "relaxed")]
NAMES = {"rsa": "r._domainkey.example.com", "ed25519": "e._domainkey.example.com"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """{type: (file, record)}"""
    folder = tmp_path_factory.mktemp("keys")
    made = {}
    for kind in NAMES:
        path = str(folder / kind)
        answer = driver(BUILD, [{"op": "keygen", "type": kind, "bits": 2048, "path": path}])[0]
        made[kind] = (path, answer["record"])
    return made


def records(keys):
    return {NAMES[kind]: record for kind, (_, record) in keys.items()}


def line(random_):
    pieces = [b"word", b"\xe4\xbd\xa0", b"\xff\xfe", b"a=b;", b"x" * 300, b"."]
    words = [random_.choice(pieces) for _ in range(random_.randrange(8))]
    text = random_.choice([b" ", b"  ", b"\t", b" \t "]).join(words)
    return random_.choice([b"", b" "]) + text + random_.choice([b"", b" ", b"\t\t"])


def messages(count, seed, ended=False):
    """Random messages with CRLF line ends. ended: none without one at its end, which Mail::DKIM's simple form gets wrong
    (RFC 6376 3.4.3 adds it)."""
    random_ = random.Random(seed)
    made = []
    for number in range(count):
        body = b"".join(line(random_) + b"\r\n" for _ in range(random_.randrange(30)))
        body += b"\r\n" * random_.randrange(4)
        body = random_.choice([body, body, body, body if ended else body + b"no line end", b"", b"\r\n\r\n"])
        header = (b"Received: from a\r\n\tby b;\r\n\tdate\r\nFrom:  A  <a@example.com>\r\nTo: b@example.net\r\n"
                  b"Subject: =?utf-8?q?x?=  %d\r\n  folded \t more \r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n"
                  b"Message-ID: <%d@example.com>\r\nCc:\r\nCc: c@example.org\r\nMIME-Version: 1.0\r\n" % (number, number))
        made.append(header + b"\r\n" + body)
    return made


def our_signatures(keys, texts, kinds=("rsa", "ed25519")):
    cases = [{"op": "sign", "message": encoded(text), "header": header, "body": body, "now": NOW,
              "signers": [{"key": keys[kind][0], "domain": "example.com", "selector": NAMES[kind].split(".")[0]}
                          for kind in kinds]}
             for text in texts for header, body in FORMS]
    return [base64.b64decode(answer["message"]) for answer in driver(BUILD, cases)]


def our_results(keys, texts):
    cases = [{"op": "verify", "message": encoded(text), "keys": records(keys), "now": NOW + 10 ** 9} for text in texts]
    return [[s["result"] if s["result"] == "pass" else f"{s['result']}: {s['why']}" for s in answer["signatures"]]
            for answer in driver(BUILD, cases)]


def old_form(path):
    """The same key in PKCS#1, which is all that Mail::DKIM reads."""
    subprocess.run(["openssl", "rsa", "-traditional", "-in", path, "-out", path + ".old"], stderr=subprocess.DEVNULL,
                   check=True)
    return path + ".old"


def mail_dkim(cases):
    done = subprocess.run(["perl", os.path.join(ROOT, "tests", "support", "mail_dkim.pl")], input=json.dumps(cases).encode(),
                          stdout=subprocess.PIPE, check=True, timeout=300)
    return json.loads(done.stdout)


def dkimpy_dns(keys):
    return lambda name, timeout=5: records(keys).get(name.decode().rstrip("."), "").encode() or None


def seed_of(path):
    """dkimpy takes an Ed25519 key as base64 of its seed: the last 32 octets of PKCS#8."""
    with open(path, encoding="ascii") as file:
        der = base64.b64decode("".join(file.read().splitlines()[1:-1]))
    return base64.b64encode(der[-32:])


def key_for_dkimpy(keys, kind):
    if kind == "ed25519":
        return seed_of(keys[kind][0])
    with open(keys[kind][0], "rb") as file:
        return file.read()


def test_mail_dkim_takes_ours(keys):
    texts = our_signatures(keys, messages(40, 1, ended=True), ["rsa"])
    results = mail_dkim([{"message": encoded(text), "keys": records(keys)} for text in texts])
    assert results == [["pass"]] * len(texts)
    damaged = mail_dkim([{"message": encoded(text + b"x\r\n"), "keys": records(keys)} for text in texts[:4]])
    assert all(result != ["pass"] for result in damaged), "the peer must be able to say no"


def test_dkimpy_takes_ours(keys):
    for text in our_signatures(keys, messages(40, 2)):
        verifier = dkim.DKIM(text)
        for index in range(2):
            assert verifier.verify(idx=index, dnsfunc=dkimpy_dns(keys)), text


def test_we_take_mail_dkims(keys):
    texts, key = messages(40, 3, ended=True), old_form(keys["rsa"][0])
    cases, wanted = [], []
    for text in texts:
        for header, body in FORMS:
            cases.append({"message": encoded(text), "key": key, "algorithm": "rsa-sha256",
                          "method": f"{header}/{body}", "domain": "example.com", "selector": "r"})
            wanted.append(text)
    signed = [base64.b64decode(field) + b"\r\n" + text for field, text in zip(mail_dkim(cases), wanted)]
    assert our_results(keys, signed) == [["pass"]] * len(signed)


def test_we_take_dkimpys(keys):
    signed = []
    for text in messages(40, 4):
        for header, body in FORMS:
            for kind in NAMES:
                signed.append(dkim.sign(text, NAMES[kind].split(".")[0].encode(), b"example.com", key_for_dkimpy(keys, kind),
                                        canonicalize=(header.encode(), body.encode()),
                                        signature_algorithm=f"{kind}-sha256".encode()) + text)
    assert our_results(keys, signed) == [["pass"]] * len(signed)


def test_arc_with_dkimpy(keys):
    """Sets by turns from both: each side takes the chain as it stands."""
    for text in messages(5, 6):
        for turn in range(4):
            if turn % 2 == 0:
                answer = driver(BUILD, [{"op": "arc-seal", "message": encoded(text), "key": keys["rsa"][0], "selector": "r",
                                         "domain": "example.com", "payload": "example.com; spf=pass", "now": NOW,
                                         "cv": "pass" if turn else "none"}])[0]
                text = base64.b64decode(answer["message"])
            else:
                if turn == 1:
                    text = b"Authentication-Results: example.com; arc=pass\r\n" + text
                text = b"".join(dkim.arc_sign(text, b"r", b"example.com", key_for_dkimpy(keys, "rsa"), b"example.com",
                                              timestamp=NOW)) + text
            ours = driver(BUILD, [{"op": "arc-verify", "message": encoded(text), "keys": records(keys), "now": NOW}])[0]
            assert (ours["result"], ours["instances"]) == ("pass", turn + 1), ours
            theirs, _, why = dkim.arc_verify(text, dnsfunc=dkimpy_dns(keys))
            assert theirs == b"pass", why
