"""SpamAssassin's rule language against lib/spam/rules: run(build, corpus) gives the stages

  rules-debian      every rule, score, flag, description and setting of Debian's rule set, network off and on
  rules-generated   small configurations that exercise each directive, conditions, quoting and bad lines; then seeded mutations
  rules-tables      what SpamAssassin's core and plugins register

The oracle is spam_rules.pl; its answers are kept under the build directory, by the hash of the script and its input."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ORACLE = os.path.join(HERE, "spam_rules.pl")
CASES = os.path.join(HERE, "spam_rules_cases.txt")
SHOWN_MAX = 12
MUTANTS = int(os.environ.get("POSTERN_RULE_MUTANTS", "400"))


def lines_of(command, text):
    done = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=1200,
                          env=dict(os.environ, LC_ALL="C", LANG="C", ASAN_OPTIONS="detect_leaks=0"))
    return [json.loads(line.decode("latin-1")) for line in done.stdout.split(b"\n") if line]


def oracle(build, text, key, *arguments):
    """The oracle's answers; key stands for all that they depend on besides the script."""
    with open(ORACLE, "rb") as file:
        name = hashlib.sha256(file.read() + key).hexdigest()[:32]
    path = os.path.join(build, "parity-cache", f"spam_rules-{name}.json")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        answers = lines_of(["perl", ORACLE, *arguments], text)
        with open(path + ".new", "w") as file:
            json.dump(answers, file)
        os.replace(path + ".new", path)
    with open(path) as file:
        return json.load(file)


def ours(build, text, *arguments):
    program = os.path.join(build, "tests", "parity", "spam_rules_driver")
    done = subprocess.run([program, *arguments], input=text.encode(), stdout=subprocess.PIPE, timeout=1200,
                          env=dict(os.environ, LC_ALL="C", ASAN_OPTIONS="detect_leaks=0"))
    if done.returncode != 0:
        raise RuntimeError(f"spam_rules_driver: exit {done.returncode}")
    return [json.loads(line) for line in done.stdout.split(b"\n") if line]


def short(value):
    text = json.dumps(value, sort_keys=True)
    return text if len(text) < 160 else text[:157] + "..."


def differences(path, theirs, mine):
    """(items compared, [lines that say what differs])."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        count, found = 0, []
        for key in sorted(set(theirs) | set(mine)):
            if key not in theirs or key not in mine:
                count += 1
                found.append(f"{path}/{key}: {'only here: ' + short(mine[key]) if key in mine else 'only there: ' + short(theirs[key])}")
                continue
            c, f = differences(f"{path}/{key}", theirs[key], mine[key])
            count += c
            found += f
        return max(count, 1), found
    return 1, [] if theirs == mine else [f"{path}: there {short(theirs)}, here {short(mine)}"]


# Settings that are only there once something gave them a value.
def comparable(made):
    made = dict(made)
    for rule in made.get("rules", {}).values():
        if (rule.get("pattern") or "").startswith("(?aa)"):
            rule["pattern"] = rule["pattern"][5:]
    made.pop("diagnostics", None)
    settings = dict(made.get("settings", {}))
    for key in list(settings):
        if settings[key] in (None, {}, []):
            del settings[key]
    for key in ("freemail_domains", "freemail_welcomelist", "bayes_stopword", "hashbl_acl", "geodb", "by_zone",
                "urilocalbl", "dns_local_ports", "fns_addrlists", "replace_rules", "hashbl_email_regex", "hashbl_email_welcomelist",
                "asnlookups_ipv6", "spamcop_relayport", "geodb_search_path", "extracttext_timeout_total", "extracttext_use",
                "extracttext_external"):
        settings.pop(key, None)
    made["settings"] = settings
    return made


def both(theirs, mine):
    """What can be compared. Debian 13's SpamAssassin has no feed of phishstats.info any more, which serves none."""
    theirs, mine = comparable(theirs), comparable(mine)
    if "phishing_phishstats_minscore" not in theirs["settings"]:
        mine["settings"].pop("phishing_phishstats_minscore", None)
    return theirs, mine


def debian(build):
    if not os.path.isdir("/usr/share/spamassassin"):
        return []
    text = "".join(f"/usr/share/spamassassin\t/etc/spamassassin\t{net}\n" for net in ("local", "net"))
    key = hashlib.sha256()
    for folder in ("/usr/share/spamassassin", "/etc/spamassassin"):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    key.update(name.encode() + file.read())
    theirs, mine = oracle(build, text, key.digest()), ours(build, text)
    total, found = 0, []
    for net, there, here in zip(("local", "net"), theirs, mine):
        count, lines = differences(net, *both(there, here))
        total += count
        found += lines
    return [("spam-rules-debian", total - len(found), total, found[:SHOWN_MAX])]


def cases():
    """[(name, files)]: files maps names of the site directory to bytes. A case begins with "==== name", a file within it with
    "---- name"; what stands before the first is local.cf."""
    made, files, name = [], None, None
    with open(CASES, "rb") as file:
        for line in file.read().split(b"\n"):
            if line.startswith(b"==== "):
                files, name = {"local.cf": b""}, "local.cf"
                made.append((line[5:].decode(), files))
            elif line.startswith(b"---- "):
                name = line[5:].decode()
                files[name] = b""
            elif files is not None:
                files[name] += line + b"\n"
    return made


PLUGINS = ("URIDNSBL SPF Pyzor Razor2 SpamCop AutoLearnThreshold WelcomeListSubject MIMEHeader ReplaceTags DKIM Check HTTPSMismatch "
           "URIDetail Bayes BodyEval DNSEval HTMLEval HeaderEval MIMEEval RelayEval URIEval WLBLEval VBounce ImageInfo FreeMail AskDNS "
           "HashBL DMARC").split()
PRE = "".join(f"loadplugin Mail::SpamAssassin::Plugin::{name}\n" for name in PLUGINS).encode()
NOISE = [b"(", b")", b"/", b"#", b"\\", b"{", b"}", b"[", b"'", b'"', b" ", b"\t", b"!", b"~", b"=", b"*", b"+", b"1", b"0", b"-", b".",
         b"&&", b"||", b"<", b">", b"eval:", b"\xe9", b"if ", b"endif\n", b"else\n", b"__A", b"\n", b"meta ", b"lang de ", b":addr", b"%{X}"]


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[at:at + rng.randint(1, 6)]
        elif kind == 1:
            data[at:at] = rng.choice(NOISE)
        elif kind == 2 and data:
            other = rng.randrange(len(data))
            data[at:at] = data[other:other + rng.randint(1, 25)]
        elif kind == 3:
            lines = bytes(data).split(b"\n")
            rng.shuffle(lines)
            data = bytearray(b"\n".join(lines))
        elif data:
            at = min(at, len(data) - 1)
            data[at] = rng.choice(NOISE)[0]
    return bytes(data).replace(b"\0", b"")


def with_mutants(made, count):
    rng = random.Random(int(os.environ.get("POSTERN_RULE_SEED", "20261128")))
    out = list(made)
    for number in range(count):
        name, files = rng.choice(made)
        if "debian" in name or "fixed" in name:
            continue
        changed = {file: data if file.endswith(".pre") else mutate(rng, data) for file, data in files.items()}
        out.append((f"{name} mutant {number}", changed))
    return out


def written(made):
    """The folder of the cases, named after what is in them: the same paths each time, for the cache, and others for another tree's cases, which
    may be compared at the same time."""
    key = hashlib.sha256()
    for _, files in made:
        for file, data in files.items():
            key.update(file.encode() + b"\0" + data + b"\0")
    folder = os.path.join(tempfile.gettempdir(), f"postern-spam-rules-{os.getuid()}-{key.hexdigest()[:16]}")
    if not os.path.isdir(folder):
        new = tempfile.mkdtemp(dir=tempfile.gettempdir())
        os.mkdir(os.path.join(new, "none"))
        for number, (_, files) in enumerate(made):
            site = os.path.join(new, f"{number:04}")
            os.mkdir(site)
            for file, data in files.items():
                with open(os.path.join(site, file), "wb") as out:
                    out.write(data)
        try:
            os.rename(new, folder)
        except OSError:  # somebody else was quicker
            shutil.rmtree(new)
    return folder, key.digest()


def generated(build):
    made = [(name, {"init.pre": PRE, **files}) for name, files in with_mutants(cases(), MUTANTS)]
    folder, key = written(made)
    text = "".join(f"{folder}/none\t{folder}/{number:04}\t{'net' if number % 2 else 'local'}\n" for number in range(len(made)))
    theirs, mine = oracle(build, text, key), ours(build, text)
    same, found = 0, []
    for (name, files), number, there, here in zip(made, range(len(made)), theirs, mine):
        if "died" in there:  # a configuration that SpamAssassin doesn't survive
            same += 1
            continue
        _, lines = differences("", *both(there, here))
        same += not lines
        if lines:
            found.append(f"{number:04} {name}: " + "; ".join(lines[:3]))
    return [("spam-rules-generated", same, len(made), found[:SHOWN_MAX])]


def tables(build):
    theirs, mine = oracle(build, "", b"tables", "--tables")[0], ours(build, "", "--tables")[0]
    for part in [mine, theirs] + list(mine["plugins"].values()) + list(theirs["plugins"].values()):
        part["commands"] = sorted({name for name, _ in part["commands"]})  # our keys are our own
        part["features"] = sorted(part["features"])
    mine["plugins"]["FreeMail"]["commands"] = [c for c in mine["plugins"]["FreeMail"]["commands"] if "_domains" not in c and not
                                               c.startswith(("freemail_welcomelist", "freemail_whitelist"))]
    mine["plugins"]["ExtractText"]["commands"] = [c for c in mine["plugins"]["ExtractText"]["commands"] if not
                                                  c.startswith(("extracttext_use", "extracttext_external"))]
    if "phishing_phishstats_feed" not in theirs["plugins"]["Phishing"]["commands"]:  # as in both()
        mine["plugins"]["Phishing"]["commands"] = [c for c in mine["plugins"]["Phishing"]["commands"] if "phishstats" not in c]
    count, found = differences("", theirs, mine)
    return [("spam-rules-tables", count - len(found), count, found[:SHOWN_MAX])]


def run(build, corpus, every=1):
    """corpus and every are not used: rules need no mail."""
    if not shutil.which("perl") or not os.path.isdir("/usr/share/perl5/Mail/SpamAssassin"):
        return []
    return debian(build) + generated(build) + tables(build)


if __name__ == "__main__":
    for stage, good, whole, lines in run(os.path.abspath(os.environ.get("POSTERN_BUILD", "build")), None):
        print(f"parity {stage} share={100 * good / whole:.2f} goal=100 passed={good} total={whole}")
        for line in lines:
            print(f"  differs: {line}")
