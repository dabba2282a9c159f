"""kill -9 and restarts under load: the clients' own record of 250s is the judge."""
import os
import signal
import socket
import time

from support.accounts import address
from support.load import Load, check_found_once
from support.process import alive, connects, wait_until

ROUNDS = int(os.environ.get("POSTERN_KILL_ROUNDS", "100"))
TIME_LIMIT = 150


def test_kill_9_under_load(mail_system, dovecot):
    """Milter and archive die in turns, at any moment of the transactions of four clients."""
    mta, postern = mail_system(archived={"segment_size": "4M"})
    start, rounds = time.monotonic(), 0
    with Load(threads=4) as load:
        for n in range(ROUNDS):
            time.sleep(0.05 + 0.03 * (n % 7))
            if n % 2:
                postern.archived.kill()
                postern.start_archived()
            else:
                postern.milter.kill()
                postern.start_milter()
            rounds += 1
            assert time.monotonic() - start < TIME_LIMIT, f"only {rounds} rounds in {TIME_LIMIT} s"
    assert not load.rejected, load.rejected[:5]
    words = load.words()
    assert rounds == ROUNDS and len(words) >= ROUNDS, f"{len(words)} messages in {rounds} rounds"
    wait_until(lambda: not postern.spooled(), 60, "an empty spool")
    check_found_once(postern, words)
    mta.wait_queue_empty(120)
    delivered = sum(1 for _ in dovecot.maildir(address("alice")))
    assert delivered == len(words), f"{delivered} delivered of {len(words)}"
    assert postern.run("archive", "verify").returncode == 0
    assert postern.run("archive", "reconcile", mta.log_path).returncode == 0
    print(f"{rounds} kills, {len(words)} accepted, {len(load.deferred)} deferred, {len(load.broken)} broken connections")


def test_100_restarts_under_load_fail_no_session(mail_system, dovecot):
    """Take-over restart: the new process has the socket before the old one drains."""
    mta, postern = mail_system(milter={"drain_time": "5s"})
    pids = {postern.control("milter", "status")[1]}
    with Load(threads=3, per_session=2) as load:
        for _ in range(100):
            answer, _ = postern.control("milter", "restart")
            assert answer.startswith("OK"), answer
            pids.add(postern.control("milter", "status")[1])
    assert len(pids) == 101, f"{len(pids)} processes served"
    assert not load.deferred and not load.broken and not load.rejected, (load.deferred[:3], load.broken[:3], load.rejected[:3])
    assert len(load.words()) >= 100
    check_found_once(postern, load.words())
    answer, pid = postern.control("milter", "stop")
    assert answer.startswith("OK"), answer
    wait_until(lambda: not alive(pid), 20, "the last process to end")


def test_restarts_with_systemds_socket_fail_no_session(postern, postfix, dovecot):
    """What systemd does with postern-milter.socket: it keeps the socket while the process is stopped and started."""
    instance = postern(start=False)
    instance.configure({"milter": {"listen": "systemd:milter"}})
    instance.start_archived()
    mta = postfix([instance.milter_address])
    if os.path.exists(instance.milter_path):
        os.unlink(instance.milter_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(instance.milter_path)
        os.chmod(instance.milter_path, 0o666)
        listener.listen(128)
        command = instance.milter.command
        # LISTEN_PID must be the daemon's own, which only a shell in between knows (bash: dash takes no descriptor over 9).
        instance.milter.command = ["/bin/bash", "-c", 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=milter exec "$@"', "sh",
                                   str(listener.fileno()), *command]
        with Load(threads=3, per_session=2) as load:
            for _ in range(15):
                instance.milter.start(pass_fds=(listener.fileno(),))
                time.sleep(0.4)
                instance.milter.signal(signal.SIGTERM)
                assert instance.milter.process.wait(30) == 0, instance.milter.tail()
            instance.milter.start(pass_fds=(listener.fileno(),))
        assert not load.deferred and not load.broken and not load.rejected, (load.deferred[:3], load.broken[:3], load.rejected[:3])
        assert len(load.words()) >= 15
        check_found_once(instance, load.words())
        mta.wait_queue_empty()
        assert connects(instance.milter_path)


def test_reload_keeps_the_old_configuration_when_the_new_one_is_bad(mail_system, dovecot):
    mta, postern = mail_system()
    with Load(threads=2, per_session=2) as load:
        for n in range(6):
            with open(postern.configuration, "a") as f:
                f.write("milter { nonsense = 1 }\n")
            bad = postern.run("reload", "milter", check=False)
            assert bad.returncode != 0 and b"nonsense" in bad.stdout + bad.stderr
            postern.configure({"milter": {"max_message": f"{10 + n}M"}, "archived": {"max_message": "64M"}})
            good = postern.run("reload", "milter")
            assert good.returncode == 0, good.stderr
    assert not load.deferred and not load.broken and not load.rejected, (load.deferred[:3], load.broken[:3])
    check_found_once(postern, load.words())
