"""The URIs of messages: ours against SpamAssassin's, over the corpus, mutations of it and generated texts.

spam_uris.pl asks SpamAssassin and prints what it had to go by too, which spam_uris_driver is given. What SpamAssassin says is kept in
a cache (POSTERN_PARITY_CACHE, else /tmp/postern-parity), as asking takes minutes. Alone: spam_uris.py [EVERY]."""
import base64
import glob
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = "/usr/share/spamassassin"
GROUPS = ["ham", "spam", "zh-ham", "zh-spam", "mime-torture", "sieve-imap-suites/sa-t"]
CACHE = os.environ.get("POSTERN_PARITY_CACHE", "/tmp/postern-parity")
MUTATIONS = 600
TEXT_FILES, TEXTS = 40, 200  # generated: files, texts in each
DELIMITED = {"{": "}", "(": ")", "<": ">", "[": "]"}


def settings():
    """The folder of the rules that concern URIs: TLDs, redirector patterns, and those patterns for PCRE2."""
    folder = os.path.join(CACHE, "uri-rules")
    if os.path.exists(os.path.join(folder, "patterns.txt")):
        return folder
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(RULES, "20_aux_tlds.cf"), folder)
    lines = []
    for path in sorted(glob.glob(os.path.join(RULES, "*.cf"))):
        with open(path, encoding="latin-1") as f:
            lines += [line for line in f if re.match(r"\s*redirector_pattern\s", line)]
    with open(os.path.join(folder, "10_redirectors.cf"), "w", encoding="latin-1") as f:
        f.writelines(lines)
    with open(os.path.join(folder, "patterns.txt"), "w", encoding="latin-1") as f:
        for line in lines:
            value = re.sub(r"^m", "", line.split(None, 1)[1].strip())
            end = value.rindex(DELIMITED.get(value[0], value[0]))
            flags = value[end + 1 :]
            f.write((f"(?{flags})" if flags else "") + value[1:end] + "\n")
    return folder


def messages(corpus, group, every):
    paths = sorted(p for p in glob.glob(os.path.join(corpus, group, "**"), recursive=True) if os.path.isfile(p))
    return paths[::every]


def mutate(random_, data, other):
    data = bytearray(data)
    for _ in range(random_.randint(1, 12)):
        at = random_.randrange(len(data)) if data else 0
        size = random_.choice([1, 1, 2, 5, 20, 100, 1000])
        way = random_.randrange(6)
        if way == 0:
            del data[at : at + size]
        elif way == 1 and other:
            start = random_.randrange(len(other))
            data[at:at] = other[start : start + size]
        elif way == 2 and data:
            data[at] = random_.randrange(256)
        elif way == 3:
            data[at:at] = random_.choice([b"http://", b"@", b".com", b"www.", b"%2e", b"<a href=", b"&#46;", b"\xe3\x80\x82", b"\x1b(B", b":80/"])
        elif way == 4 and data:
            data[at] ^= 1 << random_.randrange(8)
        else:
            data[at:at] = data[at : at + size]
    return bytes(data)


def mutated(corpus, every):
    """Mutations of messages, seeded: in the cache, as SpamAssassin reads files."""
    folder = os.path.join(CACHE, f"mutated-{every}")
    paths = [path for group in GROUPS for path in messages(corpus, group, 7)]
    if not os.path.isdir(folder):
        os.makedirs(folder)
        random_ = random.Random(20)
        for number in range(MUTATIONS // every if every > 1 else MUTATIONS):
            with open(random_.choice(paths), "rb") as one, open(random_.choice(paths), "rb") as other:
                data = mutate(random_, one.read(300000), other.read(300000))
            with open(os.path.join(folder, f"{number:05}"), "wb") as f:
                f.write(data)
    return sorted(glob.glob(os.path.join(folder, "*")))


SCHEMES = ["http://", "https://", "HTTP://", "ftp://", "www.", "www1.", "ftp.", "http:", "http:/", "http:\\\\", "mailto:", "hxxp://", "", "", "",
           "//", "javascript:", "cid:", "mid:", "skype:", "email:", "httpS://", "Www12.", "file:///", "://", "e-mail::"]
HOSTS = ["example.com", "www.example.co.uk", "foo.bar.net", "EXAMPLE.ORG", "a.b.c.d.pvt.k12.ma.us", "city.ci.la.ca.us", "127.0.0.1", "1.2.3.4",
         "0x7f000001", "2130706433", "0177.0.0.01", "0x7f.1.0x00002.003", "999.1.2.3", "18446744073709551617", "foo", "localhost", "www.foo", "www.com",
         "foo_bar.example.com", "foo.ex_ample.com", "-x.example.com", "例子.tw", "xn--fsqu00a.tw", "例子.測試", "bücher.de", "example.com.", "example..com",
         "exa mple.com", "ex%61mple.com", "example%2ecom", "example&#46;com", "example&#x2e;com", "example。com", "[::1]", "fe80::1", "foo.invalid",
         "a" * 64 + ".com", ("a" * 50 + ".") * 5 + "com", "example.museum", "x.demon.co.uk", "me.uk", "foo.com.tw", "eu.com", "google.com", "www.google.com"]
PATHS = ["", "/", "/x", "?a=b", "#f", "/a/b.html?x=1&y=2", "/r?url=http://other.example.net/", "/url?q=http://evil.example.org/x&sa=D", "/l/;www.evil.com",
         "/index.php?URL=http://foo.example/", "/http:/bar.com", "/redirect.php?goto=http%3A%2F%2Fx.com%2F", "/%41%20%7f%00", "/a(b)c", "/a)b", "\\x\\y", ":80/", ":443",
         ":8080/x", ":80x", ":", ":123456/", "/translate?u=http://a.com", "?https:b.com", "/" + "x" * 100, "/a@b.com", "/-.", "/日本"]
USERS = ["", "", "", "user@", "user:pw@", "a@b@", "user%40", "@", "foo.bar+baz@", "www.bank.com@", "%20", "\"Foo\"%20<"]
AROUND = [" ", "\n", "\t", "<", ">", "(", ")", "[", "]", "{", "}", "\"", "'", "`", ",", ".", ";", ":", "!", "?", "-", "_", "=", "&", "&nbsp;", "|", "/", "\x1b(B", "\x1b$B",
          "\xa0", "中", "é", "…", "*", "~", "^", "%", "%20", "@", "a", "1", "\x00", "\x85", "", "", ""]


def generated_text(random_):
    words = []
    for _ in range(random_.randint(1, 6)):
        before = "".join(random_.choice(AROUND) for _ in range(random_.randint(0, 2)))
        after = "".join(random_.choice(AROUND) for _ in range(random_.randint(0, 3)))
        uri = random_.choice(SCHEMES) + random_.choice(USERS) + random_.choice(HOSTS) + random_.choice(PATHS)
        words.append(before + uri + after)
    data = random_.choice([" ", "", "\t"]).join(words).encode("latin-1" if random_.random() < 0.1 else "utf-8", "replace")
    if random_.random() < 0.2:
        data = mutate(random_, data, b"http://www.example.com/@.(:)%")
    return data.replace(b"\n", b" ") + b"\n"


def generated(every):
    folder = os.path.join(CACHE, f"generated-{hashlib.sha1(open(os.path.abspath(__file__), 'rb').read()).hexdigest()[:12]}")
    if not os.path.isdir(folder):
        os.makedirs(folder)
        random_ = random.Random(21)
        for number in range(TEXT_FILES):
            with open(os.path.join(folder, f"{number:03}.texts"), "wb") as f:
                f.writelines(generated_text(random_) for _ in range(TEXTS))
            links = []
            for _ in range(TEXTS // 4):
                links.append(b'<a href="' + generated_text(random_).replace(b'"', b"").strip() + b'">' + generated_text(random_) + b"</a>\n")
            with open(os.path.join(folder, f"{number:03}.html"), "wb") as f:
                head = b"Subject: x\nContent-Type: text/html; charset=" + random_.choice([b"utf-8", b"iso-8859-1", b"us-ascii"]) + b"\n\n<html>"
                f.write(head + b"".join(links))
    return [sorted(glob.glob(os.path.join(folder, "*." + kind)))[::every] for kind in ("texts", "html")]


def oracle(script, folder, paths, name):
    """What SpamAssassin says of each path, as lines; from the cache where it was asked before."""
    with open(os.path.join(HERE, script), "rb") as f:
        key = hashlib.sha1(f.read() + "\n".join(paths).encode()).hexdigest()[:16]
    cached = os.path.join(CACHE, f"{script}-{name.replace('/', '-')}-{key}.json")
    if not os.path.exists(cached):
        with open(cached + ".new", "wb") as out:
            subprocess.run(["nice", "perl", os.path.join(HERE, script), folder], input="\n".join(paths).encode() + b"\n", stdout=out,
                           stderr=subprocess.DEVNULL, check=True)
        os.rename(cached + ".new", cached)
    with open(cached, "rb") as f:
        return f.read()


def shown(key):
    return base64.b64decode(key)[:150]


def difference(theirs, ours):
    """A short text on what differs, or None."""
    out = []
    for key in sorted(set(theirs["detail"]) | set(ours["detail"])):
        one, other = theirs["detail"].get(key), ours["detail"].get(key)
        if one == other:
            continue
        if one is None or other is None:
            out.append(f"{'more' if one is None else 'missing'}: {shown(key)} {one or other}"[:300])
            continue
        for field in one:
            if one[field] != other[field] and field in ("cleaned", "texts"):
                out.append(f"{shown(key)} {field}: theirs {[shown(k) for k in one[field] if k not in other[field]][:3]} "
                           f"ours {[shown(k) for k in other[field] if k not in one[field]][:3]}")
            elif one[field] != other[field]:
                out.append(f"{shown(key)} {field}: theirs {one[field]} ours {other[field]}"[:300])
    if theirs["list"] != ours["list"]:
        out.append("lists differ")
    if theirs["truncated"] != ours["truncated"]:
        out.append(f"truncated: theirs {theirs['truncated']} ours {ours['truncated']}")
    return "; ".join(out[:4]) or None


def compared(build, name, paths):
    folder = settings()
    asked = oracle("spam_uris.pl", folder, paths, name)
    driver = os.path.join(build, "tests", "parity", "spam_uris_driver")
    done = subprocess.run([driver, os.path.join(folder, "20_aux_tlds.cf"), os.path.join(folder, "patterns.txt")], input=asked,
                          stdout=subprocess.PIPE, check=True)
    lines, answers = asked.splitlines(), done.stdout.splitlines()
    assert len(lines) == len(answers) == len(paths), f"{name}: {len(paths)} files, {len(lines)} lines, {len(answers)} answers"
    failures = []
    for line, answer in zip(lines, answers):
        theirs, ours = json.loads(line), json.loads(answer)
        found = difference(theirs, ours)
        if found:
            failures.append(f"{theirs['path']}: {found}")
    return f"spam-uris-{name}", len(paths) - len(failures), len(paths), failures


def run(build, corpus, every=1):
    """[(stage, same, total, differing files)]; [] where there is no SpamAssassin or no corpus."""
    if not os.path.isdir(RULES) or not os.path.isdir(corpus):
        return []
    os.makedirs(CACHE, exist_ok=True)
    results = [compared(build, group, messages(corpus, group, every)) for group in GROUPS if os.path.isdir(os.path.join(corpus, group))]
    results.append(compared(build, "mutated", mutated(corpus, every)))
    results += [compared(build, name, paths) for name, paths in zip(("generated-texts", "generated-html"), generated(every))]
    return results


def report(run_):
    """Runs a suite alone and prints its shares and what differs."""
    root = os.path.dirname(os.path.dirname(HERE))
    for stage, same, total, differing in run_(os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(root, "build"))),
                                              os.environ.get("POSTERN_CORPUS", os.path.join(root, "..", "shared", "corpus")),
                                              int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        print(f"parity {stage} share={100 * same / max(total, 1):.2f} goal=100 passed={same} total={total}")
        for failure in differing[:int(os.environ.get("SHOWN", "20"))]:
            print(f"  differs: {failure}")


if __name__ == "__main__":
    report(run)
