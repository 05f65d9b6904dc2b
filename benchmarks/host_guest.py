# SPDX-License-Identifier: MIT
"""How well do MM-GBSA and MM-PBSA of MM and ML/MM ensembles rank host-guest binding?

Neutral guests of cucurbit[7]uril and cyclodextrins, in small boxes of water, both poses of each
cyclodextrin, `merrow md` with the guest as ML region or with its own MM terms, all else equal.
Every run grows by chunks in turn, and each chunk is kept, so the same command goes on where it was
stopped. The numbers are those found so far.

    python benchmarks/host_guest.py --runs RUNS --minutes 480
    python benchmarks/host_guest.py --runs RUNS --dry-run

The second command prints what all of it costs, from a short probe on this machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from common import RESULTS, SHARED, needed, parser, save
from host_guest_table import summary, text

from merrow.amber.coordinates import Coordinates, write_restart
from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import TrajectoryWriter, read_trajectory
from merrow.ambertools.solvent import solvate
from merrow.binding.ensembles import MmpbsaRequest
from merrow.binding.free_states import FreeRequest
from merrow.binding.mmpbsa import mmpbsa
from merrow.binding.mmpbsa_program import split_topology
from merrow.errors import MerrowError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import MdOutputs, run_md

MASK = ":GST"
NAME = "stage[0-9][0-9][0-9][0-9]"
WATER = 16.0
"""Water between a solute and its image [Å]."""
STEP = 0.001
"""ps."""
FEWEST, MOST_FRAMES = 10, 100
"""Frames of a trajectory that MMPBSA sees."""


@dataclass(frozen=True)
class Lengths:
    """Steps of minimisation, equilibration and one chunk, and between frames."""

    minimise: int = 500
    equilibrate: int = 10_000
    chunk: int = 5_000
    frame: int = 500


TINY = Lengths(minimise=20, equilibrate=20, chunk=100, frame=10)
PROBE = Lengths(minimise=20, equilibrate=20, chunk=500, frame=50)


@dataclass(frozen=True)
class Pose:
    """One bound structure of a host and a guest."""

    host: str
    guest: str
    letter: str
    letters: tuple[str, ...]
    folder: Path
    pdb: str
    experiment: dict[str, float]

    @property
    def pair(self) -> str:
        """Host and guest."""
        return f"{self.host}-{self.guest}"


@dataclass(frozen=True)
class Run:
    """One trajectory: where it lives, its solvated start, and what drives the guest."""

    folder: Path
    start: Path
    potential: str
    platform: str

    def stages(self) -> int:
        """Return how many stages are done: minimised, equilibrated, then chunks."""
        return len(list(self.folder.glob(f"{NAME}.rst")))

    def chunks(self) -> list[Path]:
        """Return the trajectories of the chunks that are done."""
        return sorted(self.folder.glob(f"{NAME}.nc"))[: max(0, self.stages() - 2)]


def main() -> None:
    """Sample within the time, analyse, and write what there is."""
    options = arguments()
    lengths = TINY if options.tiny else Lengths()
    poses = list(wanted(options.data, options.pairs.split(",") if options.pairs else []))
    potentials = options.ensembles.split(",")
    if options.dry_run:
        print(cost(poses, potentials, options))
        return
    runs = {
        (pose.pair, species, potential): run
        for pose in poses
        for species, start in boxes(pose, options.runs).items()
        for potential in potentials
        for run in [Run(start.parent / folder_name(potential), start, potential, options.platform)]
    }
    sample(list(runs.values()), lengths, round(options.ps / STEP / lengths.chunk), options.minutes)
    rows = []
    for pose in poses:
        for potential in potentials:
            pair = (runs[pose.pair, pose.letter, potential], runs[pose.pair, "guest", potential])
            rows += analyse(pose, *pair, options.methods.split(","))
    report = {"command": "benchmarks/host_guest.py", **summary(rows)}
    save("host_guest", report, options.output)
    print(text(report))


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    return parser(
        __doc__,
        "runs",
        data={
            "type": Path,
            "default": SHARED / "data" / "host-guest",
            "help": "folder with affinities.csv and prmtop files, not part of the repository",
        },
        output={"type": Path, "default": RESULTS / "host_guest.json"},
        pairs={"default": "", "help": "such as acd-cpe,cb7-b02; all neutral ones"},
        ensembles={"default": "mm,ani2x", "help": "mm and potentials"},
        methods="gb,pb",
        ps={"type": float, "default": 200.0, "help": "length of each trajectory [ps]"},
        minutes={"type": float, "default": 1e9, "help": "sample no longer than this"},
        platform={"default": "CPU", "help": "OpenMM platform"},
        tiny={"action": "store_true", "help": "a few steps, to see that it works"},
        dry_run={"action": "store_true", "help": "print the cost from a probe"},
    ).parse_args()


def wanted(data: Path, pairs: Sequence[str]) -> Iterator[Pose]:
    """Yield the poses of neutral guests, of the given pairs or of all."""
    with needed(data / "affinities.csv").open() as stream:
        table = [row for row in csv.DictReader(stream) if int(row["guest_charge"]) == 0]
    for row in table:
        if pairs and f"{row['host']}-{row['guest']}" not in pairs:
            continue
        known = {"value": float(row["dG_exp_kcal_mol"]), "stderr": float(row["dG_unc_kcal_mol"])}
        folder = data / row["host"] / row["guest"]
        letters = tuple(pdb.split(".")[0][-1] for pdb in row["poses"].split())
        for letter, pdb in zip(letters, row["poses"].split(), strict=True):
            yield Pose(row["host"], row["guest"], letter, letters, folder, pdb, known)


def folder_name(potential: str) -> str:
    """Return a potential's name as a folder."""
    return potential.replace(":", "_").replace("/", "_")


def boxes(pose: Pose, runs: Path) -> dict[str, Path]:
    """Return the solvated complex of a pose and the solvated guest, made where they are missing."""
    prmtop = pose.folder / f"{pose.guest}_complex_gaff2.prmtop"
    topology = read_topology(prmtop)
    guest = list(select_atoms(topology, MASK))
    lines = (pose.folder / pose.pdb).read_text().splitlines()
    atoms = [line for line in lines if line.startswith(("ATOM", "HETATM"))]
    place = np.array([[float(line[i : i + 8]) for i in (30, 38, 46)] for line in atoms])
    dry = runs / pose.pair / "dry"
    species = split_topology(prmtop, range(len(topology)), guest, igb=5, folder=dry)
    found = {}
    for name, source, own in (
        (pose.letter, species.complex, place),
        ("guest", species.ligand, place[guest]),
    ):
        folder = runs / pose.pair / name
        found[name] = folder / "solvated.inpcrd"
        if not found[name].is_file():
            start = dry / f"{name}.inpcrd"
            write_restart(start, Coordinates(own))
            solvate(source, start, folder=folder, edge=float(np.ptp(own, axis=0).max()) + WATER)
    return found


def sample(runs: Sequence[Run], lengths: Lengths, chunks: int, minutes: float) -> None:
    """Let every run grow by one stage in turn until all are complete or the time is up."""
    end = time.monotonic() + 60 * minutes
    took: dict[Path, float] = {}
    for stage in range(chunks + 2):
        for run in runs:
            if run.stages() > stage:
                continue
            begin = time.monotonic()
            if begin + took.get(run.folder, 0.0) > end:
                print("the time is up; the same command goes on", file=sys.stderr)
                return
            advance(run, lengths)
            took[run.folder] = time.monotonic() - begin
            print(f"{run.folder}: stage {stage}, {took[run.folder]:.0f} s", file=sys.stderr)


def advance(run: Run, lengths: Lengths) -> float:
    """Run the next stage, which then is there as a whole; return its pace [ns/day]."""
    stage = run.stages()
    run.folder.mkdir(parents=True, exist_ok=True)
    name = run.folder / f"stage{stage:04d}"
    start = run.folder / f"stage{stage - 1:04d}.rst" if stage else run.start
    mdin = name.with_suffix(".in")
    mdin.write_text(input_text(run, stage, lengths))
    part = {kind: name.with_suffix(f".part.{kind}") for kind in ("rst", "nc", "vel", "spread")}
    outputs = MdOutputs(
        mdout=name.with_suffix(".out"),
        restrt=part["rst"],
        mdcrd=part["nc"],
        mdinfo=name.with_suffix(".info"),
        mdvel=part["vel"],
        mdspread=part["spread"],
    )
    prmtop = run.start.with_suffix(".prmtop")
    result = run_md(
        read_md_settings(mdin),
        prmtop,
        start,
        outputs=outputs,
        overwrite=True,
        platform=run.platform,
    )
    if part["nc"].is_file():
        part["nc"].rename(name.with_suffix(".nc"))
    part["rst"].rename(name.with_suffix(".rst"))  # last: it says that the stage is done
    return result.ns_per_day


def input_text(run: Run, stage: int, lengths: Lengths) -> str:
    """Return the input of a stage; the guest is flexible, water and the host's X-H are rigid."""
    ml = f" ifmlp=1,\n /\n &mlp animask='{MASK}', potential='{run.potential}' /\n"
    if stage == 0:
        return f"minimise\n &cntrl\n imin=1, maxcyc={lengths.minimise}, cut=9.0, ntb=1,{ml}"
    steps = lengths.equilibrate if stage == 1 else lengths.chunk
    frames = 0 if stage == 1 else lengths.frame
    begin = "irest=0, ntx=1, tempi=298.15" if stage == 1 else "irest=1, ntx=5"
    seed = crc32(f"{run.start.parent}/{run.potential}".encode()) % 100_000
    return (
        f"NPT\n &cntrl\n imin=0, {begin}, nstlim={steps}, dt={STEP}, temp0=298.15, ig={seed},\n"
        " ntt=3, gamma_ln=2.0, ntb=2, ntp=1, barostat=2, pres0=1.0, cut=9.0, ntc=2, ntf=2,\n"
        f" ntpr={lengths.frame}, ntwx={frames}, ntwr={steps},{ml}"
    )


def joined(run: Run, path: Path) -> int:
    """Write all chunks as one trajectory and return its number of frames."""
    parts = [read_trajectory(chunk) for chunk in run.chunks()]
    frames = [
        (Coordinates(x, lengths=a, angles=b), t)
        for p in parts
        for x, a, b, t in zip(p.positions, p.lengths, p.angles, p.times, strict=True)
    ]
    if frames:
        with TrajectoryWriter(path, frames[0][0], velocities=False) as writer:
            for frame, moment in frames:
                writer.append(frame, float(moment))
    return len(frames)


def analyse(pose: Pose, bound: Run, guest: Run, methods: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row per method; what was analysed already is read."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / name for name in ("bound.nc", "guest.nc")]
        counts = [joined(run, path) for run, path in zip((bound, guest), paths, strict=True)]
        if min(counts) < FEWEST:
            return []
        stride = max(1, min(max(counts) // MOST_FRAMES, min(counts) // FEWEST))
        out = bound.folder / f"mmpbsa-{counts[0]}-{counts[1]}-{'-'.join(methods)}"
        if not (out / "mmpbsa.json").is_file():
            tops = [run.start.with_suffix(".prmtop") for run in (bound, guest)]
            free = FreeRequest(tops[1], paths[1], potential=bound.potential)
            request = MmpbsaRequest(
                tops[0], paths[0], MASK, out, tuple(methods), free=free, stride=stride
            )
            try:
                mmpbsa(request)
            except MerrowError as error:
                print(f"{out}: {error}", file=sys.stderr)
                return []
    answer = json.loads((out / "mmpbsa.json").read_text())
    return [row_of(pose, bound.potential, run) for run in answer["runs"]]


def row_of(pose: Pose, potential: str, run: dict[str, Any]) -> dict[str, Any]:
    """Return what the table needs of one run of `merrow mmpbsa`."""
    total, strain = run["delta_kcal"]["TOTAL"], run["free_species"]["ligand_strain"]
    return {
        "pair": pose.pair,
        "pose": pose.letter,
        "poses": list(pose.letters),
        "ensemble": potential,
        "method": run["method"],
        "frames": run["frames"],
        "experiment_kcal": pose.experiment,
        "total_kcal": {key: total[key] for key in ("value", "stderr")},
        "strain_kcal": strain["total"],
        "with_strain_kcal": strain["corrected"],
        "strain_is_known": run["headline_kcal"]["kind"] != "one trajectory",
        "interaction_entropy": run["interaction_entropy"],
        "openmm_agrees": None if run["openmm_check"] is None else run["openmm_check"]["agree"],
    }


def cost(poses: Sequence[Pose], potentials: Sequence[str], options: argparse.Namespace) -> str:
    """Probe the largest pair for some steps and return what everything costs."""
    sizes = {p.pdb: sum(1 for _ in (p.folder / p.pdb).open()) for p in poses}
    pose = max(poses, key=lambda p: sizes[p.pdb])
    lines: list[str] = []
    hours = 0.0
    lengths = TINY if options.tiny else PROBE
    guests = len({p.pair for p in poses})
    frames = min(options.ps / STEP / Lengths().frame, MOST_FRAMES)
    with tempfile.TemporaryDirectory() as scratch:
        starts = boxes(pose, Path(scratch))
        for potential in potentials:
            pair = []
            for species, count in ((pose.letter, len(poses)), ("guest", guests)):
                start = starts[species]
                run = Run(start.parent / folder_name(potential), start, potential, options.platform)
                pace = [advance(run, lengths) for _ in range(3)][-1]
                each = 24 * options.ps / 1000 / pace
                hours += count * each
                pair.append(run)
                lines.append(
                    f"{potential}, {species}: {pace:.2f} ns/day, {count} runs of {options.ps:g} "
                    f"ps: {count * each:.2f} h"
                )
            begin = time.monotonic()
            analyse(pose, *pair, options.methods.split(","))
            each = (time.monotonic() - begin) / 3600 / FEWEST * frames
            hours += len(poses) * each
            lines.append(f"{potential}, MMPBSA ({options.methods}): {len(poses) * each:.2f} h, CPU")
    what = (
        f"probe: {pose.pair}, the largest, {lengths.chunk} steps on {options.platform} under a "
        f"load of {os.getloadavg()[0]:.1f}; the others cost no more"
    )
    return "\n".join([what, *lines, f"all: {hours:.1f} h on this machine, one run at a time"])


if __name__ == "__main__":
    main()
