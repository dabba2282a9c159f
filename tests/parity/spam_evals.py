#!/usr/bin/python3
"""Eval functions on URIs, texts, MIME parts and images: ours against SpamAssassin's, over the corpus and mutations of it.

Each message counts once in each of the groups of functions; it is the same when all results and facts of the group are.
Alone: spam_evals.py [EVERY]."""
import collections
import json
import os
import subprocess
import sys

import spam_uris

GROUP_OF = {"URIEval": "uri-eval", "URIDetail": "uri-eval", "HTTPSMismatch": "uri-eval", "BodyEval": "body-eval", "MIMEEval": "mime-eval",
            "ImageInfo": "image-eval"}
FACTS_OF = {"madiff": "body-eval", "madiff_html": "body-eval", "madiff_text": "body-eval", "stock_info": "body-eval", "tvd_vertical_words": "body-eval",
            "pc_gif": "image-eval", "pc_png": "image-eval", "pc_jpeg": "image-eval", "count_all": "image-eval"}


def is_close(one, other):
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= 1e-9 * max(abs(one), abs(other))
    return one == other


def differences(theirs, ours):
    """group -> texts on what differs"""
    out = collections.defaultdict(list)
    for call, group, one, other in zip(theirs["calls"], theirs["groups"], theirs["results"], ours["results"]):
        if one != other:
            out[GROUP_OF[group]].append(f"{' '.join(call)}: theirs {one} ours {other}")
    for name, value in theirs["facts"].items():
        if not is_close(value, ours["facts"][name]):
            out[FACTS_OF.get(name, "mime-eval")].append(f"{name}: theirs {value} ours {ours['facts'][name]}")
    return out


def compared(build, name, paths):
    """[(stage, same, total, failures)], a stage for each group of functions"""
    folder = spam_uris.settings()
    asked = spam_uris.oracle("spam_evals.pl", folder, paths, name)
    driver = os.path.join(build, "tests", "parity", "spam_evals_driver")
    done = subprocess.run([driver, os.path.join(folder, "20_aux_tlds.cf"), os.path.join(folder, "patterns.txt")], input=asked,
                          stdout=subprocess.PIPE, check=True)
    lines, answers = asked.splitlines(), done.stdout.splitlines()
    assert len(lines) == len(answers) == len(paths), f"{name}: {len(paths)} files, {len(lines)} lines, {len(answers)} answers"
    failures, hits = collections.defaultdict(list), collections.Counter()
    for line, answer in zip(lines, answers):
        theirs = json.loads(line)
        for call, hit in zip(theirs["calls"], theirs["results"]):
            hits[" ".join(call)] += hit
        for group, texts in differences(theirs, json.loads(answer)).items():
            failures[group].append(f"{theirs['path']}: {'; '.join(texts[:4])}")
    if os.environ.get("SHOW_HITS"):
        print(name, dict(hits))
    return [(f"spam-{group}-{name}", len(paths) - len(failures[group]), len(paths), failures[group])
            for group in sorted(set(GROUP_OF.values()))]


def run(build, corpus, every=1):
    """[(stage, same, total, differing files)]; [] where there is no SpamAssassin or no corpus."""
    if not os.path.isdir(spam_uris.RULES) or not os.path.isdir(corpus):
        return []
    os.makedirs(spam_uris.CACHE, exist_ok=True)
    groups = [(group, spam_uris.messages(corpus, group, every)) for group in spam_uris.GROUPS if os.path.isdir(os.path.join(corpus, group))]
    groups += [("mutated", spam_uris.mutated(corpus, every)), ("generated", spam_uris.generated(every)[1])]
    return [result for name, paths in groups for result in compared(build, name, paths)]


if __name__ == "__main__":
    spam_uris.report(run)
