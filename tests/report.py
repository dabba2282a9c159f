"""Adds up what the parts of `./run test` found: unit.json (meson's test log), fuzz.json, e2e-1.xml to
e2e-4.xml (pytest's JUnit).

Prints every failure and every skip with its reason, then one last line: N passed, N failed, N skipped. A part that left
no result counts as failed, so that a crash of a runner can't look like success."""
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA = re.compile(r"^\[\s*(OK|FAILED|SKIPPED|ERROR)\s*\] (\w+)", re.MULTILINE)


class Totals:
    def __init__(self):
        self.passed, self.failures, self.skips = 0, [], []


def cmocka_cases(text):
    """Each test case's last state, from cmocka's standard output format."""
    cases = {}
    for state, name in CMOCKA.findall(text):
        if state in ("OK", "SKIPPED") or cases.get(name) is None or state in ("FAILED", "ERROR"):
            cases[name] = state
    return cases


def skip_reason(text, name):
    """What the case printed before cmocka marked it as skipped."""
    match = re.search(r"\[ RUN\s*\] %s\n(.*?)\[\s*SKIPPED\s*\] %s" % (name, name), text, re.DOTALL)
    lines = [line for line in (match.group(1).splitlines() if match else []) if line.strip()]
    return lines[-1].strip() if lines else "no reason printed"


def add_unit(path, totals):
    for line in open(path, encoding="utf-8"):
        test = json.loads(line)
        text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
        name = test["name"].split(" / ")[-1].split(":")[-1]
        cases = cmocka_cases(text)
        for case, state in cases.items():
            if state == "OK":
                totals.passed += 1
            elif state == "SKIPPED":
                totals.skips.append((f"{name}: {case}", skip_reason(text, case)))
            else:
                totals.failures.append((f"{name}: {case}", state.lower()))
        result = test["result"]
        if result == "SKIP" and not cases:
            totals.skips.append((name, (text.strip().splitlines() or ["no reason printed"])[-1]))
        elif result not in ("OK", "SKIP", "EXPECTEDFAIL"):
            if not any(state in ("FAILED", "ERROR") for state in cases.values()):
                totals.failures.append((name, result.lower()))
        elif not cases:
            totals.passed += 1


def add_fuzz(path, totals):
    for result in json.load(open(path)):
        if result["outcome"] == "passed":
            totals.passed += 1
        else:
            totals.failures.append((result["name"], result["text"]))


def add_pytest(path, totals):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '').split('.')[-1]}: {case.get('name')}"
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if bad is not None:
            totals.failures.append((name, (bad.get("message") or "").splitlines()[0][:160] if bad.get("message") else ""))
        elif skipped is not None:
            totals.skips.append((name, skipped.get("message") or ""))
        else:
            totals.passed += 1


def main():
    folder, totals = sys.argv[1], Totals()
    for name, add in (("unit.json", add_unit), ("fuzz.json", add_fuzz), *((f"e2e-{n}.xml", add_pytest) for n in (1, 2, 3, 4))):
        path = os.path.join(folder, name)
        before = totals.passed + len(totals.failures) + len(totals.skips)
        try:
            add(path, totals)
        except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
            totals.failures.append((name, f"no usable result: {error}"))
        if totals.passed + len(totals.failures) + len(totals.skips) == before:
            totals.failures.append((name, "no test ran"))
    for name, reason in totals.skips:
        print(f"skipped: {name}: {reason}")
    for name, reason in totals.failures:
        print(f"FAILED: {name}: {reason}")
    print(f"{totals.passed} passed, {len(totals.failures)} failed, {len(totals.skips)} skipped")
    return 1 if totals.failures else 0


if __name__ == "__main__":
    sys.exit(main())
