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


# Mail::DKIM's own expectations where the file's name does not tell: a broken one it calls invalid, a wrong one fail.
FAILS = {"bad_1.txt", "bad_1878954.txt", "bad_ietf01_1.txt", "bad_ietf01_2.txt", "bad_ietf01_3.txt", "badkey2_ed25519.txt",
         "badkey3_ed25519.txt"}


def first_signature(data):
    """The unfolded value of the first DKIM-Signature, or None."""
    header = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    for field in re.split(rb"\r?\n(?![ \t])", header):
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"dkim-signature":
            return re.sub(rb"\r?\n[ \t]+", b" ", value).decode("latin-1")
    return None


def tag(signature, name):
    found = re.search(rf"(?:^|;)\s*{name}\s*=\s*([^;]*?)\s*(?:;|$)", signature)
    return found.group(1) if found else None


def expected(name, signature):
    """What the first signature must get: a set of (result, why or None = any). RFC 6376's version and RFC 8301 come first."""
    if signature is None:
        return {("none", None)}  # DomainKeys, which RFC 6376 ended
    if tag(signature, "v") != "1":
        return {("permerror", "no v=" if tag(signature, "v") is None else "v= is not 1")}
    if tag(signature, "a") == "rsa-sha1" and not name.startswith("ignore_"):
        return {("permerror", "sha1")}
    if name in FAILS:
        return {("fail", None)}
    if name.startswith(("bad", "ignore_")):
        return {("permerror", None), ("temperror", None)}
    return {("pass", None)}


def outcome(answer):
    first = answer["signatures"][0] if answer.get("signatures") else {"result": "none", "why": None}
    return first["result"], first["why"]


def compare(names, wanted, answers):
    """Failures, one line each."""
    failures = []
    for name, want, answer in zip(names, wanted, answers):
        result, why = outcome(answer)
        if not want & {(result, None), (result, why)}:
            failures.append(f"{name}: {result} ({why}), not {' or '.join(w[1] or w[0] for w in sorted(want, key=str))}")
    return failures


def mail_dkim(build, corpus):
    """(names, failures) of Mail::DKIM's messages; without its key records those that need one are left out."""
    folder = os.path.join(corpus, "auth-suites", "mail-dkim", "t")
    dns = os.path.join(folder, "FAKE_DNS.dat")
    records, failing = key_records(dns) if os.path.exists(dns) else ({}, [])
    names, wanted, cases = [], [], []
    for name in sorted(os.listdir(os.path.join(folder, "corpus"))):
        data = read(os.path.join(folder, "corpus", name))
        want = expected(name, first_signature(data))
        if not records and want & {("pass", None), ("fail", None)}:
            continue
        names.append(name)
        wanted.append(want)
        cases.append({"op": "verify", "message": encoded(data), "keys": records, "failing": failing, "now": NOW,
                      "min_rsa_bits": 512})
    return names, compare(names, wanted, driver(build, cases))


def spamassassin(build, corpus):
    """SpamAssassin's messages. Their keys stand in its own DNS zone only; without them the body's hash, which is checked
    before the key is missed, tells good ones (no key record) from those whose body was changed."""
    folder = os.path.join(corpus, "auth-suites", "sa-dkim", "t", "data", "dkim")
    names, wanted, cases = [], [], []
    for name in sorted(os.listdir(folder)):
        if not re.match(r"test-(pass|fail|adsp)-\d+\.msg$", name):
            continue
        data = read(os.path.join(folder, name))
        signature = first_signature(data)
        names.append(name)
        cases.append({"op": "verify", "message": encoded(data), "now": NOW})
        wanted.append({("none", None)} if signature is None else
                      {("permerror", "sha1")} if tag(signature, "a") == "rsa-sha1" else
                      {("permerror", "no key record")} if "pass" in name else {("permerror", None), ("fail", None)})
    return names, compare(names, wanted, driver(build, cases))


def run(build, corpus):
    names, failures = [], []
    for part in (mail_dkim, spamassassin):
        part_names, part_failures = part(build, corpus)
        names += part_names
        failures += part_failures
    return [("dkim-vectors", len(names) - len(failures), len(names), failures)]
