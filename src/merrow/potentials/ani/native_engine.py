# SPDX-License-Identifier: MIT
"""ANI by the compiled kernel, if available.

The kernel (folder `native/`) makes no approximations: same ensemble, same symmetry functions,
analytic forces. It uses float32 with float64 totals, runs on one thread and releases the GIL;
`merrow.native` describes how to turn it off or select an instruction set.
"""

from __future__ import annotations

import ctypes
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from merrow.errors import InputError, MissingComponentError, NumericsError
from merrow.native import best_isa, load, turned_off, usable
from merrow.potentials.ani.parameters import AniParameters, Layer

Array = NDArray[np.float64]
IntArray = NDArray[np.int32]

_ABI = 1
_NAME = "ANI kernel"
_RADIAL, _ANGULAR, _ABSENT = 16, 32, -1


def available() -> bool:
    """Return whether `NativeAni` can be used."""
    return not why_not()


def why_not() -> str:
    """Return why the kernel cannot be used, with a remedy; "" if it can."""
    return turned_off(_NAME) or _load()[1]


def instruction_set() -> str:
    """Return the instruction set that a new `NativeAni` will use, one of `ISAS`.

    Raises:
        MissingComponentError: The kernel is not available.
        InputError: MERROW_NATIVE_ISA names an instruction set that this machine lacks.
    """
    return best_isa(usable(_load(), _NAME).merrow_ani_supports)


class NativeAni:
    """An ANI ensemble for one molecule, evaluated by the compiled kernel.

    It can be pickled (by its parameters) and shared by threads.

    Args:
        parameters: The model.
        numbers: Atomic numbers of the N atoms, in the order of the positions.

    Raises:
        MissingComponentError: The kernel is not available; the message says why.
        InputError: An element, or the form of the model, is not supported.
    """

    def __init__(self, parameters: AniParameters, numbers: tuple[int, ...]) -> None:
        self.parameters = parameters
        self.numbers = tuple(int(z) for z in numbers)
        self.isa = instruction_set()
        _check(parameters, self.numbers)
        library = usable(_load(), _NAME)
        self._library = library
        self._handle = _build(library, parameters, self.numbers, self.isa)
        finalize(self, library.merrow_ani_destroy, self._handle)

    def __reduce__(self) -> tuple[type[NativeAni], tuple[AniParameters, tuple[int, ...]]]:
        return NativeAni, (self.parameters, self.numbers)

    def evaluate(self, positions: Array) -> tuple[Array, Array]:
        """Return the energies of all members and the forces of their mean.

        Args:
            positions: Positions [Å], shape (R, N, 3).

        Returns:
            Total energies with self energies [Hartree], shape (R, M), and forces of the ensemble
            mean −∂E/∂x [Hartree/Å], shape (R, N, 3), both float64.

        Raises:
            InputError: The shape is wrong.
            NumericsError: A position is not a finite number.
        """
        x = np.ascontiguousarray(positions, dtype=np.float64)
        if x.ndim != 3 or x.shape[1:] != (len(self.numbers), 3):
            raise InputError(
                f"positions have shape {x.shape}, but (R, {len(self.numbers)}, 3) is needed."
            )
        if not np.isfinite(x).all():
            conformer, atom, _ = np.argwhere(~np.isfinite(x))[0]
            raise NumericsError(
                f"The position of atom {atom + 1} of conformer {conformer + 1} is not a finite "
                "number; the dynamics before it was unstable: look at its last frames."
            )
        energies = np.empty((len(x), self.parameters.n_members))
        forces = np.empty_like(x)
        if self._library.merrow_ani_evaluate(
            self._handle, len(x), x.ctypes.data, energies.ctypes.data, forces.ctypes.data
        ):
            raise NumericsError(f"No memory for {len(x)} conformers; use a smaller batch.")
        return energies, forces


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """Return the library and "", or None and the reason."""
    library, reason = load(Path(__file__).parent, "_ani_kernel", _NAME, ("merrow_ani_abi", _ABI))
    if library is None:
        return None, reason
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    library.merrow_ani_supports.argtypes = [text]
    library.merrow_ani_create.restype = pointer
    library.merrow_ani_create.argtypes = [text, *[integer] * 4, *[pointer] * 5]
    library.merrow_ani_add_hidden.argtypes = [pointer, *[integer] * 3, *[pointer] * 2]
    library.merrow_ani_set_last.argtypes = [pointer, *[integer] * 2, *[pointer] * 2]
    library.merrow_ani_evaluate.argtypes = [pointer, integer, *[pointer] * 3]
    library.merrow_ani_destroy.argtypes = [pointer]
    library.merrow_ani_destroy.restype = None
    return library, ""


def _check(parameters: AniParameters, numbers: tuple[int, ...]) -> None:
    """Check that the kernel supports model and molecule."""
    if not numbers:
        raise InputError(
            f"{parameters.name} was given a molecule without atoms; name at least one."
        )
    for atom, number in enumerate(numbers):
        if number not in parameters.elements:
            raise InputError(
                f"{parameters.name} does not know element {number} of atom {atom + 1}; "
                f"it knows {', '.join(map(str, parameters.elements))}."
            )
    angular = (len(parameters.angular_shifts), len(parameters.sections))
    if (len(parameters.radial_shifts), angular) not in {(_RADIAL, (8, 4)), (_RADIAL, (4, 8))}:
        raise InputError(
            f"{parameters.name} has {len(parameters.radial_shifts)} radial and {angular[0]} × "
            f"{angular[1]} angular terms, but the native kernel is written for 16 and 32; "
            "set MERROW_NATIVE=0."
        )


def _blocks(
    parameters: AniParameters, numbers: tuple[int, ...], species: tuple[int, ...], centre: int
) -> tuple[IntArray, IntArray, NDArray[np.intp]]:
    """Return the layout of the AEV of a centre element, and the model columns that it keeps.

    Columns that are always zero for this element in this molecule are omitted, which is exact:
    blocks of absent elements, and of pairs that would need one more atom than there is (O–O around
    carbon in methanol).

    Args:
        parameters: The model.
        numbers: Atomic numbers of the molecule.
        species: The S atomic numbers present, in the model's order.
        centre: Atomic number of the centre.

    Returns:
        First column for a neighbour element, shape (S,), and for a pair, shape (S, S), −1 if
        omitted; and the kept columns of the model's AEV.
    """
    around = [numbers.count(z) - (z == centre) for z in species]
    known = parameters.elements
    pairs = {p: i for i, p in enumerate(combinations_with_replacement(range(len(known)), 2))}
    radial = np.full(len(species), _ABSENT, dtype=np.int32)
    angular = np.full((len(species), len(species)), _ABSENT, dtype=np.int32)
    columns: list[int] = []
    for a, z in enumerate(species):
        if around[a] > 0:
            radial[a] = len(columns)
            begin = _RADIAL * known.index(z)
            columns += range(begin, begin + _RADIAL)
    for a, b in combinations_with_replacement(range(len(species)), 2):
        if min(around[a], around[b]) > (1 if a == b else 0):
            angular[a, b] = angular[b, a] = len(columns)
            pair = pairs[known.index(species[a]), known.index(species[b])]
            begin = _RADIAL * len(known) + _ANGULAR * pair
            columns += range(begin, begin + _ANGULAR)
    return radial, angular, np.asarray(columns, dtype=np.intp)


def _build(
    library: ctypes.CDLL, parameters: AniParameters, numbers: tuple[int, ...], isa: str
) -> int:
    """Return the handle of a new model in the library."""
    species = tuple(z for z in parameters.elements if z in numbers)
    blocks = [_blocks(parameters, numbers, species, z) for z in species]
    of_atom = np.asarray([species.index(z) for z in numbers], dtype=np.int32)
    n_columns = np.asarray([len(columns) for _, _, columns in blocks], dtype=np.int32)
    radial = np.ascontiguousarray([block[0] for block in blocks])
    angular = np.ascontiguousarray([block[1] for block in blocks])
    shifts, sections = parameters.angular_shifts, parameters.sections
    constants = np.concatenate([
        [parameters.radial_cutoff, parameters.angular_cutoff, parameters.radial_eta],
        [parameters.angular_eta, parameters.zeta],
        [sum(parameters.self_energies[parameters.elements.index(z)] for z in numbers)],
        parameters.radial_shifts,
        np.repeat(shifts, len(sections)),
        np.tile(sections, len(shifts)),
    ]).astype(np.float64)  # fmt: skip
    handle = library.merrow_ani_create(
        isa.encode(), len(numbers), len(species), parameters.n_members, len(sections),
        *(a.ctypes.data for a in (of_atom, n_columns, radial, angular, constants)),
    )  # fmt: skip
    failed = handle is None
    for s, z in enumerate(species):
        *hidden, last = parameters.networks[parameters.elements.index(z)]
        columns: NDArray[np.intp] | slice = blocks[s][2]
        for layer in hidden:
            failed = failed or _add_layer(library, handle, s, layer, columns)
            columns = slice(None)
        weight, bias = _floats(last.weight), _floats(last.bias)
        failed = failed or library.merrow_ani_set_last(
            handle, s, weight.shape[1], weight.ctypes.data, bias.ctypes.data
        )
    if failed:
        if handle is not None:
            library.merrow_ani_destroy(handle)
        raise MissingComponentError(
            f"The native kernel cannot hold {parameters.name}: no memory, or more than 8 hidden "
            "layers; set MERROW_NATIVE=0."
        )
    return int(handle)


def _add_layer(
    library: ctypes.CDLL,
    handle: int,
    species: int,
    layer: Layer,
    columns: NDArray[np.intp] | slice,
) -> bool:
    """Add the given input columns of a hidden layer; return whether that failed."""
    weight, bias = _floats(layer.weight[:, columns, :]), _floats(layer.bias)
    n_in, n_out = weight.shape[1:]
    return bool(
        library.merrow_ani_add_hidden(
            handle, species, n_in, n_out, weight.ctypes.data, bias.ctypes.data
        )
    )


def _floats(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)
