"""`postern db`: the catalogue's tables are made, checked and brought up to date, and the messages say what to run."""
import os
import sqlite3
import subprocess

from support.postern import program


def run(configuration, *arguments):
    return subprocess.run([program("postern"), "-c", configuration, "db", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def configure(tmp_path, user=""):
    configuration = tmp_path / "postern.conf"
    configuration.write_text(f'archived {{ dir = "{tmp_path}" user = "{user}" }}\n')
    return str(configuration)


def test_init_makes_what_check_wants(tmp_path):
    configuration = configure(tmp_path)
    missing = run(configuration, "check")
    assert missing.returncode == 1 and "postern db init" in missing.stderr
    assert not os.path.exists(tmp_path / "catalogue.db"), "a check must not make anything"
    made = run(configuration, "init")
    assert made.returncode == 0 and "applied" in made.stdout, made
    assert run(configuration, "check").returncode == 0
    again = run(configuration, "init")
    assert again.returncode == 0 and "up to date" in again.stdout, again


def test_migrate_applies_what_is_missing_and_refuses_what_is_newer(tmp_path):
    configuration = configure(tmp_path)
    database = str(tmp_path / "catalogue.db")
    assert run(configuration, "migrate").returncode == 1, "migrate does not make a database"
    sqlite3.connect(database).close()
    assert run(configuration, "check").returncode == 1
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA journal_mode=wal")
    assert run(configuration, "migrate").returncode == 0
    assert run(configuration, "check").returncode == 0
    with sqlite3.connect(database) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(postern_schema)")]
        row = list(db.execute("SELECT * FROM postern_schema").fetchone())
        row[columns.index("version")] = 999
        db.execute(f"INSERT INTO postern_schema VALUES ({', '.join('?' * len(row))})", row)
    newer = run(configuration, "migrate")
    assert newer.returncode == 1 and "newer" in newer.stderr, newer


def test_what_root_makes_belongs_to_the_daemon(tmp_path):
    configuration = configure(tmp_path, "daemon")
    assert run(configuration, "init").returncode == 0
    assert os.stat(tmp_path / "catalogue.db").st_uid == 1
    nobody_there = run(configure(tmp_path, "no-such-user"), "init")
    assert nobody_there.returncode == 1 and "no-such-user" in nobody_there.stderr
