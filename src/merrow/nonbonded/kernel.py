# SPDX-License-Identifier: MIT
"""Nonbonded energy and forces by the compiled kernel (folder `native/`), if available.

Pairs are computed in float32 and summed in float64. The same sequence of calls gives the same
numbers in every process; results depend on earlier calls through the neighbour list until `forget`.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from merrow.errors import InputError, MissingComponentError, NumericsError
from merrow.native import best_isa, load, turned_off, usable
from merrow.nonbonded.ewald import correction_polynomials
from merrow.nonbonded.parameters import NonbondedParameters
from merrow.units import COULOMB_OPENMM

Array = NDArray[np.float64]

ENERGIES = ("direct", "lennard_jones", "soft_core", "reciprocal", "self", "tail")
"""Parts of the energy, in the kernel's order; "self" is the Ewald self energy, including the
background of a net charge."""
BUFFER = 0.07
"""Skin of the neighbour list beyond the cutoff [nm]."""
CENTRE = 0.35
"""Relative position of a water's reference point between its first charge and the middle of HH."""

_ABI = 3
_NAME = "nonbonded kernel"
_NO_MEMORY, _NOT_NUMBERS, _TOO_NARROW = 1, 2, 3


@dataclass(frozen=True)
class Couplings:
    """Quantities that determine the reduced potentials of all states, without tails.

    Attributes:
        linear: B of U = A + B λ_elec + C λ_elec² [kJ/mol].
        quadratic: C [kJ/mol].
        soft_core: Soft-core energies at the requested λ_sterics [kJ/mol].
        sterics_slope: ∂V/∂λ_sterics at the current λ_sterics [kJ/mol].
        size_slope: ∂V/∂ln σ of all pairs with one solute atom, at λ_sterics = 1 [kJ/mol].
    """

    linear: float
    quadratic: float
    soft_core: Array
    sterics_slope: float
    size_slope: float


def why_not() -> str:
    """Return why the kernel cannot be used, with a remedy; "" if it can."""
    return turned_off(_NAME) or _load()[1]


def instruction_set() -> str:
    """Return the instruction set that a new `NonbondedKernel` will use.

    Raises:
        MissingComponentError: The kernel is not available.
        InputError: MERROW_NATIVE_ISA names an instruction set that this machine lacks.
    """
    return best_isa(usable(_load(), _NAME).merrow_nb_supports)


class NonbondedKernel:
    """The kernel for one system; can be pickled (by its parameters), but not shared by threads.

    Args:
        parameters: The system.
        isa: Instruction set; None for that of `instruction_set`.

    Raises:
        MissingComponentError: The kernel is not available; the message says why.
        InputError: This machine lacks the instruction set.
    """

    def __init__(self, parameters: NonbondedParameters, isa: str | None = None) -> None:
        self.parameters = parameters
        self.isa = isa or instruction_set()
        self._library = usable(_load(), _NAME)
        if not self._library.merrow_nb_supports(self.isa.encode()):
            raise InputError(f"this machine does not have the instruction set {self.isa}.")
        self._handle = _create(self._library, parameters, self.isa)
        finalize(self, self._library.merrow_nb_destroy, self._handle)
        self.forces = np.zeros((parameters.n_atoms, 3))
        self._parts = np.zeros(len(ENERGIES))

    def __reduce__(self) -> tuple[type[NonbondedKernel], tuple[NonbondedParameters, str]]:
        return NonbondedKernel, (self.parameters, self.isa)

    @property
    def parts(self) -> dict[str, float]:
        """Parts of the last energy [kJ/mol] by the names of `ENERGIES`."""
        return dict(zip(ENERGIES, self._parts.tolist(), strict=True))

    @property
    def lists_built(self) -> int:
        """Number of times the neighbour list was built."""
        return int(self._library.merrow_nb_lists(self._handle))

    @property
    def entry(self) -> tuple[int, int]:
        """Addresses of the function of `evaluate` and of its model, for compiled code."""
        function = ctypes.cast(self._library.merrow_nb_compute, ctypes.c_void_p)
        return int(function.value or 0), self._handle

    def forget(self) -> None:
        """Discard the neighbour list, so that later results do not depend on earlier calls."""
        self._library.merrow_nb_forget(self._handle)

    def evaluate(
        self, positions: Array, box: Array, *, electrostatics: float, sterics: float
    ) -> tuple[float, Array]:
        """Return energy [kJ/mol] and forces [kJ/mol/nm], which the next call overwrites.

        Args:
            positions: Positions of all atoms [nm], shape (N, 3), molecules whole.
            box: Box vectors [nm], shape (3, 3), in OpenMM's reduced form.
            electrostatics: λ_elec.
            sterics: λ_sterics.

        Raises:
            NumericsError: Energy or forces are not finite, or the box is below two cutoffs.
            InputError: The shapes do not fit, or the box is not reduced.
        """
        x, vectors = self._checked(positions, box)
        status = self._library.merrow_nb_compute(
            self._handle, x.ctypes.data, vectors.ctypes.data, electrostatics, sterics,
            self.forces.ctypes.data, self._parts.ctypes.data,
        )  # fmt: skip
        self.check(status)
        return float(self._parts.sum()), self.forces

    def couplings(
        self, positions: Array, box: Array, *, sterics: float, grid: tuple[float, ...]
    ) -> Couplings:
        """Return all λ-dependent quantities at once.

        Args:
            positions: As in `evaluate`.
            box: As in `evaluate`.
            sterics: The current λ_sterics.
            grid: λ_sterics of the soft-core energies.

        Raises:
            NumericsError: As in `evaluate`; but an energy may be infinite.
        """
        x, vectors = self._checked(positions, box)
        values = np.array(grid, dtype=np.float64)
        soft_core, out = np.zeros(len(values)), np.zeros(4)
        status = self._library.merrow_nb_record(
            self._handle, x.ctypes.data, vectors.ctypes.data, sterics, len(values),
            values.ctypes.data, out.ctypes.data, soft_core.ctypes.data,
        )  # fmt: skip
        self.check(status)
        linear, quadratic, sterics_slope, size_slope = out.tolist()
        return Couplings(linear, quadratic, soft_core, sterics_slope, size_slope)

    def _checked(self, positions: Array, box: Array) -> tuple[Array, Array]:
        x = np.ascontiguousarray(positions, dtype=np.float64)
        vectors = np.ascontiguousarray(box, dtype=np.float64)
        if x.shape != self.forces.shape or vectors.shape != (3, 3):
            raise InputError(
                f"positions and box have shapes {x.shape} and {vectors.shape}, but "
                f"{self.forces.shape} and (3, 3) are needed."
            )
        if vectors[0, 1] or vectors[0, 2] or vectors[1, 2]:
            raise InputError(
                "the box vectors are not reduced: the first must lie along x, the second in xy."
            )
        return x, vectors

    def check(self, status: int) -> None:
        """Raise the error of a status from the library.

        Raises:
            NumericsError: The status is not 0; the message explains it.
        """
        if status == _NO_MEMORY:
            raise NumericsError("there is no memory for the list of neighbours; use a smaller box.")
        if status == _TOO_NARROW:
            raise NumericsError(
                "the box became narrower than twice the cutoff; begin with a larger box, or with "
                "one whose density is nearer to that of water."
            )
        if status == _NOT_NUMBERS:
            raise NumericsError(
                "nonbonded energy or forces are not finite: the simulation blew up, or two atoms "
                "stand in one place; look at the starting structure or shorten the time step."
            )


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """Return the library and "", or None and the reason."""
    library, reason = load(Path(__file__).parent, "_nb_kernel", _NAME, ("merrow_nb_abi", _ABI))
    if library is None:
        return None, reason
    pointer, integer, real, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_char_p
    library.merrow_nb_supports.argtypes = [text]
    library.merrow_nb_create.restype = pointer
    library.merrow_nb_create.argtypes = [text, *[pointer] * 9]
    library.merrow_nb_compute.argtypes = [*[pointer] * 3, real, real, pointer, pointer]
    library.merrow_nb_record.argtypes = [*[pointer] * 3, real, integer, *[pointer] * 3]
    for name in ("forget", "lists", "destroy"):
        getattr(library, f"merrow_nb_{name}").argtypes = [pointer]
    library.merrow_nb_forget.restype = library.merrow_nb_destroy.restype = None
    library.merrow_nb_lists.restype = ctypes.c_int64
    return library, ""


def _create(library: ctypes.CDLL, p: NonbondedParameters, isa: str) -> int:
    """Return the handle of a new model in the library."""
    scale = math.sqrt(COULOMB_OPENMM)
    excluded = list(combinations(range(p.n_solute), 2))
    sizes = (
        *(p.n_atoms, len(p.waters), p.n_solute, len(p.single)),
        *(len(excluded), len(p.pairs), p.water_sites),
    )
    product, sigma, epsilon = p.pair_terms.T
    numbers = (
        *(scale * q for q in p.water_charges),
        *p.water_lj,
        *(p.cutoff, p.alpha, p.tail, BUFFER, CENTRE),
        *np.concatenate(correction_polynomials(p.alpha, p.cutoff)),
    )
    integers, reals = np.int32, np.float64
    arrays = [
        np.ascontiguousarray(values, dtype=kind)
        for values, kind in (
            (sizes, integers),
            (p.waters, integers),
            (p.single, integers),
            (np.stack([scale * p.charges, p.sigma**6, p.epsilon], axis=1), reals),
            (p.grid, integers),
            (numbers, reals),
            (excluded, integers),
            (p.pairs, integers),
            (np.stack([COULOMB_OPENMM * product, sigma**6, epsilon], axis=1), reals),
        )
    ]
    handle = library.merrow_nb_create(isa.encode(), *(a.ctypes.data for a in arrays))
    if handle is None:
        raise MissingComponentError(
            "the native nonbonded kernel cannot hold this system: no memory, or a grid with a "
            "prime factor above 7; set mm_kernel: openmm."
        )
    return int(handle)
