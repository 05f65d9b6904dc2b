# SPDX-License-Identifier: MIT
"""Does a folder belong to one process, whoever is killed, stopped or far away?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, replace

import pytest

from merrow import files, locks
from merrow.errors import InputError
from merrow.files import atomic_write
from merrow.locks import PATIENCE, TakenOverError, follow_lock, locked

HOLD = """
import sys
from pathlib import Path
from merrow.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
# Everybody takes the folder again and again; one of three times its owner dies far away. Whoever
# has it makes a file that must not be there, and removes it.
CROWD = """
import os, sys
from pathlib import Path
from merrow.errors import InputError
from merrow import locks
folder = Path(sys.argv[1])
had = 0
while had < 20:
    try:
        with locks.locked(folder):
            os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
            had += 1
            os.unlink(folder / "inside")
            if had % 3 == 0:
                mine = locks._newest(folder)
                mine.write_text(mine.read_text().replace(os.uname().nodename, "elsewhere"))
                os.utime(mine, (1.0, 1.0))
    except InputError:
        pass
print(had)
"""


@contextmanager
def other_process(folder):
    """Run a process that holds the folder until its input ends."""
    words = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.stdin.close()


def the_lock(folder):
    (path,) = folder.glob(".lock.*")
    return path


def make_old(path):
    """Let the last sign of life be longer ago than anybody waits."""
    now = path.stat().st_mtime
    os.utime(path, (now, now - PATIENCE - 5.0))


def owned_by(folder, **changes):
    """Write the lock of a process that differs from this one."""
    owner = replace(locks._this_process(), **changes)
    path = folder / ".lock.3"
    path.write_text(json.dumps(asdict(owner)))
    return path


def test_a_lock_is_for_one_and_is_given_back(tmp_path):
    told = rf"another merrow process is working in .* \({os.getpid()} on .*\); wait"
    with locked(tmp_path), pytest.raises(InputError, match=told), locked(tmp_path):
        pass
    with locked(tmp_path):
        assert the_lock(tmp_path).name == ".lock.2"  # the first was given back and is gone


def test_the_lock_of_a_killed_process_falls_at_once(tmp_path):
    with other_process(tmp_path) as process:
        with pytest.raises(InputError, match="another merrow process"), locked(tmp_path):
            pass
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with locked(tmp_path):  # nobody has waited for it yet: its remains are no owner
            pass


def test_a_stopped_process_of_this_machine_keeps_its_lock_however_long_it_is_silent(tmp_path):
    with other_process(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        make_old(the_lock(tmp_path))
        with pytest.raises(InputError, match="another merrow process"), locked(tmp_path):
            pass
        process.send_signal(signal.SIGCONT)


def test_a_number_that_another_process_has_by_now_is_not_believed(tmp_path):
    owned_by(tmp_path, started="1")
    with locked(tmp_path):
        pass


def test_another_machine_holds_its_lock_as_long_as_it_gives_signs_of_life(tmp_path):
    lock = owned_by(tmp_path, machine="elsewhere", node="elsewhere", pid=1)
    with pytest.raises(InputError, match=r"\(1 on elsewhere\)"), locked(tmp_path):
        pass
    make_old(lock)
    with locked(tmp_path):
        assert the_lock(tmp_path).name == ".lock.4"


def test_the_lock_of_a_folder_that_may_only_be_read_is_judged_by_our_clock(tmp_path, monkeypatch):
    lock = owned_by(tmp_path, machine="elsewhere", node="elsewhere", pid=1)

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locks.tempfile, "NamedTemporaryFile", refuse)
    assert locks.is_held(tmp_path)
    make_old(lock)
    assert not locks.is_held(tmp_path)


def test_an_owner_that_was_killed_before_it_wrote_its_name_is_waited_for_like_a_far_one(tmp_path):
    (tmp_path / ".lock.1").touch()
    with pytest.raises(InputError, match="another merrow process is"), locked(tmp_path):
        pass
    make_old(tmp_path / ".lock.1")
    with locked(tmp_path):
        pass


def test_an_owner_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "HEARTBEAT", 0.01)
    with locked(tmp_path):
        lock = the_lock(tmp_path)
        os.utime(lock, (1.0, 1.0))
        while lock.stat().st_mtime == 1.0:
            pass


def take_over(folder):
    """Become the owner as a process elsewhere does that has waited long enough."""
    lock = the_lock(folder)
    later = lock.with_name(f".lock.{int(lock.name[6:]) + 1}")
    lock.rename(later)
    later.write_text("{}")


def test_an_owner_whose_lock_was_taken_writes_nothing_more(tmp_path):
    run = tmp_path / "run"
    with locked(run):
        atomic_write(run / "system" / "first", "written")
        take_over(run)
        atomic_write(tmp_path / "elsewhere", "is nobody's")
        with pytest.raises(TakenOverError, match=r"took over .*run while"):
            atomic_write(run / "system" / "second", "never")
    assert sorted(path.name for path in (run / "system").iterdir()) == ["first"]
    assert the_lock(run).stat().st_mtime > 1.0  # the other's lock is not given back


def test_a_worker_stops_with_its_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_guards", {})
    follow_lock(tmp_path)  # where nobody holds the folder, anybody may write
    atomic_write(tmp_path / "piece", "1")
    with locked(tmp_path):
        follow_lock(tmp_path)
        atomic_write(tmp_path / "piece", "2")
        take_over(tmp_path)
        with pytest.raises(TakenOverError):
            atomic_write(tmp_path / "piece", "3")
    assert (tmp_path / "piece").read_text() == "2"


def test_a_crowd_never_has_two_owners(tmp_path):
    words = [sys.executable, "-c", CROWD, str(tmp_path)]
    crowd = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate()[0] for process in crowd] == [b"20\n"] * 4
    assert len(list(tmp_path.glob(".lock.*"))) == 1
