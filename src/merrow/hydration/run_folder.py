# SPDX-License-Identifier: MIT
"""The run folder: its files, their content, and how an interrupted run resumes.

    run.yaml                 configuration; written first
    inputs/                  copies of the input files
    system/                  the solvated system (`PreparedInfo` is written when it is complete),
                             the starting conformers, and decisions made during the run
    tasks/KIND-HAMILTONIAN-REPEAT/
                             segments of samples (`engine/storage.py`)
    timing.json              wall time of all processes
    progress.json            progress of the process that is working on it
    result.json, result.csv, report.html, samples/
                             written at the end; samples are never deleted

Files are written atomically, and each step first looks for its output. So the same command resumes
an interrupted run: existing files are read, missing ones are made. Decisions that depend on samples
(refined schedule, intermediate ensembles, rounds) are written before they take effect: a resumed
run follows them, although it may by then have more samples than the decision was based on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from merrow.engine.storage import TaskFolder, load_arrays, made_on, save_arrays
from merrow.errors import InputError, MerrowError
from merrow.files import atomic_write, save_json
from merrow.folders import resumes, text_of
from merrow.hydration.choices import with_choices_of
from merrow.hydration.config import SHOWN_KEYS, STOPPING_KEYS, HydrationConfig
from merrow.hydration.result import HydrationResult, read_result
from merrow.hydration.sampling.tasks import Task
from merrow.hydration.state import BEHIND_SAMPLES, STATE_FILES, PotentialIdentity, Timing, Underway
from merrow.progress import Listener, Progress
from merrow.settings import Settings

logger = logging.getLogger(__name__)

RUN_FILE = "run.yaml"
NOTE_EVERY = 5.0
"""Minimum interval between two progress notes of a run [s]."""
SUM = "checksum"
"""Key of a state file for the checksum of the others; absent in older folders."""
HEAD = "# merrow run.yaml: all settings of this run; run again with `merrow run`.\n"


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Stopwatch:
    """Wall time of a run: total of earlier processes [s], and the start of this one (monotonic)."""

    earlier: float
    began: float

    @property
    def elapsed(self) -> float:
        """Wall time of this process [s]."""
        return time.monotonic() - self.began

    @property
    def total(self) -> float:
        """Wall time of all processes [s]."""
        return self.earlier + self.elapsed


@dataclass(frozen=True)
class _Inside:
    """A path inside a run folder."""

    name: str

    def __get__(self, folder: RunFolder, _: object) -> Path:
        return folder.path / self.name


@dataclass(frozen=True)
class RunFolder:
    """The folder of one hydration run."""

    path: Path

    run_file = _Inside(RUN_FILE)
    """The resolved configuration."""
    inputs = _Inside("inputs")
    """Copies of the input files."""
    system = _Inside("system")
    """Folder of the simulated system."""
    prmtop = _Inside("system/solvated.prmtop")
    """Topology of the system."""
    inpcrd = _Inside("system/solvated.inpcrd")
    """Initial coordinates of the system."""
    conformers = _Inside("system/conformers.npz")
    """Starting conformers of the repeats and the gas-phase ladders."""
    tasks = _Inside("tasks")
    """Parent folder of all tasks."""
    result = _Inside("result.json")
    """The result, the last file that a run writes."""
    result_table = _Inside("result.csv")
    """The result as one line of CSV."""
    report = _Inside("report.html")
    """The report."""
    tables = _Inside("samples")
    """Samples in alchemlyb's format."""

    def config(self) -> HydrationConfig:
        """Return the configuration of the run.

        Raises:
            InputError: run.yaml is missing or invalid.
        """
        config = read_run_file(self.run_file)
        if not self.tasks.exists():
            return config
        older = {"mm_kernel", "engine"} - config.model_fields_set  # an older run.yaml lacks them
        return config.model_copy(update=dict.fromkeys(older, "openmm"))

    def as_begun(self, config: HydrationConfig) -> HydrationConfig:
        """Return a configuration with the automatic choices of an existing or a new run.

        If repeats take conformers from the gas phase, a new run gets one ladder per repeat: two
        repeats with the same ladder would share its error, and their scatter would not show it.
        """
        ladders = config.protocol.n_gas_ladders
        if self.run_file.is_file():
            there = self.config()
            config = with_choices_of(config, there)
            if ladders < there.protocol.n_gas_ladders <= there.repeats:
                ladders = there.protocol.n_gas_ladders
        elif config.protocol.gas_reservoir:
            ladders = max(ladders, config.repeats)
        protocol = config.protocol.model_copy(update={"n_gas_ladders": ladders})
        return config.model_copy(update={"protocol": protocol})

    def holds(self, config: HydrationConfig) -> bool:
        """Tell whether the folder already holds this run; refuse any other occupied folder.

        Raises:
            InputError: The folder is a file, contains another run, or holds something else.
        """
        asked = self.as_begun(config).sampling_settings()
        if not resumes(
            self.path,
            RUN_FILE,
            "run",
            asked=asked,
            read=lambda _: self._begun(config).sampling_settings(),
        ):
            return False
        there = self.config()
        if config.repeats < there.repeats:
            raise InputError(
                f"{self.path} holds a run of {there.repeats} repeats, but {config.repeats} are "
                "asked for: repeats can be added, never taken away; ask for as many, or choose "
                "another --out."
            )
        return True

    def _begun(self, asked: HydrationConfig) -> HydrationConfig:
        """Return the configuration; a platform not chosen yet is the one requested now."""
        there = self.config()
        if there.platform != "auto":
            return there
        return there.model_copy(update={"platform": asked.platform})

    def copy_system(self, other: RunFolder) -> None:
        """Copy configuration, inputs and system, without samples, into another folder."""
        other.path.mkdir(parents=True)
        shutil.copy(self.run_file, other.run_file)
        for name in ("inputs", "system"):
            if (self.path / name).is_dir():
                shutil.copytree(self.path / name, other.path / name)
        if self.tasks.is_dir():
            other.tasks.mkdir()

    def save_config(self, config: HydrationConfig) -> None:
        """Write the resolved configuration."""
        atomic_write(self.run_file, HEAD + config.to_yaml())

    @contextlib.contextmanager
    def undone_if_refused(self) -> Iterator[None]:
        """Remove a new run whose input turns out to be invalid during preparation."""
        new = not self.run_file.exists()
        try:
            yield
        except InputError:
            if new and not self.tasks.exists():
                for path in (p for p in self.path.iterdir() if not p.name.startswith(".")):
                    if path.is_dir():
                        shutil.rmtree(path)
                    else:
                        path.unlink()
            raise

    def read_conformers(self) -> NDArray[np.float64] | None:
        """Return the conformers [Å], shape (count, n, 3), the input's first; None without any."""
        if not self.conformers.exists():
            return None
        return np.array(load_arrays(self.conformers)["positions"])

    def save_conformers(self, positions: NDArray[np.float64]) -> None:
        """Save the starting conformers [Å], shape (count, n, 3)."""
        save_arrays(self.conformers, {"positions": positions})

    def read(self, kind: type[S]) -> S | None:
        """Return the saved state of a kind; None if there is none.

        Raises:
            InputError: The file is damaged.
        """
        path = self.path / STATE_FILES[kind]
        if not path.exists():
            return None
        try:
            found = json.loads(text_of(path))
        except (ValueError, RecursionError) as error:
            raise self._damaged(path, kind, error) from error
        if isinstance(found, dict) and found.pop(SUM, None) not in (None, _sum_of(found)):
            raise self._damaged(path, kind, "its checksum is wrong")
        return kind.checked(found, source=str(path))

    def _damaged(self, path: Path, kind: type[Settings], why: object) -> InputError:
        """Return the error on a damaged state; what samples rest on cannot be made again."""
        needed = kind in BEHIND_SAMPLES and self.tasks.exists()
        what = (
            "restore it, or begin again in another --out" if needed else "delete it and run again"
        )
        return InputError(f"{path} is damaged ({why}); {what}.")

    def save(self, state: Settings) -> None:
        """Save a state in the file of its kind."""
        content = state.model_dump(mode="json")
        save_json(self.path / STATE_FILES[type(state)], content | {SUM: _sum_of(content)})

    def forget(self, kind: type[Settings]) -> None:
        """Delete the saved state of a kind."""
        (self.path / STATE_FILES[kind]).unlink(missing_ok=True)

    def check_identity(self, identity: str) -> None:
        """Check that the weights are those of the existing samples.

        Raises:
            InputError: The weights differ.
        """
        there = self.read(PotentialIdentity)
        if there is not None and there.identity != identity:
            raise InputError(
                f"{self.path} was sampled with {there.identity} but the weights found now are "
                f"{identity}; give the original weights or another --out."
            )

    def task(self, task: Task) -> TaskFolder:
        """Return the folder of a task."""
        return TaskFolder(self.tasks / task.name)

    @property
    def hot(self) -> TaskFolder:
        """Folder of the short high-temperature gas-phase run that generates conformers."""
        return TaskFolder(self.system / "hot")

    def count_files(self) -> int:
        """Return the number of sample files, a measure of progress."""
        return sum(1 for _ in self.tasks.glob("*/*.npz"))

    def made_on(self) -> dict[str, int]:
        """Return the number of segments in water by platform and device."""
        paths = sorted(self.tasks.glob("*/segment-*.npz"))
        told = Counter(made_on(path) for path in paths)
        return {where: count for where, count in told.items() if where}

    @contextlib.contextmanager
    def noted(self, listen: Listener) -> Iterator[Listener]:
        """Yield a listener that also saves the progress in the folder from time to time."""
        last = 0.0

        def both(progress: Progress) -> None:
            nonlocal last
            listen(progress)
            if progress.lasting or time.monotonic() < last + NOTE_EVERY:
                return
            last = time.monotonic()
            part = progress.fraction if progress.known else None
            left = progress.remaining_s
            with contextlib.suppress(MerrowError):  # a full disk is reported elsewhere
                self.save(
                    Underway(
                        text=progress.text,
                        fraction=part,
                        details=progress.details,
                        remaining_s=left,
                    )
                )

        try:
            yield both
        finally:
            self.forget(Underway)

    @contextlib.contextmanager
    def stopwatch(self) -> Iterator[Stopwatch]:
        """Measure the time of this process, and save the total however it ends."""
        watch = Stopwatch((self.read(Timing) or Timing()).wall_s, time.monotonic())
        try:
            yield watch
        finally:
            with contextlib.suppress(MerrowError):  # a full disk has been reported already
                self.save(Timing(wall_s=watch.total))

    def finished(self, config: HydrationConfig | None = None) -> HydrationResult | None:
        """Return the result of a finished run; None if it is unfinished or is to continue.

        A result that this version cannot read is estimated again from the samples.

        Args:
            config: Requested configuration; None for that of run.yaml.
        """
        result = self.ended(config)
        if result is None:
            return None
        config = config or self.config()
        for key in SHOWN_KEYS:
            before = config.name if key == "name" else None  # an older result has no name
            if result.settings.get(key, before) != getattr(config, key):
                return None
        return result

    def ended(self, config: HydrationConfig | None = None) -> HydrationResult | None:
        """Return the result of a run whose sampling has ended, perhaps with older shown settings.

        Arguments as `finished`.
        """
        if not (self.result.exists() and self.run_file.exists()):
            return None
        config = config or self.config()
        try:
            result = read_result(self.result)
        except InputError as error:
            logger.warning("%s It is made again from the samples.", error)
            return None
        # from the result, not run.yaml, which a longer run that was killed has rewritten
        made, wanted = result.settings.get("protocol"), config.protocol.model_dump(mode="json")
        same = isinstance(made, dict) and all(made.get(key) == wanted[key] for key in STOPPING_KEYS)
        same &= result.settings.get("repeats") == config.repeats
        # `merrow report` makes results of unfinished runs too
        return result if same and result.settings.get("sampling_ended", True) else None


def _sum_of(content: dict[str, object]) -> str:
    """Return the checksum of the content of a state file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def begun_by_merrow(run_file: Path) -> bool:
    """Tell whether a run file belongs to a run folder, and is not the user's own file."""
    folder = RunFolder(run_file.parent)
    if folder.system.exists() or folder.result.exists():
        return True
    return text_of(run_file).startswith(HEAD)


def read_run_file(path: Path) -> HydrationConfig:
    """Read a run file.

    Raises:
        InputError: The file is missing, not YAML, or holds an unknown key or value.
    """
    if not path.is_file():
        hint = "give a run folder, or its run.yaml"
        if (path.parent / "campaign.yaml").is_file():
            hint = f"{path.parent} is a campaign's folder: `merrow campaign run` resumes it"
        raise InputError(f"{path} does not exist; {hint}.")
    return HydrationConfig.from_yaml(text_of(path), source=str(path))
