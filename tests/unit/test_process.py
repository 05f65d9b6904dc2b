# SPDX-License-Identifier: MIT
"""Does a process end as it should, with everything that it started?"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PREAMBLE = """
import os, signal, subprocess, sys, threading
from merrow.process import StopSignals, end_children
"""
SAYS = """
with StopSignals() as stop:
    try:
        print("ready", flush=True)
        {body}
    except KeyboardInterrupt:
        print("heard", stop.number, flush=True)
"""
RESTARTING = """signal.siginterrupt(signal.SIGINT, False)
        os.read(os.pipe()[0], 1)"""
"""RDKit leaves the handler like this: the system goes on with the call that a signal came into."""
DROPPING = """
        class Last:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(1000):
                    pass
        last = Last()
        del last
        threading.Event().wait()"""
"""What is raised at the end of an object's life goes nowhere."""


@pytest.fixture
def start():
    """Start a program of Python and wait for its first line; it is ended with the test."""
    started = []

    def begin(text):
        words = [sys.executable, "-c", PREAMBLE + text]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        assert started[-1].stdout.readline() == "ready\n", started[-1].stderr.read()
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_raised_in_the_main_thread(start, number):
    process = start(SAYS.format(body="threading.Event().wait()"))
    process.send_signal(number)
    assert process.communicate() == (f"heard {int(number)}\n", "")


def test_a_signal_is_heard_where_a_library_lets_system_calls_go_on(start):
    process = start(SAYS.format(body=RESTARTING))
    time.sleep(0.2)  # whether it waits already or not, it must end
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (f"heard {int(signal.SIGINT)}\n", "")


def test_a_signal_that_comes_at_the_end_of_an_object_is_raised_again(start):
    process = start(SAYS.format(body=DROPPING))
    assert process.communicate() == (f"heard {int(signal.SIGTERM)}\n", "")


def test_what_a_library_raises_at_the_end_of_an_object_is_not_shown(start):
    raising = """
        class Last:
            def __del__(self):
                raise ValueError
        last = Last()
        del last
        sys.stdin.readline()"""
    process = start(SAYS.format(body=raising))
    assert process.communicate() == ("", "")


def test_a_second_signal_ends_the_process_and_what_it_started(start):
    body = """
with StopSignals() as stop:
    try:
        child = subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL)
        print("ready", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print(child.pid, flush=True)
        threading.Event().wait()
"""
    process = start(body)
    process.send_signal(signal.SIGINT)
    child = int(process.stdout.readline())
    while process.poll() is None:  # signals that come together are one
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
    _, told = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert told == "merrow: stopped at once; what was finished is kept.\n"
    while is_running(child):  # what is killed may need a moment
        time.sleep(0.05)


def test_the_descendants_of_a_process_end_with_it(start):
    process = start("""
script = 'import subprocess; print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)'
child = subprocess.Popen([sys.executable, "-c", script + "; input()"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
grandchild = int(child.stdout.readline())
print("ready", flush=True)
end_children()
print(child.wait(), grandchild, flush=True)
input()
""")
    code, grandchild = map(int, process.stdout.readline().split())
    assert code == -signal.SIGKILL
    while is_running(grandchild):
        time.sleep(0.05)


def test_a_process_that_starts_others_meanwhile_ends_with_all_of_them(start):
    process = start("""
from merrow.process import end_tree
script = "for k in $(seq 200); do sleep 977.25 & done; wait"
child = subprocess.Popen(["sh", "-c", script])
while not open(f"/proc/{child.pid}/task/{child.pid}/children").read():
    pass
end_tree(child.pid)
print("ready", flush=True)
input()
""")
    assert process.poll() is None
    end = time.monotonic() + 10.0
    while sleepers() and time.monotonic() < end:
        time.sleep(0.05)
    left = sleepers()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def sleepers():
    """Return the processes of the test above that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes() == b"sleep\0977.25\0":
                found.append(int(path.parent.name))
    return [pid for pid in found if is_running(pid)]


def is_running(pid):
    """Tell whether a process is there and not dead."""
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
