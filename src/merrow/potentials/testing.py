# SPDX-License-Identifier: MIT
"""Test of the contract of `Potential` by identities, without stored numbers.

`check_potential` tests everything that the rest of the program relies on. New potentials should
call it in a test; the built-in ones pass it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from merrow.errors import MerrowError, UnsupportedPhysicsError
from merrow.potentials.ensemble import member_forces
from merrow.potentials.interface import Array, Evaluation, Molecule, Potential
from merrow.potentials.registry import Factory, check_molecule, describe, load_potential

METHANOL: Final = Molecule((6, 8, 1, 1, 1, 1))
METHANOL_GEOMETRY: Final = np.array(
    [
        [-0.047, 0.664, 0.013],
        [0.021, -0.758, -0.031],
        [-1.093, 0.969, 0.054],
        [0.488, 1.072, 0.873],
        [0.399, 1.045, -0.902],
        [-0.902, -1.068, 0.067],
    ]
)
"""Positions [Å], shape (6, 3)."""


class ContractError(MerrowError):
    """A potential violates the contract of `Potential`; the message names every violation."""


@dataclass(frozen=True)
class Tolerances:
    """Tolerances for results that should be equal.

    Attributes:
        energy: Round-off of an energy [kcal/mol].
        force: Round-off of a force component [kcal/mol/Å].
        step: Displacement of the finite difference [Å].
        slope: Error of a directional derivative by that difference [kcal/mol/Å].
    """

    energy: float
    force: float
    step: float
    slope: float


DOUBLE: Final = Tolerances(energy=1e-8, force=1e-7, step=1e-5, slope=5e-5)
"""Totals are 7e4 kcal/mol, with a last digit of 1e-11, and a derivative has noise of 2e-6. The
second derivative of a network may be discontinuous (CELU at zero), so a difference of any order has
an error of up to 4 kcal/mol/Å² · step (measured for ANI: 3e-4 at 1e-4 Å, 1e-4 at 5e-5 Å)."""
SINGLE: Final = Tolerances(energy=5e-4, force=5e-3, step=5e-3, slope=0.1)
"""The float32 part of an energy is about 1e2 kcal/mol, and forces are about 1e1 to 1e2."""


@dataclass(frozen=True)
class Finding:
    """One requirement, with the largest deviation and the tolerance."""

    promise: str
    worst: float
    allowed: float

    @property
    def kept(self) -> bool:
        """Whether the requirement is met; NaN fails."""
        return self.worst <= self.allowed

    def __str__(self) -> str:
        return f"{self.promise}: off by {self.worst:.2g}, allowed {self.allowed:.2g}"


@dataclass(frozen=True)
class Trial:
    """A potential with conformers [Å], shape (R, N, 3), its results, and tolerances."""

    potential: Potential
    molecule: Molecule
    positions: Array
    answer: Evaluation
    tolerances: Tolerances

    def differs(self, other: Evaluation, forces: Array | None = None) -> float:
        """Return the deviation of another result, in units of the tolerances."""
        expected = self.answer.forces if forces is None else forces
        energy = _largest(other.energies - self.answer.energies) / self.tolerances.energy
        return max(energy, _largest(other.forces - expected) / self.tolerances.force)


def check_potential(
    name: str | Factory,
    molecule: Molecule = METHANOL,
    geometry: Array = METHANOL_GEOMETRY,
    *,
    weights: str | Path | None = None,
    precision: str = "float64",
    tolerances: Tolerances | None = None,
    conformers: int = 4,
) -> tuple[Finding, ...]:
    """Check all requirements of the interface on distorted conformers of a molecule.

    Args:
        name: Name of a built-in or plug-in potential, or the function of a plug-in.
        molecule: Elements, charge and multiplicity of a supported molecule.
        geometry: Its positions [Å], shape (N, 3).
        weights: Weights file, or None to search for it.
        precision: "float32" or "float64".
        tolerances: None for `DOUBLE` or `SINGLE`, by the precision of the potential.
        conformers: Number of conformers in a batch.

    Returns:
        The findings, one per requirement.

    Raises:
        ContractError: At least one requirement is violated.
        MerrowError: The potential cannot be loaded.
    """

    def load(asked: Molecule) -> Potential:
        if isinstance(name, str):
            return load_potential(name, asked, weights=weights, precision=precision)
        check_molecule(name.capabilities, asked)
        return name(asked, None if weights is None else Path(weights), precision)

    potential = load(molecule)
    if tolerances is None:
        tolerances = DOUBLE if potential.capabilities.dtype == "float64" else SINGLE
    rng = np.random.default_rng(11)
    positions = geometry + 0.08 * rng.standard_normal((conformers, *geometry.shape))
    answer = potential.evaluate(positions)
    trial = Trial(potential, molecule, positions, answer, tolerances)
    known = describe(name).capabilities if isinstance(name, str) else name.capabilities
    findings = list(_shapes(trial))
    if all(finding.kept for finding in findings):
        findings += [finding for check in CHECKS for finding in check(trial)]
        findings += list(_strangers(load, known.elements))
    broken = [str(finding) for finding in findings if not finding.kept]
    if broken:
        told = "; ".join(broken)
        raise ContractError(f"{potential.capabilities.name} breaks its promise: {told}.")
    return tuple(findings)


def _shapes(trial: Trial) -> Iterator[Finding]:
    answer, (r, n, _) = trial.answer, trial.positions.shape
    capabilities = trial.potential.capabilities
    expected: dict[str, tuple[object, tuple[int, ...]]] = {
        "energies": (answer.energies, (r,)),
        "forces": (answer.forces, (r, n, 3)),
        "spread": (answer.spread, (r,)),
        "charges": (answer.charges, (r, n)),
    }
    for label, (value, shape) in expected.items():
        if value is None and label not in ("energies", "forces"):
            continue
        right = isinstance(value, np.ndarray) and value.shape == shape and value.dtype == np.float64
        yield _fact(f"{label} are a float64 array of shape {shape}", right)
    yield _fact("it is a Potential", isinstance(trial.potential, Potential))
    yield _fact(
        "its identity begins with its name and a colon",
        trial.potential.identity.startswith(f"{capabilities.name}:"),
    )
    yield _fact(
        "it has a spread if, and only if, it is an ensemble",
        (answer.spread is not None) == (capabilities.ensemble_size > 1),
    )


def _batch(trial: Trial) -> Iterator[Finding]:
    alone = [trial.potential.evaluate(x[None]) for x in trial.positions]
    joined = Evaluation(
        np.concatenate([a.energies for a in alone]), np.concatenate([a.forces for a in alone])
    )
    promise = "a batch gives what its conformers give alone [tolerances]"
    yield Finding(promise, trial.differs(joined), 1.0)


def _same_again(trial: Trial) -> Iterator[Finding]:
    before = trial.positions.copy()
    before.setflags(write=False)
    again = trial.potential.evaluate(before)
    yield _fact(
        "input may be read-only and stays as it is", np.array_equal(before, trial.positions)
    )
    trial.potential.evaluate(trial.positions[:1] + 0.3)
    later = trial.potential.evaluate(trial.positions)
    same = all(np.array_equal(a.energies, trial.answer.energies) for a in (again, later)) and all(
        np.array_equal(a.forces, trial.answer.forces) for a in (again, later)
    )
    yield _fact("the same question gets the same answer, whatever was asked before", same)


def _slope(trial: Trial) -> Iterator[Finding]:
    rng, h, worst = np.random.default_rng(5), trial.tolerances.step, 0.0
    for _ in range(3):
        step = rng.standard_normal(trial.positions.shape)
        step /= np.linalg.norm(step, axis=(1, 2), keepdims=True)
        e = {k: _energies(trial, trial.positions + k * h * step) for k in (-2, -1, 1, 2)}
        slope = (e[-2] - 8 * e[-1] + 8 * e[1] - e[2]) / (12 * h)
        worst = max(worst, _largest(slope + (trial.answer.forces * step).sum((1, 2))))
    yield Finding("forces are −∂E/∂x [kcal/mol/Å]", worst, trial.tolerances.slope)
    some = _largest(trial.answer.forces) > 0
    yield _fact("there is a force on a distorted molecule", some)


def _moved(trial: Trial) -> Iterator[Finding]:
    turn = _rotation((0.3, -1.2, 0.7))
    turned = trial.potential.evaluate(trial.positions @ turn.T)
    worst = trial.differs(turned, trial.answer.forces @ turn.T)
    yield Finding("turning a molecule turns its forces [tolerances]", worst, 1.0)
    moved = trial.potential.evaluate(trial.positions + np.array([30.0, -50.0, 10.0]))
    yield Finding("moving a molecule changes nothing [tolerances]", trial.differs(moved), 1.0)
    images = 25.0 * np.arange(len(trial.positions))[:, None, None] * np.array([1.0, -1.0, 2.0])
    shifted = trial.potential.evaluate(trial.positions + images)
    promise = "conformers of a batch may sit in different images of a box [tolerances]"
    yield Finding(promise, trial.differs(shifted), 1.0)


def _balance(trial: Trial) -> Iterator[Finding]:
    n, force = trial.positions.shape[1], trial.answer.forces
    allowed = n * trial.tolerances.force
    yield Finding("forces add up to zero [kcal/mol/Å]", _largest(force.sum(1)), allowed)
    arms = trial.positions - trial.positions.mean(axis=1, keepdims=True)
    allowed *= max(1.0, float(np.abs(arms).max()))
    yield Finding("there is no torque [kcal/mol]", _largest(np.cross(arms, force).sum(1)), allowed)


def _permuted(trial: Trial) -> Iterator[Finding]:
    numbers = np.array(trial.molecule.numbers)
    order = np.arange(len(numbers))
    for number in set(trial.molecule.numbers):
        order[numbers == number] = np.roll(order[numbers == number], 1)
    swapped = trial.potential.evaluate(trial.positions[:, order])
    worst = trial.differs(swapped, trial.answer.forces[:, order])
    yield Finding("like atoms may change places [tolerances]", worst, 1.0)


def _pickled(trial: Trial) -> Iterator[Finding]:
    copy = pickle.loads(pickle.dumps(trial.potential))
    answer = copy.evaluate(trial.positions)
    same = np.array_equal(answer.energies, trial.answer.energies)
    same = same and np.array_equal(answer.forces, trial.answer.forces)
    yield _fact("a pickled copy has the same identity", copy.identity == trial.potential.identity)
    yield _fact("a pickled copy gives the same answer", same)


def _members(trial: Trial) -> Iterator[Finding]:
    forces = member_forces(trial.potential, trial.positions)
    if forces is None:
        return
    (r, n, _), m = trial.positions.shape, trial.potential.capabilities.ensemble_size
    right = forces.shape == (r, m, n, 3) and forces.dtype == np.float64
    yield _fact(f"forces of the members are a float64 array of shape {(r, m, n, 3)}", right)
    if right:
        worst = _largest(forces.mean(axis=1) - trial.answer.forces) / trial.tolerances.force
        yield Finding("the members' forces have the force as their mean [tolerances]", worst, 1.0)


CHECKS: Final = (_batch, _same_again, _slope, _moved, _balance, _permuted, _pickled, _members)


def _strangers(
    load: Callable[[Molecule], Potential], elements: frozenset[int] | None
) -> Iterator[Finding]:
    if elements is None:
        return
    stranger = next(number for number in range(2, 119, 2) if number not in elements)
    try:
        load(Molecule((stranger,)))
    except UnsupportedPhysicsError:
        refused = True
    else:
        refused = False
    yield _fact(f"element {stranger}, which is not among its elements, is refused", refused)


def _energies(trial: Trial, positions: Array) -> Array:
    return trial.potential.evaluate(positions).energies


def _fact(promise: str, holds: bool) -> Finding:
    return Finding(promise, 0.0 if holds else 1.0, 0.0)


def _largest(values: Array) -> float:
    return float(np.abs(values).max())


def _rotation(vector: tuple[float, float, float]) -> Array:
    """Return the matrix of a rotation vector, by Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    x, y, z = np.array(vector) / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k)
