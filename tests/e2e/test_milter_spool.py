"""postern-milter alone, while the archive is away, slow, full or refuses: the spool and its draining."""
import re
import shutil
import time

from support.lone_milter import MESSAGE
from support.process import wait_until


# ---- the archive is away ----

def test_spooled_while_the_archive_is_away_then_drained_in_order(milter):
    milter.start()
    for i in range(5):
        assert milter.send(queue_id=f"q{i}").accepted
    assert len(milter.spooled()) == 5 and milter.status()["spool_records"] == "5"
    assert all("archive=spooled" in line for line in milter.eom_lines())
    milter.archive.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    assert [r["queue_id"] for r in milter.archive.stored()] == [f"q{i}" for i in range(5)]
    assert milter.send(queue_id="q5").accepted
    assert milter.archive.stored()[-1]["queue_id"] == "q5" and not milter.spooled()


def test_spool_survives_a_kill(milter):
    milter.start()
    assert milter.send(queue_id="kept").accepted
    milter.daemon.kill()
    milter.archive.start()
    milter.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain after a restart")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["kept"]


def test_lost_replies_make_no_second_record(milter):
    milter.archive.behave = lambda n, record: "store-drop" if n % 2 == 0 else "store"
    milter.archive.start()
    milter.start()
    for i in range(6):
        assert milter.send(queue_id=f"q{i}").accepted
    assert [r["queue_id"] for r in milter.archive.stored()] == [f"q{i}" for i in range(6)]
    assert milter.spooled() == []


def test_archive_that_hangs_costs_one_timeout(milter):
    milter.archive.behave = lambda n, record: "hang"
    milter.archive.start()
    milter.start()
    began = time.monotonic()
    for _ in range(5):
        assert milter.send().accepted
    assert time.monotonic() - began < 4  # 1 s for the first; the others go straight to the spool
    assert len(milter.spooled()) == 5


def test_full_archive_spools_and_full_spool_tempfails(milter):
    milter.archive.behave = lambda n, record: "full"
    milter.archive.start()
    milter.start(milter={"max_message": "1M"}, archive={"spool_max": "1M"})
    big = MESSAGE + b"x" * 400000
    assert milter.send(big).accepted and milter.send(big).accepted
    answer = milter.send(big)
    assert answer.code == 451 and "4.3.0" in answer.text
    ref = re.search(r"ref ([0-9a-f]{12})", answer.text).group(1)
    (line,) = [line for line in milter.eom_lines() if ref in line]
    assert "verdict=tempfail" in line and "archive=failed" in line and "full" in line
    milter.archive.behave = lambda n, record: "store"
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    assert len(milter.archive.stored()) == 2


def test_unwritable_spool_tempfails(milter):
    milter.start()
    shutil.rmtree(milter.spool)
    answer = milter.send()
    assert answer.code == 451
    assert "archive=failed" in milter.eom_lines()[-1]


def test_refused_records(milter):
    """What the archive will never take: refused at once while it is there, moved aside when it was spooled."""
    milter.start()
    assert milter.send(queue_id="bad").accepted and milter.send(queue_id="good").accepted
    milter.archive.behave = lambda n, record: "bad" if record["queue_id"] == "bad" else "store"
    milter.archive.start()
    wait_until(lambda: not milter.spooled(), 20, "the drain")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["good"]
    assert len(list(milter.spool.glob("refused/*.rec"))) == 1
    assert "refused/" in milter.log()
    answer = milter.send(queue_id="bad")
    assert answer.code == 451 and milter.spooled() == []


def test_one_failing_record_does_not_hold_up_the_others(milter):
    milter.start()
    assert milter.send(queue_id="stuck").accepted and milter.send(queue_id="fine").accepted
    milter.archive.behave = lambda n, record: "full" if record["queue_id"] == "stuck" else "store"
    milter.archive.start()
    wait_until(lambda: len(milter.spooled()) == 1, 20, "the drain of the other")
    assert [r["queue_id"] for r in milter.archive.stored()] == ["fine"]
