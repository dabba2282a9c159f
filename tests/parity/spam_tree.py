"""SpamAssassin's own reading of messages against ours: trees, header values, body and rawbody texts.

spam_tree.pl asks SpamAssassin (slow, so its answers are kept), spam_tree_driver is ours. Besides the corpus, messages are tried
that a seeded generator cuts, swaps and spoils. Run by hand: spam_tree.py [every] [mutants]."""
import base64
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


CHARSETS = [
    "us-ascii", "ascii", "utf-8", "UTF8", "x-utf-8", "iso-8859-1", "iso8859-1", "iso-8859-2", "ISO_8859-5", "iso-8859-6", "iso-8859-7",
    "iso-8859-8", "iso-8859-9", "iso-8859-10", "iso-8859-11", "iso-8859-13", "iso-8859-14", "iso-8859-15", "latin1", "latin-2",
    "windows-1250", "windows-1251", "windows-1252", "cp1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "windows-1258", "cp-1251", "ms1252", "ibm850", "cp437", "cp866", "cp874", "koi8-r", "KOI8-U", "koi8r", "big5",
    "big5-eten", "x-big5", "gb2312", "GB_2312-80", "gbk", "x-gbk", "cp936", "gb18030", "GB18030-2000", "hz", "hz-gb-2312", "euc-cn",
    "euc-kr", "ks_c_5601-1987", "cp949", "uhc", "windows-949", "iso-2022-kr", "euc-jp", "x-euc-jp", "shift_jis", "sjis", "x-sjis",
    "cp932", "windows-31j", "iso-2022-jp", "iso-2022-jp-1", "7bit-jis", "csiso2022jp", "utf-7", "unicode-1-1-utf-7", "utf-16",
    "utf-16le", "utf-16be", "UTF16", "utf-32", "ucs-2", "ucs-2be", "macintosh", "x-mac-roman", "mac-cyrillic", "macce", "tis-620",
    "iso-ir-100", "unknown", "x-unknown", "default", "unicode", "", "utf", "iso-8858-15", "utf-8*en", "iso-8859-1*sv", "_iso-2022-jp",
    "cp950", "hp-roman8", "winlatin1", "iso-646-us", "ansi_x3.4-1968", "ujis", "cp65001", "cp65000", "viscii", "iso-8859-16",
]


def random_text(rng):
    """Bytes of one sort or another that charsets make something of."""
    out = bytearray()
    kind = rng.randrange(7)
    for _ in range(rng.randint(1, 40)):
        pick = rng.randrange(12)
        if pick == 0:
            out.append(rng.randrange(128, 256))
        elif pick == 1:
            out += rng.choice([b" ", b"\n", b"a", b"Z9", b"<b>", b"=", b"~", b"\\", b"+", b"-", b"\r\n", b"\n \n", b"\xa0", b"\xe3\x80\x80", b"\0"])
        elif kind == 0:
            out += bytes([rng.randrange(0xa1, 0xff), rng.randrange(0xa1, 0xff)])
        elif kind == 1:
            out += bytes([rng.randrange(0x81, 0xff), rng.choice([rng.randrange(0x40, 0x7f), rng.randrange(0x80, 0xff)])])
        elif kind == 2:
            out += chr(rng.choice([rng.randrange(0x80, 0x800), rng.randrange(0x3000, 0xd7ff), rng.randrange(0x10000, 0x11000)])).encode()
        elif kind == 3:
            out += rng.choice([b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b(I", b"\x1b$@", b"\x1b$(D", b"\x1b$)C", b"\x0e", b"\x0f", b"~{", b"~}", b"~~",
                               b"+", b"-", b"\x1b", b"+AGE-", b"+2D3cqQ-"])
            out += bytes(rng.randrange(0x21, 0x7f) for _ in range(rng.randint(0, 6)))
        elif kind == 4:
            out += rng.choice(["h\u00e9", "\u4e2d\u6587", "x", " ", "\u3042", "\U0001f4a9"]).encode(rng.choice(["utf-16le", "utf-16be"]))
        elif kind == 5:
            out += bytes([rng.choice([0x82, 0x84, 0x85, 0x91, 0x93, 0x94, 0x96, 0x99, 0xa0, 0xa9, 0xe9, 0xfc, 0xdf, 0xd7])])
        else:
            out += b"text "
    return bytes(out)


def random_word(rng):
    charset = rng.choice(CHARSETS) or "x"
    text = random_text(rng)
    if rng.randrange(2):
        return b"=?%s?%s?%s?=" % (charset.encode(), rng.choice([b"B", b"b"]), base64.b64encode(text)[:rng.choice([None, None, -1])])
    quoted = b"".join(b"=%02X" % c if c > 126 or c < 33 or c in b"=?_" else bytes([c]) for c in text)
    return b"=?%s?%s?%s?=" % (charset.encode(), rng.choice([b"Q", b"q"]), quoted)


ADDRESS_BITS = [
    b"a@b.com", b"x.y@mail.example.co.uk", b"<a@b.org>", b"<", b">", b"\"", b"'", b"\"John Doe\"", b"John Doe", b"(comment)", b"(", b")", b",",
    b";", b":", b"\\", b"\\\"", b"@", b" ", b"\n ", b"\n\t", b"<>", b"<a@b@c.de>", b"\"a@b.com\"", b"'a@b.com'", b"<\"q u\"@h.net>", b"<a (c) @b.de>",
    b"undisclosed-recipients:;", b"team: ", b"[1.2.3.4]", b"u@[1.2.3.4]", b"=?utf-8?Q?J=C3=B6rg?=", b"=?utf-8?Q?\"Foo\"_<n@foo.com>?=", b"\xc3\xa9", b"\xe9",
    b"a_b@c_d.com", b"user@host", b"u@-bad.com", b"u@xn--p1ai.xn--p1ai", b"mailto:u@v.info", b"<mailto:u@v.info>", b"a@b.com.", b"a@b.notatld", b" <x@y.jp> ",
    b"127.0.0.1", b"[IPv6:2001:db8::1]", b"2001:db8::1", b"1.2.3.4.5", b"http://www.foo.com/x", b"foo.co.jp", b"..", b"-", b"_",
]


def random_message(rng):
    field = lambda name: name + b": " + b"".join(rng.choice(ADDRESS_BITS) for _ in range(rng.randint(1, 9))).replace(b"\n\n", b"\n") + b"\n"
    head = b"".join(field(name) for name in [b"From", b"To", b"Cc", b"Reply-To", b"Sender", b"Return-Path", b"Received", b"Message-ID",
                                             b"X-Originating-IP"])
    words = [rng.choice([random_word(rng), random_text(rng).replace(b"\n", b"").replace(b"\r", b"")]) for _ in range(rng.randint(1, 4))]
    head += b"Subject: " + rng.choice([b" ", b"", b"\n ", b"\t"]).join(words) + b"\n"
    return head + random_part(rng, 0)


def random_part(rng, depth):
    """The header fields and the body of a part, or of the message."""
    if rng.randrange(3) == 0 and depth < 4:
        boundary = rng.choice([b"b", b"b1", b"x y", b"--", b"b", b"=_1"])
        kind = rng.choice([b"multipart/mixed", b"multipart/digest", b"multipart/alternative", b"MULTIPART/Related", b"message/rfc822"])
        quote = rng.choice([b"\"%s\"", b"%s", b"\"%s"]) % boundary
        out = b"Content-Type: " + kind + b"; boundary" + rng.choice([b"=", b" = ", b"=\n "]) + quote + rng.choice([b"", b"; charset=x"]) + b"\n"
        out += rng.choice([b"\n", b"\n", b"", b"preamble\n"])
        for _ in range(rng.randint(0, 4)):
            out += rng.choice([b"--" + boundary + b"\n", b"--" + boundary + b" \n", b"--" + boundary + b"\r\n", b"--" + boundary, b"--other\n"])
            out += random_part(rng, depth + 1) + rng.choice([b"\n", b"", b"\n\n"])
        return out + rng.choice([b"--" + boundary + b"--\n", b"", b"--" + boundary + b"--", b"--" + boundary + b"--\nepilogue\n"])
    kind = rng.choice([b"text/plain", b"text/html", b"Text/X-Other", b"application/octet-stream", b"text/calendar", b"image/png", b"text", b"foo", b"@@"])
    out = b"Content-Type: " + kind + b"; charset" + rng.choice([b"=", b"=\"", b" = '"]) + rng.choice(CHARSETS).encode()
    out += rng.choice([b"", b"\"", b"'"]) + rng.choice([b"", b"; name=x.html", b"; name*0=\"a\"; name*1='.htm'", b"; filename=\"\"", b"; name= ;"]) + b"\n"
    out += rng.choice([b"", b"", b"Content-Disposition: attachment; filename=\"f.shtml\"\n", b"Content-Disposition: inline; name=  \"\"\n"])
    text = random_text(rng) * rng.choice([1, 1, 1, 2, 200])
    coding = rng.randrange(5)
    if coding == 0:
        return out + b"Content-Transfer-Encoding: base64\n\n" + rng.choice([base64.encodebytes(text), base64.b64encode(text) + rng.choice([b"=", b"A", b"-", b"==A"])])
    if coding == 1:
        return out + b"Content-Transfer-Encoding: Quoted-Printable\n\n" + text.replace(b"e", b"=65").replace(b" ", b"=\n").replace(b"\xa0", b" \t\n")
    return out + rng.choice([b"\n", b"\n", b"\n", b"", b" \n"]) + text + b"\n" * rng.choice([0, 1, 19, 20, 21, 22, 30]) + rng.choice([b"", b"end\n"])


def generated(count, folder, seed=1):
    rng = random.Random(seed)
    files = []
    for i in range(count):
        text = random_message(rng)
        path = os.path.join(folder, f"generated-{seed}-{i}")
        with open(path, "wb") as f:
            f.write(text.replace(b"\n", b"\r\n") if rng.randrange(5) == 0 else text)
        files.append(path)
    return files


def run(build, corpus, every=1, count=300, seed=1):
    """[(stage, same, total, [file: difference])], stages by group; [] where there is no corpus or no SpamAssassin."""
    out = []
    if not available():
        return out
    groups = {group: corpus_files(corpus, group, every) for group in GROUPS}
    folder = os.path.join(tempfile.gettempdir(), "postern-spam-tree", "mutants")
    os.makedirs(folder, exist_ok=True)
    groups["mutants"] = mutants(corpus, count, folder, seed)
    groups["generated"] = generated(count, folder, seed)
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
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for stage, same, total, differing in run(build, corpus, every, count, seed):
        print(f"parity spam-{stage} share={100 * same / total:.2f} goal=100 passed={same} total={total}")
        for difference in differing[:SHOWN_MAX]:
            print(f"  differs: {difference}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
