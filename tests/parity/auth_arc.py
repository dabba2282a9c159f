"""ARC against the public ARC test suite: run(build, corpus) gives the suites arc-validate and arc-sign.

The signing suite fixes a form (tags in alphabetical order, no folds within values), which `unfolded` asks for; what is
compared are the signatures themselves, and the results field."""
import os
import re
import tempfile

import yaml

from auth_dkim import driver, encoded

SUITE = os.path.join("auth-suites", "arc-test-suite", "tests")


def scenarios(corpus, name):
    with open(os.path.join(corpus, SUITE, name), encoding="utf-8") as file:
        return [s for s in yaml.safe_load_all(file) if s]


def validation(build, corpus):
    names, cases, wanted = [], [], []
    for scenario in scenarios(corpus, "arc-draft-validation-tests.yml"):
        for name, test in scenario["tests"].items():
            names.append(name)
            wanted.append((test.get("cv") or "fail").lower())  # "" marks a chain sealed as failed
            cases.append({"op": "arc-verify", "message": encoded(test["message"].encode()), "keys": scenario["txt-records"],
                          "now": 1700000000})
    failures = [f"{name}: {answer.get('result')} ({answer.get('why')}), not {want}"
                for name, want, answer in zip(names, wanted, driver(build, cases)) if answer.get("result") != want]
    return "arc-validate", len(cases) - len(failures), len(cases), failures


def results_of(message, authserv):
    """The payload that the suite's rule makes of the Authentication-Results of that server, and the arc= in it."""
    header = re.sub(r"\r?\n[ \t]+", " ", message.split("\n\n")[0])
    parts = []
    for line in header.split("\n"):
        name, _, value = line.partition(":")
        words = [part.strip() for part in value.split(";")]
        if name.strip().lower() == "authentication-results" and words[0] == authserv:
            parts += [word for word in words[1:] if word]
    found = re.search(r"\barc=(\w+)", " ".join(parts))
    return "; ".join([authserv] + parts), found.group(1) if found else "none"


def value_of(tags, name):
    """A tag's value without white space."""
    found = re.search(rf"(?:^|;)\s*{name}\s*=([^;]*)", tags)
    return re.sub(r"\s", "", found.group(1)) if found else None


def differences(test, answer):
    if not test["AS"].strip():
        return [] if "error" in answer else ["a set was added"]
    if "error" in answer:
        return [answer["error"]]
    found = [f"{what} {tag}= differs" for what, ours in (("AS", "seal"), ("AMS", "signature"))
             for tag in ("a", "b", "bh", "c", "cv", "d", "h", "i", "s", "t")
             if value_of(test[what], tag) != value_of(answer[ours], tag)]
    if " ".join(test["AAR"].split()) != " ".join(answer["results"].split()):
        found.append("AAR differs")
    return found


def signing(build, corpus):
    names, cases, tests = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, scenario in enumerate(scenarios(corpus, "arc-draft-sign-tests.yml")):
            key = os.path.join(folder, f"{number}.pem")
            with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
                file.write(scenario["privatekey"])
            for name, test in scenario["tests"].items():
                payload, cv = results_of(test["message"], test["srv-id"])
                names.append(name)
                tests.append(test)
                cases.append({"op": "arc-seal", "message": encoded(test["message"].encode()), "key": key,
                              "domain": scenario["domain"], "selector": scenario["sel"], "payload": payload, "cv": cv,
                              "now": int(test["t"]), "fields": test["sig-headers"].split(":"), "oversigned": [],
                              "unfolded": True})
        answers = driver(build, cases)
    failures = [f"{name}: {', '.join(found)}" for name, test, answer in zip(names, tests, answers)
                if (found := differences(test, answer))]
    return "arc-sign", len(cases) - len(failures), len(cases), failures


def run(build, corpus):
    return [validation(build, corpus), signing(build, corpus)]
