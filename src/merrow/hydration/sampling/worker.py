# SPDX-License-Identifier: MIT
"""What a worker process of a run does: reads the run once, then piece after piece.

It is told the run folder and a task; everything else it reads there, so any process on any machine
that sees the folder can do the next piece. The context below lives as long as the process.
"""

from __future__ import annotations

import functools
from pathlib import Path

from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext, open_run
from merrow.hydration.sampling.pieces import advance
from merrow.hydration.sampling.tasks import Task
from merrow.locks import follow_lock


@functools.cache
def _context(run: Path, _pilot: bool) -> RunContext:
    """Return the context of this process, made by its first piece; after a pilot, anew."""
    follow_lock(run)
    folder = RunFolder(run)
    return open_run(folder, folder.config())


def advance_in_worker(run: Path, task: Task) -> int:
    """Do the next piece of a task; return its complete segments."""
    return advance(_context(run, task.kind == "pilot"), task)
