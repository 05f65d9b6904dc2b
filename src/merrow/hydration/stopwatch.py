# SPDX-License-Identifier: MIT
"""How long has a run taken, over all processes that worked on it?"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from merrow.engine.storage import save_json
from merrow.errors import MerrowError

TIMING = "timing.json"


@dataclass(frozen=True)
class Stopwatch:
    """Wall time of a run.

    Attributes:
        path: Where the sum is kept.
        earlier: Time of earlier processes [s].
        began: Monotonic time at which this process began [s].
    """

    path: Path
    earlier: float
    began: float

    @property
    def total(self) -> float:
        """Time of all processes [s]."""
        return self.earlier + time.monotonic() - self.began

    def save(self) -> None:
        """Keep the sum, so that a kill loses what comes after."""
        save_json(self.path, {"wall_s": self.total})


@contextlib.contextmanager
def stopwatch(run: Path) -> Iterator[Stopwatch]:
    """Measure this process, and keep the sum however it ends."""
    path = run / TIMING
    earlier = float(json.loads(path.read_text())["wall_s"]) if path.exists() else 0.0
    watch = Stopwatch(path, earlier, time.monotonic())
    try:
        yield watch
    finally:
        with contextlib.suppress(MerrowError):  # a full disk has been told already
            watch.save()
