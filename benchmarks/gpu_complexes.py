# SPDX-License-Identifier: MIT
"""How do proteins and ligands move under ML/MM and MM, and how are both against the crystal?

Six complexes of the paper and the set of CDK2, each from its structure by `merrow prepare complex`,
`merrow simulate --control`, `merrow analyze` and, for CDK2, `merrow mmpbsa`; on whatever GPU is
there, in pieces of at most --minutes, so that jobs of a queue carry it on: run it again to go on.
What is refused, such as a gap in the chain, is told in the table and stops nothing else.

    python benchmarks/gpu_complexes.py --runs RUNS --data ../shared/data --minutes 10
    python benchmarks/gpu_complexes.py --runs RUNS --data ../shared/data --dry-run
    python benchmarks/gpu_complexes.py --runs RUNS --data ../shared/data --platform CPU \\
        --only 181l 5uez --length 20 --equilibration 20 --chunk 5

The second prints what all of it costs in hours, from short probes on this machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import RESULTS, header
from sdf import records

MASK = ":LIG"
PROBE = (
    *("--minimisation", "20", "--equilibration", "0.2", "--length", "0.4", "--chunk", "0.2"),
    *("--frame-interval", "0.1"),
)
TINY = (
    *("--minimisation", "2", "--equilibration", "0.02", "--length", "0.02", "--chunk", "0.01"),
    *("--frame-interval", "0.002"),
)


@dataclass(frozen=True)
class System:
    """One complex; paths are relative to the data.

    Attributes:
        protein, ligand: What `merrow prepare complex` takes.
        record: Title of the ligand's record where the file holds a set.
        potential: A charged ligand needs AIMNet2.
        words: Further options of the preparation.
        affinity: Whether MM-GBSA is asked for.
    """

    protein: str
    ligand: str
    record: str | None = None
    potential: str = "ani2x"
    words: tuple[str, ...] = ()
    affinity: bool = False


CRYSTALS, SETS = "bfactor-crystals", "protein-ligand"
SYSTEMS = {
    "181l": System(
        f"{CRYSTALS}/181l.pdb", f"{CRYSTALS}/181l_ligand.sdf", words=("--remove", "CL,HED")
    ),
    "5uez": System(f"{CRYSTALS}/5uez.pdb", f"{CRYSTALS}/5uez_ligand.sdf"),
    "1m17": System(f"{CRYSTALS}/1m17.pdb", f"{CRYSTALS}/1m17_ligand.sdf"),
    "1h1q": System(f"{SETS}/cdk2/protein.pdb", f"{SETS}/cdk2/ligands.sdf", "1h1q"),
    "4hw3": System(
        f"{SETS}/mcl1/protein.pdb", f"{SETS}/mcl1/ligands.sdf", "53", potential="aimnet2"
    ),
    "4gih": System(f"{SETS}/tyk2/protein.pdb", f"{SETS}/tyk2/ligands.sdf", "ejm_46"),
}
"""The complexes of the paper; of the sets, the ligand of the entry as we know it."""


def main() -> None:
    """Carry on with every system in turn, and write the table of what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--data", type=Path, required=True, help="the folder shared/data")
    parser.add_argument("--only", nargs="+", help="names; default: the six complexes")
    parser.add_argument("--cdk2", action="store_true", help="the set of CDK2 instead")
    parser.add_argument("--platform", default="CUDA")
    parser.add_argument("--length", type=float, default=5000.0, help="production [ps]")
    parser.add_argument("--equilibration", type=float, default=500.0, help="before it [ps]")
    parser.add_argument("--chunk", type=float, default=50.0, help="one piece of it [ps]")
    parser.add_argument("--minutes", type=float, help="end in good order after so long")
    parser.add_argument("--dry-run", action="store_true", help="what does it cost?")
    parser.add_argument("--output", type=Path, help="default: results/gpu_*.json")
    parser.add_argument("--tiny", action="store_true", help="a few steps each: does it run?")
    asked = parser.parse_args()
    systems = cdk2(asked.data) if asked.cdk2 else SYSTEMS
    clock = Clock(asked.minutes)
    rows = {}
    for name in asked.only or systems:
        rows[name] = carry_on(asked, clock, name, systems[name])
        print(json.dumps({name: rows[name]}), flush=True)
    if asked.dry_run:
        hours = sum(row.get("hours", 0.0) for row in rows.values())
        print(f"all together {hours:.1f} hours of {asked.platform}")
        return
    keep = {key: getattr(asked, key) for key in ("platform", "length", "equilibration")}
    output = asked.output or RESULTS / f"gpu_{'cdk2' if asked.cdk2 else 'complexes'}.json"
    report = {"environment": header(), **keep, "systems": rows}
    output.write_text(json.dumps(report, indent=2) + "\n")
    print(output)


class Clock:
    """How much time is left?"""

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60.0 * minutes

    def words(self) -> tuple[str, ...]:
        """Return the option of `merrow simulate` for the time that is left."""
        if self._end is None:
            return ()
        return ("--max-minutes", f"{max(0.0, self._end - time.monotonic()) / 60.0:.3f}")

    @property
    def up(self) -> bool:
        """Whether nothing more should begin."""
        return self._end is not None and time.monotonic() >= self._end


def cdk2(data: Path) -> dict[str, System]:
    """Return the usable ligands of the set; poses that clash are relaxed."""
    with (data / SETS / "cdk2" / "affinities.csv").open() as stream:
        names = [row["ligand"] for row in csv.DictReader(stream) if row["ani2x_ok"] == "1"]
    return {
        name: System(
            *(f"{SETS}/cdk2/protein.pdb", f"{SETS}/cdk2/ligands.sdf", name),
            words=("--relax-clashes",),
            affinity=True,
        )
        for name in names
    }


def carry_on(asked: argparse.Namespace, clock: Clock, name: str, system: System) -> dict[str, Any]:
    """Return what is known of a system after the steps for which there is time."""
    folder, made = asked.runs / name, asked.runs / name / "prepared"
    if clock.up:
        return told(folder)
    if not (made / "preparation.json").exists():
        words = ("prepare", "complex", "--protein", asked.data / system.protein, *system.words)
        words = (*words, *(("--buffer", "4") if asked.tiny else ()))
        done = merrow(*words, "--ligand", pose(asked.data, system, folder), "--out", made)
        if done.returncode:
            return {"refused": last_line(done)}
    where = ("-p", made / "solvated.prmtop", "-c", made / "solvated.inpcrd")
    run = ("simulate", *where, "--ml-mask", MASK, "--potential", system.potential, "-q")
    run = (*run, "--platform", asked.platform, "--control")
    if asked.dry_run:
        done = merrow(*run, *PROBE, "--out", folder / "probe")
        if done.returncode:
            return {"failed": last_line(done)}
        return cost(folder / "probe", asked.length + asked.equilibration)
    lengths: tuple[object, ...] = ("--length", asked.length, "--chunk", asked.chunk)
    lengths = TINY if asked.tiny else (*lengths, "--equilibration", asked.equilibration)
    done = merrow(*run, *lengths, *clock.words(), "--out", folder / "run")
    if done.returncode not in (0, 3):
        return {"failed": last_line(done)}
    analysed(asked, system, folder, where)
    return told(folder)


def pose(data: Path, system: System, folder: Path) -> Path:
    """Return the file of the ligand, which of a set is one record."""
    if system.record is None:
        return data / system.ligand
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pose.sdf"
    path.write_text(records(data / system.ligand)[system.record])
    return path


def analysed(
    asked: argparse.Namespace, system: System, folder: Path, where: tuple[object, ...]
) -> None:
    """Look at what has been produced so far; too few frames are no fault."""
    legs = ("-y", folder / "run" / "ml_mm", "--control", folder / "run" / "mm")
    crystal = ("--pdb", asked.data / system.protein)
    merrow("analyze", *where, *legs, *crystal, "--ligand-mask", MASK, "--out", folder / "analysis")
    if system.affinity:
        out = folder / f"mmgbsa-{len(list((folder / 'run' / 'ml_mm').glob('prod-*.nc')))}"
        if not out.exists():
            merrow("mmpbsa", *where[:2], *legs, "--ligand-mask", MASK, "--out", out)


def told(folder: Path) -> dict[str, Any]:
    """Return how long the productions are, how fast they went, and what their analysis says."""
    row: dict[str, Any] = {}
    for leg in ("ml_mm", "mm"):
        pieces = sorted((folder / "run" / leg).glob("prod-*.info"))
        stages = sorted((folder / "run" / leg).glob("*.rst"))
        row[leg] = {
            "stages": len(stages),
            "pieces": len(pieces),
            "ns_per_day": ns_per_day(pieces[-1]) if pieces else None,
        }
    path = folder / "analysis" / "analysis.json"
    if path.exists():
        row["analysis"] = json.loads(path.read_text())["runs"]
    return row


def cost(probe: Path, length: float) -> dict[str, float]:
    """Return hours of both legs, from the second piece of a probe."""
    days = sum(
        length / 1000.0 / ns_per_day(probe / leg / "prod-0002.info") for leg in ("ml_mm", "mm")
    )
    return {"hours": 24.0 * days}


def ns_per_day(path: Path) -> float:
    """Return the speed of a piece, from its mdinfo."""
    found = re.findall(r"ns/day\s*=\s*([0-9.]+)", path.read_text())
    return float(found[-1])


def merrow(*words: object) -> subprocess.CompletedProcess[str]:
    """Run one command."""
    program = str(Path(sys.executable).with_name("merrow"))
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said at its end."""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


if __name__ == "__main__":
    main()
