# SPDX-License-Identifier: MIT
"""Process-wide settings of the command line and of workers, and how each ends.

Nothing else in the package changes them, so a program that imports merrow keeps its own. For
bitwise reproducible numbers, call `use_one_thread` before NumPy is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

OPENMM_THREADS = "OPENMM_CPU_THREADS"
"""Read by OpenMM's PME on the CPU instead of the platform property Threads."""
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", OPENMM_THREADS)
OWN_MODULES = {"PYTHONSAFEPATH": "1"}
"""Keeps a struct.py in the working folder from replacing a module in a new process of Python."""
CHATTY = ("pymbar", "jax", "absl", "alchemlyb", "MDAnalysis")
"""Loggers of libraries whose warnings concern their developers."""
STOPS = (signal.SIGINT, signal.SIGTERM)
PULSE = 0.1
"""Interval at which the main thread is woken until it has handled a signal [s]."""
TOGETHER = 0.5
"""Signals within this time count as one: some programs signal both process and group [s]."""
GRACE = 3.0
"""Time after which the user is told that the stop has to wait [s]."""
_asked = threading.Event()

LATE = "merrow: stopping when this step is done; Ctrl-C once more stops at once."
AT_ONCE = "merrow: stopped at once; what was finished is kept."


def use_one_thread() -> None:
    """Limit the numerical libraries of this process to one thread, for reproducible bits."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))


@contextlib.contextmanager
def without_the_users_files() -> Iterator[None]:
    """Keep processes started in this block from importing files of the working folder."""
    before = {name: os.environ.get(name) for name in OWN_MODULES}
    os.environ.update(OWN_MODULES)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def quiet_libraries() -> None:
    """Let libraries log only errors."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def quiet_package(package: str) -> None:
    """Let a package log only errors, whatever levels it set at import.

    Nothing is changed with verbose logging.
    """
    if logging.getLogger().isEnabledFor(logging.INFO):
        return
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == package:
            logging.getLogger(name).setLevel(logging.ERROR)


def begin_worker(
    parent: int,
    modules: Sequence[str] = (),
    environment: Callable[[], Mapping[str, str]] | None = None,
) -> None:
    """Set up a worker: one thread, Ctrl-C left to the parent, and an end when the parent ends.

    Args:
        parent: Id of the parent process.
        modules: Modules to load before the first task.
        environment: Returns additional environment variables.
    """
    if environment is not None:
        os.environ.update(environment())
    use_one_thread()
    quiet_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for name in modules:
        importlib.import_module(name)
    if (torch := sys.modules.get("torch")) is not None:  # else it will read the environment
        torch.set_num_threads(1)


def _end_with(parent: int) -> None:
    """End this process soon after its parent is killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    end_tree(os.getpid())


def end_tree(pid: int) -> None:
    """Kill a process and all its descendants."""
    _end(lambda: [*_below(pid), pid])


def end_children() -> None:
    """Kill all descendants of this process.

    Python's resource tracker, which cleans up after killed workers, ends by itself.
    """
    _end(lambda: [pid for pid in _below(os.getpid()) if b"resource_tracker" not in _words(pid)])


def _end(look: Callable[[], list[int]]) -> None:
    """Kill what `look` finds; each is stopped first, so that none starts another one meanwhile."""
    own, stopped = os.getpid(), set[int]()
    while found := set(look()) - stopped:
        for pid in found - {own}:
            _send(pid, signal.SIGSTOP)
        stopped |= found
    for pid in (*(stopped - {own}), *(stopped & {own})):
        _send(pid, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    """Return the living descendants of a process, the farthest first."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
    tree = [pid]
    for above in tree:  # grows
        tree += [child for child, parent in parents.items() if parent == above]
    return tree[:0:-1]


def _words(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def stop_asked() -> bool:
    """Tell whether this command received Ctrl-C or SIGTERM."""
    return _asked.is_set()


class StopSignals:
    """Handling of Ctrl-C and SIGTERM by the command line.

    The first signal raises KeyboardInterrupt in the main thread; a later one ends everything at
    once. The first can be missed in two ways. RDKit restores a handler after which system calls
    are restarted; a thread that Python notifies of every signal wakes the main thread until it
    has handled it. And Python drops an exception that cannot propagate, as in a finalizer; then it
    is raised again.

    Attributes:
        number: The received signal; None before.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._heard = True
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def __enter__(self) -> Self:
        _asked.clear()
        self._main = threading.get_ident()
        for number in STOPS:
            signal.signal(number, self._hear)
        self._urgent = signal.signal(signal.SIGURG, self._hear_again)
        self._told = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._hook, sys.unraisablehook = sys.unraisablehook, self._dropped
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._heard = True
        for number in STOPS:  # a process that waits for this one can still be ended
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(self._told)
        signal.signal(signal.SIGURG, self._urgent)
        sys.unraisablehook = self._hook
        os.close(self._writing)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.number is None:
            self.number, self._heard = number, True
            _asked.set()
            raise KeyboardInterrupt

    def _hear_again(self, _number: int, _frame: FrameType | None) -> None:
        if not self._heard:
            self._heard = True
            raise KeyboardInterrupt

    def _dropped(self, what: UnraisableHookArgs) -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            if logging.getLogger().isEnabledFor(logging.INFO):  # from a library's finalizer
                self._hook(what)
        elif self.number is not None:
            self._heard = False
            os.write(self._writing, b"\0")

    def _watch(self) -> None:
        """Wake the main thread until it has handled the signal; end the process at a second one."""
        came, told = 0.0, False
        while True:
            heard = self._heard and self.number is not None
            wait = None if heard or not came else PULSE
            if not select.select([self._reading], [], [], wait)[0]:
                signal.pthread_kill(self._main, signal.SIGURG)
                if not told and time.monotonic() > came + GRACE:
                    told = True
                    print(LATE, file=sys.stderr, flush=True)
                continue
            numbers = os.read(self._reading, 64)
            if not numbers:
                break
            for number in set(numbers) & set(STOPS):
                if not came:
                    came = time.monotonic()
                elif time.monotonic() > came + TOGETHER:
                    self._end_at_once(number)
        os.close(self._reading)

    def _end_at_once(self, number: int) -> None:
        """End this process and all its descendants."""
        print(AT_ONCE, file=sys.stderr, flush=True)
        end_children()
        os._exit(128 + number)
