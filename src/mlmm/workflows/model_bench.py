# SPDX-License-Identifier: MIT
"""Which potential agrees best with a reference on this molecule? Energies, torsions, forces, time.

All potentials are asked about the same geometries: distorted conformers, and rigid scans of the
rotatable bonds. Energies are compared as differences within a set, since absolute energies of two
levels of theory mean nothing to each other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from mlmm.errors import MissingComponentError, MlmmError
from mlmm.external.molecule import InputMolecule
from mlmm.potentials.families import family_of
from mlmm.potentials.interface import Array, Evaluation, Molecule
from mlmm.potentials.registry import load_potential, potential_names

CONFORMERS = 4
DISTORTED = 3
"""Distorted copies of each conformer."""
NOISE = 0.04
"""Standard deviation of a distortion [Å]: bonds as at room temperature."""
SCANS = 3
ANGLES = 12
ROTATABLE = Chem.MolFromSmarts("[!$(*#*)&!D1:1]-&!@[!$(*#*)&!D1:2]")
MS_PER_S = 1000.0


@dataclass(frozen=True)
class Geometries:
    """What the potentials are asked: distorted (K, N, 3) and scans, each (ANGLES, N, 3) [Å]."""

    molecule: Molecule
    distorted: Array
    scans: tuple[Array, ...]


@dataclass(frozen=True)
class Agreement:
    """One potential against the reference.

    Attributes:
        name: Name of the potential.
        ms: Time of energy and forces of one conformer in a batch [ms].
        energy_rmse: Of energy differences between distorted conformers [kcal/mol].
        torsion_rmse: Of energy profiles along rotatable bonds [kcal/mol]; None without such bonds.
        force_rmse: Of force components [kcal/mol/Å].
        spread: Mean standard deviation of the members [kcal/mol], or None.
        problem: Why there are no numbers, or "".
    """

    name: str
    ms: float | None = None
    energy_rmse: float | None = None
    torsion_rmse: float | None = None
    force_rmse: float | None = None
    spread: float | None = None
    problem: str = ""


def bench_models(
    source: InputMolecule, *, reference: str, names: Sequence[str] = ()
) -> tuple[Agreement, ...]:
    """Compare potentials with a reference on one molecule.

    Args:
        source: The molecule.
        reference: Name of the potential that the others are compared with.
        names: Names of the others; empty for all that are here and are no quantum chemistry.

    Returns:
        One row for each potential, the best forces first, those with a problem last.

    Raises:
        MlmmError: The reference cannot be computed.
    """
    return compare_models(make_geometries(source), reference=reference, names=names)


def compare_models(
    geometries: Geometries, *, reference: str, names: Sequence[str] = ()
) -> tuple[Agreement, ...]:
    """Compare potentials with a reference on given geometries; as `bench_models`."""
    truth = _ask(reference, geometries)
    rows = []
    for name in names or available(reference):
        try:
            rows.append(_compare(name, _ask(name, geometries), truth))
        except MlmmError as error:
            rows.append(Agreement(name, problem=str(error).rstrip(".")))
    return tuple(sorted(rows, key=lambda r: np.inf if r.force_rmse is None else r.force_rmse))


def available(reference: str) -> tuple[str, ...]:
    """Return all potentials whose weights are here, without quantum chemistry and the reference."""
    return tuple(
        name
        for name in potential_names()
        if name != reference and not name.startswith("qm:") and _is_here(name)
    )


def recommendation(rows: Sequence[Agreement], reference: str) -> str:
    """Return one sentence with the numbers that it stands on."""
    best = next((row for row in rows if not row.problem), None)
    if best is None:
        return f"No potential here could be compared with {reference}."
    return (
        f"Closest to {reference} is {best.name}: forces within {best.force_rmse:.2f} kcal/mol/Å, "
        f"energy differences within {best.energy_rmse:.2f} kcal/mol (RMSE); a potential that was "
        "fitted to a better theory than the reference should not agree with it exactly."
    )


def make_geometries(source: InputMolecule) -> Geometries:
    """Return conformers with thermal distortions, and scans of up to three rotatable bonds."""
    mol = Chem.Mol(source.mol)
    seeds = list(rdDistGeom.EmbedMultipleConfs(mol, CONFORMERS, randomSeed=7))
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol)
    starts = [mol.GetConformer(k).GetPositions() for k in seeds] or [source.positions]
    rng = np.random.default_rng(7)
    shape = (DISTORTED, *source.positions.shape)
    distorted = [x + NOISE * rng.standard_normal(shape) for x in starts]
    first = Chem.Mol(mol, confId=seeds[0]) if seeds else Chem.Mol(source.mol)
    scans = [_scan(first, *bond) for bond in _rotatable(first)[:SCANS]]
    molecule = Molecule(source.numbers, source.charge)
    return Geometries(molecule, np.concatenate(distorted), tuple(scans))


def _rotatable(mol: Chem.Mol) -> list[tuple[int, int, int, int]]:
    """Return four atoms for every rotatable bond, heavy neighbours where there are any."""
    out = []
    for b, c in mol.GetSubstructMatches(ROTATABLE):
        ends = []
        for middle, other in ((b, c), (c, b)):
            around = mol.GetAtomWithIdx(middle).GetNeighbors()
            near = [a for a in around if a.GetIdx() != other]
            ends.append(max(near, key=lambda a: a.GetAtomicNum()).GetIdx())
        out.append((ends[0], b, c, ends[1]))
    return out


def _scan(mol: Chem.Mol, a: int, b: int, c: int, d: int) -> Array:
    conformer = Chem.Conformer(mol.GetConformer())
    start = rdMolTransforms.GetDihedralDeg(conformer, a, b, c, d)
    out = []
    for step in range(ANGLES):
        rdMolTransforms.SetDihedralDeg(conformer, a, b, c, d, start + 360.0 * step / ANGLES)
        out.append(conformer.GetPositions())
    return np.array(out)


@dataclass(frozen=True)
class _Answers:
    distorted: Evaluation
    scans: tuple[Evaluation, ...]
    ms: float


def _ask(name: str, geometries: Geometries) -> _Answers:
    potential = load_potential(name, geometries.molecule)
    potential.evaluate(geometries.distorted[:1])  # the first call may compile
    begin = time.perf_counter()
    distorted = potential.evaluate(geometries.distorted)
    ms = MS_PER_S * (time.perf_counter() - begin) / len(geometries.distorted)
    return _Answers(distorted, tuple(potential.evaluate(x) for x in geometries.scans), ms)


def _compare(name: str, answers: _Answers, truth: _Answers) -> Agreement:
    profiles = [_rmse(a, t) for a, t in zip(answers.scans, truth.scans, strict=True)]
    force = answers.distorted.forces - truth.distorted.forces
    spread = answers.distorted.spread
    return Agreement(
        name,
        ms=answers.ms,
        energy_rmse=_rmse(answers.distorted, truth.distorted),
        torsion_rmse=float(np.sqrt(np.mean(np.square(profiles)))) if profiles else None,
        force_rmse=float(np.sqrt((force**2).mean())),
        spread=None if spread is None else float(spread.mean()),
    )


def _rmse(answer: Evaluation, truth: Evaluation) -> float:
    """Return the root mean squared error of energies without their mean [kcal/mol]."""
    return float((answer.energies - truth.energies).std())


def _is_here(name: str) -> bool:
    family = family_of(name)
    try:
        return family is None or family.find is None or family.find(name) is not None
    except MissingComponentError:
        return False
