# SPDX-License-Identifier: MIT
"""Does the server outlive its callers, and does a caller outwait nobody?"""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from merrow.errors import InputError, MerrowError
from merrow.sander import server as model_server
from merrow.sander.server import ModelServer, Request, listens

ANSWER = "job|input|geometry"
RESULTS = "orc_job.engrad"


def test_a_client_writes_what_the_server_answers(server, client):
    assert client.run(server.path) == (0, "")
    assert client.read(RESULTS) == ANSWER
    assert client.read("merrow_energies") == "1.5 0.25\n"
    assert client.run(server.path) == (0, "")
    assert client.read("merrow_energies") == 2 * "1.5 0.25\n"


@pytest.mark.parametrize(
    ("job", "told"),
    [("refuse", "the energy is not finite"), ("fault", "failed with ZeroDivisionError: a fault")],
)
def test_a_failing_model_fails_the_client_with_its_sentence(server, client, job, told):
    code, error = client.run(server.path, job)
    assert code == 1
    assert told in error
    assert told in client.read("merrow_failure")
    assert client.read(RESULTS) is None  # never the results of the step before
    assert client.run(server.path) == (0, "")


def test_a_dead_server_fails_the_client_at_once(private, client):
    # it would wait an hour for a living one, and `run` two minutes for it
    code, error = client.run(private / "socket", timeout=3600)
    assert code == 1
    assert "the model server does not answer" in error
    assert client.read(RESULTS) is None


def test_a_stopped_server_fails_the_client_at_its_time_out(private, client):
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    silent.bind(str(private / "socket"))
    silent.listen()
    code, error = client.run(private / "socket", timeout=1)
    silent.close()
    assert code == 1
    assert "no sign of life" in error
    assert client.read(RESULTS) is None


def test_a_slow_model_is_waited_for(server, client, monkeypatch):
    monkeypatch.setattr(model_server, "HEARTBEAT", 0.2)
    code, error = client.run(server.path, "sleep 4.0", timeout=3)
    assert (code, error) == (0, "")
    assert client.read(RESULTS) == "sleep 4.0|input|geometry"


def test_the_server_outlives_a_killed_client(server, client):
    victim = client.start(server.path, "sleep 1")
    deadline = time.monotonic() + 60.0
    while client.read(RESULTS) is not None:  # the first thing that it does
        assert time.monotonic() < deadline
        time.sleep(0.01)
    victim.kill()
    victim.communicate()
    assert client.read(RESULTS) is None
    assert client.run(server.path) == (0, "")
    assert client.read(RESULTS) == ANSWER


@pytest.mark.parametrize("noise", [b"", b"\n", b"GET / HTTP/1.1\r\n\r\n", b"MERROW1 9 9 9\nabc"])
def test_the_server_outlives_noise(server, noise):
    for _ in range(3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.connect(str(server.path))
            caller.sendall(noise)
    assert ask(server.path) == b"ok 18 9\n" + ANSWER.encode() + b"1.5 0.25\n"


def ask(path: Path) -> bytes:
    """Return the bytes of one answer, without signs of life."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(path))
        caller.sendall(b"MERROW1 3 5 8\njobinputgeometry")
        pieces = []
        while piece := caller.recv(4096):
            pieces.append(piece)
    return b"".join(pieces).lstrip(b".")


def test_a_model_can_be_asked_for_before_sander_starts(server, private, monkeypatch):
    reply = model_server.ask(server.path, Request("job", "", ""))
    assert (reply.results, reply.line) == ("job||", "1.5 0.25\n")
    with pytest.raises(MerrowError, match="the energy is not finite"):
        model_server.ask(server.path, Request("refuse", "", ""))
    with pytest.raises(MerrowError, match="does not answer"):
        model_server.ask(private / "nobody", Request("job", "", ""))
    monkeypatch.setattr(model_server, "HEARTBEAT", 0.1)  # signs of life are no part of the answer
    assert model_server.ask(server.path, Request("sleep 0.5", "", "")).results == "sleep 0.5||"
    monkeypatch.setattr(model_server, "PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(private / "silent"))
        silent.listen()
        with pytest.raises(MerrowError, match=r"does not answer: .*no sign of life"):
            model_server.ask(private / "silent", Request("job", "", ""))


def test_one_server_answers_many_callers(server):
    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(ask, [server.path] * 64))
    assert answers == {b"ok 18 9\n" + ANSWER.encode() + b"1.5 0.25\n"}


def test_who_waits_while_the_server_ends_is_told_so_and_no_fault_is_reported(private, caplog):
    entered, release = threading.Event(), threading.Event()

    def answer(request):
        entered.set()
        assert release.wait(60.0)
        return model_server.Reply(request.job, "")

    running = ModelServer(private / "socket", answer)
    running.start()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, running.path)
        assert entered.wait(60.0)
        second = pool.submit(ask, running.path)
        deadline = time.monotonic() + 60.0
        while running._worker._work_queue.empty():  # until it waits behind the first
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.close()
        told = second.result(timeout=60.0)
        release.set()
        assert told == b"no 26 0\nthe model server has ended"
        assert first.result(timeout=60.0) == b"ok 3 0\njob"
    assert caplog.text == ""


def test_the_socket_is_the_users_alone_and_goes_with_the_server(private):
    running = ModelServer(private / "new" / "socket", lambda request: None)
    running.start()
    assert stat.S_IMODE(running.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(running.path.stat().st_mode) == 0o600
    running.close()
    assert list(running.path.parent.iterdir()) == []


def test_an_open_folder_is_refused(private):
    folder = private / "open"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(InputError, match="choose one that is yours alone, such as --s") as told:
        ModelServer(folder / "socket", lambda request: None).start()
    assert "chmod" not in str(told.value)


def test_a_second_server_is_refused_and_the_first_goes_on(server):
    with pytest.raises(InputError, match="another model server listens"):
        ModelServer(server.path, lambda request: None).start()
    assert ask(server.path).startswith(b"ok")
    assert listens(server.path)


def test_the_socket_of_a_killed_server_is_taken_over(private):
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(private / "socket"))
    dead.close()  # leaves its file, as SIGKILL does
    assert os.path.exists(private / "socket")
    assert not listens(private / "socket")
    with ModelServer(private / "socket", lambda request: model_server.Reply("", "")) as running:
        assert ask(running.path) == b"ok 0 0\n"


def test_a_path_too_long_for_a_socket_is_refused(tmp_path):
    with pytest.raises(InputError, match="103 bytes"):
        ModelServer(tmp_path / ("x" * 120), lambda request: None)
