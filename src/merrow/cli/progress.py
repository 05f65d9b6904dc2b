# SPDX-License-Identifier: MIT
"""How does a long calculation show that it lives? One line with time left, on the terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from merrow.progress import Report

EVERY = 60.0
"""Where the output is not a terminal, one line in so many seconds [s]."""


class Progress:
    """Shows reports of a workflow on stderr; a context manager."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._live: Live | None = None
        self._last = 0.0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            self._live = Live(Text(""), console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def listen(self, report: Report) -> None:
        """Show one report."""
        if self._quiet:
            return
        if report.lasting:
            self._console.print(f"{report.stage}.", highlight=False, soft_wrap=True)
            return
        line = _line(report, time.monotonic() - self._began)
        if self._live is not None:
            self._live.update(Text(line))
            return
        now = time.monotonic()
        if now - self._last >= EVERY or report.fraction in (0.0, 1.0):
            self._last = now
            self._console.print(line, highlight=False)


def _line(report: Report, passed: float) -> str:
    parts = [f"{report.stage}: {100 * report.fraction:3.0f} %", f"{_clock(passed)} passed"]
    if report.stderr_kcal is not None:
        text = f"stderr {report.stderr_kcal:.2f}"
        if report.target_kcal is not None:
            text += f" of {report.target_kcal:.2f}"
        parts.append(text + " kcal/mol")
    if report.remaining_s is not None:
        parts.append(f"about {_clock(report.remaining_s)} left")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
