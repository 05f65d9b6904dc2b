# SPDX-License-Identifier: MIT
"""The works that a run owes a citation."""

from __future__ import annotations

from dataclasses import dataclass

from merrow.hydration.report.lines import MM
from merrow.hydration.result import HydrationResult


@dataclass(frozen=True)
class Citation:
    """A work to cite: what for, where it was published, and its DOI where we know it."""

    purpose: str
    work: str
    doi: str = ""


METHOD = Citation(
    "the ML/MM method and its published sum", "J. Chem. Theory Comput. 2025, 21, 6979"
)
OPENMM = Citation(
    "dynamics", "OpenMM, PLOS Comput. Biol. 2017, 13, e1005659", "10.1371/journal.pcbi.1005659"
)
MBAR = Citation("free energies", "MBAR, J. Chem. Phys. 2008, 129, 124105", "10.1063/1.2978177")
BAR = Citation(
    "end-state correction", "BAR, J. Comput. Phys. 1976, 22, 245", "10.1016/0021-9991(76)90078-4"
)
GAFF = Citation("solute parameters", "GAFF, J. Comput. Chem. 2004, 25, 1157", "10.1002/jcc.20035")
BCC = Citation("solute charges", "AM1-BCC, J. Comput. Chem. 2002, 23, 1623", "10.1002/jcc.10128")
ABCG2 = Citation("solute charges", "ABCG2, J. Chem. Phys. 2020, 153, 114502", "10.1063/5.0019056")
TIP3P = Citation("water model", "TIP3P, J. Chem. Phys. 1983, 79, 926", "10.1063/1.445869")


def citations(result: HydrationResult, potential_doi: str) -> tuple[Citation, ...]:
    """Return the works that this run used, the potential first."""
    works = []
    if result.potential != MM:
        works += [Citation("potential", result.potential, potential_doi), METHOD]
    works += [OPENMM, MBAR]
    if result.route == "endpoint":
        works.append(BAR)
    works.append(GAFF)
    works += {"bcc": [BCC], "abcg2": [ABCG2]}.get(result.charges, [])
    return (*works, TIP3P)
