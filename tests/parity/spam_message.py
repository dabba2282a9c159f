"""Whole messages: run(build, corpus, every) compares hits and score of every n-th message of the corpus, of mutants, with generated
rules and with rules that use each other's captures, network and Bayes off, with what SpamAssassin says.

Stages: all messages (the same scored hits and the same score); the same by kind of those with a scored hit: Chinese or not (latin), with
an HTML part or not (plain); messages without a scored hit; sub-rules' hits. The rules that differ most come first of what is listed."""
import collections
import concurrent.futures
import glob
import json
import os
import shutil
import subprocess
import tempfile

from spam_oracle import CACHE, GROUPS, answers, files_of, mutated, seeded, written

CHUNK = 300     # messages for one process of SpamAssassin
MUTANTS = 400
SITE = "/etc/spamassassin"


def chunks(files):
    return [files[i:i + CHUNK] for i in range(0, len(files), CHUNK)]


def theirs(files, extra=b""):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [json.loads(line) for lines in pool.map(lambda chunk: answers("spam_message.pl", chunk, extra), chunks(files))
                for line in lines]


def ours(build, files, *site):
    os.makedirs(CACHE, mode=0o700, exist_ok=True)
    done = subprocess.run([os.path.join(build, "tests", "parity", "spam_message_driver"), os.path.join(CACHE, "prefilters"), *site],
                          input="".join(f + "\n" for f in files).encode(), stdout=subprocess.PIPE, check=True, timeout=1800)
    return [json.loads(line) for line in done.stdout.splitlines()]


def scored(hits):
    return {rule: value for rule, value in hits.items() if not rule.startswith("__")}


def difference(our, their):
    """What differs, a word for each rule, and whether it is only in sub-rules."""
    words = [f"-{rule}" for rule in sorted(set(their["hits"]) - set(our["hits"]))]
    words += [f"+{rule}" for rule in sorted(set(our["hits"]) - set(their["hits"]))]
    words += [f"{rule}={our['hits'][rule]:g}/{their['hits'][rule]:g}" for rule in sorted(set(our["hits"]) & set(their["hits"]))
              if our["hits"][rule] != their["hits"][rule]]
    same = set(scored(our["hits"])) == set(scored(their["hits"])) and abs(our["score"] - their["score"]) < 1e-6
    if not our["agree"]:
        words.append("otherwise-without-those-that-wait")
    return words, same and our["agree"]


def kinds(their):
    if not scored(their["hits"]):
        return ["nohit"]
    return ["chinese" if their["han"] else "latin", "html" if their["html"] else "plain"]


def stage(name, pairs, corpus):
    """Stages of (ours, theirs) pairs; all but the first only where a corpus is named by kinds."""
    same, total, failures, most = collections.Counter(), collections.Counter(), [], collections.Counter()
    for our, their in pairs:
        words, is_same = difference(our, their)
        for kind in ["all", "sub", *(kinds(their) if corpus else [])]:
            total[kind] += 1
            same[kind] += not words if kind == "sub" else is_same
        if words:
            most.update(words)
            failures.append(f"{os.path.relpath(their['file'], corpus) if corpus else their['file']}: {our['score']:.3f}, not "
                            f"{their['score']:.3f}: {' '.join(words[:12])}")
    top = [f"most: {', '.join(f'{word} {n}' for word, n in most.most_common(30))}"] if most else []
    return [(f"spam-message{name}-{kind}", same[kind], total[kind], top + failures if kind == "sub" else []) for kind in total]


def generated_rules(rng, texts):
    """Lines of rules of all kinds over words that the messages have."""
    words = sorted({word for text in texts for word in text.split() if 3 < len(word) < 12 and word.isascii() and word.isalnum()})
    lines, names = [], []

    def pattern():
        word = rng.choice(words)
        at = rng.randint(1, len(word) - 1)
        form = rng.choice(["{w}", "\\b{w}\\b", "{a}.{{0,3}}{b}", "[{c}]{b}", "(?:{a}|{v}){b}?", "{a}+{b}", "^.{{0,40}}{w}", "{w}\\s+\\w+",
                           "(?i){w}", "{a}(?!{b})", "(?<={a}){b}", "{w}$", "\\d{{2,}}.{{0,10}}{a}", "[^a-z]{w}", "(?:{w}.{{0,20}}){{2}}"])
        return form.format(w=word, a=word[:at], b=word[at:], c=word[0] + word[0].upper(), v=rng.choice(words))

    def name(sub):
        names.append(f"{'__' if sub else ''}GEN_{len(names)}")
        return names[-1]

    for _ in range(300):
        rule, flags = name(rng.random() < 0.4), rng.choice(["", "", "i", "s", "m", "is"])
        kind = rng.choice(["body", "body", "rawbody", "uri", "full", "header", "header"])
        head = ""
        if kind == "header":
            head = rng.choice(["Subject", "From", "From:addr", "From:name", "To:addr:domain", "ToCc", "ALL", "Received", "Message-ID:raw",
                               "X-Spam-Relays-Untrusted", "EnvelopeFrom", "Content-Type", "Reply-To:addr:host"])
            head += rng.choice([" =~ ", " =~ ", " !~ "])
        end = " [if-unset: none]" if kind == "header" and rng.random() < 0.2 else ""
        lines.append(f"{kind} {rule} {head}/{pattern()}/{flags}{end}")
        if rng.random() < 0.3 and "!~" not in head:  # SpamAssassin would never come to an end
            lines.append(f"tflags {rule} multiple{rng.choice(['', ' maxhits=3', ' maxhits=1'])}")
        elif kind == "body" and rng.random() < 0.2:
            lines.append(f"tflags {rule} nosubject")
    for _ in range(150):
        a, b, c = rng.sample(names, 3)
        form = rng.choice(["{a} && {b}", "{a} || {b}", "!{a} && ({b} || {c})", "({a} + {b} + {c}) > 1", "{a} * 2 >= {b} + 1", "{a} && !{b}",
                           "({a} - {b}) == 0 && {c}"])
        lines.append(f"meta {name(rng.random() < 0.3)} {form.format(a=a, b=b, c=c)}")
    for rule in names:
        if not rule.startswith("__") and rng.random() < 0.8:
            lines.append(f"score {rule} {rng.choice([0.1, 0.5, 1, 1.5, 2.25, -0.3, 0, 3])}")
    return "\n".join(lines) + "\n"


def words_rules(files):
    texts = []
    for path in files:
        with open(path, encoding="latin-1") as f:
            texts.append(f.read(20000))
    return generated_rules(seeded(5), texts)


# Texts as they came, and rules that look at their bytes.
UNDECODED = r"""normalize_charset 0
body UNDECODED_UTF8 /(?:\xc3[\x80-\xbf]|[\xe4-\xe9][\x80-\xbf][\x80-\xbf])/
tflags UNDECODED_UTF8 multiple maxhits=1000
body UNDECODED_GB /[\xb0-\xf7][\xa1-\xfe]/
tflags UNDECODED_GB multiple maxhits=1000
body UNDECODED_LATIN /[a-z][\xe0-\xff][a-z]/
tflags UNDECODED_LATIN multiple maxhits=1000
body UNDECODED_NBSP /\xa0/
"""

# Captures of every kind of rules, in patterns of every kind. What hangs on the order of Perl's hashes is left out: two that capture under
# one name at the same turn, and which of the URIs comes first. None takes anything of the message with which SpamAssassin compiles its
# rules: its /o would keep that for good.
CAPTURING = r"""header __TPL_SUBJECT Subject =~ /\b(?<SUBJECT>[a-z]{4,12})\b/i
mimeheader __TPL_MIME Content-Type =~ /^(?<MIME>[a-z]{3,12})/i
body __TPL_BODY /\b(?<BODY>[a-z]{4,8})[.,]/
tflags __TPL_BODY multiple maxhits=4 nosubject
uri __TPL_URI m{^https?://(?:www\.)?(?<URI>[a-z0-9]{3,})\.}i
tflags __TPL_URI multiple
rawbody __TPL_RAW /<(?<RAW>[a-z]{2,8})\b/i
full __TPL_FULL /\nDate: (?<FULL>[A-Z][a-z]{2})/
header __TPL_TWICE To:addr =~ /\@(?<TWICE>[a-z0-9-]{3,})/
uri __TPL_TWICE_2 m{//(?<TWICE>[a-z]{3,8})}
tflags __TPL_TWICE_2 multiple
body __TPL_TWICE_3 /(?<TWICE>[a-z]{3,6})ing\b/
priority __TPL_TWICE_3 7
full __TPL_CHAIN /%{URI}\.(?<CHAIN>[a-z]{3,})/i
body TPL_EARLY /%{URI}/i
priority TPL_EARLY -10001
body TPL_NEVER /%{NOBODY}/
header TPL_NEVER_2 Subject !~ /%{NOBODY}/
meta TPL_NONE !TPL_NEVER && !TPL_NEVER_2
"""


def template_rules():
    tags = ("SUBJECT", "MIME", "BODY", "URI", "RAW", "FULL", "TWICE", "CHAIN")
    heads = {"HEADER": "header {} Subject =~", "NOT": "header {} From !~", "ALL": "header {} ALL =~", "BODY": "body {}", "URI": "uri {}",
             "RAW": "rawbody {}", "FULL": "full {}"}
    lines = [f"{head.format(f'TPL_{kind}_{tag}')} /\\b%{{{tag}}}\\b/i" for kind, head in heads.items() for tag in tags]
    # what a message has from the first, but for what that with which SpamAssassin compiles its rules has, too
    own = ("SENDERDOMAIN", "LASTEXTERNALIP", "LASTEXTERNALHELO", "HEADER(To:addr)", "HEADER(Reply-To:addr)", "HEADER(X-Mailer)", "HEADER()")
    lines += [f"{head.format(f'TPL_{kind}_OWN{i}')} /%{{{tag}}}/i" for kind, head in heads.items() for i, tag in enumerate(own)]
    lines += [f"tflags TPL_{kind}_{tag} multiple" for kind in ("BODY", "RAW", "FULL") for tag in tags]
    lines += [f"priority TPL_{kind}_TWICE {priority}" for kind, priority in (("BODY", 6), ("HEADER", 7), ("URI", 7))]
    return CAPTURING + "\n".join(lines) + "\n"


def with_rules(build, files, rules):
    with tempfile.TemporaryDirectory() as site:
        os.chmod(site, 0o755)
        for path in glob.glob(os.path.join(SITE, "*.pre")):
            shutil.copy(path, site)
        with open(os.path.join(site, "generated.cf"), "w", encoding="ascii") as f:
            f.write(rules)
        os.environ["SPAM_SITE"] = site
        try:
            their = theirs(files, rules.encode())
        finally:
            del os.environ["SPAM_SITE"]
        return list(zip(ours(build, files, site), their))


def run(build, corpus, every=1):
    files = [path for group in GROUPS for path in files_of(corpus, group, every)]
    result = stage("", list(zip(ours(build, files), theirs(files))), corpus)
    rng = seeded(4)
    mutants = []
    for path in rng.sample(files, min(len(files), max(20, MUTANTS // every))):
        with open(path, "rb") as f:
            mutants.append(mutated(f.read(200000), rng))
    mutants = written(os.path.join(CACHE, "message-mutants"), mutants)
    result += stage("-mutated", list(zip(ours(build, mutants), theirs(mutants))), None)
    some = files[::max(1, len(files) // max(40, MUTANTS // every))]
    result += stage("-generated", with_rules(build, some, words_rules(some)), None)
    result += stage("-undecoded", with_rules(build, some, UNDECODED), None)
    result += stage("-templates", with_rules(build, some, template_rules()), None)
    return result
