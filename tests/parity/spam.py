#!/usr/bin/python3
"""The spam engine against SpamAssassin, stage by stage, over the corpus beside the tree (or at $POSTERN_CORPUS).

Each module in MODULES has run(build, corpus, every) -> [(stage, same, total, failures)]: every n-th message of the corpus is looked at.
The goal is that all are the same, which tests/e2e/test_spam_suites.py wants. Arguments: only these modules, without "spam_"."""
import importlib
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# module: every n-th message here, and in the tests; SpamAssassin takes its time
MODULES = {"spam_rules": (1, 1), "spam_pattern": (1, 1), "spam_prefilter": (1, 1), "spam_engine": (20, 45), "spam_uris": (5, 50),
           "spam_evals": (5, 50), "spam_relays": (5, 50), "spam_header_eval": (5, 50),
           "spam_tree": (5, 50), "spam_html": (5, 50), "spam_lists": (20, 120), "spam_message": (1, 60), "spam_net": (10, 150),
           "spam_auth": (1, 6),
           "spam_verdict": (20, 100)}
GOAL = 100  # percent
SHOWN_MAX = 20  # differing cases that are listed, of each stage


def corpus():
    return os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus")))


def main(names):
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
    for module, (every, _) in MODULES.items():
        if names and module.removeprefix("spam_") not in names:
            continue
        for stage, same, total, failures in importlib.import_module(module).run(build, corpus(), every):
            print(f"parity {stage} share={100 * same / max(total, 1):.2f} goal={GOAL} same={same} total={total}", flush=True)
            for failure in failures[:SHOWN_MAX]:
                print(f"  differs: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
