"""Runs the libFuzzer targets of a build directory.

Each target starts from its seeds (tests/fuzz/seeds/NAME/) and must survive its time; its edge coverage is printed.
With --planted, the same targets from a build with -Dplanted_bugs=true must each find the bug that was compiled in,
which proves that the fuzzer reaches the code it claims to test."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def targets(build):
    folder = os.path.join(build, "tests", "fuzz")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [os.path.join(folder, n) for n in names
            if n.startswith("fuzz_") and os.access(os.path.join(folder, n), os.X_OK) and "." not in n]


def run(program, seconds, corpus):
    """Returns (exit code, edges covered, executions, log)."""
    seeds = os.path.join(HERE, "seeds", os.path.basename(program)[len("fuzz_"):])
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        work = corpus or os.path.join(scratch, "corpus")
        os.makedirs(work, exist_ok=True)
        artifacts = os.path.join(os.path.dirname(corpus) if corpus else scratch, "")
        command = [program, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=65536",
                   f"-artifact_prefix={artifacts}", "-print_final_stats=1", work]
        if os.path.isdir(seeds):
            command.append(seeds)
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1",
                           UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1", G_SLICE="always-malloc", G_DEBUG="fatal-criticals")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment, timeout=seconds + 300)
        log = done.stdout.decode("utf-8", "replace")
    edges = [int(n) for n in re.findall(r"\bcov: (\d+)", log)]
    executions = re.search(r"stat::number_of_executed_units: (\d+)", log)
    return done.returncode, max(edges, default=0), int(executions.group(1)) if executions else 0, log


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("build")
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--planted", help="build directory with the planted bugs")
    arguments.add_argument("--keep", help="folder that keeps the corpora and crashes between runs")
    arguments.add_argument("--results", help="JSON file for tests/report.py")
    options = arguments.parse_args()
    results = []

    def note(name, outcome, text):
        results.append({"name": name, "outcome": outcome, "text": text})
        print(f"{outcome:7} {name}: {text}", flush=True)

    for program in targets(options.build):
        name = os.path.basename(program)
        corpus = os.path.join(options.keep, name, "corpus") if options.keep else None
        code, edges, executions, log = run(program, options.seconds, corpus)
        if code == 0 and edges > 0 and executions > 0:
            note(name, "passed", f"{edges} edges covered, {executions} inputs in {options.seconds} s")
        else:
            print(log[-6000:])
            note(name, "failed", f"exit {code}, {edges} edges covered, {executions} inputs")
    planted = targets(options.planted) if options.planted else []
    for program in planted:
        name = os.path.basename(program) + " finds its planted bug"
        start = time.monotonic()
        code, _, executions, log = run(program, 60, None)
        found = re.search(r"ERROR: (?:AddressSanitizer|libFuzzer): [^\n]*|runtime error: [^\n]*|ERROR \*\*: [^\n]*", log)
        if code != 0 and found:
            note(name, "passed", f"after {time.monotonic() - start:.1f} s: {found.group(0)[:90]}")
        else:
            note(name, "failed", f"not found in {executions} inputs")
    if not results:
        note("fuzz targets", "failed", f"there are none in {options.build}")
    if options.results:
        with open(options.results, "w") as out:
            json.dump(results, out)
    return 1 if any(r["outcome"] == "failed" for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
