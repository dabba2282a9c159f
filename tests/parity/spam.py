#!/usr/bin/python3
"""The spam engine against SpamAssassin, stage by stage, over the corpus: spam.py [EVERY], which takes every nth message only.

Each module in MODULES has run(build, corpus, every) -> [(suite name, same, total, differing)]."""
import os
import sys

import spam_header_eval
import spam_relays

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = [spam_relays, spam_header_eval]


def main():
    corpus = os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus")))
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for module in MODULES:
        for name, same, total, differing in module.run(build, corpus, every):
            print(f"parity {name} share={100 * same / max(total, 1):.2f} goal=100 passed={same} total={total}", flush=True)
            for fault in differing:
                print(f"  differs: {fault[:1500]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
