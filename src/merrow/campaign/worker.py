# SPDX-License-Identifier: MIT
"""One run of a campaign, computed in its own process within a time limit.

    python -m merrow.campaign.worker RUN_FOLDER UNTIL PROCESSES PARENT

continues an ordinary run folder and prints its outcome as one line of JSON. A process that is
killed loses only its current segment.
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
"""Time after which a lock must belong to a live process [s]: orphans of a killed worker end, and
locks of a dead machine expire, sooner."""


@dataclass(frozen=True)
class Outcome:
    """How the work on one run ended.

    Attributes:
        status: done; failed (will fail again until something is changed); stopped cleanly before
            the end; lost (its process was killed, it can continue at once).
        why: Reason, as a sentence, for all but done.
    """

    status: Literal["done", "failed", "stopped", "lost"]
    why: str = ""


class _TimeIsUpError(IncompleteError):
    """The time limit of this process is reached; its run continues in another."""


def supervise(folder: str, limit: TimeLimit, slice_s: float | None, processes: int) -> Outcome:
    """Continue a run in its own process, and wait for it.

    Args:
        folder: Run folder.
        limit: Time limit of the campaign.
        slice_s: Time limit of this process [s]; None for no limit.
        processes: Parallel processes of the run.
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
    """Continue a run in this process, as `supervise` does in another."""
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
    """Wait until no process works in a folder; return False if one keeps it."""
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
    sys.path.append(str(Path.cwd()))  # a calculator in the user's own module, after ours
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s: %(message)s")
    quiet_libraries()
    outcome = compute(folder, TimeLimit(float(until)), None, int(processes))
    print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
