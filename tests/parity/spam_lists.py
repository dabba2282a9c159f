"""Stage "lists": rules of the plugins that compare a message with lists and patterns (WLBLEval, WelcomeListSubject, FreeMail, VBounce,
MIMEHeader, URIDetail and others), under configurations that use each setting: which rules hit, and how often, against SpamAssassin's own
scanner. Both sides read the same configuration and the same message.

POSTERN_PARITY_HITS tells rules that never hit."""
import collections
import hashlib
import json
import os
import subprocess

import spam_lists_cases as cases
import spam_oracle as oracle

TLDS = "/usr/share/spamassassin/20_aux_tlds.cf"
SHOWN = 12
GENERATED = 3000


def folders(name, text):
    """(rules, site): folders with the configuration; @SITE@ in it is the second."""
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    top = os.path.join(oracle.CACHE, f"lists-{name}-{key}")
    rules, site = os.path.join(top, "rules"), os.path.join(top, "site")
    for folder in (rules, site):
        os.makedirs(folder, exist_ok=True)
    if not os.path.exists(os.path.join(rules, "20_aux_tlds.cf")):
        os.symlink(TLDS, os.path.join(rules, "20_aux_tlds.cf"))
    for path, content in ((os.path.join(site, "init.pre"), cases.PLUGINS), (os.path.join(site, "local.cf"), text.replace("@SITE@", site))):
        with open(path, "w") as f:
            f.write(content)
    for path, content in cases.FEEDS.items():
        with open(os.path.join(site, path), "w") as f:
            f.write(content)
    return rules, site


def hits_of(command, files):
    done = subprocess.run(command, input="".join(f + "\n" for f in files).encode(), stdout=subprocess.PIPE,
                          stderr=None if os.environ.get("SHOW_WARNINGS") else subprocess.DEVNULL, check=True)
    return {line["file"]: line["hits"] for line in map(json.loads, done.stdout.splitlines())}


def asked(name, text, rules, site, files):
    """SpamAssassin's hits, from the cache where nothing has changed."""
    script = os.path.join(oracle.HERE, "spam_lists.pl")
    key = hashlib.sha256((text + cases.PLUGINS + repr(cases.FEEDS)).encode())
    for path in (script, *files):
        with open(path, "rb") as f:
            key.update(f.read())
        key.update(path.encode())
    kept = os.path.join(oracle.CACHE, f"lists-{name}-{key.hexdigest()[:32]}.json")
    if not os.path.exists(kept):
        found = hits_of(["nice", "perl", "-T", script, rules, site], files)
        with open(f"{kept}.{os.getpid()}", "w") as f:
            json.dump(found, f)
        os.rename(f.name, kept)
    with open(kept) as f:
        return json.load(f)


def compared(build, name, text, files, seen):
    rules, site = folders(name, text)
    theirs = asked(name, text, rules, site, files)
    ours = hits_of([os.path.join(build, "tests", "parity", "spam_message_driver"), "", site, rules], files)
    same, differing = 0, []
    for path in files:
        one, other = theirs[path], ours[path]
        seen.update(one.keys())
        if one == other:
            same += 1
            continue
        faults = [f"{rule}: ours {other.get(rule, 0):g}, theirs {one.get(rule, 0):g}" for rule in sorted({*one, *other})
                  if one.get(rule) != other.get(rule)]
        differing.append(f"{path} ({name}): {'; '.join(faults[:6])}")
    return same, differing


def mutants(corpus, every, rng):
    for group in oracle.GROUPS:
        for path in oracle.files_of(corpus, group, 10 * every):
            with open(path, "rb") as f:
                yield oracle.mutated(f.read(65536), rng)


def run(build, corpus, every=1):
    """[(stage, same, total, differing)]"""
    if not os.path.exists(TLDS):
        return []
    os.makedirs(oracle.CACHE, mode=0o700, exist_ok=True)
    rng = oracle.seeded(5)
    made = oracle.written(os.path.join(oracle.CACHE, "lists-generated"), [cases.message(rng) for _ in range(GENERATED // every)])
    spoilt = oracle.written(os.path.join(oracle.CACHE, "lists-generated"), mutants(corpus, every, rng))
    groups = [(group, oracle.files_of(corpus, group, every)) for group in oracle.GROUPS] if os.path.isdir(corpus) else []
    groups += [("generated", made), ("mutated", spoilt if os.path.isdir(corpus) else [])]
    seen, results = collections.Counter(), []
    for group, files in groups:
        total, same, differing = 0, 0, []
        for name, text in cases.CONFIGURATIONS.items():
            equal, faults = compared(build, name, text, files, seen)
            total, same = total + len(files), same + equal
            differing += faults
        results.append((f"spam-lists-{group}", same, total, differing[:SHOWN]))
    if os.environ.get("POSTERN_PARITY_HITS"):
        print("never hit:", *sorted(set(cases.rules()) - set(seen)))
    return results


if __name__ == "__main__":
    import sys

    for stage, same, total, differing in run(os.path.abspath(os.environ.get("POSTERN_BUILD", "build")), os.path.abspath(
            os.environ.get("POSTERN_CORPUS", "../shared/corpus")), int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(f"{stage}: {same}/{total}")
        for fault in differing:
            print("  ", fault)
