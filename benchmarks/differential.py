# SPDX-License-Identifier: MIT
"""The MM energy of systems of many kinds, term by term, against sander; and the embedding identity.

    python benchmarks/differential.py --folder FOLDER     # goes on where it stopped
    python benchmarks/differential.py --folder FOLDER --systems opc "disulfide, ff19SB"

tleap builds each system of `differential_systems.py`. Both programs take one Ewald coefficient and
one mesh, and no Lennard-Jones tail, of which sander has the attractive term alone. With a region R
of whole molecules, E(ML/MM) − E_ML must be E_MM(all) − E_MM(R), both by sander, where Lennard-Jones
terms within R end at the cutoff, too. A system whose physics is not available must be refused by
its name.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import openmm as mm
import parmed
from differential_systems import SYSTEMS, Case

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools import sander
from merrow.ambertools.programs import run_program
from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError
from merrow.single_point import SinglePoint, single_point
from merrow.system.rendering import rendered

CUTOFF, COEFFICIENT, SPACING = 6.0, 0.6, 0.25
"""Å, 1/Å and Å: cutoff, Ewald coefficient and largest spacing of the mesh, the same for both."""
ABSOLUTE, RELATIVE = 0.05, 1e-6
"""Most by which a total may differ [kcal/mol], and as a part of its largest term."""
PLUGINS = str(common.ROOT / "tests" / "plugins")


def compare(case: Case, folder: Path) -> dict[str, Any]:
    """Build one system and return what was found.

    Args:
        case: The system.
        folder: Where its files are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prmtop, built = build(case, folder)
    began = time.perf_counter()
    try:
        topology = read_topology(prmtop)
        inpcrd = settled(topology, built, folder)
        found, words = _ours(prmtop, inpcrd)
    except UnsupportedPhysicsError as error:
        told = str(error).replace(f"{folder}/", "")
        return {"right": case.refused in told if case.refused else False, "refused": told}
    right = sander.single_point(prmtop, inpcrd, **words, lj_tail=False, folder=folder / "sander")
    apart = {term: found.get(term, 0.0) - right[term] for term in right if term != "total"}
    limit = ABSOLUTE + RELATIVE * max(map(abs, right.values()))
    row: dict[str, Any] = {
        "right": not case.refused and abs(sum(apart.values())) <= limit,
        "atoms": len(topology),
        "total": round(right["total"], 4),
        "limit": round(limit, 4),
        "apart": {term: round(value, 4) for term, value in apart.items()},
        "apart_total": round(sum(apart.values()), 4),
    }
    if case.region:
        row |= _identity(case, folder, topology, inpcrd, right["total"])
        row["right"] = row["right"] and abs(row["identity"]) <= limit
    return {**row, "seconds": round(time.perf_counter() - began, 1)}


def build(case: Case, folder: Path) -> tuple[Path, Path]:
    """Make prmtop and inpcrd with tleap, and return their paths."""
    for mol2 in case.mol2:
        name = (common.ROOT / "tests" / "data" / "systems" / f"{mol2}.mol2").resolve()
        words = ["-i", str(name), "-f", "mol2", "-o", f"{mol2}.frcmod", "-s", "2"]
        run_program("parmchk2", words, folder=folder, log="parmchk2.log")
        (folder / f"{mol2}.mol2").write_text(name.read_text())
    lines = [*case.leap, "saveamberparm m m.prmtop m.inpcrd", "quit"]
    (folder / "leap.in").write_text("\n".join(lines) + "\n")
    run_program("tleap", ["-f", "leap.in"], folder=folder, log="leap.log")
    return folder / "m.prmtop", folder / "m.inpcrd"


def settled(topology: AmberTopology, inpcrd: Path, folder: Path) -> Path:
    """Give every water its exact shape, and every extra point its place.

    tleap's boxes have them to 0.001 Å. sander hangs extra points on unit vectors, OpenMM on the
    bonds themselves: only in a water of the right shape are they at the same place.
    """
    read = read_coordinates(inpcrd, len(topology))
    if 0 not in topology.numbers:
        return inpcrd
    context = mm.Context(rendered(topology, rigid_water=True), mm.VerletIntegrator(0.001))
    context.setPositions(read.positions / 10)
    context.applyConstraints(1e-8)
    context.computeVirtualSites()
    x = context.getState(getPositions=True).getPositions(asNumpy=True)._value * 10
    write_restart(folder / "m.rst7", Coordinates(x, None, read.lengths, read.angles))
    return folder / "m.rst7"


def _ours(prmtop: Path, inpcrd: Path, **changes: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """Return our terms [kcal/mol], and the same Ewald sum in the words of sander."""
    lengths, words = read_coordinates(inpcrd).lengths, {}
    asked: dict[str, Any] = {"ml_mask": None, "potential": "mm", **changes}
    if lengths is not None:
        points = [_smooth(edge / SPACING) for edge in lengths]
        words = {"cutoff": CUTOFF, "ewald_coefficient": COEFFICIENT, "grid": tuple(points)}
        asked |= {"cutoff": CUTOFF, "ewald_coefficient": COEFFICIENT, "pme_grid": tuple(points)}
        asked["lj_tail"] = False
    return dict(single_point(SinglePoint(prmtop, inpcrd, **asked)).terms), words


def _smooth(least: float) -> int:
    """Return the smallest even number from there on without other factors than 2, 3 and 5."""
    n = 2 * int(np.ceil(least / 2))
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 2


def _identity(
    case: Case, folder: Path, topology: AmberTopology, inpcrd: Path, total: float
) -> dict[str, Any]:
    """Return by how much E(ML/MM) − E_ML is other than E_MM(all) − E_MM(region) [kcal/mol]."""
    part = parmed.load_file(str(topology.path), str(inpcrd))
    part.strip(f"!({case.region})")
    part.box = None
    region, start = folder / "region.prmtop", folder / "region.inpcrd"
    part.save(str(region), overwrite=True)
    part.save(str(start), format="rst7", overwrite=True)
    alone = sander.single_point(region, start, folder=folder / "sander-region")["total"]
    beyond = 0.0
    if topology.has_box:
        beyond = _beyond_cutoff(read_topology(region), read_coordinates(start).positions)
    numbers = {atom.atomic_number for atom in part.atoms}
    choices = [f"mm:{region}", *(["tiny-ani"] if numbers <= {1, 6, 7, 8} else [])]
    for potential in choices:
        try:
            terms, _ = _ours(topology.path, inpcrd, ml_mask=case.region, potential=potential)
        except (UnsupportedPhysicsError, InputError) as error:
            told = str(error)
            continue
        gap = sum(terms.values()) - terms["ml"] - (total - alone + beyond)
        by = potential.split(":")[0]
        return {"region": case.region, "potential": by, "identity": round(gap, 4)}
    raise MerrowError(f"{case.name}: no potential takes {case.region}: {told}")


def _beyond_cutoff(topology: AmberTopology, positions: np.ndarray) -> float:
    """Return the Lennard-Jones energy of the pairs beyond the cutoff [kcal/mol], none excluded."""
    i, j = np.triu_indices(len(topology), k=1)
    squared = ((positions[i] - positions[j]) ** 2).sum(axis=1)
    far = squared > CUTOFF**2
    types = topology.lj_type[i[far]], topology.lj_type[j[far]]
    return float(
        np.sum(topology.lj_a[types] / squared[far] ** 6 - topology.lj_b[types] / squared[far] ** 3)
    )


def main() -> int:
    """Compare all systems that have no row yet, and write the table."""
    reader = common.parser(__doc__, "folder")
    reader.add_argument("--systems", nargs="+", help="their names; all without it")
    reader.add_argument("--out", type=Path, help="file of the table")
    asked = reader.parse_args()
    sys.path.append(PLUGINS)
    kept = asked.folder / "rows.json"
    rows: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    for case in SYSTEMS:
        if case.name in rows or (asked.systems and case.name not in asked.systems):
            continue
        try:
            rows[case.name] = compare(case, asked.folder / case.name.replace(" ", "_"))
        except Exception as error:
            rows[case.name] = {"right": False, "failed": f"{type(error).__name__}: {error}"}
        print(case.name, json.dumps(rows[case.name], ensure_ascii=False), flush=True)
        asked.folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(rows, indent=1))
    wrong = [name for name, row in rows.items() if not row["right"]]
    common.save("differential", {"systems": len(rows), "wrong": wrong, "rows": rows}, asked.out)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
