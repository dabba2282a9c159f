"""DKIM against the signed messages of Mail::DKIM and SpamAssassin: run(build, corpus) gives the suite dkim-vectors.

Mail::DKIM's messages come with their key records (mail-dkim/t/FAKE_DNS.dat beside t/corpus). Many of its keys have 512 bits
and many signatures are rsa-sha1, which RFC 8301 forbids since 2018: what was made with SHA-1 must come out as refused for
that, and as nothing else; keys are let through from 512 bits, so that the signatures themselves are compared."""
import base64
import json
import os
import re
import subprocess

NOW = 1700000000  # after the expired ones, before those that are not to be


def driver(build, cases):
    """The answers of tests/parity/dkim_driver.c to the cases."""
    program = os.path.join(build, "tests", "parity", "dkim_driver")
    done = subprocess.run([program], input=json.dumps(cases).encode(), stdout=subprocess.PIPE, check=True, timeout=300)
    return json.loads(done.stdout)


def encoded(data):
    return base64.b64encode(data).decode()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def key_records(path):
    """(records, names whose lookup fails) of a FAKE_DNS.dat."""
    records, failing = {}, []
    with open(path, encoding="latin-1") as file:
        for line in file:
            line = line.rstrip("\n")
            if not line.strip() or line.lstrip()[0] in "#;":
                continue
            name, value = line.split(None, 1) if len(line.split(None, 1)) == 2 else (line.strip(), "")
            if value.startswith("~~"):
                failing.append(name)
            elif value != "NXDOMAIN":
                records[name] = value
    return records, failing
