# SPDX-License-Identifier: MIT
"""Whose folder is this, and may this run write here? Create, lock, recognise, resume."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merrow.errors import InputError
from merrow.files import atomic_write
from merrow.folders import first_difference, occupied, text_of
from merrow.hydration.config import STOPPING_KEYS, HydrationConfig
from merrow.hydration.protocol import Schedule
from merrow.hydration.result import HydrationResult, read_result

logger = logging.getLogger(__name__)

RUN_FILE = "run.yaml"
SCHEDULE = "system/schedule.json"


def as_begun(folder: Path, config: HydrationConfig) -> HydrationConfig:
    """Return the configuration with what a run folder was begun with.

    A run.yaml that does not know `gas_reservoir` was sampled without; it goes on as it began. Where
    repeats take conformers from gas, a new run gets a ladder for each: two repeats of one ladder
    would share its error, and their scatter would not show it.
    """
    run_file = folder / RUN_FILE
    changes: dict[str, int | None] = {}
    there = read_run_file(run_file) if run_file.is_file() else None
    if there is None:
        changes["n_gas_ladders"] = _ladders(config)
    elif there.protocol.gas_reservoir is None:
        logger.info("%s is older than gas_reservoir and goes on without.", folder)
        changes["gas_reservoir"] = None
    elif config.protocol.n_gas_ladders < there.protocol.n_gas_ladders <= there.repeats:
        changes["n_gas_ladders"] = there.protocol.n_gas_ladders
    protocol = config.protocol.model_copy(update=changes)
    return config.model_copy(update={"protocol": protocol})


def _ladders(config: HydrationConfig) -> int:
    own = config.protocol.n_gas_ladders
    return max(own, config.repeats) if config.protocol.gas_reservoir else own


def check_folder(folder: Path, config: HydrationConfig) -> bool:
    """Tell whether a folder already holds this run, and refuse any other occupied folder.

    Raises:
        InputError: The folder is a file, holds another run, or holds something else.
    """
    run_file = folder / RUN_FILE
    if not occupied(folder, RUN_FILE, "merrow run"):
        return False
    there = HydrationConfig.from_yaml(text_of(run_file), source=str(run_file))
    differing = first_difference(there.sampling_settings(), config.sampling_settings())
    if differing:
        raise InputError(
            f"{folder} holds another run: {differing}; choose another --out, or continue the "
            f"run there with `merrow run {run_file}`."
        )
    if config.repeats < there.repeats:
        raise InputError(
            f"{folder} holds a run of {there.repeats} repeats, but {config.repeats} are asked "
            "for: repeats can be added, never taken away; ask for as many, or choose another "
            "--out."
        )
    return True


@contextmanager
def undone_if_refused(folder: Path) -> Iterator[None]:
    """Leave nothing of a new run whose input turns out to be impossible while it is prepared."""
    new = not (folder / RUN_FILE).exists()
    try:
        yield
    except InputError:
        if new and not (folder / "tasks").exists():
            for path in (p for p in folder.iterdir() if not p.name.startswith(".")):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        raise


def write_run_file(folder: Path, config: HydrationConfig) -> None:
    """Write the resolved configuration, `run.yaml`."""
    head = "# merrow run.yaml: everything this run was asked; run again with `merrow run`.\n"
    atomic_write(folder / RUN_FILE, head + config.to_yaml())


def read_run_file(path: Path) -> HydrationConfig:
    """Read a run file.

    Raises:
        InputError: It is missing, not YAML, or holds an unknown key or value.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the run.yaml of a run folder.")
    return HydrationConfig.from_yaml(text_of(path), source=str(path))


def read_finished(folder: Path, config: HydrationConfig) -> HydrationResult | None:
    """Return the result of a run that came to its end; None where it did not, or is to go on.

    A result that this version cannot read is left to be estimated again from the samples.
    """
    path = folder / "result.json"
    if not path.exists():
        return None
    try:
        result = read_result(path)
    except InputError as error:
        logger.warning("%s It is made again from the samples.", error)
        return None
    # asked of the result, not of run.yaml: a longer run that was killed has rewritten run.yaml
    made, wanted = result.settings.get("protocol"), config.protocol.model_dump(mode="json")
    same = isinstance(made, dict) and all(made.get(key) == wanted[key] for key in STOPPING_KEYS)
    return result if same and result.settings.get("repeats") == config.repeats else None


def refined(run: Path, config: HydrationConfig) -> HydrationConfig:
    """Return the configuration with the refined schedule, where there is one."""
    path = run / SCHEDULE
    if not path.exists():
        return config
    schedule = Schedule.checked(json.loads(path.read_text()), source=str(path))
    protocol = config.protocol.model_copy(update={"schedule": schedule})
    return config.model_copy(update={"protocol": protocol})
