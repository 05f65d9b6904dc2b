# SPDX-License-Identifier: MIT
"""User's TorchScript files as potentials, in one of three forms.

The form is read from the signature of `forward`:

- plain: `forward(positions, numbers)` or `forward(positions, numbers, charge)`. Positions (R, N, 3)
  [Å], numbers (N,) int64, charge a float64 scalar. It returns energies (R,) [kcal/mol], or a tuple
  of these and forces (R, N, 3) [kcal/mol/Å].
- ani: `forward(species, coordinates)`, one conformer: atomic numbers (1, N) int32, (1, N, 3) [Å].
  It returns a tuple whose first element is the energy [Hartree].
- mace: `forward(data, local_or_ghost)`, one conformer: a dictionary of the graph, as LAMMPS gives
  it. It returns one with `energy` or `total_energy_local` [eV], and perhaps `forces` [eV/Å].

Forces that are not returned are computed by automatic differentiation. An attribute `elements` or
`atomic_numbers` of the module lists its elements. TorchScript is read without pickle.

"float32" is the precision in which the file was saved: its energies of isolated atoms, often in
float64 beside a network in float32, are not rounded. "float64" converts the whole module.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from merrow.errors import InputError, MerrowError
from merrow.files import is_file
from merrow.potentials.device import CPU, placed, to_numpy
from merrow.potentials.elements import SYMBOLS
from merrow.potentials.families import Family, Model
from merrow.potentials.guest import tell_of_code
from merrow.potentials.interface import Array, Capabilities, Evaluation, Molecule
from merrow.potentials.proven import Proven
from merrow.potentials.validation import CheckedPotential
from merrow.potentials.weights import file_digest
from merrow.units import EV_KCAL, HARTREE_KCAL

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PREFIX: Final = "torchscript:"
MACE_ELEMENTS: Final = (1, 6, 7, 8, 9, 15, 16, 17, 35, 53)
"""Order of the one-hot columns if a file of the mace form has no `atomic_numbers`."""
MACE_CUTOFF: Final = 5.0
"""Cutoff of the graph [Å] if a file of the mace form has no `r_max`."""


@dataclass(frozen=True)
class Script:
    """A file with its form: "plain", "plain with charge", "ani" or "mace".

    Attributes:
        path: The file.
        form: Its form.
        elements: Its elements; None if it lists none.
        dtype: Precision in which it computes as saved, "float32" or "float64".
    """

    path: Path
    form: str
    elements: tuple[int, ...] | None
    dtype: str


@dataclass(frozen=True)
class ScriptEngine:
    """A file for one molecule, read at the first evaluation and again after unpickling."""

    script: Script
    molecule: Molecule
    precision: str
    device: str

    @cached_property
    def _module(self) -> Any:
        import torch  # noqa: PLC0415

        module = _read(self.script.path, self.device).eval()
        # converted to float32, energies of atoms would be rounded by 0.05 kcal/mol
        if self.precision == "float64" or _saved_dtype(module) in (torch.float16, torch.bfloat16):
            module = module.to(self._dtype)
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        return module

    @property
    def _dtype(self) -> torch.dtype:
        """The dtype of the positions that the module is given."""
        import torch  # noqa: PLC0415

        return torch.float64 if "float64" in (self.precision, self.script.dtype) else torch.float32

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_module"}

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3).

        Raises:
            MerrowError: The file fails, or its return value does not match its form.
        """
        import torch  # noqa: PLC0415

        centred = torch.from_numpy(positions - positions.mean(axis=1, keepdims=True))
        leaf = centred.to(self._dtype).to(self.device).requires_grad_()
        ask = {"ani": self._ani, "mace": self._mace}.get(self.script.form, self._plain)
        # Without it, the first calls profile and later ones run other code, with other rounding.
        with torch.jit.optimized_execution(False), torch.enable_grad():
            try:
                energies, forces = ask(leaf)
                if forces is None:
                    (slope,) = torch.autograd.grad(energies.sum(), leaf)
                    forces = -slope
                return self._checked(energies, forces, positions.shape)
            except (
                RuntimeError,
                KeyError,
                IndexError,
                AttributeError,
                TypeError,
                ValueError,
            ) as error:
                last = (str(error).strip().splitlines() or ["no message"])[-1].rstrip(".")
                raise MerrowError(
                    f"{self.script.path} fails, called in the {self.script.form} form ({last})."
                ) from error

    def _checked(self, energies: Tensor, forces: Tensor, shape: tuple[int, ...]) -> Evaluation:
        """Return what the file returned, if it is for positions of this shape, (R, N, 3)."""
        alike = forces.numel() == math.prod(shape) and tuple(forces.shape[-2:]) == shape[-2:]
        if energies.numel() != shape[0] or not alike:
            raise MerrowError(
                f"{self.script.path} returns {energies.numel()} energies and forces of shape "
                f"{tuple(forces.shape)} for positions of shape {shape}."
            )
        return Evaluation(to_numpy(energies.reshape(-1)), to_numpy(forces.reshape(shape)))

    def _plain(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        import torch  # noqa: PLC0415

        words = [x, torch.tensor(self.molecule.numbers).to(x.device)]
        if self.script.form == "plain with charge":
            charge = torch.tensor(float(self.molecule.charge), dtype=torch.float64)
            words.append(charge.to(x.device))
        answer = self._module(*words)
        return answer if isinstance(answer, tuple) else (answer, None)

    def _ani(self, x: Tensor) -> tuple[Tensor, None]:
        import torch  # noqa: PLC0415

        species = torch.tensor([self.molecule.numbers], dtype=torch.int32).to(x.device)
        energies = [self._module(species, one[None])[0].sum() for one in x]
        return torch.stack(energies).to(torch.float64) * HARTREE_KCAL, None

    def _mace(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        import torch  # noqa: PLC0415

        energies, forces = [], []
        for one in x:
            answer = self._module(self._graph(one), torch.ones_like(one[:, 0]))
            energy = answer["energy"] if "energy" in answer else answer["total_energy_local"]
            energies.append(energy.sum())
            forces.append(answer.get("forces"))
        total = torch.stack(energies).to(torch.float64) * EV_KCAL
        known = [force for force in forces if force is not None]
        return total, torch.stack(known) * EV_KCAL if len(known) == len(x) else None

    def _graph(self, x: Tensor) -> dict[str, Tensor]:
        """Return the graph of one conformer, shape (N, 3), in the form of LAMMPS for MACE."""
        import torch  # noqa: PLC0415

        n, order, like = len(x), self.script.elements or MACE_ELEMENTS, x.detach()
        cutoff = float(getattr(self._module, "r_max", MACE_CUTOFF))
        near = torch.cdist(like, like) < cutoff
        edges = torch.nonzero(near.fill_diagonal_(False)).T.contiguous()
        column = torch.tensor([order.index(number) for number in self.molecule.numbers])
        attributes = torch.nn.functional.one_hot(column, len(order)).to(like)
        nothing = like.new_zeros(edges.shape[1], 3)
        return {
            "positions": x,
            "node_attrs": attributes,
            "edge_index": edges,
            "shifts": nothing,
            "unit_shifts": nothing,
            "cell": like.new_zeros(3, 3),
            "batch": edges.new_zeros(n),
            "ptr": torch.tensor([0, n]).to(x.device),
            "energy": like.new_zeros(1),
            "forces": like.new_zeros(n, 3),
            "weight": like.new_ones(1),
        }


def load_torchscript(
    name: str, molecule: Molecule, weights: Path | None, precision: str
) -> CheckedPotential:
    """Return a TorchScript file as a potential of one molecule.

    Args:
        name: "torchscript:FILE".
        molecule: The molecule.
        weights: Must be None, since the file is in the name.
        precision: "float32" for that of the file; "float64" converts the whole module.

    Raises:
        InputError: The file is missing, not TorchScript, or has another signature.
    """
    if weights is not None:
        raise InputError(f"{name} has its file in its name; leave out --weights.")
    script = read_script(name)
    known = _capabilities(script, precision)
    identity = f"{known.name}:{file_digest(script.path)}"
    make = partial(_proven, script, molecule, precision)
    return CheckedPotential(known, identity, molecule.numbers, *placed(make, precision))


def _proven(script: Script, molecule: Molecule, precision: str, device: str) -> Proven:
    advice = "correct them, or return an energy alone, which must not depend on the origin"
    engine = ScriptEngine(script, molecule, precision, device)
    return Proven(engine, str(script.path), advice)


def read_script(name: str) -> Script:
    """Inspect the file in a name.

    Raises:
        InputError: The file is missing, not TorchScript, or its `forward` has another signature.
    """
    path = Path(name.removeprefix(PREFIX))
    if not is_file(path):
        raise InputError(f"there is no file {path} (--potential {name}); correct the path.")
    tell_of_code(path)
    return _inspect(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _inspect(path: Path, _changed: int) -> Script:
    module = _read(path)
    if not hasattr(module, "forward"):
        raise InputError(f"{path} has no forward, which is what is called; export it.")
    arguments = module.forward.schema.arguments[1:]
    names, kinds = tuple(a.name for a in arguments), tuple(str(a.type) for a in arguments)
    elements = next(
        (e for key in ("elements", "atomic_numbers") if (e := _elements(path, module, key))), None
    )
    if names in (("positions", "numbers"), ("positions", "numbers", "charge")):
        form = "plain" if len(names) == 2 else "plain with charge"
    elif names == ("species", "coordinates") and kinds == ("Tensor", "Tensor"):
        form = "ani"
    elif kinds[:2] == ("Dict[str, Tensor]", "Tensor") and all(
        a.has_default_value() for a in arguments[2:]
    ):
        form, elements = "mace", elements or MACE_ELEMENTS
    else:
        told = ", ".join(f"{n}: {k}" for n, k in zip(names, kinds, strict=True))
        raise InputError(
            f"{path} has forward({told}), which is none of forward(positions, numbers[, charge]), "
            "forward(species, coordinates) and forward(data: Dict[str, Tensor], local_or_ghost); "
            "wrap it in one of them."
        )
    double = str(_saved_dtype(module)) == "torch.float64"
    return Script(path, form, elements, "float64" if double else "float32")


def _saved_dtype(module: Any) -> torch.dtype | None:
    """Return the dtype of most numbers in the parameters, or without any in the buffers.

    None if neither has floating numbers.
    """
    for tensors in (module.parameters(), module.buffers()):
        sizes: Counter[torch.dtype] = Counter()
        for tensor in tensors:
            if tensor.is_floating_point():
                sizes[tensor.dtype] += tensor.numel()
        if sizes:
            return sizes.most_common(1)[0][0]
    return None


def _read(path: Path, device: str = CPU) -> Any:
    import torch  # noqa: PLC0415

    try:
        _walk_records(path)
        return torch.jit.load(str(path), map_location=device)
    except Exception as error:  # a damaged archive may raise anything
        raise InputError(
            f"{path} is not a TorchScript file, or it is damaged; write it with torch.jit.save "
            "(pickled modules are refused, since reading one can run any program)."
        ) from error


def _walk_records(path: Path) -> None:
    """Check that records have their declared size, for which torch would allocate memory."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                for _ in pickletools.genops(archive.read(name)):
                    pass


def _elements(path: Path, module: Any, key: str) -> tuple[int, ...] | None:
    """Return the atomic numbers in an attribute of numbers or symbols."""
    value = getattr(module, key, None)
    if value is None:
        return None
    try:
        named = [SYMBOLS.index(one) if isinstance(one, str) else int(one) for one in value]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: its attribute {key} contains neither atomic numbers nor element symbols."
        ) from error
    return tuple(named)


def _capabilities(script: Script, precision: str) -> Capabilities:
    return Capabilities(
        name=f"{PREFIX}{script.path.name}",
        elements=None if script.elements is None else frozenset(script.elements),
        charged=script.form == "plain with charge",
        dtype="float64" if precision == "float64" else script.dtype,
    )


def describe_torchscript(name: str) -> Model:
    """Describe a file by its form and elements.

    Raises:
        InputError: As in `read_script`.
    """
    script = read_script(name)
    theory = f"a TorchScript file in the {script.form} form"
    return Model(_capabilities(script, "float32"), theory, "that of the file", "the file itself")


FAMILY: Final = Family(
    models={},
    load=load_torchscript,
    generic=f"{PREFIX}FILE",
    describe=describe_torchscript,
    takes_file=True,
)
