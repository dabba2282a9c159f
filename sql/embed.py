#!/usr/bin/env python3
"""Turns named statements and migrations into a C table.

usage: embed.py OUT.c FILE...   (sql/<set>.sql and sql/migrations/<schema>/NNN-title.<dialect>.sql)

Refuses, with file and line, what would only fail later on an admin's machine: doubled names, a name for one
engine only, two statements under one name, gaps in versions, a step that one engine lacks, and MariaDB steps
that can't be repeated after a crash.
"""
import hashlib
import re
import sys
from pathlib import Path

DIALECTS = ("sqlite", "mariadb")


class Refused(Exception):
    pass


def split(text, where):
    """Splits a script into statements at semicolons outside quotes and comments; comments are dropped."""
    statements, current, at = [], [], 0
    while at < len(text):
        c = text[at]
        if text.startswith("--", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if c in "'\"`":
            end = text.find(c, at + 1)
            if end < 0:
                raise Refused(f"{where}: unterminated {c}")
            current.append(text[at:end + 1])
            at = end + 1
            continue
        if c == ";":
            statements.append("".join(current))
            current = []
        else:
            current.append(c)
        at += 1
    statements.append("".join(current))
    return [" ".join(s.split()) if not re.search(r"['\"`]", s) else s.strip() for s in statements if s.strip()]


def read_statements(path, table):
    """Adds the named statements of one file to table: name -> {dialect: text}."""
    name = dialects = None
    lines = []

    def finish():
        if name is None:
            return
        found = split("\n".join(lines), f"{path}: {name}")
        if len(found) != 1:
            raise Refused(f"{path}: {name}: {len(found)} statements under one name")
        for dialect in dialects:
            if dialect in table.setdefault(name, {}):
                raise Refused(f"{path}: {name} is there twice for {dialect}")
            table[name][dialect] = found[0]

    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        m = re.match(r"--\s*name:\s*(.*)$", line)
        if not m:
            if name is None and line.strip() and not line.startswith("--"):
                raise Refused(f"{path}:{number}: a statement without a name")
            lines.append(line)
            continue
        finish()
        m = re.fullmatch(r"([a-z][a-z0-9_]*)(?:\s+\[(sqlite|mariadb)\])?\s*", m.group(1))
        if not m:
            raise Refused(f"{path}:{number}: want \"-- name: lower_case [sqlite|mariadb]\"")
        name, dialects, lines = m.group(1), (m.group(2),) if m.group(2) else DIALECTS, []
    finish()


def check_repeatable(path, statement):
    if re.match(r"(CREATE|DROP)\b", statement, re.I) and not re.search(r"\bIF (NOT )?EXISTS\b", statement, re.I):
        raise Refused(f"{path}: can't be run again after a crash (IF NOT EXISTS is missing): {statement[:60]}")
    if re.match(r"ALTER\b", statement, re.I) and re.search(r"\bADD\b", statement, re.I) and \
            not re.search(r"\bIF NOT EXISTS\b", statement, re.I):
        raise Refused(f"{path}: can't be run again after a crash (ADD ... IF NOT EXISTS): {statement[:60]}")


def read_migration(path, table):
    """Adds one step to table: (schema, version) -> {"title":, dialect: (checksum, statements)}."""
    m = re.fullmatch(r"(\d{3})-([a-z0-9-]+)\.(sqlite|mariadb)\.sql", path.name)
    if not m:
        raise Refused(f"{path}: want NNN-title.sqlite.sql or NNN-title.mariadb.sql")
    text = path.read_text("utf-8")
    statements = split(text, path)
    if not statements:
        raise Refused(f"{path}: no statement")
    if m.group(3) == "mariadb":
        for statement in statements:
            check_repeatable(path, statement)
    title = m.group(2).replace("-", " ")
    step = table.setdefault((path.parent.name, int(m.group(1))), {"title": title})
    if step["title"] != title:
        raise Refused(f"{path}: its title differs from the other engine's")
    # Over the statements, not the bytes: a corrected comment is no other schema.
    step[m.group(3)] = (hashlib.sha256("\n;\n".join(statements).encode()).hexdigest(), statements)


def check_tables(statements, migrations):
    for name, texts in statements.items():
        for dialect in DIALECTS:
            if dialect not in texts:
                raise Refused(f"{name}: no statement for {dialect}")
    for schema in {s for s, _ in migrations}:
        versions = sorted(v for s, v in migrations if s == schema)
        if versions != list(range(1, len(versions) + 1)):
            raise Refused(f"schema {schema}: versions {versions} have a gap")
    for (schema, version), step in migrations.items():
        for dialect in DIALECTS:
            if dialect not in step:
                raise Refused(f"schema {schema}: step {version} is missing for {dialect}")


def c(text):
    """A C string literal."""
    out = "".join("\\" + x if x in '\\"' else "\\n" if x == "\n" else x if " " <= x <= "~" else
                  "".join("\\%03o" % b for b in x.encode()) for x in text)
    return '"' + out.replace("??", '?""?') + '"'


def write(out, statements, migrations):
    w = ["/* Made by sql/embed.py from sql/; not for editing. */", '#include "lib/base/sql_private.h"', ""]
    w.append("const struct sql_statement sql_statements[] = {")
    for name in sorted(statements, key=lambda n: n.encode()):
        w.append(f"    {{{c(name)}, {{{c(statements[name]['sqlite'])}, {c(statements[name]['mariadb'])}}}}},")
    w += ["};", "const guint sql_n_statements = G_N_ELEMENTS(sql_statements);", ""]
    steps = sorted(migrations.items())
    for (schema, version), step in steps:
        for dialect in DIALECTS:
            w.append(f"static const char *const {schema}_{version}_{dialect}[] = {{")
            w += [f"    {c(s)}," for s in step[dialect][1]] + ["    NULL};"]
    w += ["", "const struct sql_migration sql_migrations[] = {"]
    for (schema, version), step in steps:
        w.append(f"    {{{c(schema)}, {version}, {c(step['title'])}, {{{c(step['sqlite'][0])}, "
                 f"{c(step['mariadb'][0])}}}, {{{schema}_{version}_sqlite, {schema}_{version}_mariadb}}}},")
    w += ["};", "const guint sql_n_migrations = G_N_ELEMENTS(sql_migrations);", ""]
    Path(out).write_text("\n".join(w), "utf-8")


def main(out, *files):
    statements, migrations = {}, {}
    for path in map(Path, files):
        if path.parent.parent.name == "migrations":
            read_migration(path, migrations)
        else:
            read_statements(path, statements)
    check_tables(statements, migrations)
    write(out, statements, migrations)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as e:
        sys.exit(str(e))
