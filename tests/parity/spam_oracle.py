"""What the spam engine's parity stages share: messages of the corpus by group, mutants of them, and SpamAssassin's answers, which
are kept between runs as it is slow."""
import hashlib
import os
import random
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GROUPS = {"ham": "ham", "spam": "spam", "zh-ham": "zh-ham", "zh-spam": "zh-spam", "mime-torture": "mime-torture",
          "sa-t": "sieve-imap-suites/sa-t"}
CACHE = os.path.join(tempfile.gettempdir(), f"postern-spam-oracle-{os.getuid()}")


def files_of(corpus, group, every=1):
    found = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(corpus, GROUPS[group]))
             for name in names]
    return sorted(found)[::every]


def answers(script, files, extra=b""):
    """The lines that the Perl script prints for the files, from the cache where nothing has changed."""
    os.makedirs(CACHE, mode=0o700, exist_ok=True)
    path = os.path.join(HERE, script)
    key = hashlib.sha256(extra)
    for part in (path, *files):
        with open(part, "rb") as f:
            key.update(f.read())
        key.update(os.path.basename(part).encode() if part == path else part.encode())
    kept = os.path.join(CACHE, f"{script}-{key.hexdigest()[:32]}")
    if not os.path.exists(kept):
        made = f"{kept}.{os.getpid()}"
        with open(made, "wb") as out:
            subprocess.run(["perl", "-T", path], input="".join(f + "\n" for f in files).encode(), stdout=out,
                           stderr=subprocess.DEVNULL, check=True)
        os.rename(made, kept)
    with open(kept, "rb") as f:
        return f.read().split(b"\n")[:-1]


def driven(build, driver, lines):
    done = subprocess.run([os.path.join(build, "tests", "parity", driver)], input=b"\n".join(lines) + b"\n", check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.split(b"\n")[:-1]


def mutated(data, rng):
    """data with a few cuts, swaps, doublings and flips."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if len(data) < 4:
            break
        a, b = sorted(rng.sample(range(len(data)), 2))
        b = min(b, a + rng.choice([1, 2, 8, 40]))
        kind = rng.randrange(5)
        if kind == 0:
            del data[a:b]
        elif kind == 1:
            data[a:b] = data[a:b] * 2
        elif kind == 2:
            data[a] = rng.choice(b" ()[]<>;:@.=-x0\t")
        elif kind == 3:
            data[a] ^= 1 << rng.randrange(8)
        else:
            at = rng.randrange(len(data))
            piece = data[a:b]
            data[at:at] = piece
    return bytes(data)


def written(folder, messages):
    """The paths of files with the messages, the same for the same messages."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for message in messages:
        path = os.path.join(folder, hashlib.sha256(message).hexdigest()[:24])
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(message)
        paths.append(path)
    return paths


def seeded(seed=1):
    return random.Random(seed)
