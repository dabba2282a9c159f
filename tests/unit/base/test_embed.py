"""sql/embed.py refuses what would only fail on an admin's machine, and splits SQL rightly.

usage: test_embed.py PATH_OF_EMBED_PY
"""
import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

spec = importlib.util.spec_from_file_location("embed", sys.argv.pop(1))
embed = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(embed)

SQLITE = "CREATE TABLE t (id INT);"
MARIADB = "CREATE TABLE IF NOT EXISTS t (id INT);"


class Embed(unittest.TestCase):
    def run_embed(self, files):
        """Writes files (name -> text) and embeds them; the C text."""
        with tempfile.TemporaryDirectory() as d:
            paths = []
            for name, text in files.items():
                path = Path(d) / "sql" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
                paths.append(str(path))
            embed.main(d + "/out.c", *paths)
            return Path(d, "out.c").read_text("utf-8")

    def refused(self, why, files):
        with self.assertRaisesRegex(embed.Refused, why):
            self.run_embed(files)

    def test_statements(self):
        c = self.run_embed({"a.sql": "-- A note.\n\n-- name: two\nSELECT 'a;b -- \"', \"x\"; -- end\n"
                                     "-- name: one [sqlite]\nSELECT 1\n-- name: one [mariadb]\nSELECT\n  2 -- 陳\n"})
        self.assertIn('{"one", {"SELECT 1", "SELECT 2"}}', c)
        self.assertIn('{"two", {"SELECT \'a;b -- \\"\', \\"x\\"", "SELECT \'a;b -- \\"\', \\"x\\""}}', c)
        self.assertLess(c.index('"one"'), c.index('"two"'))

    def test_bytes(self):
        self.assertEqual(embed.c('a"\\\n陳??/'), '"a\\"\\\\\\n\\351\\231\\263?""?/"')

    def test_refused_statements(self):
        self.refused("twice", {"a.sql": "-- name: x\nSELECT 1", "b.sql": "-- name: x\nSELECT 2"})
        self.refused("twice", {"a.sql": "-- name: x\nSELECT 1\n-- name: x [sqlite]\nSELECT 2"})
        self.refused("no statement for mariadb", {"a.sql": "-- name: x [sqlite]\nSELECT 1"})
        self.refused("2 statements", {"a.sql": "-- name: x\nSELECT 1; DROP TABLE t"})
        self.refused("0 statements", {"a.sql": "-- name: x\n-- name: y\nSELECT 1"})
        self.refused("without a name", {"a.sql": "SELECT 1"})
        self.refused("want", {"a.sql": "-- name: x [postgres]\nSELECT 1"})
        self.refused("unterminated", {"a.sql": "-- name: x\nSELECT 'a"})

    def migrations(self, **more):
        files = {"migrations/s/001-first.sqlite.sql": SQLITE, "migrations/s/001-first.mariadb.sql": MARIADB}
        files.update({"migrations/s/" + k: v for k, v in more.items()})
        return files

    def test_migrations(self):
        c = self.run_embed(self.migrations())
        self.assertIn('{"s", 1, "first", {"', c)
        # A comment is no other schema.
        files = self.migrations()
        files["migrations/s/001-first.sqlite.sql"] = "-- said better\n" + SQLITE
        self.assertEqual(c, self.run_embed(files))

    def test_refused_migrations(self):
        self.refused("missing for mariadb", {"migrations/s/001-first.sqlite.sql": SQLITE})
        self.refused("gap", self.migrations(**{"003-third.sqlite.sql": SQLITE, "003-third.mariadb.sql": MARIADB}))
        self.refused("title differs", self.migrations(**{"001-other.mariadb.sql": MARIADB}))
        self.refused("can't be run again", {"migrations/s/001-first.mariadb.sql": SQLITE})
        self.refused("can't be run again", {"migrations/s/001-first.mariadb.sql": "ALTER TABLE t ADD COLUMN x INT;"})
        self.refused("want NNN", {"migrations/s/first.sqlite.sql": SQLITE})
        self.refused("no statement", {"migrations/s/001-first.sqlite.sql": "-- nothing"})


if __name__ == "__main__":
    unittest.main()
