# SPDX-License-Identifier: MIT
"""One run of a campaign, computed in a process of its own as far as its time allows.

    python -m merrow.campaign.worker RUN_FOLDER UNTIL PROCESSES PARENT

goes on with an ordinary run folder and prints one line of JSON: how it ended. A process that is
killed loses the segment it was at, and nothing else.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from os import getpid
from pathlib import Path
from typing import Literal

from merrow.errors import IncompleteError, InputError, MerrowError, first_line
from merrow.executor import run_subprocess
from merrow.hydration.run_folder import RunFolder
from merrow.locks import PATIENCE, TakenOverError, locked
from merrow.process import begin_worker, quiet_libraries
from merrow.progress import Progress, TimeLimit

LOG = "worker.log"
LOCK_PATIENCE = PATIENCE + 30.0
"""The orphan of a killed worker ends within seconds, and the lock of a dead machine falls; one held
for longer is somebody's [s]."""


@dataclass(frozen=True)
class Outcome:
    """How the work on one run ended.

    Attributes:
        status: done; failed (again and again, until something is changed); stopped cleanly
            before the end; lost (its process was killed, it can go on at once).
        why: One sentence for all but done.
    """

    status: Literal["done", "failed", "stopped", "lost"]
    why: str = ""


class _TimeIsUpError(IncompleteError):
    """The time of this process is up; its run goes on in another."""


def supervise(folder: str, limit: TimeLimit, slice_s: float | None, processes: int) -> Outcome:
    """Go on with a run in a process of its own, and wait for it.

    Args:
        folder: The run folder.
        limit: When it is to stop cleanly.
        slice_s: Time after which it is to stop, too [s]; None: at its end.
        processes: Pieces of the run at a time.
    """
    limit = min(limit, TimeLimit.after(slice_s))
    module = [sys.executable, "-m", "merrow.campaign.worker"]
    words = [*module, folder, repr(limit.at), str(processes), str(getpid())]
    code, out = run_subprocess(words, Path(folder) / LOG)
    try:
        return Outcome(**json.loads(out.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Outcome("lost", f"its process ended with {ended}")


def compute(folder: str, limit: TimeLimit, slice_s: float | None, processes: int) -> Outcome:
    """Go on with a run in this process, as `supervise` does in another."""
    from merrow.hydration.run import run_hydration  # noqa: PLC0415

    limit = min(limit, TimeLimit.after(slice_s))

    def stop_in_time(_: Progress) -> None:
        if limit.passed():
            raise _TimeIsUpError("its time was up.")

    try:
        run = RunFolder(Path(folder))
        config = run.config().model_copy(update={"processes": processes})
        if not _free(run.path):
            return Outcome("lost", "another merrow process is working in its folder")
        run_hydration(config, run.path, base=run.path, listen=stop_in_time)
    except _TimeIsUpError as error:
        return Outcome("stopped", str(error))
    except TakenOverError as error:
        return Outcome("lost", str(error))
    except MerrowError as error:
        return Outcome("failed", str(error))
    except Exception as error:
        traceback.print_exc()
        return Outcome(
            "failed", f"unexpected {type(error).__name__}: {first_line(error)}; see {LOG}."
        )
    return Outcome("done")


def _free(folder: Path) -> bool:
    """Wait until nobody works in a folder; False if somebody goes on doing so."""
    end = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            with locked(folder):
                return True
        except InputError:
            if time.monotonic() > end:
                return False
            time.sleep(0.2)


def main() -> None:
    """Read the four arguments, compute, and print the outcome."""
    folder, until, processes, parent = sys.argv[1:]
    begin_worker(int(parent))
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s: %(message)s")
    quiet_libraries()
    outcome = compute(folder, TimeLimit(float(until)), None, int(processes))
    print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
