"""Eval functions on URIs, texts, MIME parts and images: ours against SpamAssassin's, over the corpus and mutations of it.

Each message counts once in each of the groups of functions; it is the same when all results and facts of the group are.
Alone: spam_evals.py [EVERY]."""
import base64
import collections
import glob
import hashlib
import json
import os
import quopri
import random
import struct
import subprocess

import spam_uris

GROUP_OF = {"URIEval": "uri-eval", "URIDetail": "uri-eval", "HTTPSMismatch": "uri-eval", "BodyEval": "body-eval", "MIMEEval": "mime-eval",
            "ImageInfo": "image-eval"}
FACTS_OF = {"madiff": "body-eval", "madiff_html": "body-eval", "madiff_text": "body-eval", "stock_info": "body-eval", "tvd_vertical_words": "body-eval",
            "pc_gif": "image-eval", "pc_png": "image-eval", "pc_jpeg": "image-eval", "count_all": "image-eval"}


MESSAGES = 400  # generated
CHARSETS = ["", "", "us-ascii", "utf-8", "ISO-8859-1", "iso-9999-x", "iso-8859-15-foo", "iso-2022-jp", "koi8-r", "gb2312", "Big5", "windows-1251", "unknown-8bit",
            "\"utf-8\"", "'koi8-u'", "iso-ir-6", "ansi_x3.4-1968", "iso-a-b", "CP367", "0"]
HEADINGS = ["Symbol", "S-t.o c_k", "Trading Date", "trade date", "My trade date", "Company name", "Current Price", "opening p", "Target", "5-week high", "Weeks High", "Sector",
            "Recommendation", "rating", "Year estimates", "price target", "position", "projected", "expectations", "Market Performance", "ticker", "x" * 30, "Sym bol" + " " * 25]
WORDS = ["click", "HERE", "Buy", "NOW", "the", "&#x4E2D;", "&#x12;", "caf\u00e9", "\u4e2d\u6587", "\u00a0", "\u2003", "-", "*", "a_b", "100%", "\x1b$B$3$s\x1b(B", "\x1b(B", "\u212a", "\u0661",
         "A" * 70, "dGVzdA==" * 8, "=3D", "=20", "\r"]
LINKS = ["http://1.2.3.4/x", "https://user@10.0.0.1/", "http:///5.6.7.8", "http://www.example.com/a", "https://example.co.uk/", "http://a.example.net/r?u=http://other.example.org/",
         "http://example.com/http://www.example.com/x", "mailto:a@example.com", "http://xn--fsqu00a.tw/", "http://ex.com@http:foo.com"]
SAID = ["https://www.example.com/", "https://bank.example.org/login", "http://www.example.com", "https://1.2.3.4/", "HTTPS:foo", "here", "https://example.co.uk", "https://", "https://foo.invalid",
        "see https://a.example.net and https://b.org"]


def gif(random_):
    return random_.choice([b"GIF89a", b"GIF87a", b"GIF88a"]) + struct.pack("<HHBBB", random_.choice([0, 1, 300, 700]), random_.choice([1, 300, 768]), 0, 0, 0) + bytes(20)


def png(random_):
    chunk = struct.pack(">I4sIIBBBBB", 13, random_.choice([b"IHDR", b"IHDR", b"IDAT"]), random_.choice([0, 400, 1024]), random_.choice([1, 300, 768]), 8, 2, 0, 0, 0) + b"CRC!"
    return b"\x89PNG\r\n\x1a\n" + random_.choice([b"", b"", bytes(8)]) + chunk + struct.pack(">I4s", 0, b"IEND")


def jpeg(random_):
    out = b"\xff\xd8"
    for _ in range(random_.randint(0, 3)):
        data = bytes(random_.randint(0, 30))
        out += b"\xff" + bytes([random_.choice([0xE0, 0xE1, 0xFE, 0xC4, 0xDB])]) + struct.pack(">H", len(data) + 2) + data
    return out + b"\xff" + bytes([random_.choice([0xC0, 0xC2, 0xC8, 0xD9])]) + struct.pack(">HBHHB", 11, 8, random_.choice([0, 300, 768]), random_.choice([300, 1024]), 3) + bytes(4)


def words(random_, count):
    return " ".join(random_.choice(WORDS) + random_.choice(["", "", "", "\n", "\n\n", " \n \n", "\t"]) for _ in range(count))


def plain(random_):
    out = words(random_, random_.choice([0, 3, 30, 300])).upper() if random_.random() < 0.3 else words(random_, random_.choice([0, 3, 30, 300]))
    for _ in range(random_.randint(0, 6)):
        out += random_.choice(["\n", "\n \n  ", " "]) + random_.choice(HEADINGS) + random_.choice([":", " : ", " \n:", "", "::"]) + random_.choice([" 5", "x", "\n\n y", ""])
    if random_.random() < 0.4:
        out += random_.choice(["\n-- \n", "\n--\n", "\n-- \r\n", "\n---\n"]) + words(random_, random_.randint(0, 5)) + random_.choice(["", "\n-- \n", "\n--\nabc"])
    return out


def html(random_):
    out = "<html><body>" + random_.choice(["", "<img src=x>"])
    for _ in range(random_.randint(0, 5)):
        out += f'<a href="{random_.choice(LINKS)}">{random_.choice(SAID)} {words(random_, random_.randint(0, 2))}</a> ' + words(random_, random_.choice([0, 2, 20]))
    return out


def leaf(random_):
    kind = random_.choice(["text/plain", "text/plain", "text/html", "text/html", "TEXT/x-foo", "image/gif", "image/png", "image/jpg", "image/jpeg", "application/ics",
                           "application/octet-stream", "text/calendar", "application/rtf", ""])
    if kind.startswith("image/"):
        data = random_.choice([gif, png, jpeg])(random_) if random_.random() < 0.2 else {"gif": gif, "png": png}.get(kind[6:], jpeg)(random_)
        if random_.random() < 0.3:
            data = spam_uris.mutate(random_, data, data)[: random_.randint(1, 100)]
    else:
        text = html(random_) if kind == "text/html" else plain(random_)
        data = text.encode(random_.choice(["utf-8", "utf-8", "latin-1", "big5", "ascii"]), "replace")
    encoding = random_.choice(["base64", "base64", "BASE64"] if kind.startswith("image/") else ["", "", "7bit", "8bit", "quoted-printable", "base64", "Quoted-Printable", "x-foo"])
    if encoding.lower() == "base64":
        data = base64.b64encode(data)
        size = random_.choice([76, 76, 77, 78, 79, 100])
        data = b"\n".join(data[i : i + size] for i in range(0, len(data), size)) + b"\n"
    elif encoding.lower() == "quoted-printable" and random_.random() < 0.8:
        data = quopri.encodestring(data, quotetabs=random_.random() < 0.5)
    charset = random_.choice(CHARSETS)
    head = f"Content-Type: {kind}" + (f"; charset={charset}" if charset else "") + random_.choice(["", '; name="image001.gif"', "; name=0"]) + "\n" if kind else ""
    head += f"Content-Transfer-Encoding: {encoding}\n" if encoding else ""
    head += random_.choice(["", "", "Content-Disposition: attachment\n", "Content-Disposition: inline; filename=image001.jpg\n", "Content-Disposition: x-attachments\n"])
    return head.encode() + b"\n" + data


def part(random_, depth):
    if depth == 0 or random_.random() < 0.4:
        return leaf(random_)
    boundary = f"b{random_.randrange(1000000)}"
    kind = random_.choice(["alternative", "alternative", "mixed", "related", "digest"])
    body = b"".join(f"\n--{boundary}\n".encode() + part(random_, depth - 1) for _ in range(random_.choice([0, 1, 2, 2, 3])))
    return f"Content-Type: multipart/{kind}; boundary=\"{boundary}\"\n\n".encode() + body + (f"\n--{boundary}--\n".encode() if random_.random() < 0.8 else b"")


def generated(every):
    with open(os.path.abspath(__file__), "rb") as f:
        folder = os.path.join(spam_uris.CACHE, f"parts-{hashlib.sha1(f.read()).hexdigest()[:12]}")
    if not os.path.isdir(folder):
        os.makedirs(folder)
        random_ = random.Random(22)
        for number in range(MESSAGES):
            with open(os.path.join(folder, f"{number:04}"), "wb") as f:
                f.write(b"Subject: x\n" + part(random_, 3))
    return sorted(glob.glob(os.path.join(folder, "*")))[::every]


def is_close(one, other):
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= 1e-9 * max(abs(one), abs(other))
    return one == other


def differences(theirs, ours):
    """group -> texts on what differs"""
    out = collections.defaultdict(list)
    for call, group, one, other in zip(theirs["calls"], theirs["groups"], theirs["results"], ours["results"]):
        if one != other:
            out[GROUP_OF[group]].append(f"{' '.join(call)}: theirs {one} ours {other}")
    for name, value in theirs["facts"].items():
        if not is_close(value, ours["facts"][name]):
            out[FACTS_OF.get(name, "mime-eval")].append(f"{name}: theirs {value} ours {ours['facts'][name]}")
    return out


def compared(build, name, paths):
    """[(stage, same, total, failures)], a stage for each group of functions"""
    folder = spam_uris.settings()
    asked = spam_uris.oracle("spam_evals.pl", folder, paths, name)
    driver = os.path.join(build, "tests", "parity", "spam_evals_driver")
    done = subprocess.run([driver, os.path.join(folder, "20_aux_tlds.cf"), os.path.join(folder, "patterns.txt")], input=asked,
                          stdout=subprocess.PIPE, check=True)
    lines, answers = asked.splitlines(), done.stdout.splitlines()
    assert len(lines) == len(answers) == len(paths), f"{name}: {len(paths)} files, {len(lines)} lines, {len(answers)} answers"
    failures, hits = collections.defaultdict(list), collections.Counter()
    for line, answer in zip(lines, answers):
        theirs = json.loads(line)
        for call, hit in zip(theirs["calls"], theirs["results"]):
            hits[" ".join(call)] += hit
        for group, texts in differences(theirs, json.loads(answer)).items():
            failures[group].append(f"{theirs['path']}: {'; '.join(texts[:4])}")
    if os.environ.get("SHOW_HITS"):
        print(name, dict(hits))
    return [(f"spam-{group}-{name}", len(paths) - len(failures[group]), len(paths), failures[group])
            for group in sorted(set(GROUP_OF.values()))]


def run(build, corpus, every=1):
    """[(stage, same, total, differing files)]; [] where there is no SpamAssassin or no corpus."""
    if not os.path.isdir(spam_uris.RULES) or not os.path.isdir(corpus):
        return []
    os.makedirs(spam_uris.CACHE, exist_ok=True)
    groups = [(group, spam_uris.messages(corpus, group, every)) for group in spam_uris.GROUPS if os.path.isdir(os.path.join(corpus, group))]
    groups += [("mutated", spam_uris.mutated(corpus, every)), ("generated-html", spam_uris.generated(every)[1]),
               ("generated-parts", generated(every))]
    return [result for name, paths in groups for result in compared(build, name, paths)]


if __name__ == "__main__":
    spam_uris.report(run)
