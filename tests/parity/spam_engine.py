"""The engine by itself: run(build, corpus) gives SpamAssassin's own texts and eval results to our engine, and compares which rules
hit, how often, and the score. Every EVERY-th message of the corpus, since SpamAssassin takes 0.1 s for one."""
import json
import os
import subprocess
import tempfile

from spam_pattern import GROUPS, HERE

EVERY = 45


def sample(corpus, every):
    files = sorted(os.path.join(folder, name) for group in GROUPS for folder, _, names in os.walk(os.path.join(corpus, group))
                   for name in names)
    return files[every - 1::every]


def difference(our, their):
    ours, theirs = our["hits"], their["hits"]
    parts = [f"{rule} missing" for rule in sorted(set(theirs) - set(ours))] + [f"{rule} extra" for rule in sorted(set(ours) - set(theirs))]
    parts += [f"{rule} {ours[rule]:g} times, not {theirs[rule]:g}" for rule in sorted(set(ours) & set(theirs)) if ours[rule] != theirs[rule]]
    if abs(our["score"] - their["score"]) > 1e-6:
        parts.append(f"score {our['score']:.3f}, not {their['score']:.3f}")
    return ", ".join(parts)


def run(build, corpus, every=EVERY):
    files = sample(corpus, every)
    seen = subprocess.run(["perl", os.path.join(HERE, "spam_engine.pl")], input="\n".join(files).encode() + b"\n", stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True, timeout=1800).stdout
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run([os.path.join(build, "tests", "parity", "spam_engine_driver"), cache], input=seen, stdout=subprocess.PIPE,
                              check=True, timeout=900)
    differing = [(their["file"], difference(json.loads(our), their))
                 for our, their in zip(done.stdout.splitlines(), map(json.loads, seen.splitlines()))]
    failures = [f"{os.path.relpath(name, corpus)}: {what}" for name, what in differing if what]
    return [("spam-engine", len(differing) - len(failures), len(differing), failures)]
