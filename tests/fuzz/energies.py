# SPDX-License-Identifier: MIT
"""Energies of files that were changed: the same where nothing changed, and sander's where it did.

python tests/fuzz/energies.py --folder FOLDER --minutes 30    # goes on where it stopped
python tests/fuzz/energies.py --folder FOLDER --write FILE    # the table, findings tried anew
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slips
from prmtop_text import sections, written
from seeds import TESTS
from variants import HARMLESS, Change, Files

from merrow.amber.coordinates import read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import RestartMetadata, write_netcdf_restart
from merrow.ambertools import sander
from merrow.ambertools.programs import run_program
from merrow.errors import MerrowError
from merrow.files import save_json
from merrow.single_point import SinglePoint, single_point

PLUGINS = str(TESTS / "plugins")
if PLUGINS not in sys.path:
    sys.path.append(PLUGINS)  # tiny-ani
LEAP = """source leaprc.protein.ff19SB
source leaprc.gaff2
source leaprc.water.{water}
m = sequence {{ ACE ALA NME }}
{solvate}
saveamberparm m {name}.prmtop {name}.inpcrd
quit
"""
WET = {
    "tip3p": ("tip3p", "solvateBox m TIP3PBOX 4.0"),
    "octahedron": ("tip3p", "solvateOct m TIP3PBOX 4.0"),
    "opc": ("opc", "solvateBox m OPCBOX 4.0"),
}
ML = ":1-3"
MESH: dict[str, Any] = {"cutoff": 4.0, "ewald_coefficient": 0.85, "pme_grid": (72, 72, 72)}
SEED = 20261128
TIGHT = {"gas": 1e-4, "wet": 0.02}
"""Most by which an energy may change where nothing did [kcal/mol]. In a box whose contents are
shifted, or whose edges are told otherwise, the mesh is another; triclinic ones are in single
precision."""
LARGE = 1e7
"""An energy that nobody takes for one [kcal/mol]."""
SANDER = 2e-3
"""Most by which a term may differ from sander's, which prints four decimals [kcal/mol]."""


@dataclass(frozen=True)
class System:
    """A system and the energies of its own files [kcal/mol], by potential."""

    files: Files
    energies: dict[str, float]

    @property
    def tolerance(self) -> float:
        """Most by which its energy may change where nothing did [kcal/mol]."""
        return TIGHT["wet" if self.files.topology.has_box else "gas"]


def make_systems(folder: Path) -> dict[str, System]:
    """Return dipeptides in the gas phase and in three small boxes of water, made by tleap."""
    found = {}
    for name, (water, solvate) in {"gas": ("tip3p", ""), **WET}.items():
        text = LEAP.format(water=water, solvate=solvate, name=name)
        (folder / f"{name}.in").write_text(text)
        run_program("tleap", ["-f", f"{name}.in"], folder=folder, log=f"{name}.log")
        prmtop, inpcrd = folder / f"{name}.prmtop", folder / f"{name}.inpcrd"
        topology = read_topology(prmtop)
        parts = sections(prmtop.read_text())
        files = Files(parts, read_coordinates(inpcrd, len(topology)), topology, {}, netcdf=False)
        found[name] = System(files, energies(*put(files, folder)))
    return found


def put(files: Files, folder: Path) -> tuple[Path, Path]:
    """Write the two files, and return their paths."""
    prmtop, inpcrd = folder / "changed.prmtop", folder / "changed.rst7"
    prmtop.write_text(written(files.parts, **files.words), newline="")
    if files.netcdf:
        write_netcdf_restart(inpcrd, files.coordinates, RestartMetadata(0.0))
    else:
        write_restart(inpcrd, files.coordinates)
    return prmtop, inpcrd


def energies(prmtop: Path, inpcrd: Path) -> dict[str, float]:
    """Return the energy with MM alone and with ML/MM [kcal/mol]."""
    questions = {"mm": (None, "mm"), "ml": (ML, "tiny-ani")}
    mesh = MESH if read_topology(prmtop).has_box else {}
    return {
        name: single_point(SinglePoint(prmtop, inpcrd, mask, potential, **mesh)).total
        for name, (mask, potential) in questions.items()
    }


def harmless(system: System, folder: Path, rng: np.random.Generator) -> tuple[str, str]:
    """Change what does not matter in one to three ways; return the changes, and what went wrong."""
    chosen = [str(n) for n in rng.choice(list(HARMLESS), int(rng.integers(1, 4)), replace=False)]
    files = system.files
    for name in chosen:
        change: Change = HARMLESS[name]
        files = change(files, rng)
    what = ""
    try:
        found = energies(*put(files, folder))
    except MerrowError as error:
        what = f"refused: {error}"
    else:
        apart = {k: found[k] - right for k, right in system.energies.items()}
        if not all(abs(gap) <= system.tolerance for gap in apart.values()):
            what = f"the energy changes by {apart}"
    return "+".join(sorted(chosen)), what


def slip(system: System, folder: Path, rng: np.random.Generator) -> tuple[str, str]:
    """Change what matters in the gas phase; return the change, and what went wrong.

    The files are refused, or the energy is sander's.
    """
    kind, files = slips.slipped(system.files, rng)
    prmtop, inpcrd = put(files, folder)
    try:
        found = single_point(SinglePoint(prmtop, inpcrd, None, "mm")).terms
    except MerrowError:
        return kind, ""
    try:
        right = sander.single_point(prmtop, inpcrd)
    except MerrowError as error:
        total = sum(found.values())
        same = abs(total - system.energies["mm"]) < SANDER  # no energy hangs on what was changed
        large = abs(total) > LARGE  # sander has no room to print it
        return (
            kind,
            "" if same or large else f"taken here ({total:.4f}), but sander: {str(error)[:80]}",
        )
    apart = {k: found.get(k, 0.0) - v for k, v in right.items() if k != "total"}
    # sander takes a phase of 3.141594 for π, which a large constant shows
    size = max(files.parts["DIHEDRAL_FORCE_CONSTANT"].numbers())
    most = {k: SANDER + 1e-6 * max(abs(v), size * (k == "dihedral")) for k, v in right.items()}
    large = {k: round(v, 4) for k, v in apart.items() if abs(v) > most[k]}
    return kind, f"other than sander: {large}" if large else ""


KINDS: dict[str, Callable[..., tuple[str, str]]] = {
    **{f"harmless, {name}": harmless for name in ("gas", *WET)},
    "slip, gas": slip,
}


def one(kind: str, systems: dict[str, System], folder: Path, case: int) -> tuple[str, str]:
    """Return the change of a case and what went wrong with it, or ""."""
    rng = np.random.default_rng([SEED, sorted(KINDS).index(kind), case])
    try:
        return KINDS[kind](systems[kind.split(", ")[1]], folder, rng)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "?", f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error}"


def campaign(folder: Path, *, minutes: float, only: list[str]) -> None:
    """Go on with each kind in turn until time is up."""
    file, until = folder / "state.json", time.monotonic() + 60 * minutes
    state: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    with tempfile.TemporaryDirectory() as scratch:
        systems = make_systems(Path(scratch))
        while time.monotonic() < until:
            for kind in only or KINDS:
                row = state.setdefault(kind, {"cases": 0, "findings": {}})
                for _ in range(25 if kind.endswith("gas") else 5):
                    change, what = one(kind, systems, Path(scratch), row["cases"])
                    if what:
                        row["findings"][str(row["cases"])] = f"{change}: {what}"
                        print(kind, row["cases"], change, what, file=sys.stderr, flush=True)
                    row["cases"] += 1
            save_json(file, state)


def table(folder: Path) -> dict[str, Any]:
    """Return cases and findings of every kind; findings are tried once more."""
    state = json.loads((folder / "state.json").read_text())
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        systems = make_systems(Path(scratch))
        for kind, row in state.items():
            again = {int(k): one(kind, systems, Path(scratch), int(k)) for k in row["findings"]}
            left = {k: f"{change}: {what}" for k, (change, what) in again.items() if what}
            found = len(row["findings"])
            rows[kind] = {"cases": row["cases"], "found": found, "mended": found - len(left)}
            rows[kind]["open"] = left
    return {"seed": SEED, "cases": sum(row["cases"] for row in rows.values()), "kinds": rows}


def main() -> int:
    """Go on with a campaign, or write its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--kinds", nargs="+", default=[], help=", ".join(KINDS))
    parser.add_argument("--write", type=Path, help="write the table into a file instead")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.write is None:
        campaign(asked.folder, minutes=asked.minutes, only=asked.kinds)
        return 0
    found = table(asked.folder)
    asked.write.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["open"] for row in found["kinds"].values()))


if __name__ == "__main__":
    sys.exit(main())
