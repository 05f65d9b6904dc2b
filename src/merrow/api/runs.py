# SPDX-License-Identifier: MIT
"""`merrow.Hydration` and `merrow.load_run`: run a hydration free energy, and read a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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
    """The hydration free energy of one molecule; all files are kept in the folder `out`.

        run = merrow.Hydration("CO", potential="ani2x", protocol="quick", out="methanol")
        run.run(progress=True)
        run.result

    The same arguments resume the run in the folder.

    Args:
        source: SMILES, an SDF or mol2 file, or a prmtop.
        inpcrd: Coordinates for a prmtop.
        out: Run folder; resumed if it exists.
        potential: Name from `merrow models list`, or "mm".
        weights: Weights file of the potential; None to search for it.
        protocol: A key of `merrow.PROTOCOLS`.
        settings: Protocol settings to change, such as {"cutoff_angstrom": 10.0}.
        route: "direct" or "endpoint"; None for the protocol's.
        ml_mask: AMBER mask of the solute in a prmtop.
        solvate: "tip3p" to solvate a gas-phase prmtop.
        charges: Charge model of the solute: "abcg2", "bcc" or "file".
        gaff: GAFF version, 1 or 2; None for 2, or for a prmtop.
        target_stderr: Standard error at which sampling stops [kcal/mol], once repeats agree in
            their conformers.
        max_time: Time limit in minutes, or such as "45m", "12h".
        mm_reference: Whether MM is sampled too (direct route).
        both_routes: Whether both routes are sampled.
        seed: Random seed.
        repeats: Independent repeats; None for the protocol's.
        processes: Parallel processes; None for one per core.
        platform: OpenMM platform.
        continue_on: "CPU" to continue a run that has lost its GPU.
        mm_kernel: Nonbonded forces: "auto", "openmm" or "native".
        engine: Integrator: "auto", "openmm" or "native".
        expt: Experimental value [kcal/mol], "value,error", or a table of them.
        name: Name of the molecule in the report; None for a known name or the input file's.

    Attributes:
        folder: The run folder.
        config: All settings.
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
        gaff: int | None = None,
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
        """Set up the run with the arguments above; nothing is computed or written yet.

        Raises:
            InputError: The arguments do not fit together.
        """
        asked: dict[str, Any] = {key: value for key, value in locals().items() if key != "self"}
        self.folder = Path(out)
        self.config: HydrationConfig = hydration_config(**asked, where="merrow.Hydration")
        self._context: RunContext | None = None

    def prepare(self) -> JobResult:
        """Build the solvated system and its conformers without sampling.

        Returns:
            A summary of the system.

        Raises:
            MerrowError: The input or the folder does not allow the run.
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
        """Time some steps of the prepared system and estimate the cost of the run.

        Raises:
            MerrowError: The input or the folder does not allow the run.
        """
        from merrow.hydration.cost import estimate_cost  # noqa: PLC0415

        return estimate_cost(self._prepared())

    def run(self, progress: Told = False) -> HydrationResult:
        """Run, or resume, until the result is available.

        Args:
            progress: True shows progress; a function receives every `merrow.Progress`.

        Returns:
            The result, also written to the folder with tables and report.

        Raises:
            MerrowError: Any failure; finished samples are kept.
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
        """Return the settings in short, and whether the run is finished."""
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
    """Read a run folder, of a finished or a running calculation.

        run = merrow.load_run("methanol")
        run.result
        alchemlyb.estimators.MBAR().fit(run.u_nk())

    Args:
        folder: Folder of `merrow.Hydration` or `merrow hydration`.

    Raises:
        InputError: The folder is not a run folder.
    """
    found = RunFolder(Path(folder))
    if not found.run_file.is_file():
        raise InputError(f"{folder} is not a run folder: it has no {found.run_file.name}.")
    found.config()  # it must be readable
    return Run(found.path)


@dataclass(frozen=True)
class Run:
    """The settings, result and samples in a run folder, as they are when they are asked for.

    Attributes:
        folder: Run folder.
    """

    folder: Path
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def config(self) -> HydrationConfig:
        """The settings of the run, with the refined λ schedule if there is one.

        Raises:
            InputError: The folder is no longer that of a run.
        """
        found = RunFolder(self.folder)
        config, refined = found.config(), found.read(Schedule)
        if refined is None:
            return config
        protocol = config.protocol.model_copy(update={"schedule": refined})
        return config.model_copy(update={"protocol": protocol})

    @property
    def result(self) -> HydrationResult:
        """The result.

        Raises:
            IncompleteError: The run is not finished.
        """
        return RunFolder(self.folder).finished() or _none_yet(self.folder)

    @property
    def samples(self) -> WindowSamples:
        """All samples of the alchemical path, of all repeats.

        Raises:
            IncompleteError: A repeat has no samples yet.
        """
        from merrow.hydration.analysis.gather import read_segments  # noqa: PLC0415
        from merrow.hydration.sampling.tasks import own_hamiltonian  # noqa: PLC0415
        from merrow.samples import concatenate  # noqa: PLC0415

        found, config = RunFolder(self.folder), self.config
        state = found.count_files(), config
        if self._kept.get("state") != state:  # a run that goes on writes more of them
            segments = read_segments(found, config, "path", own_hamiltonian(config))
            samples = concatenate([segment.samples for segment in segments])
            self._kept.update(state=state, samples=samples)
        return cast("WindowSamples", self._kept["samples"])

    def u_nk(self, repeat: int | None = None) -> pd.DataFrame:
        """Return reduced potentials [kT] as alchemlyb's u_nk.

        Args:
            repeat: One repeat, as a time series; None for all of them, as an estimator takes them.

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
        there = range(self.config.repeats)
        if isinstance(repeat, bool) or repeat not in there:
            raise InputError(f"{self.folder} has repeats 0 to {there[-1]}, not {repeat!r}.")
        return samples.select(samples.repeat == repeat)

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


@dataclass(frozen=True)
class Picture:
    """An SVG figure, displayed by notebooks.

    Attributes:
        svg: The `<svg>` element.
    """

    svg: str

    def save(self, path: str | Path) -> None:
        """Write the figure to an .svg file."""
        from merrow.files import atomic_write  # noqa: PLC0415

        text = self.svg
        if "xmlns=" not in text.split(">", 1)[0]:
            text = text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        atomic_write(Path(path), text)

    def _repr_html_(self) -> str:
        return f'<div style="max-width:48em">{self.svg}</div>'


@dataclass(frozen=True)
class Plots:
    """Figures of the samples of a run.

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
