# SPDX-License-Identifier: MIT
"""Energies by sander, as an independent check of every MM term.

sander's Coulomb constant is 18.2223² kcal Å/mol/e² (`merrow.units.COULOMB_AMBER`), which another
engine must use for a comparison of terms. sander distributes a small net charge over all atoms
("Forcing neutrality"), its Lennard-Jones tail is −2π/(3Vr³) Σᵢⱼ Bᵢⱼ over all ordered pairs, and it
prints four decimals.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final

from merrow.ambertools.programs import failure, run_program
from merrow.errors import InputError, MerrowError

TERMS: Final = {
    "BOND": "bond",
    "ANGLE": "angle",
    "DIHED": "dihedral",
    "VDWAALS": "vdw",
    "1-4 VDW": "vdw14",
    "EEL": "elec",
    "1-4 EEL": "elec14",
}
"""sander's and our names of the terms."""
SOME: Final = {"UB": "urey_bradley", "IMP": "improper", "CMAP": "cmap"}
"""Terms that are absent in some force fields."""


def single_point(
    prmtop: Path,
    inpcrd: Path,
    *,
    cutoff: float | None = None,
    ewald_coefficient: float | None = None,
    grid: tuple[int, int, int] | None = None,
    lj_tail: bool = True,
    folder: Path | None = None,
) -> dict[str, float]:
    """Return sander's energy terms of given coordinates [kcal/mol].

    Args:
        prmtop: Topology.
        inpcrd: Coordinates, with the box if there is a cutoff.
        cutoff: Direct-space cutoff of PME and Lennard-Jones [Å]; None for no box and no cutoff.
        ewald_coefficient: Ewald coefficient [1/Å]; None for sander's choice.
        grid: PME grid points along each edge; None for sander's choice.
        lj_tail: Whether the Lennard-Jones tail correction is added (to "vdw").
        folder: Folder for sander's files; None for a temporary folder.

    Returns:
        The terms bond, angle, dihedral, vdw, vdw14, elec, elec14, those of `SOME` if present, and
        their sum total.

    Raises:
        InputError: PME settings are given without a cutoff.
        MissingComponentError: sander is not installed.
        MerrowError: sander failed, or printed an unknown term.
    """
    if cutoff is None and (ewald_coefficient is not None or grid is not None):
        raise InputError("an Ewald coefficient or a PME grid needs a cutoff: give both or none.")
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="merrow-sander-") as scratch:
            return single_point(
                prmtop,
                inpcrd,
                cutoff=cutoff,
                ewald_coefficient=ewald_coefficient,
                grid=grid,
                lj_tail=lj_tail,
                folder=Path(scratch),
            )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mdin").write_text(_mdin(cutoff, ewald_coefficient, grid, lj_tail))
    files = ["-p", str(prmtop.resolve()), "-c", str(inpcrd.resolve())]
    run_program(
        "sander", ["-O", "-i", "mdin", "-o", "mdout", *files], folder=folder, log="sander.log"
    )
    return parse_first_block(folder / "mdout")


def parse_first_block(mdout: Path) -> dict[str, float]:
    """Read the terms [kcal/mol] of the first energy block of a minimisation's mdout.

    Raises:
        MerrowError: There is no such block, a number overflowed, or another term is not zero.
    """
    text = mdout.read_text(errors="replace") if mdout.is_file() else ""
    block = re.search(r"NSTEP +ENERGY.*?\n.*?\n\s*\n(.*?)\n\s*\n", text, flags=re.S)
    if block is None:
        raise failure("sander", mdout, "printed no energies")
    printed = re.findall(r"(1-4 VDW|1-4 EEL|[A-Z]\w*)\s*=\s*(\S+)", block.group(1))
    found = {}
    for name, value in printed:
        try:
            found[name] = float(value)
        except ValueError:
            raise MerrowError(
                f"sander printed {name} = {value} in {mdout}: it overflowed."
            ) from None
    known = TERMS | SOME
    foreign = [name for name, value in found.items() if name not in known and value != 0.0]
    absent = [name for name in TERMS if name not in found]
    if foreign or absent:
        what = f"the unknown term {foreign[0]}" if foreign else f"no term {absent[0]}"
        raise MerrowError(f"sander printed {what} in {mdout}: its energy cannot be compared.")
    terms = {ours: found[theirs] for theirs, ours in known.items() if theirs in found}
    return {**terms, "total": sum(terms.values())}


def _mdin(
    cutoff: float | None,
    ewald_coefficient: float | None,
    grid: tuple[int, int, int] | None,
    lj_tail: bool,
) -> str:
    """Return sander's input for a single energy at its highest accuracy."""
    space = "ntb=0, igb=0, cut=9999.0" if cutoff is None else f"ntb=1, cut={cutoff:.6f}"
    lines = ["one energy", f"&cntrl imin=1, maxcyc=1, ntpr=1, ntc=1, ntf=1, jfastw=4, {space} /"]
    if cutoff is not None:
        # Sixth-order splines, a fine erfc table, and no removal of the net force.
        ewald = f"&ewald order=6, eedtbdns=5000, netfrc=0, vdwmeth={int(lj_tail)}"
        if ewald_coefficient is not None:
            ewald += f", ew_coeff={ewald_coefficient:.8f}"
        if grid is not None:
            ewald += ", " + ", ".join(f"nfft{i}={n}" for i, n in enumerate(grid, start=1))
        lines.append(f"{ewald} /")
    return "\n".join(lines) + "\n"
