"""`postern rules`: messages judged on the command line, with reasons; patterns compiled for the milter beforehand."""
import os
import pathlib
import shutil
import subprocess

import pytest

from support.postern import program

RULES = r"""
loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::HTMLEval
required_score 3
body PILLS /cheap (?<WHAT>pills|watches)/i
describe PILLS Offers something
score PILLS 2.5
header TO_ME To =~ /me@/
score TO_ME -0.5
header __SUBJECT exists:Subject
meta BOTH __SUBJECT && PILLS
score BOTH 1
body AGAIN /buy now/
tflags AGAIN multiple
score AGAIN 0.25
body HTML eval:html_tag_exists('b')
score HTML 0.1
header CR Subject =~ /a/ [if-unset: a]
score CR 0
"""
LETTER = b"From: x@example.test\nTo: me@example.test\nSubject: offer\n\nCheap watches, buy now, buy now\x1b[31m!\n"


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "none").mkdir()
    (folder / "test.cf").write_text(RULES)
    return folder


def run(*arguments, data=None, config=None):
    done = subprocess.run([program("postern"), *(["-c", str(config)] if config else []), "rules", *map(str, arguments)],
                          input=data if data is not None else b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def chosen(rules):
    return [f"--rules={rules}", f"--site={rules / 'none'}", f"--cache={rules / 'cache'}"]


def test_hits_and_reasons(rules, tmp_path):
    path = tmp_path / "letter.eml"
    path.write_bytes(LETTER)
    status, out, err = run("test", *chosen(rules), path)
    assert status == 0 and not err
    lines = out.splitlines()
    assert lines[0] == f"{path}: 3.5 of 3.0 points, spam"
    assert [line.split()[:2] for line in lines[1:]] == [["2.5", "PILLS"], ["1.0", "BOTH"], ["0.5", "AGAIN"], ["-0.5", "TO_ME"]]
    assert "Offers something" in lines[1] and lines[3].endswith("(2 times)")
    status, out, _ = run("test", *chosen(rules), "--why", "--all", "-", data=LETTER)
    why = dict(zip([line.split()[1] if line.split()[0][-1].isdigit() else line.split()[0] for line in out.splitlines()[1::2]],
                   [line.split("|", 1)[1].strip() for line in out.splitlines()[2::2]]))
    assert why == {"PILLS": '"Cheap watches"', "BOTH": "__SUBJECT PILLS", "AGAIN": '"buy now"', "TO_ME": 'To: "me@"',
                   "__SUBJECT": 'Subject: "offer"'}
    assert "\x1b" not in out


def test_what_can_not_be_read(rules, tmp_path):
    status, out, err = run("test", *chosen(rules), tmp_path / "nothing", "-", data=LETTER)
    assert status == 1 and "nothing: No such file" in err and "-: 3.5 of 3.0 points" in out
    status, _, err = run("test", f"--rules={tmp_path / 'no-rules'}", f"--site={tmp_path / 'no-rules'}", "-", data=LETTER)
    assert status == 1 and str(tmp_path / "no-rules") in err
    assert run("test")[0] == 2


def test_patterns_are_compiled_beforehand(rules, milter):
    rules = shutil.copytree(rules, pathlib.Path(milter.directory, "rules"))  # where the milter's user may read
    cache, site = pathlib.Path(milter.directory, "cache"), rules / "none"
    for folder in (rules, site):
        os.chmod(folder, 0o755)
    milter.archive.start()
    milter.write(milter={"modules": "{spam, archive}"}, spam={"rules": str(rules), "site": str(site), "cache": str(cache), "network": "no"})
    status, out, err = run("compile", config=milter.config)
    assert status == 0 and str(cache) in out and list(cache.iterdir()), err
    assert {path.owner() for path in (cache, *cache.iterdir())} == {"nobody"}  # the milter's user
    stale, used = cache / f"patterns-{'0' * 64}.hs", next(cache.iterdir())
    stale.write_text("")
    for path in (stale, used):
        os.utime(path, (1, 1))
    status, out, _ = run("compile", config=milter.config)
    assert status == 0 and not stale.exists() and used.exists() and "files removed that nobody has used for a month: 1" in out
    milter.start()
    assert "rules from 1 files" in milter.log() and "compiled meanwhile" not in milter.log()
    (rules / "test.cf").write_text(RULES + "body MORE /more/\nscore MORE 1\n")
    assert milter.command("reload")[0]
    assert milter.log().count("compiled meanwhile") == 1


def test_a_cache_that_can_not_be_written(rules, milter):
    blocker = pathlib.Path(milter.directory, "file")
    blocker.write_text("")
    milter.write(spam={"rules": str(rules), "site": str(rules / "none"), "cache": str(blocker / "cache")})
    status, _, err = run("compile", config=milter.config)
    assert status == 1 and str(blocker / "cache") in err and "runuser" in err
