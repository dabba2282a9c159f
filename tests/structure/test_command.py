"""`postern` as an administrator meets it: exit codes, file and line of errors, and what it says about Postfix."""
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTERN = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build")) / "cli/postern"


def run(*arguments, environment=None):
    if not POSTERN.exists():
        pytest.skip(f"{POSTERN} is not built")
    done = subprocess.run([POSTERN, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=dict(os.environ, LC_ALL="C.UTF-8", **(environment or {})))
    return done.returncode, done.stdout, done.stderr


def write(path, text, mode=0o640):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_check_names_every_error(tmp_path):
    good = write(tmp_path / "good.conf", "milter { instance = inbound }\n")
    assert run("config", "check", "--no-postfix", good) == (0, f"{good}: good\n", "")
    assert run("-c", good, "config", "check", "--no-postfix")[0] == 0
    bad = write(tmp_path / "bad.conf", "# a comment\nmilter {\n  instnce = x\n  socket_mode = rw\n}\narchive {\n")
    code, out, err = run("config", "check", "--no-postfix", bad)
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == f'error: {bad}:3: there is no setting "instnce" in section milter; did you mean "instance"?'
    assert f'error: {bad}:6: section "archive" begins here and is never closed; add a "}}"' in err
    assert "2 errors" in err
    # Where the file can be read to its end, wrong values are told beside wrong names.
    write(bad, "milter {\n  instnce = x\n  socket_mode = rw\n}\n")
    assert len(run("config", "check", "--no-postfix", bad)[2].splitlines()) == 3


def test_check_reads_the_signing_keys(tmp_path):
    write(tmp_path / "keys.table", "# ours\none example.test:s1:/nonexistent.pem\n")
    write(tmp_path / "signing.table", "example.test one\n")
    path = write(tmp_path / "c.conf", f'sign {{ source = opendkim\n key_table = "{tmp_path}/keys.table"\n'
                                      f' signing_table = "{tmp_path}/signing.table" }}\n')
    code, _, err = run("config", "check", "--no-postfix", path)
    kind = "error" if os.geteuid() == 0 else "warning"
    assert (code, err.splitlines()[0].startswith(f"{kind}: signing keys: {tmp_path}/keys.table:2: ")) == (int(kind == "error"), True)
    write(path, path.read_text() + "milter { modules = {archive} }\n")
    assert run("config", "check", "--no-postfix", path)[0] == 0


def test_warnings_are_no_errors(tmp_path):
    path = write(tmp_path / "c.conf", "envelope {\n  tag_delivered = yes\n}\n")
    code, out, err = run("config", "check", "--no-postfix", path)
    assert (code, out) == (0, f"{path}: good, with warnings\n")
    assert err.startswith(f"warning: {path}:2: envelope.tag_delivered: ")


def test_wrong_calls(tmp_path):
    assert run("config", "chek")[::2] == (2, 'postern: there is no command "chek"; did you mean "check"?\n')
    assert run()[0] == 2
    assert run("config")[0] == 2
    assert run("config", "check", "--nonsense")[0] == 2
    assert run("config", "check", "a", "b")[0] == 2
    assert run("status", "nobody")[0] == 2
    assert run("--version")[0] == 0
    assert run("help", "config", "check")[0] == 0
    absent = tmp_path / "absent.conf"
    assert run("config", "check", "--no-postfix", absent)[::2] == (
        1, f"error: {absent}: No such file or directory\n{absent}: 1 error; a running daemon keeps the configuration that it has\n")


def test_show_hides_secrets(tmp_path):
    path = write(tmp_path / "c.conf", 'accounts { driver = mariadb database = d user = u password = "hunter2" }\n')
    code, out, _ = run("config", "show", "--changed", path)
    assert code == 0 and "hunter2" not in out
    assert out == 'accounts {\n    driver = mariadb\n    database = "d"\n    user = "u"\n    # password = (hidden)\n}\n'


@pytest.mark.skipif(not (shutil.which("postconf") or os.path.exists("/usr/sbin/postconf")), reason="Postfix is not installed")
@pytest.mark.parametrize("main, master, expected", [
    ("milter_default_action = tempfail", "", None),
    ("milter_default_action = accept", "", "Postfix: milter_default_action = accept: mail passes unarchived"),
    ("smtpd_milters = { unix:a, default_action = accept }", "", "Postfix: smtpd_milters has default_action=accept"),
    ("", "  -o milter_default_action=accept\n", "Postfix: master.cf: smtp/inet/milter_default_action = accept"),
    ("message_size_limit = 0", "", "Postfix: message_size_limit = 0 is more than milter.max_message"),
])
def test_what_postfix_would_do(tmp_path, main, master, expected):
    write(tmp_path / "main.cf", f"compatibility_level = 3.6\n{main}\n", 0o644)
    write(tmp_path / "master.cf", f"smtp inet n - y - - smtpd\n{master}", 0o644)
    conf = write(tmp_path / "postern.conf", "")
    code, _, err = run("config", "check", "--postfix-config", tmp_path, conf)
    assert code == 0
    if expected:
        assert err.startswith(f"warning: {expected}"), err
    else:
        assert err == ""


def test_control_commands(tmp_path):
    """A control socket that answers what it was asked."""
    path = tmp_path / "c"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    asked = []

    def serve():
        for answer in (b"OK\n", b"ERROR c.conf:3: bad\n", b"OK all \xe6\x98\x8e well\x1b[2J\n"):
            connection, _ = server.accept()
            asked.append(connection.recv(100))
            connection.sendall(answer)
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)  # where nothing is built, nobody connects
    thread.start()
    conf = write(tmp_path / "c.conf", f'milter {{ control = "unix:{path}" }}\narchived {{ control = "" }}\n')
    assert run("-c", conf, "reload") == (0, "milter: ok\n", "")
    assert run("-c", conf, "reload", "milter") == (1, "", "postern: milter: c.conf:3: bad\n")
    assert run("-c", conf, "control", "milter", "flush", "now") == (0, "milter: all \u660e well?[2J\n", "")
    thread.join()
    server.close()
    assert asked == [b"reload\n", b"reload\n", b"flush now\n"]
    assert run("-c", conf, "status")[0] == 1
    assert "archived has no control socket" in run("-c", conf, "status", "archived")[2]


def test_a_policy_daemon_that_is_not_in_use_need_not_run(tmp_path):
    """Nor may the socket file of one that ended be in the way."""
    path = tmp_path / "c"
    others = 'milter { control = "" }\narchived { control = "" }\n'
    conf = write(tmp_path / "c.conf", f'{others}policyd {{ control = "unix:{path}" }}\n')
    nobody = (1, "", "postern: no daemon has a control socket in this configuration\n")
    assert run("-c", conf, "reload") == nobody
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    assert run("-c", conf, "reload") == nobody
    assert run("-c", conf, "reload", "policyd")[::2] == (1, f"postern: policyd: can't connect to unix:{path}: Connection refused\n")
    write(conf, f'{others}policyd {{ control = "unix:{path}" checks = {{own}} }}\naccess own {{ }}\n')
    assert "Connection refused" in run("-c", conf, "reload")[2]


def test_rules_check_and_show(tmp_path):
    """Rule files: faults by file and line, those of the files that were named only, and a rule explained."""
    site = tmp_path / "site"
    site.mkdir()
    write(site / "a.pre", "loadplugin Mail::SpamAssassin::Plugin::HTMLEval\n")
    write(site / "local.cf", "header __A Subject =~ /caf\\xe9/i\nbody B eval:nosuch()\nmeta M __A && B\nscore M 1.5\n"
                             "describe M both of them\nnosuch 1\n")
    where = ("--rules", tmp_path / "none", "--site", site)
    code, out, err = run("rules", "check", *where)
    assert (code, out) == (1, "3 rules in 2 files, 1 error\n")
    assert f"error: {site}/local.cf:6: failed to parse line: nosuch 1\n" in err
    assert "warning: B: no loaded plugin has the function nosuch: it never hits\n" in err
    new = write(tmp_path / "new.cf", "body C /(/\nbody D /d/\n")
    code, out, err = run("rules", "check", *where, new)
    assert (code, out) == (1, "4 rules in 3 files, 1 error\n")
    assert f"error: {new}:1: invalid regexp for C '/(/'" in err and "nosuch 1" not in err
    write(new, "body D /d/\n")
    assert run("rules", "check", *where, new)[0] == 0
    assert run("rules", "check", *where, tmp_path / "absent.cf")[0] == 1
    assert run("rules", "check", "--rules", tmp_path / "none", "--site", tmp_path / "none")[0] == 1
    code, out, _ = run("rules", "show", *where, "M")
    assert code == 0
    assert out.splitlines() == ["M", "  describes   both of them", f"  defined     {site}/local.cf:3", "  looks at    meta",
                                "  expression  __A && B",
                                "  scores      1.5 local, 1.5 network, 1.5 local with Bayes, 1.5 network with Bayes",
                                "  priority    0", "  depends on  __A B"]
    assert "  used by     M\n" in run("rules", "show", *where, "__A")[1]
    assert run("rules", "show", *where, "NOSUCH")[::2] == (1, 'postern: there is no rule "NOSUCH"\n')
