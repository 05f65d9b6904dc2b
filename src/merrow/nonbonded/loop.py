# SPDX-License-Identifier: MIT
"""Langevin dynamics with the nonbonded kernel by compiled code (folder `native/`).

The algorithms are those of OpenMM's LangevinMiddleIntegrator, SETTLE and MonteCarloBarostat. Random
numbers are functions of key and step, so the same calls give the same results in every process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from merrow.errors import InputError, MissingComponentError
from merrow.native import load, turned_off, usable
from merrow.nonbonded.kernel import NonbondedKernel
from merrow.nonbonded.parameters import IntArray
from merrow.units import BAR_NM3_KJ, thermal_energy

Array = NDArray[np.float64]
Lambdas = tuple[float, float]
"""λ_elec and λ_sterics."""
Potential = Callable[[Array], tuple[float, Array]]
"""Function from solute positions [nm] to energy [kJ/mol] and forces [kJ/mol/nm]."""

TERMS = {"bonds": (2, 2), "angles": (3, 2), "torsions": (4, 3), "pairs": (2, 3)}
"""Number of atoms and parameters of each kind of term, in the library's order."""

_ABI = 1
_NAME = "dynamics loop"
_RAISED = 4
_CHUNK = 20_000
"""Steps times atoms between checks for Ctrl-C: a few milliseconds."""
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)


@dataclass(frozen=True, eq=False)
class LoopParameters:
    """Parameters besides the kernel's: masses, rigid waters, internal terms of the solute.

    Attributes:
        masses: Masses of the kernel's single atoms [dalton], shape (S,).
        water_masses: Masses of O and H [dalton].
        water_sides: O-H and H-H distances [nm].
        terms: (atoms, parameters) by the names of `TERMS`: bonds (r₀ [nm], k), angles (θ₀, k),
            torsions (n, phase, k), pairs (q_i q_j/4πε₀ [kJ nm/mol], A, B [kJ/mol nm^12, nm^6]).
        tail: K of the energy λ_sterics K/V [kJ nm³/mol].
    """

    masses: Array
    water_masses: tuple[float, float]
    water_sides: tuple[float, float]
    terms: dict[str, tuple[IntArray, Array]]
    tail: float


@dataclass(frozen=True)
class LoopPlan:
    """Settings of the dynamics.

    Attributes:
        timestep: Time step [ps].
        friction: Friction [1/ps]; 0 for neither friction nor noise.
        temperature: Temperature [K].
        pressure: Pressure [bar]; None for constant volume.
        barostat_interval: Steps between attempted volume changes.
        key: Two 32-bit numbers that determine all random numbers.
    """

    timestep: float
    friction: float
    temperature: float
    pressure: float | None
    barostat_interval: int
    key: tuple[int, int]


def why_no_loop() -> str:
    """Return why the loop cannot be used, with a remedy; "" if it can."""
    return turned_off(_NAME) or _load()[1]


class NativeLoop:
    """Dynamics of a solute in a water box; like its kernel, it cannot be shared by threads.

    Attributes:
        kernel: The nonbonded kernel.
        positions: Current positions [nm], shape (N, 3).
        velocities: Velocities [nm/ps], shape (N, 3).
        box: Box vectors [nm], shape (3, 3), in OpenMM's reduced form.
        forces: All forces of the last `evaluate` [kJ/mol/nm], shape (N, 3).
        internal_forces: Contribution of the internal terms of the solute [kJ/mol/nm].
    """

    def __init__(
        self,
        kernel: NonbondedKernel,
        parameters: LoopParameters,
        plan: LoopPlan,
        potential: Potential | None = None,
    ) -> None:
        """Prepare the loop; `place` must follow.

        Args:
            kernel: The kernel for the system.
            parameters: Further parameters of the system.
            plan: Integrator, barostat, seeds.
            potential: Potential of the solute; None for the terms of the parameters.

        Raises:
            MissingComponentError: The loop is not available; the message says why.
        """
        self.kernel = kernel
        self._library = usable(_load(), _NAME)
        self._handle = _create(self._library, kernel, parameters, plan)
        finalize(self, self._library.merrow_loop_destroy, self._handle)
        shape = (kernel.parameters.n_atoms, 3)
        self.positions, self.velocities = np.zeros(shape), np.zeros(shape)
        self.forces, self.internal_forces = np.zeros(shape), np.zeros(shape)
        self.box = np.zeros((3, 3))
        self._potential = potential
        self._raised: BaseException | None = None
        self._solute = kernel.parameters.single[: kernel.parameters.n_solute]
        self._callback = _CALLBACK(self._ask)
        if potential is not None:
            self._library.merrow_loop_set_potential(self._handle, self._callback)

    @property
    def attempts(self) -> tuple[int, int]:
        """Attempted and accepted volume changes."""
        out = np.zeros(2, dtype=np.int64)
        self._library.merrow_loop_attempts(self._handle, out.ctypes.data)
        return int(out[0]), int(out[1])

    def place(self, positions: Array, velocities: Array, box: Array) -> None:
        """Set positions, velocities and box; later results do not depend on earlier calls.

        Args:
            positions: Positions [nm], shape (N, 3), molecules whole.
            velocities: Velocities [nm/ps], shape (N, 3).
            box: Box vectors [nm], shape (3, 3).
        """
        self.positions[:], self.velocities[:], self.box[:] = positions, velocities, box
        self.kernel.forget()

    def run(self, steps: int, lambdas: Lambdas) -> None:
        """Advance by some steps.

        Raises:
            NumericsError: Energy or forces are not finite, or the box is below two cutoffs.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        values = np.array(lambdas)
        most = max(1, _CHUNK // len(self.positions))
        while steps > 0:
            now = min(steps, most)
            status = self._library.merrow_loop_run(
                self._handle, now, self.positions.ctypes.data, self.velocities.ctypes.data,
                self.box.ctypes.data, values.ctypes.data,
            )  # fmt: skip
            self._raise(status)
            steps -= now

    def evaluate(self, lambdas: Lambdas) -> tuple[float, float]:
        """Return nonbonded (with tail) and internal energy [kJ/mol], and update the forces.

        Raises:
            NumericsError: As in `run`.
        """
        values, energies = np.array(lambdas), np.zeros(2)
        status = self._library.merrow_loop_evaluate(
            self._handle, self.positions.ctypes.data, self.box.ctypes.data, values.ctypes.data,
            self.forces.ctypes.data, self.internal_forces.ctypes.data, energies.ctypes.data,
        )  # fmt: skip
        self._raise(status)
        return float(energies[0]), float(energies[1])

    def internal_energy(self) -> float:
        """Return the current internal energy of the solute [kJ/mol]."""
        return float(self._library.merrow_loop_internal(self._handle, self.positions.ctypes.data))

    def noise(self) -> Array:
        """Return the normal random numbers of the next step, shape (3 N,)."""
        address = ctypes.c_void_p()
        count = self._library.merrow_loop_noise(self._handle, ctypes.byref(address))
        return _doubles(address.value, count)[: self.positions.size].copy()

    def _ask(self, _: int, energy: int, forces: int) -> int:
        """Evaluate the potential for the library; an exception is raised again by `_raise`."""
        if self._potential is None:
            return 1
        try:
            found, pushes = self._potential(self.positions[self._solute])
        except BaseException as error:  # no exception may pass through the library
            self._raised = error
            return 1
        _doubles(energy, 1)[0] = found
        _doubles(forces, self.positions.size).reshape(-1, 3)[self._solute] = pushes
        return 0

    def _raise(self, status: int) -> None:
        if status == _RAISED and self._raised is not None:
            error, self._raised = self._raised, None
            raise error
        self.kernel.check(status)


def _doubles(address: int | None, count: int) -> Array:
    """Return an array view of the memory at an address."""
    memory = (ctypes.c_double * count).from_address(address or 0)
    return np.ctypeslib.as_array(memory)


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """Return the library and "", or None and the reason."""
    library, reason = load(Path(__file__).parent, "_loop_kernel", _NAME, ("merrow_loop_abi", _ABI))
    if library is None:
        return None, reason
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    library.merrow_loop_create.restype = pointer
    library.merrow_loop_create.argtypes = [ctypes.c_char_p, *[pointer] * 10]
    library.merrow_loop_set_terms.argtypes = [pointer, integer, integer, pointer, pointer]
    library.merrow_loop_set_potential.argtypes = [pointer, _CALLBACK]
    library.merrow_loop_set_potential.restype = None
    library.merrow_loop_run.argtypes = [pointer, ctypes.c_int64, *[pointer] * 4]
    library.merrow_loop_evaluate.argtypes = [*[pointer] * 7]
    library.merrow_loop_internal.argtypes = library.merrow_loop_noise.argtypes = [*[pointer] * 2]
    library.merrow_loop_internal.restype = ctypes.c_double
    library.merrow_loop_attempts.argtypes = [*[pointer] * 2]
    library.merrow_loop_destroy.argtypes = [pointer]
    library.merrow_loop_attempts.restype = library.merrow_loop_destroy.restype = None
    return library, ""


def _create(
    library: ctypes.CDLL, kernel: NonbondedKernel, parameters: LoopParameters, plan: LoopPlan
) -> int:
    """Return the handle of a new loop in the library."""
    known = kernel.parameters
    solute, ions = known.single[: known.n_solute], known.single[known.n_solute :]
    members = [solute, *ions.reshape(-1, 1), *(known.waters[:, None] + np.arange(3))]
    ends = np.cumsum([0, *map(len, members)])
    interval = 0 if plan.pressure is None else plan.barostat_interval
    kt, pressure = thermal_energy(plan.temperature), (plan.pressure or 0.0) * BAR_NM3_KJ
    sizes = (known.n_atoms, len(known.waters), len(known.single), len(members), ends[-1], interval)
    numbers = (
        *(plan.timestep, plan.friction, kt, pressure, parameters.tail),
        *_rigid_water(parameters.water_masses, parameters.water_sides),
    )
    integers, reals = np.int32, np.float64
    arrays = [
        np.ascontiguousarray(values, dtype=kind)
        for values, kind in (
            (sizes, integers),
            (known.waters, integers),
            (known.single, integers),
            (parameters.masses, reals),
            (ends, integers),
            (np.concatenate(members), integers),
            (numbers, reals),
            (plan.key, np.uint32),
        )
    ]
    handle = library.merrow_loop_create(
        kernel.isa.encode(), *kernel.entry, *(a.ctypes.data for a in arrays)
    )
    if handle is None:
        raise MissingComponentError("there is no memory for the dynamics loop; set engine: openmm.")
    for kind, (name, (n_atoms, n_numbers)) in enumerate(TERMS.items()):
        atoms, values = parameters.terms[name]
        atoms = np.ascontiguousarray(atoms, dtype=integers).reshape(-1, n_atoms)
        values = np.ascontiguousarray(values, dtype=reals).reshape(-1, n_numbers)
        if len(atoms) != len(values):
            raise InputError(f"there are {len(atoms)} {name} but the numbers of {len(values)}.")
        library.merrow_loop_set_terms(
            handle, kind, len(atoms), atoms.ctypes.data, values.ctypes.data
        )
    return int(handle)


def _rigid_water(masses: tuple[float, float], sides: tuple[float, float]) -> Array:
    """Return the fields of the library's RigidWater, in its order.

    An impulse along a side changes the velocities along all three. The matrix of this relation is
    inverted here; the cosine between the O-H sides is `at_o`, that between O-H and H-H is ±`at_h`.
    """
    (mass_o, mass_h), (oh, hh) = masses, sides
    half, total = hh / 2, mass_o + 2 * mass_h
    height = float(np.sqrt(oh**2 - half**2))
    above = 2 * mass_h * height / total
    at_o, at_h = 1 - hh**2 / (2 * oh**2), half / oh
    one, both = 1 / mass_h, 1 / mass_o + 1 / mass_h
    matrix = [
        [both, at_o / mass_o, at_h * one],
        [at_o / mass_o, both, at_h * one],
        [at_h * one, at_h * one, 2 * one],
    ]
    shape = (above, height - above, half, mass_o / total, mass_h / total)
    return np.array(
        [*shape, 1 / oh, 1 / hh, 1 / mass_o, one, *np.linalg.inv(np.array(matrix)).ravel()]
    )
