"""SPF against the suites of the RFC's authors: their zone data and cases go through spf_driver.

A suite is a stream of YAML documents, each with `tests` and the `zonedata` they run on (openspf.org's format)."""
import ipaddress
import json
import os
import subprocess

import yaml

TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
# Cases of pyspf's own test.yml that are about its lax and harsh modes and contradict RFC 7208 (section 6: unknown modifiers
# change nothing).
NOT_THE_RFCS = {"default-modifier", "default-modifier-harsh"}


def octets(text):
    return text.encode("ascii" if text.isascii() else "utf-8").hex()


def joined(value):
    return "".join(value) if isinstance(value, list) else str(value)


def records_of(entries):
    """(type, value) pairs as a resolver sees them: SPF records stand for TXT ones where a name has no TXT entry."""
    pairs = [next(iter(entry.items())) for entry in entries if isinstance(entry, dict)]
    has_text = any(kind == "TXT" for kind, _ in pairs)
    for kind, value in pairs:
        if kind == "SPF" and not has_text:
            kind = "TXT"
        if value != "NONE" and kind != "SPF":
            yield kind, value


def data_of(kind, value):
    if kind in ("A", "AAAA"):
        return 0, ipaddress.ip_address(value).packed.hex()
    if kind == "MX":
        return value[0], octets(value[1])
    return 0, octets(joined(value))


def zone_of(zonedata):
    zone = {"records": [], "cnames": [], "fail": []}
    for name, entries in zonedata.items():
        found = list(records_of(entries))
        for kind, value in found:
            if kind == "CNAME":
                zone["cnames"].append([name, value])
            else:
                zone["records"].append([name, TYPES[kind], *data_of(kind, value)])
        if "TIMEOUT" in entries:  # for all that the name's other entries don't answer
            zone["fail"] += [[name, number] for kind, number in TYPES.items() if kind not in {k for k, _ in found}]
    return zone


def cases_of(path):
    """(name, case for the driver, allowed results, expected explanation or None)"""
    with open(path, encoding="utf-8") as f:
        documents = [d for d in yaml.safe_load_all(f) if d and "zonedata" in d]
    for document in documents:
        zone = zone_of(document["zonedata"])
        for name, test in document["tests"].items():
            if name in NOT_THE_RFCS:
                continue
            case = {**zone, "client": ipaddress.ip_address(test["host"]).packed.hex(), "helo": test["helo"],
                    "mail_from": test["mailfrom"], "identity": "mailfrom"}
            allowed = test["result"] if isinstance(test["result"], list) else [test["result"]]
            yield name, case, allowed, test.get("explanation")


def checked(build, cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([os.path.join(build, "tests", "parity", "spf_driver")], input=lines, check=True, text=True,
                          stdout=subprocess.PIPE, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def fault_of(allowed, explanation, result):
    if result["result"] not in allowed:
        return f"{result['result']}, not {' or '.join(allowed)} ({result['why']})"
    expected = None if explanation == "DEFAULT" else explanation
    if explanation is not None and result["explanation"] != expected:
        return f"explanation {result['explanation']!r}, not {expected!r}"
    return None


def run_suite(name, build, path):
    cases = list(cases_of(path))
    results = checked(build, [case for _, case, _, _ in cases])
    assert len(results) == len(cases), f"{name}: {len(results)} results for {len(cases)} cases"
    failures = []
    for (case, _, allowed, explanation), result in zip(cases, results):
        fault = fault_of(allowed, explanation, result)
        if fault:
            failures.append(f"{case}: {fault}")
    return name, len(cases) - len(failures), len(cases), failures


def run(build, corpus):
    """[(suite, passed, total, failures)]; [] where the corpus has no suite."""
    folder = os.path.join(corpus, "auth-suites", "pyspf", "test")
    suites = {"spf-rfc7208": "rfc7208-tests.yml", "spf-pyspf": "test.yml"}
    return [run_suite(name, build, os.path.join(folder, file)) for name, file in suites.items()
            if os.path.exists(os.path.join(folder, file))]
