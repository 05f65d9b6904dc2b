# SPDX-License-Identifier: MIT
"""What do tests share that need a small peptide? tleap's ACE-X-NME in vacuum and in water."""

from __future__ import annotations

from pathlib import Path

from merrow.ambertools.programs import run_program
from merrow.ambertools.solvent import solvate


def capped_residue(name: str, folder: Path, *, force_field: str) -> tuple[Path, Path]:
    """Return prmtop and inpcrd of ACE-X-NME in vacuum."""
    script = (
        f"source leaprc.protein.{force_field}\n"
        f"x = sequence {{ ACE {name} NME }}\n"
        f"saveamberparm x {name}.prmtop {name}.inpcrd\nquit\n"
    )
    (folder / "leap.in").write_text(script)
    run_program("tleap", ["-f", "leap.in"], folder=folder, log="leap.out")
    return folder / f"{name}.prmtop", folder / f"{name}.inpcrd"


def alanine_dipeptide(folder: Path, *, force_field: str, n_waters: int) -> tuple[Path, ...]:
    """Return prmtop and inpcrd of alanine dipeptide in vacuum, then those in water."""
    gas = capped_residue("ALA", folder, force_field=force_field)
    return *gas, *solvate(*gas, folder=folder / "wet", n_waters=n_waters)
