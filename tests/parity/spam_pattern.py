"""Patterns: what our matcher finds against what Perl finds, by every pattern of SpamAssassin's rules and by generated ones.

run(build, corpus) gives (stage, same, total, failures): a pattern counts as the same when it finds the same in all texts: as many
matches, the first from and to the same byte."""
import base64
import json
import os
import random
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GROUPS = ("ham", "spam", "zh-ham", "zh-spam", "mime-torture", os.path.join("sieve-imap-suites", "sa-t"))
TEXTS, GENERATED = 250, 2000


def encoded(data):
    return base64.b64encode(data).decode()


def corpus_texts(corpus, seed=1):
    """Pieces of messages, some with their lines joined, some with bytes changed."""
    random_ = random.Random(seed)
    files = sorted(os.path.join(folder, name) for group in GROUPS for folder, _, names in os.walk(os.path.join(corpus, group))
                   for name in names)
    texts = [b"", b"\n", b"a", b"\n\n", b"\xe9\xc9 \xdf\xff\xb5", b"aaaaaaaaaaaaaaaaaaaaaaaa\n", b"x\0y"]
    for path in random_.sample(files, min(TEXTS, len(files))):
        with open(path, "rb") as file:
            parts = file.read(200000).split(b"\n\n")
        for text in random_.sample(parts, min(3, len(parts))):
            text = text[:2000].replace(b"\n", b" ") if random_.random() < .5 else text[:2000]
            if random_.random() < .3:
                text = bytes(b if random_.random() > .05 else random_.randrange(256) for b in text)
            texts.append(text)
    return texts


class Generator:
    """Random patterns of what Perl's language has, over a small alphabet, so that they match now and then."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.groups = 0

    def pick(self, *choices):
        return self.random.choice(choices)

    def atom(self, depth):
        kind = self.random.randrange(12 if depth > 0 else 7)
        if kind < 2:
            return self.pick("a", "e", "t", "1", " ", "\\.", "@", "\\@", "=", "-", "\\-", "#", "%", "\\n", "\\t", "/", "\\/", "\\x{e9}", "\\xe9", "\\N{U+41}",
                             "\\o{101}", "\\101", "\\Q", "\\E", "\\ ", "\\_", "\\x41", "\xe9", "{", "}", "\\{", ",", "~")
        if kind == 2:
            return self.pick("\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "\\b", "\\B", "\\h", "\\v", "\\R", "\\N", ".", "^", "$", "\\A", "\\z", "\\Z")
        if kind < 5:
            inside = "".join(self.pick("a-f", "x", "0-9", "\\w", "\\s", "[", "&", "\\]", "\\xe0-\\xef", ".", "-", "[:alpha:]", "[:^digit:]", "^", "{", "#", " ", "$", "@")
                             for _ in range(self.random.randrange(1, 4)))
            return "[" + self.pick("", "", "^", "]", "^]") + inside.rstrip("-") + "]" if "-[" not in inside and "--" not in inside else "[a-c]"
        if kind == 5:
            return self.pick("the", "http", "You", "\\$", "www\\.")
        if kind == 6:
            return f"\\{self.random.randrange(1, self.groups + 1)}" if self.groups and self.random.random() < .3 else "e"
        if kind == 7:
            self.groups += 1
            return f"({self.alternatives(depth - 1)})"
        if kind == 8:
            return f"(?{self.pick('=', '!')}{self.alternatives(depth - 1)})"
        if kind == 9:
            return f"(?<{self.pick('=', '!')}{self.pick('a', 'ab', 'x', ' ', '[a-z]', 'th|e.')})"
        if kind == 10:
            return f"(?{self.pick('i', 's', 'x', '^', '^i', 'm', 'aa', 'i-s')}:{self.alternatives(depth - 1)})"
        return f"(?{self.pick(':', '>')}{self.alternatives(depth - 1)})"

    def sequence(self, depth):
        text = ""
        for _ in range(self.random.randrange(1, 5)):
            atom = self.atom(depth)
            text += atom
            if self.random.random() < .35 and not atom.startswith(("^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "(?=", "(?!", "(?<")):
                text += self.pick("?", "*", "+", "{2}", "{1,3}", "{,2}", "{ 1, 2 }", "{0,}", "*?", "+?", "{1,2}?", "?+", "++", "{x}", "{ }")
        return text

    def alternatives(self, depth):
        return "|".join(self.sequence(depth) for _ in range(self.pick(1, 1, 1, 2, 3)))

    def pattern(self):
        self.groups = 0
        return (self.pick("", "", "(?i)", "(?is)", "(?m)", "(?x)") + self.alternatives(3)).encode("latin-1")


def lines(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=900)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(build, patterns, texts):
    """(same, total, failures); patterns: as the Perl side prints them. What Perl does not compile is left out."""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("patterns", "texts")]
        for name, content in zip(names, (map(json.dumps, patterns), map(encoded, texts))):
            with open(name, "w", encoding="ascii") as file:
                file.write("".join(line + "\n" for line in content))
        theirs = lines("perl", os.path.join(HERE, "spam_pattern.pl"), "find", *names)
        ours = lines(os.path.join(build, "tests", "parity", "spam_pattern_driver"), *names)
    total, failures = 0, []
    for pattern, their, our in zip(patterns, theirs, ours):
        if "error" in their:
            continue
        total += 1
        if their != our:
            failures.append(f"{pattern['name']} {base64.b64decode(pattern['pattern'])[:200]!r}: {difference(our, their)}")
    return total - len(failures), total, failures


def difference(our, their):
    if "error" in our:
        return our["error"]
    found = [{answer["found"][i]: answer["found"][i + 1:i + 4] for i in range(0, len(answer["found"]), 4)} for answer in (our, their)]
    at = next(i for i in sorted({*found[0], *found[1]}) if found[0].get(i) != found[1].get(i))
    return f"text {at}: ours {found[0].get(at)}, Perl's {found[1].get(at)}"


def run(build, corpus, every=1, seed=1):
    rules = lines("perl", os.path.join(HERE, "spam_pattern.pl"), "rules")
    texts = corpus_texts(corpus, seed) if os.path.isdir(corpus) else [b"http://www.example.com/ the quick brown fox"]
    generator = Generator(seed)
    generated = [{"name": f"generated{n}", "pattern": encoded(generator.pattern())} for n in range(GENERATED)]
    return [("spam-pattern-rules", *compare(build, rules, texts)),
            ("spam-pattern-generated", *compare(build, generated, [text[:300] for text in texts[:150]]))]
