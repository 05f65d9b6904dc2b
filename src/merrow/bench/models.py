# SPDX-License-Identifier: MIT
"""Comparison of potentials with a reference on one molecule: energies, forces, frequencies.

All potentials evaluate the same geometries: distorted conformers, and rigid scans of rotatable
bonds. Energies are compared as differences within a set, since absolute energies of two levels of
theory are not comparable; frequencies are compared at each potential's own minimum.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms
from rdkit.Chem.Lipinski import RotatableBondSmarts

from merrow.ambertools.molecule import InputMolecule
from merrow.bench.errors import PotentialErrors, potential_errors, rmse
from merrow.errors import InputError, MerrowError, MissingComponentError, NumericsError
from merrow.potentials.families import family_of
from merrow.potentials.interface import Array, Evaluation, Molecule
from merrow.potentials.registry import load_potential, potential_names
from merrow.potentials.vibrations import vibrations

CONFORMERS = 4
DISTORTED = 3
"""Number of distorted copies of each conformer."""
NOISE = 0.04
"""Standard deviation of a distortion [Å]: bonds as at room temperature."""
SCANS = 3
ANGLES = 12
MOST_ATOMS = 30
"""Maximum number of atoms for frequencies."""
MS_PER_S = 1000.0


@dataclass(frozen=True)
class Geometries:
    """Geometries for the comparison [Å].

    Attributes:
        molecule: The molecule, N atoms.
        distorted: Geometries whose energies and forces are compared, shape (K, N, 3).
        scans: Scans of rotatable bonds, each of shape (ANGLES, N, 3).
        start: Starting point of the minimisation, shape (N, 3); None without frequencies.
    """

    molecule: Molecule
    distorted: Array
    scans: tuple[Array, ...] = ()
    start: Array | None = None


def bench_models(
    source: InputMolecule, *, reference: str, names: Sequence[str] = (), frequencies: bool = True
) -> tuple[PotentialErrors, ...]:
    """Compare potentials with a reference on one molecule.

    Args:
        source: The molecule.
        reference: Name of the reference potential.
        names: Names of the others; empty for all available ones except quantum chemistry.
        frequencies: Whether harmonic frequencies are compared, which cost a minimisation and 6 N
            evaluations of each potential, including the reference.

    Returns:
        One row per potential, in order of force errors, those with a problem last.

    Raises:
        InputError: A potential is named twice, or is the reference.
        MerrowError: The reference cannot be computed.
    """
    geometries = make_geometries(source)
    if not frequencies:
        geometries = replace(geometries, start=None)
    return compare_models(geometries, reference=reference, names=names)


def compare_models(
    geometries: Geometries, *, reference: str, names: Sequence[str] = ()
) -> tuple[PotentialErrors, ...]:
    """Compare potentials with a reference on given geometries, as `bench_models` does.

    Raises:
        InputError: A potential is named twice, or is the reference.
        MerrowError: The reference cannot be computed.
    """
    check_names(names, reference)
    truth = _ask(reference, geometries)
    rows = []
    for name in names or available(reference):
        try:
            rows.append(_compare(name, _ask(name, geometries), truth))
        except MerrowError as error:
            rows.append(PotentialErrors(name, problem=str(error).rstrip(".")))
    return tuple(sorted(rows, key=lambda r: np.inf if r.force_rmse is None else r.force_rmse))


def check_names(names: Sequence[str], reference: str) -> None:
    """Refuse potentials that would be compared with themselves.

    Raises:
        InputError: A potential is named twice, or is the reference.
    """
    for k, name in enumerate(names):
        if name == reference:
            raise InputError(f"--potential {name} is the reference itself; leave it out.")
        if name in names[:k]:
            raise InputError(f"--potential {name} is there twice; keep one.")


def available(reference: str) -> tuple[str, ...]:
    """Return all available potentials, without quantum chemistry and the reference."""
    return tuple(
        name
        for name in potential_names()
        if name != reference and not name.startswith("qm:") and _is_here(name)
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
    return Geometries(molecule, np.concatenate(distorted), tuple(scans), starts[0])


def _rotatable(mol: Chem.Mol) -> list[tuple[int, int, int, int]]:
    """Return the torsion of every rotatable bond, by heavy neighbours if possible."""
    out = []
    for b, c in mol.GetSubstructMatches(RotatableBondSmarts):
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
    """Results of a potential; frequencies [cm⁻¹] are None if not requested or failed.

    `problem` is then the reason of the failure.
    """

    distorted: Evaluation
    scans: tuple[Evaluation, ...]
    ms: float
    frequencies: Array | None
    problem: str


def _ask(name: str, geometries: Geometries) -> _Answers:
    potential = load_potential(name, geometries.molecule)
    potential.evaluate(geometries.distorted[:1])  # the first call may compile
    begin = time.perf_counter()
    distorted = potential.evaluate(geometries.distorted)
    ms = MS_PER_S * (time.perf_counter() - begin) / len(geometries.distorted)
    scans = tuple(potential.evaluate(x) for x in geometries.scans)
    return _Answers(distorted, scans, ms, *_frequencies(name, geometries))


def _frequencies(name: str, geometries: Geometries) -> tuple[Array | None, str]:
    """Return the harmonic frequencies [cm⁻¹] at the potential's own minimum, or None and why."""
    start, molecule = geometries.start, geometries.molecule
    if start is None:
        return None, ""
    if len(start) == 1:
        return None, "one atom does not vibrate"
    if len(start) > MOST_ATOMS:
        return None, f"the molecule has {len(start)} atoms, more than {MOST_ATOMS}"
    potential = load_potential(name, molecule, precision="float64")
    table = Chem.GetPeriodicTable()
    masses = np.array([table.GetAtomicWeight(number) for number in molecule.numbers])
    try:
        return vibrations(potential, start, masses).wavenumbers, ""
    except NumericsError as error:
        return None, str(error).rstrip(".")


def _compare(name: str, answers: _Answers, truth: _Answers) -> PotentialErrors:
    profiles = [rmse(a, t) for a, t in zip(answers.scans, truth.scans, strict=True)]
    ours, theirs = answers.frequencies, truth.frequencies
    problem, error = answers.problem or truth.problem, None
    if ours is not None and theirs is not None:
        if len(ours) == len(theirs):  # both ascending: paired by order
            error = float(np.sqrt(((ours - theirs) ** 2).mean()))
        else:
            problem = f"it has {len(ours)} vibrations and the reference {len(theirs)}"
    return replace(
        potential_errors(name, answers.distorted, truth.distorted, answers.ms),
        torsion_rmse=float(np.sqrt(np.mean(np.square(profiles)))) if profiles else None,
        frequency_rmse=error,
        frequency_problem=problem,
    )


def _is_here(name: str) -> bool:
    family = family_of(name)
    try:
        weights = None if family is None else family.weights.get(name)
        return weights is None or weights.find() is not None
    except MissingComponentError:
        return False
