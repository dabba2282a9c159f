"""Plugins of SpamAssassin that are not run are told in the manual page."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_manual_names_all_plugins_that_are_not_run():
    table = (ROOT / "lib/spam/rules/plugin_table.c").read_text()
    manual = (ROOT / "docs/man/postern.1").read_text()
    told = manual[manual.index("A plugin that is known but not run"):].split("Their settings")[0]
    lacking = set(re.findall(r'\{"(\w+)", \w+, "', table))
    assert lacking == set(re.findall(r"^(\w+)[,.]?$", told, re.M)) - {"and"}
