"""./run demo: --once tells the whole story and leaves nothing; a demo that stays up is stopped by --stop."""
import os
import subprocess
import sys

from conftest import ROOT
from support.process import connects

DEMO = [sys.executable, os.path.join(ROOT, "demo", "demo.py")]


def run(*arguments, timeout=180):
    return subprocess.run([*DEMO, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout)


def processes_under(directory):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                text = f.read().replace("\0", " ")
            if directory in text or os.readlink(f"/proc/{pid}/cwd").startswith(directory):
                found.append((pid, text))
        except OSError:
            continue
    return found


def test_once_tells_the_story_and_leaves_nothing():
    directory = "/tmp/pd-once"
    done = run("--once", "--dir", directory)
    assert done.returncode == 0, done.stdout
    for part in ("會議紀錄", "上海公司", "生日驚喜", "優惠活動", "旅遊照片", "no delivered copy names another's", "queued as", "verify",
                 "dmarc=pass header.from=outside.test", "both verify with dkimpy", "X-Spam-Flag: YES",
                 "您的信箱已使用 83% 的空間", "Mailbox is full"):
        assert part in " ".join(done.stdout.split()), done.stdout  # lines are folded to the terminal's width
    assert not os.path.exists(directory) and not processes_under(directory)


def test_it_stays_up_until_it_is_stopped():
    directory = "/tmp/pd-stay"
    try:
        done = run("--dir", directory)
        assert done.returncode == 0 and "It stays up" in done.stdout, done.stdout
        assert connects(("127.0.0.1", 2525)) and connects(("127.0.0.1", 2143))
        for arguments in ((), ("--once",)):  # neither gets in the way of the one that is up
            again = run(*arguments, "--dir", directory)
            assert again.returncode == 1 and "--stop" in again.stdout
        sent = run("--dir", directory, "--send", "臨時通知：明天停電")
        assert sent.returncode == 0 and "queued as" in sent.stdout, sent.stdout
    finally:
        stopped = run("--dir", directory, "--stop")
    assert stopped.returncode == 0, stopped.stdout
    assert not os.path.exists(directory) and not processes_under(directory)
    assert not connects(("127.0.0.1", 2525)) and not connects(("127.0.0.1", 2143))


def test_a_reader_that_goes_away_leaves_nothing():
    """As with `./run demo --once | head`."""
    directory = "/tmp/pd-pipe"
    started = subprocess.Popen([*DEMO, "--once", "--dir", directory], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    started.stdout.readline()
    started.stdout.close()
    assert started.wait(timeout=120) != 0
    assert not os.path.exists(directory) and not processes_under(directory)


def test_a_failure_is_told_and_cleaned_up():
    directory = "/tmp/pd-fail"
    environment = dict(os.environ, POSTERN_BUILD="/nowhere")
    done = subprocess.run([*DEMO, "--once", "--dir", directory], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=environment, timeout=60)
    assert done.returncode == 1 and "The demo failed" in done.stdout
    assert not os.path.exists(directory)
