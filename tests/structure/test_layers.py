"""Arrows go one way: lib/base < lib/mail < lib/spam < programs, and programs never include one another."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = {
    "lib/base": ("lib/base",),
    "lib/mail": ("lib/base", "lib/mail"),
    "lib/spam": ("lib/base", "lib/mail", "lib/spam"),
    "milters": ("lib/base", "lib/mail", "lib/spam", "milters"),
    "policyd": ("lib/base", "lib/mail", "policyd"),
    "archive-store/store": ("lib/base", "lib/mail", "archive-store/store"),
    "archive-store/index": ("lib/base", "lib/mail", "archive-store/index"),
    "archive-store/server": ("lib/base", "lib/mail", "archive-store"),
    "cli": ("lib/base", "lib/mail", "lib/spam", "cli"),
    "dovecot-plugins": ("dovecot-plugins",),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def sources(folder):
    return [p for p in (ROOT / folder).rglob("*") if p.suffix in (".c", ".h")]


def test_every_include_points_down():
    wrong = []
    for folder, allowed in LAYERS.items():
        for path in sources(folder):
            for target in INCLUDE.findall(path.read_text()):
                if "/" in target and not any(target.startswith(a + "/") for a in allowed):
                    wrong.append(f"{path.relative_to(ROOT)} includes {target}")
    assert not wrong, "\n".join(wrong)


def test_includes_name_the_path_from_the_root():
    """A bare "x.h" hides which layer it belongs to; only files that the build generates are bare."""
    wrong = [
        f"{path.relative_to(ROOT)} includes {target}"
        for folder in LAYERS
        for path in sources(folder)
        for target in INCLUDE.findall(path.read_text())
        if "/" not in target and (path.parent / target).exists()
    ]
    assert not wrong, "\n".join(wrong)


def test_the_folders_are_there():
    missing = [f for f in (*LAYERS, "sql", "docker", "ops", "docs", "tests/unit", "tests/e2e", "tests/fuzz",
                           "tests/bench", "tests/parity") if not (ROOT / f).is_dir()]
    assert not missing, f"named by the design, absent: {missing}"


def test_all_sql_is_compiled_in():
    listed = (ROOT / "sql/meson.build").read_text()
    missing = [str(p.relative_to(ROOT / "sql")) for p in (ROOT / "sql").rglob("*.sql") if f"'{p.relative_to(ROOT / 'sql')}'" not in listed]
    assert not missing, f"not in sql/meson.build: {missing}"
