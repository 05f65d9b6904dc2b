# SPDX-License-Identifier: MIT
"""`merrow.Hydration` and `merrow.load_run`: a hydration free energy, and what its folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merrow.api.showing import JobResult, Told, listener
from merrow.errors import IncompleteError, InputError
from merrow.hydration.asked import hydration_config
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import Schedule
from merrow.hydration.result import HydrationResult
from merrow.hydration.run_folder import RunFolder
from merrow.report.text import flatten

if TYPE_CHECKING:
    import pandas as pd

    from merrow.free_energy.estimate import PathEstimate
    from merrow.hydration.cost import Cost
    from merrow.hydration.sampling.context import RunContext
    from merrow.samples import WindowSamples


class Hydration:
    """The hydration free energy of one molecule; everything of it is in the folder `out`.

        run = merrow.Hydration("CO", potential="ani2x", protocol="quick", out="methanol")
        run.run(progress=True)
        run.result

    Created again with the same arguments, it resumes the run in the folder.

    Args:
        source: SMILES, an SDF or mol2 file, or a prmtop.
        inpcrd: Coordinates that belong to a prmtop.
        out: Run folder.
        potential: As `merrow models list` shows it, or "mm".
        weights: File of the potential's weights; None to search.
        protocol: A key of `merrow.PROTOCOLS`.
        settings: Changed settings of the protocol, such as {"cutoff_angstrom": 10.0}.
        route: "direct" or "endpoint"; None: the protocol's.
        ml_mask: AMBER mask of the solute in a prmtop.
        solvate: "tip3p" to put a gas-phase prmtop into water.
        charges: Charge model of the solute: "abcg2", "bcc" or "file".
        gaff: 1 or 2.
        target_stderr: Stop at this standard error [kcal/mol].
        max_time: Stop after minutes, or such as "45m", "12h".
        mm_reference: Direct route: whether MM is sampled too.
        both_routes: Whether both routes are sampled.
        seed: Random seed.
        repeats: Independent repeats; None: the protocol's.
        processes: Processes at a time; None: one for each core.
        platform: OpenMM platform.
        continue_on: Platform on which a run goes on that lost its own: "CPU".
        mm_kernel: Nonbonded forces: "auto", "openmm" or "native".
        engine: What moves the configurations: "auto", "openmm" or "native".
        expt: Measured value [kcal/mol], "value,error", or a table of them.
        name: Name of the molecule in answer and report; None: a known one, or the input file's.

    Attributes:
        folder: The run folder.
        config: Everything that is asked.
    """

    def __init__(
        self,
        source: str | Path,
        inpcrd: str | Path | None = None,
        *,
        out: str | Path,
        potential: str = "ani2x",
        weights: str | Path | None = None,
        protocol: str = "quick",
        settings: Mapping[str, object] | None = None,
        route: str | None = None,
        ml_mask: str | None = None,
        solvate: str | None = None,
        charges: str | None = None,
        gaff: int = 2,
        target_stderr: float | None = None,
        max_time: str | float | None = None,
        mm_reference: bool = False,
        both_routes: bool = False,
        seed: int = 2025,
        repeats: int | None = None,
        processes: int | None = None,
        platform: str = "auto",
        continue_on: str | None = None,
        mm_kernel: str = "auto",
        engine: str = "auto",
        expt: str | float | None = None,
        name: str | None = None,
    ) -> None:
        """Say what is asked, in words as above; nothing is computed or written yet.

        Raises:
            InputError: The arguments do not fit together.
        """
        asked: dict[str, Any] = {key: value for key, value in locals().items() if key != "self"}
        self.folder = Path(out)
        self.config: HydrationConfig = hydration_config(**asked, where="merrow.Hydration")
        self._context: RunContext | None = None

    def prepare(self) -> JobResult:
        """Make the solvated system and its conformers, and sample nothing.

        Returns:
            What the system is.

        Raises:
            MerrowError: The input or the folder do not allow the run.
        """
        prepared = self._prepared().prepared
        info = prepared.info
        data = {
            **info.model_dump(mode="json"),
            "n_atoms": len(prepared.topology),
            "box_angstrom": [float(edge) for edge in prepared.box.diagonal()],
        }
        rows = tuple({"of": key, "value": str(value)} for key, value in flatten(data))
        name = info.molecule.smiles or info.molecule.formula
        return JobResult(f"{name} in water", data, rows, self.folder)

    def estimate_cost(self) -> Cost:
        """Measure some steps of the prepared system and return what the run will take.

        Raises:
            MerrowError: The input or the folder do not allow the run.
        """
        from merrow.hydration.cost import estimate_cost  # noqa: PLC0415

        return estimate_cost(self._prepared())

    def run(self, progress: Told = False) -> HydrationResult:
        """Compute, or go on computing, until the result is there.

        Args:
            progress: True shows a line; or a function that is called with every
                `merrow.Progress`.

        Returns:
            The result, which is also in the folder, with tables and report.

        Raises:
            MerrowError: Any failure, in one sentence; finished pieces are kept.
        """
        from merrow.hydration.run import run_hydration  # noqa: PLC0415

        self._context = None
        with listener(progress) as listen:
            return run_hydration(self.config, self.folder, base=Path(), listen=listen)

    @property
    def result(self) -> HydrationResult:
        """The result of the finished run.

        Raises:
            IncompleteError: There is none yet.
        """
        return load_run(self.folder).result if self.folder.exists() else _none_yet(self.folder)

    def __repr__(self) -> str:
        """Return what is asked, and whether it is done."""
        done = RunFolder(self.folder).result.exists()
        source = self.config.source
        name = source.smiles or source.structure or source.prmtop
        return (
            f"Hydration({name!r}, potential={self.config.potential!r}, "
            f"protocol={self.config.protocol.name!r}, out={str(self.folder)!r}): "
            f"{'finished' if done else 'not finished'}"
        )

    def _prepared(self) -> RunContext:
        from merrow.hydration.cost import prepare_hydration  # noqa: PLC0415

        if self._context is None:
            self._context = prepare_hydration(self.config, self.folder, base=Path())
        return self._context


def load_run(folder: str | Path) -> Run:
    """Return what a run folder holds, of a run that is finished or goes on.

        run = merrow.load_run("methanol")
        run.result
        alchemlyb.estimators.MBAR().fit(run.u_nk())

    Args:
        folder: Folder of `merrow.Hydration` or `merrow hydration`.

    Raises:
        InputError: It is no run folder.
    """
    found = RunFolder(Path(folder))
    if not found.run_file.is_file():
        raise InputError(f"{folder} is no run folder: it has no {found.run_file.name}.")
    config, refined = found.config(), found.read(Schedule)
    if refined is not None:
        protocol = config.protocol.model_copy(update={"schedule": refined})
        config = config.model_copy(update={"protocol": protocol})
    return Run(Path(folder), config)


@dataclass(frozen=True)
class Run:
    """A run folder that is read.

    Attributes:
        folder: The folder.
        config: What was asked, with the schedule that was refined if one was.
    """

    folder: Path
    config: HydrationConfig

    @property
    def result(self) -> HydrationResult:
        """The result.

        Raises:
            IncompleteError: The run is not finished.
        """
        return RunFolder(self.folder).finished() or _none_yet(self.folder)

    @cached_property
    def samples(self) -> WindowSamples:
        """Every record of the sampled path, all repeats.

        Raises:
            IncompleteError: A repeat has no samples yet.
        """
        from merrow.hydration.analysis.gather import read_segments  # noqa: PLC0415
        from merrow.hydration.sampling.tasks import own_hamiltonian  # noqa: PLC0415
        from merrow.samples import concatenate  # noqa: PLC0415

        own = own_hamiltonian(self.config)
        segments = read_segments(RunFolder(self.folder), self.config, "path", own)
        return concatenate([segment.samples for segment in segments])

    def u_nk(self, repeat: int | None = None) -> pd.DataFrame:
        """Return reduced potentials [kT] as alchemlyb's u_nk.

        Args:
            repeat: One repeat, whose rows are a series in time; None: all, for an estimator.

        Raises:
            IncompleteError: A repeat has no samples yet.
        """
        from merrow.free_energy.frames import u_nk  # noqa: PLC0415

        return u_nk(self._of(repeat))

    def dhdl(self, repeat: int | None = None) -> pd.DataFrame:
        """Return ∂H/∂λ [kT] as alchemlyb's dHdl; arguments as `u_nk`.

        Raises:
            IncompleteError: A repeat has no samples yet.
        """
        from merrow.free_energy.frames import dhdl  # noqa: PLC0415

        return dhdl(self._of(repeat))

    @property
    def plot(self) -> Plots:
        """The figures of the report: `plot.overlap()`, `plot.dhdl()`, `plot.profile()`."""
        return Plots(self)

    def _of(self, repeat: int | None) -> WindowSamples:
        samples = self.samples
        if repeat is None:
            return samples
        if not 0 <= repeat < self.config.repeats:
            raise InputError(
                f"{self.folder} has repeats 0 to {self.config.repeats - 1}, not {repeat}."
            )
        return samples.select(samples.repeat == repeat)

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


@dataclass(frozen=True)
class Picture:
    """A figure as SVG, which a notebook shows.

    Attributes:
        svg: The `<svg>` element.
    """

    svg: str

    def save(self, path: str | Path) -> None:
        """Write it to a file, whose name should end with .svg."""
        from merrow.files import atomic_write  # noqa: PLC0415

        text = self.svg
        if "xmlns=" not in text.split(">", 1)[0]:
            text = text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        atomic_write(Path(path), text)

    def _repr_html_(self) -> str:
        return f'<div style="max-width:48em">{self.svg}</div>'


@dataclass(frozen=True)
class Plots:
    """The figures of a run's samples.

    Attributes:
        run: The run.
    """

    run: Run

    def overlap(self) -> Picture:
        """Draw the overlap matrix of the states.

        Raises:
            IncompleteError: A repeat has no samples yet.
            NumericsError: A state has too few of them.
        """
        from merrow.hydration.report.figures import overlap_figure  # noqa: PLC0415

        return Picture(overlap_figure(self._path()))

    def profile(self) -> Picture:
        """Draw the free energy along the states.

        Raises:
            IncompleteError: A repeat has no samples yet.
            NumericsError: A state has too few of them.
        """
        from merrow.hydration.report.figures import profile_figure  # noqa: PLC0415

        return Picture(profile_figure(self._path()))

    def dhdl(self) -> Picture:
        """Draw ⟨∂V/∂λ⟩ along the legs.

        Raises:
            IncompleteError: A repeat has no samples yet.
            NumericsError: A state has too few of them.
        """
        from merrow.free_energy.decorrelate import correlation  # noqa: PLC0415
        from merrow.hydration.report.figures import dvdl_figure  # noqa: PLC0415

        samples = self.run.samples
        return Picture(dvdl_figure(samples, correlation(samples)))

    def _path(self) -> PathEstimate:
        from merrow.free_energy.estimators import mbar  # noqa: PLC0415

        return mbar(self.run.samples)


def _none_yet(folder: Path) -> HydrationResult:
    raise IncompleteError(f"{folder} has no result yet; call run(), or `merrow run {folder}`.")
