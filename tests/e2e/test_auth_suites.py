"""The suites of others for mail authentication, as `./run parity auth` runs them: all cases must pass."""
import importlib
import os
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "parity"))

BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
CORPUS = os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(ROOT, "..", "shared", "corpus")))
# module -> {suite: cases}, so that a suite that lost its cases is no success
SUITES = {
    "auth_arc": {"arc-validate": 171, "arc-sign": 17},
    "auth_dkim": {"dkim-vectors": 120},
    "auth_spf": {"spf-rfc7208": 203, "spf-pyspf": 14},
}


@pytest.mark.parametrize("name", SUITES)
def test_all_cases_pass(name):
    suites = importlib.import_module(name).run(BUILD, CORPUS)
    if not suites:
        pytest.skip(f"no suites in {CORPUS}")
    failures = [f"{suite} {failure}" for suite, _, _, failed in suites for failure in failed]
    assert not failures, "\n".join(failures)
    assert {suite: passed for suite, passed, _, _ in suites} == SUITES[name]
