# SPDX-License-Identifier: MIT
"""The hydration free energy of a molecule, from input to report; resumable at every step."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from pathlib import Path

from merrow.engine.simulation import check_platform
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.files import sweep
from merrow.hydration.analysis.budget import uncertainty_budget
from merrow.hydration.analysis.checks import run_checks
from merrow.hydration.analysis.estimate import HydrationAnalysis, estimate_run
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import begin_run, check_source, resolve_config
from merrow.hydration.report.build import build_result, write_outputs
from merrow.hydration.result import HydrationResult
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.adaptive import Sampler
from merrow.hydration.sampling.context import RunContext, open_run
from merrow.hydration.sampling.dispatch import open_workers
from merrow.hydration.sampling.pilot import refine_schedule
from merrow.hydration.sampling.placing import place_networks
from merrow.hydration.state import PotentialIdentity, PreparedInfo, Timing
from merrow.hydration.workers import start_workers
from merrow.locks import locked
from merrow.potentials.interface import Potential
from merrow.potentials.registry import is_file_of_model, load_potential, located
from merrow.progress import Listener, Progress, silent
from merrow.system.potentials import MM, check_potential


def check_hydration(
    config: HydrationConfig, base: Path, *, with_weights: bool = True, prepared: bool = False
) -> Potential | None:
    """Check the input before anything is written or computed.

    Args:
        config: Configuration.
        base: Folder that relative paths refer to.
        with_weights: Whether weights are also located, and downloaded into the user's cache if
            missing.
        prepared: Whether the system is built already, so that AmberTools is not needed.

    Returns:
        The potential with its weights, or None for MM, which needs the prepared system.

    Raises:
        InputError: The input, the potential or its weights do not allow the run.
    """
    molecule, labels = check_source(config, base, prepared=prepared)
    if molecule.charge:
        raise UnsupportedPhysicsError(
            f"the molecule has a net charge of {molecule.charge:+d}: the hydration free energy of "
            "an ion needs corrections for the periodic box and the surface of water, which are not "
            "built in; ask for its neutral form, or for `merrow energy`."
        )
    name = located(config.potential, base)
    check_potential(name, molecule, labels)
    mm = name.partition(":")[0] == MM
    if mm and config.weights is not None:
        raise InputError(f"{name} has no weights; leave out --weights, or name the potential.")
    if not with_weights or mm:
        return None
    weights = None if config.weights is None else base / config.weights
    return load_potential(name, molecule, weights=weights, labels=labels)


def check_same_model(config: HydrationConfig, runs: Sequence[RunFolder], base: Path) -> None:
    """Check that a model that is named by its file is still the one that runs were sampled with.

    The weights of a model named by its name alone are known by their hash, and are not looked for.

    Args:
        config: Configuration of one of the runs; they share the potential.
        runs: Folders of the runs.
        base: Folder that relative paths refer to.

    Raises:
        InputError: The file is another one, or is not there.
    """
    if config.weights is None and not is_file_of_model(config.potential):
        return
    checked = check_hydration(config, base, prepared=True)
    if checked is None:
        return
    for run in runs:
        run.check_identity(checked.identity)


def run_hydration(
    config: HydrationConfig,
    folder: Path,
    *,
    base: Path,
    listen: Listener = silent,
    executor: Executor | None = None,
) -> HydrationResult:
    """Compute, or resume, a hydration free energy in a folder.

    If the folder holds the finished result of the same configuration, that is returned.

    Args:
        config: Configuration; paths relative to `base`.
        folder: Run folder; made if absent.
        base: Folder that relative paths refer to.
        listen: Called with the progress.
        executor: Workers from `start_workers`, shut down here; None to start them here.

    Returns:
        The result, also written to the folder with tables and report.

    Raises:
        MerrowError: Any failure; finished segments are kept.
    """
    run = RunFolder(folder)
    resolved = resolve_config(config, base, run)
    if run.holds(resolved) and (finished := run.finished(resolved)) is not None:
        check_same_model(config, [run], base)
        return finished
    checked = check_hydration(config, base, prepared=run.read(PreparedInfo) is not None)
    check_platform(resolved.working_platform)
    run = RunFolder(folder.resolve())
    if checked is not None:
        run.check_identity(checked.identity)
    opened = start_workers(resolved) if executor is None else nullcontext(executor)
    with (
        opened as workers,
        locked(run.path),
        run.undone_if_refused(),
        run.stopwatch() as watch,
        run.noted(listen) as tell,
    ):
        sweep(run.path)
        begin_run(run, resolved, config.source, base)
        if checked is not None:
            checked = place_networks(run, resolved, checked, workers, tell)
        context = open_run(run, resolved, checked, tell)
        potential = context.potential
        potential.evaluate(context.conformers[:1])  # it raises its errors before any sampling
        run.check_identity(potential.identity)
        run.save(PotentialIdentity(identity=potential.identity))
        if resolved.protocol.refine_schedule:
            context = refine_schedule(context, workers, tell)
        found = Sampler(open_workers(context, workers), listen=tell, watch=watch).work()
        workers.shutdown(wait=False)  # they end in the background
        tell(Progress("estimating", 1.0, known=False))
        return _finish(context, found or estimate_run(context), watch.total)


def rebuild(
    folder: Path, listen: Listener = silent, *, interactive: bool = False
) -> HydrationResult:
    """Rebuild the estimates, result and report of a run from its samples.

    Args:
        folder: Run folder; an unfinished run needs samples of every part.
        listen: Called with the current step.
        interactive: Whether the report has an interactive 3-D view of the solute.

    Raises:
        IncompleteError: A part of the cycle has no samples yet.
        MerrowError: The folder is not a run folder, or a process is working in it.
    """
    run = RunFolder(folder.resolve())
    config = run.config()
    with locked(run.path):
        listen(Progress("reading the run", known=False))
        context = open_run(run, config, sampling=False)  # perhaps on a machine without its GPU
        listen(Progress("estimating", 1.0, known=False))
        wall = (run.read(Timing) or Timing()).wall_s  # the time of the sampling
        ended = run.ended() is not None
        return _finish(context, estimate_run(context), wall, ended=ended, interactive=interactive)


def _finish(
    context: RunContext,
    found: HydrationAnalysis,
    wall: float,
    *,
    ended: bool = True,
    interactive: bool = False,
) -> HydrationResult:
    """Check an estimate and write all outputs.

    The result of a run whose sampling has not ended says so, and does not count as finished.
    """
    budget, numbers = uncertainty_budget(found, context.potential)
    checks = run_checks(context, found, numbers, ended=ended)
    result = build_result(context, found, checks, budget, wall=wall, ended=ended)
    write_outputs(context, found, checks, result, interactive=interactive)
    return result
