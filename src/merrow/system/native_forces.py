# SPDX-License-Identifier: MIT
"""Our nonbonded kernel in place of OpenMM's nonbonded forces of a hybrid system.

The kernel supports a solute and ions in rigid 3-site water, or 4-site water with a massless site
that OpenMM places and whose force OpenMM distributes. Its parameters are read from the System, so
it has the same interactions as OpenMM; anything else is refused by name, and OpenMM's forces are
used.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import openmm as mm

from merrow.errors import MissingComponentError, UnsupportedPhysicsError
from merrow.native import MmKernel
from merrow.nonbonded.ewald import LARGEST_ERROR, fit_error
from merrow.nonbonded.kernel import NonbondedKernel
from merrow.nonbonded.parameters import NonbondedParameters
from merrow.potentials.interface import Array
from merrow.system.alchemy import LAMBDA_ELECTROSTATICS, LAMBDA_STERICS
from merrow.system.build import INTERNAL, NONBONDED, HybridSystem, NativeForces, virtual_site
from merrow.system.force import potential_force

MOST_IONS = 100
"""Maximum number of ions, whose pairs are all computed in every step."""


OTHER_MOLECULES = "it holds molecules other than the solute, water of three or four sites and ions"


class Choice(NamedTuple):
    """A Hamiltonian, and the reason if it could not use our kernel; "" otherwise."""

    hybrid: HybridSystem
    why_not: str


class KernelForce:
    """Returns the kernel's energy and forces to OpenMM.

    The kernel's neighbour list depends on earlier positions. Code that sets new positions in a
    Context gives `FRESH` a new value, and the list is rebuilt.
    """

    FRESH = "nonbonded_list"
    """Global parameter whose change triggers a new list; no energy depends on it."""

    def __init__(self, kernel: NonbondedKernel) -> None:
        self.kernel = kernel
        self._fresh = math.nan

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Return energy [kJ/mol] and forces [kJ/mol/nm], shape (N, 3)."""
        parameters = state.getParameters()
        fresh = parameters[self.FRESH]
        if fresh != self._fresh:
            self.kernel.forget()
            self._fresh = fresh
        return self.kernel.evaluate(
            state.getPositions(asNumpy=True)._value,
            state.getPeriodicBoxVectors(asNumpy=True)._value,
            electrostatics=parameters[LAMBDA_ELECTROSTATICS],
            sterics=parameters[LAMBDA_STERICS],
        )


def with_native_forces(
    hybrid: HybridSystem, isa: str | None = None, *, box: Array | None = None
) -> HybridSystem:
    """Return the same Hamiltonian with one force of our kernel in place of two of OpenMM's.

    The System is modified in place: its nonbonded force and soft core move to `NativeForces`.

    Args:
        hybrid: Hybrid system with OpenMM's forces.
        isa: Instruction set; None for the best one of this machine.
        box: Initial box vectors [nm], shape (3, 3); None for the System's own.

    Raises:
        UnsupportedPhysicsError: The kernel cannot treat this system; the message says why.
        MissingComponentError: The kernel is not available.
    """
    kernel = NonbondedKernel(read_parameters(hybrid, box=box), isa)
    system, replaced = hybrid.system, mm.System()
    for i in range(system.getNumParticles()):
        replaced.addParticle(system.getParticleMass(i))
        if system.isVirtualSite(i):
            replaced.setVirtualSite(i, virtual_site(system, i))
    replaced.setDefaultPeriodicBoxVectors(*system.getDefaultPeriodicBoxVectors())
    last = None
    for k in reversed(range(system.getNumForces())):
        force = system.getForce(k)
        if isinstance(force, mm.NonbondedForce | mm.CustomNonbondedForce):
            replaced.addForce(copy.deepcopy(force))
            system.removeForce(k)
        elif force.getName() == type(hybrid.bridge).__name__:
            system.removeForce(k)
            last = hybrid.bridge  # collected after the kernel, if it runs in a thread
    parameters = {**_defaults(replaced), KernelForce.FRESH: 0.0}
    force = mm.PythonForce(KernelForce(kernel), parameters)
    force.setUsesPeriodicBoundaryConditions(True)
    force.setForceGroup(NONBONDED)
    force.setName("NativeNonbonded")
    system.addForce(force)
    if last is not None:
        system.addForce(potential_force(last, hybrid.region.model_atoms, group=INTERNAL))
    return replace(hybrid, native=NativeForces(kernel, replaced))


def _defaults(system: mm.System) -> dict[str, float]:
    """Return the default λ of new Contexts."""
    found = {}
    for force in system.getForces():
        for k in range(force.getNumGlobalParameters()):
            found[force.getGlobalParameterName(k)] = force.getGlobalParameterDefaultValue(k)
    return {name: found[name] for name in (LAMBDA_ELECTROSTATICS, LAMBDA_STERICS)}


def on_kernel(hybrid: HybridSystem, kernel: MmKernel, *, box: Array | None = None) -> Choice:
    """Return a Hamiltonian with the requested kernel; under "auto" ours if possible.

    Args:
        hybrid: Hybrid system with OpenMM's forces; modified in place if ours replace them.
        kernel: "auto", "openmm" or "native".
        box: Initial box vectors [nm], shape (3, 3); None for the System's own.

    Raises:
        InputError: Our kernel is requested but cannot be used; the message says why.
    """
    if kernel == "openmm":
        return Choice(hybrid, "")
    try:
        return Choice(with_native_forces(hybrid, box=box), "")
    except (UnsupportedPhysicsError, MissingComponentError) as error:
        if kernel == "native":
            raise
        return Choice(hybrid, str(error))


def read_parameters(hybrid: HybridSystem, *, box: Array | None = None) -> NonbondedParameters:
    """Return the kernel's parameters of a hybrid system.

    Args:
        hybrid: Hybrid system with OpenMM's forces.
        box: Initial box vectors [nm], shape (3, 3); None for the System's own.

    Raises:
        UnsupportedPhysicsError: The kernel cannot treat the system; the message says why.
    """
    if not hybrid.periodic:
        raise _refused("there is no box")
    own, soft = _nonbonded_forces(hybrid.system)
    alpha, grid = _ewald(own)
    cutoff = own.getCutoffDistance()._value
    rows = hybrid.system.getDefaultPeriodicBoxVectors() if box is None else box
    _check_box(np.array([list(getattr(row, "_value", row)) for row in rows]), cutoff)
    charges, sigma, epsilon = _particles(own)
    solute = np.array(hybrid.region.atoms)
    waters, ions, sites = _environment(hybrid.system, own, solute)
    _check_waters(waters, sites, charges, sigma, epsilon)
    oxygen = int(waters[0])
    single = np.concatenate([solute, ions])
    (soft_sigma, soft_epsilon), of_type = _soft_core_tables(soft), _types(soft)

    def mixed(i: int, j: int) -> tuple[float, float]:
        """σ and ε of a pair with at least one solute atom, or with none."""
        if i in inside or j in inside:
            ti, tj = of_type[i], of_type[j]
            return float(soft_sigma[ti, tj]), float(soft_epsilon[ti, tj])
        return float(sigma[i] + sigma[j]) / 2, math.sqrt(float(epsilon[i] * epsilon[j]))

    inside = set(solute.tolist())
    pairs = [
        (a, b) for a, b in combinations(range(len(single)), 2) if b >= len(solute)
    ]  # pairs within the solute are excluded
    terms = [
        (charges[single[a]] * charges[single[b]], *mixed(int(single[a]), int(single[b])))
        for a, b in pairs
    ]
    with_oxygen = np.array([mixed(int(i), oxygen) for i in single]).reshape(-1, 2)
    lj = 4 * epsilon[oxygen] * sigma[oxygen] ** np.array([12, 6])
    return NonbondedParameters(
        n_atoms=len(charges),
        waters=waters.astype(np.int32),
        single=single.astype(np.int32),
        n_solute=len(solute),
        charges=charges[single],
        sigma=with_oxygen[:, 0],
        epsilon=with_oxygen[:, 1],
        water_charges=(float(charges[oxygen + sites // 4 * 3]), float(charges[oxygen + 1])),
        water_lj=(float(lj[0]), float(lj[1])),
        pairs=np.array(pairs, dtype=np.int32).reshape(-1, 2),
        pair_terms=np.array(terms, dtype=np.float64).reshape(-1, 3),
        cutoff=cutoff,
        alpha=alpha,
        grid=grid,
        tail=_tail(sigma, epsilon, cutoff) if own.getUseDispersionCorrection() else 0.0,
        water_sites=sites,
    )


def _refused(reason: str) -> UnsupportedPhysicsError:
    return UnsupportedPhysicsError(f"the native nonbonded kernel cannot be used: {reason}.")


def _nonbonded_forces(system: mm.System) -> tuple[mm.NonbondedForce, mm.CustomNonbondedForce]:
    forces = system.getForces()
    own = [f for f in forces if isinstance(f, mm.NonbondedForce)]
    soft = [f for f in forces if isinstance(f, mm.CustomNonbondedForce)]
    if len(own) != 1 or len(soft) != 1:
        raise _refused("the prmtop has 12-6-4 or NBFIX Lennard-Jones terms")
    if own[0].getUseSwitchingFunction():
        raise _refused("Lennard-Jones is switched off before the cutoff")
    return own[0], soft[0]


def _ewald(force: mm.NonbondedForce) -> tuple[float, tuple[int, int, int]]:
    alpha, *grid = force.getPMEParameters()
    alpha = float(getattr(alpha, "_value", alpha))
    if force.getNonbondedMethod() != mm.NonbondedForce.PME or 0 in grid or alpha <= 0.0:
        raise _refused("its Ewald sum is not PME with a fixed grid")
    for size in grid:
        rest = size
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest != 1 or size < 6:
            raise _refused(
                f"a PME grid of {size} points has a prime factor above 7, or is too small"
            )
    error = fit_error(alpha, force.getCutoffDistance()._value)
    if error > LARGEST_ERROR:
        raise _refused(f"the Ewald coefficient {alpha:.3f}/nm is too large for the cutoff")
    return alpha, (grid[0], grid[1], grid[2])


def _check_box(vectors: Array, cutoff: float) -> None:
    if np.diag(vectors).min() < 2 * cutoff:
        raise _refused("the box is narrower than twice the cutoff")


def _particles(force: mm.NonbondedForce) -> tuple[Array, Array, Array]:
    """Return charges at λ_elec = 1, σ and ε of all atoms."""
    rows = [
        [value._value for value in force.getParticleParameters(i)]
        for i in range(force.getNumParticles())
    ]
    charges, sigma, epsilon = np.array(rows).T
    for k in range(force.getNumParticleParameterOffsets()):
        name, i, charge, own_sigma, own_epsilon = force.getParticleParameterOffset(k)
        if name != LAMBDA_ELECTROSTATICS or own_sigma or own_epsilon or charges[i]:
            raise _refused("its charges depend on more than one coupling")
        charges[i] = charge
    return charges, sigma, epsilon


def _environment(
    system: mm.System, force: mm.NonbondedForce, solute: Array
) -> tuple[Array, Array, int]:
    """Return the first atoms of the waters, the ions, and the number of sites of a water."""
    inside = set(solute.tolist())
    n_atoms = system.getNumParticles()
    extra = [i for i in range(n_atoms) if system.isVirtualSite(i)]
    sites = 4 if extra else 3
    excluded: dict[int, set[int]] = {}
    for k in range(force.getNumExceptions()):
        i, j, product, _, epsilon = force.getExceptionParameters(k)
        if product._value or epsilon._value or (i in inside) != (j in inside):
            raise _refused(OTHER_MOLECULES)
        excluded.setdefault(i, set()).add(j)
        excluded.setdefault(j, set()).add(i)
    rigid = {
        (min(i, j), max(i, j))
        for i, j, _ in map(system.getConstraintParameters, range(system.getNumConstraints()))
    }
    waters, ions, i = [], [], 0
    while i < n_atoms:
        if i in inside:
            i += 1
        elif i not in excluded:
            ions.append(i)
            i += 1
        else:
            water = set(range(i, i + sites))
            if any(excluded.get(k, set()) != water - {k} for k in water):
                raise _refused(OTHER_MOLECULES)
            if not rigid.issuperset(combinations(range(i, i + 3), 2)):
                raise _refused("the water is flexible")
            waters.append(i)
            i += sites
    if not waters:
        raise _refused("there is no water")
    if extra and (extra != [first + 3 for first in waters] or not _within_waters(system, extra)):
        raise _refused("it has extra points other than the fourth site of its waters")
    if len(ions) > MOST_IONS:
        raise _refused(f"there are {len(ions)} ions, more than {MOST_IONS}")
    return np.array(waters), np.array(ions, dtype=np.int64), sites


def _within_waters(system: mm.System, extra: list[int]) -> bool:
    """Tell whether each extra point is placed by the three atoms before it."""
    sites = [system.getVirtualSite(i) for i in extra]
    return all(
        {site.getParticle(k) for k in range(site.getNumParticles())} <= {i - 3, i - 2, i - 1}
        for i, site in zip(extra, sites, strict=True)
    )


def _check_waters(waters: Array, sites: int, charges: Array, sigma: Array, epsilon: Array) -> None:
    """Refuse waters that differ, or with unsupported Lennard-Jones parameters or charges."""
    kinds = Counter(
        tuple(row)
        for row in np.concatenate(
            [values[waters[:, None] + np.arange(sites)] for values in (charges, sigma, epsilon)],
            axis=1,
        ).tolist()
    )
    if len(kinds) != 1:
        raise _refused("it has waters of several kinds")
    (kind,) = kinds
    oxygen, first, second = kind[:3]
    if any(kind[-sites + 1 :]):
        raise _refused("the hydrogens of its water have Lennard-Jones terms")
    if first != second:
        raise _refused("the hydrogens of its water differ")
    if sites == 4 and oxygen:
        raise _refused("the oxygen of its 4-site water has a charge")


def _soft_core_tables(force: mm.CustomNonbondedForce) -> tuple[Array, Array]:
    """Return σ [nm] and ε [kJ/mol] of type pairs of the solute with all others."""
    found = {}
    for k in range(force.getNumTabulatedFunctions()):
        rows, columns, values = force.getTabulatedFunction(k).getFunctionParameters()
        found[force.getTabulatedFunctionName(k)] = np.array(values).reshape(columns, rows).T
    return found["sigmas"], found["epsilons"]


def _types(force: mm.CustomNonbondedForce) -> list[int]:
    return [int(force.getParticleParameters(i)[0]) for i in range(force.getNumParticles())]


def _tail(sigma: Array, epsilon: Array, cutoff: float) -> float:
    """Return OpenMM's K of the dispersion correction K/V [kJ nm³/mol], a mean over all pairs."""
    kinds, counts = np.unique(np.stack([sigma, epsilon], axis=1), axis=0, return_counts=True)
    n = len(sigma)
    number = np.triu(counts[:, None] * counts[None]).astype(float)
    np.fill_diagonal(number, counts * (counts + 1) / 2)
    pair_sigma = (kinds[:, None, 0] + kinds[None, :, 0]) / 2
    pair_epsilon = np.sqrt(kinds[:, None, 1] * kinds[None, :, 1])
    repulsion, attraction = (np.sum(number * pair_epsilon * pair_sigma**k) for k in (12, 6))
    pairs = n * (n + 1) / 2
    mean = repulsion / (9 * cutoff**9) - attraction / (3 * cutoff**3)
    return float(8 * math.pi * n * n * mean / pairs)
