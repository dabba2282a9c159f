"""The stages of the spam engine against SpamAssassin, as `./run parity spam` runs them: none may fall below its goal."""
import importlib
import os
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))

from spam import MODULES, corpus, goal  # noqa: E402

# Not the sanitized one, which takes minutes to compile patterns: what it would find is found by the unit tests and fuzzers.
BUILD = os.path.join(ROOT, "build")


@pytest.mark.parametrize("name", MODULES)
def test_no_stage_is_below_its_goal(name):
    if not os.path.isdir(corpus()):
        pytest.skip(f"no corpus at {corpus()} (set POSTERN_CORPUS)")
    stages = importlib.import_module(name).run(BUILD, corpus(), MODULES[name][1])
    assert sum(total for _, _, total, _ in stages) > 10
    for stage, same, total, failures in stages:
        if total == 0:  # a sample of a group can be without HTML
            continue
        assert 100 * same / total >= goal(stage), f"{stage}: {same} of {total}\n" + "\n".join(failures[:20])
