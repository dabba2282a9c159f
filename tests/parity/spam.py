#!/usr/bin/python3
"""The spam engine against SpamAssassin, stage by stage, over the corpus beside the tree (or at $POSTERN_CORPUS).

Each module in MODULES has run(build, corpus) -> [(stage, same, total, failures)]; a stage's goal is the least share of sameness in
percent, which tests/e2e/test_spam_suites.py holds it to. Stage names as arguments: only these modules' (spam_NAME)."""
import importlib
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = ["spam_rules", "spam_pattern", "spam_prefilter", "spam_engine"]
# stage: (goal in percent, cases at least)
GOALS = {"spam-rules-debian": (100, 50000), "spam-rules-generated": (99.5, 400), "spam-rules-tables": (100, 150),
         "spam-pattern-rules": (100, 1500), "spam-pattern-generated": (99.5, 700), "spam-prefilter": (100, 3000),
         "spam-engine": (100, 200)}
SHOWN_MAX = 20  # differing cases that are listed, of each stage


def corpus():
    return os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus")))


def main(names):
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
    for module in MODULES:
        if names and module.removeprefix("spam_") not in names:
            continue
        for stage, same, total, failures in importlib.import_module(module).run(build, corpus()):
            print(f"parity {stage} share={100 * same / total:.2f} goal={GOALS[stage][0]} same={same} total={total}", flush=True)
            for failure in failures[:SHOWN_MAX]:
                print(f"  differs: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
