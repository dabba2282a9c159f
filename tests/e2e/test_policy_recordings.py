"""The recordings of Postfix's policy protocol say what this system's Postfix says; nothing in them differs from run to run."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from tests.recordings.policy import record
from tests.recordings.policy.sessions import SESSIONS
from tests.recordings.policy.site import Site
from tests.support.policy import recorded, recordings

RECORDINGS = pathlib.Path(record.__file__).parent
VERSIONS = ("3.7", "3.10")


def test_there_is_one_of_each_session():
    for version in VERSIONS:
        assert set(recordings(version)) == set(SESSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_form(version):
    """Every recording is requests in the protocol's form, and nothing else."""
    for name in recordings(version):
        for request in recorded(version, name):
            lines = request.split(b"\n")
            assert lines[0] == b"request=smtpd_access_policy" and lines[-2:] == [b"", b""]
            assert all(b"=" in line and b"\r" not in line and b"\0" not in line for line in lines[:-2]), (name, request)


@pytest.fixture(scope="module")
def site():
    version = record.version()
    if version not in VERSIONS:
        pytest.skip(f"no recordings of Postfix {version}")
    directory = tempfile.mkdtemp(prefix="pr-", dir="/tmp")
    record.same_hosts(directory)
    site = Site(directory)
    yield site
    site.close()
    subprocess.run(["umount", os.path.realpath("/etc/hosts")], check=True)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("name", ("plain", "stages-at-once", "sasl", "starttls-certificate", "quoted-local-part", "xclient"))
def test_postfix_still_says_so(site, name):
    try:
        assert record.record(site, name, False) == (RECORDINGS / record.version() / f"{name}.txt").read_bytes()
    finally:
        site.postfix.stop()
