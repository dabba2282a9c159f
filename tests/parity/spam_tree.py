"""SpamAssassin's own reading of messages against ours: trees, header values, body and rawbody texts.

spam_tree.pl asks SpamAssassin (slow, so its answers are kept), spam_tree_driver is ours. Besides the corpus, messages are tried
that a seeded generator cuts, swaps and spoils. Run by hand: spam_tree.py [every] [mutants]."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.join(HERE, "spam_tree.pl")
DOMAINS = "/usr/share/spamassassin/20_aux_tlds.cf"
GROUPS = ["ham", "spam", "zh-ham", "zh-spam", "mime-torture", "sieve-imap-suites/sa-t"]
STAGES = ["tree", "header", "body", "visible", "invisible", "rawbody"]
NAMES = [
    "Subject", "Subject:raw", "From", "From:raw", "From:addr", "From:name", "From:name:raw", "From:raw:name", "From:addr:host",
    "From:addr:domain", "From:host", "From:domain", "To", "To:addr", "To:name", "To:first:addr", "To:last:addr", "Cc:addr",
    "ToCc", "ToCc:raw", "ToCc:addr", "ToCc:name", "Reply-To:addr", "Reply-To:addr:domain", "Sender:addr", "Return-Path:addr",
    "Return-Path:addr:host", "MESSAGEID", "MESSAGEID:raw", "MESSAGEID:host", "Message-ID", "Message-ID:raw", "Message-Id:domain",
    "ALL", "ALL:raw", "EnvelopeFrom", "EnvelopeFrom:addr:domain", "Received", "Received:first", "Received:last", "Received:ip",
    "Received:first:ip", "Received:revip", "Received:host", "X-Mailer", "Content-Type", "Content-Type:raw", "Date:raw",
    "List-Unsubscribe", "X-Originating-IP:ip", "X-Nothing", "Subject:addr", "Subject:name", "Subject:host", "DKIM-Signature",
]
SHOWN_MAX = 40
BATCH = 200


def available():
    return shutil.which("perl") is not None and os.path.exists(DOMAINS)


def key_of(files):
    key = hashlib.sha1(open(ORACLE, "rb").read() + repr((NAMES, os.environ.get("SPAM_TREE_FULL"))).encode())
    for path in files:
        key.update(path.encode() + hashlib.sha1(open(path, "rb").read()).digest())
    return key.hexdigest()


def oracle(files):
    """SpamAssassin's answers, one JSON text a file."""
    kept = os.path.join(tempfile.gettempdir(), "postern-spam-tree", key_of(files))
    if not os.path.exists(kept):
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        with tempfile.TemporaryDirectory() as rules:
            shutil.copy(DOMAINS, rules)
            done = subprocess.run(["perl", ORACLE, rules, *NAMES], input="".join(f + "\n" for f in files), text=True, check=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with open(kept + ".new", "w", encoding="utf-8") as f:
            f.write(done.stdout)
        os.rename(kept + ".new", kept)
    with open(kept, encoding="utf-8") as f:
        return f.read().splitlines()


def ours(build, requests):
    driver = os.path.join(build, "tests", "parity", "spam_tree_driver")
    done = subprocess.run([driver, DOMAINS], input="".join(json.dumps(r) + "\n" for r in requests), text=True, check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.splitlines()


def first_difference(a, b, where=""):
    """Where two JSON values part, in a few words."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a:
            if a[key] != b.get(key):
                return first_difference(a[key], b.get(key), f"{where}.{key}")
    if isinstance(a, list) and isinstance(b, list):
        for i, (x, y) in enumerate(zip(a, b)):
            if x != y:
                return first_difference(x, y, f"{where}[{i}]")
        return f"{where}: {len(a)} and {len(b)}; SpamAssassin {a[len(b):][:2]!r:.200} ours {b[len(a):][:2]!r:.200}"
    if isinstance(a, str) and isinstance(b, str):
        same = os.path.commonprefix([a, b])
        cut = max(0, len(same) - 30)
        return f"{where} at {len(same)}: SpamAssassin {a[cut:cut + 120]!r} ours {b[cut:cut + 120]!r}"
    return f"{where}: SpamAssassin {a!r:.150} ours {b!r:.150}"


def compare(build, files):
    """{stage: (same, total, [(file, difference)])}"""
    result = {stage: [0, 0, []] for stage in STAGES}
    for at in range(0, len(files), BATCH):
        batch = files[at:at + BATCH]
        theirs = [json.loads(line) for line in oracle(batch)]
        usable = [t for t in theirs if "error" not in t]  # where SpamAssassin itself dies there is nothing to equal
        requests = [{"file": t["file"], "names": NAMES, "html": t["html"]} for t in usable]
        for want, line in zip(usable, ours(build, requests), strict=True):
            got = json.loads(line)
            for stage in STAGES:
                tally = result[stage]
                tally[1] += 1
                if want[stage] == got[stage]:
                    tally[0] += 1
                else:
                    tally[2].append((want["file"], first_difference(want[stage], got[stage], stage)))
    return result


def corpus_files(corpus, group, every):
    found = []
    for folder, _, names in os.walk(os.path.join(corpus, group)):
        found += [os.path.join(folder, name) for name in names]
    return [path for i, path in enumerate(sorted(found)) if i % every == every - 1 or every == 1]


def spoil(text, rng):
    """One message with a few random faults."""
    text = bytearray(text)
    lines = bytes(text).splitlines(keepends=True)
    for _ in range(rng.randint(1, 6)):
        kind = rng.randrange(8)
        at = rng.randrange(len(text)) if text else 0
        if kind == 0:
            del text[at:at + rng.choice([1, 1, 3, 40, 400])]
        elif kind == 1:
            text[at:at] = rng.choice([b"\n", b"\r\n", b"\n\n", b"--", b"=", b"=?utf-8?Q?", b"\"", b"<", b">", b"\0", b"\xff", b"\xe4\xbd",
                                      b" ", b"\t", b":", b";", b"(", b")", b",", b"\\", b"@", b"\n" * 30, b"\r"])
        elif kind == 2 and text:
            text[at] = rng.randrange(256)
        elif kind == 3 and len(lines) > 2:
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            text = bytearray(b"".join(lines))
        elif kind == 4:
            text = text[:max(1, at)]
        elif kind == 5:
            end = at + rng.randint(1, 300)
            text[at:at] = text[at:end]
        elif kind == 6:
            text = bytearray(bytes(text).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        elif kind == 7:
            old = rng.choice([b"charset=", b"boundary=", b"base64", b"quoted-printable", b"multipart/mixed", b"text/plain", b"text/html"])
            new = rng.choice([b"charset=big5;", b"charset=gb2312;", b"boundary=x;", b"base64", b"quoted-printable",
                              b"multipart/digest", b"message/rfc822", b"text/html", b"utf-16", b"charset=koi8-r"])
            text = bytearray(bytes(text).replace(old, new, 1))
    return bytes(text)


def mutants(corpus, count, folder, seed=1):
    rng = random.Random(seed)
    sources = [path for group in GROUPS for path in corpus_files(corpus, group, 37)]
    files = []
    for i in range(count if sources else 0):
        with open(rng.choice(sources), "rb") as f:
            text = f.read(60000)
        path = os.path.join(folder, f"mutant-{seed}-{i}")
        with open(path, "wb") as f:
            f.write(spoil(text, rng))
        files.append(path)
    return files


def run(build, corpus, every=1, count=300):
    """[(stage, same, total, [file: difference])], stages by group; [] where there is no corpus or no SpamAssassin."""
    out = []
    if not available():
        return out
    with tempfile.TemporaryDirectory() as scratch:
        groups = {group: corpus_files(corpus, group, every) for group in GROUPS}
        folder = os.path.join(tempfile.gettempdir(), "postern-spam-tree", "mutants")
        os.makedirs(folder, exist_ok=True)
        groups["mutants"] = mutants(corpus, count, folder)
        for group, files in groups.items():
            for stage, (same, total, differing) in compare(build, files).items() if files else []:
                out.append((f"{stage}/{group}", same, total, [f"{path}: {what}" for path, what in differing]))
    return out


def main():
    root = os.path.dirname(os.path.dirname(HERE))
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(root, "build")))
    corpus = os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(root, "..", "shared", "corpus")))
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    for stage, same, total, differing in run(build, corpus, every, count):
        print(f"parity spam-{stage} share={100 * same / max(total, 1):.2f} goal=100 passed={same} total={total}")
        for difference in differing[:SHOWN_MAX]:
            print(f"  differs: {difference}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
