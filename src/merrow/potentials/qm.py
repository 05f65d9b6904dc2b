# SPDX-License-Identifier: MIT
"""Density-functional and Hartree–Fock theory as potentials (PySCF).

`qm:METHOD/BASIS`, with `/df` appended for density fitting, is the reference for machine-learned
potentials. Every conformer starts from the atomic guess, not from the last density, so results do
not depend on earlier calls and a resumed run equals an uninterrupted one; a warm start would save
iterations and change energies within the convergence tolerance. Gradients include the response of
the integration grid, which makes them exact derivatives of the energy. The grid has a fixed
orientation, so energies change by about 1e-3 kcal/mol, and forces by about 1e-2 kcal/mol/Å, when a
molecule is rotated.

d functions are Cartesian in the basis sets that were made so, 3-21G and 6-31G with their additions,
and pure in all others; PySCF has pure ones everywhere unless it is told.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from merrow.errors import (
    InputError,
    MerrowError,
    MissingComponentError,
    NumericsError,
    UnsupportedPhysicsError,
)
from merrow.potentials.elements import symbol
from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.optional_import import require
from merrow.potentials.validation import CheckedPotential
from merrow.units import BOHR_ANGSTROM, HARTREE_KCAL

ENERGY_TOLERANCE: Final = 1e-10
"""Change of the energy in the last SCF iteration [Hartree]; 6e-8 kcal/mol."""
GRADIENT_TOLERANCE: Final = 1e-6
"""Norm of the orbital gradient at convergence [Hartree]; the energy error is quadratic in it."""
NAMED: Final = ("qm:wb97x/6-31g*", "qm:wb97x/6-31g*/df")
KNOWN: Final = {"6-31g*": frozenset((*range(1, 21), *range(31, 37)))}
"""Elements of a basis set, as listed without calling PySCF."""
CARTESIAN: Final = re.compile("(321|631)[+]*g")
"""Beginning of basis sets with six Cartesian d functions, as in Gaussian; their f functions would
be pure."""
F_SHELL: Final = 3
KIND: Final = re.compile("_(X|C|XC)(_|$)")
"""Exchange, correlation or both, in libxc's name of a functional."""


@dataclass(frozen=True)
class Theory:
    """A level of theory: "hf" or a PySCF functional, a basis set, and density fitting."""

    method: str
    basis: str
    fitted: bool


@dataclass(frozen=True)
class Solution:
    """Energy [Hartree], gradient [Hartree/bohr], shape (N, 3), density matrix, iterations."""

    energy: float
    gradient: Array
    density: Array
    iterations: int


@dataclass(frozen=True)
class QmEngine:
    """One molecule at one level of theory.

    Attributes:
        theory: Level of theory.
        molecule: Elements, charge and multiplicity; open shells are unrestricted.
        energy_tolerance: SCF tolerance [Hartree].
        grid_response: Whether the gradient includes the response of the integration grid.
    """

    theory: Theory
    molecule: Molecule
    energy_tolerance: float = ENERGY_TOLERANCE
    grid_response: bool = True

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), one conformer at a time.

        Raises:
            NumericsError: As in `solve`.
        """
        answers = [self.solve(conformer, where=k + 1) for k, conformer in enumerate(positions)]
        return Evaluation(
            energies=np.array([a.energy for a in answers]) * HARTREE_KCAL,
            forces=np.array([-a.gradient for a in answers]) * (HARTREE_KCAL / BOHR_ANGSTROM),
        )

    def solve(self, conformer: Array, guess: Array | None = None, *, where: int = 1) -> Solution:
        """Solve one conformer.

        Args:
            conformer: Positions [Å], shape (N, 3).
            guess: Initial density matrix; None for a superposition of atoms.
            where: Number of the conformer, for a message.

        Raises:
            NumericsError: The SCF does not converge, or PySCF fails.
        """
        told = f"{self.theory.method}/{self.theory.basis}"
        try:
            field = self._mean_field(conformer)
            energy = float(field.kernel(dm0=guess))
            if not field.converged:
                raise NumericsError(
                    f"{told} does not converge for conformer {where} in {field.max_cycle} "
                    "iterations: look for atoms that lie on each other."
                )
            gradient = field.nuc_grad_method()
            gradient.grid_response = self.grid_response
            slope = np.asarray(gradient.kernel(), dtype=np.float64)
        except MerrowError:
            raise
        except Exception as error:  # of any kind, from third-party code
            reason = " ".join(str(error).split())[:200]
            raise NumericsError(
                f"PySCF fails at conformer {where} with {told} ({type(error).__name__}: {reason})."
            ) from error
        return Solution(energy, slope, np.asarray(field.make_rdm1()), int(field.cycles))

    def _mean_field(self, conformer: Array) -> Any:
        gto, dft, scf = (_pyscf(part, "a qm potential") for part in ("gto", "dft", "scf"))
        molecule = self.molecule
        atoms = zip(map(symbol, molecule.numbers), conformer / BOHR_ANGSTROM, strict=True)
        mol = gto.M(
            atom=list(atoms),
            unit="Bohr",
            basis=self.theory.basis,
            cart=is_cartesian(self.theory.basis),
            ecp=_core_potentials(self.theory.basis, molecule.numbers),
            charge=molecule.charge,
            spin=molecule.multiplicity - 1,
            verbose=0,
        )
        closed = molecule.multiplicity == 1
        if self.theory.method == "hf":
            field = scf.RHF(mol) if closed else scf.UHF(mol)
        else:
            field = dft.RKS(mol) if closed else dft.UKS(mol)
            field.xc = self.theory.method
        field.conv_tol = self.energy_tolerance
        field.conv_tol_grad = GRADIENT_TOLERANCE
        field.chkfile = None
        return field.density_fit() if self.theory.fitted else field


def load_qm(
    name: str, molecule: Molecule, weights: Path | None, _precision: str
) -> CheckedPotential:
    """Return a level of theory as a potential of one molecule, always in float64.

    Args:
        name: "qm:METHOD/BASIS" or "qm:METHOD/BASIS/df".
        molecule: The molecule.
        weights: Must be None.

    Raises:
        InputError: The method or the basis is unknown to PySCF, or weights are given.
        UnsupportedPhysicsError: The basis set lacks an element, or PySCF cannot form it.
        MissingComponentError: PySCF is not installed.
    """
    if weights is not None:
        raise InputError(f"{name} has no weights; leave out --weights.")
    theory = read_theory(name)
    _check_method(name, theory)
    _check_basis(name, theory, molecule)
    identity = f"{name}:pyscf-{version('pyscf')}" + "-6d" * is_cartesian(theory.basis)
    engine = QmEngine(theory, molecule)
    return CheckedPotential(describe_qm(name).capabilities, identity, molecule.numbers, engine)


def read_theory(name: str) -> Theory:
    """Parse the level of theory in a name.

    Raises:
        InputError: The name is not of the form qm:METHOD/BASIS or qm:METHOD/BASIS/df.
    """
    parts = name.partition(":")[2].lower().split("/")
    if len(parts) not in (2, 3) or not all(parts) or (len(parts) == 3 and parts[2] != "df"):
        raise InputError(
            f"{name!r} is not of the form qm:METHOD/BASIS or qm:METHOD/BASIS/df; "
            f"write for example {NAMED[0]}."
        )
    return Theory(parts[0], parts[1], fitted=len(parts) == 3)


def describe_qm(name: str) -> Model:
    """Describe a level of theory.

    Raises:
        InputError: The name does not have the right form.
    """
    theory = read_theory(name)
    capabilities = Capabilities(
        name=name,
        elements=KNOWN.get(theory.basis),
        charged=True,
        open_shell=True,
        citation="10.1063/5.0006074",
    )
    fitted = " with density fitting" if theory.fitted else ""
    told = f"{theory.method}/{theory.basis}{fitted}"
    return Model(capabilities, told, "Apache-2.0", "the package pyscf: merrow[qm]")


def _check_method(name: str, theory: Theory) -> None:
    libxc = _pyscf("dft.libxc", name)
    if theory.method == "hf":
        return
    _check_dispersion(name, theory.method)
    try:
        (exact, *_), parts = libxc.parse_xc(theory.method)
    except Exception as error:
        raise InputError(
            f"{name}: PySCF knows no functional {theory.method!r}; write hf, or a functional such "
            "as wb97x."
        ) from error
    if not exact or any(weight < 0 for _, weight in parts):
        _check_parts(name, theory.method, parts, libxc.XC_CODES)
    if libxc.is_nlc(theory.method):
        raise UnsupportedPhysicsError(
            f"{name}: {theory.method} has non-local correlation, which this potential leaves out; "
            "use a functional without it, such as wb97x."
        )


def _check_parts(
    name: str, method: str, parts: Sequence[tuple[int, float]], codes: Mapping[str, Any]
) -> None:
    """Refuse a functional that PySCF reads as a part of one, or as a difference.

    To PySCF "lda" is exchange alone, and the 2 in "pbe0-2" is a functional's number.
    """
    named = {code: one for one, code in codes.items() if KIND.search(one)}
    told = [f"{weight:g} {named.get(code, code)}" for code, weight in parts]
    kinds = {found[1] for part in told if (found := KIND.search(part))}
    if any(weight < 0 for _, weight in parts) or kinds in ({"X"}, {"C"}):
        raise InputError(
            f"{name}: PySCF reads {method!r} as {' + '.join(told)}, which is no whole functional; "
            "write both parts, such as lda,vwn, or another functional."
        )


def _check_dispersion(name: str, method: str) -> None:
    """Refuse a dispersion correction that PySCF would omit or cannot compute."""
    if method.endswith(("-d", "_d")):
        raise UnsupportedPhysicsError(
            f"{name}: PySCF computes {method} without its dispersion; use another functional."
        )
    module = _pyscf("scf.dispersion", name)
    try:
        _, _, correction = module.parse_dft(method.replace("_", "-"))  # as in libxc's names
    except NotImplementedError as error:
        raise UnsupportedPhysicsError(
            f"{name}: PySCF cannot compute {method}; use another functional."
        ) from error
    if correction and module.dispersion is None:
        raise MissingComponentError(
            f"{name}: the correction {correction} needs the package pyscf-dispersion; run "
            "pip install pyscf-dispersion."
        )


def _check_basis(name: str, theory: Theory, molecule: Molecule) -> None:
    gto = _pyscf("gto", name)
    for number in sorted(set(molecule.numbers)):
        try:
            shells = gto.basis.load(theory.basis, symbol(number))
        except Exception as error:
            raise UnsupportedPhysicsError(
                f"{name}: PySCF has no basis set {theory.basis!r} for {symbol(number)}; choose "
                "another, such as 6-31g* or def2-svp."
            ) from error
        if is_cartesian(theory.basis) and any(shell[0] >= F_SHELL for shell in shells):
            raise UnsupportedPhysicsError(
                f"{name}: {theory.basis} has Cartesian d and pure f functions for "
                f"{symbol(number)}, which PySCF does not combine; choose another, such as def2-svp."
            )


def is_cartesian(basis: str) -> bool:
    """Tell whether the d functions of a basis set are Cartesian, six instead of five."""
    return CARTESIAN.match(re.sub("[-_ ]", "", basis.lower())) is not None


def _core_potentials(basis: str, numbers: Sequence[int]) -> dict[str, str]:
    """Return the basis for each element with an effective core potential.

    PySCF does not add them by itself: the valence functions would then describe all electrons.
    """
    load = _pyscf("gto", "a qm potential").basis.load_ecp
    found = {}
    for name in map(symbol, sorted(set(numbers))):
        with contextlib.suppress(KeyError, RuntimeError):  # raised if there is none
            if load(basis, name):
                found[name] = basis
    return found


def _pyscf(part: str, name: str) -> Any:
    return require(f"pyscf.{part}", extra="qm", why=name)


FAMILY: Final = Family(
    models={name: describe_qm(name) for name in NAMED},
    load=load_qm,
    generic="qm:METHOD/BASIS or qm:METHOD/BASIS/df",
    describe=describe_qm,
)
