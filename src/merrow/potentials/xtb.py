# SPDX-License-Identifier: MIT
"""Extended tight binding as a potential (tblite): a fast quantum reference.

Every conformer is solved from the same initial guess, so results do not depend on earlier calls.

Reference: Bannwarth, Ehlert, Grimme, 10.1021/acs.jctc.8b01176.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from merrow.errors import InputError, NumericsError
from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.optional_import import require
from merrow.potentials.validation import CheckedPotential
from merrow.units import BOHR_ANGSTROM, HARTREE_KCAL

ACCURACY: Final = 1e-4
"""tblite's factor on its SCC thresholds: the net torque on a molecule is then about 1e-8 kcal/mol
(6e-4 with tblite's default of 1), so that forces are gradients to float64 accuracy."""
HEAVIEST: Final = 86

METHODS: Final = {
    "xtb:gfn2": ("GFN2-xTB", "10.1021/acs.jctc.8b01176"),
    "xtb:gfn1": ("GFN1-xTB", "10.1021/acs.jctc.7b00118"),
}


@dataclass(frozen=True)
class TightBinding:
    """A molecule with one parametrisation."""

    method: str
    molecule: Molecule

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies, forces and Mulliken charges of positions [Å], shape (R, N, 3).

        Raises:
            NumericsError: The charges do not converge.
        """
        tblite = require("tblite.interface", extra="xtb", why=self.method)
        molecule = self.molecule
        answers: list[Any] = []
        for k, conformer in enumerate(positions):
            try:
                calculator = tblite.Calculator(
                    self.method,
                    np.array(molecule.numbers),
                    conformer / BOHR_ANGSTROM,
                    charge=float(molecule.charge),
                    uhf=molecule.multiplicity - 1,
                )
                calculator.set("verbosity", 0)
                calculator.set("accuracy", ACCURACY)
                answers.append(calculator.singlepoint())
            except RuntimeError as error:
                raise NumericsError(
                    f"{self.method} fails on conformer {k + 1}: {str(error).rstrip('.')}; look for "
                    "atoms that lie on each other."
                ) from error
        return Evaluation(
            energies=np.array([float(a.get("energy")) for a in answers]) * HARTREE_KCAL,
            forces=np.array([-a.get("gradient") for a in answers]) * (HARTREE_KCAL / BOHR_ANGSTROM),
            charges=np.array([a.get("charges") for a in answers]),
        )


def load_xtb(
    name: str, molecule: Molecule, weights: Path | None, _precision: str
) -> CheckedPotential:
    """Return a tight-binding potential of one molecule, always in float64.

    Raises:
        InputError: A weights file is given.
        MissingComponentError: tblite is not installed.
    """
    if weights is not None:
        raise InputError(f"{name} has no weights; leave out --weights.")
    require("tblite.interface", extra="xtb", why=name)
    capabilities = replace(FAMILY.models[name].capabilities, dtype="float64")
    engine = TightBinding(METHODS[name][0], molecule)
    identity = f"{name}:tblite-{version('tblite')}"
    return CheckedPotential(capabilities, identity, molecule.numbers, engine)


def _model(name: str, method: str, citation: str) -> Model:
    capabilities = Capabilities(
        name=name,
        elements=frozenset(range(1, HEAVIEST + 1)),
        charged=True,
        open_shell=True,
        citation=citation,
    )
    return Model(capabilities, method, "LGPL-3.0-or-later", "the package tblite: merrow[xtb]")


FAMILY: Final = Family(
    models={name: _model(name, *facts) for name, facts in METHODS.items()}, load=load_xtb
)
