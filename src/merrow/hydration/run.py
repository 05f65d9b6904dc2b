# SPDX-License-Identifier: MIT
"""From a molecule to its hydration free energy: the whole way, resumable at every step."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from merrow.engine.simulation import check_platform
from merrow.engine.storage import save_json
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.executor import core_count, open_executor
from merrow.folders import locked
from merrow.hydration.analysis.budget import uncertainty_budget
from merrow.hydration.analysis.checks import run_checks
from merrow.hydration.analysis.estimate import estimate_run
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import (
    adopt_inputs,
    check_source,
    prepare_system,
    read_prepared,
    weights_identity,
)
from merrow.hydration.report.build import build_result, write_outputs
from merrow.hydration.result import HydrationResult
from merrow.hydration.run_folder import (
    as_begun,
    check_folder,
    read_finished,
    refined,
    undone_if_refused,
    write_run_file,
)
from merrow.hydration.sampling.adaptive import Sampler
from merrow.hydration.sampling.conformers import make_conformers
from merrow.hydration.sampling.dispatch import Tally
from merrow.hydration.sampling.pilot import refine_schedule
from merrow.hydration.sampling.tasks import close_benches, open_bench
from merrow.hydration.stopwatch import stopwatch
from merrow.potentials.registry import located
from merrow.progress import Listener, Report
from merrow.system.potentials import MM, check_potential, open_potential

logger = logging.getLogger(__name__)

IDENTITY = "system/potential.json"


def check_hydration(
    config: HydrationConfig, base: Path, *, with_weights: bool = True
) -> str | None:
    """Refuse what cannot be computed, before anything is written or computed.

    Args:
        config: What is asked.
        base: What relative paths refer to.
        with_weights: Whether weights are looked for too, and fetched into the user's cache where
            they are not here.

    Returns:
        Identity of the weights, or None for MM terms, which need the prepared system.

    Raises:
        InputError: The input, the potential or its weights do not allow it.
    """
    molecule, labels = check_source(config, base)
    if molecule.charge:
        raise UnsupportedPhysicsError(
            f"the molecule has a net charge of {molecule.charge:+d}: the hydration free energy of "
            "an ion needs corrections for the periodic box and the surface of water, which are not "
            "built in; ask for its neutral form, or for `merrow energy`."
        )
    check_potential(located(config.potential, base), molecule, labels)
    return weights_identity(config, base, molecule) if with_weights else None


def run_hydration(
    config: HydrationConfig, folder: Path, *, base: Path, listen: Listener = lambda _: None
) -> HydrationResult:
    """Compute, or go on computing, one hydration free energy in a folder.

    Where the folder holds the finished result of the same configuration, that is returned.

    Args:
        config: What is asked; paths relative to `base`.
        folder: The run folder; made if it is absent.
        base: What relative paths refer to.
        listen: Told about progress.

    Returns:
        The result, also written to the folder with the tables and the report.

    Raises:
        MerrowError: Any failure, in one sentence; finished pieces are kept.
    """
    config = as_begun(folder, config)
    adopted = adopt_inputs(config, base, None)
    if check_folder(folder, adopted) and (finished := read_finished(folder, adopted)) is not None:
        return finished
    identity = check_hydration(config, base)
    check_platform(config.platform)
    run = folder.resolve()
    if identity is not None:
        _check_identity(run, identity)
    with locked(run), undone_if_refused(run), stopwatch(run) as watch:
        write_run_file(run, adopted)
        adopt_inputs(config, base, run)
        listen(Report("preparing the system", 0.0))
        prepare_system(run, adopted)
        prepared = read_prepared(run, adopted)
        classical = open_potential(MM, prepared.topology, prepared.region)
        make_conformers(run, adopted, prepared, classical)
        close_benches()
        bench = open_bench(run)
        potential = bench.potential
        potential.evaluate(bench.conformers[:1])  # what it cannot do is said before any sampling
        _check_identity(run, potential.identity)
        _keep_identity(run, potential.identity)
        processes = adopted.processes or core_count()
        if adopted.protocol.refine_schedule:
            _pilot(run, adopted, processes, listen)
            adopted = refined(run, adopted)
            close_benches()
        with open_executor(processes) as executor:
            Sampler(run, adopted, executor, processes, listen=listen, watch=watch).work()
        listen(Report("estimating", 1.0))
        found = estimate_run(run, adopted)
        budget, numbers = uncertainty_budget(found, potential)
        checks = run_checks(found, prepared, adopted, numbers)
        result = build_result(adopted, prepared, found, checks, budget, potential, wall=watch.total)
        write_outputs(run, prepared, found, checks, result, potential.capabilities.citation)
    return result


def _pilot(run: Path, config: HydrationConfig, processes: int, listen: Listener) -> None:
    """Judge the schedule, in processes of their own: workers keep the schedule they have read."""

    def progress(tally: Tally) -> None:
        left = tally.seconds_left(processes)
        listen(Report("pilot run", tally.fraction, remaining_s=left))

    with open_executor(processes) as executor:
        refine_schedule(executor, processes, run, config, progress=progress)


def _check_identity(run: Path, identity: str) -> None:
    """Refuse to go on with other weights than those the samples were made with."""
    path = run / IDENTITY
    if not path.exists():
        return
    there = json.loads(path.read_text())["identity"]
    if there != identity:
        raise InputError(
            f"{run} was sampled with {there} but the weights found now are {identity}; "
            "give the original weights or another --out."
        )


def _keep_identity(run: Path, identity: str) -> None:
    if not (run / IDENTITY).exists():
        save_json(run / IDENTITY, {"identity": identity})
