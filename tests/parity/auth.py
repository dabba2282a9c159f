#!/usr/bin/python3
"""Mail authentication against the suites of others, found in the corpus beside the tree (or at $POSTERN_CORPUS).

Each module in MODULES has run(build, corpus) -> [(suite name, passed, total, failures)]."""
import os
import sys

import auth_arc
import auth_dkim
import auth_spf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = [auth_spf, auth_arc, auth_dkim]
SHOWN_MAX = 50  # failing cases that are listed, of each suite


def corpus():
    return os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus")))


def main():
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
    suites = [suite for module in MODULES for suite in module.run(build, corpus())]
    if not suites:
        print(f"parity auth: no suites in {corpus()}: skipped")
    for name, passed, total, failures in suites:
        print(f"parity {name} share={100 * passed / total:.2f} goal=100 passed={passed} total={total}")
        for failure in failures[:SHOWN_MAX]:
            print(f"  failed: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
