#!/usr/bin/python3
"""HTML as SpamAssassin renders it and what it notes on the way: every text/html part of the corpus, mutated parts, and generated HTML.

run(build, corpus, every=1) -> [(stage, same, total, [differing cases with a short diff])]. The oracle's answers are cached
under the build directory. Where SpamAssassin's answer depends on the random order of Perl's hashes, ours must be one of those
that it gives."""
import base64
import glob
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.join(HERE, "spam_html.pl")
GROUPS = ["ham", "spam", "zh-ham", "zh-spam", "mime-torture", "sieve-imap-suites/sa-t"]
SEEDS = range(1, 17)  # of Perl's hash order, for cases that differ at first
RETRIED_MAX = 40  # such cases of a stage; more must be a real difference
BATCH = 200
MUTANTS = 3000
GENERATED = 6000
# Questions of Plugin/HTMLEval.pm: those of SpamAssassin's own rules, and some more.
EVALS = (
    [["html_test", n] for n in ("html", "form_action_mailto", "font_low_contrast", "font_invalid_color", "font_face_bad", "embeds", "image_area",
                                "title", "anchor", "uri", "uri_detail", "backhair_count", "closed_extra_ratio", "nonsense")]
    + [["html_tag_exists", n] for n in ("style", "script", "meta", "html", "head", "center", "body", "bgsound", "foo", "img", "!doctype")]
    + [["html_tag_balance", n, e] for n in ("head", "body", "b", "font", "br", "st1:place", "foo")
       for e in ("!= 0", "> 0", "== 1", "<= 2", ">1", "- 1", "+ 1 == 2", "<=> 1", "== 01", "> 08", "x", "> -1", "1", "< 1 < 2", "!= !0", "> 0 == 1")]
    + [["html_range", n, a, b] for n in ("length", "max_size", "min_size", "closed_extra_ratio", "bad_tag_ratio", "non_element_ratio",
                                         "obfuscation_ratio", "ratio", "html_length", "non_space_len", "uri_truncated", "backhair_count")
       for a, b in (("0", "1024"), ("0.09", "inf"), (".3", ".4"), ("-1", "0"), ("5", "6"), ("0x1", "3"), (" 1", "4x"))]
    + [["html_image_only", a, b] for a, b in (("0000", "0400"), ("0400", "0800"), ("0", "999999"))]
    + [["html_image_ratio", a, b] for a, b in (("0.000", "0.002"), ("0.002", "0.004"), ("0", "1"))]
    + [["html_eval", n, e] for n in ("length", "image_area", "max_size", "nonsense") for e in ("< 512", "> 10000", "== 3", "!=3")]
    + [["html_text_match", n, p] for n, p in (("title", ".{120}"), ("comment", "<!.*?>"), ("comment", "<!(?!-).{0,6}>"), ("anchor", "<img>"), ("script", "x"),
                                              ("uri", "http"), ("nonsense", "."), ("title", "^$"))]
    + [["html_text_not_match", n, p] for n, p in (("title", "a"), ("anchor", "http"), ("uri", "^http"), ("comment", "--"))]
    + [["html_title_subject_ratio", r] for r in ("3.5", "0.5", "0")]
    + [["check_iframe_src"]]
)


def oracle(lines, seed=0):
    with tempfile.TemporaryDirectory() as empty:
        env = dict(os.environ, SPAM_EMPTY=empty, SPAM_EVALS=json.dumps(EVALS), PERL_HASH_SEED=str(seed), PERL_PERTURB_KEYS="2" if seed else "0", HOME=empty)
        return subprocess.run(["nice", "perl", ORACLE], input="\n".join(lines) + "\n", capture_output=True, text=True, env=env,
                              check=False).stdout.splitlines()


def cached(build, lines):
    with open(ORACLE, "rb") as f:
        version = f.read() + json.dumps(EVALS).encode()
    folder = os.path.join(build, "parity-spam-html")
    os.makedirs(folder, exist_ok=True)
    out = []
    for i in range(0, len(lines), BATCH):
        batch = lines[i:i + BATCH]
        name = os.path.join(folder, hashlib.sha256(version + "\n".join(batch).encode()).hexdigest()[:32])
        if not os.path.exists(name):
            answer = oracle(batch)
            with open(name + ".new", "w", encoding="ascii") as f:
                f.write("\n".join(answer))
            os.rename(name + ".new", name)
        with open(name, encoding="ascii") as f:
            out += [line for line in f.read().split("\n") if line]
    return out


def ours(build, lines):
    driver = os.path.join(build, "tests/parity/spam_html_driver")
    env = dict(os.environ, SPAM_EVALS=json.dumps(EVALS))
    out = []
    for i in range(0, len(lines), BATCH):
        done = subprocess.run([driver], input="\n".join(lines[i:i + BATCH]) + "\n", capture_output=True, text=True, env=env, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-3000:])
        out += done.stdout.splitlines()
    return out


def plain(string):
    """[bytes as characters means it, is_chars or None where it makes no difference]"""
    data = base64.b64decode(string[0])
    return (data, None if data.isascii() else string[1])


def normal(answer):
    """What has to be the same. Whether pure ASCII is bytes or characters matters for the three texts only."""
    results = answer["results"]
    out = {k: (base64.b64decode(answer[k][0]), answer[k][1]) for k in ("rendered", "visible", "invisible")}
    out.update({k: v for k, v in results.items() if k not in ("uris", "title", "comment", "script", "anchor")})
    out.update({k: [plain(s) for s in results[k]] for k in ("title", "comment", "script", "anchor")})
    out["evals"] = dict(zip(map(json.dumps, EVALS), answer["evals"]))
    out["uris"] = {
        base64.b64decode(k): (None if base64.b64decode(k).isascii() else v["is_chars"], sorted(v["types"]),
                              [plain(s) for s in v["anchor_texts"]])
        for k, v in results["uris"].items()
    }
    return out


def difference(theirs, mine):
    for key in theirs:
        if key == "evals" and theirs[key] != mine[key]:
            return f"evals: theirs true {[e for e in theirs[key] if theirs[key][e] > mine[key][e]]} ours true {[e for e in theirs[key] if theirs[key][e] < mine[key][e]]}"
        if theirs[key] == mine.get(key):
            continue
        a, b = repr(theirs[key]), repr(mine.get(key))
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        at = max(0, at - 40)
        return f"{key}: theirs ..{a[at:at + 120]} ours ..{b[at:at + 120]}"
    return "?"


def same_under_some_order(case, mine):
    line = json.dumps({"text": case["input"][0], "is_chars": case["input"][1], "utf8_bytes": case["utf8_bytes"]})
    for seed in SEEDS:
        answers = oracle([line], seed)
        if answers and "died" not in answers[0]:
            theirs = normal(json.loads(answers[0]))
            if {k: v for k, v in theirs.items() if k != "ratio"} == {k: v for k, v in mine.items() if k != "ratio"}:
                return True
    return False


def compare(build, stage, lines):
    cases = [line for line in cached(build, lines)]
    parsed = [json.loads(line) for line in cases]
    judged = [i for i, case in enumerate(parsed) if "died" not in case]
    answers = ours(build, [json.dumps({k: parsed[i][k] for k in ("input", "utf8_bytes", "source_length")}) for i in judged])
    same, retried, failures = 0, 0, []
    for i, answer in zip(judged, answers):
        theirs, mine = normal(parsed[i]), normal(json.loads(answer))
        ok = theirs == mine
        if not ok and retried < RETRIED_MAX:
            retried += 1
            ok = same_under_some_order(parsed[i], mine)
        if ok:
            same += 1
        else:
            failures.append((f"{parsed[i]['name']} {difference(theirs, mine)}", parsed[i]))
    return stage, same, len(judged), failures


def files(corpus, group):
    return sorted(p for p in glob.glob(os.path.join(corpus, group, "**"), recursive=True) if os.path.isfile(p))


TAGS = ("a b i u p br div span font table tr td th h1 h3 li ul img title script style body html head meta base link form input big small "
        "basefont marquee center pre hr blockquote area iframe frame embed object bgsound xmp plaintext listing textarea o:p st1:place "
        "foo x-tab nobr dt dd select option !doctype").split()
ATTRIBUTES = ("href src style color size face bgcolor background text link width height action content http-equiv alt title class "
              "data-saferedirecturl x/href foo/src name checked HREF Style").split()
CSS = ["color:red", "color: #fff", "background-color:white", "background: #fff", "background: url(a b) #123", "background: ,", "display:none",
       "Display: None", "display: none !important", "visibility:hidden", "color: rgb(1,2,3)", "color:rgba(255, 255, 255, .5)",
       "color:transparent", "background-color: transparent", "color:inherit", "color:#abcd", "color: white !important", "font-size:1px",
       "background: RGB(1%, 2%, 3%)", "color:\nred", "color:red\n", "color: \t", "color", ":", "background:red, blue", "background-color:",
       "color:fefefe", "color:#fefefe", "background: ", "visibility : Hidden ", "display:inline", "COLOR: Black", "color:#", "color:blac\u212a"]
COLORS = ["red", "#fff", "#ffffff", "#000", "#fefefe", "white", " White ", "#12", "#1234567", "rgb(1,2,3)", "rgb(10%,20%,30%)", "xyz", "#",
          "", "ffffff", "transparent", "lightgoldenrodyellow", "#12 rgb(1,2,3)", "rgb(300,1,2)", "\u00a0red"]
URLS = ["http://example.com/", "http://a.b/c/d;p?q#f", "https://EXAMPLE.com/x/../y/./z", "//www.foo.com/a", "//ftp2.foo/", "mailto:a@b", "../up",
        "./x", "?q", "#f", "", "  http://spaced.com \n", "cid:xyz", "data:text/plain,x", "javascript:alert(1)", "g", "/abs", "http:g", "0",
        "http://a/b.html", "http://a/b/c.d.html", "ftp://f/x", "tel:123", "http:///x", "x\ny", "http://a/&amp;b&eacute;&#8364;", "0:foo",
        "\ufeffhttp://bom/", "\u201chttp://quoted\u201d", "\ufb01le:x", "http\u017f:/x", "a/.", "a/..", "/./", "/../a", "a//b/../..//c", "\u00e9"]
WORDS = ["hello", "world", " ", "  \n", "&nbsp;", "&nbsp", "&amp;", "&lt", "&ampfoo", "&eacute", "&eacute;", "&#8364;", "&#65", "&#x41;", "&#xd83d;&#xde00;",
         "&#xd800;", "&#xdc00;", "&#x110000;", "&#0;", "&#xfffe;", "&alpha;", "&alpha", "&euro;", "&unknown;", "\u00e9", "\u4e2d\u6587", "\u00a0",
         "\u2003", "via", "gra", "1", "!", "-", "<", "<<", "<3", "< b>", "]]>", "]", "\x00", "\x0b", "\u0085", "a\u0300", "&#160;", "&", "&;", "&#;", "&#x;",
         "\u00c2\u00a0", "free", "_", "&Aring", "&#xd800;&#;&#xdc00;"]
MARKUP = ["<!-- c -->", "<!-- c", "<!>", "<!-->", "<!--->", "<!-- a -- >", "<!-- a --b -->", "<!doctype html>", "<!DOCTYPE html PUBLIC \"a>b\" -- x -->", "<!ENTITY x>",
          "<!foo bar>", "<!doctype", "<?xml version='1'?>", "<?x", "<![CDATA[ <b>x</b> ]]>", "<![CDATA[", "<![IGNORE[ x ]]>", "<![INCLUDE[ <i>y</i> ]]>",
          "<![RCDATA[ &amp; <b> ]]>", "<![if !mso]>", "<![endif]>", "<!--[if mso]>", "<![endif]-->", "<![ %x [", "<![ -- c -- CDATA[", "</>", "</ x>", "</a href='>'>", "<",
          "</", "<a", "<b", "<!-x>", "<![ INCLUDE IGNORE [", "<![foo[", "</title", "<img/>", "<br/>", "<br />", "<hr\u00a0/>", "<p/ >"]


def attribute(rng):
    name = rng.choice(ATTRIBUTES)
    low = name.lower()
    if rng.random() < 0.1:
        return name
    value = rng.choice(URLS)
    if low == "style":
        value = ";".join(rng.choice(CSS) for _ in range(rng.randint(1, 3)))
    elif low in ("color", "bgcolor", "text", "link"):
        value = rng.choice(COLORS)
    elif low in ("size", "width", "height"):
        value = rng.choice(["1", "0", "3", "+1", "-2", "100%", "50 %", " 7", "x", "20px", "999999999999", "\u0663", "1\n"])
    elif low == "face":
        value = rng.choice(["Arial", "Arial, Helvetica", "'x y', sans-serif;", "A1", "-x", " a", " ab", ".SFUI", "\u5b8b\u4f53", "a,b", "Times New Roman, Times", "arial2", "ab,  \"cd ef\""])
    elif low == "http-equiv":
        value = rng.choice(["refresh", "Content-Type", "Refre\u017fh", "x"])
    elif low == "content":
        value = rng.choice(["0;url=http://r.com/;x", "text/html; charset=utf-8", "charset = ' x'", "charset=  \"", "5; URL = x\ny", "url=a; url=b ; c", "\nurl=x", "curl=x",
                            "charset=\"\" charset=b"])
    quote = rng.choice(["\"", "'", "", "", "\u201d"])
    return f"{name}{rng.choice(['=', ' = ', '=', '=='])}{quote}{value}{quote}"


def tag(rng):
    name = rng.choice(TAGS)
    if rng.random() < 0.15:
        name = name.upper()
    if rng.random() < 0.35:
        return f"</{name}{rng.choice(['', ' ', ' x'])}>"
    body = "".join(rng.choice([" ", "\n", "/", "  "]) + attribute(rng) for _ in range(rng.choice([0, 0, 1, 1, 2, 3])))
    return f"<{name}{body}{rng.choice(['>', '>', '>', '>', ' >', '/>', ' />', ''])}"


def document(rng):
    out = []
    for _ in range(rng.randint(1, 25)):
        roll = rng.random()
        out.append(tag(rng) if roll < 0.5 else rng.choice(MARKUP) if roll < 0.6 else rng.choice(WORDS))
    return "".join(out)


def as_line(data, mode):
    """mode: 0 bytes as Latin-1, 1 characters, 2 bytes never decoded"""
    return json.dumps({"text": base64.b64encode(data).decode(), "is_chars": int(mode == 1), "utf8_bytes": int(mode == 2)})


def generated(count):
    rng = random.Random(4711)
    lines = []
    for i in range(count):
        text, mode = document(rng), i % 3
        data = text.encode("utf-8")
        if mode == 0 and rng.random() < 0.5:
            data = text.encode("ascii", "xmlcharrefreplace")
        elif mode != 1 and rng.random() < 0.3:
            data = text.encode("latin-1", "replace")
        lines.append(as_line(data, mode))
    return lines


def mutated(build, corpus, count):
    """Parts of the corpus, cut, with bytes flipped and pieces swapped, repeated or put elsewhere."""
    rng = random.Random(1789)
    paths = [p for group in GROUPS for p in files(corpus, group)]
    rng.shuffle(paths)
    parts = [json.loads(line) for line in cached(build, sorted(paths[:600]))]
    parts = [base64.b64decode(p["input"][0]) for p in parts if "died" not in p]
    lines = []
    for i in range(count if parts else 0):
        data = bytearray(rng.choice(parts)[:20000])
        for _ in range(rng.randint(1, 6)):
            a, b = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
            b = min(b, a + 60)
            kind = rng.randint(0, 4)
            if kind == 0:
                del data[a:b]
            elif kind == 1 and a < len(data):
                data[a] ^= 1 << rng.randint(0, 7)
            elif kind == 2:
                other = rng.choice(parts)
                at = rng.randint(0, len(other))
                data[a:a] = other[at:at + 80]
            elif kind == 3:
                data[a:a] = rng.choice(MARKUP + WORDS).encode("utf-8")
            else:
                del data[max(b, 20):]
        mode = i % 3
        if mode == 1:
            data = bytes(data).decode("utf-8", "replace").encode("utf-8")
        lines.append(as_line(bytes(data), mode))
    return lines


def run(build, corpus, every=1):
    out = []
    for group in GROUPS:
        paths = files(corpus, group)[::every]
        if paths:
            out.append(compare(build, f"spam-html-{group.split('/')[-1]}", paths))
    if os.path.isdir(corpus):
        out.append(compare(build, "spam-html-mutated", mutated(build, corpus, MUTANTS // every)))
    out.append(compare(build, "spam-html-generated", generated(GENERATED // every)))
    return [(stage, same, total, [text for text, _ in failures]) for stage, same, total, failures in out]


def main():
    root = os.path.dirname(os.path.dirname(HERE))
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(root, "build")))
    corpus = os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(root, "..", "shared", "corpus")))
    for stage, same, total, failures in run(build, corpus, int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        print(f"parity {stage} share={100 * same / max(total, 1):.2f} goal=100 same={same} total={total}")
        for failure in failures[:50]:
            print(f"  differs: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
