"""Stage "relays": Received lines, trust, envelope sender and header ranges, under several settings, against SpamAssassin."""
import base64
import json
import os
import re

import spam_oracle as oracle

SOURCE = "/usr/share/perl5/Mail/SpamAssassin/Message/Metadata/Received.pm"
MUTANTS = 6  # of each example line
SHOWN = 10
ADDRESS = re.compile(rb"\d+\.\d+\.\d+\.\d+")
# Addresses and what is nearly one, and parts of lines that mean something wherever they stand.
ADDRESSES = [b"::1", b"IPv6:::1", b"ipv6:2001:db8::1", b"IPv6:::ffff:10.0.0.1", b"::ffff:127.0.0.1", b"0:0:0:0:0:ffff:9.8.7.6",
             b"0::ffff:172.16.0.9", b"00:0:ffff:1.2.3.4", b"::1.2.3.4", b"1:2:3:4:5:6:7:8", b"1:2:3:4:5:6:7:8:9", b"1::8", b"1:2:3:4:5:6::",
             b"::2:3:4:5:6:7:8", b"1:2:3:4:5:6:7.8.9.10", b"fe80::1", b"FEBF:1::", b"fec0::1", b"::", b":::", b"1.2.3.4.5", b"01.2.3.4",
             b"1.2.3.256", b"100.64.0.1", b"100.128.0.1", b"172.31.255.255", b"172.32.0.1", b"169.254.1.1", b"127.0.0.1", b"0.0.0.0",
             b"localhost", b"localhost.localdomain", b"LOCALHOST", b"0:0:0:0:0:0:0:1", b"::0001", b"0:0::0:1", b"12345::1",
             b"IPv6:[::1]", b"2600:1::%eth0", b"255.255.255.255", b"192.0.2.1%lo", b"::ffff:1.2.3.4x", b"0:0:0:0:0:0:0:0:ffff:1.2.3.4"]
PARTS = [b" (authenticated bits=0)", b" with ESMTPSA", b" with utf8lmtpa;", b" (envelope-from <a.b@c.example>)", b" helo=h.example",
         b" envelope-sender =x@y", b" return-path: <>", b" (Authenticated sender: u@h)", b" (Postfix) with", b" Exim", b" [XMail ",
         b" ident=who", b" id <ab;cd>", b" id abc", b" HELO ", b" (HELO [1.2.3.4])", b" by x.example;", b" (via HTTPx)", b" SMTPSVC",
         b" (AUTH: LOGIN u@h, more) by ", b" (authenticated as u) by", b" (ecelerity 1)", b" with local for", b" with POP3", b")by ", b" unknown",
         b" (account x)", b" CommuniGate Pro HTTP", b" with HTTP", b" (qmail-ldap-1.03)", b" ; Tue, 23 May 2006 13:06:35 -0400", b" ; ;",
         b" (version=TLS1 cipher=a b)", b" Microsoft SMTP Server 1.2.3.4", b" with mapi id 15.20.1943.023", b"@", b" IDENT:x@", b" msa=0 ",
         b" intl=0 ", b"#|<>", b" (proxying for 1.2.3.4)", b" softdnserr", b" 0 ", b" via smap "]


def compared(build, files):
    """(same, total, [difference])"""
    lines = oracle.answers("spam_relays.pl", files)
    ours = oracle.driven(build, "spam_relays_driver", lines)
    assert len(ours) == len(files) == len(lines) - 1, f"{len(ours)} {len(files)} {len(lines)}"
    same, differing = 0, []
    for theirs, mine in zip(lines[1:], ours):
        case, mine = json.loads(theirs), json.loads(mine)
        faults = [f"setting {i} {name}: {decoded(mine[i][name])} not {decoded(expected[name])}"
                  for i, expected in enumerate(case["results"]) for name in expected if mine[i][name] != expected[name]]
        same += not faults
        if faults:
            differing.append(f"{case['file']}: {faults[0]}")
    return same, len(files), differing


def decoded(value):
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return value


def examples():
    """The lines that the comments of SpamAssassin's reader show, where it is installed."""
    if not os.path.exists(SOURCE):
        return []
    with open(SOURCE, encoding="latin-1") as f:
        lines = f.read().split("\n")
    found = []
    for line in lines:
        start = re.match(r"\s*# (?:Received: )?(\(?from .*)", line, re.I)
        more = re.match(r"\s*#\s+(\S.*)", line)
        if start:
            found.append(start[1])
        elif more and found and found[-1]:
            found[-1] += "\n\t" + more[1]
        elif found and found[-1]:
            found.append("")
    return [x.encode("latin-1") for x in found if x]


def received_of(paths):
    for path in paths:
        with open(path, "rb") as f:
            head = f.read(65536).replace(b"\r\n", b"\n").split(b"\n\n")[0]
        yield from re.findall(rb"^Received:[ \t]*(.*(?:\n[ \t].*)*)", head, re.M | re.I)


def altered(line, rng):
    """The line with another address, or with a part of another line in it."""
    if rng.random() < 0.6 and ADDRESS.search(line):
        found = rng.choice(list(ADDRESS.finditer(line)))
        line = line[:found.start()] + rng.choice(ADDRESSES) + line[found.end():]
    if rng.random() < 0.6:
        at = rng.choice([m.start() for m in re.finditer(rb" |$", line)])
        line = line[:at] + rng.choice(PARTS) + line[at:]
    return line


def generated(corpus, every):
    """Messages with examples, lines of the corpus and mutants of both, eight lines in each."""
    rng = oracle.seeded()
    shown = examples()
    seen = [x for g in oracle.GROUPS for x in received_of(oracle.files_of(corpus, g, 10 * every))]
    lines = shown + [oracle.mutated(x, rng) for x in shown for _ in range(MUTANTS * 2)]
    lines += [oracle.mutated(x, rng) for x in seen for _ in range(MUTANTS)]
    spliced = []
    for _ in range(len(shown) * MUTANTS):
        a, b = rng.choice(shown or seen), rng.choice(shown or seen)
        spliced.append(a[:rng.randrange(len(a) + 1)] + b[rng.randrange(len(b) + 1):])
    lines += spliced + [altered(x, rng) for x in (shown + seen[:300]) for _ in range(2 * MUTANTS)]
    return [b"".join(b"Received: " + re.sub(rb"\n(?![ \t])", b"\n ", line).rstrip(b"\n") + b"\n" for line in lines[i:i + 8])
            + b"Subject: x\n\nx\n" for i in range(0, len(lines), 8)]


def run(build, corpus, every=1):
    """[(suite, same, total, differing)]"""
    suites = [(f"spam-relays-{g}", *compared(build, oracle.files_of(corpus, g, every))) for g in oracle.GROUPS]
    folder = os.path.join(oracle.CACHE, "relays-generated")
    suites.append(("spam-relays-generated", *compared(build, oracle.written(folder, generated(corpus, every)))))
    return [(name, same, total, faults[:SHOWN]) for name, same, total, faults in suites]
