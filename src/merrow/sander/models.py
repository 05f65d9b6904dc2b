# SPDX-License-Identifier: MIT
"""Evaluation of sander's requests by the model server: energy and forces of a step."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from merrow.amber.topology import AmberTopology, read_topology
from merrow.errors import InputError, MerrowError, NumericsError
from merrow.potentials.elements import SYMBOLS
from merrow.potentials.ensemble import check_ensemble
from merrow.potentials.interface import Array, Potential
from merrow.potentials.placement import on_fastest
from merrow.sander.files import read_geometry, results_text
from merrow.sander.server import Reply, Request
from merrow.settings import Placement, Settings
from merrow.system.potentials import open_potential
from merrow.system.region import MLRegion, region_of
from merrow.units import amber_coulomb_charge_scale


class Job(Settings):
    """The model that a run of sander needs; sent with every request, as JSON."""

    prmtop: str
    """Absolute path of the topology."""
    atoms: tuple[int, ...]
    """Atoms of the ML region counted from 0, ascending."""
    potential: str
    """Name of the potential."""
    weights: str | None = None
    """Absolute path of its weights, or None to search for them."""
    precision: str = "float32"
    """Precision of the networks."""
    max_spread_kcal: float | None = None
    """Ensemble spread above which the run stops [kcal/mol], or None."""
    files: tuple[tuple[str, int, int], ...] = ()
    """Path, modification time [ns] and size [bytes] of each file that it depends on, at the start
    of the run, so that a server distinguishes models from before and after a change."""


def parse_job(text: str) -> Job:
    """Parse the JSON of a job.

    Raises:
        InputError: The job is of another version.
    """
    try:
        return Job.model_validate_json(text)
    except ValueError as error:
        raise InputError("the job of a caller is of another version of merrow.") from error


def file_states(*paths: str | None) -> tuple[tuple[str, int, int], ...]:
    """Return path, modification time [ns] and size [bytes] of the existing files."""
    found = [Path(path) for path in paths if path and Path(path).is_file()]
    return tuple((str(one), one.stat().st_mtime_ns, one.stat().st_size) for one in found)


def ready_models() -> Models:
    """Return models for a shared server, with torch already imported."""
    with contextlib.suppress(ImportError):
        importlib.import_module("torch")
    return Models()


@dataclass
class _Model:
    """What a job asks: where it computes is measured at the first geometry, and kept."""

    load: Callable[[], Potential]
    potential: Potential
    region: MLRegion
    limit: float
    where: Placement | None = None

    def at(self, positions: Array) -> Potential:
        """Return the potential where it is the fastest for one conformer [Å], shape (N, 3)."""
        if self.where is None:
            placed = on_fastest(
                self.potential, self.load, lambda potential: potential.evaluate(positions[None])
            )
            self.potential, self.where = placed.potential, placed.where
        return self.potential

    def place(self) -> str:
        """Return in words where it computes; empty before the first geometry."""
        if self.where is None:
            return ""
        times = self.where.sentence()
        return f", on {self.where.device}" + (f" (a call: {times})" if times else "")


class Models:
    """Answers requests; each model is loaded once and cached."""

    def __init__(self) -> None:
        """Start without models."""
        self._opened: dict[str, _Model] = {}

    def open(self, text: str, topology: AmberTopology | None = None) -> Potential:
        """Return the potential of a job, loaded on its first request.

        Args:
            text: The job.
            topology: Its prmtop, if already read.

        Raises:
            MerrowError: The files or the potential of the job cannot be used.
        """
        return self._open(text, topology).potential

    def answer(self, request: Request) -> Reply:
        """Return sander's result file and the client's line "energy spread" [kcal/mol].

        Without a geometry, the model is loaded, and its identity and place are returned.

        Raises:
            MerrowError: The request does not match the job, or the model fails.
        """
        model = self._open(request.job)
        region = model.region
        if not request.geometry:
            return Reply(model.potential.identity, model.place())
        geometry = read_geometry(request.input, request.geometry)
        symbols = tuple(SYMBOLS[number] for number in region.molecule.numbers)
        if tuple(symbol.capitalize() for symbol in geometry.symbols) != symbols:
            raise MerrowError(
                f"sander's QM region has the elements {' '.join(geometry.symbols)}, but the ML "
                f"region in the prmtop has {' '.join(symbols)}: the mask means other atoms there."
            )
        if (geometry.charge, geometry.multiplicity) != (region.molecule.charge, 1):
            raise MerrowError("sander asks for another charge or spin than the ML region has.")
        evaluation = model.at(geometry.positions).evaluate(geometry.positions[None])
        energy = float(evaluation.energies[0])
        spread = math.nan if evaluation.spread is None else float(evaluation.spread[0])
        if not math.isfinite(energy):
            raise NumericsError(
                "the ML energy is not finite: look for atoms that lie on each other."
            )
        if spread > model.limit:
            raise NumericsError(
                f"the ensemble spread of {spread:.3f} kcal/mol is above "
                f"max_spread={model.limit:g}: the geometry is outside of what the model knows."
            )
        return Reply(results_text(energy, evaluation.forces[0]), f"{energy:.8f} {spread:.8f}\n")

    def _open(self, text: str, topology: AmberTopology | None = None) -> _Model:
        if text not in self._opened:
            job = parse_job(text)
            for state in job.files:
                if file_states(state[0]) != (state,):
                    raise InputError(f"{state[0]} has changed since the run began; begin it anew.")
            if topology is None:
                topology = read_topology(Path(job.prmtop))
            region = region_of(topology, job.atoms, name="the ML region")
            load = partial(
                open_potential,
                job.potential,
                topology,
                region,
                weights=job.weights,
                precision=job.precision,
                charge_scale=amber_coulomb_charge_scale(),
            )
            potential = load()
            check_ensemble(job.max_spread_kcal, potential)
            limit = math.inf if job.max_spread_kcal is None else job.max_spread_kcal
            self._opened[text] = _Model(load, potential, region, limit)
        return self._opened[text]
