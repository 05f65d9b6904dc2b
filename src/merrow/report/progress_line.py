# SPDX-License-Identifier: MIT
"""A progress line on stderr, with the time left."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from merrow.process import stop_asked
from merrow.progress import Progress
from merrow.report.text import duration

TICK = 1.0
"""Interval at which the line in a terminal is refreshed [s]."""
EVERY = 60.0
"""Interval between lines if the output is not a terminal [s]."""
CLEAR = "\r\x1b[2K"
"""Control sequence that clears the line of a terminal."""

NOTEBOOK_WIDTH = 100
"""Number of characters that are overwritten in a notebook."""


class ProgressLine:
    """Shows progress on stderr: one updated line, or occasional lines off a terminal."""

    def __init__(self, *, quiet: bool = False, terminal_only: bool = False) -> None:
        """Start the clock.

        Args:
            quiet: Whether to show nothing.
            terminal_only: Whether to show nothing off a terminal.
        """
        notebook = "ipykernel" in sys.modules  # its stream supports carriage returns
        self._terminal = sys.stderr.isatty() or notebook
        self._clear = "\r" if notebook else CLEAR
        self._width = NOTEBOOK_WIDTH if notebook else None
        self._quiet = quiet or (terminal_only and not self._terminal)
        self._open = False
        self._began, self._last = time.monotonic(), 0.0
        self._told: tuple[Progress, float] | None = None
        self._writing, self._done = threading.Lock(), threading.Event()
        self._clock: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        with self._writing:
            if self._open:
                print(file=sys.stderr, flush=True)

    def listen(self, progress: Progress) -> None:
        """Show the progress; stop if a requested interrupt was swallowed by a library.

        Raises:
            KeyboardInterrupt: A stop was requested.
        """
        if stop_asked():
            raise KeyboardInterrupt
        if self._quiet:
            return
        with self._writing:
            self._show(progress)

    def _show(self, progress: Progress) -> None:
        start = self._clear if self._terminal else ""
        if progress.lasting:
            print(f"{start}{progress.text}", file=sys.stderr, flush=True)
            self._open = False
            return
        now = time.monotonic()
        if self._terminal:
            self._told = progress, now
            self._draw(progress, now)
            if self._clock is None:
                self._clock = threading.Thread(target=self._tick, daemon=True)
                self._clock.start()
        elif now - self._last >= EVERY or progress.fraction in (0.0, 1.0):
            self._last = now
            print(line_of(progress, now - self._began), file=sys.stderr, flush=True)

    def _draw(self, progress: Progress, now: float) -> None:
        line = line_of(progress, now - self._began)
        if self._width is None:
            line = line[: shutil.get_terminal_size().columns - 1]
        else:
            line = line.ljust(self._width)  # overwrites the previous text
        print(f"{self._clear}{line}", end="", file=sys.stderr, flush=True)
        self._open = True

    def _tick(self) -> None:
        """Refresh the elapsed time between reports."""
        while not self._done.wait(TICK):
            with self._writing:
                if self._told is None or not self._open or self._done.is_set():
                    continue
                progress, told = self._told
                now = time.monotonic()
                if (left := progress.remaining_s) is not None:
                    progress = replace(progress, remaining_s=max(0.0, left - (now - told)))
                self._draw(progress, now)


def line_of(progress: Progress, passed_s: float) -> str:
    """Return the progress line after an elapsed time [s]."""
    part = f": {100 * progress.fraction:.0f} %" if progress.known else ""
    parts = [f"{progress.text}{part}", f"{duration(passed_s)} passed", *progress.details]
    if progress.remaining_s is not None and progress.remaining_s >= 1.0:
        parts.append(f"about {duration(progress.remaining_s)} left")
    return ", ".join(parts)
