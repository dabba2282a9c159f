"""The files in ops/: systemd accepts the units, and alerts name metrics that the programs have."""
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
UNITS = os.path.join(ROOT, "ops", "systemd")


def unit_copies(directory):
    """The units with a program that exists, since verify looks for it."""
    for name in os.listdir(UNITS):
        if name.endswith((".service", ".socket", ".timer", ".path")):
            with open(os.path.join(UNITS, name)) as f:
                text = re.sub(r"^(Exec\w+)=/usr/(?:s?bin|lib/postern)/postern\S*", r"\1=/bin/true", f.read(), flags=re.MULTILINE)
            with open(os.path.join(directory, name), "w") as f:
                f.write(text)
            yield os.path.join(directory, name)


def analyze(*arguments):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(["systemd-analyze", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)


def test_systemd_accepts_the_units(tmp_path):
    units = list(unit_copies(tmp_path))
    assert len(units) == 8
    done = analyze("verify", "--man=no", *units)
    complaints = [line for line in done.stdout.splitlines() if "postern" in line and "Failed to create" not in line]
    assert done.returncode == 0 and not complaints, done.stdout


def test_installation_puts_programs_where_units_and_images_call_them():
    """Under the prefix /usr, as the README says."""
    done = subprocess.run(["meson", "introspect", "--installed", "--buildoptions", BUILD], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE)
    answer = json.loads(done.stdout)
    prefix = next(o["value"] for o in answer["buildoptions"] if o["name"] == "prefix")
    installed = {re.sub(f"^{prefix}/", "/usr/", path) for path in answer["installed"].values()}
    called = set()
    for path in [*(os.path.join(UNITS, name) for name in os.listdir(UNITS)), os.path.join(ROOT, "docker", "postern", "run")]:
        with open(path) as f:
            called.update(name.replace("$1", "milter") for name in re.findall(r"/usr/(?:s?bin|lib/postern)/postern[-a-z]*(?:\$1)?", f.read()))
    assert len(called) == 5 and called <= installed, (called, installed)


@pytest.mark.parametrize("unit", ["postern-milter.service", "postern-archived.service", "postern-policyd.service", "postern-bans.service", "postern-dmarc-report.service"])
def test_the_services_are_confined(unit):
    done = analyze("security", "--offline=true", "--threshold=20", os.path.join(UNITS, unit))
    assert done.returncode == 0, done.stdout[-3000:]


def test_alerts_name_metrics_that_exist():
    with open(os.path.join(ROOT, "ops", "prometheus", "postern-alerts.yml")) as f:
        used = set(re.findall(r"postern_[a-z_]+", " ".join(re.findall(r"expr: (.*)", f.read()))))
    source = ""
    for folder in ("milters", "archive-store", "policyd", "lib"):
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".c"):
                    with open(os.path.join(directory, name), encoding="utf-8") as f:
                        source += f.read()
    assert used and not [name for name in used if f'"{name}"' not in source]
