"""The load generator of policy servers: what it sends, and that a slow server can't hide from it."""
import json
import os
import pathlib
import subprocess
import time

import pytest

from tests.support.policy import PolicyClient, recorded, recordings
from tests.support.policy_recorder import CLOSE, PolicyRecorder

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("POSTERN_BUILD", "build")


def load(*options, expected=0):
    command = [str(BUILD / "tests/bench/policy_load"), *map(str, options)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == expected, done
    return json.loads(done.stdout) if expected == 0 else done.stderr.decode()


@pytest.fixture
def recorder(tmp_path):
    with PolicyRecorder(unix=str(tmp_path / "s")) as server:
        server.target = f"unix:{server.address}"
        yield server


def test_requests_have_postfix_attributes(recorder):
    result = load("--connections", 3, "--requests", 30, recorder.target)
    assert (result["answered"], result["errors"], result["answers"]) == (30, 0, {"DUNNO": 30})
    requests = recorder.take()
    assert {request.connection for request in requests} == {1, 2, 3}
    real = recorded("3.10", "plain")[0].decode()
    names = [line.split("=")[0] for line in real.splitlines() if line]
    for request in requests:
        assert [line.split("=")[0] for line in request.raw.decode().splitlines() if line] == names
        assert request.attributes["protocol_state"] == "RCPT"
    assert len({request.attributes["instance"] for request in requests}) == 30


def triplets(recorder):
    return [tuple(request.attributes[name] for name in ("client_address", "sender", "recipient")) for request in recorder.take()]


def test_triplets_follow_from_seed_and_number(recorder):
    one = ("--connections", 1, "--requests", 200)
    load(*one, recorder.target)
    first = triplets(recorder)
    load(*one, recorder.target)
    assert triplets(recorder) == first and len(set(first)) == 200
    load(*one, "--first", 100, recorder.target)
    assert triplets(recorder)[:100] == first[100:]
    load(*one, "--seed", 7, recorder.target)
    assert not set(triplets(recorder)) & set(first)
    load(*one, "--triplets", 20, recorder.target)
    assert set(triplets(recorder)) <= set(first[:20])
    load(*one, "--triplets", 20, "--in-turn", recorder.target)
    assert triplets(recorder) == first[:20] * 10


def test_submission(recorder):
    load("--requests", 10, "--sasl", "--recipients", 4, recorder.target)
    asked = [request.attributes for request in recorder.take()]
    assert all(one["sasl_username"] == one["sender"] and one["server_port"] == "587" for one in asked)
    assert len({one["sasl_username"] for one in asked}) <= 4


def test_a_stall_counts_for_all_that_had_to_wait(recorder):
    """One stall of half a second, at 200 a second: a hundred requests were late, not only the one that was under way."""
    seen = []

    def answer(request):
        seen.append(request)
        if len(seen) == 100:
            time.sleep(0.5)
        return "DUNNO"

    recorder.answer = answer
    result = load("--connections", 1, "--rate", 200, "--seconds", 2, recorder.target)
    assert result["counted"] == 400 and 180 < result["rate"] < 220
    assert result["max"] > 450_000 and result["p90"] > 200_000
    assert result["late_p99"] < 50_000  # that is the server's delay, not the generator's


def test_fast_as_it_goes_counts_each_request_alone(recorder):
    recorder.answer = lambda request: time.sleep(0.01) or "DUNNO"
    result = load("--connections", 4, "--seconds", 1, recorder.target)
    assert 200 < result["rate"] < 420 and result["p50"] > 9_000


def test_errors_are_counted_and_the_connection_opened_anew(recorder):
    answers = iter([CLOSE, b"action=\n\n", b"nonsense\n\n", b"action=DUNNO\n\naction=DUNNO\n\n", "REJECT no", "450 4.2.0 later"])
    recorder.answer = lambda request: next(answers, "DUNNO")
    result = load("--connections", 1, "--requests", 12, recorder.target)
    assert (result["errors"], result["answered"]) == (4, 8)
    assert result["answers"] == {"REJECT": 1, "450": 1, "DUNNO": 6}
    assert max(request.connection for request in recorder.take()) == 5


def test_answers_are_counted_by_their_first_word(recorder):
    answers = iter([*(f"kind{n} text" for n in range(20)), "x" * 100, "kind3"])
    recorder.answer = lambda request: next(answers)
    counts = load("--connections", 1, "--requests", 22, recorder.target)["answers"]
    assert counts == {**{f"kind{n}": 1 for n in range(15)}, "kind3": 2, "(others)": 6}


def test_silence_is_an_error(recorder):
    silent = iter([b""])
    recorder.answer = lambda request: next(silent, "DUNNO")
    result = load("--connections", 1, "--requests", 2, "--timeout", 1, recorder.target)
    assert (result["errors"], result["answered"]) == (1, 1)


def test_a_command_per_connection():
    """As Postfix's spawn(8): standard input and output are the connection."""
    script = 'while read line; do [ -n "$line" ] || printf "action=OK %s\\n\\n" $$; done'
    result = load("--connections", 3, "--requests", 30, "--", "sh", "-c", script)
    assert (result["answered"], result["errors"], result["answers"]) == (30, 0, {"OK": 30})


def test_nobody_there(tmp_path):
    assert "connection" in load(f"unix:{tmp_path}/none", expected=1)
    assert "usage" in load("--rate", "fast", f"unix:{tmp_path}/none", expected=2)


def test_echo_and_client(tmp_path):
    path = str(tmp_path / "echo")
    echo = subprocess.Popen([str(BUILD / "tests/bench/policy_echo"), path, "OK all"], stdout=subprocess.PIPE)
    try:
        assert echo.stdout.readline() == b"ready\n"
        with PolicyClient(path) as policy:
            assert policy.ask(sender="a@x.test") == "OK all"
            for version in ("3.7", "3.10"):
                for name in recordings(version):
                    for request in recorded(version, name):
                        assert policy.ask_raw(request) == "OK all"
        result = load("--connections", 20, "--seconds", 1, f"unix:{path}")
        assert result["errors"] == 0 and set(result["answers"]) == {"OK"}
    finally:
        echo.kill()
        echo.wait()
        echo.stdout.close()
