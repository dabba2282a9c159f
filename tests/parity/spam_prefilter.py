"""The prefilter: run(build, corpus) gives how many of the rules' patterns it never leaves out where they match; and the same of rough forms,
those that stand for patterns which Hyperscan can't take: of every ROUGH_EVERY-th rule, and of generated patterns."""
import json
import os
import subprocess
import tempfile

from spam_pattern import HERE, Generator, corpus_texts, encoded, lines

ROUGH_EVERY, ROUGH_GENERATED = 6, 250

TYPES = ("head", "body", "uri", "rawbody", "full")


def run(build, corpus, every=1, seed=3):
    rules = lines("perl", os.path.join(HERE, "spam_pattern.pl"), "rules")
    texts = corpus_texts(corpus, seed)
    total, failures = 0, []
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "texts"), "w", encoding="ascii") as file:
            file.write("".join(encoded(text) + "\n" for text in texts))
        for kind in TYPES:
            with open(os.path.join(folder, kind), "w", encoding="ascii") as file:
                file.write("".join(json.dumps(rule) + "\n" for rule in rules if rule["type"] == kind))
            for again in (False, True):  # made, and read back from the cache
                answers = lines(os.path.join(build, "tests", "parity", "spam_prefilter_driver"), os.path.join(folder, kind),
                                os.path.join(folder, "texts"), folder)
                assert answers[-1]["cached"] == again, f"{kind}: cached is {answers[-1]['cached']}"
                total += len(answers) - 1
                failures += [f"{kind} {a['name']}: left out in texts {a['missed'][:5]}" for a in answers[:-1] if a["missed"]]
    return [("spam-prefilter", total - len(failures), total, failures), rough(build, rules[::ROUGH_EVERY], texts, seed)]


def rough(build, rules, texts, seed):
    generator = Generator(seed)
    patterns = rules + [{"name": f"generated{n}", "pattern": encoded(generator.pattern())} for n in range(ROUGH_GENERATED)]
    texts = texts + [text.decode("latin-1").encode("ascii", "ignore") for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("patterns", map(json.dumps, patterns)), ("texts", map(encoded, texts))):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write("".join(line + "\n" for line in content))
        answers = lines(os.path.join(build, "tests", "parity", "spam_prefilter_driver"), os.path.join(folder, "patterns"),
                        os.path.join(folder, "texts"), folder, "rough")
    failures = [f"{a['name']}: left out in texts {a['missed'][:5]}" for a in answers[:-1] if a["missed"]]
    return ("spam-prefilter-rough", len(answers) - 1 - len(failures), len(answers) - 1, failures)
