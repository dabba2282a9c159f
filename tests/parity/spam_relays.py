"""Stage "relays": Received lines, trust, envelope sender and header ranges, under several settings, against SpamAssassin."""
import base64
import json
import os
import re

import spam_oracle as oracle

SOURCE = "/usr/share/perl5/Mail/SpamAssassin/Message/Metadata/Received.pm"
MUTANTS = 6  # of each example line
SHOWN = 10


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
    lines += spliced
    return [b"".join(b"Received: " + re.sub(rb"\n(?![ \t])", b"\n ", line).rstrip(b"\n") + b"\n" for line in lines[i:i + 8])
            + b"Subject: x\n\nx\n" for i in range(0, len(lines), 8)]


def run(build, corpus, every=1):
    """[(suite, same, total, differing)]"""
    suites = [(f"spam-relays-{g}", *compared(build, oracle.files_of(corpus, g, every))) for g in oracle.GROUPS]
    folder = os.path.join(oracle.CACHE, "relays-generated")
    suites.append(("spam-relays-generated", *compared(build, oracle.written(folder, generated(corpus, every)))))
    return [(name, same, total, faults[:SHOWN]) for name, same, total, faults in suites]
