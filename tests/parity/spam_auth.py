"""SPF, DKIM and ARC that are found for a message which nobody has looked at, as one that comes by spamc: which rules hit, ours against
SpamAssassin's own verification.

Messages are made up and signed by dkimpy; keys and SPF records come from a server on loopback. SPF is only compared where the Perl
module Mail::SPF is installed, DMARC where Mail::DMARC is. Not in it, as it differs on purpose (lib/spam/net/auth_eval.h): SHA-1, RSA
keys below 1024 bits, SPF records of more than ten lookups, DMARC that passes by an ARC chain or by HELO, or of several authors; a key that the DNS can't tell (SERVFAIL), of
which SpamAssassin 4.0.1 thinks that it is not there; Ed25519, which Debian 12's Mail::DKIM doesn't know."""
import base64
import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spam_net  # noqa: E402
import spam_net_server  # noqa: E402
from spam_oracle import CACHE, seeded, written  # noqa: E402

try:
    import dkim
except ImportError:
    dkim = None

MESSAGES = 600
NOW = 1700000000
SELECTORS = {"good": b"r", "small": b"m", "missing": b"none", "revoked": b"gone"}
SPF = {"example.com": "v=spf1 ip4:198.51.100.0/26 -all", "sub.example.com": "v=spf1 include:example.net ~all",
       "example.net": "v=spf1 ip4:198.51.100.128/25 ?all", "news.example.net": "v=spf1 a:host.example.com mx -all",
       "other.example": "v=spf1 redirect=example.com", "example.org": "v=spf1 nonsense:x -all", "x.test": "v=spf1 include:fails.test -all",
       "a.example.net": "v=spf1 exists:%{ir}.%{v}.list.test ip4:198.51.100.200 ~all", "signer.example": None,
       "helo.example.com": "v=spf1 ip4:198.51.100.0/25 -all", "helo.example.net": "v=spf1 ?all", "helo.sub.example.com": "v=spf1 ~all",
       "helo.other.example": "v=spf1 include:nowhere.test -all"}
DMARC = {"example.com": "v=DMARC1; p=reject", "example.net": "v=DMARC1; p=none; sp=quarantine", "other.example": "v=DMARC1; p=quarantine",
         "example.org": "nothing"}
RULES = "".join(f"header DMARC_{name.upper()} eval:check_dmarc_{name}()\n" for name in ("pass", "reject", "quarantine", "none", "missing"))

# ADSP and DMARC are not compared there: a key that may not be asked for is like one that the DNS can't tell.
RESTRICTED = """dns_query_restriction deny example.net other.example host.example.com gone._domainkey.example.com list.test
dns_query_restriction allow news.example.net _domainkey.other.example
"""


def perl_has(module):
    return subprocess.run(["perl", f"-M{module}", "-e", "1"], stderr=subprocess.DEVNULL).returncode == 0


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def keys():
    """{selector: (what dkimpy signs with, TXT record)}; made once."""
    out = {}
    for name, selector in SELECTORS.items():
        path = os.path.join(CACHE, f"auth-{name}.pem")
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", f"rsa_keygen_bits:{1024 if name == 'small' else 2048}"))
        public = base64.b64encode(openssl("pkey", "-in", path, "-pubout", "-outform", "DER")).decode()
        out[selector] = (openssl("rsa", "-in", path, "-traditional"), "v=DKIM1; k=rsa; p=" + ("" if name == "revoked" else public))
    return out


def text(value):
    data = value.encode()
    return spam_net_server.strings([data[i : i + 255].decode() for i in range(0, len(data), 255)])


def zone(pairs):
    """The server's answers: {(type, name): (rcode, records)}."""
    out = {("TXT", "fails.test"): (2, []), ("A", "host.example.com"): (0, [bytes([198, 51, 100, 7])]),
           ("MX", "news.example.net"): (0, [b"\0\5" + spam_net_server.wire("mx.news.example.net")]),
           ("A", "mx.news.example.net"): (0, [bytes([198, 51, 100, 77])])}
    for last in range(256):
        out["A", f"{last}.100.51.198.in-addr.list.test"] = (0, [bytes([127, 0, 0, 2])]) if last % 3 == 0 else (3, [])
    for domain in {*spam_net.DOMAINS, *SPF, *(f"helo.{domain}" for domain in spam_net.DOMAINS)}:
        out["TXT", domain] = (0, [text(SPF[domain])]) if SPF.get(domain) else (0, [])
        out["TXT", f"_dmarc.{domain}"] = (0, [text(DMARC[domain])]) if domain in DMARC else (3, [])
        for name, selector in SELECTORS.items():
            answer = (0, [text(pairs[selector][1])])
            out["TXT", f"{selector.decode()}._domainkey.{domain}"] = (3, []) if name == "missing" else answer
    return out


def signed(message, pairs, rng):
    """The message with a signature or two, perhaps an ARC set; perhaps spoilt behind."""
    author = message.partition(b"From: Some One <")[2].partition(b">")[0].partition(b"@")[2]
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
        selector = rng.choice([b"r", b"r", b"r", b"r", b"m", b"none", b"gone"])
        domain = rng.choice([author] * 3 + [rng.choice(spam_net.DOMAINS).encode()])
        identity = rng.choice([None, None, b"@" + domain, b"who@" + domain, b"who@below." + domain])
        message = dkim.sign(message, selector, domain, pairs[selector][0], identity=identity,
                            canonicalize=(rng.choice([b"relaxed", b"simple"]), rng.choice([b"relaxed", b"simple"])),
                            include_headers=[b"from", b"subject", b"to"], linesep=b"\n", length=rng.random() < 0.1) + message
    if rng.random() < 0.3:
        message = b"Authentication-Results: relay.example; none\n" + message
        message = b"".join(dkim.arc_sign(message, b"r", b"signer.example", pairs[b"r"][0], b"relay.example",
                                         include_headers=[b"from", b"subject"], linesep=b"\n")) + message
    spoilt = rng.random()
    if spoilt < 0.15:
        message = message.replace(b"Subject: x", b"Subject: y")
    elif spoilt < 0.3:
        message += b"more\n"
    return message


def unsigned(rng):
    """As spam_net makes them, but without results of others."""
    while True:
        message = spam_net.auth_message(rng)
        lines = [line for line in message.split(b"\n") if not line.startswith(b"X-Test-")]
        if rng.random() < 0.15:
            lines = [line.replace(b"envelope-from <" + line.partition(b"envelope-from <")[2].partition(b">")[0], b"envelope-from <")
                     if line.startswith(b"Received") else line for line in lines]
        return b"\n".join(lines)


def messages(pairs, count):
    rng = seeded(33)
    return written(os.path.join(CACHE, "auth-found"), [signed(unsigned(rng), pairs, rng) for _ in range(count)])


def dmarc_is_alike(theirs):
    """Whether it can be compared. Mail::DMARC knows no organisational domain below a top-level domain that isn't on its list; a pass
    of SPF for a sender that isn't told, SpamAssassin takes for the author's."""
    with open(theirs["path"], "rb") as f:
        message = f.read()
    hits = theirs["hits"]
    by_helo = "SPF_HELO_PASS" in hits and "SPF_PASS" not in hits and b"envelope-from <>" not in message
    untold = "SPF_NOENV" in hits and b"\nReturn-Path" not in b"\n" + message
    return re.search(rb"\nFrom: [^,\n]*\.(com|net|org)>\n", message) and not (b"ARC-Seal" in message or by_helo or untold)


def compared(build, name, files, pairs, left_out, more):
    """The stage of the messages under more lines of configuration."""
    records = zone(pairs)
    key = hashlib.sha256(repr((sorted(records.items()), left_out)).encode()).hexdigest()
    # The records' hash, so that answers by others are not taken from the cache.
    folder = spam_net.settings("found", f"# {key}\n" + spam_net.AUTH + RULES + more, ["SPF", "DKIM", "DMARC"])
    server = spam_net_server.Server(records)
    try:
        asked = spam_net.oracle(folder, files, server.port, "find")
        answers = spam_net.driven(build, folder, files, server.port, "find")
    finally:
        server.close()
    failures = []
    for theirs, ours in zip(asked, answers, strict=True):
        unlike = left_out if dmarc_is_alike(theirs) else (*left_out, "DMARC_")
        one, other = ({name for name in side["hits"] if not name.startswith(unlike)} for side in (theirs, ours))
        if one != other:
            failures.append(f"{theirs['path']}: theirs {sorted(one - other)} ours {sorted(other - one)}")
    return name, len(files) - len(failures), len(files), failures


def run(build, corpus, every=1):
    """[(stage, same, total, differing files)]; [] where there is no SpamAssassin or no dkimpy."""
    if not os.path.isdir(spam_net.RULES) or dkim is None:
        return []
    os.makedirs(CACHE, mode=0o700, exist_ok=True)
    pairs = keys()
    left_out = tuple(prefix for prefix, module in (("SPF_", "Mail::SPF"), ("DMARC_", "Mail::DMARC::PurePerl")) if not perl_has(module))
    real, dkim.time.time = dkim.time.time, lambda: NOW
    try:
        files = messages(pairs, MESSAGES // min(every, 6))
    finally:
        dkim.time.time = real
    names = "".join(f"-{name}" for name, prefix in (("spf", "SPF_"), ("dmarc", "DMARC_")) if prefix not in left_out)
    return [compared(build, f"spam-auth-dkim{names}", files, pairs, left_out, ""),
            compared(build, "spam-auth-restricted", files, pairs, (*left_out, "ADSP_", "DMARC_"), RESTRICTED)]


if __name__ == "__main__":
    from spam_uris import report
    report(run)
