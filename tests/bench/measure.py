"""What every bench shares: CPU of process trees, medians and spreads, and the line that scripts read."""
import os
import statistics
import time

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    with open(f"/proc/{pid}/stat", "rb") as f:
        text = f.read().decode("latin-1")
    return text[text.rindex(")") + 2:].split()


def tree(pid):
    """pid and all its descendants now."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(_stat(name)[1]), []).append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def cpu_seconds(pid, own_only=False):
    """CPU seconds of a process, the children it has waited for, and its living descendants.

    A descendant that dies unwaited is lost; Postfix's master and our daemons wait for theirs.
    """
    total = 0
    for one in [pid] if own_only else tree(pid):
        try:
            fields = _stat(one)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return total / TICK


def precise_cpu_seconds(pid):
    """CPU seconds of a process and its living descendants, to the nanosecond; those of ended threads are among them.

    Each process has a clock of its own; the kernel numbers it so (CPUCLOCK_SCHED of the pid, clock_getcpuclockid(3)).
    """
    return sum(time.clock_gettime((~one << 3) | 2) for one in tree(pid))


class Series:
    """Figures of one kind over the rounds."""

    def __init__(self):
        self.values = []

    def add(self, value):
        self.values.append(value)

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        v = sorted(self.values)
        return f"min {v[0]:.3f}  median {self.median:.3f}  max {v[-1]:.3f}  (n={len(v)} rounds)"


def percentile(values, share):
    """The value below which share (0..1) of the values lie (nearest rank)."""
    v = sorted(values)
    return v[min(len(v) - 1, int(share * len(v)))]


def figure(name, ours, peer, goal):
    """The line that a script reads; peer None when it could not be had here."""
    ratio = f"{ours / peer:.3f}" if peer else "none"
    shown = f"{peer:.3f}" if peer is not None else "none"
    print(f"bench {name} ours={ours:.3f} peer={shown} ratio={ratio} goal={goal:.3f}", flush=True)
