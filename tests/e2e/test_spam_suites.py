"""The stages of the spam engine against SpamAssassin, as `./run parity spam` runs them: all must be the same."""
import importlib
import os
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))

from spam import MODULES, corpus  # noqa: E402

# Not the sanitized one, which takes minutes to compile patterns: what it would find is found by the unit tests and fuzzers.
BUILD = os.path.join(ROOT, "build")


@pytest.mark.parametrize("name", MODULES)
def test_all_are_the_same(name):
    if not os.path.isdir(corpus()):
        pytest.skip(f"no corpus at {corpus()} (set POSTERN_CORPUS)")
    stages = importlib.import_module(name).run(BUILD, corpus(), MODULES[name][1])
    assert sum(total for _, _, total, _ in stages) > 10
    for stage, same, total, failures in stages:
        assert same == total, f"{stage}: {same} of {total}\n" + "\n".join(failures[:20])
