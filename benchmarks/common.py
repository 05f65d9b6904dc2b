# SPDX-License-Identifier: MIT
"""What the scripts share: one thread, the command line, FreeSolv's files, the file of figures."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TORCHANI_NO_WARN_EXTENSIONS", "1")

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from merrow.engine.plans import LegPlan
    from merrow.engine.segments import Segment
    from merrow.engine.simulation import Snapshot
    from merrow.hydration.config import HydrationConfig, Source
    from merrow.hydration.result import HydrationResult
    from merrow.hydration.run_folder import RunFolder
    from merrow.hydration.sampling.context import RunContext
    from merrow.hydration.sampling.tasks import Hamiltonian
    from merrow.potentials import Molecule
    from merrow.progress import Progress
    from merrow.samples import WindowSamples
    from merrow.system.build import HybridSystem

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHARED = Path(os.environ.get("MERROW_SHARED", ROOT.parent / "shared"))
MOLECULES = {
    "methane": "mobley_9055303",
    "methanol": "mobley_1636752",
    "ethane": "mobley_2008055",
    "butane": "mobley_1923244",
    "acetone": "mobley_3867265",
    "toluene": "mobley_1873346",
    "nitromethane": "mobley_1952272",
    "propionamide": "mobley_8427539",
    "dimethoxymethane": "mobley_3083321",
}
"""FreeSolv's names."""
SMILES = {
    "methanol": "CO",
    "toluene": "Cc1ccccc1",
    "acetone": "CC(C)=O",
    "acetonitrile": "CC#N",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "erlotinib": "COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC",
}
FREESOLV = SHARED / "data/freesolv"
SYSTEMS = ROOT / "tests" / "data" / "systems"
OPTIONS: dict[str, dict[str, Any]] = {
    "data": {
        "type": Path,
        "default": FREESOLV if FREESOLV.is_dir() else SYSTEMS,
        "help": "folder of FreeSolv, or of prmtop and inpcrd files named by their molecules",
    },
    "folder": {"type": Path, "required": True, "help": "what is kept, to go on from"},
    "json": {"action": "store_true", "help": "print JSON"},
    "minutes": {"type": float, "help": "end cleanly after so long"},
    "mask": {"default": ":1", "help": "ML region"},
    "models": {"type": Path, "help": "folder with the weights; default: where the program looks"},
    "potential": {"default": "ani2x"},
    "prmtop": {"type": Path, "required": True},
    "restart": {"type": Path, "required": True},
    "runs": {"type": Path, "required": True, "help": "where runs are kept, to go on from"},
    "rounds": {"type": int, "default": 15, "help": "rounds, one call of each variant"},
}
"""Options that several scripts have."""


def parser(doc: str | None, *names: str, **own: Any) -> argparse.ArgumentParser:
    """Return what reads a command line.

    Args:
        doc: Docstring of the script.
        names: Names of `OPTIONS`.
        own: Further options, each with its default or with the words of `add_argument`.
    """
    reader = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in names:
        reader.add_argument(f"--{name}", **OPTIONS[name])
    for name, words in own.items():
        given = words if isinstance(words, dict) else {"type": type(words), "default": words}
        reader.add_argument(f"--{name.replace('_', '-')}", **given)
    return reader


def header() -> dict[str, Any]:
    """Return machine, load and versions: on what a figure was measured."""
    from merrow.versions import versions  # noqa: PLC0415

    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "versions": versions(),
    }


def save(name: str, content: dict[str, Any], path: Path | None = None) -> Path:
    """Write `results/NAME.json`, or another file, whole or not at all; print where."""
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps({"environment": header(), **content}, indent=1) + "\n")
    scratch.replace(path)
    print(path, file=sys.stderr)
    return path


@dataclass(frozen=True)
class Panel:
    """A part of a figure: lines by their labels, each x and y."""

    title: str
    x: str
    y: str
    lines: dict[str, tuple[Sequence[float], Sequence[float]]]
    scale: Literal["linear", "log"] = "log"


def figure(name: str, panels: Sequence[Panel], path: Path | None = None) -> Path:
    """Write `results/NAME.svg`, or another file; print where."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    from merrow.report.style import COLOURS, own_style, to_svg  # noqa: PLC0415

    with own_style():
        whole = Figure(figsize=(1.0 + 3.4 * len(panels), 3.6), layout="constrained")
        for axes, panel in zip(
            whole.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for (label, (x, y)), colour in zip(panel.lines.items(), COLOURS, strict=False):
                axes.plot(x, y, "o-", color=colour, label=label, markersize=4)
            axes.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
            axes.set(xscale=panel.scale, yscale=panel.scale)
            axes.legend(frameon=False, fontsize=8)
        svg = to_svg(whole, name, f"{name}: {', '.join(panel.title for panel in panels)}")
    path = path or RESULTS / f"{name}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg)
    print(path, file=sys.stderr)
    return path


def failed_checks(result: HydrationResult) -> list[str]:
    """Return the names of the checks that a run failed; warnings are none."""
    return [one.name for one in result.diagnostics.verdicts if one.status == "fail"]


def show(content: Any) -> None:
    """Print something as JSON."""
    print(json.dumps(content, indent=1), flush=True)


def needed(path: Path) -> Path:
    """Return a file of the data, or end with a sentence: they are not part of the repository."""
    if not path.is_file():
        raise SystemExit(
            f"there is no {path}, which is not part of the repository; give the folder of such "
            "files with --data."
        )
    return path


def gaff(data: Path, molecule: str) -> tuple[Path, Path]:
    """Return GAFF prmtop and coordinates: FreeSolv's own, or those by name in a plain folder."""
    stem = data.resolve() / molecule
    if not stem.with_suffix(".prmtop").is_file():
        stem = data.resolve() / "amber_gaff" / MOLECULES[molecule]
    return stem.with_suffix(".prmtop"), stem.with_suffix(".inpcrd")


def gaff_source(data: Path, molecule: str) -> Source:
    """Return the same as the start of a run, charges as they are."""
    from merrow.hydration.config import Source  # noqa: PLC0415

    prmtop, inpcrd = gaff(data, molecule)
    return Source(kind="gas", prmtop=str(needed(prmtop)), inpcrd=str(inpcrd), charges="prmtop")


def run(config: HydrationConfig, folder: Path) -> HydrationResult:
    """Run a hydration free energy, or go on with it, and show how far it is."""
    from merrow.hydration.run import run_hydration  # noqa: PLC0415
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415

    with ProgressLine() as line:
        return run_hydration(config, folder, base=Path(), listen=line.listen)


def prepared(config: HydrationConfig, folder: Path) -> RunContext:
    """Prepare a run without sampling anything, or open it again."""
    from merrow.hydration.prepare import begin_run, resolve_config  # noqa: PLC0415
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415
    from merrow.hydration.sampling.context import open_run  # noqa: PLC0415

    where = RunFolder(folder.resolve())
    found = resolve_config(config, Path(), where)
    if not where.path.exists():
        begin_run(where, found, config.source, Path())
    return open_run(where, where.config())


def end_of(minutes: float | None) -> float:
    """Return the monotonic time after which nothing is begun; infinity without a limit."""
    return math.inf if minutes is None else time.monotonic() + 60.0 * minutes


class Clock:
    """CPU seconds of a run since its system was prepared, kept in a file over restarts.

    After a restart the first report comes with the first finished piece, so all of the time until
    then counts; a piece that was broken off does not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: float = json.loads(path.read_text()) if path.exists() else 0.0
        self._last, self._phase = 0.0, "sampling" if self.seconds else "preparing"

    def listen(self, told: Progress) -> None:
        """Add the time since the last report."""
        now = time.process_time()
        if not self._phase.startswith("preparing"):
            self.seconds += now - self._last
            self.path.write_text(json.dumps(self.seconds))
        if not (told.lasting or self.seconds):
            self._phase = told.text
        self._last = now


def path_pieces(folder: Path) -> list[list[WindowSamples]]:
    """Return the samples of the MM path of a run, segment by segment, for each repeat."""
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415
    from merrow.hydration.sampling.tasks import MM_SOLUTE  # noqa: PLC0415

    repeats = water_segments(RunFolder(folder), "path", MM_SOLUTE)
    return [[segment.samples for segment in segments] for segments in repeats]


def water_segments(
    run: RunFolder, kind: Literal["path", "end"], own: Hamiltonian
) -> list[list[Segment]]:
    """Return the segments of a leg in water of a run, for each repeat."""
    from merrow.hydration.sampling.tasks import Task, leg_plan  # noqa: PLC0415

    config, found = run.config(), []
    for repeat in range(config.repeats):
        task = Task(kind, own, repeat)
        plan = leg_plan(config, task)
        found.append(run.task(task).read_segments(plan.states, plan.ensemble.temperature))
    return found


def ladder(
    hybrid: HybridSystem, plan: LegPlan, coupled: Snapshot, count: int, ps: float
) -> list[Segment]:
    """Equilibrate the first states from their neighbours, and sample them with exchange.

    Args:
        hybrid: The Hamiltonian.
        plan: States and steps; rows have u in all its states.
        coupled: The coupled state, equilibrated.
        count: Number of states that are sampled.
        ps: Time in each state [ps].
    """
    import numpy as np  # noqa: PLC0415

    from merrow.engine.leg import Replicas, equilibrate_state, run_segment  # noqa: PLC0415

    snapshots = [coupled]
    for state in range(count):
        snapshots.append(equilibrate_state(hybrid, plan, snapshots[-1], state))
    replicas = Replicas(tuple(snapshots[1:]), np.arange(count))
    segments = []
    for index in range(round(ps / plan.segment_time)):
        segment, replicas = run_segment(hybrid, plan, replicas, index)
        segments.append(segment)
    return segments


def variance_ratio(one: Sequence[float], two: Sequence[float]) -> tuple[float, float, float]:
    """Return the variance of some values over that of others, and its 95 % interval by F."""
    from scipy import stats  # noqa: PLC0415

    first, second = (statistics.variance(map(float, values)) for values in (one, two))
    free = len(one) - 1, len(two) - 1
    low, high = (first / second / float(stats.f.ppf(q, *free)) for q in (0.975, 0.025))
    return first / second, low, high


def ani_weights(folder: Path | None, *names: str) -> tuple[str, Path]:
    """Return the first ANI model whose weights are here or can be fetched, and their file.

    They are looked for as the program does, in `MERROW_MODELS` and in the user's cache, and here
    beside the clone, too.

    Args:
        folder: A folder to look in instead.
        names: Names of models, the wanted one first.
    """
    from merrow.errors import MissingComponentError  # noqa: PLC0415
    from merrow.potentials.ani.models import ANI_MODELS  # noqa: PLC0415
    from merrow.potentials.ani.weights import weights_of  # noqa: PLC0415

    beside = SHARED / "models"
    if folder is not None or ("MERROW_MODELS" not in os.environ and beside.is_dir()):
        os.environ["MERROW_MODELS"] = str(folder or beside)
    missing = ""
    for name in names:
        weights = weights_of(ANI_MODELS[name])
        try:
            path = weights.find() or weights.fetch()
        except MissingComponentError as error:
            missing = str(error)
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        return name, path
    raise SystemExit(missing)


def geometry(molecule: str) -> tuple[Molecule, np.ndarray]:
    """Return one of `SMILES` and its MMFF geometry [Å]."""
    from rdkit import Chem  # noqa: PLC0415
    from rdkit.Chem import AllChem  # noqa: PLC0415

    from merrow.potentials import Molecule  # noqa: PLC0415

    mol = Chem.AddHs(Chem.MolFromSmiles(SMILES[molecule]))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    AllChem.MMFFOptimizeMolecule(mol)
    numbers = tuple(atom.GetAtomicNum() for atom in mol.GetAtoms())
    return Molecule(numbers), mol.GetConformer().GetPositions()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    found = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.processor())
