"""postern-milter alone, replaced under load: the new process takes the socket over, the old one ends its sessions."""
import os
import socket
import sys
import threading
import time

from support.lone_milter import MESSAGE
from support.milterclient import MilterError
from support.process import Daemon, alive, connects, wait_until


class Load:
    """Clients that send without a pause; every failure is kept."""

    def __init__(self, milter, clients, per_session):
        self.milter, self.per_session = milter, per_session
        self.stop, self.failures, self.sent, self.lock = threading.Event(), [], [], threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(clients)]

    def run(self, number):
        serial = 0
        while not self.stop.is_set():
            try:
                client = self.milter.client().connect().helo()
                for _ in range(self.per_session):
                    serial += 1
                    queue_id = f"c{number}m{serial}"
                    answer = client.message(MESSAGE, queue_id=queue_id)
                    with self.lock:
                        (self.sent if answer.accepted else self.failures).append(queue_id)
                client.quit()
            except MilterError as e:
                with self.lock:
                    self.failures.append(str(e))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def check(self):
        assert self.failures == []
        assert len(self.sent) > 0
        stored = [r["queue_id"] for r in self.milter.archive.stored()]
        assert sorted(stored) == sorted(self.sent)


def test_twenty_restarts_under_load_fail_no_session(milter):
    milter.archive.start()
    milter.start()
    with Load(milter, clients=8, per_session=3) as load:
        for i in range(20):
            ok, text = milter.command("restart")
            assert ok, f"restart {i}: {text}\n{milter.log()[-3000:]}"
            time.sleep(0.1)
    load.check()
    wait_until(lambda: len(milter.successors()) == 1, 30, "the end of the older processes")
    assert connects(("127.0.0.1", 9870))
    wait_until(lambda: milter.status()["sessions"] == "0", what="the end of all sessions")


def test_old_process_stays_for_its_sessions_only(milter):
    milter.archive.start()
    milter.start()
    first = milter.daemon.process.pid
    client = milter.client().connect().helo()
    assert milter.command("restart")[0]
    assert milter.send(queue_id="new").accepted
    time.sleep(1)
    assert alive(first)
    assert client.message(MESSAGE, queue_id="old").accepted
    client.quit()
    wait_until(lambda: not alive(first), 10, "the end of the old process")
    assert {r["queue_id"] for r in milter.archive.stored()} == {"old", "new"}


def test_spool_is_drained_by_the_new_process(milter):
    milter.start()
    client = milter.client().connect().helo()
    assert client.message(MESSAGE, queue_id="before").accepted
    assert milter.command("restart")[0]
    assert client.message(MESSAGE, queue_id="by the old one").accepted
    assert milter.send(queue_id="by the new one").accepted
    assert len(milter.spooled()) == 3
    milter.archive.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    client.quit()
    assert len(milter.archive.stored()) == 3


def test_restart_with_a_bad_configuration_changes_nothing(milter):
    milter.archive.start()
    milter.start()
    first = milter.daemon.process.pid
    with open(milter.config, "a", encoding="utf-8") as f:
        f.write("milter { nonsense = 1 }\n")
    ok, text = milter.command("restart")
    assert not ok and "old one goes on" in text
    assert milter.send().accepted and milter.successors() == [first]
    milter.write()
    assert milter.command("restart")[0]
    assert milter.send().accepted


def test_fresh_process_takes_the_path_and_the_old_one_is_told_to_stop(milter):
    """Without the control socket: start another one, then SIGTERM the old."""
    milter.archive.start()
    milter.start()
    with Load(milter, clients=4, per_session=1) as load:
        for _ in range(5):
            old, inode = milter.daemon, os.stat(milter.socket).st_ino
            milter.daemon = Daemon(old.command, old.log_path)
            milter.daemon.start(lambda: os.stat(milter.socket).st_ino != inode)
            time.sleep(0.3)
            assert old.stop() == 0
    load.check()


def test_socket_from_the_service_manager(milter):
    milter.archive.start()
    path = f"{milter.directory}/activated.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(16)
    milter.write(milter={"listen": "systemd:milter"})
    # As systemd does: the descriptor as number 3, and LISTEN_PID the pid of the program itself.
    script = ("import os, sys; os.dup2(int(sys.argv[1]), 3); "
              "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='milter', LISTEN_PID=str(os.getpid())); "
              "os.execv(sys.argv[2], sys.argv[2:])")
    command = [sys.executable, "-c", script, str(listener.fileno()), *milter.daemon.command]
    milter.daemon = Daemon(command, milter.daemon.log_path)
    milter.daemon.start(lambda: connects(milter.control), pass_fds=[listener.fileno()])
    milter.socket = path
    assert milter.send(queue_id="one").accepted
    assert milter.command("restart")[0]
    assert milter.send(queue_id="two").accepted
    listener.close()
    assert [r["queue_id"] for r in milter.archive.stored()] == ["one", "two"]


def test_socket_directory_and_mode_for_postfix(milter):
    milter.start(milter={"socket_mode": "0660"})
    directory, sock = os.stat(os.path.dirname(milter.socket)), os.stat(milter.socket)
    assert directory.st_mode & 0o7777 == 0o750 and sock.st_mode & 0o7777 == 0o660
    assert directory.st_gid == sock.st_gid == 65534
