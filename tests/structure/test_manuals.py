"""Manual pages say what the programs do: no option, command or setting without a line in its page, and none too many."""
import functools
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / "docs" / "man"
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
PROGRAMS = {"postern": BUILD / "cli/postern", "postern-milter": BUILD / "milters/postern-milter",
            "postern-archived": BUILD / "archive-store/server/postern-archived", "postern-policyd": BUILD / "policyd/postern-policyd"}
PAGES = {"postern": "postern.1", "postern-milter": "postern-milter.8", "postern-archived": "postern-archived.8",
         "postern-policyd": "postern-policyd.8"}


@functools.lru_cache(maxsize=None)
def help_of(program, *command):
    if not PROGRAMS[program].exists():
        pytest.skip(f"{program} is not built in {BUILD}")
    done = subprocess.run([PROGRAMS[program], *command, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=dict(os.environ, LC_ALL="C.UTF-8"))
    assert done.returncode == 0, done.stderr
    return done.stdout


def help_options(text):
    """'  -c, --config=FILE     text' -> {'-c', '--config'}"""
    found = set()
    for line in text.splitlines():
        match = re.match(r"  (?:(-\w), )?(--[\w-]+)", line)
        if match:
            found |= {option for option in match.groups() if option}
    return found


def page_options(text):
    """'.It Fl c , -config Ns = Ns Ar FILE' -> {'-c', '--config'}"""
    found = set()
    for line in text.splitlines():
        if line.startswith(".It Fl "):
            words = re.sub(r" Ns .*?(?= , |$)", "", line[len(".It Fl "):]).split(" , ")
            found |= {"-" + word.split()[0] for word in words}
    return found


def sections(text, macro):
    """The text after each '.Ss title' (or .Sh) up to the next .Ss or .Sh."""
    parts = re.split(r"^\.(S[sh]) (.*)$", text, flags=re.M)
    return {title: body for kind, title, body in zip(parts[1::3], parts[2::3], parts[3::3]) if kind == macro}


def commands(*prefix):
    """All commands that --help lists, to the leaves."""
    text = help_of("postern", *prefix)
    if "Commands:\n" not in text:
        return [prefix]
    names = re.findall(r"^  ([a-z][\w-]*) ", text.split("Commands:\n")[1].split("\n\n")[0], flags=re.M)
    assert names, text
    return [leaf for name in names for leaf in commands(*prefix, name)]


def page(program):
    return (MAN / PAGES[program]).read_text()


@pytest.mark.parametrize("program", ["postern-milter", "postern-archived"])
def test_options_of_the_daemons(program):
    assert page_options(page(program)) == help_options(help_of(program))


def test_options_before_the_command():
    assert page_options(sections(page("postern"), "Sh")["DESCRIPTION"]) == help_options(help_of("postern"))


def test_every_command_has_its_section():
    pages = {title for title in sections(page("postern"), "Ss") if title.startswith("postern ")}
    assert pages == {" ".join(("postern", *command)) for command in commands()}


def test_options_of_every_command():
    wrong = []
    pages = sections(page("postern"), "Ss")
    for command in commands():
        here = page_options(pages.get(" ".join(("postern", *command)), ""))
        there = help_options(help_of("postern", *command)) - {"-h", "--help"}
        wrong += [f"postern {' '.join(command)}: {option} is not in postern(1)" for option in there - here]
        wrong += [f"postern {' '.join(command)}: {option} is only in postern(1)" for option in here - there]
    assert not wrong, "\n".join(wrong)


def generated(name):
    path = BUILD / "docs" / name
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path.read_text()


def test_every_setting_is_in_the_page():
    sample, text = generated("postern.conf.sample"), generated("postern.conf.5")
    settings = re.findall(r"^(?:    #|#    )(\w+) = ", sample, flags=re.M)
    assert len(settings) > 40
    in_page = re.findall(r"^\.It Ic (\w+) No = ", text, flags=re.M)
    assert in_page == settings
    for section in re.findall(r"^(\w+) \{", sample, flags=re.M):
        assert f"\n.Ss Section {section}\n" in text
    for section in re.findall(r"^#(\w+) example \{", sample, flags=re.M):
        assert f"\n.Ss Section {section} TITLE\n" in text
    # A setting's line of documentation is there, and says more than its name.
    for name, doc in re.findall(r"^\.It Ic (\w+) No = .*\n(.*)", text, flags=re.M):
        assert len(doc) > len(name) and not doc.startswith("."), name


def test_the_sample_is_what_the_command_prints_and_is_valid(tmp_path):
    help_of("postern")
    printed = subprocess.run([PROGRAMS["postern"], "config", "sample"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert printed == generated("postern.conf.sample")
    for text in (printed, re.sub(r"^    #(?=\w+ = )", "    ", printed, flags=re.M)):
        path = tmp_path / "postern.conf"
        path.write_text(text)
        path.chmod(0o640)
        done = subprocess.run([PROGRAMS["postern"], "config", "show", "--changed", str(path)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_settings_of_the_dovecot_plugins():
    """All settings that 2.4 is told of, with their defaults."""
    plugins = ROOT / "dovecot-plugins"
    names = re.findall(r"SETTING\((postern_\w+)\),", (plugins / "postern_settings.c").read_text())
    defaults = re.findall(r'#define PQ_DEFAULT_\w+ "(.*)"', (plugins / "postern_settings.h").read_text())
    page = re.findall(r"^\.It Ic (postern_\w+) No = (?:Pa )?(.*)$", (MAN / "postern_quota.7").read_text(), flags=re.M)
    assert len(names) == 3 and page == list(zip(names, defaults))


@pytest.mark.parametrize("name", ["postern.1", "postern-milter.8", "postern-archived.8", "postern-policyd.8", "postern-signin.7", "postern.conf.5",
                                  "postern_quota.7"])
def test_pages_are_good_mdoc(name, tmp_path):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    path = MAN / name
    if not path.exists():
        path = tmp_path / name
        path.write_text(generated(name))
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.stdout == ""
